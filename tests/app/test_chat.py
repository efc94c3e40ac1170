"""POST /v1/chat, with a model that repeats and with one that fails in every way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from memory import ConversationMemory
from tests.app.conftest import Running, asking, events, until
from tests.llm.openai_double import OpenAIDouble


def stream(service: Running, message: str, **more: object) -> list[tuple[str, dict]]:
    """The events of a streamed turn."""
    body = {"customer": "ada", "session": "s1", "message": message, "stream": True, **more}
    with service.client.stream("POST", "/v1/chat", json=body) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events(response))


def transcript(service: Running, session: str = "s1") -> list[tuple[str, str, str]]:
    """Role, text and status of the session's messages."""
    found = service.client.get(f"/v1/customers/ada/sessions/{session}/messages").json()
    return [(m["role"], m["text"], m["status"]) for m in found["messages"]]


def test_an_answer_has_reply_turn_recalled_usage_and_status(service: Running) -> None:
    """The plain answer carries everything the stream does."""
    answer = service.chat("Where is order 4417?").json()
    assert answer["reply"] == "Where is order 4417?"
    assert answer["status"] == "complete"
    assert answer["session"] == "s1"
    assert answer["recalled"] == []
    assert answer["usage"]["output_tokens"] > 0
    assert transcript(service) == [
        ("human", "Where is order 4417?", "complete"),
        ("ai", "Where is order 4417?", "complete"),
    ]


def test_a_stream_is_recalled_then_tokens_then_one_done(service: Running) -> None:
    """Events come in the stated order, and the tokens make up the reply."""
    found = stream(service, "one two three")
    assert [name for name, _ in found] == ["recalled", *["token"] * (len(found) - 2), "done"]
    assert len(found) > 3
    tokens = "".join(data["text"] for name, data in found if name == "token")
    assert tokens == found[-1][1]["reply"] == "one two three"
    assert found[0][1]["turn"] == found[-1][1]["turn"]


def test_another_session_of_the_customer_is_remembered(service: Running) -> None:
    """What was said in one session is recalled in the next, with the reason."""
    service.chat("My order number is 4417-XZ", session="monday")
    answer = service.chat("what was my order number?", session="tuesday").json()
    assert "My order number is 4417-XZ" in [r["text"] for r in answer["recalled"]]
    assert "order" in answer["recalled"][0]["why"]


def test_another_customer_is_not(service: Running) -> None:
    """Nobody is given what another customer said."""
    service.chat("My order number is 4417-XZ")
    answer = service.chat("what was my order number?", customer="Ada").json()
    assert answer["recalled"] == []


def test_the_same_key_and_message_make_one_turn(service: Running) -> None:
    """A retry of a complete turn gets the same answer, and nothing is stored twice."""
    first = service.chat("hello", idempotency_key="k1").json()
    again = service.chat("hello", idempotency_key="k1").json()
    assert again == first
    assert len(transcript(service)) == 2
    replayed = stream(service, "hello", idempotency_key="k1")
    assert replayed[-1][1]["turn"] == first["turn"]
    assert len(transcript(service)) == 2


def test_the_same_key_with_another_message_is_refused(service: Running) -> None:
    """409 says what to do, and the other message is not stored."""
    service.chat("hello", idempotency_key="k1")
    refused = service.chat("something else", idempotency_key="k1")
    assert refused.status_code == 409
    assert "new key" in refused.json()["detail"]
    assert len(transcript(service)) == 2


def test_a_key_is_the_customers_own(service: Running) -> None:
    """Two customers may use the same key."""
    service.chat("hello", idempotency_key="k1")
    other = service.chat("good day", idempotency_key="k1", customer="bob")
    assert other.json()["reply"] == "good day"


def test_a_failed_turn_is_asked_again_for_the_same_message(
    scripted: Running, double: OpenAIDouble
) -> None:
    """After a failure the same key asks the model again; the message is stored once."""
    double.mode = "500"
    failed = scripted.chat("hello", idempotency_key="k1")
    assert failed.status_code == 502
    assert failed.headers["content-type"] == "application/problem+json"
    assert transcript(scripted) == [("human", "hello", "failed")]
    double.mode, double.reply = "ok", "good day"
    assert scripted.chat("hello", idempotency_key="k1").json()["reply"] == "good day"
    assert transcript(scripted) == [("human", "hello", "complete"), ("ai", "good day", "complete")]


