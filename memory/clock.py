"""Time as it is stored: microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


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
