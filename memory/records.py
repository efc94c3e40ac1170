"""What is remembered: records and their vectors, as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.changes import (
    RECORD_COLUMNS,
    apply,
    by_id,
    correct,
    insert,
    overruled,
    record_from,
)
from memory.clock import to_stamp
from memory.customers import WHERE, Owner, State, key
from memory.database import Database, run
from memory.deeds import enter
from memory.retrying import retried
from memory.transcript import COLUMNS, message_from
from memory.types import Add, Change, Floats, Message, Record, Update
from memory.updates import AGAIN, LATELY, settle
from memory.withdrawals import Withdrawal

CONTEXT = 6  # messages before a batch, by which a writer understands it

_AFTER = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND seq > :after ORDER BY seq LIMIT :limit"
)
_OF_SLOTS = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND slot IN :slots ORDER BY seq"
).bindparams(sa.bindparam("slots", type_=sa.String, expanding=True))
# What may be said again in new records.
_SAID_SINCE = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND slot IS NULL AND at >= :since "
    f"AND session IN :sessions ORDER BY seq DESC LIMIT {LATELY}"
).bindparams(sa.bindparam("sessions", expanding=True))
_OF_SLOT = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND seq < :before "
    "AND (slot = :slot OR :slot IS NULL) AND (superseded_by IS NULL OR :history = 1) "
    "ORDER BY seq DESC LIMIT :limit"
)
_EXPIRED = text(
    f"SELECT 1 FROM records {WHERE} AND superseded_by IS NULL AND expires_at <= :at LIMIT 1"
)
_VECTORS = text(f"SELECT seq, vector FROM vectors {WHERE} AND seq > :after ORDER BY seq")
_ADD_VECTOR = text(
    "INSERT INTO vectors (tenant, customer, seq, vector) "
    "VALUES (:tenant, :customer, :seq, :vector) ON CONFLICT DO NOTHING"
)
_UNWRITTEN = text(
    f"SELECT {COLUMNS} FROM messages {WHERE} AND seq > :after AND forgotten = 0 "
    "AND origin IS NULL ORDER BY seq LIMIT :limit"
)
_EARLIER = text(
    f"SELECT {COLUMNS} FROM messages {WHERE} AND seq <= :upto AND forgotten = 0 "
    f"AND origin IS NULL ORDER BY seq DESC LIMIT {CONTEXT}"
)
# Only from the state that it was derived from: of two digests at once the later one does nothing.
_WRITTEN = text(
    f"UPDATE customers SET written = :upto {WHERE} AND generation = :generation "
    "AND written = :written"
)
_EMBEDDED = text(
    f"UPDATE customers SET embedded = :upto {WHERE} AND generation = :generation "
    "AND embedded = :embedded"
)
_NOTHING_LEFT = text(
    f"UPDATE customers SET written = :seq {WHERE} AND generation = :generation AND seq = :seq "
    "AND written = :written AND embedded = :embedded"
)

_ALL = 2**31


class Seen(NamedTuple):
    """How far a cache has read a customer's rows."""

    state: State = State()
    record: int = 0  # seq of the last record, vector and unwritten message that it has
    vector: int = 0
    message: int = 0


class News(NamedTuple):
    """Rows that a cache has not seen."""

    state: State
    records: list[Record]
    vector_seqs: list[int]
    vectors: Floats  # (n, d), of the records numbered vector_seqs
    messages: list[Message]  # not turned into records yet
    earlier: list[Message] | None  # the few before them; None where the cache has those already


class Undone(NamedTuple):
    """What a digest has still to do: messages, or once there are none, records without vectors."""

    state: State
    earlier: list[Message]  # the few before the messages
    messages: list[Message]
    records: list[Record]


