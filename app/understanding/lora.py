"""A classifier as what LoRA changed of the encoder, and its heads: a hundredth of the encoder.

``lora.safetensors`` has for each matrix that was tuned NAME.lora_A (r, inputs) and NAME.lora_B
(outputs, r), with the scale in it: W + B A is what is run (Hu et al. 2021,
https://arxiv.org/abs/2106.09685). The heads beside them are as ``memory.minilm`` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memory.minilm import Weights
from memory.types import Floats

_A, _B = ".lora_A", ".lora_B"


def matrices(encoder: Any) -> dict[str, Any]:
    """The tensors that peft has put beside an encoder's matrices, called as the file calls them."""
    found = {}
    for name, layer in encoder.get_base_model().named_modules():
        if hasattr(layer, "lora_A"):
            (kind,) = layer.active_adapters
            found[name + _A] = layer.lora_A[kind].weight.detach()
            found[name + _B] = layer.lora_B[kind].weight.detach() * layer.scaling[kind]
    return found


def merged(base: Path, lora: Path) -> dict[str, Floats]:
    """The tensors that differ from ``base``'s (its model.safetensors), and the heads.

    Raises KeyError if the matrices are not the base's.
    """
    weights, found = Weights(base), Weights(lora)
    made: dict[str, Floats] = {}
    for name in found:
        matrix = name.removesuffix(_A) + ".weight"
        if name.endswith(_A):
            made[matrix] = weights[matrix] + found[name.removesuffix(_A) + _B] @ found[name]
        elif not name.endswith(_B):
            made[name] = found[name]
    return made
