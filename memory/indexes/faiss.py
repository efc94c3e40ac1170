"""The dense index: exact inner product over unit vectors, with FAISS."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from memory.indexes.base import Mask, nothing
from memory.types import Floats, Positions

# A search is a millisecond: a second thread costs more than it brings, and a customer's turn
# should not fight the model for cores.
faiss.omp_set_num_threads(1)


class FaissIndex:
    """Vectors of one customer; items are unit vectors of ``dimension`` floats."""

    def __init__(self, dimension: int) -> None:
        self._index = faiss.IndexFlatIP(dimension)

    def __len__(self) -> int:
        """How many vectors there are."""
        return int(self._index.ntotal)

    def add(self, items: Sequence[Floats] | Floats) -> None:
        """Append vectors: n of d floats."""
        if len(items):
            self._index.add(np.ascontiguousarray(items, dtype=np.float32))

    def search(
        self, query: Floats, k: int, allowed: Mask | None = None
    ) -> tuple[Positions, Floats]:
        """The k nearest, by inner product (the cosine, for unit vectors)."""
        k = min(k, len(self))
        if k <= 0:
            return nothing()
        parameters = None
        if allowed is not None:
            bits = np.packbits(allowed[: len(self)], bitorder="little")
            selector = faiss.IDSelectorBitmap(len(self), faiss.swig_ptr(bits))
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        scores, positions = self._index.search(
            np.ascontiguousarray(query[None, :], dtype=np.float32), k, params=parameters
        )
        found = positions[0] >= 0
        return positions[0][found], scores[0][found]

    @property
    def dimension(self) -> int:
        """How many floats a vector has."""
        return int(self._index.d)

    def vectors(self) -> Floats:
        """All n vectors (n, d), a view of what the index holds: good until one is added."""
        n = len(self)
        if not n:
            return np.empty((0, self._index.d), np.float32)
        held: Floats = faiss.rev_swig_ptr(self._index.get_xb(), n * self._index.d)
        return held.reshape(n, self._index.d)

    def products(self, query: Floats) -> Floats:
        """The inner product of every vector with ``query``, by position."""
        # Not by a search for all n, which would sort them, too.
        products: Floats = self.vectors() @ query
        return products

    def vector(self, position: int) -> Floats:
        """The vector at a position."""
        vector: Floats = self._index.reconstruct(int(position))
        return vector
