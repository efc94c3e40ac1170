"""What a Llama's matrices are called in GGUF and in transformers, and how their rows differ."""

from __future__ import annotations

from typing import Any

import numpy as np

# Of a layer: ``blk.3.attn_q`` is ``model.layers.3.self_attn.q_proj``.
MATRICES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
# Rotated by position: transformers pairs a head's row i with i + half, llama.cpp 2i with 2i + 1.
_ROTATED = ("attn_q", "attn_k")


def heads_of(matrix: str, config: Any) -> int | None:
    """How many heads' rows of a matrix stand in another order, by a Llama's config; or None."""
    if matrix not in _ROTATED:
        return None
    queries: int = config.num_attention_heads
    keys: int = config.num_key_value_heads
    return queries if matrix == "attn_q" else keys


def to_gguf_rows(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows as transformers has them, in GGUF's order: (heads * size, n) to the same shape."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def from_gguf_rows(rows: np.ndarray, heads: int) -> np.ndarray:
    """The other way round."""
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)
