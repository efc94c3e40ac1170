"""Changes to what is remembered, made to the rows within a transaction that is under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.database import run
from memory.errors import InvalidInput
from memory.indexes.lexical import terms
from memory.rewording import reworded
from memory.summaries import hide_message
from memory.transcript import dump
from memory.types import Add, Change, Forget, Record, Replace, Supersede
from memory.withdrawals import Withdrawal, plain, withdraw

RECORD_COLUMNS = (
    "seq, id, session, role, text, at, messages, terms, superseded_by, valid_to, expires_at, "
    "slot, value, source, pinned, speaker, document, item"
)
_ADD = text(
    f"INSERT INTO records (tenant, customer, {RECORD_COLUMNS}) VALUES (:tenant, :customer, :seq, "
    ":id, :session, :role, :text, :at, :messages, :terms, :superseded_by, :valid_to, :expires_at, "
    ":slot, :value, :source, :pinned, :speaker, :document, :item) "
    "ON CONFLICT (tenant, customer, id) DO UPDATE SET text = excluded.text, "
    "messages = excluded.messages, terms = excluded.terms, at = excluded.at, "
    "superseded_by = excluded.superseded_by, valid_to = excluded.valid_to, "
    "expires_at = excluded.expires_at, slot = excluded.slot, value = excluded.value, "
    "source = excluded.source, pinned = excluded.pinned, item = excluded.item "
    "WHERE records.source <> 'person' OR excluded.source = 'person'"
)
_BY_ID = text(f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND id = :id")
_DELETE = text(f"DELETE FROM records {WHERE} AND seq = :seq")
_DELETE_VECTOR = text(f"DELETE FROM vectors {WHERE} AND seq = :seq")
_SUPERSEDE = text(f"UPDATE records SET superseded_by = :by, valid_to = :at {WHERE} AND id = :id")
_HISTORY = text(
    f"SELECT id, superseded_by, slot, value FROM records {WHERE} AND superseded_by IS NOT NULL "
    "AND (superseded_by = :id OR slot = :slot) ORDER BY seq"
)
_FOLLOW = text(f"UPDATE records SET superseded_by = :by {WHERE} AND superseded_by = :id")
_OF_SLOT = text(
    f"SELECT id, value, pinned FROM records {WHERE} AND slot = :slot AND superseded_by IS NULL "
    "AND id <> :id"
)
_MERGE = text(
    f"UPDATE records SET superseded_by = :by, valid_to = :at, pinned = 0 {WHERE} AND id = :id"
)
_PIN = text(f"UPDATE records SET pinned = 1 {WHERE} AND id = :id")
_RETIRE = text(
    "UPDATE records SET id = :history, superseded_by = :id, valid_to = :at, pinned = 0, "
    f"item = NULL {WHERE} AND id = :id"
)
_KEEP = text(f"UPDATE records SET pinned = :pinned, expires_at = :expires_at {WHERE} AND id = :id")
_CORRECTED = text(
    "SELECT old.slot, old.value, old.superseded_by FROM records old JOIN records new "
    "ON new.tenant = old.tenant AND new.customer = old.customer AND new.id = old.superseded_by "
    "WHERE old.tenant = :tenant AND old.customer = :customer AND old.slot IN :slots "
    "AND new.source = 'person' ORDER BY new.at"
).bindparams(sa.bindparam("slots", expanding=True))
_QUOTED = text(
    f"SELECT session, seq FROM messages {WHERE} AND text = :text AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))


def insert(connection: Connection, owner: Owner, records: Sequence[Record]) -> None:
    """Number records and add them; one whose id is there takes its place."""
    if not records:
        return
    first, _ = customers.allocate(connection, owner, len(records))
    run(
        connection, _ADD,
        [
            key(owner, seq=first + i, id=r.id, session=r.session, role=r.role, text=r.text,
                at=to_stamp(r.at), messages=dump(r.messages),
                terms=" ".join(r.terms or terms(r.text)), superseded_by=r.superseded_by,
                valid_to=r.valid_to and to_stamp(r.valid_to),
                expires_at=r.expires_at and to_stamp(r.expires_at), slot=r.slot, value=r.value,
                source=r.source, pinned=int(r.pinned), speaker=r.speaker,
                document=dump(r.document), item=r.item)
            for i, r in enumerate(records)
        ],
    )  # fmt: skip


def apply(
    connection: Connection, owner: Owner, changes: Sequence[Change], *, corrected: bool
) -> list[Withdrawal]:
    """Make changes; ``corrected`` says that a person asked for them.

    What a person takes away or corrects leaves prompts wherever it stands (``withdraw``). An
    update mechanism takes along only the messages that quote what it forgets or supersedes, and
    against what a person made it does not prevail with what was said before.

    Returns:
        What each change that a person asked for took along, if it takes anything along.
    """
    along: list[Withdrawal] = []
    moved = any(not isinstance(change, Add) for change in changes)
    for change in changes:
        if not corrected and (standing := _stands(connection, owner, change)) is not None:
            if not isinstance(change, Forget):
                insert(connection, owner, [_overruled(change.record, standing)])
            continue
        match change:
            case Add(record):
                if by_id(connection, owner, record.id) is None:
                    insert(connection, owner, [record])
                    moved |= corrected and _merge(connection, owner, record)
            case Forget(record_id):
                gone = drop(connection, owner, record_id, hide=not corrected)
                if corrected and gone is not None:
                    before = _drop_history(connection, owner, gone)
                    taken = withdraw(connection, owner, gone, None)
                    ids = [gone.id, *before, *taken.records]
                    along.append(taken._replace(records=ids))
            case Replace(old, record):
                gone = drop(connection, owner, old)
                if gone is not None:
                    sources = tuple(dict.fromkeys((*gone.messages, *record.messages)))
                    pinned = gone.pinned or record.pinned
                    record = replace(record, messages=sources, pinned=pinned)
                insert(connection, owner, [record])
                if corrected and gone is not None:
                    along.append(withdraw(connection, owner, gone, record))
            case Supersede(old, record):
                insert(connection, owner, [record])
                gone = by_id(connection, owner, old)
                fact = gone is not None and gone.slot is not None and not corrected
                at = to_stamp(record.at if fact else now())
                connection.execute(_SUPERSEDE, key(owner, id=old, by=record.id, at=at))
                if gone is None:
                    continue
                if corrected:
                    along.append(withdraw(connection, owner, gone, record))
                elif not fact:
                    # A customer who corrects himself has said both, and the conversation shows it.
                    _hide_quotes(connection, owner, gone)
    if moved:
        customers.move_generation(connection, owner)
    return along


def correct(
    connection: Connection,
    owner: Owner,
    record_id: str,
    given: Mapping[str, Any],
    facts_in: Callable[[Record], list[Record]],
) -> Record | None:
    """Change a record as a person says: its text, value, ``pinned`` and ``expires_at``.

    Other words make it the person's own, said now under the same id: a record made again from
    the same messages does not come back beside it, and an earlier turn for which it was recalled
    shows the new. The fact that it replaces is kept as history, and so is another that said the
    new value already: there is one that says it. The facts in a plain record's new words
    (``facts_in``) are the person's too. Pins and times take nothing along.

    Returns:
        The record as it is now; None if there is none.

    Raises:
        InvalidInput: it holds no longer, it is no fact and cannot have a value, or the new text
            of a fact does not say what its value is.
    """
    old = by_id(connection, owner, record_id)
    if old is None:
        return None
    if old.superseded_by is not None:
        msg = f"this memory holds no longer: correct the one in its place, {old.superseded_by!r}"
        raise InvalidInput(msg)
    said, value = reworded(old, given.get("text"), given.get("value"), facts_in)
    pinned, expires_at = (given.get(name, getattr(old, name)) for name in ("pinned", "expires_at"))
    new = replace(old, text=said, value=value, pinned=pinned, expires_at=expires_at)
    if new == old:
        return old
    if (said, value) == (old.text, old.value):
        ends = expires_at and to_stamp(expires_at)
        connection.execute(_KEEP, key(owner, id=old.id, pinned=int(pinned), expires_at=ends))
    else:
        at = now()
        new = replace(new, at=at, source="person", terms=(), item=less_said(old.item))
        if value != old.value:
            history = f"{old.id}.{old.seq}"
            connection.execute(_RETIRE, key(owner, id=old.id, history=history, at=to_stamp(at)))
        else:
            drop(connection, owner, old.id)
        insert(connection, owner, [new])
        withdraw(connection, owner, old, new)
        if value != old.value:
            _merge(connection, owner, new)
        if old.slot is None:
            insert(connection, owner, [replace(r, source="person") for r in facts_in(new)])
    customers.move_generation(connection, owner)
    return by_id(connection, owner, record_id)


def _stands(connection: Connection, owner: Owner, change: Change) -> Record | None:
    """The record of a person's that a change does not prevail against, if it is one."""
    if isinstance(change, Add):
        return None
    old = by_id(connection, owner, change.id if isinstance(change, Forget) else change.old)
    if old is None or not (old.protected if isinstance(change, Forget) else old.source == "person"):
        return None
    return old if isinstance(change, Forget) or change.record.at <= old.at else None


