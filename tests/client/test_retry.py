"""What is sent again, how often and when; against a service that is told what to answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.client import (
    AsyncMemoryClient,
    ClientError,
    MemoryClient,
    Retry,
    ServiceProblem,
    Unreachable,
    Unreadable,
)

SOON = Retry(times=3, first=0.001)
KEY = {"tenant": "default", "role": "admin", "customer": None}
ADDED = {
    "id": "1", "text": "x", "at": "2026-05-04T09:30:00Z", "role": "note", "session": "",
    "messages": [], "superseded_by": None, "valid_to": None, "expires_at": None, "slot": None,
    "value": None, "source": "person", "pinned": False,
}  # fmt: skip


def problem(status: int, name: str, retry_after: str | None = None) -> httpx.Response:
    """What the service refuses with."""
    document = {"type": f"urn:problem:{name}", "title": name, "status": status, "detail": "wait"}
    return httpx.Response(
        status, json=document, headers={} if retry_after is None else {"Retry-After": retry_after}
    )


def client(*answers: httpx.Response | Exception) -> tuple[MemoryClient, list[httpx.Request]]:
    """A client whose requests are answered by these in turn; and the requests."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        said = answers[min(len(asked), len(answers)) - 1]
        if isinstance(said, Exception):
            raise said
        return said

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return MemoryClient("http://memory.example", "key", retry=SOON, http=http), asked


CUT = httpx.ReadError("cut")
REFUSED = httpx.ConnectError("refused")
OK = httpx.Response(200, json=KEY)
Ask = Callable[[MemoryClient], object]


def key(one: MemoryClient) -> object:
    """What may be asked twice."""
    return one.key()


def add(one: MemoryClient) -> object:
    """What may not."""
    return one.add_memory("ada", "x")


@pytest.mark.parametrize(
    ("ask", "failure", "again"),
    [
        (key, CUT, True),
        (add, CUT, False),
        (add, REFUSED, True),
        (key, httpx.ReadTimeout("silent"), False),
        (key, problem(503, "database-unavailable", "0"), True),
        (add, problem(503, "database-unavailable", "0"), True),
        (add, problem(429, "too-many-requests", "0"), True),
        (key, problem(409, "session-busy", "0"), True),
        (key, problem(409, "key-conflict"), False),
        (key, problem(503, "overloaded", "31"), False),  # longer than one waits
        (key, problem(401, "no-key"), False),
        (key, problem(500, "internal-error"), False),
        (key, problem(502, "model-failed"), False),
        (key, httpx.Response(502, text="<h1>Bad gateway</h1>"), True),  # a proxy's
        (add, httpx.Response(502, text="<h1>Bad gateway</h1>"), False),
        (add, httpx.Response(503, text="none", headers={"Retry-After": "0"}), False),
        (key, httpx.Response(200, text="<h1>Welcome</h1>"), False),
    ],
)
def test_what_is_sent_again(ask: Ask, failure: httpx.Response | Exception, again: bool) -> None:
    """What passes and does no harm is sent again; anything else is raised at once."""
    one, asked = client(failure, httpx.Response(200, json=ADDED | KEY))
    if again:
        ask(one)
    else:
        with pytest.raises(ClientError):
            ask(one)
    assert len(asked) == 1 + again


@pytest.mark.parametrize("failure", [CUT, problem(429, "too-many-requests", "0")])
def test_it_is_not_tried_for_ever(failure: httpx.Response | Exception) -> None:
    """After so many times the last failure is raised, for a stream too."""
    for ask in (key, lambda one: list(one.stream("ada", "Hello"))):
        one, asked = client(failure)
        with pytest.raises((Unreachable, ServiceProblem)):
            ask(one)
        assert len(asked) == 4


def test_a_chat_is_sent_again_with_its_key() -> None:
    """The key that was given, or else one that is made once for each chat."""
    for given_key in (None, "mine"):
        one, asked = client(CUT)
        for _ in range(2):
            with pytest.raises(Unreachable):
                one.chat("ada", "Hello", idempotency_key=given_key)
            with pytest.raises(Unreachable):
                list(one.stream("ada", "Hello", idempotency_key=given_key))
        keys = [json.loads(request.content)["idempotency_key"] for request in asked]
        chats = [set(keys[n : n + 4]) for n in range(0, 16, 4)]
        assert all(len(chat) == 1 for chat in chats)
        assert len(set.union(*chats)) == (4 if given_key is None else 1)


def test_a_stream_that_ends_without_its_end_was_cut() -> None:
    """So was a body that is none."""
    one, asked = client(httpx.Response(200, text="event: token\ndata: {"))
    with pytest.raises(Unreachable):
        list(one.stream("ada", "Hello"))
    assert len(asked) == 4
    one, _ = client(httpx.Response(200, text='{"kind": "customer"}\n{"kind": "end", "lines": 4}\n'))
    with pytest.raises(Unreadable, match="cut off"):
        one.export("ada")


@given(st.integers(0, 20), st.floats(0, 60), st.integers())
def test_waits_are_bounded(tried: int, asked_for: float, seed: int) -> None:
    """As long as the service says and a quarter more; else under a bound that doubles."""
    retry = Retry(times=99, first=0.5, longest=30)
    random.seed(seed)
    assert 0 <= retry.wait(Unreachable("x", sent=False), tried, again=True) <= 0.5 * 2**tried
    assert retry.wait(Unreachable("x", sent=False), tried, again=True) <= 30
    said = ServiceProblem(503, {"type": "urn:problem:overloaded"}, asked_for)
    if asked_for <= 30:
        assert asked_for <= retry.wait(said, tried, again=False) <= 1.25 * asked_for
    else:
        with pytest.raises(ServiceProblem):
            retry.wait(said, tried, again=False)


def test_a_client_of_ones_own_is_not_closed() -> None:
    """Nor asked with anybody else's key; both clients have the same methods."""
    one, asked = client(OK)
    with one:
        assert one.key().role == "admin"
    assert one.key().role == "admin"
    assert {request.headers["Authorization"] for request in asked} == {"Bearer key"}

    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(MemoryClient) - {"close"} == public(AsyncMemoryClient) - {"aclose"}
