"""What whoever asks a model wants of it, beside the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Asking:
    """``instructions`` stand after the service's own in the prompt, and are stored nowhere.

    ``choices`` are the model's: ``temperature``, ``max_tokens``, ``stop`` and their like.
    """

    instructions: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)


PLAIN = Asking()
