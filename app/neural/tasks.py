"""What a memory is tried on: copying, and recalling what stood after what (Graves et al. 2014).

Sequences of a batch differ in length and are filled up at their ends; masks say what is real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor

ITEM = 3  # vectors of an item
_COPY_BITS, _RECALL_BITS = 8, 6


class Batch(NamedTuple):
    """Sequences, and what is to be given at some of their steps."""

    given: Tensor  # (B, T, inputs), float
    real: Tensor  # (B, T), bool: which steps there are
    wanted: Tensor  # (B, T, bits), float, 0 or 1
    asked: Tensor  # (B, T), bool: at which steps the bits are wanted


@dataclass(frozen=True, slots=True)
class Task:
    """How sequences are made, and how wide they are."""

    inputs: int
    bits: int
    shortest: int
    make: Callable[[list[int], Generator], Batch]


def copied(lengths: list[int], random: Generator) -> Batch:
    """Vectors of 8 random bits, a mark, then nothing, for as many steps as there were vectors.

    Args:
        lengths: of each sequence, in vectors.
        random: where the bits come from.
    """
    steps = 2 * max(lengths) + 1
    batch = _blank(len(lengths), steps, _COPY_BITS + 1, _COPY_BITS)
    for row, length in enumerate(lengths):
        bits = _bits(length, _COPY_BITS, random)
        batch.given[row, :length, :_COPY_BITS] = bits
        batch.given[row, length, _COPY_BITS] = 1
        batch.wanted[row, length + 1 : 2 * length + 1] = bits
        batch.asked[row, length + 1 : 2 * length + 1] = True
        batch.real[row, : 2 * length + 1] = True
    return batch


def recalled(lengths: list[int], random: Generator) -> Batch:
    """Items of three vectors of 6 random bits, each after a mark; then one of them, between two
    marks of another kind: the item that came after it is wanted.

    Args:
        lengths: of each sequence, in items, at least two.
        random: where bits and the item that is asked for come from.
    """
    steps = (ITEM + 1) * max(lengths) + 2 + 2 * ITEM
    batch = _blank(len(lengths), steps, _RECALL_BITS + 2, _RECALL_BITS)
    for row, length in enumerate(lengths):
        items = _bits(length * ITEM, _RECALL_BITS, random).view(length, ITEM, _RECALL_BITS)
        for number, item in enumerate(items):
            at = (ITEM + 1) * number
            batch.given[row, at, _RECALL_BITS] = 1
            batch.given[row, at + 1 : at + 1 + ITEM, :_RECALL_BITS] = item
        cue = int(torch.randint(length - 1, (), generator=random))
        at = (ITEM + 1) * length
        batch.given[row, at, _RECALL_BITS + 1] = 1
        batch.given[row, at + 1 : at + 1 + ITEM, :_RECALL_BITS] = items[cue]
        at += 1 + ITEM
        batch.given[row, at, _RECALL_BITS + 1] = 1
        batch.wanted[row, at + 1 : at + 1 + ITEM] = items[cue + 1]
        batch.asked[row, at + 1 : at + 1 + ITEM] = True
        batch.real[row, : at + 1 + ITEM] = True
    return batch


TASKS = {
    "copy": Task(_COPY_BITS + 1, _COPY_BITS, 1, copied),
    "recall": Task(_RECALL_BITS + 2, _RECALL_BITS, 2, recalled),
}


def _blank(batch: int, steps: int, inputs: int, bits: int) -> Batch:
    return Batch(
        torch.zeros(batch, steps, inputs), torch.zeros(batch, steps, dtype=torch.bool),
        torch.zeros(batch, steps, bits), torch.zeros(batch, steps, dtype=torch.bool),
    )  # fmt: skip


def _bits(count: int, bits: int, random: Generator) -> Tensor:
    return torch.randint(2, (count, bits), generator=random).float()
