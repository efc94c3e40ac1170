"""Knowledge: what the company has written, found for a question.

Shared by all customers of a tenant, and a scope like theirs: articles are cut into passages, which
are records with vectors, and the same indexes find them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from memory.articles import Article, owner_of
from memory.cache import IndexCache
from memory.clock import now
from memory.embeddings import Encoder, trust
from memory.errors import InvalidInput
from memory.evidence import evident
from memory.indexes.customer import CustomerIndex
from memory.store import MemoryStore
from memory.types import Evidence, Floats, Query, Record, Retriever
from memory.updates import append
from memory.writers import verbatim

_EMBED_BATCH = 256  # passages embedded between two looks at the rows
_STRICT = partial(evident, strict=True)


class Knowledge:
    """The articles of a tenant. Safe to share between threads."""

    def __init__(
        self,
        store: MemoryStore,
        encoder: Encoder,
        tenant: str = "default",
        retriever: Retriever = evident,
    ) -> None:
        self.tenant = tenant
        self._store = store
        self._encoder = encoder
        self._retriever = retriever
        self._owner = owner_of(tenant)

    def __bool__(self) -> bool:
        """Whether there is anything to be found."""
        return self._store.articles.any(self.tenant)

    def articles(self, limit: int, before: int | None = None) -> list[Article]:
        """The last ``limit`` articles in force before a sequence number, newest first."""
        return self._store.articles.newest(self.tenant, limit, before)

    def versions(self, source: str) -> list[Article]:
        """The versions of an article, the one in force first; empty if there is none."""
        return self._store.articles.versions(self.tenant, source)

    def put(self, articles: Sequence[Article]) -> list[Article]:
        """Add articles, all of them or none, each as a new version of its source.

        Returns:
            Them as they are stored; one that is there with the same content stays as it is.

        Raises:
            InvalidInput: two are of one source.
            EmbeddingMismatch: the stored vectors were made by another model.
        """
        counts = Counter(article.source for article in articles)
        if source := next((name for name, many in counts.items() if many > 1), None):
            msg = f"two articles have one source, {source!r}: each needs a source of its own"
            raise InvalidInput(msg)
        # Before the transaction: it takes longer than all the rest.
        self._store.check_embeddings(self._encoder)
        known: dict[str, Floats] = {}
        texts: dict[str, str] = {}
        for article in articles:
            known |= self._store.articles.vectors(self.tenant, article.source)
            texts |= {r.id: _embedded_as(article.title, r.text) for r in article.records()}
        if missing := [record for record in texts if record not in known]:
            made = self._encoder.encode([texts[record] for record in missing])
            known |= zip(missing, made, strict=True)
        return self._store.articles.put(self.tenant, articles, known)

    def remove(self, source: str) -> Article | None:
        """Delete an article with all its versions; what was in force, None if there is none."""
        gone = self._store.articles.remove(self.tenant, source)
        if gone is not None:
            self._store.in_background("scrub", self._store.database.scrub)
        return gone

    def search(
        self,
        text: str,
        limit: int = 5,
        *,
        sources: Collection[str] | None = None,
        about: str = "",
        vector: Floats | None = None,
        strict: bool = False,
    ) -> list[Evidence]:
        """The passages that bear on ``text``, best first.

        Args:
            text: what is looked for.
            limit: how many at most.
            sources: only the articles of these.
            about: what was said before; it may name what the text is about.
            vector: (d,) of the text, if it was made before.
            strict: only what is taken to answer it, which may be nothing (see ``evident``).
        """
        if not text.strip() or self._store.records.state(self._owner).generation == 0:
            return []
        vector = self.embedding(text) if vector is None else vector
        with self.reading() as index:
            view = index.view(now(), sessions=sources)
            sure = trust(self._encoder, text)
            query = Query(text, vector, now(), sure, limit, about=about)
            found = (_STRICT if strict else self._retriever)(query, view)[:limit]
            return [_evidence(view[view.position(r.id)], r.score, r.why) for r in found]

    def again(self, kept: Sequence[Mapping[str, Any]]) -> list[Evidence | None]:
        """What was kept of finds (``id``, ``score``, ``why``); None for what is gone since."""
        with self.reading() as index:
            known = [(index.get(row["id"]), row) for row in kept]
        return [
            None if record is None else _evidence(record, row["score"], row["why"])
            for record, row in known
        ]

    def embedding(self, text: str) -> Floats:
        """The vector (d,) of what is looked for, as ``search`` makes it."""
        return self._cache.question(self._owner, text)

    def reading(self) -> AbstractContextManager[CustomerIndex]:
        """The passages, caught up with the rows."""
        return self._cache.reading(self._owner, embed=0)

    def embed(self) -> None:
        """Embed the passages that have no vectors, as after a change of the model."""
        records = self._store.records
        while (undone := records.undone(self._owner, 0, _EMBED_BATCH)).records:
            fresh = undone.records
            vectors = self._encoder.encode([_embedded_as(r.speaker or "", r.text) for r in fresh])
            self._store.check_embeddings(self._encoder)
            records.embed(self._owner, fresh, np.asarray(vectors), (), undone.state)

    @property
    def _cache(self) -> IndexCache:
        return self._store.index_cache(self._encoder, verbatim, append)


def _evidence(record: Record, score: float, why: str) -> Evidence:
    return Evidence(record.id, record.session, record.speaker or "", record.text, score, why)


def _embedded_as(title: str, passage: str) -> str:
    """A passage as it is embedded: what it says of is often in the title only."""
    return f"{title}\n{passage}"