def _overruled(record: Record, by: Record) -> Record:
    return replace(record, superseded_by=by.id, valid_to=by.at)


def overruled(connection: Connection, owner: Owner, records: Sequence[Record]) -> list[Record]:
    """The records, of which facts that a person has corrected since are history at once."""
    slots = sorted({r.slot for r in records if r.slot})
    if not slots:
        return list(records)
    corrected = {
        (slot, plain(value or "")): by_id(connection, owner, by)
        for slot, value, by in run(connection, _CORRECTED, key(owner, slots=slots)).fetchall()
    }
    found = []
    for record in records:
        by = corrected.get((record.slot, plain(record.value or "")))
        said_before = by is not None and record.at <= by.at
        found.append(_overruled(record, by) if by is not None and said_before else record)
    return found


def drop(
    connection: Connection, owner: Owner, record_id: str, *, hide: bool = False
) -> Record | None:
    """Delete a record with its vector; with ``hide`` the messages that quote it leave prompts."""
    record = by_id(connection, owner, record_id)
    if record is not None:
        connection.execute(_DELETE, key(owner, seq=record.seq))
        connection.execute(_DELETE_VECTOR, key(owner, seq=record.seq))
        if hide:
            _hide_quotes(connection, owner, record)
    return record


def _merge(connection: Connection, owner: Owner, record: Record) -> bool:
    """Make other current facts that say the same history of a person's; whether there were any."""
    if record.value is None:
        return False
    found = connection.execute(_OF_SLOT, key(owner, slot=record.slot, id=record.id)).all()
    same = [row for row in found if plain(row.value or "") == plain(record.value)]
    for row in same:
        merged = key(owner, id=row.id, by=record.id, at=to_stamp(record.at))
        connection.execute(_MERGE, merged)
    if any(row.pinned for row in same):
        connection.execute(_PIN, key(owner, id=record.id))
    return bool(same)


