"""Rate limits: never more is let through than was said, to whomever, and nothing of them is kept.

``LIMIT_NAMES=1000000 .venv/bin/python -m pytest tests/app/test_limits.py -k memory`` is the long
form of the bound on memory.
"""

from __future__ import annotations

import os
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.auth import create_key
from app.limits import Left, Limit, Limits, TooMany, network
from app.roles import Principal
from app.settings import Settings
from memory import Scope, open_store
from memory.clock import now
from tests.app.conftest import Running, events
from tests.app.test_customer_tokens import SECRET, signed

NAMES = int(os.environ.get("LIMIT_NAMES", "30000"))
GAPS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40)), max_size=80)


@contextmanager
def clock() -> Iterator[list[float]]:
    """A clock that is set by hand, in place of the limiter's."""
    now = [1000.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("throttled.utils.now_mono_f", lambda: now[0])
        yield now


def let_through(limit: Limit, name: str) -> Left | None:
    """Take one; None if it was let through, else what is told."""
    told: list[Left] = []
    try:
        limit.take(name, told)
    except TooMany:
        return told[0]
    return None


def limited(**given: str) -> Limits:
    """Limits by settings; those that are not given are off."""
    off = dict.fromkeys(("rate_key", "rate_customer", "rate_failures"), "off")
    return Limits(Settings(**{**off, **given}))


# --- the limit itself --------------------------------------------------------------------------


@given(GAPS)
def test_never_more_than_the_limit_is_let_through(asked: list[tuple[str, float]]) -> None:
    """In any time: the number at once, and one more each time a share of the window has passed;
    who is refused is told when to come again, and is let through then.
    """
    limit = Limit("customer", "messages", "5/minute")
    through: dict[str, list[float]] = {"a": [], "b": []}
    with clock() as now:
        for name, gap in asked:
            now[0] += gap
            left = let_through(limit, name)
            if left is None:
                through[name].append(now[0])
            else:
                assert 0 < left.retry <= 12
                assert left.remaining == 0
                now[0] += left.retry + 1e-6
                assert let_through(limit, name) is None
                through[name].append(now[0])
    for times in through.values():
        for first, began in enumerate(times):
            for last, ended in enumerate(times[first:], 1):
                assert last <= 5 + (ended - began) / 12 + 1e-6


def test_never_more_is_let_through_to_many_at_once() -> None:
    """Threads that ask at the same moment share one limit."""
    limit = Limit("customer", "messages", "50/day")
    start = threading.Barrier(8)

    def ask(_: int) -> int:
        start.wait()
        return sum(let_through(limit, "ada") is None for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 50


def test_memory_is_bounded() -> None:
    """However many names there are, the last 10,000 are known; none of them can be read there."""
    limits = limited(rate_customer="30/minute")
    tracemalloc.start()
    for number in range(NAMES):
        limits.take_turn(Scope(f"customer-{number}"), [])
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert limits.turns.names == 10_000
    assert held < 8e6
    assert most < 8e6
    assert "customer-" not in repr(vars(limits.turns._names._backend))


def test_a_customer_is_limited_alone() -> None:
    """Another customer, and one of the same name at another tenant, have limits of their own."""
    limits = limited(rate_customer="1/day")
    others = [Scope("ada"), Scope("ben"), Scope("ada", tenant="northern")]
    for scope in others:
        limits.take_turn(scope, [])
    for scope in others:
        with pytest.raises(TooMany):
            limits.take_turn(Scope(scope.customer, "another session", scope.tenant), [])


def test_what_is_forgotten_counts_anew() -> None:
    """Nothing of a customer stays, neither of the turns nor of the requests with their tokens."""
    limits = limited(rate_customer="1/day", rate_key="1/day")
    ada = Principal("default", "customer", "ada")
    limits.take_turn(Scope("ada"), [])
    limits.take_turn(Scope("ben"), [])
    limits.take_request(ada, "a.b.c", [])
    limits.forget(Scope("ada"))
    assert (limits.turns.names, limits.requests.names) == (1, 0)
    limits.take_turn(Scope("ada"), [])
    limits.take_request(ada, "another.token.of-hers", [])
    with pytest.raises(TooMany):
        limits.take_request(ada, "a.b.c", [])


# --- counted together ----------------------------------------------------------------------------


@pytest.fixture
def both(postgres_url: str) -> Iterator[tuple[Limits, Limits]]:
    """The limits of two services on one Postgres."""
    settings = Settings(rate_customer="50/day", rate_key="2/minute", rate_failures="off")
    with open_store(postgres_url) as one, open_store(postgres_url) as other:
        yield Limits(settings, one.rates), Limits(settings, other.rates)


def pass_by(limits: Limits, seconds: float) -> None:
    """So much time passes, as the database knows it."""
    assert limits.rates is not None
    with limits.rates._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE rates SET until = until - {seconds}")


def test_several_services_share_a_limit(both: tuple[Limits, Limits]) -> None:
    """Never more is let through together than to one, whoever asks at the same moment; each tells
    what is left of all; who is forgotten counts anew.
    """
    start = threading.Barrier(6)

    def ask(number: int) -> int:
        start.wait()
        limits = both[number % 2]
        return sum(let_through(limits.turns, "ada") is None for _ in range(20))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(6))) == 50
    told: list[Left] = []
    both[0].take_turn(Scope("ben"), told)
    both[1].take_turn(Scope("ben"), told)
    assert [left.remaining for left in told] == [49, 48]
    assert told[1].reset == pytest.approx(2 * 86_400 / 50, abs=60)
    both[0].forget(Scope("ben"))
    both[1].take_turn(Scope("ben"), told)
    assert told[2].remaining == 49


