"""Both clients against a real service, over real connections that break."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

import memory
from memory import InvalidInput, Policy
from memory.client import (
    AsyncMemoryClient,
    ChatAnswer,
    ClientError,
    Given,
    MemoryClient,
    Restarted,
    Retry,
    ServiceProblem,
    Token,
    Unreachable,
    Unreadable,
)
from tests.app.conftest import KEY, Running, until
from tests.client.conftest import Connect
from tests.client.line import Line
from tests.llm.openai_double import OpenAIDouble

SOON = Retry(times=8, first=0.02)
WORDS = " ".join(f"word{n}" for n in range(40))


def said(events: list[Any]) -> str:
    """The pieces since the answer was last begun."""
    text = ""
    for event in events:
        if isinstance(event, Restarted):
            text = ""
        elif isinstance(event, Token):
            text += event.text
    return text


def test_the_address_that_openais_clients_are_given_will_do(
    service: Running, connect: Connect
) -> None:
    """With /v1 at its end, and with a slash behind that."""
    for end in ("/v1", "/v1/"):
        assert connect(service.address + end).key().role == "admin"


def test_a_customer_is_served_from_the_first_word_to_the_receipt(
    service: Running, connect: Connect, ada: str
) -> None:
    """Each thing that can be asked for is answered, with its type, by a service that runs."""
    client = connect(service.address)
    answer = client.chat(ada, "My order number is 4417-XZ", session="a session")
    assert (answer.reply, answer.status, answer.session) == (
        "My order number is 4417-XZ",
        "complete",
        "a session",
    )
    service.settle()
    *events, done = client.stream(ada, "Which order number was it?", session="a session")
    assert isinstance(events[0], Given)
    assert isinstance(done, ChatAnswer)
    assert said(events) == done.reply == "Which order number was it?"
    service.settle()

    assert ada in [one.customer for one in client.customers().customers]
    (session,) = client.sessions(ada).sessions
    assert (session.session, session.messages) == ("a session", 4)
    assert client.sessions(ada, limit=1) == client.sessions(ada)
    assert client.session(ada, "a session").summary is None
    page = client.messages(ada, "a session", limit=3)
    assert [m.role for m in page.messages] == ["ai", "human", "ai"]
    (first,) = client.messages(ada, "a session", before=page.next).messages
    assert first.text == "My order number is 4417-XZ"
    assert client.rate(ada, "a session", "good").rating == "good"
    assert client.rate(ada, "a session", None).rating is None
    assert client.rate_answer(ada, answer.turn, "bad").rating == "bad"
    assert client.hand_over(ada, "a session").session.handed_over_at is not None
    assert client.chat(ada, "Are you there?", session="a session").status == "waiting"
    assert client.reply(ada, "a session", "I am").by_person
    assert client.give_back(ada, "a session").handed_over_at is None
    assert client.prompt(ada, "Which order?").messages[-1].role == "user"
    assert "4417-XZ" in client.recall(ada, "order number").recalled[0].text
    assert client.card(ada).facts[0].value == "4417-XZ"

    (fact,) = client.memories(ada, slot="order_number").memories
    never = datetime(2199, 1, 1, tzinfo=UTC)
    dated = client.change_memory(ada, fact.id, pinned=True, expires_at=never)
    assert (dated.pinned, dated.expires_at, dated.value) == (True, never, "4417-XZ")
    assert client.change_memory(ada, fact.id, expires_at="never").expires_at is None
    assert client.change_memory(ada, fact.id, value="5518-YA").value == "5518-YA"
    assert client.memory(ada, fact.id).source == "person"
    added = client.add_memory(ada, "Prefers a call", slot="preference", value="a call")
    assert added.id in client.forget_memory(ada, added.id).memories
    would = client.forget(ada, Policy(max_records=1), dry_run=True)
    assert would.dry_run
    assert would.forgotten
    assert client.forget(ada).forgotten == []

    assert b"5518-YA" in client.export(ada)
    assert client.delete_session(ada, "a session").deleted["messages"] == 6
    assert client.erase(ada).deleted["customers"] == 1
    with pytest.raises(ServiceProblem) as raised:
        client.card(ada)
    assert (raised.value.name, raised.value.status) == ("no-such-customer", 404)


def test_articles_key_and_models(service: Running, connect: Connect, ada: str) -> None:
    """What is no customer's is answered too."""
    client = connect(service.address)
    assert client.put_article("returns/1.md", "# Returns\n\nWithin 30 days.").version == 1
    assert client.put_article("returns/1.md", "# Returns\n\nWithin 60 days.").version == 2
    assert client.articles(limit=1).articles[0].source == "returns/1.md"
    assert client.article("returns/1.md").versions[1].version == 1
    assert "60 days" in client.search("Can I return it?", sources=["returns/1.md"]).found[0].text
    assert client.delete_article("returns/1.md").deleted["articles"] == 2
    assert client.key().role == "admin"
    assert client.model().id == "echo"
    assert client.adapters().in_service is None
    with pytest.raises(ServiceProblem) as raised:
        client.promote("20200101-000000-abcdef")
    assert raised.value.name == "model-refused"
    with pytest.raises(ServiceProblem, match="takes no adapters"):
        client.rollback()