@pytest.mark.parametrize(
    ("mode", "status", "word"),
    [("500", 502, "answered 500"), ("empty", 502, "nothing"), ("hang", 504, "in time")],
)
def test_a_model_that_fails_is_a_clear_error_and_the_message_is_kept(
    run_service: Callable[..., Running], double: OpenAIDouble, mode: Any, status: int, word: str
) -> None:
    """Each failure has its status and says that the message is kept."""
    service = run_service(llm=double.url, llm_timeout=0.5 if mode == "hang" else 60)
    double.mode = mode
    answer = service.chat("hello")
    assert answer.status_code == status
    assert word in answer.json()["detail"]
    assert "kept" in answer.json()["detail"]
    assert transcript(service) == [("human", "hello", "failed")]


@pytest.mark.parametrize("whole", [True, False])
def test_a_model_that_refuses_the_key_says_which_setting_it_is(
    scripted: Running, double: OpenAIDouble, whole: bool
) -> None:
    """To send it again would not help; the key itself is not repeated, and the message is kept."""
    double.key = "another-key"
    problem = scripted.chat("hello").json() if whole else stream(scripted, "hello")[-1][1]
    assert problem["type"] == "urn:problem:model-key"
    assert problem["status"] == 502
    assert "MEMORY_SERVICE_LLM_API_KEY" in problem["detail"]
    assert "another-key" not in str(problem)
    assert transcript(scripted) == [("human", "hello", "failed")]


def test_a_model_that_stops_in_the_middle_leaves_what_it_said(
    scripted: Running, double: OpenAIDouble
) -> None:
    """The stream ends with `error`, and the part that came is stored with the turn."""
    double.mode, double.reply = "cut", "Your order is on its way to you"
    found = stream(scripted, "where is it?")
    assert found[-1][0] == "error"
    assert [name for name, _ in found].count("error") == 1
    said = "".join(data["text"] for name, data in found if name == "token")
    assert said
    assert transcript(scripted) == [("human", "where is it?", "failed"), ("ai", said, "failed")]


def test_a_client_that_goes_away_stops_the_model(scripted: Running, double: OpenAIDouble) -> None:
    """What was said so far is kept as `stopped`, and the session is free at once."""
    double.reply, double.delay = " ".join(str(i) for i in range(500)), 0.02
    body = {"customer": "ada", "session": "s1", "message": "count", "stream": True}
    with scripted.client.stream("POST", "/v1/chat", json=body) as response:
        for name, _ in events(response):
            if name == "token":
                break
    until(lambda: transcript(scripted)[-1][2] == "stopped")
    said = transcript(scripted)[-1]
    assert said[0] == "ai"
    assert 0 < len(said[1]) < len(double.reply)
    assert double.gone.wait(30)  # and not only when somebody collects the garbage
    double.delay, double.reply = 0, "ten"
    assert scripted.chat("go on").status_code == 200


def test_a_detached_turn_goes_on_until_it_is_stopped(
    scripted: Running, double: OpenAIDouble
) -> None:
    """Its client may leave: what is said is told meanwhile, and kept when somebody stops it."""
    double.reply, double.delay = "word " * 5000, 0.01
    session = "/v1/customers/ada/sessions/s1"
    body = {
        "customer": "ada", "session": "s1", "message": "Talk", "stream": True, "detached": True,
    }  # fmt: skip
    with scripted.client.stream("POST", "/v1/chat", json=body) as response:
        turn = next(events(response))[1]["turn"]
    told: list[str] = []
    deadline = time.monotonic() + 60
    while len(told) < 2:
        saying = scripted.client.get(session).json()["saying"]
        assert saying["turn"] == turn
        if saying["text"] and saying["text"] not in told:
            told.append(saying["text"])
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert told[1].startswith(told[0])
    assert not double.gone.is_set()
    assert scripted.client.delete(f"{session}/answer").json() == {"stopped": True}
    assert double.gone.wait(30), "the model was asked on"
    while scripted.client.get(session).json()["saying"] is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    *_, (role, text, status) = transcript(scripted)
    assert (role, status) == ("ai", "stopped")
    assert text.startswith(told[1])
    assert scripted.client.delete(f"{session}/answer").json() == {"stopped": False}
    assert scripted.client.delete(session.replace("s1", "s2") + "/answer").status_code == 404


@pytest.mark.parametrize("where", ["start", "finish"])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_while_its_turn_is_stored_breaks_off_nothing(
    service: Running, monkeypatch: pytest.MonkeyPatch, where: str, streamed: bool
) -> None:
    """The turn has an end, the session is free, and nothing waits for it any more."""
    stored, left = getattr(ConversationMemory, where), threading.Event()

    def slowly(*given: Any, **more: Any) -> Any:
        if not left.is_set():
            begun.set()
            left.wait(30)
            time.sleep(0.2)  # until the service has seen it
        return stored(*given, **more)

    service.chat("hello")
    begun = threading.Event()
    monkeypatch.setattr(ConversationMemory, where, slowly)
    body = {"customer": "ada", "session": "s1", "message": "where is it?", "stream": streamed}
    with asking(service, body):
        assert begun.wait(30)
    left.set()
    ended = ["complete"] if where == "finish" else ["complete", "stopped"]
    deadline = time.monotonic() + 60
    while transcript(service)[-1][2] not in ended or service.app.state.chain.under_way:
        assert time.monotonic() < deadline, transcript(service)
        time.sleep(0.05)
    assert service.chat("go on").status_code == 200


