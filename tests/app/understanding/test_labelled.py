"""Labelled texts are read whole, or it is said what is wrong with which line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import training
from app.understanding.labelled import Example, divide, labels_of, once, read_examples
from memory import InvalidInput

_GOOD = '{"text": "where is it", "label": "track"}\n'


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"text": "a"}', 'line 2 has no "label"'),
        ('{"text": null, "label": "a"}', 'line 2 has no "text"'),
        ('{"text": "a", "label": 7}', 'line 2: "label" is 7, which is not text: put it in quotes'),
        ('{"text": " ", "label": "a"}', 'line 2: "text" is empty'),
        ('{"text": "a", "label": ""}', 'line 2: "label" is empty'),
        ("{", "line 2 is not JSON"),
        ('["a", "b"]', "line 2 is no JSON object"),
        ('{"text": "' + "x" * 70_000 + '", "label": "a"}', "line 2 is longer than 65,536 bytes"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(line: str, fault: str, tmp_path: Path) -> None:
    """A bad line stops the reading, and its number is told."""
    file = tmp_path / "data.jsonl"
    file.write_text(_GOOD + line + "\n")
    with pytest.raises(InvalidInput, match=fault):
        read_examples(file)


def test_a_line_may_have_the_labels_of_several_heads(tmp_path: Path) -> None:
    """Each under its head's name; "label" is for a head that the line does not name."""
    file = tmp_path / "data.jsonl"
    file.write_text('{"text": "where is it", "topic": "order", "label": "track"}\n')
    assert read_examples(file, "topic") == [("where is it", "order")]
    assert read_examples(file, "mood") == read_examples(file) == [("where is it", "track")]


def test_what_a_desk_is_asked_is_whole() -> None:
    """The data that come with the program: each intent has one topic, no text comes twice."""
    file = Path(training.__file__).parent / "data" / "desk.jsonl"
    intents, topics = read_examples(file, "intent"), read_examples(file, "topic")
    assert once(intents) == intents
    counts = Counter(one.label for one in intents)
    assert len(counts) == 29
    assert min(counts.values()) >= 40
    pairs = {(one.label, other.label) for one, other in zip(intents, topics, strict=True)}
    assert len(pairs) == len(counts)
    assert ("oos", "oos") in pairs


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """Nothing cannot be learnt."""
    file = tmp_path / "data.jsonl"
    file.write_text("\n")
    with pytest.raises(InvalidInput, match="is empty"):
        read_examples(file)


def test_what_is_said_twice_counts_once() -> None:
    """However it is spaced and capitalised; the first stays, in its place."""
    examples = [Example("Hi  there", "a"), Example("bye", "b"), Example("hi there ", "b")]
    assert once(examples) == examples[:2]


def test_a_label_all_of_whose_texts_have_another_is_told() -> None:
    """Not left out without a word; how many texts they are, and one of them."""
    examples = [Example(text, label) for label in "ab" for text in ("Hi", "bye")]
    said = r"texts with two labels: 2, such as 'Hi', which is 'a' and 'b', and 'b' has no other"
    with pytest.raises(InvalidInput, match=said):
        once(examples)


def test_one_label_is_refused() -> None:
    """There is nothing to tell apart, and out of scope does not count."""
    with pytest.raises(InvalidInput, match=r"one label only \(a\)"):
        labels_of([Example("x", "a"), Example("y", "oos")])


def test_out_of_scope_stands_last() -> None:
    """By its usual name, or by the one that is given."""
    examples = [Example("x", "z"), Example("y", "oos"), Example("w", "b")]
    assert labels_of(examples) == (["b", "z", "oos"], "oos")
    assert labels_of(examples, "b") == (["oos", "z", "b"], "b")
    with pytest.raises(InvalidInput, match="'none' that is to mean out of scope"):
        labels_of(examples, "none")


@given(st.integers(10, 60), st.integers(10, 60), st.integers(0, 5), st.floats(0.1, 0.5))
def test_the_parts_are_the_whole(first: int, second: int, seed: int, share: float) -> None:
    """Every example is in one part, each label in both, and the same again."""
    examples = [Example(f"a {i}", "a") for i in range(first)]
    examples += [Example(f"b {i}", "b") for i in range(second)]
    parts = divide(examples, seed, share)
    assert sorted(parts.train + parts.dev) == sorted(examples)
    assert len(parts.dev) == round(first * share) + round(second * share)
    assert {one.label for one in parts.train} == {one.label for one in parts.dev} == {"a", "b"}
    assert sorted(divide(examples[::-1], seed, share).dev) == sorted(parts.dev)


def test_too_few_to_divide_is_said() -> None:
    """Three texts of each label leave none to stop by."""
    examples = [Example(f"{label} {i}", label) for label in "ab" for i in range(3)]
    with pytest.raises(InvalidInput, match="too few to keep some apart"):
        divide(examples)