def test_a_stream_that_is_cut_goes_on_and_makes_no_second_turn(
    scripted: Running, double: OpenAIDouble, connect: Connect
) -> None:
    """Cut twice in the middle of an answer, once by a reset of each connection: whoever reads
    hears every word once, and the session has one question and one answer.
    """
    double.reply, double.delay = WORDS, 0.005
    with Line(scripted.address, [b"word12", b"word25"]).laid() as line:
        client = connect(line.url, retry=SOON)
        events = list(client.stream("ada", "Tell me"))
        assert said(events) == WORDS == events[-1].reply
        assert not [e for e in events if isinstance(e, Restarted)]
        assert line.connections >= 3
        messages = client.messages("ada", "default").messages
    assert [(m.role, m.text) for m in messages] == [("human", "Tell me"), ("ai", WORDS)]


def test_an_answer_that_comes_in_other_words_begins_anew(
    scripted: Running, double: OpenAIDouble, connect: Connect
) -> None:
    """What was said before the cut is void: a program is told so, and hears the other words."""
    answers = iter([WORDS, "No, this is another answer"])
    double.reply, double.delay = lambda _: next(answers), 0.005
    with Line(scripted.address, [b"word12"]).laid() as line:
        client = connect(line.url, retry=SOON)
        events = list(client.stream("ada", "Tell me"))
        assert len([e for e in events if isinstance(e, Restarted)]) == 1
        assert said(events) == events[-1].reply == "No, this is another answer"
        assert len(client.messages("ada", "default").messages) == 2


def test_an_answer_that_is_lost_on_the_way_is_not_given_twice(
    service: Running, connect: Connect, ada: str
) -> None:
    """The turn is answered and stored, its answer cut off: the retry gets it, by its key."""
    with Line(service.address, [b'"reply"']).laid() as line:
        client = connect(line.url, retry=SOON)
        assert client.chat(ada, "Hello there").reply == "Hello there"
        assert len(client.messages(ada, "default").messages) == 2


def test_what_would_be_done_twice_is_not_sent_again(
    service: Running, connect: Connect, ada: str
) -> None:
    """A memory that may have been added is not added once more: the program is told."""
    with Line(service.address, [b'"text"']).laid() as line:
        client = connect(line.url, retry=SOON)
        with pytest.raises(Unreachable) as raised:
            client.add_memory(ada, "Prefers a call")
        assert raised.value.sent
        assert len(client.memories(ada).memories) == 1


def test_who_asks_too_often_waits_as_told(
    run_service: Callable[..., Running], connect: Connect
) -> None:
    """A 429 says how long to wait, and that long, or a little longer, is waited."""
    waits: list[float] = []

    class Noted(Retry):
        """Does not wait, but notes how long it would have."""

        def wait(self, error: ClientError, tried: int, *, again: bool) -> float:
            waits.append(super().wait(error, tried, again=again))
            return 0.0

    service = run_service(rate_customer="1/minute")
    client = connect(service.address, retry=Noted(times=1, longest=60))
    assert client.chat("ada", "Hello").reply == "Hello"
    with pytest.raises(ServiceProblem) as raised:
        client.chat("ada", "Hello again")
    problem = raised.value
    assert (problem.status, problem.type) == (429, "urn:problem:too-many-requests")
    assert problem.retry_after is not None
    (wait,) = waits
    assert problem.retry_after <= wait <= 1.25 * (problem.retry_after + 60)


