"""The embedding model that a setting names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from memory import Encoder, InvalidInput, embedded


def open_embeddings(url: str) -> Encoder:
    """The encoder for ``embedded:`` or ``sentence-transformers:NAME``.

    Raises:
        InvalidInput: it is neither.
    """
    scheme, _, name = url.partition(":")
    if scheme == "embedded" and not name:
        return embedded()
    if scheme == "sentence-transformers" and name:
        return _SentenceTransformers(name)
    msg = f"{url!r} names no embedding model: use embedded: or sentence-transformers:NAME"
    raise InvalidInput(msg)


class _SentenceTransformers:
    """Any sentence-transformers model, by hub name or folder; this imports torch."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(name)
        self.name = name
        self.dimension = int(self._model.get_sentence_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors (n, d)."""
        vectors = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)