class Records:
    """The records and vectors of a database.

    What is derived from rows is written only while the customer's generation and watermark are
    those it was derived from: a late digest brings nothing back that was erased meanwhile, and
    two at once write nothing twice.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- reading -------------------------------------------------------------------------

    def state(self, owner: Owner) -> State:
        """The customer's counters."""
        with self._database.read() as connection:
            return customers.state(connection, owner)

    def since(self, owner: Owner, seen: Seen, dimension: int) -> News:
        """What has changed since a cache last looked, all of it from one state of the rows.

        When the generation has moved, that is everything.
        """
        with self._database.read() as connection:
            state = customers.state(connection, owner)
            if state == seen.state:
                return News(state, [], [], _no_vectors(dimension), [], None)
            if state.generation != seen.state.generation:
                seen = Seen()
            rows = run(connection, _AFTER, key(owner, after=seen.record, limit=_ALL)).fetchall()
            found = run(connection, _VECTORS, key(owner, after=seen.vector)).fetchall()
            after = max(seen.message, state.written)
            said = run(connection, _UNWRITTEN, key(owner, after=after, limit=_ALL)).fetchall()
            known = seen.message > state.written
            earlier = _earlier(connection, owner, after) if said and not known else None
        joined = np.frombuffer(b"".join(vector for _, vector in found), dtype=np.float16)
        return News(
            state,
            [record_from(row) for row in rows],
            [seq for seq, _ in found],
            joined.reshape(-1, dimension).astype(np.float32),
            [message_from(row) for row in said],
            earlier,
        )

    def undone(self, owner: Owner, messages: int, records: int = 0) -> Undone:
        """The first messages, of all sessions, that have not been turned into records yet.

        If there are none, the first records that have no vectors, so that the watermark of the
        vectors never hides one.

        Args:
            owner: whose.
            messages: how many at most.
            records: how many at most.
        """
        with self._database.read() as connection:  # one state of the rows
            state = customers.state(connection, owner)
            values = key(owner, after=state.written, limit=messages)
            said = run(connection, _UNWRITTEN, values).fetchall()
            if said:
                earlier = _earlier(connection, owner, state.written)
                return Undone(state, earlier, [message_from(row) for row in said], [])
            if not records:
                return Undone(state, [], [], [])
            values = key(owner, after=state.embedded, limit=records)
            rows = run(connection, _AFTER, values).fetchall()
        return Undone(state, [], [], [record_from(row) for row in rows])

    def newest(
        self,
        owner: Owner,
        limit: int,
        before: int | None = None,
        *,
        slot: str | None = None,
        history: bool = True,
    ) -> list[Record]:
        """The last ``limit`` records before a sequence number, newest first.

        Args:
            owner: whose.
            limit: how many at most.
            before: a sequence number.
            slot: only the facts that fill it.
            history: the superseded ones too.
        """
        values = key(owner, before=before or 2**62, limit=limit, slot=slot, history=int(history))
        with self._database.read() as connection:
            rows = connection.execute(_OF_SLOT, values).all()
        return [record_from(row) for row in rows]

    def expired(self, owner: Owner, at: datetime) -> bool:
        """Whether the time of any record is over."""
        with self._database.read() as connection:
            return bool(run(connection, _EXPIRED, key(owner, at=to_stamp(at))).fetchall())

    def get(self, owner: Owner, record_id: str) -> Record | None:
        """The record with an id."""
        with self._database.read() as connection:
            return by_id(connection, owner, record_id)

    # --- writing -------------------------------------------------------------------------

    @retried
    def write(
        self,
        owner: Owner,
        records: Sequence[Record],
        upto: int,
        state: State,
        update: Update | None = None,
    ) -> bool:
        """Add the records of the messages up to ``upto``; False if that is done or outdated.

        What fills a slot is decided about here, where nothing can come between.
        """
        with self._database.write() as connection:
            if not _moved(connection, _WRITTEN, owner, state, upto):
                return False
            records = overruled(connection, owner, records)
            if update is None or not records:
                insert(connection, owner, records)
                return True
            slots = sorted({r.slot for r in records if r.slot is not None})
            of_slots = key(owner, slots=slots)
            sessions = sorted({r.session for r in records})
            since = to_stamp(min(r.at for r in records)) - AGAIN // timedelta(microseconds=1)
            lately = key(owner, sessions=sessions, since=since)
            known = [
                *(run(connection, _OF_SLOTS, of_slots).fetchall() if slots else ()),
                *run(connection, _SAID_SINCE, lately).fetchall(),
            ]
            changes = settle(records, [record_from(row) for row in known], update)
            insert(connection, owner, [c.record for c in changes if isinstance(c, Add)])
            rest = [c for c in changes if not isinstance(c, Add)]
            apply(connection, owner, rest, corrected=False)
        return True

    @retried
    def embed(
        self,
        owner: Owner,
        records: Sequence[Record],
        vectors: Floats,
        changes: Iterable[Change],
        state: State,
    ) -> bool:
        """Add the records' vectors (n, d) and make the changes; False if done or outdated."""
        changes = list(changes)
        with self._database.write() as connection:
            if not _moved(connection, _EMBEDDED, owner, state, records[-1].seq):
                return False
            packed = vectors.astype(np.float16)
            run(
                connection, _ADD_VECTOR,
                [
                    key(owner, seq=record.seq, vector=row.tobytes())
                    for record, row in zip(records, packed, strict=True)
                ],
            )  # fmt: skip
            apply(connection, owner, changes, corrected=False)
        return True

    @retried
    def nothing_left(self, owner: Owner, state: State) -> None:
        """Say that there was nothing to be derived from a customer's last rows.

        They may be messages that are in no prompt any more; else who looks for what was left
        undone would look at them for ever.
        """
        if state.lags:
            with self._database.write() as connection:
                _moved(connection, _NOTHING_LEFT, owner, state, state.seq)

    @retried
    def apply(self, owner: Owner, changes: Iterable[Change]) -> list[Withdrawal]:
        """Make changes that a person asked for; the next prompt is laid out without the old.

        Returns:
            What each took along (see ``changes.apply``).
        """
        with self._database.write() as connection:
            # Held from before the look: a digest about to commit is waited for, and undone too.
            customers.lock(connection, owner)
            taken = apply(connection, owner, changes := list(changes), corrected=True)
            if taken or any(isinstance(change, Add) for change in changes):
                enter(connection)
        return taken

    @retried
    def add(self, owner: Owner, records: Sequence[Record]) -> int:
        """Add records that were made elsewhere; those whose id is there already are left alone.

        Returns:
            How many were added.
        """
        with self._database.write() as connection:
            customers.lock(connection, owner)
            fresh = {r.id: r for r in records if by_id(connection, owner, r.id) is None}
            insert(connection, owner, list(fresh.values()))
            if fresh:
                enter(connection)
        return len(fresh)

    @retried
    def correct(
        self,
        owner: Owner,
        record_id: str,
        given: Mapping[str, Any],
        facts_in: Callable[[Record], list[Record]],
    ) -> Record | None:
        """Change a record as a person says (see ``changes.correct``); None if it is not there."""
        with self._database.write() as connection:
            customers.lock(connection, owner)
            found = correct(connection, owner, record_id, given, facts_in)
            if found is not None:
                enter(connection)
        return found


def _earlier(connection: Connection, owner: Owner, upto: int) -> list[Message]:
    rows = run(connection, _EARLIER, key(owner, upto=upto)).fetchall()
    return [message_from(row) for row in reversed(rows)]


def _no_vectors(dimension: int) -> Floats:
    return np.empty((0, dimension), np.float32)


def _moved(
    connection: Connection, statement: sa.TextClause, owner: Owner, state: State, upto: int
) -> bool:
    """Move a watermark from where it was; whether it was there still."""
    done = run(connection, statement, key(owner, upto=upto, **state._asdict()))
    return bool(done.rowcount)