def test_who_finds_no_place_is_told_when_to_come_again(
    run_service: Callable[..., Running], double: OpenAIDouble, connect: Connect
) -> None:
    """A 503 says how long to wait; the one who has the place hears the answer to its end."""
    held = threading.Event()
    double.reply = lambda _: "hello" if held.wait(60) else ""
    service = run_service(llm=double.url, answers_at_once=1, answers_waiting=0)
    client = connect(service.address)
    stream = client.stream("ada", "first")
    assert isinstance(next(stream), Given)
    with pytest.raises(ServiceProblem) as raised:
        connect(service.address, retry=Retry(times=0)).chat("bob", "second")
    assert (raised.value.status, raised.value.name) == (503, "overloaded")
    assert raised.value.retry_after is not None
    held.set()
    assert list(stream)[-1].reply == "hello"


def test_whoever_leaves_the_loop_stops_the_answer(
    scripted: Running, double: OpenAIDouble, connect: Connect
) -> None:
    """The model is stopped, and what was said so far is kept as ``stopped``."""
    double.reply, double.delay = WORDS, 0.05
    client = connect(scripted.address)
    stream = client.stream("ada", "Tell me")
    while not isinstance(next(stream), Token):
        pass
    stream.close()
    assert double.gone.wait(60)
    scripted.settle()

    def told() -> list[Any]:
        return client.messages("ada", "default").messages

    until(lambda: [m.status for m in told()] == ["stopped", "stopped"])
    assert WORDS.startswith(told()[1].text)


def test_what_is_open_when_its_loop_ends_is_closed(scripted: Running, double: OpenAIDouble) -> None:
    """A loop closes all that is left open at once; nothing fails by it, and the answer stops."""
    double.reply, double.delay = WORDS, 0.05
    kept, failed = [], list[Any]()

    async def leave(customer: str) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, said: failed.append(said))
        client = AsyncMemoryClient(scripted.address, KEY)
        kept.append(client.stream(customer, "Tell me"))
        assert isinstance(await anext(kept[-1]), Given)

    for n in range(8):  # in which order they are closed is chance
        asyncio.run(leave(f"customer {n}"))
    assert failed == []
    assert double.gone.wait(60)
    scripted.settle()


def test_a_model_that_fails_is_told_and_not_asked_again(
    scripted: Running, double: OpenAIDouble, connect: Connect
) -> None:
    """A problem in a stream, or in place of an answer, is raised as it is."""
    double.mode = "empty"
    client = connect(scripted.address, retry=SOON)
    for ask in (client.chat, lambda *a: list(client.stream(*a))):
        double.requests.clear()
        with pytest.raises(ServiceProblem) as raised:
            ask("ada", "Hello?")
        assert raised.value.status == 502
        assert raised.value.name
        assert raised.value.request_id
        assert len(double.requests) == 1


def test_a_key_that_fits_nobody_is_told(service: Running, connect: Connect, ada: str) -> None:
    """The problem says what to do; the key is repeated neither there nor in the client's repr."""
    client = connect(service.address, "not-the-key")
    for ask in (client.key, lambda: list(client.stream(ada, "Hello"))):
        with pytest.raises(ServiceProblem) as raised:
            ask()
        assert (raised.value.status, raised.value.retry_after) == (401, None)
        assert "not-the-key" not in str(raised.value)
    assert "not-the-key" not in repr(MemoryClient(service.address, "not-the-key"))


def test_an_invalid_request_says_where(service: Running, connect: Connect, ada: str) -> None:
    """422 has the places of its faults."""
    with pytest.raises(ServiceProblem) as raised:
        connect(service.address).recall(ada, "what", max_tokens=0)
    assert raised.value.status == 422
    assert raised.value.errors[0]["where"]


