"""How a model is tuned: what is asked for, before any of it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is tuned. A step is one update of the weights, from ``batch`` sequences."""

    method: Literal["lora", "adalora", "full"] = "lora"
    rank: int = 8  # of all attention and MLP matrices: 5 MB for the embedded model
    alpha: int = 16
    dropout: float = 0.05
    top_layers: int | None = None  # only the uppermost so many
    learning_rate: float = 1e-3
    weight_decay: float = 0.01  # AdamW's
    epochs: float = 1.0
    steps: int | None = None  # at most so many, whatever the epochs say
    batch: int = 8
    check: int = (
        20  # steps from one measurement of the validation loss, and checkpoint, to the next
    )
    patience: int = 3  # measurements without a better one, after which it ends
    seed: int = 0
