"""A network on one of the tasks of bits: its loss, and how well it does at a length."""

from __future__ import annotations

import random
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from app.neural.options import Options
from app.neural.tasks import TASKS, Batch
from memory.neural import ExternalMemory, MemoryDecoder

_TRIED = 64  # sequences of a length that figures rest on


class Score(NamedTuple):
    """How well a network does at one length."""

    bits: float  # the share of the bits that are right
    whole: float  # the share of the sequences all of whose bits are


class Sequences:
    """A decoder with the task it is trained on."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.task = TASKS[options.task]
        width = options.width
        memory = ExternalMemory(options.slot_width, width) if options.memory else None
        self.network = MemoryDecoder(
            self.task.inputs, self.task.bits, width, options.core, memory, options.hops
        )
        self._random = torch.Generator().manual_seed(options.seed)
        self._lengths = random.Random(options.seed)  # noqa: S311 - no secret is made

    def loss(self) -> Tensor:
        """Of one batch of new sequences: the binary cross-entropy of a bit.

        Of all lengths from the start: a core that is given short ones first learns them by itself.
        """
        among = range(self.task.shortest, self.options.longest + 1)
        batch = self.task.make(
            [self._lengths.choice(among) for _ in range(self.options.batch)], self._random
        )
        given = self._given(batch)
        return functional.binary_cross_entropy_with_logits(
            given[batch.asked], batch.wanted[batch.asked]
        )

    def score(self, length: int, tried: int = _TRIED) -> Score:
        """How well it does on new sequences of one length, the same for every network."""
        batch = self.task.make([length] * tried, torch.Generator().manual_seed(length))
        with torch.no_grad():
            right = (self._given(batch) > 0) == (batch.wanted > 0)
        whole = (right.all(-1) | ~batch.asked).all(1)
        return Score(right[batch.asked].float().mean().item(), whole.float().mean().item())

    def _given(self, batch: Batch) -> Tensor:
        """What the network gives, (B, T, bits) before the sigmoid."""
        slots = max(self.options.slots, batch.given.shape[1])  # never fewer than steps
        found, _ = self.network(
            batch.given, batch.real, self.network.begin(batch.given[:, 0], slots)
        )
        return found
