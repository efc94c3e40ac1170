"""What the service asks of others has a limit of time, and what is down is left alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from app.jwks import KeySet
from app.roles import IdentityUnavailable
from app.second_source import SecondSource
from app.understanding import limited
from app.understanding.limited import Limited
from memory import InvalidInput, Label, Labels, StoreUnavailable, open_store
from tests.app.conftest import Running, until
from tests.app.test_jwks import Server, server  # noqa: F401


def test_a_database_server_that_is_away_is_not_asked_again_and_again(postgres_url: str) -> None:
    """After five connections in a row that could not be had the sixth is not tried, and the error
    says for how long not; then one is, and if it is had all is well.
    """
    psycopg = pytest.importorskip("psycopg")
    now, tried, away = 0.0, 0, True

    def connect(*_: Any) -> None:
        nonlocal tried
        tried += 1
        if away:
            raise psycopg.OperationalError("connection refused")

    with open_store(postgres_url) as store:
        store.database.breaker._clock = lambda: now
        sa.event.listen(store.database.engine, "do_connect", connect)
        store.database.engine.dispose()
        for _ in range(5):
            with pytest.raises(StoreUnavailable, match="not available"):
                store.get_meta("x")
        with pytest.raises(StoreUnavailable, match="the database's server") as caught:
            store.set_meta("x", "y")
        assert (tried, caught.value.retry_after) == (5, 10)
        away, now = False, 10.0
        store.set_meta("x", "y")
        assert store.get_meta("x") == "y"


def test_a_request_that_is_wrong_is_no_outage_of_the_database(postgres_url: str) -> None:
    """However often a statement fails, connections go on to be had."""
    with open_store(postgres_url) as store:
        for _ in range(7):
            with pytest.raises(sa.exc.ProgrammingError), store.database.write() as connection:
                connection.exec_driver_sql("SELECT nothing FROM nowhere")
        store.set_meta("x", "y")


def test_a_statement_has_a_limit_that_the_server_may_set_otherwise(postgres_url: str) -> None:
    """Sixty seconds, or what the address says."""
    own = sa.make_url(postgres_url)
    options = f"{own.query['options']} -c statement_timeout=7s"
    for url, limit in {
        own: "1min",
        own.update_query_dict({"options": options}): "7s",
    }.items():
        with (
            open_store(url.render_as_string(hide_password=False)) as store,
            store.database.read() as connection,
        ):
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == limit


def test_tokens_of_known_keys_do_not_wait_for_a_slow_key_server(
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While one thread looks for a key that is unknown, others go on; who brings one that is
    unknown too is told to come again.
    """
    keys = KeySet(server.address)
    assert keys.find("k1") is not None
    reads, go_on = threading.Event(), threading.Event()

    def slow(_: Any) -> None:
        reads.set()
        assert go_on.wait(60)

    monkeypatch.setattr(KeySet, "_read", slow)
    keys._again_at = 0.0
    first = threading.Thread(target=keys.find, args=("k2",))
    first.start()
    assert reads.wait(60)
    assert keys.find("k1") is not None
    with pytest.raises(IdentityUnavailable, match="try again"):
        keys.find("k3")
    go_on.set()
    first.join()
    assert keys.find("k3") is None  # it was looked for a moment ago


class Hangs:
    """A classifier that comes back when it is told to, and says what it was made with then."""

    def __init__(self, said: Labels | Exception) -> None:
        self.go_on = threading.Event()
        self.asked = 0
        self._said = said

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """Hang."""
        self.asked += 1
        assert self.go_on.wait(120)
        if isinstance(self._said, Exception):
            raise self._said
        return [self._said for _ in texts]


def test_a_classifier_that_hangs_has_failed_after_a_while() -> None:
    """Two of its readings may hang at a time, then it is not asked; what it says in time, be it an
    error, is what it says.
    """
    said = {"intent": Label("x", 0.9)}
    hangs = Hangs(said)
    limit = Limited(hangs, 0.05)
    for _ in range(4):
        with pytest.raises(TimeoutError):
            limit.read(["a"])
    until(lambda: hangs.asked == 2)
    hangs.go_on.set()
    until(lambda: limit._free._value == 2)
    assert hangs.asked == 2
    assert Limited(hangs, 60).read(["a", "b"]) == [said, said]
    fails = Hangs(InvalidInput("no"))
    fails.go_on.set()
    with pytest.raises(InvalidInput):
        Limited(fails, 60).read(["a"])


def test_a_classifier_that_hangs_holds_no_digest(
    run_service: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The messages are embedded and remembered, and the service ends."""
    monkeypatch.setattr(limited.Limited.__init__, "__defaults__", (0.05,))
    hangs = Hangs({})
    service = run_service(understanding=hangs)
    assert service.chat("My order number is 4417-XZ").json()["understanding"] is None
    service.settle()
    assert hangs.asked >= 2  # in the turn, and in the digest
    store = service.app.state.store
    assert store.lagging() == []
    hangs.go_on.set()


def test_a_retriever_that_is_down_is_not_waited_for_by_every_turn() -> None:
    """After five answers that did not come in time the next turn does without it at once."""
    asked: list[str] = []

    class Down(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            asked.append(query)
            raise RuntimeError

    async def run() -> None:
        source = SecondSource(Down(), 60)
        for n in range(8):
            assert await source.look_up(str(n)) is None
        assert asked == ["0", "1", "2", "3", "4"]
        at = time.monotonic()
        source.breaker._clock = lambda: at + 31
        await source.look_up("again")
        await source.look_up("and again")
        assert asked[5:] == ["again"]

    asyncio.run(run())
