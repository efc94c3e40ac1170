"""Forgetting by policy: by age, by not having been recalled, by count.

What is pinned and what a person made no policy takes. When a record was last recalled is in the
turns, which say what was recalled for each; a record that never was counts from when it was
said.

What has outlived its own time (``expires_at``) or the policy's age is to be seen nowhere any
more: the messages that quote it leave prompts too, and so do those that are too old and of which
no record is left. What goes because nobody asked for it, or
because there is too much, leaves recall only; the conversation it was said in stays whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.database import Database, run
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.retrying import retried
from memory.summaries import hide_messages
from memory.types import Record

EVERY = timedelta(days=1)  # how often a digest looks what a policy has outlived
_AT_ONCE = 500  # records forgotten in one transaction: others wait for it

_RECORDS = text(
    f"SELECT id, text, at, expires_at, pinned, source, session, messages FROM records {WHERE} "
    "ORDER BY seq"
)
_RECALLED = text(f"SELECT at, recalled FROM turns {WHERE} AND recalled IS NOT NULL")
_FOUND = text(
    f"SELECT seq, id, text, messages, pinned, source FROM records {WHERE} AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))
_DELETE = text(f"DELETE FROM records {WHERE} AND seq = :seq")
_DELETE_VECTOR = text(f"DELETE FROM vectors {WHERE} AND seq = :seq")
_QUOTED = text(
    f"SELECT session, seq, id, text, at FROM messages {WHERE} AND forgotten = 0 AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))
_OLD = text(
    f"SELECT session, id, text, at FROM messages {WHERE} AND forgotten = 0 AND at <= :since "
    "ORDER BY seq"
)
_CLAIM = text(f"UPDATE customers SET swept = :now {WHERE} AND swept <= :before")


def _span(days: float | None) -> timedelta | None:
    """Days as a time; what is above zero stays so, however little it is."""
    if days is None:
        return None
    return timedelta(days=days) or (timedelta.resolution if days > 0 else timedelta())


Reason = Literal["expired", "age", "unrecalled", "count"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long and how much is remembered; None sets no limit.

    Raises:
        InvalidInput: a limit is not above zero.
    """

    max_age: timedelta | None = None
    unrecalled_for: timedelta | None = None
    max_records: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_age", "unrecalled_for"):
            span = getattr(self, name)
            if span is not None and span <= timedelta():
                msg = f"{name} is {span}: give a time above zero, or None for no limit"
                raise InvalidInput(msg)
        if self.max_records is not None and self.max_records < 1:
            msg = f"max_records is {self.max_records}: give at least 1, or None for no limit"
            raise InvalidInput(msg)

    @classmethod
    def days(
        cls, max_age: float | None, unrecalled_for: float | None, max_records: int | None
    ) -> Policy:
        """A policy whose times are given in days."""
        return cls(_span(max_age), _span(unrecalled_for), max_records)

    def __bool__(self) -> bool:
        """Whether it sets any limit."""
        return self != Policy()

    def since(self, at: datetime) -> datetime | None:
        """What was said until then is too old at ``at``; None if nothing ever is."""
        if self.max_age is None:
            return None
        try:
            return at - self.max_age
        except OverflowError:  # before the year 1
            return None

    def outlives(self, record: Record, at: datetime) -> bool:
        """Whether a record is too old at ``at``."""
        since = self.since(at)
        return since is not None and record.at <= since and not record.protected


class Kept(NamedTuple):
    """A record as a policy sees it; what is ``protected`` goes only when its own time is over."""

    id: str
    text: str
    at: datetime
    recalled_at: datetime | None = None
    protected: bool = False
    expires_at: datetime | None = None


class Forgotten(NamedTuple):
    """A record that goes, or a message of which no record was left, and why."""

    id: str
    text: str
    at: datetime
    reason: Reason
    kind: Literal["memory", "message"] = "memory"


