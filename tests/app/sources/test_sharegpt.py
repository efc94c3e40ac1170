"""Conversations as data for fine-tuning has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sources import sharegpt
from app.sources.source import BAD, Conversation, Options, Place
from memory import InvalidInput, MemoryStore
from tests.app.sources.conftest import Import, faults, left_out, said

TALK = [
    {"from": "system", "value": "Be kind"},
    {"from": "human", "value": "hi"},
    {"from": "gpt", "value": "hello"},
]
HELD = [("system", "Be kind"), ("human", "hi"), ("ai", "hello")]


@pytest.mark.parametrize(
    "form",
    [
        {"id": "s", "conversations": TALK},
        {"id": "s", "items": TALK},
        {"id": "s", "messages": TALK},
        {"id": "s", "conversations": [{"role": one["from"], "content": one["value"]}
                                      for one in TALK]},
        {"id": "s", "conversation": [{"from": one["from"].title(), "text": one["value"]}
                                     for one in TALK]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("array", [False, True])
def test_every_variant_is_read(
    bring: Import, target: MemoryStore, tmp_path: Path, form: dict[str, Any], array: bool
) -> None:
    """One object a line or in an array; a second import stores nothing."""
    file = tmp_path / "share.json"
    file.write_text(json.dumps([form] if array else form))
    reports = [bring(file, customer="ada") for _ in range(2)]
    assert [(r.format, r.new_messages, r.undated) for r in reports] == [
        ("sharegpt", 3, 3), ("sharegpt", 0, 3),
    ]  # fmt: skip
    assert said(target, "ada", "s") == HELD


def test_one_wide_object_is_one_conversation(
    bring: Import, target: MemoryStore, tmp_path: Path
) -> None:
    """The list in it is no list of conversations; without a name it is called after the file."""
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"conversations": TALK}, indent=2))
    assert bring(file, customer="ada").conversations == 1
    assert said(target, "ada", "one.json:1") == HELD


def test_what_is_no_message_is_named(bring: Import, target: MemoryStore) -> None:
    """And what somebody did not say is counted: tools, empty messages."""
    lines = [
        {"id": "a", "conversations": [
            *TALK, {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "x"},
            {"from": "human", "value": " "}, {"from": "narrator", "value": "x"}, "x",
            {"from": "gpt", "value": ["x"]}, {"from": "gpt", "value": "late", "timestamp": "soon"},
            {"from": "gpt", "value": "good"}]},
        {"id": "b", "conversations": [{"from": "gpt", "value": ""}]},
        {"id": "c"},
        {"id": "d", "user": "bob", "conversations": TALK},
        {"id": "e", "conversations": ["x"]},  # told of once
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match="--customer NAME"):
        bring(lines)
    report = bring(lines, customer="ada", customer_field="user")
    assert said(target, "ada", "a") == [*HELD, ("ai", "good")]
    assert said(target, "bob", "d") == HELD
    assert left_out(report) == {
        "call or result of a tool": 2, "empty message": 2, "conversation without messages": 1,
    }  # fmt: skip
    assert faults(report).keys() == {
        "line 1, message 7", "line 1, message 8", "line 1, message 9", "line 1, message 10",
        "line 3", "line 5, message 1",
    }  # fmt: skip


def test_what_nothing_is_known_of_is_told_with_what_it_can_be(
    bring: Import, tmp_path: Path
) -> None:
    """Every format that there is, and what the file begins with."""
    file = tmp_path / "songs.csv"
    for text, begins in (("a,b\n1,2\n", "line 1: it is not JSON"), ('{"song": 1}', "'song'")):
        file.write_text(text)
        with pytest.raises(InvalidInput) as told:
            bring(file)
        assert begins in str(told.value)
        for name in ("conversations", "langchain", "mem0", "chatgpt", "sharegpt", "export"):
            assert f"\n  {name} " in str(told.value)
    for named, words in (("csv", "--format 'csv' is none"), ("langchain", "is no database")):
        with pytest.raises(InvalidInput, match=words):
            bring(file, named)
    report = bring(file, "sharegpt", customer="ada")
    assert faults(report).keys() == {"line 1"}


def test_what_is_cut_off_before_anything_could_be_read_is_told(
    bring: Import, tmp_path: Path
) -> None:
    """Where it ends, whichever format it was to be."""
    file = tmp_path / "share.json"
    file.write_text(text := '[{"conversations": [{"from": "human", "value": "My order')
    cut = f"nothing of .*share.json can be read .*cut off at character {len(text)}, within"
    with pytest.raises(InvalidInput, match=cut):
        bring(file, customer="ada")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    | st.sampled_from(["human", "gpt"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["from", "value", "id", "date"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["conversations", "items", "id", "date"]), ANY))
def test_whatever_a_conversation_is_it_is_read_or_named(given: dict[str, Any]) -> None:
    """Nothing but what is told of as bad; every message has its time."""
    try:
        items = list(sharegpt.read(given, Place("f", "item", 1), Options("ada")))
    except BAD:
        return
    for item in items:
        if isinstance(item, Conversation):
            assert len(item.messages) == len(item.times) > 0
