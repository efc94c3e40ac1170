"""What a LangGraph agent keeps of one customer, memories among it: put, found, listed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from langgraph.store.base import GetOp, PutOp, SearchOp
from sqlalchemy.engine import Connection

from memory import customers, items
from memory.changes import by_id
from memory.clock import now
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.items import Kept, Namespace, item_id
from memory.matching import check_filter, fits, texts_at
from memory.noted import (
    as_item,
    current,
    delete_memory,
    is_memory,
    put_memory,
    record_id,
    refresh_memories,
    text_of,
)
from memory.retrying import retried
from memory.types import Floats, check_text
from memory.vector import VectorMemory

_EMBED_BATCH = 64  # items embedded and stored at a time

Found = tuple[Kept, float | None]  # an item, and how near it is to what is looked for


class CustomerItems:
    """The items and memories of one customer."""

    def __init__(self, memory: VectorMemory, fields: Sequence[str]) -> None:
        """Take the customer's memory, and the paths that are searched where a put names none."""
        self._memory = memory
        self._fields = tuple(fields)
        self._owner = memory.scope.owner
        self._database = memory.store.database

    # --- reading -------------------------------------------------------------------------

    def get(self, op: GetOp) -> Kept | None:
        """The item with a key, if it is there."""
        at = now()
        if is_memory(op.namespace):
            self._memory.write()
        with self._database.read() as connection:
            kept = items.get(connection, self._owner, item_id(op.namespace, op.key), at)
            if kept is None and is_memory(op.namespace):
                kept = self._memory_at(connection, op, at)
        if kept is not None and op.refresh_ttl:
            self._refresh([kept], at)
        return kept

    def search(self, op: SearchOp) -> list[Found]:
        """The items of a namespace, and inside it, that fit: the nearest first, or the newest.

        Those that are not searched come after all that are.
        """
        check_filter(op.filter)
        at, prefix = now(), op.namespace_prefix
        remembered = not prefix or is_memory(prefix)
        if remembered:
            self._memory.write()
        near: dict[str, float] = {}
        vector: Floats | None = None
        if op.query and op.query.strip():
            self.embed()
            vector = self._memory.embedding(op.query)
            near = self._nearest_memories(vector, at) if remembered else {}
        with self._database.read() as connection:
            found = items.within(connection, self._owner, prefix, at)
            if vector is not None:
                near |= items.nearest(connection, self._owner, prefix, vector, at)
            if remembered:
                found += self._memories(connection, prefix, at)
        fitting = [kept for kept in found if op.filter is None or fits(kept.value, op.filter)]
        fitting.sort(key=lambda kept: kept.updated, reverse=True)
        fitting.sort(key=lambda kept: -near.get(kept.id, -2.0))
        page = fitting[op.offset : op.offset + op.limit]
        if op.refresh_ttl:
            self._refresh(page, at)
        return [(kept, near.get(kept.id)) for kept in page]

    def namespaces(self) -> set[Namespace]:
        """The namespaces that have items."""
        at = now()
        self._memory.write()
        with self._database.read() as connection:
            there = items.namespaces(connection, self._owner, at)
            return there | {kept.namespace for kept in self._memories(connection, (), at)}

    def _memory_at(self, connection: Connection, op: GetOp, at: datetime) -> Kept | None:
        record = by_id(connection, self._owner, record_id(op.namespace, op.key))
        if record is None or not record.current(at) or self._memory.policy.outlives(record, at):
            return None
        kept = as_item(record)
        return kept if kept.namespace == op.namespace else None

    def _memories(self, connection: Connection, prefix: Namespace, at: datetime) -> list[Kept]:
        policy = self._memory.policy
        found = [
            as_item(record)
            for record in current(connection, self._owner, at)
            if not policy.outlives(record, at)
        ]
        return [kept for kept in found if kept.namespace[: len(prefix)] == prefix]

    def _nearest_memories(self, vector: Floats, at: datetime) -> dict[str, float]:
        with self._memory.reading() as index:
            cosines = index.view(at).cosines(vector)
            embedded = np.flatnonzero(~np.isnan(cosines)).tolist()
            return {index.records[p].id: float(cosines[p]) for p in embedded}

    # --- writing -------------------------------------------------------------------------

    def put(self, ops: Sequence[PutOp]) -> None:
        """Put and delete items, all of them or none; the last word about one counts.

        Raises:
            InvalidInput: one cannot be stored.
        """
        last = {(op.namespace, op.key): op for op in ops}
        values = [
            (op, None if op.value is None else _checked(op.key, op.value)) for op in last.values()
        ]
        remembered = any(is_memory(op.namespace) for op in last.values())
        if remembered:
            self._memory.write()
        self._apply(values)
        if self._memory.background and any(value is not None for _, value in values):
            background = self._memory.store.in_background
            background(("items", self._owner), self._embed_later)
            if remembered:
                background(
                    (VectorMemory, self._memory.scope), partial(self._memory.digest, wait=False)
                )

    @retried
    def _apply(self, values: Sequence[tuple[PutOp, dict[str, Any] | None]]) -> None:
        at = now()
        with self._database.write() as connection:
            # Held from before the look, as by all who change what is remembered.
            if any(value is not None for _, value in values):
                customers.allocate(connection, self._owner, 0)
            elif customers.lock(connection, self._owner) is None:
                return
            items.sweep(connection, self._owner, at)
            done = [self._change(connection, op, value, at) for op, value in values]
            if any(done):
                enter(connection)

    def _change(
        self, connection: Connection, op: PutOp, value: dict[str, Any] | None, at: datetime
    ) -> bool:
        there = item_id(op.namespace, op.key)
        memory = record_id(op.namespace, op.key) if is_memory(op.namespace) else None
        if value is None:
            gone = items.delete(connection, self._owner, there)
            return bool(memory and delete_memory(connection, self._owner, memory)) or gone
        ttl = None if op.ttl is None else max(1, round(op.ttl * 60_000_000))
        kept = Kept(op.namespace, op.key, value, at, at, there, ttl)
        paths = self._fields if op.index is None else op.index or ()
        texts = texts_at(value, paths)
        if memory is not None:
            chosen = texts if op.index is not None or self._fields != ("$",) else None
            said = text_of(value, chosen)
            if op.index is not False and said.strip():
                items.delete(connection, self._owner, there)
                one = replace(kept, id=memory, memory=True)
                put_memory(connection, self._owner, one, said, self._memory.facts_in)
                return True
            delete_memory(connection, self._owner, memory)
        items.put(connection, self._owner, kept, list(paths) if texts else None)
        return True

    @retried
    def _refresh(self, found: Sequence[Kept], at: datetime) -> None:
        lasting = [kept for kept in found if kept.ttl is not None]
        if not lasting:
            return
        with self._database.write() as connection:
            if customers.lock(connection, self._owner) is None:
                return
            items.refresh(connection, self._owner, [k.id for k in lasting if not k.memory], at)
            refresh_memories(connection, self._owner, [k for k in lasting if k.memory], at)

    @retried
    def sweep(self) -> int:
        """Delete what has expired; how many items."""
        at = now()
        self._memory.expire()
        with self._database.write() as connection:
            if customers.lock(connection, self._owner) is None:
                return 0
            return items.sweep(connection, self._owner, at)

    def embed(self) -> None:
        """Make the vectors that are missing."""
        while self._embed():
            pass

    def _embed_later(self) -> None:
        """The same in the background, where others wait for no more than a few at a time."""
        if self._embed():
            self._memory.store.in_background(("items", self._owner), self._embed_later)

    @retried
    def _embed(self) -> bool:
        """Make the first vectors that are missing; whether there were any."""
        encoder = self._memory.encoder
        with self._database.read() as connection:
            missing = items.unembedded(connection, self._owner, _EMBED_BATCH)
        if not missing:
            return False
        said = [texts_at(value, paths) for *_, value, paths in missing]
        vectors = encoder.encode([one for texts in said for one in texts])
        self._memory.store.check_embeddings(encoder)
        each = np.split(vectors, np.cumsum([len(texts) for texts in said])[:-1])
        with self._database.write() as connection:
            items.embed(
                connection, self._owner,
                [(one, updated, made)
                 for (one, updated, *_), made in zip(missing, each, strict=True)],
            )  # fmt: skip
        return True


def _checked(name: str, value: Any) -> dict[str, Any]:
    """A value as JSON gives it back; InvalidInput if it is none."""
    check_text(name)
    wrong = f"the value of {name!r} is no JSON object"
    if not isinstance(value, Mapping):
        msg = f"{wrong}: put a dict, not {type(value).__name__}; None deletes"
        raise InvalidInput(msg)
    try:
        _check_names(value)
        written = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"{wrong}, {error}: put strings, numbers, booleans, None, lists and dicts of them"
        raise InvalidInput(msg) from error
    found: dict[str, Any] = json.loads(check_text(written))
    return found


def _check_names(value: Any) -> None:
    if isinstance(value, Mapping):
        for name, one in value.items():
            if not isinstance(name, str):
                msg = f"{name!r} is no name of a field"
                raise TypeError(msg)
            _check_names(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            _check_names(one)
