"""How well items are ranked for customers: whether what each did next is among the first ten."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from memory.types import Floats, Positions

K = 10

Rank = Callable[[int, Positions], Floats]  # a customer's number and history: scores of all items


class Score(NamedTuple):
    """Of each customer whether what they did is among the first ten, and how high."""

    hits: list[float]
    gains: list[float]

    @classmethod
    def of(cls, places: Sequence[int]) -> Score:
        """From where each thing stands, the first of all at 0."""
        return cls(
            [float(place < K) for place in places],
            [1 / math.log2(place + 2) if place < K else 0.0 for place in places],
        )

    @property
    def hr(self) -> float:
        """HR@10."""
        return statistics.mean(self.hits)

    @property
    def ndcg(self) -> float:
        """NDCG@10."""
        return statistics.mean(self.gains)

    def surely_above(self, other: Score) -> bool:
        """Whether NDCG@10 is higher, of the same customers, by more than two standard errors."""
        more = np.subtract(self.gains, other.gains)
        return float(more.mean()) > 2 * float(more.std(ddof=1)) / math.sqrt(len(more))


def evaluate(
    rank: Rank, histories: Sequence[Positions], wanted: Sequence[int],
    among: Positions | None = None, only: frozenset[int] | None = None,
) -> Score:  # fmt: skip
    """Rank for every customer; of equal ones the wanted one comes last.

    Args:
        rank: a system.
        histories: what each did before.
        wanted: what each did then.
        among: the items that are ranked; all, if not given.
        only: the customers who did one of these; all, if not given.
    """
    return Score.of(
        [
            place_of(item, rank(customer, history), history, among)
            for customer, (history, item) in enumerate(zip(histories, wanted, strict=True))
            if only is None or item in only
        ]
    )


def place_of(
    item: int, scores: Floats, history: Positions, among: Positions | None = None
) -> int:  # fmt: skip
    """Where an item stands by the items' scores (n,), less what was done before."""
    scores = np.array(scores, np.float64)
    scores[history[history != item]] = -np.inf
    looked_at = scores if among is None else scores[among]
    return int((looked_at >= scores[item]).sum()) - 1
