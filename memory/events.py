"""What customers did with items: looked at, bought, sent back, refused.

Rows of the customer's own scope: an export has them, and an erasure takes them. A text stands in
none; what a customer says is in their conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.clock import from_stamp, now, to_stamp
from memory.customers import EVENTS, WHERE, Owner, key
from memory.database import Database, new_id, run
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.retrying import retried
from memory.types import Floats, Positions, check_name

ITEM_LIMIT = 400  # characters of an item's id

# What each kind says of how a customer likes an item: 1 well, -1 not at all. To round numbers, by
# what it costs the customer to do it.
KINDS = {
    "bought": 1.0, "liked": 1.0, "asked": 0.5, "viewed": 0.3,
    "complained": -0.5, "returned": -0.7, "refused": -1.0,
}  # fmt: skip
DONE_WITH = frozenset({"bought", "liked", "complained", "returned", "refused"})  # not again

_COLUMNS = "seq, id, item, did, at"
_LAST = text(f"SELECT COALESCE(MAX(seq), 0) FROM events {WHERE}")
_ADD = text(
    f"INSERT INTO events (tenant, customer, {_COLUMNS}) "
    "VALUES (:tenant, :customer, :seq, :id, :item, :did, :at) "
    "ON CONFLICT (tenant, customer, id) DO NOTHING"
)
_NEWEST = text(
    f"SELECT {_COLUMNS} FROM events {WHERE} AND seq < :before ORDER BY seq DESC LIMIT :limit"
)
_LATEST = text(f"SELECT {_COLUMNS} FROM events {WHERE} ORDER BY at DESC, seq DESC LIMIT :limit")
_DONE = text(f"SELECT DISTINCT item FROM events {WHERE} AND did IN {tuple(sorted(DONE_WITH))}")
_DELETE = text(f"DELETE FROM events {WHERE} AND id = :id")
_COUNT = text("SELECT COUNT(*) FROM events WHERE tenant = :tenant")
_ALL = text(
    "SELECT customer, item, did, at FROM events WHERE tenant = :tenant ORDER BY customer, at, seq"
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a customer did with an item, at a time; ``kind`` is one of ``KINDS``.

    With an ``id`` of the sender's it is stored once however often it is sent. ``seq`` orders a
    customer's events as they were stored.

    Raises:
        InvalidInput: there is no such kind, or no database could hold it.
    """

    item: str
    kind: str
    at: datetime = field(default_factory=now)
    id: str = field(default_factory=new_id)
    seq: int = 0

    def __post_init__(self) -> None:
        check_name("item", self.item, ITEM_LIMIT)
        check_name("event id", self.id)
        if self.kind not in KINDS:
            msg = f"an event has one of the kinds {', '.join(KINDS)}, not {self.kind!r}"
            raise InvalidInput(msg)


class Done(NamedTuple):
    """What all customers of a tenant did, by time within each: n events.

    ``customers`` and ``items`` are numbers; ``names`` has the items' ids by theirs. ``weights`` are
    as in ``KINDS``, ``at`` in microseconds.
    """

    customers: Positions
    items: Positions
    weights: Floats
    at: Positions
    names: list[str]


class Events:
    """The events of a database. Each method that writes does all of it, or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def add(self, owner: Owner, events: Sequence[Event]) -> list[Event]:
        """Store events; those whose id is there already are left alone.

        Returns:
            Those that were added.
        """
        if not events:
            return []
        added = []
        with self._database.write() as connection:
            customers.allocate(
                connection, owner, 0
            )  # the lock; none of the numbers that records have
            (last,) = run(connection, _LAST, key(owner)).fetchall()[0]
            for event in events:
                numbered = replace(event, seq=last + 1)
                row = key(
                    owner, seq=numbered.seq, id=event.id, item=event.item, did=event.kind,
                    at=to_stamp(event.at),
                )  # fmt: skip
                if connection.execute(_ADD, row).rowcount:
                    added.append(numbered)
                    last += 1
            if added:
                enter(connection)
        return added

    def newest(self, owner: Owner, limit: int, before: int | None = None) -> list[Event]:
        """The last ``limit`` events stored before a sequence number, newest first."""
        values = key(owner, limit=limit, before=before or 2**62)
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(_NEWEST, values)]

    def latest(self, owner: Owner, limit: int) -> list[Event]:
        """The last ``limit`` things that a customer did, by their times, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_LATEST, key(owner, limit=limit)).all()
        return [_event(row) for row in reversed(rows)]

    def done_with(self, owner: Owner) -> set[str]:
        """The items that a customer has, or likes, or does not want: they know them."""
        with self._database.read() as connection:
            return {*connection.execute(_DONE, key(owner)).scalars()}

    @retried
    def remove(self, owner: Owner, event_id: str) -> bool:
        """Delete an event; whether it was there."""
        with self._database.write() as connection:
            customers.lock(connection, owner)
            gone = bool(connection.execute(_DELETE, key(owner, id=event_id)).rowcount)
            if gone:
                forget_derived(connection, owner[0])
                enter(connection)
        return gone

    def mark(self, tenant: str) -> tuple[int, int]:
        """How often events were taken away, as a generation, and how many there are."""
        with self._database.read() as connection:
            generation = customers.state(connection, (tenant, EVENTS)).generation
            return generation, connection.execute(_COUNT, {"tenant": tenant}).scalar_one()

    def done(self, tenant: str) -> Done:
        """What all customers of a tenant did."""
        whose: dict[str, int] = {}
        names: dict[str, int] = {}
        with self._database.read() as connection:
            rows = [
                (whose.setdefault(row.customer, len(whose)),
                 names.setdefault(row.item, len(names)), KINDS[row.did], row.at)
                for row in connection.execute(
                    _ALL, {"tenant": tenant}, execution_options={"yield_per": 1000}
                )
            ]  # fmt: skip
        by, of, weights, at = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Done(
            np.array(by, np.int64), np.array(of, np.int64), np.array(weights, np.float32),
            np.array(at, np.int64), [*names],
        )  # fmt: skip


def forget_derived(connection: Connection, tenant: str) -> None:
    """Say that events were taken away: what was made of all customers' is made anew."""
    customers.allocate(connection, (tenant, EVENTS), 0)  # it may not be there yet
    customers.move_generation(connection, (tenant, EVENTS))


def _event(row: Row[Any]) -> Event:
    return Event(row.item, row.did, from_stamp(row.at), row.id, row.seq)
