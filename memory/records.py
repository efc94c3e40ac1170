"""What is remembered: records and their vectors, as rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, State, key
from memory.database import Database
from memory.indexes.lexical import terms
from memory.summaries import hide_message
from memory.transcript import COLUMNS, dump, message_from
from memory.types import Add, Change, Floats, Forget, Message, Record, Replace, Supersede

_COLUMNS = (
    "seq, id, session, role, text, at, messages, terms, superseded_by, valid_to, expires_at, "
    "slot, value, source, pinned"
)
_ADD = text(
    f"INSERT INTO records (tenant, customer, {_COLUMNS}) VALUES (:tenant, :customer, :seq, :id, "
    ":session, :role, :text, :at, :messages, :terms, :superseded_by, :valid_to, :expires_at, "
    ":slot, :value, :source, :pinned) "
    "ON CONFLICT (tenant, customer, id) DO UPDATE SET text = excluded.text, "
    "messages = excluded.messages, terms = excluded.terms, at = excluded.at, "
    "superseded_by = excluded.superseded_by, valid_to = excluded.valid_to, "
    "expires_at = excluded.expires_at, slot = excluded.slot, value = excluded.value, "
    "source = excluded.source, pinned = excluded.pinned"
)
_AFTER = text(f"SELECT {_COLUMNS} FROM records {WHERE} AND seq > :after ORDER BY seq LIMIT :limit")
_BEFORE = text(
    f"SELECT {_COLUMNS} FROM records {WHERE} AND seq < :before ORDER BY seq DESC LIMIT :limit"
)
_BY_ID = text(f"SELECT {_COLUMNS} FROM records {WHERE} AND id = :id")
_DELETE = text(f"DELETE FROM records {WHERE} AND seq = :seq")
_DELETE_VECTOR = text(f"DELETE FROM vectors {WHERE} AND seq = :seq")
_SUPERSEDE = text(f"UPDATE records SET superseded_by = :by, valid_to = :at {WHERE} AND id = :id")
_QUOTED = text(
    f"SELECT session, seq FROM messages {WHERE} AND text = :text AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))
_VECTORS = text(f"SELECT seq, vector FROM vectors {WHERE} AND seq > :after ORDER BY seq")
_ADD_VECTOR = text(
    "INSERT INTO vectors (tenant, customer, seq, vector) "
    "VALUES (:tenant, :customer, :seq, :vector) ON CONFLICT DO NOTHING"
)
_UNWRITTEN = text(
    f"SELECT {COLUMNS} FROM messages {WHERE} AND seq > :after AND forgotten = 0 "
    "ORDER BY seq LIMIT :limit"
)
_WRITTEN = text(
    f"UPDATE customers SET written = :upto {WHERE} AND generation = :generation AND written < :upto"
)
_EMBEDDED = text(
    f"UPDATE customers SET embedded = :upto {WHERE} AND generation = :generation "
    "AND embedded < :upto"
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


class Records:
    """The records and vectors of a database.

    What is derived from rows is written only while the customer's generation is the one it
    was derived from: a late digest brings nothing back that was erased meanwhile.
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
                return News(state, [], [], _no_vectors(dimension), [])
            if state.generation != seen.state.generation:
                seen = Seen()
            rows = connection.execute(_AFTER, key(owner, after=seen.record, limit=_ALL)).all()
            found = connection.execute(_VECTORS, key(owner, after=seen.vector)).all()
            after = max(seen.message, state.written)
            said = connection.execute(_UNWRITTEN, key(owner, after=after, limit=_ALL)).all()
        joined = np.frombuffer(b"".join(row.vector for row in found), dtype=np.float16)
        return News(
            state,
            [_record(row) for row in rows],
            [row.seq for row in found],
            joined.reshape(-1, dimension).astype(np.float32),
            [message_from(row) for row in said],
        )

    def unembedded(self, owner: Owner, state: State, limit: int) -> list[Record]:
        """The first records that have no vectors yet."""
        with self._database.read() as connection:
            rows = connection.execute(_AFTER, key(owner, after=state.embedded, limit=limit)).all()
        return [_record(row) for row in rows]

    def unwritten(self, owner: Owner, state: State, limit: int) -> list[Message]:
        """The first messages, of all sessions, that have not been turned into records yet."""
        with self._database.read() as connection:
            rows = connection.execute(
                _UNWRITTEN, key(owner, after=state.written, limit=limit)
            ).all()
        return [message_from(row) for row in rows]

    def newest(self, owner: Owner, limit: int, before: int | None = None) -> list[Record]:
        """The last ``limit`` records before a sequence number, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                _BEFORE, key(owner, before=before or 2**62, limit=limit)
            ).all()
        return [_record(row) for row in rows]

    # --- writing -------------------------------------------------------------------------

    def write(self, owner: Owner, records: Sequence[Record], upto: int, generation: int) -> bool:
        """Add the records of the messages up to ``upto``; False if that is done or outdated."""
        with self._database.write() as connection:
            if not _moved(connection, _WRITTEN, owner, upto, generation):
                return False
            _insert(connection, owner, records)
        return True

    def embed(
        self,
        owner: Owner,
        records: Sequence[Record],
        vectors: Floats,
        changes: Iterable[Change],
        generation: int,
    ) -> bool:
        """Add the records' vectors (n, d) and make the changes; False if done or outdated."""
        changes = list(changes)
        with self._database.write() as connection:
            if not _moved(connection, _EMBEDDED, owner, records[-1].seq, generation):
                return False
            packed = vectors.astype(np.float16)
            connection.execute(
                _ADD_VECTOR,
                [
                    key(owner, seq=record.seq, vector=row.tobytes())
                    for record, row in zip(records, packed, strict=True)
                ],
            )
            _apply(connection, owner, changes, corrected=False)
        return True

    def apply(self, owner: Owner, changes: Iterable[Change]) -> None:
        """Make changes that a person asked for; the next prompt is laid out without the old."""
        with self._database.write() as connection:
            # Held from before the look: a digest about to commit is waited for, and undone too.
            customers.lock(connection, owner)
            _apply(connection, owner, list(changes), corrected=True)


