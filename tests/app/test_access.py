"""Each request has an id: it is given back, stands in problems, and may come from outside."""

from __future__ import annotations

import asyncio
import logging
import re
import time

import httpx
import pytest

from app.access import Access
from app.logs import request_id
from app.metrics import Metrics
from tests.app.conftest import Running, events
from tests.llm.openai_double import OpenAIDouble

MADE = re.compile(r"[0-9a-f]{16}")


def test_a_request_has_an_id_of_its_own(service: Running) -> None:
    """Every answer says it, a problem in its document too."""
    well = service.chat("hello")
    ill = service.client.get("/v1/customers/nobody/sessions")
    lost = service.client.get("/nowhere")
    open_to_all = httpx.get(f"{service.address}/healthz", timeout=60)
    answers = (well, ill, lost, open_to_all)
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(MADE.fullmatch(one) for one in ids)
    assert len(set(ids)) == len(ids)
    assert [answer.json().get("request_id") for answer in answers] == [None, *ids[1:3], None]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("0f5c-proxy_7.A", True),
        ("f" * 64, True),
        ("f" * 65, False),
        ("", False),
        ("ada@mail.example", False),
        ("two words", False),
        ('x"}', False),
    ],
)
def test_an_id_from_outside_is_taken_if_it_is_one(
    service: Running, given: str, taken: bool
) -> None:
    """Letters, digits, dots, dashes and underscores; for all else there is an own."""
    answer = service.client.get("/healthz", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) == taken


def test_a_stream_ends_with_a_problem_that_has_the_id(
    scripted: Running, double: OpenAIDouble
) -> None:
    """As its header said at the beginning."""
    double.mode = "cut"
    body = {"customer": "ada", "message": "hello", "stream": True}
    with scripted.client.stream("POST", "/v1/chat", json=body) as response:
        name, data = list(events(response))[-1]
    assert (name, data["request_id"]) == ("error", response.headers["x-request-id"])


def told(caplog: pytest.LogCaptureFixture, requests: int) -> list[tuple[object, ...]]:
    """What the log was told of so many requests: level, method, route and status."""
    deadline = time.monotonic() + 60
    while sum(line.name == "app.access" for line in caplog.records) < requests:
        assert time.monotonic() < deadline, caplog.messages
        time.sleep(0.01)  # it is told when the answer is on its way already
    return [
        (line.levelname, line.method, line.route, line.status)  # type: ignore[attr-defined]
        for line in caplog.records
        if line.name == "app.access"
    ]


def test_a_line_says_method_route_status_and_time(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """No name, no query, no method that is not one; a probe that is well is told at debug."""
    caplog.set_level(logging.DEBUG, "app.access")
    service.client.get("/v1/customers/ada/sessions?secret=4711")
    service.client.request("BREW", "/v1/customers/ada")
    service.client.get("/healthz")
    assert told(caplog, 3) == [
        ("INFO", "GET", "/v1/customers/{customer}/sessions", 422),
        ("INFO", "other", "/v1/customers/{customer}", 405),
        ("DEBUG", "GET", "/healthz", 200),
    ]


def test_what_hangs_up_before_an_answer_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """With the status 499, also where an error is passed on; afterwards there is no id any more."""

    async def gone(*_: object) -> None:
        assert request_id() == "one"
        raise ConnectionError

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    caplog.set_level(logging.DEBUG, "app.access")
    headers = [(b"x-request-id", b"one")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    with pytest.raises(ConnectionError):
        asyncio.run(Access(gone, Metrics())(scope, nothing, nothing))  # type: ignore[arg-type]
    assert request_id() is None
    assert told(caplog, 1) == [("INFO", "GET", "none", 499)]
