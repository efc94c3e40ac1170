"""When something was said, as other programs write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from memory import InvalidInput

_MILLISECONDS = 1e11  # a number from here on counts them: as seconds it is the year 5138


def time_of(given: Any, zone: tzinfo = UTC, name: str = "at") -> datetime | None:
    """A time in UTC, None where there is none.

    Args:
        given: ISO 8601, or seconds or milliseconds since 1970, as a number or in quotes.
        zone: of a time that does not say.
        name: of the member, for the message.

    Raises:
        InvalidInput: it is no time.
    """
    if given is None or given == "":
        return None
    try:
        at = _read(given)
        if at is not None:
            # In UTC at once: a time of the year 1 or 9999 may have none there.
            return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    shown = json.dumps(given, ensure_ascii=False, default=str)[:60]
    msg = f'"{name}" is {shown}: give a time such as "2024-05-04T09:30:00Z", or seconds since 1970'
    raise InvalidInput(msg)


def _read(given: Any) -> datetime | None:
    if isinstance(given, datetime):
        return given
    if isinstance(given, str):
        try:
            return datetime.fromisoformat(given.strip())
        except ValueError:
            given = float(given)
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return datetime.fromtimestamp(given / 1000 if abs(given) >= _MILLISECONDS else given, UTC)
    return None


def filled(times: Sequence[datetime | None], otherwise: datetime | None) -> list[datetime]:
    """The times of a conversation's messages, those that are missing taken from their neighbours.

    A message without one was said when the message before it was, the first ones when the first
    was that has one; ``otherwise`` (now, if None) where none has.
    """
    last = next((at for at in times if at is not None), otherwise or datetime.now(UTC))
    whole = []
    for at in times:
        last = at or last
        whole.append(last)
    return whole