def test_a_client_that_waits_for_the_whole_answer_may_leave_too(
    scripted: Running, double: OpenAIDouble
) -> None:
    """Without streaming a client that hangs up stops the model as well."""
    double.reply, double.delay = " ".join(str(i) for i in range(2000)), 0.02
    with asking(scripted, {"customer": "ada", "session": "s1", "message": "x"}):
        until(lambda: bool(double.requests))
    until(lambda: transcript(scripted)[-1][2] == "stopped")


def test_a_second_turn_waits_for_the_first_then_is_told_so(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """A busy session answers 409 with Retry-After once the stated time is over."""
    service = run_service(llm=double.url, busy_wait=0.3)
    double.pause = 0
    first = threading.Thread(target=service.chat, args=("first",))
    first.start()
    until(lambda: bool(double.requests))
    began = time.monotonic()
    refused = service.chat("second")
    assert refused.status_code == 409
    assert int(refused.headers["retry-after"]) >= 1
    assert time.monotonic() - began >= 0.3
    double.go.set()
    first.join()
    assert [role for role, _, _ in transcript(service)] == ["human", "ai"]


def test_a_second_turn_that_can_wait_is_answered_in_its_turn(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Ten turns at once in one session are all answered, one after the other."""
    service = run_service(llm=double.url, busy_wait=60)
    double.reply, double.delay = "yes it is", 0.01
    threads = [threading.Thread(target=service.chat, args=(f"turn {i}",)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = transcript(service)
    assert [role for role, _, _ in said] == ["human", "ai"] * 10
    assert {text for role, text, _ in said if role == "human"} == {f"turn {i}" for i in range(10)}


def test_a_retry_while_the_turn_is_under_way_is_told_so_at_once(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """409 with Retry-After, without waiting for the turn."""
    service = run_service(llm=double.url, busy_wait=3600)  # who waited would be told too late
    double.pause = 0
    first = threading.Thread(target=service.chat, args=("first",), kwargs={"idempotency_key": "k1"})
    first.start()
    until(lambda: bool(double.requests))
    refused = service.chat("first", idempotency_key="k1")
    assert refused.status_code == 409
    assert "retry-after" in refused.headers
    double.go.set()
    first.join()
    assert service.chat("first", idempotency_key="k1").status_code == 200


def test_a_session_deleted_while_it_is_answered_stays_deleted(
    scripted: Running, double: OpenAIDouble
) -> None:
    """The late answer is not stored, and the client is told."""
    double.reply, double.pause = "a b c d e f g h", 2
    body = {"customer": "ada", "session": "s1", "message": "hello", "stream": True}
    with scripted.client.stream("POST", "/v1/chat", json=body) as response:
        seen = []
        for name, data in events(response):
            if name == "token" and "token" not in [n for n, _ in seen]:
                gone = scripted.client.delete("/v1/customers/ada/sessions/s1")
                assert gone.status_code == 200
                double.go.set()
            seen.append((name, data))
    assert seen[-1][0] == "error"
    assert seen[-1][1]["status"] == 410
    assert scripted.client.get("/v1/customers/ada/sessions/s1").status_code == 404
    assert scripted.client.get("/v1/customers/ada/memories").json()["memories"] == []


def test_digests_make_room_for_turns_under_way(
    scripted: Running, double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody is answered nothing is digested, for a while; then all of it at once."""
    monkeypatch.setattr("app.chains.digests._ROOM_SECONDS", 60.0)
    store = scripted.app.state.store

    def lags(customer: str) -> bool:
        return bool(store.records.state(("default", customer)).lags)

    def reply(messages: list[dict[str, object]]) -> str:
        return "word " * 2_000 if "at length" in str(messages[-1]["content"]) else "fine"

    double.delay, double.reply = 0.02, reply
    ben = {"customer": "ben", "message": "Tell me at length", "stream": True}
    with scripted.client.stream("POST", "/v1/chat", json=ben) as answer:
        lines = answer.iter_lines()  # held: without it the client hangs up
        assert next(lines) == "event: recalled"
        assert scripted.chat("My order is 4417-XZ").status_code == 200
        scripted.settle()
        assert lags("ada")

    def digested() -> bool:
        scripted.settle()
        return not lags("ada") and not lags("ben")

    until(digested)  # Ben has hung up: his turn ends, and both are
