"""How a customer feels, over time, by the sentiment of what the customer wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from memory.types import Label

HEAD = "sentiment"  # the head that says so
MOST = 50  # of a customer's last messages that are looked at
VALUES = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
SURE = 0.5  # a label below it is more likely wrong than right

_HALF_LIFE = 2.0  # messages after which one weighs half
_KEPT: float = 0.5 ** (1 / _HALF_LIFE)
_SPAN = 2  # messages over which a trend is looked for
_STEP = 0.1  # what counts as one
_THIRD = 1 / 3


class Felt(NamedTuple):
    """The sentiment of a message, and when it was said; ``message`` is its id, if it is shown."""

    at: datetime
    label: Label
    message: str | None = None


@dataclass(frozen=True, slots=True)
class MoodPoint:
    """The mood after a message, -1 to 1; ``message`` is its id, None for a forgotten one."""

    at: datetime
    message: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Mood:
    """How a customer feels after the last message, -1 to 1, and how that came about.

    ``points`` are the moods after each of the last messages, the oldest first; the last of them
    is ``score``.
    """

    label: Literal["negative", "neutral", "positive"]
    score: float
    trend: Literal["falling", "steady", "rising"]
    points: list[MoodPoint]


def mood_of(felt: Sequence[Felt]) -> Mood | None:
    """The mood after some messages, the oldest first; None where none has a sentiment.

    A message says s: its confidence, with the sign of its label; 0 if it is neutral, or less than
    half sure. After message n the mood is the weighted mean of all so far,

        sum of w(i) s(i) / sum of w(i),    w(i) = 0.5 ** ((n - i) / 2)

    so each weighs half as much as the one two messages later. It goes by messages and not by
    hours, because anger does not pass while nobody writes; one outburst is seen at once (it is
    three tenths of a long conversation's mood), and two kind words after it are seen too. As a
    mean it stays between -1 and 1, and an only message says all. A third of the way to either end
    is called negative or positive, less is neutral. The trend is what has changed over the last
    two messages, steady below a tenth.
    """
    points: list[MoodPoint] = []
    total = weights = 0.0
    for at, label, message in felt:
        if label.name not in VALUES:
            continue
        said = VALUES[label.name] * label.confidence if label.confidence >= SURE else 0.0
        total = total * _KEPT + said
        weights = weights * _KEPT + 1
        points.append(MoodPoint(at, message, total / weights))
    if not points:
        return None
    score = points[-1].score
    change = score - points[max(len(points) - 1 - _SPAN, 0)].score
    return Mood(
        "negative" if score <= -_THIRD else "positive" if score >= _THIRD else "neutral",
        score,
        "falling" if change <= -_STEP else "rising" if change >= _STEP else "steady",
        points,
    )
