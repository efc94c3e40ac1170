"""FaissVectorStore: a session's records as a LangChain VectorStore."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from memory.cache import IndexCache
from memory.clock import now
from memory.database import new_id
from memory.documents import ROLE, id_of, record_of
from memory.embeddings import Encoder
from memory.errors import InvalidInput
from memory.indexes.customer import CustomerIndex, View
from memory.store import MemoryStore
from memory.types import Floats, Record, Scope
from memory.updates import append
from memory.vector import VectorMemory
from memory.writers import verbatim

Filter = Mapping[str, Any] | Callable[[dict[str, Any]], bool]

_ALL = 2**31


class FaissVectorStore(VectorStore):
    """A session's records, searched by their vectors: what was filed and what was said in it.

    No store of its own: a document is a record of the scope, so the customer's memory recalls it
    too, an export has it and an erasure takes it. Nothing is pickled; the index is FAISS's exact
    one, in memory, over the rows. Other sessions and other customers are never searched, and a
    filter is applied before the search, so that k documents are found where there are k.

    Args:
        store: the database.
        scope: whose, and in which session; an id is a document's within it.
        embeddings: the embedding model; the embedded one, if not given. A database has one.
    """

    def __init__(
        self, store: MemoryStore, scope: Scope, embeddings: Embeddings | Encoder | None = None
    ) -> None:
        self._memory = VectorMemory(
            store=store, scope=scope, embeddings=embeddings, background=False
        )

    @property
    def scope(self) -> Scope:
        """Whose records these are."""
        return self._memory.scope

    @property
    def embeddings(self) -> Embeddings | None:
        """The embedding model, if it is one of LangChain's."""
        found = self._memory.embeddings or self._memory.encoder
        return found if isinstance(found, Embeddings) else None

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """File texts in the session of ``scope`` in ``store``, both of which are to be given."""
        made = cls(embeddings=embedding, **kwargs)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    # --- filing --------------------------------------------------------------------------

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> list[str]:
        """File texts, all of them or none; one whose id is there takes the other's place.

        Returns:
            Their ids, in their order; a new one where none was given.

        Raises:
            InvalidInput: not an id or metadata for each text, or a database could not hold one.
            EmbeddingMismatch: the stored vectors were made by another model.
        """
        said = list(texts)
        given = [one or new_id() for one in ids] if ids else [new_id() for _ in said]
        known = metadatas or [{} for _ in said]
        if not len(said) == len(given) == len(known):
            msg = f"{len(said)} texts have {len(given)} ids and {len(known)} metadatas: one each"
            raise InvalidInput(msg)
        # The last of those that have one id.
        records = {
            record.id: record
            for record in (
                record_of(self.scope, *each) for each in zip(given, said, known, strict=True)
            )
        }
        there = self._store.documents.get(self.scope.owner, list(records))
        fresh = [
            record
            for record in records.values()
            if (old := there.get(record.id)) is None
            or (old.text, old.document) != (record.text, record.document)
        ]
        if fresh:
            encoder = self._memory.encoder
            self._store.check_embeddings(encoder)
            vectors = encoder.encode([record.text for record in fresh])
            self._store.documents.put(self.scope.owner, fresh, vectors)
        return given

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:  # noqa: ARG002
        """Delete documents by their ids; without ids the session, with all that was said in it.

        What was said goes as when a person deletes it (see ``VectorMemory.delete``).

        Returns:
            True: what is not there is deleted already.
        """
        if ids is None:
            self._store.delete_session(self.scope)
            return True
        with self._reading(embed=0) as index:
            said = [r.id for r in self._by_ids(index, ids) if r.role != ROLE]
        self._store.documents.remove(self.scope.owner, [id_of(self.scope, one) for one in ids])
        self._store.in_background("scrub", self._store.database.scrub)
        for one in said:
            self._memory.delete(one)
        return True

    # --- finding -------------------------------------------------------------------------

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents with these ids, those that are there."""
        with self._reading(embed=0) as index:
            return [document_of(record) for record in self._by_ids(index, ids)]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002 - LangChain's own name for it
        **kwargs: Any,  # noqa: ARG002
    ) -> list[Document]:
        """The k documents nearest to ``query``, best first; see the search with score."""
        return [found for found, _ in self.similarity_search_with_score(query, k, filter)]

    def similarity_search_by_vector(
        self,
        embedding: Sequence[float],
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ARG002
    ) -> list[Document]:
        """The k documents nearest to a vector (d,), best first."""
        return [found for found, _ in self._nearest(_unit(embedding), k, filter)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ARG002
    ) -> list[tuple[Document, float]]:
        """The k documents nearest to ``query`` with their cosines, best first.

        Args:
            query: what is looked for.
            k: how many at most.
            filter: values that the metadata must have, or whether a document with this metadata
                may be found.
            kwargs: nothing is taken.
        """
        return self._nearest(self._memory.embedding(query), k, filter)

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ARG002
    ) -> list[Document]:
        """Of the ``fetch_k`` documents nearest to ``query`` k that are not like each other.

        ``lambda_mult`` is from 0 (as different as can be) to 1 (the nearest).
        """
        vector = self._memory.embedding(query)
        return self._various(vector, k, fetch_k, lambda_mult, filter)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ARG002
    ) -> list[Document]:
        """The same for a vector (d,)."""
        return self._various(_unit(embedding), k, fetch_k, lambda_mult, filter)

    # --- inside --------------------------------------------------------------------------

    @property
    def _store(self) -> MemoryStore:
        return self._memory.store

    @cached_property
    def _cache(self) -> IndexCache:
        return self._store.index_cache(self._memory.encoder, verbatim, append)

    @contextmanager
    def _reading(self, embed: int = _ALL) -> Iterator[CustomerIndex]:
        with self._cache.reading(self.scope.owner, embed=embed) as index:
            yield index

    def _by_ids(self, index: CustomerIndex, ids: Sequence[str]) -> list[Record]:
        """The records by documents' ids, or by their own where they are no document's."""
        at = now()
        found = (index.get(id_of(self.scope, one)) or index.get(one) for one in dict.fromkeys(ids))
        return [r for r in found if r and r.session == self.scope.session and r.current(at)]

    def _allowed(self, index: CustomerIndex, wanted: Filter | None) -> View:
        """What of the session a filter lets through."""
        view = index.view(now(), sessions={self.scope.session})
        if wanted is None:
            return view
        lets = wanted if callable(wanted) else _having(wanted)
        allowed = view.allowed()
        for position in np.flatnonzero(allowed):
            allowed[position] = lets(document_of(view[int(position)]).metadata)
        return View(index, allowed)

    def _nearest(
        self, vector: Floats, k: int, wanted: Filter | None
    ) -> list[tuple[Document, float]]:
        with self._reading() as index:
            view = self._allowed(index, wanted)
            positions, cosines = view.dense(vector, k)
            return [
                (document_of(view[position]), cosine)
                for position, cosine in zip(positions.tolist(), cosines.tolist(), strict=True)
            ]

    def _various(
        self, vector: Floats, k: int, fetch_k: int, lambda_mult: float, wanted: Filter | None
    ) -> list[Document]:
        with self._reading() as index:
            view = self._allowed(index, wanted)
            near = view.dense(vector, fetch_k)[0].tolist()
            vectors: list[Any] = [index.dense.vector(position) for position in near]
            chosen = maximal_marginal_relevance(vector, vectors, lambda_mult, k)
            return [document_of(view[near[place]]) for place in chosen]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """A cosine as a relevance from 0 to 1: what points the other way is not relevant."""
        return lambda cosine: min(max(cosine, 0.0), 1.0)


def document_of(record: Record) -> Document:
    """A record as a LangChain document: with what was filed beside it, or who said it when."""
    if record.document is not None:
        given = record.document
        return Document(id=given["id"], page_content=record.text, metadata={**given["metadata"]})
    said = {"session": record.session, "role": record.role, "at": record.at.isoformat()}
    return Document(id=record.id, page_content=record.text, metadata=said)


def _having(values: Mapping[str, Any]) -> Callable[[dict[str, Any]], bool]:
    return lambda metadata: all(
        name in metadata and metadata[name] == value for name, value in values.items()
    )


def _unit(embedding: Sequence[float]) -> Floats:
    vector = np.asarray(embedding, np.float32)
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
