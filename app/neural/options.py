"""What a network is, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TaskName = Literal["copy", "recall", "summary"]
CoreName = Literal["lstm", "transformer"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a network is made and trained; kept in its card, so that it can be made again.

    ``longest`` is of the sequences that are trained on: vectors to be copied, items to be
    recalled. ``slots`` is N while it is trained; a longer sequence is given more when it is used.
    """

    task: TaskName
    core: CoreName = "lstm"
    memory: bool = True
    hops: int = 1
    width: int = 100
    slots: int = 48
    slot_width: int = 24
    longest: int = 10
    steps: int = 1000
    batch: int = 32
    learning_rate: float = 3e-3
    seed: int = 1
    vocabulary: int = 8000  # of summaries: words that are known

    @property
    def name(self) -> str:
        """What it is called in figures: ``lstm with memory``."""
        hops = f", {self.hops} reads a step" if self.memory and self.hops > 1 else ""
        return f"{self.core} {'with' if self.memory else 'without'} memory{hops}"
