"""Rows in a chain: each has a number, the hash of the one before it, and one over all it says.

Who keeps a hash can show that nothing up to it was changed, taken away, put in or swapped since.
That what came after it is missing shows only to somebody who has kept a later one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.database import run


class Link(Protocol):
    """A row of a chain."""

    @property
    def number(self) -> int:
        """From 1."""

    @property
    def previous(self) -> str:
        """The hash of the row before it; "" of the first."""

    @property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, over what it says."""

    def said(self) -> list[Any]:
        """All that the row says, ``number`` and ``previous`` too, as JSON has it."""

    @property
    def _replace(self) -> Callable[..., Any]:
        """As named tuples have it."""


L = TypeVar("L", bound=Link)


class End(NamedTuple):
    """Where a chain ends: the number and the hash of its last row."""

    number: int = 0
    hash: str = ""


class Chain:
    """The rows of a table."""

    def __init__(self, table: str, noun: str, lock: int) -> None:
        """Name a chain.

        Args:
            table: of its rows.
            noun: what a row is called.
            lock: a number, of Postgres, by which whoever adds a row waits for who adds one.
        """
        self._noun = noun
        self._lock = text(f"SELECT pg_advisory_xact_lock({lock})")
        self._last = text(f"SELECT number, hash FROM {table} ORDER BY number DESC LIMIT 1")

    def end(self, connection: Connection) -> End:
        """The last row; nobody else adds one until the transaction ends."""
        if connection.dialect.name == "postgresql":  # on SQLite there is one writer anyway
            connection.execute(self._lock)
        return End(*next(iter(run(connection, self._last, {}).fetchall()), ()))

    def fault(self, end: End, link: Link) -> str | None:
        """What is wrong with the row that stands after ``end``; None if nothing is."""
        if link.number != end.number + 1 or link.previous != end.hash:
            return f"the {self._noun} before number {link.number} is missing or another"
        if link.hash != _hash(link):
            return f"{self._noun} {link.number} is not as it was written"
        return None


def linked(end: End, links: Iterable[L]) -> list[L]:
    """Rows with their places after ``end``."""
    placed: list[L] = []
    for link in links:
        link = link._replace(number=end.number + 1, previous=end.hash)
        link = link._replace(hash=_hash(link))
        end = End(link.number, link.hash)
        placed.append(link)
    return placed


def _hash(link: Link) -> str:
    return hashlib.sha256(json.dumps(link.said(), sort_keys=True).encode()).hexdigest()