def outlived(policy: Policy, kept: Iterable[Kept], at: datetime) -> list[Forgotten]:
    """The records that go at ``at``, each with the first reason that holds.

    Of the count are all records that do not go for another reason. Over it go those that were
    said and recalled longest ago.
    """
    since = policy.since(at)
    gone: list[Forgotten] = []
    left: list[tuple[datetime, Kept]] = []
    for one in kept:
        last = max(one.at, one.recalled_at or one.at)
        reason: Reason | None = None
        if one.expires_at is not None and one.expires_at <= at:
            reason = "expired"
        elif one.protected:
            pass
        elif since is not None and one.at <= since:
            reason = "age"
        elif policy.unrecalled_for is not None and at - last >= policy.unrecalled_for:
            reason = "unrecalled"
        if reason is None:
            left.append((last, one))
        else:
            gone.append(Forgotten(one.id, one.text, one.at, reason))
    if policy.max_records is not None:
        free = sorted((pair for pair in left if not pair[1].protected), key=lambda pair: pair[0])
        over = max(len(left) - policy.max_records, 0)
        gone += [Forgotten(one.id, one.text, one.at, "count") for _, one in free[:over]]
    return gone


class Forgetting:
    """What policies take from the records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def outlived(self, owner: Owner, policy: Policy, at: datetime) -> list[Forgotten]:
        """What a customer has to lose by a policy; nothing is changed."""
        since = policy.since(at)
        with self._database.read() as connection:
            rows = connection.execute(_RECORDS, key(owner)).all()
            found = outlived(policy, _kept(connection, owner, rows), at)
            return found if since is None else found + _unrecorded(connection, owner, rows, since)

    def forget(self, owner: Owner, found: Sequence[Forgotten]) -> None:
        """Forget what was found; not records that a person has pinned or corrected meanwhile."""
        for start in range(0, len(found), _AT_ONCE):
            with self._database.write() as connection:
                if customers.lock(connection, owner) is None:
                    return
                _forget(connection, owner, found[start : start + _AT_ONCE])
                customers.move_generation(connection, owner)
                enter(connection)

    @retried
    def due(self, owner: Owner) -> bool:
        """Whether the customer's daily look is due; who is told so has taken it on."""
        at = now()
        values = key(owner, now=to_stamp(at), before=to_stamp(at - EVERY))
        with self._database.write() as connection:
            return bool(connection.execute(_CLAIM, values).rowcount)


def _forget(connection: Connection, owner: Owner, found: Sequence[Forgotten]) -> None:
    reasons = {one.id: one.reason for one in found if one.kind == "memory"}
    rows = connection.execute(_FOUND, key(owner, ids=list(reasons))).all() if reasons else []
    gone = [
        row
        for row in rows
        if reasons[row.id] == "expired" or not (row.pinned or row.source == "person")
    ]
    for row in gone:
        run(connection, _DELETE, key(owner, seq=row.seq))
        run(connection, _DELETE_VECTOR, key(owner, seq=row.seq))
    quoted = {
        (message, row.text)
        for row in gone
        if reasons[row.id] in {"expired", "age"}
        for message in json.loads(row.messages)
    }
    left = {(one.id, one.text, one.at) for one in found if one.kind == "message"}
    if ids := [name for name, *_ in (*quoted, *left)]:
        said = connection.execute(_QUOTED, key(owner, ids=ids)).all()
        hide_messages(
            connection, owner,
            [(m.session, m.seq) for m in said
             if (m.id, m.text) in quoted or (m.id, m.text, from_stamp(m.at)) in left],
        )  # fmt: skip


def _unrecorded(
    connection: Connection, owner: Owner, records: Sequence[Row[Any]], since: datetime
) -> list[Forgotten]:
    """The messages that are too old and that no record quotes: it went by the count, say."""
    quoted = {
        (row.session, message, row.text) for row in records for message in json.loads(row.messages)
    }
    return [
        Forgotten(row.id, row.text, from_stamp(row.at), "age", "message")
        for row in connection.execute(_OLD, key(owner, since=to_stamp(since)))
        if (row.session, row.id, row.text) not in quoted
    ]


def _kept(connection: Connection, owner: Owner, records: Sequence[Row[Any]]) -> list[Kept]:
    recalled: dict[str, int] = {}
    for at, rows in connection.execute(_RECALLED, key(owner)):
        for row in json.loads(rows)["records"]:
            recalled[row["id"]] = max(at, recalled.get(row["id"], at))
    return [
        Kept(
            row.id, row.text, from_stamp(row.at),
            from_stamp(recalled[row.id]) if row.id in recalled else None,
            bool(row.pinned) or row.source == "person",
            from_stamp(row.expires_at) if row.expires_at is not None else None,
        )
        for row in records
    ]  # fmt: skip
