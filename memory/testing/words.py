"""Embeddings without weights: texts are near each other when they share words."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from langchain_core.embeddings import Embeddings

from memory.types import Floats


class WordEncoder:
    """A bag of words as a unit vector: every word has a direction of its own, fixed by its hash."""

    def __init__(self, dimension: int = 64, name: str = "words") -> None:
        self.name = name
        self.dimension = dimension
        self.asked: list[str] = []  # every text that was ever encoded
        self._directions: dict[str, Floats] = {}

    def encode(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors in their order, of unit length."""
        self.asked.extend(texts)
        found = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                found[row] += self._direction(word)
        found /= np.linalg.norm(found, axis=1, keepdims=True).clip(1e-9)
        return found

    def _direction(self, word: str) -> Floats:
        direction = self._directions.get(word)
        if direction is None:
            generator = np.random.default_rng(zlib.crc32(word.encode("utf-8", "replace")))
            direction = generator.standard_normal(self.dimension).astype(np.float32)
            self._directions[word] = direction
        return direction


class WordEmbeddings(Embeddings):
    """The same as LangChain's Embeddings, of 64 numbers; ``before`` is called at each embedding."""

    model_name = "words"

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.encoder = WordEncoder()
        self.before = before

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The texts' vectors."""
        self.before()
        vectors: list[list[float]] = self.encoder.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """One text's vector."""
        return self.embed_documents([text])[0]
