"""More turns than the model can answer, and a model that is down: who is told what, and when."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.conftest import Running, asking, events, until
from tests.app.test_chat import transcript
from tests.app.test_chat_templates import INTRODUCTION, TEMPLATES, Reads
from tests.llm.openai_double import OpenAIDouble

LONG = " ".join(str(n) for n in range(2000))


@contextmanager
def talking(service: Running, double: OpenAIDouble, customer: str) -> Iterator[httpx.Response]:
    """Somebody whose answer is being written; at the end of the block he hangs up."""
    asked = len(double.requests)
    body = {"customer": customer, "message": "hello", "stream": True}
    with service.client.stream("POST", "/v1/chat", json=body) as response:
        until(lambda: len(double.requests) > asked)
        yield response


@pytest.fixture
def narrow(run_service: Callable[..., Running], double: OpenAIDouble) -> Running:
    """A service that writes one answer at a time and lets one more turn wait."""
    double.reply, double.delay = LONG, 0.02
    return run_service(llm=double.url, answers_at_once=1, answers_waiting=1)


def wait_in_line(service: Running, **body: Any) -> tuple[threading.Thread, list[httpx.Response]]:
    """Ask in a thread, and be in the line when this returns."""
    answers: list[httpx.Response] = []
    places = service.app.state.chain.places
    here = places.inside
    ask = threading.Thread(target=lambda: answers.append(service.chat("hello", **body)))
    ask.start()
    until(lambda: places.inside > here)
    return ask, answers


@pytest.mark.parametrize("streamed", [False, True])
def test_past_the_line_it_is_refused_at_once_and_nothing_is_stored(
    narrow: Running, double: OpenAIDouble, streamed: bool
) -> None:
    """503 as a problem with Retry-After, before any event; nobody has become a customer by it, and
    the same key is answered when there is a place.
    """
    refused = {"customer": "eve", "idempotency_key": "k1", "stream": streamed}
    with talking(narrow, double, "ada"):
        ask, answers = wait_in_line(narrow, customer="bob")
        answer = narrow.chat("hello", **refused)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:problem:overloaded"
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        # Meanwhile what needs no model is answered, and nothing was stored of who was refused.
        assert narrow.client.get("/v1/customers/eve/sessions").status_code == 404
        assert narrow.client.get("/v1/customers/ada/sessions").status_code == 200
        assert httpx.get(f"{narrow.address}/readyz", timeout=60).status_code == 200
        assert len(double.requests) == 1
        double.delay = 0
    ask.join()
    assert answers[0].status_code == 200
    assert narrow.chat("hello", **refused).status_code == 200


def test_a_client_that_hangs_up_in_the_line_gives_its_place_back(
    narrow: Running, double: OpenAIDouble
) -> None:
    """Streamed or not; nothing is stored of it, and the next one may wait."""
    places = narrow.app.state.chain.places
    with talking(narrow, double, "ada"):
        for stream in (False, True):
            body = {"customer": "bob", "message": "hello", "stream": stream}
            with asking(narrow, body):
                until(lambda: places.inside == 2)
            until(lambda: places.inside == 1)
        assert narrow.client.get("/v1/customers/bob/sessions").status_code == 404
    until(lambda: places.inside == 0)


def test_who_waits_is_answered_in_the_order_in_which_they_came(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """The model is asked for one after the other."""
    service = run_service(llm=double.url, answers_at_once=1, answers_waiting=5)
    double.reply, double.delay = LONG, 0.02
    with talking(service, double, "ada"):
        asked = [wait_in_line(service, customer=f"c{n}", session=f"c{n}") for n in range(5)]
        double.delay, double.reply = 0, "yes"
    for ask, answers in asked:
        ask.join()
        assert answers[0].status_code == 200
    turns = service.app.state.store
    with turns.database.read() as connection:
        order = connection.exec_driver_sql(
            "SELECT customer FROM turns WHERE customer <> 'ada' ORDER BY at"
        ).scalars()
        assert list(order) == [f"c{n}" for n in range(5)]


def test_a_wait_that_takes_too_long_ends_with_503(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """And with nothing stored."""
    service = run_service(llm=double.url, answers_at_once=1, answer_wait=0.1)
    double.reply, double.delay = LONG, 0.02
    with talking(service, double, "ada"):
        answer = service.chat("hello", customer="bob")
        assert answer.status_code == 503
        assert "0.1 seconds" in answer.json()["detail"]
        assert service.client.get("/v1/customers/bob/sessions").status_code == 404


def test_a_turn_that_waits_for_its_session_keeps_nobody_from_the_model(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Of two places one is taken by a session, and its second turn leaves the other alone."""
    service = run_service(llm=double.url, answers_at_once=2, answers_waiting=3, busy_wait=60)
    double.reply, double.delay = LONG, 0.02
    with talking(service, double, "ada"):
        ask, answers = wait_in_line(service, customer="ada", session="default")
        double.reply = "yes"
        assert service.chat("hello", customer="bob").status_code == 200
    ask.join()
    assert answers[0].status_code == 200


