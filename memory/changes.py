"""Changes to what is remembered, made to the rows within a transaction that is under way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.indexes.lexical import terms
from memory.summaries import hide_message
from memory.transcript import dump
from memory.types import Add, Change, Forget, Record, Replace, Supersede

RECORD_COLUMNS = (
    "seq, id, session, role, text, at, messages, terms, superseded_by, valid_to, expires_at, "
    "slot, value, source, pinned"
)
_ADD = text(
    f"INSERT INTO records (tenant, customer, {RECORD_COLUMNS}) VALUES (:tenant, :customer, :seq, "
    ":id, :session, :role, :text, :at, :messages, :terms, :superseded_by, :valid_to, :expires_at, "
    ":slot, :value, :source, :pinned) "
    "ON CONFLICT (tenant, customer, id) DO UPDATE SET text = excluded.text, "
    "messages = excluded.messages, terms = excluded.terms, at = excluded.at, "
    "superseded_by = excluded.superseded_by, valid_to = excluded.valid_to, "
    "expires_at = excluded.expires_at, slot = excluded.slot, value = excluded.value, "
    "source = excluded.source, pinned = excluded.pinned"
)
_BY_ID = text(f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND id = :id")
_DELETE = text(f"DELETE FROM records {WHERE} AND seq = :seq")
_DELETE_VECTOR = text(f"DELETE FROM vectors {WHERE} AND seq = :seq")
_SUPERSEDE = text(f"UPDATE records SET superseded_by = :by, valid_to = :at {WHERE} AND id = :id")
_QUOTED = text(
    f"SELECT session, seq FROM messages {WHERE} AND text = :text AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))


def insert(connection: Connection, owner: Owner, records: Sequence[Record]) -> None:
    """Number records and add them; one whose id is there takes its place."""
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


def apply(
    connection: Connection, owner: Owner, changes: Sequence[Change], *, corrected: bool
) -> None:
    """Make changes.

    A replacement that corrects the old takes the messages that quote it out of prompts; one
    that only says it again leaves the conversation as it was.
    """
    for change in changes:
        match change:
            case Add(record):
                if by_id(connection, owner, record.id) is None:
                    insert(connection, owner, [record])
            case Forget(record_id):
                _drop(connection, owner, record_id, hide=True)
            case Replace(old, record):
                gone = _drop(connection, owner, old, hide=corrected)
                sources = dict.fromkeys((*(gone.messages if gone else ()), *record.messages))
                insert(connection, owner, [replace(record, messages=tuple(sources))])
            case Supersede(old, record):
                insert(connection, owner, [record])
                if (gone := by_id(connection, owner, old)) is not None:
                    _hide_quotes(connection, owner, gone)
                at = to_stamp(now())
                connection.execute(_SUPERSEDE, key(owner, id=old, by=record.id, at=at))
    if any(not isinstance(change, Add) for change in changes):
        customers.move_generation(connection, owner)


def _drop(connection: Connection, owner: Owner, record_id: str, *, hide: bool) -> Record | None:
    record = by_id(connection, owner, record_id)
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


def by_id(connection: Connection, owner: Owner, record_id: str) -> Record | None:
    """The record with an id, if there is one."""
    row = connection.execute(_BY_ID, key(owner, id=record_id)).first()
    return None if row is None else record_from(row)


def record_from(row: Row[Any]) -> Record:
    """A record from a row that has ``RECORD_COLUMNS``."""
    return Record(
        id=row.id, text=row.text, messages=tuple(json.loads(row.messages)), session=row.session,
        role=row.role, at=from_stamp(row.at), seq=row.seq, terms=tuple(row.terms.split()),
        superseded_by=row.superseded_by,
        valid_to=from_stamp(row.valid_to) if row.valid_to is not None else None,
        expires_at=from_stamp(row.expires_at) if row.expires_at is not None else None,
        slot=row.slot, value=row.value, source=row.source, pinned=bool(row.pinned),
    )  # fmt: skip