def _drop_history(connection: Connection, owner: Owner, gone: Record) -> list[str]:
    """Delete what a deleted record said before it was corrected, and history that says the same.

    Another fact, of which it had taken the place, stays: as history, it holds no longer.
    """
    found = connection.execute(_HISTORY, key(owner, id=gone.id, slot=gone.slot)).all()
    ids = []
    for row in found:
        own = row.superseded_by == gone.id and row.id.startswith(f"{gone.id}.")
        said = plain(row.value or "")
        if own or (row.slot == gone.slot and said and said == plain(gone.value or "")):
            drop(connection, owner, row.id)
            ids.append(row.id)
            connection.execute(_FOLLOW, key(owner, id=row.id, by=row.superseded_by))
    if gone.superseded_by is not None:
        connection.execute(_FOLLOW, key(owner, id=gone.id, by=gone.superseded_by))
    return ids


def _hide_quotes(connection: Connection, owner: Owner, record: Record) -> None:
    """The messages that say just what a record says leave every prompt."""
    if record.messages:
        quoted = key(owner, text=record.text, ids=list(record.messages))
        for session, seq in connection.execute(_QUOTED, quoted).all():
            hide_message(connection, owner, session, seq)


def by_id(connection: Connection, owner: Owner, record_id: str) -> Record | None:
    """The record with an id, if there is one."""
    rows = run(connection, _BY_ID, key(owner, id=record_id)).fetchall()
    return record_from(rows[0]) if rows else None


def less_said(item: str | None) -> str | None:
    """What an agent has put (``Record.item``), less what it said: its text is another now."""
    kept = {name: one for name, one in from_json(item or "{}").items() if name != "value"}
    return dump(kept) if kept else None


def record_from(row: Sequence[Any]) -> Record:
    """A record from a row of ``RECORD_COLUMNS``."""
    (seq, record_id, session, role, said, at, messages, found_by, superseded_by, valid_to,
     expires_at, slot, value, source, pinned, speaker, document, item) = row  # fmt: skip
    return Record(
        id=record_id, text=said, messages=tuple(from_json(messages)), session=session, role=role,
        at=from_stamp(at), seq=seq, terms=tuple(found_by.split()), superseded_by=superseded_by,
        valid_to=None if valid_to is None else from_stamp(valid_to),
        expires_at=None if expires_at is None else from_stamp(expires_at),
        slot=slot, value=value, source=source, pinned=bool(pinned), speaker=speaker,
        document=from_json(document) if document else None, item=item,
    )  # fmt: skip
