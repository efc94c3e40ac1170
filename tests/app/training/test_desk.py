"""The messages to a desk that a classifier learns from, and those that it is measured on."""

from collections import Counter
from pathlib import Path

import pytest

import app
from app.understanding.labelled import OUT_OF_SCOPE, read_examples

DATA = Path(app.__file__).parent / "training" / "data"
BLIND = Path(__file__).parents[2] / "benchmarks" / "desk_test.jsonl"


@pytest.mark.parametrize("head", ["intent", "topic"])
def test_what_is_measured_has_the_labels_that_are_learnt(head: str) -> None:
    """The blind messages have every label of the desk's, and no other."""
    learnt = {one.label for one in read_examples(DATA / "desk.jsonl", head)} - OUT_OF_SCOPE
    asked = {one.label for one in read_examples(BLIND, head)} - OUT_OF_SCOPE
    assert asked == learnt


def test_each_label_is_measured_on_enough() -> None:
    """Each intent has six blind messages, 60 are out of scope, and each sentiment has 50."""
    intents = Counter(one.label for one in read_examples(BLIND, "intent"))
    assert intents.pop("oos") == 60
    assert set(intents.values()) == {6}
    sentiments = Counter(one.label for one in read_examples(BLIND, "sentiment"))
    assert sentiments.keys() == {"negative", "neutral", "positive"}
    assert min(sentiments.values()) >= 50


def test_nothing_is_measured_that_is_learnt() -> None:
    """No blind message is among those that train, by its letters and digits, or twice there."""
    blind = [_plain(one.text) for one in read_examples(BLIND, "intent")]
    learnt = {
        _plain(one.text)
        for name in ("desk.jsonl", "moods.jsonl")
        for one in read_examples(DATA / name, "intent")
    }
    assert not learnt.intersection(blind)
    assert len(set(blind)) == len(blind)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split()) or text
