"""Whether so many are far more than was to be expected at that hour, as outbreaks are found.

Counts are compared with a Poisson distribution whose spread is what the days say (Farrington,
Andrews, Beale and Catchpole 1996). What is expected is the mean of the same hour on earlier days,
each by how busy it was: on a Sunday, or in a quiet week, fewer are many. Days that were surges
themselves say little (Noufaily et al. 2013 give the weights). The power of two thirds makes such
counts as good as normal, also low ones (Anscombe 1953).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import NamedTuple

from memory.errors import InvalidInput

HOUR = timedelta(hours=1)  # what is counted at a time: the last one, whenever it is looked
DAYS = 28  # earlier ones that an hour is compared with
NEEDED = 7  # of them that are known, or nothing is said

_FAR = 2.58  # standard deviations from which on a day counts the less, the farther it is
_FEW = 4  # texts that are added to those of an hour: a few say little of how busy it is
_BUSIEST = 2.0  # times the usual, or its half: what goes up everywhere is a surge too


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

    score: float = 5.0
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
    """How many there were in the hour up to ``at``, and in the same hour of earlier days.

    ``others`` are all other texts, whatever they are about, which tell how busy the hour was, and
    ``others_earlier`` those of each earlier day; where none are given, one is as busy as another.
    """

    at: datetime
    many: int
    earlier: Sequence[int]
    others: int = 0
    others_earlier: Sequence[int] = ()

    @property
    def usual(self) -> float:
        """How many were to be expected."""
        return _expected(self).mean if self.earlier else 0.0

    @property
    def score(self) -> float | None:
        """How far above that it is; None where too few days are known."""
        if len(self.earlier) < NEEDED:
            return None
        mean, spread = _expected(self)
        return float(_apart(self.many, mean) / spread**0.5)

    def begins(self, threshold: Threshold) -> bool:
        """Whether a surge begins here."""
        score = self.score
        return score is not None and score >= threshold.score and self.many >= threshold.least

    def is_calm(self, threshold: Threshold) -> bool:
        """Whether there is no surge any more."""
        score = self.score
        return score is None or score < threshold.calm


class _Expected(NamedTuple):
    """How many are expected, and by how much the variance is more than that."""

    mean: float
    spread: float


def _expected(hour: Hour) -> _Expected:
    busy, *days = _busy(hour)
    each = _mean(hour.earlier, days, [1.0] * len(days))
    weights = [
        max(_apart(many, each * day) / _FAR, 1.0) ** -2
        for many, day in zip(hour.earlier, days, strict=True)
    ]
    each = _mean(hour.earlier, days, weights)
    known = sum(weight * day for weight, day in zip(weights, days, strict=True))
    squares = [
        min((many - each * day) ** 2 / (each * day), _FAR**2)
        for many, day in zip(hour.earlier, days, strict=True)
    ]
    spread = max(sum(squares) / max(len(days) - 1, 1), 1.0)
    return _Expected(each * busy, spread * (1 + busy / known))


def _mean(earlier: Sequence[int], days: Sequence[float], weights: Sequence[float]) -> float:
    """How many there are in an hour that is as busy as usual; of none a half in all days."""
    counted = sum(weight * many for weight, many in zip(weights, earlier, strict=True))
    return max(counted, 0.5) / sum(weight * day for weight, day in zip(weights, days, strict=True))


def _busy(hour: Hour) -> list[float]:
    """How busy the hour was, and that of each earlier day, beside the usual."""
    earlier = hour.others_earlier or [0] * len(hour.earlier)
    usual = fmean(earlier) + _FEW
    return [
        min(max((one + _FEW) / usual, 1 / _BUSIEST), _BUSIEST) for one in (hour.others, *earlier)
    ]


def _apart(many: int, mean: float) -> float:
    """Standard deviations of a Poisson distribution (Anscombe's residual)."""
    return float(1.5 * (many ** (2 / 3) - mean ** (2 / 3)) / mean ** (1 / 6))
