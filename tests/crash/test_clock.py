"""The clock set back: the order of what was said is the database's own, and nobody waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest
from sqlalchemy.engine import Connection
from typing_extensions import override

import memory.clock
import memory.turns
from memory import MemoryStore, SessionBusy
from memory.clock import now
from tests.contracts.memories import rows, said
from tests.test_crash import ADA, conversation


class Clock:
    """A clock that can be set, of this machine, or of the one that Postgres runs on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off = timedelta()
        clock = self

        class Set(datetime):
            @classmethod
            @override
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(datetime.now(tz).timestamp(), tz) + clock.off

        def of_postgres(connection: Connection) -> int:
            off = timedelta() if connection.dialect.name == "sqlite" else clock.off
            return really(connection) + off // timedelta(microseconds=1)

        really = memory.turns.clock
        monkeypatch.setattr(memory.clock, "datetime", Set)
        monkeypatch.setattr(memory.turns, "clock", of_postgres)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which this process's memory goes."""
    return Clock(monkeypatch)


def test_turns_keep_their_order_when_the_clock_is_set_back(
    store: MemoryStore, clock: Clock
) -> None:
    """By a day, and an hour at each turn: prompt and transcript have them as they were said, the
    digest remembers each, a retry is answered as before, and summaries go on.
    """
    memory = conversation(store)
    for n in range(24):
        clock.off -= timedelta(days=1) if n == 8 else timedelta(hours=1)
        turn = memory.start(f"q{n} my parcel to street {n} is late", f"key {n}")
        memory.finish(turn, f"a{n} parcel {n} is in the depot", "complete")
        memory.digest()
    assert now() < datetime.now(UTC) - timedelta(days=1)
    assert [text.split()[0] for _, text in said(store)] == [
        name for n in range(24) for name in (f"q{n}", f"a{n}")
    ]
    again = memory.start("q3 my parcel to street 3 is late", "key 3")
    assert again.status == "complete"
    assert len(rows(store)["records"]) == len(rows(store)["vectors"]) == 48
    assert any("street 20 " in found.text for found in memory.recall("street 20", max_tokens=200))
    watermarks = [version.watermark for version in store.summaries.versions(ADA)]
    assert len(watermarks) > 1
    assert watermarks == sorted(set(watermarks))


def test_a_dead_turn_does_not_hold_its_session_until_the_clock_is_there_again(
    store: MemoryStore, clock: Clock
) -> None:
    """Set back by a day, the session of a turn that nobody will finish is free at once, the turn
    is stopped with what was said, and its late end is not stored.
    """
    memory = conversation(store)
    turn = memory.start("Where is my order?")
    memory.renew(turn, "It is on")
    clock.off -= timedelta(days=1)
    after = memory.start("Hello?")
    memory.finish(after, "Yes?", "complete")
    assert memory.finish(turn, "It is on its way.", "complete") is None
    assert said(store) == [
        ("human", "Where is my order?"), ("ai", "It is on"), ("human", "Hello?"), ("ai", "Yes?"),
    ]  # fmt: skip


def test_settling_ends_a_dead_turn_of_a_later_time(store: MemoryStore, clock: Clock) -> None:
    """What a start of the service does for every session."""
    memory = conversation(store)
    memory.start("Where is my order?")
    clock.off -= timedelta(days=1)
    assert store.turns.settle() == 1
    assert store.turns.settle() == 0


def test_a_clock_that_is_a_little_ahead_takes_nobodys_turn(
    store: MemoryStore, clock: Clock
) -> None:
    """A clock from which a turn was begun is half a minute ahead: the turn is left alone."""
    memory = conversation(store)
    turn = memory.start("Where is my order?")
    clock.off -= timedelta(seconds=30)
    with pytest.raises(SessionBusy) as busy:
        memory.start("Hello?")
    assert 45 < busy.value.retry_after <= 50
    assert store.turns.settle() == 0
    assert memory.finish(turn, "It is on its way.", "complete") is not None
