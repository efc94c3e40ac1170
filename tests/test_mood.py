"""How a customer feels over time, by the sentiment of the messages."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import Label
from memory.mood import SURE, VALUES, Felt, mood_of

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LABELS = st.builds(Label, st.sampled_from(sorted(VALUES)), st.floats(0, 1))
MANY = st.lists(LABELS, min_size=1, max_size=60)


def felt(*said: Label | float) -> list[Felt]:
    """Messages a minute apart; a number is how far one is negative or positive."""
    labels = [
        one if isinstance(one, Label)
        else Label("negative" if one < 0 else "positive" if one > 0 else "neutral", abs(one))
        for one in said
    ]  # fmt: skip
    return [Felt(START + timedelta(minutes=n), one, f"m{n}") for n, one in enumerate(labels)]


def score(*said: Label | float) -> float:
    """The mood after all of them."""
    found = mood_of(felt(*said))
    assert found is not None
    return found.score


def signed(label: Label) -> float:
    """What a message says."""
    assert label.name is not None
    return VALUES[label.name] * label.confidence if label.confidence >= SURE else 0.0


@given(MANY)
def test_a_mood_lies_among_what_was_said(said: list[Label]) -> None:
    """Never lower than the lowest message or higher than the highest, at no point."""
    mood = mood_of(felt(*said))
    assert mood is not None
    values = [signed(one) for one in said]
    assert all(min(values) - 1e-9 <= p.score <= max(values) + 1e-9 for p in mood.points)
    assert [(p.at, p.message) for p in mood.points] == [(f.at, f.message) for f in felt(*said)]
    assert mood.points[-1].score == mood.score


@given(MANY, st.integers(0), LABELS)
def test_a_message_that_is_more_negative_never_raises_a_mood(
    said: list[Label], place: int, other: Label
) -> None:
    """Wherever it stands."""
    changed = [*said]
    changed[place % len(said)] = other
    before, after = mood_of(felt(*said)), mood_of(felt(*changed))
    assert before is not None
    assert after is not None
    lower = signed(other) <= signed(said[place % len(said)])
    for old, new in zip(before.points, after.points, strict=True):
        assert (new.score <= old.score + 1e-9) if lower else (new.score >= old.score - 1e-9)


@given(MANY, MANY, st.randoms())
def test_what_is_old_weighs_little(old: list[Label], new: list[Label], draw: random.Random) -> None:
    """In whichever order it was said, no more than half for every two messages since."""
    other = [*old]
    draw.shuffle(other)
    assert abs(score(*old, *new) - score(*other, *new)) <= 2 * 0.5 ** (len(new) / 2) + 1e-9


@given(MANY)
def test_the_opposite_said_is_the_opposite_mood(said: list[Label]) -> None:
    """Negative and positive count alike."""
    turned = {"negative": "positive", "positive": "negative", "neutral": "neutral"}
    opposite = [Label(turned[str(one.name)], one.confidence) for one in said]
    assert score(*opposite) == -score(*said)


def test_a_message_weighs_half_after_two_others() -> None:
    """As the formula says: -0.8 and 0.6 after two neutral ones."""
    weights = (0.25, 2**-1.5, 0.5, 2**-0.5, 1)
    expected = (-0.8 * weights[0] + 0.6 * weights[4]) / sum(weights)
    assert score(-0.8, 0, 0, 0, 0.6) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "label", "trend"),
    [
        ([-0.9], "negative", "steady"),
        ([0, -0.9], "negative", "falling"),
        ([0] * 12 + [-0.9], "neutral", "falling"),
        ([0] * 12 + [-0.9, -0.9], "negative", "falling"),
        ([-0.9] * 4, "negative", "steady"),
        ([-0.9, 0.9, 0.9], "positive", "rising"),
        ([0, 0, 0.05], "neutral", "steady"),
        ([0.4], "neutral", "steady"),
        ([-0.9, 0.45, 0.45], "neutral", "rising"),
        ([0.9, 0, 0, 0, 0, 0, 0], "neutral", "steady"),
    ],
)
def test_a_mood_has_a_name_and_a_trend(said: list[float], label: str, trend: str) -> None:
    """One outburst is seen at once, two make a mood; kind words are seen too, guesses are not."""
    found = mood_of(felt(*said))
    assert found is not None
    assert (found.label, found.trend) == (label, trend)


def test_what_is_not_known_is_no_mood() -> None:
    """Neither out of scope nor a label that says nothing of moods, nor nothing at all."""
    assert mood_of([]) is None
    unknown = [Label(None, 0.9), Label("sarcastic", 0.9)]
    assert mood_of(felt(*unknown)) is None
    assert score(unknown[0], -0.5, *unknown) == -0.5
