"""VectorMemory: what is relevant of all that a customer ever said.

messages -> writer -> update -> rows;  rows -> retriever -> reader -> prompt
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from pydantic import Field

from memory import readers, retrieval, updates, writers
from memory.base import StoredMemory
from memory.cache import IndexCache
from memory.clock import now
from memory.embeddings import Encoder, adapt, embedded
from memory.indexes.customer import CustomerIndex
from memory.types import Change, Query, Reader, Recalled, Record, Retriever, Update, Writer

_DIGEST_BATCH = 64  # records embedded and stored at a time
_WRITE_BATCH = 512  # messages turned into records at a time


class VectorMemory(StoredMemory):
    """Recalls, from all sessions of the customer, what bears on the input.

    The four strategies of the external memory are its fields: ``writer``, ``update``,
    ``retriever`` and ``reader``. ``embeddings`` takes any LangChain Embeddings; the embedded
    model is the default.
    """

    memory_key: str = "recalled"
    max_tokens: int = 500
    embeddings: Embeddings | Encoder | None = None
    writer: Writer = Field(default=writers.verbatim)
    update: Update = Field(default=updates.append)
    retriever: Retriever = Field(default=retrieval.hybrid)
    reader: Reader = Field(default=readers.as_text)
    hops: int = Field(default=1, ge=1)

    @cached_property
    def encoder(self) -> Encoder:
        """The embedding model."""
        if self.embeddings is None:
            return embedded()
        return self.embeddings if isinstance(self.embeddings, Encoder) else adapt(self.embeddings)

    @cached_property
    def _cache(self) -> IndexCache:
        return self.store.index_cache(self.encoder, self.writer)

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What bears on the input, as text or as messages."""
        question = self._question(inputs)
        found = self.recall(question) if question.strip() else []
        reader = readers.as_messages if self.return_messages else self.reader
        return {self.memory_key: reader(found, self.max_tokens, self.count_tokens)}

    def recall(
        self,
        query: str,
        max_tokens: int | None = None,
        *,
        without: Collection[str] = (),
    ) -> list[Recalled]:
        """The records that bear on ``query``, best first, within a token budget.

        Args:
            query: what is looked for.
            max_tokens: of the lines that the records take in a prompt; the memory's own budget
                if not given.
            without: ids of messages whose records are left out (they stand in the prompt).
        """
        if not query.strip():
            return []
        vector = self.encoder.encode([query])[0]
        index = self._cache.get(self.scope.owner)
        at = now()
        with index.lock:
            view = index.view(at, without)
            missing = len(index.without_vector())
            found = self._strategy(Query(query, vector, at), view)
        if missing:
            partial_search = f"; {missing} newer records searched by words only"
            found = [r.because(r.why + partial_search) for r in found]
        budget = self.max_tokens if max_tokens is None else max_tokens
        return readers.fitting(found, budget, self.count_tokens)

    def index(self) -> CustomerIndex:
        """The customer's records, caught up with the rows, without embedding any."""
        return self._cache.get(self.scope.owner, embed=0)

    @cached_property
    def _strategy(self) -> Retriever:
        return self.retriever if self.hops == 1 else retrieval.hops(self.retriever, self.hops)

    def digest(self) -> None:
        """Turn new messages into records, embed them, and let the update mechanism decide."""
        while self._write() or self._embed():
            pass

    def _write(self) -> bool:
        records, owner = self.store.records, self.scope.owner
        state = records.state(owner)
        messages = records.unwritten(owner, state, _WRITE_BATCH)
        if not messages:
            return False
        records.write(owner, self.writer(messages), messages[-1].seq, state.generation)
        return True

    def _embed(self) -> bool:
        records, owner = self.store.records, self.scope.owner
        state = records.state(owner)
        fresh = records.unembedded(owner, state, _DIGEST_BATCH)
        if not fresh:
            return False
        index = self._cache.get(owner, embed=0)
        with index.lock:  # what a read has embedded already is not embedded again
            known = {r.id: v for r in fresh if (v := index.vector_of(r.id)) is not None}
        missing = [r for r in fresh if r.id not in known]
        made = self.encoder.encode([r.text for r in missing]) if missing else ()
        known.update((r.id, v) for r, v in zip(missing, made, strict=True))
        vectors = np.stack([known[r.id] for r in fresh])
        changes: list[Change] = []
        if self.update is not updates.append:
            for record, vector in zip(fresh, vectors, strict=True):
                changes += self.update(record, self._similar(index, record, vector))
        records.embed(owner, fresh, vectors, changes, state.generation)
        return True

    def _similar(self, index: CustomerIndex, record: Record, vector: Any) -> list[Record]:
        """Current records said before this one that mean nearly the same, nearest first."""
        with index.lock:
            view = index.view(now(), record.messages)
            positions, cosines = view.dense(vector, 10)
            return [
                view[int(p)]
                for p, cosine in zip(positions, cosines, strict=True)
                if cosine >= updates.SIMILAR and 0 < view[int(p)].seq < record.seq
            ]

    def _question(self, inputs: dict[str, Any]) -> str:
        return self._message("human", self._input(inputs)).text
