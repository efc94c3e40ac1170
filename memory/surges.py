"""Whether so many are far more than is usual at that hour: a robust z-score.

Counts of what happens by itself vary as their square root does, so roots are compared (Anscombe
1948): they vary by about one however high the count is. What is usual is the median of the same
hour on earlier days, and how far they lie apart their median absolute deviation, at least one:
neither minds a few days that were surges themselves (Iglewicz and Hoaglin 1993).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from memory.errors import InvalidInput

HOUR = timedelta(hours=1)  # what is counted at a time: the last one, whenever it is looked
DAYS = 28  # earlier ones that an hour is compared with
NEEDED = 7  # of them that are known, or nothing is said

_NORMAL = 1.4826  # by which the deviation of a normal distribution is a standard deviation


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a surge begins, and when it is over.

    Attributes:
        score: from which on it is one, in standard deviations above what is usual.
        least: how many it takes in any case.
        calm: a score below which it is none any more; between the two it stays what it was.

    Raises:
        InvalidInput: it would end before it begins, or begin with nobody.
    """

    score: float = 4.5
    least: int = 8
    calm: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.calm < self.score or self.least < 1:
            msg = (
                f"a surge from a score of {self.score:g} and a count of {self.least} on, over "
                f"below {self.calm:g}: give a score above {self.calm:g} and a count above zero"
            )
            raise InvalidInput(msg)


class Hour(NamedTuple):
    """How many there were in the hour up to ``at``, and in the same hour of earlier days."""

    at: datetime
    many: int
    earlier: Sequence[int]

    @property
    def usual(self) -> float:
        """How many there are usually."""
        return float(median(self.earlier)) if self.earlier else 0.0

    @property
    def score(self) -> float | None:
        """How far above that it is; None where too few days are known."""
        if len(self.earlier) < NEEDED:
            return None
        roots = [_root(one) for one in self.earlier]
        middle = median(roots)
        apart = _NORMAL * median(abs(root - middle) for root in roots)
        return (_root(self.many) - middle) / max(apart, 1.0)

    def begins(self, threshold: Threshold) -> bool:
        """Whether a surge begins here."""
        score = self.score
        return score is not None and score >= threshold.score and self.many >= threshold.least

    def is_calm(self, threshold: Threshold) -> bool:
        """Whether there is no surge any more."""
        score = self.score
        return score is None or score < threshold.calm


def _root(count: int) -> float:
    return 2 * math.sqrt(count + 3 / 8)