def test_who_waits_as_long_as_is_told_is_let_through(both: tuple[Limits, Limits]) -> None:
    """By another service than the one that refused, and not before; what no longer counts goes."""
    one, other = both
    assert [let_through(limits.requests, "key") for limits in (one, other)] == [None, None]
    refused = let_through(one.requests, "key")
    assert refused is not None
    assert 0 < refused.retry <= 30
    assert let_through(other.requests, "key") is not None
    pass_by(one, refused.retry)
    assert let_through(other.requests, "key") is None
    assert one.rates is not None
    pass_by(one, 60)
    one.rates.sweep()
    with one.rates._database.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM rates").all() == []


def test_a_clock_that_is_set_back_locks_nobody_out(both: tuple[Limits, Limits]) -> None:
    """What was taken at a time that is still to come counts as one window's, and no more."""
    let_through(both[0].requests, "key")
    pass_by(both[0], -100_000)
    refused = let_through(both[0].requests, "key")
    assert refused is not None
    assert refused.retry <= 30
    pass_by(both[0], refused.retry)
    assert let_through(both[1].requests, "key") is None


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_whose_an_address_is(address: str, whose: str) -> None:
    """IPv4 goes by address, also where it is written as IPv6, and IPv6 by its /64."""
    assert network(address) == whose


@pytest.mark.parametrize("rate", ["", "30", "30/fortnight", "0/minute", "-1/minute", "30/minute;"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    """The error names the setting."""
    with pytest.raises(ValidationError, match="rate_customer"):
        Settings(rate_customer=rate)


# --- over HTTP ---------------------------------------------------------------------------------


def fields(answer: httpx.Response) -> dict[str, tuple[int, int, int, int]]:
    """Of each policy: quota, window, what remains, and seconds until all is there again."""
    policy = re.findall(r'"(\w+)";q=(\d+);w=(\d+)', answer.headers.get("RateLimit-Policy", ""))
    left = re.findall(r'"(\w+)";r=(\d+);t=(\d+)', answer.headers.get("RateLimit", ""))
    assert [name for name, *_ in policy] == [name for name, *_ in left]
    return {
        name: (int(quota), int(window), int(r), int(t))
        for (name, quota, window), (_, r, t) in zip(policy, left, strict=True)
    }


def refused(answer: httpx.Response) -> dict[str, Any]:
    """A refusal, as it should be; its document."""
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    said: dict[str, Any] = answer.json()
    assert said["type"] == "urn:problem:too-many-requests"
    assert f"Wait {answer.headers['Retry-After']} s" in said["detail"]
    return said


def test_a_customer_s_turns_are_limited(run_service: Callable[..., Running]) -> None:
    """Of twenty at once as many are answered as the limit says, the rest is told when to come
    again and stores nothing; another customer is answered.
    """
    service = run_service(rate_customer="5/day")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: service.chat("Hello", session=f"s{n}"), range(20)))
    assert [a.status_code for a in answers].count(200) == 5
    for answer in answers:
        if answer.status_code != 200:
            assert "messages of this customer" in refused(answer)["detail"]
            assert fields(answer)["customer"][2] == 0
    sessions = service.client.get("/v1/customers/ada/sessions").json()["sessions"]
    assert len(sessions) == 5
    refused(service.chat("Hello", stream=True))
    assert service.chat("Hello", customer="ben").status_code == 200


