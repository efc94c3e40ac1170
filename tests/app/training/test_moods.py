"""The messages with moods that are shipped, as they should stay when somebody adds to them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import app

DATA = Path(app.__file__).parent / "training" / "data" / "moods.jsonl"
EXAMPLES = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def test_each_line_is_a_text_and_one_of_three_labels() -> None:
    """A line has a text in one piece without blanks around it, and a label; nothing else."""
    for number, one in enumerate(EXAMPLES, 1):
        assert one.keys() == {"text", "label"}, number
        assert one["text"] == " ".join(one["text"].split()), number
        assert one["label"] in {"negative", "neutral", "positive"}, number


def test_no_message_stands_twice() -> None:
    """Messages differ in more than letters' case and signs, so none is learnt and measured on."""
    seen = Counter(
        "".join(sign for sign in one["text"].casefold() if sign.isalnum() or sign in "+-?")
        for one in EXAMPLES
    )
    assert not [text for text, count in seen.items() if count > 1]


def test_there_are_enough_of_each_label() -> None:
    """1,800 messages or more, and of each label between a quarter and two fifths."""
    assert len(EXAMPLES) >= 1800
    for label, count in Counter(one["label"] for one in EXAMPLES).items():
        assert 0.25 <= count / len(EXAMPLES) <= 0.4, label


def test_messages_are_as_long_as_customers_write() -> None:
    """No label is told by its length: short ones and long ones are found under each."""
    for label in ("negative", "neutral", "positive"):
        words = sorted(len(one["text"].split()) for one in EXAMPLES if one["label"] == label)
        assert words[0] <= 2, label
        assert 30 <= words[-1] <= 60, label
        assert 8 <= words[len(words) // 2] <= 16, label


def test_asking_and_thanking_alone_decide_nothing() -> None:
    """Questions and thanks stand under all three labels, so no sign or word gives one away."""
    for sign in ("?", "thank"):
        found = {one["label"] for one in EXAMPLES if sign in one["text"].casefold()}
        assert found == {"negative", "neutral", "positive"}, sign