def test_nobody_there_and_somebody_else_there(connect: Connect) -> None:
    """An address where nobody listens, and one where another program answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with pytest.raises(Unreachable, match="cannot be reached") as raised:
        connect(f"http://127.0.0.1:{free}", retry=Retry(times=1, first=0.01)).key()
    assert not raised.value.sent
    with OpenAIDouble() as other:
        client = connect(other.base.removesuffix("/v1"), retry=SOON)
        with pytest.raises(Unreadable, match="is the address right"):
            client.key()
        other.mode = "500"
        client = connect(other.base, retry=SOON)
        with pytest.raises(ServiceProblem, match="not the service itself"):
            client.prompt("ada", "Hello")


def test_no_name_makes_a_request_another(service: Running, connect: Connect, ada: str) -> None:
    """``DELETE .../sessions/..`` would erase the customer: it is not sent."""
    client = connect(service.address)
    client.chat(ada, "Hello")
    for name in ("..", ".", "", "a\nb"):
        with pytest.raises(InvalidInput):
            client.delete_session(ada, name)
        with pytest.raises(InvalidInput):
            client.forget_memory(ada, name)
        with pytest.raises(InvalidInput):
            client.erase(name)
    assert len(client.messages(ada, "default").messages) == 2


def test_a_text_that_no_request_can_have_is_not_sent(connect: Connect) -> None:
    """In a body, in a query and in a stream."""
    client = connect("http://127.0.0.1:9", retry=Retry(times=0))
    for ask in (
        lambda: client.chat("ada", "a\ud800b"),
        lambda: list(client.stream("ada", "a\ud800b")),
        lambda: client.customers(name="a\ud800b"),
    ):
        with pytest.raises(InvalidInput, match=r"a lone surrogate.* at character 1:"):
            ask()


def test_many_at_once(service: Running) -> None:
    """One asynchronous client serves many customers at a time, each with an own answer."""

    async def ask() -> list[str]:
        replies = [""] * 20
        async with (
            AsyncMemoryClient(service.address, KEY) as client,
            anyio.create_task_group() as group,
        ):

            async def one(n: int) -> None:
                events = [e async for e in client.stream(f"customer {n}", f"I am number {n}")]
                replies[n] = events[-1].reply  # type: ignore[union-attr]

            for n in range(20):
                group.start_soon(one, n)
        return replies

    assert anyio.run(ask) == [f"I am number {n}" for n in range(20)]


def test_the_key_comes_from_the_environment(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MEMORY_SERVICE_API_KEY is taken where no key is given; without one, that is said."""
    monkeypatch.setenv("MEMORY_SERVICE_API_KEY", KEY)
    with MemoryClient(service.address + "/") as client:
        assert client.key().tenant == "default"
    monkeypatch.delenv("MEMORY_SERVICE_API_KEY")
    with pytest.raises(InvalidInput, match="MEMORY_SERVICE_API_KEY"):
        MemoryClient(service.address)
    for wrong in (
        "memory.example",
        "http://",
        "http://x:99999",
        "http://x:y",
        "ftp://memory.example",
    ):
        with pytest.raises(InvalidInput, match="no address"):
            MemoryClient(wrong, KEY)
    with pytest.raises(InvalidInput, match="no key has"):
        MemoryClient(service.address, "key\n")


def test_the_example_of_the_readme_runs(
    service: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pasted as it stands, but for the address."""
    readme = Path(memory.__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    example = re.search(r"```py\n(from memory\.client .*?)```", readme, re.DOTALL)
    assert example
    program = example[1].replace("http://127.0.0.1:8000", service.address)
    exec(compile(program, "README.md", "exec"), {"KEY": KEY})
    assert capsys.readouterr().out.splitlines() == [
        "My order is 4417-XZ",
        "Which order was it?tuesday 2",
        "monday 2",
    ]


def test_items_events_and_recommendations(service: Running, connect: Connect) -> None:
    """Put, done, recommended with the reason, and deleted."""
    client = connect(service.address)
    assert client.import_items("id,title,text\nlamp/1,Lamp,Brass\nlamp/2,Lamp,Steel").stored == 2
    assert client.item("lamp/1").text == "Brass"
    done = [{"item": "lamp/1", "kind": "bought"}, {"item": "x", "kind": "viewed"}]
    stored = client.add_events("ada", done)
    assert (stored.stored, stored.unknown) == (2, ["x"])
    (found,) = client.recommend("ada").recommendations
    assert (found.item.id, found.why) == ("lamp/2", "because you bought Lamp")
    for event in client.customer_events("ada").events:
        assert client.delete_event("ada", event.id).deleted == {"events": 1}
    assert client.delete_item("lamp/1").deleted == {"items": 1}
    assert [item.id for item in client.items().items] == ["lamp/2"]
