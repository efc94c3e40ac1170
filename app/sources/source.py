"""What a source of past conversations gives, whatever it is: items, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from memory import InvalidInput, Record, Scope

# What reading a record that somebody else wrote may raise; whatever it is, the next may be whole.
BAD = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, IndexError)


def told(error: Exception) -> str:
    """Why a record is bad: in our words, or what Python says where it is not as it should be."""
    match error:
        case InvalidInput():
            return str(error)
        case json.JSONDecodeError():
            return f"it is not JSON ({error.msg} at character {error.pos + 1})"
        case UnicodeDecodeError():
            return f"it is not UTF-8 (byte {error.start})"
        case KeyError():
            return f"it has no {error}"
    why = " ".join(f"{type(error).__name__}: {error}".split())
    return f"it is not written as such a record is ({why})"


@dataclass(frozen=True, slots=True)
class Options:
    """What a source does not say itself.

    ``customer`` is whose a record is that does not say, ``customer_field`` where in it that
    stands; ``session_id`` a pattern such as ``{customer}:{session}`` and ``table`` are for
    databases. ``zone`` is of times without one, ``at`` when that was said which has no time (now,
    if not given).
    """

    customer: str | None = None
    customer_field: str | None = None
    session_id: str | None = None
    table: str | None = None
    zone: tzinfo = UTC
    at: datetime | None = None


class Place(NamedTuple):
    """Where in a file something stands: its number, counted in lines or in items."""

    file: str
    unit: str  # "line" or "item"
    number: int
    inside: str = ""  # a file in the file

    def __str__(self) -> str:
        return f"{self.inside}{', ' if self.inside else ''}{self.unit} {self.number}"

    @property
    def name(self) -> str:
        """What a conversation is called that has no name of its own."""
        return f"{self.file}{'/' if self.inside else ''}{self.inside}:{self.number}"


class Conversation(NamedTuple):
    """Messages of a session, or some of them: then another item goes on with it.

    ``undated`` of them had no time of their own.
    """

    place: str
    scope: Scope
    messages: list[BaseMessage]
    times: list[datetime]
    undated: int = 0
    goes_on: bool = False  # with the session of the item before


class Memory(NamedTuple):
    """A thing that was remembered elsewhere."""

    place: str
    customer: str
    record: Record
    undated: bool = False


class Skipped(NamedTuple):
    """What is not imported, and why: because something is wrong with it, or by its kind.

    Of a kind, ``why`` is the same for all of it, so that they can be counted.
    """

    place: str
    why: str
    bad: bool = True


Item = Conversation | Memory | Skipped


class Source(NamedTuple):
    """What is imported: its name, its format, and its items, read anew each time."""

    name: str
    format: str
    items: Callable[[], Iterator[Item]]
