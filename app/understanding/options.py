"""How an encoder is tuned to classify: what is asked for, before any of it is done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from memory import InvalidInput

_TOP = re.compile(r"top:(\d+)")


@dataclass(frozen=True, slots=True)
class Options:
    """How an encoder is tuned: ``head``, ``top:N`` layers, ``lora`` or ``all``."""

    tune: str = "all"
    epochs: float = 5.0
    learning_rate: float | None = None  # else 1e-4, and 1e-3 for LoRA
    weight_decay: float = 0.01  # AdamW's
    batch: int = 32
    patience: int = 2  # epochs without a better macro-F1, after which it ends
    rank: int = 8  # of LoRA's matrices
    dropout: float = 0.05  # LoRA's
    dev_share: float = 0.1  # of the examples, to stop by
    scope_cost: float = 0.005  # of right answers in scope, how many the threshold may cost
    seed: int = 0

    def rate(self) -> float:
        """The learning rate, at its highest."""
        return self.learning_rate or (1e-3 if self.tune == "lora" else 1e-4)

    def top(self, layers: int) -> int | None:
        """How many upper layers are tuned, of so many; None if ``tune`` is no ``top:N``.

        Raises InvalidInput if it is neither that nor head, lora or all.
        """
        if self.tune in ("head", "lora", "all"):
            return None
        found = _TOP.fullmatch(self.tune)
        if found is None or not 1 <= int(found[1]) <= layers:
            msg = (
                f"--tune {self.tune!r} is not known: use head, lora, all, or top:N with N from 1 "
                f"to {layers}"
            )
            raise InvalidInput(msg)
        return int(found[1])