def test_what_is_left_is_told_with_every_answer(run_service: Callable[..., Running]) -> None:
    """With a turn, plain or streamed, both limits; with anything else behind a key, errors too,
    that of the key; without a key, nothing.
    """
    service = run_service(rate_customer="5/day", rate_key="1000/hour")
    first = fields(service.chat("Hello"))
    assert first["customer"] == (5, 86_400, 4, 17_280)
    assert first["key"][:3] == (1000, 3600, 999)
    body = {"customer": "ada", "message": "Hello", "stream": True}
    with service.client.stream("POST", "/v1/chat", json=body) as answer:
        assert fields(answer)["customer"][2] == 3
        assert [name for name, _ in events(answer)][-1] == "done"
    for path in ("/v1/customers/ada/sessions", "/v1/customers/nobody/sessions", "/openapi.json"):
        assert fields(service.client.get(path)).keys() == {"key"}
    for path in ("/healthz", "/"):
        assert not fields(service.client.get(path))
    assert (
        "RateLimit"
        not in run_service(data_dir=service.app.state.settings.data_dir).chat("Hello").headers
    )


def test_a_key_s_requests_are_limited(run_service: Callable[..., Running]) -> None:
    """All that is asked with it counts; another key goes on."""
    service = run_service(rate_key="3/day")
    other, _ = create_key(service.app.state.store, "agent")
    for path in ("/v1/customers", "/v1/customers/nobody/card", "/openapi.json"):
        assert service.client.get(path).status_code in (200, 404)
    assert "this key" in refused(service.client.get("/v1/customers"))["detail"]
    assert service.client.get("/healthz").status_code == 200
    headers = {"Authorization": f"Bearer {other}"}
    assert service.client.get("/v1/customers", headers=headers).status_code == 200


def test_a_customer_s_tokens_share_one_limit(run_service: Callable[..., Running]) -> None:
    """A token more is no request more."""
    service = run_service(rate_key="4/day", token_secret=SECRET)
    answers = [
        service.client.post(
            "/v1/chat",
            json={"message": "Hello"},
            headers={"Authorization": f"Bearer {signed(jti=str(number))}"},
        )
        for number in range(6)
    ]
    assert [a.status_code for a in answers] == [200] * 4 + [429] * 2


def test_an_answer_that_comes_again_costs_nothing(run_service: Callable[..., Running]) -> None:
    """A retry by its idempotency key, also where the limit is reached; a new message costs."""
    service = run_service(rate_customer="2/day")
    first = service.chat("Hello", idempotency_key="k1")
    for _ in range(3):
        assert service.chat("Hello", idempotency_key="k1").json() == first.json()
    assert service.chat("And?", idempotency_key="k2").status_code == 200
    refused(service.chat("And then?", idempotency_key="k3"))
    assert service.chat("Hello", idempotency_key="k1").json()["turn"] == first.json()["turn"]


def test_keys_cannot_be_guessed_at_speed(
    run_service: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some that fit nobody the database is asked for no other from that address; a key that
    was let in before goes on until it is revoked, and a request without a key is no guess.
    """
    service = run_service(rate_failures="3/day")
    store = service.app.state.store
    known, known_key = create_key(store, "agent")
    new, _ = create_key(store, "agent")

    def asked_with(key: str) -> httpx.Response:
        return service.client.get("/v1/customers", headers={"Authorization": f"Bearer {key}"})

    looked_up: list[str] = []
    find = store.keys.find
    monkeypatch.setattr(store.keys, "find", lambda key: looked_up.append(key) or find(key))
    assert asked_with(known).status_code == 200
    for _ in range(5):
        assert httpx.get(f"{service.address}/v1/customers", timeout=60).status_code == 401
    answers = [asked_with(f"guess {number}") for number in range(6)]
    assert [a.status_code for a in answers] == [401] * 3 + [429] * 3
    assert "keys that fit nobody" in refused(answers[-1])["detail"]
    assert len(looked_up) == 4
    refused(asked_with(new))
    assert len(looked_up) == 4
    assert asked_with(known).status_code == 200
    store.keys.revoke(known_key.id, now())
    assert [asked_with(known).status_code for _ in range(3)] == [401, 429, 429]
    assert len(looked_up) == 6


def test_an_erased_customer_has_no_entry(run_service: Callable[..., Running]) -> None:
    """Nothing of what was counted outlives the customer; the others' counts do."""
    service = run_service(rate_customer="1/day")
    for customer in ("ada", "ben"):
        assert service.chat("Hello", customer=customer).status_code == 200
    assert service.client.delete("/v1/customers/ada").status_code == 200
    assert service.app.state.limits.turns.names == 1
    assert service.chat("Hello", customer="ada").status_code == 200
    refused(service.chat("Hello", customer="ben"))


def test_the_description_tells_of_limits(service: Running) -> None:
    """Whatever is behind a key may be refused so."""
    document = service.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("429" in operation["responses"]) == bool(operation.get("security")), path