def test_what_needs_no_model_needs_no_place(
    run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path
) -> None:
    """While all places are taken a template answers, and so does what was answered before; what a
    template does not answer is refused.
    """
    file = tmp_path / "templates.yaml"
    file.write_text(TEMPLATES)
    service = run_service(
        understanding=Reads(), templates=file, llm=double.url, answers_at_once=1, answers_waiting=0
    )
    service.chat(INTRODUCTION, idempotency_key="k1")
    asked = len(double.requests)
    until(lambda: service.app.state.chain.places.inside == 0)
    double.reply, double.delay = LONG, 0.02
    with talking(service, double, "bob"):
        answer = service.chat("Where is my order?", session="s2")
        assert answer.json()["template"] == "track_order"
        assert service.chat(INTRODUCTION, idempotency_key="k1").json()["reply"] == "hello"
        assert service.chat("Good day to you").json()["type"] == "urn:problem:overloaded"
        assert len(double.requests) == asked + 1
        assert service.app.state.chain.places.inside == 1


def test_a_model_server_that_is_down_is_left_alone_for_a_while(
    run_service: Callable[..., Running], double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five failures in a row turns are refused at once, with nothing stored, by the name of
    what is down; then one is let through, and all are once it is answered.
    """
    service = run_service(llm=double.url)
    breaker = service.app.state.model.breaker
    began = time.monotonic()
    monkeypatch.setattr(breaker, "_clock", lambda: began)
    double.mode = "500"
    for n in range(5):
        assert service.chat(f"hello {n}").status_code == 502
    asked = len(double.requests)
    refused = service.chat("hello", customer="eve", stream=True)
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:problem:not-answering")
    assert "127.0.0.1" in refused.json()["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert len(double.requests) == asked
    assert service.client.get("/v1/customers/eve/sessions").status_code == 404

    monkeypatch.setattr(breaker, "_clock", lambda: began + 20)
    double.mode, double.reply, double.delay = "ok", LONG, 0.02
    with talking(service, double, "bob"):
        until(lambda: breaker._open_until is None)  # its first words say so
        double.reply, double.delay = "yes", 0
        assert service.chat("hello", customer="eve").status_code == 200


def test_a_model_server_that_is_not_there_is_left_alone_too(
    run_service: Callable[..., Running],
) -> None:
    """Nobody listens where it was: five turns say so, and the next are refused at once."""
    with socket.socket() as taken:  # and does not listen
        taken.bind(("127.0.0.1", 0))
        service = run_service(llm=f"http://127.0.0.1:{taken.getsockname()[1]}/v1#acme")
        for _ in range(5):
            answer = service.chat("hello")
            assert answer.json()["type"] == "urn:problem:model-failed"
            assert "cannot be reached" in answer.json()["detail"]
        assert service.chat("hello").json()["type"] == "urn:problem:not-answering"


def test_what_is_wrong_with_a_request_is_no_outage(scripted: Running, double: OpenAIDouble) -> None:
    """However often the server refuses requests, others are not kept from it."""
    double.key = "another-key"
    for n in range(7):
        assert scripted.chat(f"hello {n}").json()["type"] == "urn:problem:model-key"
    double.key = None
    assert scripted.chat("hello").status_code == 200
    assert [status for role, _, status in transcript(scripted) if role == "ai"] == ["complete"]


def test_an_answer_that_comes_to_no_end_is_ended(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """A model that is never silent, but goes on and on, fails its turn; what it said is kept."""
    service = run_service(llm=double.url, answer_timeout=3)
    double.reply, double.delay = LONG, 0.02
    body = {"customer": "ada", "session": "s1", "message": "count", "stream": True}
    with service.client.stream("POST", "/v1/chat", json=body) as response:
        told = list(events(response))
    assert (told[-1][0], told[-1][1]["type"]) == ("error", "urn:problem:model-timeout")
    assert [status for _, _, status in transcript(service)] == ["failed", "failed"]
    assert double.gone.wait(30)
