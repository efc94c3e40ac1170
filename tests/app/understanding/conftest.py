"""A tiny encoder with random weights and the embedded one's tokenizer, and texts to learn."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from app.understanding.labelled import Example
from memory.embeddings import WEIGHTS

WIDTH, INNER, LAYERS = 48, 96, 2

_SAID = {
    "track": ("parcel package delivery tracking courier", "where is my {} now"),
    "refund": ("money refund payment charge amount", "i want the {} back please"),
    "greet": ("hello hi morning evening there", "{} to everybody"),
}
_OUTSIDE = ("moon weather poem football planets", "tell me about the {}")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a BERT with some 1.5 million weights, nearly all of them its vocabulary's."""
    folder = tmp_path_factory.mktemp("encoder")
    words = WEIGHTS.installed().with_name("tokenizer.json")
    shutil.copyfile(words, folder / "tokenizer.json")
    vocabulary = len(json.loads(words.read_text("utf-8"))["model"]["vocab"])
    drawn = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {}

    def layer(name: str, outputs: int, inputs: int) -> None:
        scale = 0.5 / np.sqrt(inputs)
        tensors[f"{name}.weight"] = drawn.normal(0, scale, (outputs, inputs)).astype(np.float32)
        tensors[f"{name}.bias"] = np.zeros(outputs, np.float32)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"] = np.ones(WIDTH, np.float32)
        tensors[f"{name}.bias"] = np.zeros(WIDTH, np.float32)

    for kind, rows in (("word", vocabulary), ("position", 512), ("token_type", 2)):
        scale = 1.0 if kind == "word" else 0.1
        numbers = drawn.normal(0, scale, (rows, WIDTH)).astype(np.float32)
        tensors[f"embeddings.{kind}_embeddings.weight"] = numbers
    norm("embeddings.LayerNorm")
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            layer(f"{name}.attention.{part}", WIDTH, WIDTH)
        layer(f"{name}.intermediate.dense", INNER, WIDTH)
        layer(f"{name}.output.dense", WIDTH, INNER)
        norm(f"{name}.attention.output.LayerNorm")
        norm(f"{name}.output.LayerNorm")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": vocabulary,
        "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": 12, "hidden_dropout_prob": 0.1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes examples as JSONL into the test's folder."""

    def write(name: str, examples: list[Example]) -> Path:
        file = tmp_path / name
        file.write_text("".join(json.dumps(one._asdict()) + "\n" for one in examples))
        return file

    return write


def said(number: int, seed: int, *, outside: int = 0) -> list[Example]:
    """So many examples of each of three labels, all different, and some out of scope."""
    draw = random.Random(seed)
    kinds = [*_SAID.items()] + ([("oos", _OUTSIDE)] if outside else [])
    return [
        Example(f"{frame.format(draw.choice(words.split()))} {draw.randrange(10**6)}", label)
        for label, (words, frame) in kinds
        for _ in range(outside if label == "oos" else number)
    ]
