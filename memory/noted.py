"""Memories as items of a LangGraph store, and items as memories.

The namespace ("memories",) *is* the customer's memory: every record that holds is an item there,
with its id as the key, whichever way it came; and what an agent puts there, or in a namespace
inside it, is a record, found by every other door. Its text is the value's ``text``, or its only
string, or all of it as JSON; what else the value says stands in ``Record.item``, with what the
record's own columns do not say: the namespace inside, a key that is no id, the time to live in
microseconds, and when it was put first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.changes import RECORD_COLUMNS, apply, by_id, correct, drop, insert, record_from
from memory.clock import from_stamp, to_stamp
from memory.customers import WHERE, Owner, key
from memory.errors import InvalidInput
from memory.items import Kept, Namespace, item_id
from memory.transcript import dump
from memory.types import Forget, Record, check_name, check_text

MEMORIES = "memories"
_HASH = re.compile("[0-9a-f]{64}")  # as item_id gives it

_CURRENT = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND superseded_by IS NULL "
    "AND (expires_at IS NULL OR expires_at > :at)"
)
_SET_ITEM = text(f"UPDATE records SET item = :item, expires_at = :expires {WHERE} AND id = :id")


def is_memory(namespace: Namespace) -> bool:
    """Whether what is in a namespace may be memories."""
    return namespace[:1] == (MEMORIES,)


def text_of(value: Mapping[str, Any], texts: Iterable[str] | None) -> str:
    """What a value says as a memory; ``texts`` were found in it where somebody said to look."""
    if texts is not None:
        return "\n".join(texts)
    for said in (value.get("text"), *(value.values() if len(value) == 1 else ())):
        if isinstance(said, str):
            return said
    return json.dumps(value, ensure_ascii=False) if value else ""


def record_id(namespace: Namespace, name: str) -> str:
    """The id of the record that an item is: its key, if it is one of ("memories",)'s.

    Not one that could be the id of a memory of a namespace inside it.
    """
    try:
        if namespace == (MEMORIES,) and not _HASH.fullmatch(name):
            return check_name("memory", name)
    except InvalidInput:
        pass
    return item_id(namespace, name)


def as_item(record: Record) -> Kept:
    """A record as an item."""
    more: dict[str, Any] = json.loads(record.item or "{}")
    value = more.get("value")
    if value is None:
        value = {"text": record.text}
        if record.session:
            value |= {"role": record.role, "session": record.session}
        if record.document is not None:
            value |= {"metadata": record.document["metadata"]}
        if record.slot is not None:
            value |= {"slot": record.slot, "value": record.value}
    created = more.get("created")
    return Kept(
        (MEMORIES, *more.get("in", ())), more.get("key", record.id), value,
        record.at if created is None else from_stamp(created), record.at, record.id,
        more.get("ttl"), memory=True,
    )  # fmt: skip


def current(connection: Connection, owner: Owner, at: datetime) -> list[Record]:
    """The records that hold."""
    rows = connection.execute(_CURRENT, key(owner, at=to_stamp(at))).all()
    return [record_from(row) for row in rows]


def put_memory(
    connection: Connection,
    owner: Owner,
    kept: Kept,
    said: str,
    facts_in: Callable[[Record], list[Record]],
) -> None:
    """Remember an item, in the place of the one that is there.

    Other words for what stems from a message correct it, as a person does (``changes.correct``).

    Raises:
        InvalidInput: it cannot be stored, or is a fact that those words do not say.
    """
    check_text(said)
    at = kept.updated
    old = by_id(connection, owner, kept.id)
    if old is not None and not old.current(at) and old.superseded_by is None:
        drop(connection, owner, kept.id)
        customers.move_generation(connection, owner)
        old = None
    created = None if old is None else as_item(old).created
    item = _item(kept, said, created or at)
    expires = None if kept.ttl is None else at + timedelta(microseconds=kept.ttl)
    if old is None or (_unsaid(old) and old.role == "note"):
        if old is not None:
            drop(connection, owner, kept.id)
            customers.move_generation(connection, owner)
        record = Record(
            kept.id, said, (), "", "note", at, source="person", expires_at=expires, item=item
        )
        pinned = old is not None and old.pinned
        insert(connection, owner, [replace(record, pinned=pinned)])
        return
    if kept.value == as_item(old).value and kept.ttl is None:
        return
    correct(connection, owner, kept.id, {"text": said}, facts_in)
    ends = expires and to_stamp(expires)
    connection.execute(_SET_ITEM, key(owner, id=kept.id, item=item, expires=ends))
    customers.move_generation(connection, owner)


def delete_memory(connection: Connection, owner: Owner, one: str) -> bool:
    """Delete a memory; whether it was there. What was said goes as a person says."""
    old = by_id(connection, owner, one)
    if old is None or old.superseded_by is not None:
        return False
    if _unsaid(old):
        drop(connection, owner, one)
        customers.move_generation(connection, owner)
    else:
        apply(connection, owner, [Forget(one)], corrected=True)
    return True


def refresh_memories(
    connection: Connection, owner: Owner, kept: Iterable[Kept], at: datetime
) -> None:
    """Let memories that are there still last from now on."""
    moved = False
    for one in kept:
        record = by_id(connection, owner, one.id)
        if one.ttl is not None and record is not None and record.current(at):
            expires = to_stamp(at) + one.ttl
            row = key(owner, id=one.id, item=record.item, expires=expires)
            connection.execute(_SET_ITEM, row)
            moved = True
    if moved:
        customers.move_generation(connection, owner)


def _unsaid(record: Record) -> bool:
    """Whether nobody said it in a conversation: it is an agent's, somebody's note or a document."""
    return not record.messages and record.slot is None


def _item(kept: Kept, said: str, created: datetime) -> str | None:
    item = {
        "in": kept.namespace[1:] or None,
        "key": kept.key if kept.key != kept.id else None,
        "value": kept.value if kept.value != {"text": said} else None,
        "ttl": kept.ttl,
        "created": to_stamp(created) if created != kept.updated else None,
    }
    return dump({name: one for name, one in item.items() if one is not None} or None)
