"""Readers, writers and updates as plain functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import SystemMessage

from memory import (
    Add,
    Forget,
    Message,
    Recalled,
    Record,
    Replace,
    append,
    as_messages,
    as_text,
    count_tokens,
    forget,
    replace_similar,
    verbatim,
)
from memory.readers import fitting, line, lines
from memory.wording import wording
from tests.doubles import count_words

AT = datetime(2025, 3, 1, tzinfo=UTC)


def recalled(text: str, n: int = 0, role: str = "human", days: int = 0) -> Recalled:
    """A find."""
    at = AT + timedelta(days=days)
    return Recalled(f"r{n}", text, (f"m{n}",), "s1", role, at, 1.0 / (n + 1), "because")


def record(text: str, n: int = 0, role: str = "human", days: int = 0) -> Record:
    """A record."""
    return Record(f"r{n}", text, (f"m{n}",), "s1", role, AT + timedelta(days=days), n + 1)


def spoken(text: str, role: str = "human") -> Message:
    """A message."""
    return Message("m1", "s1", role, text, AT, 1)


# --- readers ---------------------------------------------------------------------------------

TEXT = st.text(max_size=120) | st.text("你好订单。\n -", max_size=60)


@pytest.mark.parametrize("count", [count_words, count_tokens])
@given(said=st.lists(TEXT, max_size=12), budget=st.integers(0, 150))
@settings(max_examples=60, deadline=None)
def test_the_budget_is_never_exceeded(
    count: Callable[[str], int], said: list[str], budget: int
) -> None:
    """Whatever was recalled, in any script, what a reader writes takes at most its budget."""
    found = [recalled(text, n) for n, text in enumerate(said)]
    assert count(as_text(found, budget, count)) <= budget
    assert sum(count(str(m.content)) for m in as_messages(found, budget, count)) <= budget


@given(said=st.lists(TEXT, max_size=12), budget=st.integers(0, 150), later=st.integers(0, 900))
@settings(max_examples=40, deadline=None)
def test_the_same_records_give_the_same_text(said: list[str], budget: int, later: int) -> None:
    """Score and reason, which change from question to question, leave no mark in a prompt."""
    found = [recalled(text, n) for n, text in enumerate(said)]
    again = [r.because(f"other {later}", later) for r in found]
    assert as_text(found, budget, count_words) == as_text(again, budget, count_words)
    assert as_messages(found, budget, count_words) == as_messages(again, budget, count_words)


def test_a_line_says_when_who_and_what() -> None:
    """One line a record, in a person's words, whatever line breaks the record has."""
    for role, speaker in (("human", "Customer"), ("ai", "Agent"), ("tool", "tool")):
        written = line(recalled("my order\n\nis  late", role=role))
        assert re.fullmatch(rf"- {speaker}\b.*\b2025-03-01\b.*: my order is late", written)


def test_text_has_the_best_first_and_messages_the_oldest() -> None:
    """A list is read from its top; messages are read as they were said."""
    found = [recalled("newer", 0, days=2), recalled("older", 1, days=1)]
    lines = [line(r) for r in found]
    assert as_text(found, 99, count_words).splitlines() == lines
    assert as_messages(found, 99, count_words) == [SystemMessage(text) for text in lines[::-1]]


def test_a_day_is_said_shortly_below_its_message() -> None:
    """The sentence is not said twice; by itself, or below another message, it is said in full."""
    said = recalled("It comes next Friday, I hope", 1)
    day = replace(recalled("Date 2025-03-07: It comes next Friday", 2), messages=("m1",))
    day = replace(day, slot="date")
    other = recalled("Where is it?", 3)
    short, full = line(day, above=said), line(day)
    assert short == "- Customer said on 2025-03-01: Date 2025-03-07"
    assert full == "- Customer said on 2025-03-01: Date 2025-03-07: It comes next Friday"
    assert as_text([said, day, other], 99, count_words).splitlines()[1] == short
    assert list(lines([said, day, other])) == [line(said), short, line(other)]
    assert as_text([said, other, day], 99, count_words).splitlines()[2] == full

    def letters(text: str) -> int:
        return len(text)

    room = len(line(said)) + len(short) + 2
    assert fitting([said, day], room, letters) == [said, day]
    assert fitting([said, day], room - 1, letters) == [said]
    assert as_text([day, other], 99, count_words).splitlines()[0] == full
    assert [str(m.content) for m in as_messages([said, day], 99, count_words)] == [line(said), full]
    assert line(day, wording("zh"), said).endswith("日期 2025-03-07")


def test_what_is_too_long_makes_room_for_what_fits() -> None:
    """One long record does not keep the shorter ones behind it out."""
    found = [recalled("long " * 50, 0), recalled("short", 1), recalled("brief", 2)]
    assert [r.text for r in fitting(found, 30, count_words)] == ["short", "brief"]


@pytest.mark.parametrize("reader", [as_text, as_messages])
def test_nothing_recalled_is_nothing_written(reader: Any) -> None:
    """Neither an empty line nor an empty message."""
    assert not reader([], 100, count_words)
    assert not reader([recalled("hello")], 0, count_words)


# --- the writer ------------------------------------------------------------------------------


def test_verbatim_keeps_what_people_said() -> None:
    """One record for each message of customer and agent; blank and technical ones are left out."""
    roles = ["human", "ai", "system", "tool"]
    found = verbatim([spoken("hello", role) for role in roles] + [spoken(" \n")])
    assert [(r.role, r.text, r.messages) for r in found] == [
        ("human", "hello", ("m1",)), ("ai", "hello", ("m1",)),
    ]  # fmt: skip


def test_writing_twice_is_writing_once() -> None:
    """The id depends on what the record says and where it comes from, and on nothing else."""
    (one,), (again,), (other,) = (verbatim([spoken(t)]) for t in ("hello", "hello", "hullo"))
    assert one == again
    assert one.id != other.id


# --- updates ---------------------------------------------------------------------------------


def test_append_adds() -> None:
    """Whatever is similar."""
    assert append(record("a"), [record("b", 1)]) == [Add(record("a"))]


def test_replace_similar_replaces_the_nearest_of_the_same_person() -> None:
    """The nearest comes first; the other speaker's is passed over; with none it adds."""
    new = record("a", 9)
    agent, customer, far = record("b", 1, "ai"), record("c", 2), record("d", 3)
    assert replace_similar(new, [agent, customer, far]) == [Replace("r2", new)]
    assert replace_similar(new, [agent]) == [Add(new)]
    assert replace_similar(new, []) == [Add(new)]


def test_forget_forgets_by_age() -> None:
    """Older than a year by default, measured between the two records."""
    new, old, older = record("a", 9, days=800), record("b", 1, days=500), record("c", 2, days=1)
    assert forget(new, [old, older]) == [Add(new), Forget("r2")]
    assert forget(new, [old], after=timedelta(days=300)) == [Add(new)]
    assert forget(new, [old], after=timedelta(days=299)) == [Add(new), Forget("r1")]
