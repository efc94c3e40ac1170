"""Figures of a classifier, and when it is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.understanding.calibration import calibrate
from app.understanding.card import Head
from app.understanding.heads import probabilities, readings
from app.understanding.report import OUTSIDE, draw, report, table
from memory import Label


def read(*labels: str | None) -> list[Label]:
    """What was said, each with the same confidence."""
    return [Label(label, 0.9) for label in labels]


def test_figures_are_counted_by_hand() -> None:
    """Of four texts of a and two of b, one of a is taken for b."""
    made = report(["a", "a", "a", "a", "b", "b"], read("a", "a", "a", "b", "b", "b"))
    assert made["accuracy"] == made["micro"]["f1"] == pytest.approx(5 / 6)
    assert made["classes"]["a"] == pytest.approx(
        {"precision": 1, "recall": 3 / 4, "f1": 6 / 7, "examples": 4}
    )
    assert made["macro"]["f1"] == pytest.approx((6 / 7 + 4 / 5) / 2)
    assert "out_of_scope" not in made


def test_what_is_out_of_scope_is_counted_apart() -> None:
    """In scope and rejected is wrong there; out of scope and rejected is recall."""
    made = report(["a", "b", "b", None, None], read("a", None, "b", None, "a"))
    assert made["out_of_scope"] == pytest.approx(
        {
            "in_scope_examples": 3,
            "in_scope_accuracy": 2 / 3,
            "examples": 2,
            "recall": 1 / 2,
            "precision": 1 / 2,
        }
    )
    assert "out of scope: recall 0.5000, precision 0.5000 of 2" in table(made)


def test_rejecting_is_wrong_where_nothing_is_out_of_scope() -> None:
    """A class that is never true does not enter the averages as one more class."""
    made = report(["a", "b"], read("a", None))
    assert (made["accuracy"], made["macro"]["recall"]) == (0.5, 0.5)
    assert made["classes"][OUTSIDE]["examples"] == 0


def test_the_picture_is_one(tmp_path: Path) -> None:
    """A PNG, for few classes and for many."""
    for classes in (2, 40):
        labels = [f"label {n}" for n in range(classes)]
        draw(labels, read(*labels[::-1]), tmp_path / "confusion.png")
        assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


@given(st.integers(0, 10_000), st.integers(20, 400), st.booleans(), st.floats(0, 0.5))
def test_a_threshold_costs_no_more_right_answers_than_it_may(
    seed: int, number: int, knows: bool, cost: float
) -> None:
    """And there is one only where something is out of scope."""
    drawn = np.random.default_rng(seed)
    classes = drawn.integers(0, 4, number)
    scores = drawn.normal(0, 1, (number, 4)).astype(np.float32)
    scores[np.arange(number), classes] += 2
    head = Head(["a", "b", "c", "d"], "d" if knows else None, 1.0, None)
    made = calibrate(head, scores, classes, cost)
    assert (made.threshold is not None) == knows
    right = (probabilities(head, scores)[:, : len(head.inside)].argmax(1) == classes).sum()
    kept = sum(
        one.name == head.labels[place]
        for one, place in zip(readings(made, scores), classes.tolist(), strict=True)
        if place < len(head.inside)
    )
    assert right * (1 - cost) - 1e-6 <= kept <= right


def test_confidence_is_how_often_it_is_right() -> None:
    """Scores ten times too large say 1.0 of everything; after calibration they do not."""
    drawn = np.random.default_rng(0)
    logits = drawn.normal(0, 1.5, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    classes = np.array([drawn.choice(3, p=row) for row in chances])
    scores = (logits * 5).astype(np.float32)
    head = calibrate(Head(["a", "b", "c"], None, 1.0, None), scores, classes, 0)
    said = readings(head, scores)
    right = np.mean([head.labels.index(one.name or "") for one in said] == classes)
    assert np.mean([one.confidence for one in said]) == pytest.approx(right, abs=0.02)
