"""Turns of a session in order, over all processes and whatever their machines' clocks say."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, tzinfo
from typing import Any, Self

import pytest
import sqlalchemy as sa
from typing_extensions import override

import memory.clock
from memory import LEASE_SECONDS, MemoryStore, Scope, SessionBusy
from memory.transcript import make_message
from memory.types import Turn
from tests.contracts.memories import said
from tests.sharing.conftest import Two

ADA = Scope("ada", "s1")


def begin(store: MemoryStore, text: str = "Where is my order?", key: str | None = None) -> Turn:
    """Start a turn."""
    return store.turns.start(ADA, make_message("human", text, 4), key)


def end(store: MemoryStore, turn: Turn, text: str) -> Turn | None:
    """Finish a turn."""
    return store.turns.finish(ADA, turn, make_message("ai", text, 4), "complete")


def pass_(store: MemoryStore, seconds: float) -> None:
    """Let so much time pass by the database's clock: all leases end so much sooner."""
    with store.database.write() as connection:
        sooner = {"by": int(seconds * 1e6)}
        connection.execute(sa.text("UPDATE sessions SET lease_until = lease_until - :by"), sooner)


def test_one_process_sees_the_turn_of_another_and_takes_over_when_it_is_dead(two: Two) -> None:
    """Until its lease has run out the session is busy, and the other is told for how long; then
    its turn is ended with what it had said, and its late answer is not stored.
    """
    one, other = two
    turn = begin(one)
    one.turns.renew(ADA, turn, make_message("ai", "It is on", 3))
    pass_(one, LEASE_SECONDS - 15)
    with pytest.raises(SessionBusy) as busy:
        begin(other, "Hello?")
    assert 1 < busy.value.retry_after <= 15
    pass_(one, 15)
    after = begin(other, "Hello?")
    assert end(one, turn, "It is on its way.") is None
    assert end(other, after, "Yes?") is not None
    assert said(one) == said(other) == [
        ("human", "Where is my order?"), ("ai", "It is on"), ("human", "Hello?"), ("ai", "Yes?"),
    ]  # fmt: skip


def test_who_looks_for_the_dead_lets_the_late_come(two: Two) -> None:
    """A process that could not renew its lease, since the database was away, still stores its
    answer; only what has been over for longer is ended by another.
    """
    one, other = two
    turn = begin(one)
    pass_(one, LEASE_SECONDS + 5)
    assert other.turns.settle(late=10) == 0
    assert end(one, turn, "Here.") is not None
    begin(one, "Hello?")
    pass_(one, LEASE_SECONDS + 15)
    assert other.turns.settle(late=10) == 1


@pytest.mark.parametrize("hours", [-36, -0.02, 0.02, 36])
def test_what_a_machines_clock_says_is_nothing_to_a_lease(
    two: Two, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """A machine whose clock is a minute or a day behind or ahead neither takes a turn that is being
    answered nor waits for a dead one any longer: leases go by Postgres's clock.
    """
    one, other = two
    begin(one)

    class Off(datetime):
        @classmethod
        @override
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(datetime.now(tz).timestamp(), tz) + timedelta(hours=hours)

    monkeypatch.setattr(memory.clock, "datetime", Off)
    with pytest.raises(SessionBusy) as busy:
        begin(other, "Hello?")
    assert LEASE_SECONDS - 15 < busy.value.retry_after <= LEASE_SECONDS
    assert other.turns.settle() == 0
    pass_(one, LEASE_SECONDS)
    assert end(other, begin(other, "Hello?"), "Yes?") is not None


def test_a_session_takes_one_turn_at_a_time_from_two_processes(two: Two) -> None:
    """Of eight who begin at once, four in each process, one is let in, again and again: answers
    stand after their questions, each once. No connection is held meanwhile.
    """
    begun: list[tuple[MemoryStore, Turn]] = []
    barrier = threading.Barrier(8)

    def try_it(n: int) -> Any:
        barrier.wait()
        try:
            begun.append((two[n % 2], begin(two[n % 2], f"q{n}", f"{n}")))
        except SessionBusy:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        for round_ in range(4):
            assert sum(pool.map(try_it, range(8 * round_, 8 * round_ + 8))) == 1
            store, turn = begun[-1]
            assert [one.database.engine.pool.checkedout() for one in two] == [0, 0]  # type: ignore[attr-defined]
            assert end(store, turn, f"a{turn.question.text[1:]}") is not None
    wanted = [
        name for _, turn in begun for name in (turn.question.text, f"a{turn.question.text[1:]}")
    ]
    assert [text for _, text in said(two[0])] == wanted
