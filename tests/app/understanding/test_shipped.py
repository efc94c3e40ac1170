"""The classifier that comes with the program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.understanding.card import LORA
from app.understanding.heads import Heads
from app.understanding.opening import _SHIPPED, open_understanding
from memory import Labels

BLIND = Path(__file__).parents[2] / "benchmarks" / "desk_test.jsonl"
_MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def shipped() -> Heads:
    """It."""
    heads = open_understanding("embedded:")
    assert heads is not None
    return heads


def test_it_is_small_and_says_where_it_is_from(shipped: Heads) -> None:
    """Learnt from texts of the project's own alone; three heads, of which each has figures."""
    assert (_SHIPPED / LORA).stat().st_size < _MOST_BYTES
    assert {one["licence"] for one in shipped.card.data} == {"Apache-2.0"}
    assert {*shipped.card.heads} == {*shipped.card.figures} == {"intent", "topic", "sentiment"}
    assert shipped.card.heads["sentiment"].labels == ["negative", "neutral", "positive"]


def test_it_reads_messages_that_were_written_blind(shipped: Heads) -> None:
    """Well below what was measured, so that only what is broken fails; sureness holds."""
    lines = [json.loads(line) for line in BLIND.read_text("utf-8").splitlines()]
    read = shipped.read([line["text"] for line in lines])
    inside = [(one, line) for one, line in zip(read, lines, strict=True) if line["intent"] != "oos"]
    outside = [one for one, line in zip(read, lines, strict=True) if line["intent"] == "oos"]

    def right(head: str) -> float:
        return sum(one[head].name == line[head] for one, line in inside) / len(inside)

    assert right("intent") > 0.85
    assert right("topic") > 0.9
    assert right("sentiment") > 0.7
    assert sum(one["intent"].name is None for one in outside) / len(outside) > 0.9
    certain = [one["intent"].name == line["intent"] for one, line in inside if sure(one)]
    assert len(certain) > len(inside) / 2
    assert sum(certain) / len(certain) > 0.97


def sure(labels: Labels) -> bool:
    """Whether an intent is seen with so much confidence that a template may answer."""
    return labels["intent"].name is not None and labels["intent"].confidence >= 0.9


@pytest.mark.parametrize("text", ["", "?", "...", "👍", "😡😡"])
def test_what_has_no_words_is_not_read(shipped: Heads, text: str) -> None:
    """Signs and pictures move no mood: the encoder knows none of them."""
    (read,) = shipped.read([text])
    assert {one.name for one in read.values()} == {None}


@pytest.mark.parametrize("text", ["我的订单在哪里？", "Где мой заказ?", "أين طلبي؟"])
def test_of_what_it_cannot_read_it_says_nothing(shipped: Heads, text: str) -> None:
    """What is written in another script has no labels: no template answers it."""
    assert shipped.read([text]) == [{}]
