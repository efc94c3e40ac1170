"""The catalogue: what there is to recommend, for all customers of a tenant.

A scope of the tenant's own beside its customers', like the articles: an item is a record with its
vector, and the same indexes find it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from memory.cache import IndexCache
from memory.clock import now
from memory.customers import ITEMS, Owner, State
from memory.documents import check_document
from memory.embeddings import Encoder, trust
from memory.errors import InvalidInput
from memory.events import ITEM_LIMIT
from memory.evidence import evident
from memory.indexes.customer import CustomerIndex
from memory.indexes.lexical import terms
from memory.scoring import contextual
from memory.store import MemoryStore
from memory.types import Query, Record, check_name, check_text
from memory.updates import append
from memory.writers import record_id, verbatim

TITLE_LIMIT = 300  # characters
_ROLE = "item"
_EMBED_BATCH = 256  # items embedded between two looks at the rows
_STRICT = partial(evident, strict=True)


@dataclass(frozen=True, slots=True)
class Item:
    """Something to recommend: its id, what it is called, and what is said of it.

    ``metadata`` is JSON: a price, a category, an address. What is not ``available`` is kept, and
    is not recommended. Variants of one product, by size say, name it in ``variant_of``; there need
    be no item of its id. ``seq`` orders a tenant's items as they were stored.

    Raises:
        InvalidInput: no database could hold it, or its metadata is not JSON.
    """

    id: str
    title: str
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    available: bool = True
    variant_of: str | None = None
    seq: int = 0

    def __post_init__(self) -> None:
        check_name("item", self.id, ITEM_LIMIT)
        check_name("title", self.title, TITLE_LIMIT)
        check_text(self.text)
        check_document(self.id, self.metadata)
        if self.variant_of is not None:
            check_name("variant_of", self.variant_of, ITEM_LIMIT)

    def record(self) -> Record:
        """The record of it; put again under its id, it takes the place of the one before."""
        said = f"{self.title}\n{self.text}" if self.text else self.title
        about = check_document(self.id, self.metadata) | {"available": self.available}
        if self.variant_of is not None:
            about["variant_of"] = self.variant_of
        return Record(
            id=_record_of(self.id), text=said, messages=(), session="", role=_ROLE, at=now(),
            terms=tuple(terms(said)), source="person", speaker=self.title, document=about,
        )  # fmt: skip

    @classmethod
    def of(cls, record: Record) -> Item:
        """The item that a record of the catalogue is of."""
        about = record.document or {}
        title = record.speaker or ""
        said = record.text[len(title) + 1 :]
        return cls(
            about["id"], title, said, about["metadata"], about["available"],
            about.get("variant_of"), record.seq,
        )  # fmt: skip


class Catalogue:
    """The items of a tenant. Safe to share between threads."""

    def __init__(self, store: MemoryStore, encoder: Encoder, tenant: str = "default") -> None:
        self.tenant = tenant
        self._store = store
        self._encoder = encoder
        self._owner = owner_of(tenant)

    def put(self, items: Sequence[Item]) -> None:
        """Store items, all of them or none, each in the place of the one with its id.

        Raises:
            InvalidInput: two have one id, or one is a variant of itself.
            EmbeddingMismatch: the stored vectors were made by another model.
        """
        records = {item.id: item.record() for item in items}
        if len(records) < len(items):
            twice = next(i.id for n, i in enumerate(items) if i.id in {j.id for j in items[:n]})
            msg = f"two items have the id {twice!r}: each needs an id of its own"
            raise InvalidInput(msg)
        if (same := next((one.id for one in items if one.variant_of == one.id), None)) is not None:
            msg = (
                f"the item {same!r} is no variant of itself: name the product that its variants "
                "have in common in `variant_of`, or leave it out"
            )
            raise InvalidInput(msg)
        self._store.check_embeddings(self._encoder)
        # Before the transaction: it takes longer than all the rest.
        known = {}
        with self.reading() as index:
            for name, record in records.items():
                there = index.get(record.id)
                if there is not None and there.text == record.text:
                    known[name] = index.vector_of(record.id)
        missing = [name for name in records if known.get(name) is None]
        if missing:
            made = self._encoder.encode([records[name].text for name in missing])
            known |= zip(missing, made, strict=True)
        vectors = [vector for name in records if (vector := known[name]) is not None]
        self._store.documents.put(self._owner, [*records.values()], np.array(vectors))

    def get(self, item_id: str) -> Item | None:
        """The item with an id."""
        name = _record_of(item_id)
        found = self._store.documents.get(self._owner, [name]).get(name)
        return None if found is None else Item.of(found)

    def titles(self, ids: Collection[str]) -> dict[str, str]:
        """What items are called, by their ids, those that are there."""
        names = {_record_of(one): one for one in ids}
        found = self._store.documents.get(self._owner, [*names])
        return {names[name]: record.speaker or "" for name, record in found.items()}

    def newest(self, limit: int, before: int | None = None) -> list[Item]:
        """The last ``limit`` items stored before a sequence number, newest first."""
        return [*map(Item.of, self._store.records.newest(self._owner, limit, before))]

    def remove(self, item_id: str) -> bool:
        """Delete an item; whether it was there. What customers did with it stays theirs."""
        gone = self._store.documents.remove(self._owner, [_record_of(item_id)])
        if gone:
            self._store.in_background("scrub", self._store.database.scrub)
        return bool(gone)

    def search(self, text: str, limit: int = 20, *, strict: bool = False) -> list[Item]:
        """The items that a text bears on, best first.

        With ``strict`` only those that are taken to be meant, which may be none (see ``evident``).
        """
        if not text.strip() or not self:
            return []
        vector = self._cache.question(self._owner, text)
        with self.reading() as index:
            view = index.view(now())
            query = Query(text, vector, now(), trust(self._encoder, text), limit, explain=False)
            found = (_STRICT if strict else contextual)(query, view, k=limit)
            return [Item.of(view[view.position(one.id)]) for one in found]

    def like(self, text: str, fits: Callable[[Mapping[str, Any]], bool]) -> list[Item]:
        """The items whose metadata ``fits``, those nearest to a text first."""
        if not self:
            return []
        vector = self._cache.question(self._owner, text)
        with self.reading() as index:
            view = index.view(now())
            near = np.nan_to_num(view.cosines(vector))
            fitting = [
                position
                for position in np.flatnonzero(view.allowed()).tolist()
                if fits((view[position].document or {})["metadata"])
            ]
            fitting.sort(key=lambda position: -near[position])
            return [Item.of(view[position]) for position in fitting]

    def likeness(self, text: str, ids: Collection[str]) -> float:
        """The cosine of a text to that of some items that is nearest to it; 0 if there is none."""
        vector = self._cache.question(self._owner, text)
        with self.reading() as index:
            known = (index.vector_of(_record_of(one)) for one in ids)
            return max((float(one @ vector) for one in known if one is not None), default=0.0)

    @property
    def state(self) -> State:
        """It moves with the items; all zero where there never was one."""
        return self._store.records.state(self._owner)

    def __bool__(self) -> bool:
        """Whether there are any items, or were."""
        return bool(self.state.generation)

    @staticmethod
    def position(index: CustomerIndex, item_id: str) -> int | None:
        """Where an item is in ``reading``'s index."""
        record = index.get(name := _record_of(item_id))
        return None if record is None else index.position(name)

    def reading(self) -> AbstractContextManager[CustomerIndex]:
        """The items, caught up with the rows."""
        return self._cache.reading(self._owner, embed=0)

    def embed(self) -> None:
        """Embed the items that have no vectors, as after a change of the model."""
        records = self._store.records
        while (undone := records.undone(self._owner, 0, _EMBED_BATCH)).records:
            vectors = self._encoder.encode([record.text for record in undone.records])
            self._store.check_embeddings(self._encoder)
            records.embed(self._owner, undone.records, np.asarray(vectors), (), undone.state)

    @property
    def _cache(self) -> IndexCache:
        return self._store.index_cache(self._encoder, verbatim, append)


def owner_of(tenant: str) -> Owner:
    """The scope of a tenant's items."""
    return tenant, ITEMS


def _record_of(item_id: str) -> str:
    return record_id(_ROLE, (), item_id)
