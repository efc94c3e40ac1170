"""Two services on one Postgres, as two machines are: whichever is asked, it is one."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from memory import Scope
from tests.app.conftest import Running, events, until
from tests.llm.openai_double import OpenAIDouble

BODY = {"customer": "ada", "session": "s1", "message": "My order is 4417-XZ"}


@pytest.fixture
def both(
    run_service: Callable[..., Running], postgres_url: str, double: OpenAIDouble
) -> tuple[Running, Running]:
    """Two services with a model that takes its time."""
    double.reply, double.delay = " ".join(f"word{n}" for n in range(40)), 0.02
    given = {"database": postgres_url, "llm": double.url, "rate_customer": "off"}
    return run_service(**given), run_service(**given)


def said(service: Running) -> list[tuple[str, str]]:
    """Roles and status of what is in the session."""
    path = "/v1/customers/ada/sessions/s1/messages"
    messages = service.client.get(path).json()["messages"]
    return [(message["role"], message["status"]) for message in messages]


def test_a_turn_that_comes_to_both_is_one(both: tuple[Running, Running]) -> None:
    """Sent at once with one idempotency key it is begun once: the other is told that it is under
    way, and gets the same answer when it asks again.
    """
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(one.chat, BODY["message"], idempotency_key="k") for one in both * 2]
        answers = [one.result() for one in asked]
    whole = [one.json() for one in answers if one.status_code == 200]
    busy = [one.json()["type"] for one in answers if one.status_code != 200]
    assert whole
    assert set(busy) <= {"urn:problem:session-busy"}
    again = [one.chat(BODY["message"], idempotency_key="k").json() for one in both]
    assert len({(one["turn"], one["reply"]) for one in [*whole, *again]}) == 1
    assert said(both[0]) == said(both[1]) == [("human", "complete"), ("ai", "complete")]


def test_turns_of_a_session_are_in_order_whoever_answers(both: tuple[Running, Running]) -> None:
    """The second waits for the first one's answer, and its prompt has it; a service that starts
    meanwhile does not take the first for cut off.
    """
    one, other = both
    with one.client.stream("POST", "/v1/chat", json=BODY | {"stream": True}) as first:
        told = events(first)
        assert next(told)[0] == "recalled"
        assert one.app.state.store.turns.settle() == 0
        assert other.app.state.store.turns.settle() == 0
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(other.chat, "And where is it?")
            assert list(told)[-1][0] == "done"
            assert waiting.result().json()["status"] == "complete"
    assert said(one) == [("human", "complete"), ("ai", "complete")] * 2
    scope = Scope("ada", "s1")
    texts = [said.message.text for said in one.app.state.store.transcript.window(scope)]
    assert texts[0] == BODY["message"]
    assert texts[2] == "And where is it?"


def test_what_one_deletes_the_other_has_not(
    both: tuple[Running, Running], double: OpenAIDouble
) -> None:
    """A session that is deleted while the other answers in it is gone, and so is the answer; a
    customer who is erased is in no recall of the one that had them in its cache.
    """
    one, other = both
    double.pause = 2
    with other.client.stream("POST", "/v1/chat", json=BODY | {"stream": True}) as answer:
        told = events(answer)
        assert next(told)[0] == "recalled"
        one.client.delete("/v1/customers/ada/sessions/s1").raise_for_status()
        double.go.set()
        name, problem = list(told)[-1]
    assert (name, problem["type"]) == ("error", "urn:problem:turn-gone")
    other.chat(BODY["message"]).raise_for_status()

    def recalled(service: Running) -> httpx.Response:
        query = {"query": "Which order is it?", "max_tokens": 500}
        return service.client.post("/v1/customers/ada/recall", json=query)

    for service in both:
        until(lambda service=service: "4417-XZ" in recalled(service).text)
    one.client.delete("/v1/customers/ada").raise_for_status()
    assert [recalled(service).status_code for service in both] == [404, 404]


def test_a_limit_is_for_both(run_service: Callable[..., Running], postgres_url: str) -> None:
    """Turns that come to one are taken from what the other has left to give."""
    given = {"database": postgres_url, "rate_customer": "3/day"}
    one, other = run_service(**given), run_service(**given)
    left = [service.chat("hello").headers["ratelimit"] for service in (one, other, one)]
    assert [re.search(r'"customer";r=(\d)', told)[1] for told in left] == ["2", "1", "0"]
    refused = other.chat("hello")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:problem:too-many-requests")