def _no_vectors(dimension: int) -> Floats:
    return np.empty((0, dimension), np.float32)


def _moved(
    connection: Connection, statement: sa.TextClause, owner: Owner, upto: int, generation: int
) -> bool:
    done = connection.execute(statement, key(owner, upto=upto, generation=generation))
    return bool(done.rowcount)


def _insert(connection: Connection, owner: Owner, records: Sequence[Record]) -> None:
    if not records:
        return
    first, _ = customers.allocate(connection, owner, len(records))
    connection.execute(
        _ADD,
        [
            key(owner, seq=first + i, id=r.id, session=r.session, role=r.role, text=r.text,
                at=to_stamp(r.at), messages=dump(r.messages),
                terms=" ".join(r.terms or terms(r.text)), superseded_by=r.superseded_by,
                valid_to=r.valid_to and to_stamp(r.valid_to),
                expires_at=r.expires_at and to_stamp(r.expires_at), slot=r.slot, value=r.value,
                source=r.source, pinned=int(r.pinned))
            for i, r in enumerate(records)
        ],
    )  # fmt: skip


def _apply(
    connection: Connection, owner: Owner, changes: Sequence[Change], *, corrected: bool
) -> None:
    """Make changes.

    A replacement that corrects the old takes the messages that quote it out of prompts; one
    that only says it again leaves the conversation as it was.
    """
    for change in changes:
        match change:
            case Add(record):
                if _by_id(connection, owner, record.id) is None:
                    _insert(connection, owner, [record])
            case Forget(record_id):
                _drop(connection, owner, record_id, hide=True)
            case Replace(old, record):
                gone = _drop(connection, owner, old, hide=corrected)
                sources = dict.fromkeys((*(gone.messages if gone else ()), *record.messages))
                _insert(connection, owner, [replace(record, messages=tuple(sources))])
            case Supersede(old, record):
                _insert(connection, owner, [record])
                if (gone := _by_id(connection, owner, old)) is not None:
                    _hide_quotes(connection, owner, gone)
                at = to_stamp(now())
                connection.execute(_SUPERSEDE, key(owner, id=old, by=record.id, at=at))
    if any(not isinstance(change, Add) for change in changes):
        customers.move_generation(connection, owner)


def _drop(connection: Connection, owner: Owner, record_id: str, *, hide: bool) -> Record | None:
    record = _by_id(connection, owner, record_id)
    if record is not None:
        connection.execute(_DELETE, key(owner, seq=record.seq))
        connection.execute(_DELETE_VECTOR, key(owner, seq=record.seq))
        if hide:
            _hide_quotes(connection, owner, record)
    return record


def _hide_quotes(connection: Connection, owner: Owner, record: Record) -> None:
    """The messages that say just what a record says leave every prompt."""
    if record.messages:
        quoted = key(owner, text=record.text, ids=list(record.messages))
        for session, seq in connection.execute(_QUOTED, quoted).all():
            hide_message(connection, owner, session, seq)


def _by_id(connection: Connection, owner: Owner, record_id: str) -> Record | None:
    row = connection.execute(_BY_ID, key(owner, id=record_id)).first()
    return None if row is None else _record(row)


def _record(row: Row[Any]) -> Record:
    return Record(
        id=row.id, text=row.text, messages=tuple(json.loads(row.messages)), session=row.session,
        role=row.role, at=from_stamp(row.at), seq=row.seq, terms=tuple(row.terms.split()),
        superseded_by=row.superseded_by,
        valid_to=from_stamp(row.valid_to) if row.valid_to is not None else None,
        expires_at=from_stamp(row.expires_at) if row.expires_at is not None else None,
        slot=row.slot, value=row.value, source=row.source, pinned=bool(row.pinned),
    )  # fmt: skip
