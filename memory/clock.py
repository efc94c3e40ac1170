"""Time as it is stored: microseconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(milliseconds=1)

_played: ContextVar[Iterator[datetime] | None] = ContextVar("played", default=None)


def now() -> datetime:
    """The time, in UTC."""
    played = _played.get()
    return datetime.now(UTC) if played is None else next(played)


@contextmanager
def from_then(at: datetime) -> Iterator[None]:
    """In this thread it is ``at``, and a millisecond later whenever it is asked for again.

    For conversations that are played: they are the same whenever that is done.
    """
    token = _played.set(at + _TICK * tick for tick in count())
    try:
        yield
    finally:
        _played.reset(token)


def end_of(day: date) -> datetime:
    """The last second of a day, in UTC."""
    return datetime.combine(day, time(23, 59, 59), UTC)


def to_stamp(at: datetime) -> int:
    """Microseconds since 1970, UTC. A time without a zone is taken as UTC."""
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_stamp(stamp: int) -> datetime:
    """The reverse of ``to_stamp``."""
    return _EPOCH + timedelta(microseconds=stamp)
