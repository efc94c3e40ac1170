"""What a customer did, matched against a tenant's items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.interest.did import Because, Did
from app.interest.trained import Trained
from memory.indexes.base import Mask
from memory.indexes.customer import CustomerIndex
from memory.interest import TEXT, attention_over, parts_of, scored
from memory.types import Floats, Positions

_ALIKE = 0.3  # cosine to an item, by text or by who likes it, from which that one is a reason


class Match:
    """What a customer did, matched against the items of an index."""

    def __init__(
        self, did: Sequence[Did], index: CustomerIndex, vectors: Floats, popular: Floats,
        trained: Trained | None,
    ) -> None:  # fmt: skip
        self.did = did
        self.popular = popular
        self._texts = index.dense.vectors()
        n, width = len(self._texts), vectors.shape[1]
        self._vectors = vectors[:n]
        m = len(did)
        self._keys = np.array([one.text for one in did], np.float32).reshape(
            m, index.dense.dimension
        )
        self._read, self._share = _as_read(self._keys, trained, beside=bool(vectors.size))
        self._others = np.array([one.others for one in did], np.float32).reshape(m, width)
        self._weights = attention_over([one.liking for one in did])
        self._of = np.array([one.position for one in did], np.int64)
        liked = self._weights > 0
        self.scores = scored(
            self._weights[liked],
            (self._read[liked], self._texts),
            (self._others[liked], self._vectors),
            popular[:n],
            self._share,
        )
        done = np.unique(self._of[liked & (self._of >= 0)])
        self.scores[done] -= self._itself(done, liked)
        self.unwanted: Mask = np.zeros(n, bool)
        self._refuse(~liked)

    def because(self, position: int) -> Because | None:
        """What is most like an item, of what is liked: the best liked, then the last, of equals."""
        alike = self._alike(np.array([position]), self._read)[0]
        found = [
            (float(alike[j]), one.liking, j)
            for j, one in enumerate(self.did)
            if one.liking > 0 and alike[j] >= _ALIKE and one.position != position
        ]
        return self.did[max(found)[2]].because if found else None

    def _refuse(self, refused: Mask) -> None:
        """Hold what was refused against what is like it, and against nothing else.

        Unwanted is what is like it more than like anything else that was done, unless what was
        liked outweighs it.
        """
        everything = np.arange(len(self.scores))
        alike = self._alike(everything, self._keys, refused)
        like = np.flatnonzero((alike >= _ALIKE).any(axis=1))
        if not len(like):
            return
        alike = self._alike(like, self._keys)
        parts = parts_of(
            self._weights, (self._keys, self._texts[like]), (self._others, self._vectors[like])
        )
        parts[alike < _ALIKE] = 0
        last = alike.shape[1] - 1 - np.argmax(alike[:, ::-1], axis=1)  # the last of equals
        self.unwanted[like] = refused[last] & (parts.sum(axis=1) < 0)
        self.scores[like] += parts[:, refused].sum(axis=1)

    def _alike(self, positions: Positions, texts: Floats, of: Mask | None = None) -> Floats:
        """How like items are to some of what was done, (n, m): by text or by who likes them."""
        some = slice(None) if of is None else of
        found: Floats = np.maximum(
            self._texts[positions] @ texts[some].T, self._vectors[positions] @ self._others[some].T
        )
        return found

    def _itself(self, positions: Positions, liked: Mask) -> Floats:
        """What was done with items adds to their own scores, (n,).

        That an item is like itself is no reason to recommend it again.
        """
        parts = parts_of(
            self._weights[liked], (self._read[liked], self._texts[positions]),
            (self._others[liked], self._vectors[positions]), self._share,
        )  # fmt: skip
        parts[self._of[liked][None, :] != positions[:, None]] = 0
        added: Floats = parts.sum(axis=1)
        return added


def _as_read(keys: Floats, trained: Trained | None, *, beside: bool) -> tuple[Floats, float]:
    """The texts of what was done (m, d) as they are read, and what they count."""
    share = None if trained is None else trained.share(beside=beside)
    if trained is None or share is None:
        return keys, TEXT
    return trained.projection.of(keys), share
