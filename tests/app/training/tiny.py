"""A tiny language model with random weights, and the beginning of the embedded one's tokenizer."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter

from app.llm.embedded import model_path

_EMBEDDED = model_path()  # before a test says that the models lie elsewhere

HIDDEN, LAYERS, HEADS, KV_HEADS, INNER = 64, 2, 4, 2, 128
WORDS = 4_096  # of 49,152: special ones, bytes, then what is merged of those before


@cache
def _tokenizer() -> list[tuple[str, Any, GGUFValueType, GGUFValueType | None]]:
    """What the embedded model's file says of its tokenizer, with its first words only."""
    fields = GGUFReader(_EMBEDDED).fields
    words = fields["tokenizer.ggml.tokens"].contents(slice(WORDS))
    known, found = set(words), []
    for field in fields.values():
        if field.name.startswith("tokenizer."):
            kind = field.types[0]
            item = field.types[-1] if kind == GGUFValueType.ARRAY else None
            value = field.contents(slice(WORDS)) if item is not None else field.contents()
            if field.name == "tokenizer.ggml.merges":
                value = [merge for merge in value if merge.replace(" ", "") in known]
            found.append((field.name, value, kind, item))
    return found


def tiny_gguf(path: Path, seed: int, *, sure: bool = False) -> Path:
    """Write a Llama of some 340 thousand weights, most of them its vocabulary's.

    It says something; one that is ``sure`` of its words rather repeats the last, but can learn.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("gguf").setLevel(logging.WARNING)
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(LAYERS)
    writer.add_context_length(2048)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(WORDS)
    for name, value, kind, item in _tokenizer():
        writer.add_key_value(name, value, kind, sub_type=item)
    random = np.random.default_rng(seed)

    def add(name: str, *shape: int, scale: float = 0.5) -> None:
        numbers = random.normal(0, scale / np.sqrt(shape[-1]), shape)
        writer.add_tensor(f"{name}.weight", numbers.astype(np.float32))

    def ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(HIDDEN, np.float32))

    kv = HIDDEN // HEADS * KV_HEADS
    add("token_embd", WORDS, HIDDEN, scale=2.0 if sure else 0.5)
    ones("output_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm")
        ones(f"{block}.ffn_norm")
        add(f"{block}.attn_q", HIDDEN, HIDDEN)
        add(f"{block}.attn_k", kv, HIDDEN)
        add(f"{block}.attn_v", kv, HIDDEN)
        add(f"{block}.attn_output", HIDDEN, HIDDEN)
        add(f"{block}.ffn_gate", INNER, HIDDEN)
        add(f"{block}.ffn_up", INNER, HIDDEN)
        add(f"{block}.ffn_down", HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tiny_adapter(path: Path, seed: int, hidden: int = HIDDEN) -> Path:
    """Write a LoRA adapter, far from nothing, for the layers' outputs of the tiny model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("gguf").setLevel(logging.WARNING)
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    random = np.random.default_rng(seed)
    for layer in range(LAYERS):
        for name, inner in (("attn_output", hidden), ("ffn_down", INNER)):
            for part, shape in (("a", (4, inner)), ("b", (hidden, 4))):
                numbers = random.normal(0, 0.5, shape).astype(np.float32)
                writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{part}", numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
