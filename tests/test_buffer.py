"""BufferMemory: a window within a budget, cut in steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from memory import BufferMemory, MemoryStore, Scope, open_store
from tests.doubles import count_words

ADA = Scope("ada", "s1")


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """A private store: what differs between databases is tested in the contracts."""
    with open_store() as opened:
        yield opened


def buffer(store: MemoryStore, max_tokens: int = 100) -> BufferMemory:
    """A buffer that counts words, four more for each message."""
    return BufferMemory(store=store, scope=ADA, count_tokens=count_words, max_tokens=max_tokens)


@given(sizes=st.lists(st.integers(0, 60), max_size=40), budget=st.integers(1, 150))
@settings(max_examples=60, deadline=None)
def test_the_window_is_the_newest_within_the_budget(sizes: list[int], budget: int) -> None:
    """However long the messages, the window is the end of the conversation without a gap, never
    over its budget, and never empty while the newest message fits.
    """
    with open_store() as store:
        memory = buffer(store, budget)
        memory.add_messages([HumanMessage(f"{n} " + "x " * size) for n, size in enumerate(sizes)])
        window = memory.window()
        assert sum(m.tokens for m in window) <= budget
        numbers = [int(m.text.split()[0]) for m in window]
        assert numbers == list(range(len(sizes)))[len(sizes) - len(numbers) :]
        if sizes and sizes[-1] + 5 <= budget:
            assert numbers


def test_everything_is_there_until_the_budget_is_full(store: MemoryStore) -> None:
    """A short conversation is not cut."""
    memory = buffer(store, 60)
    for n in range(6):  # ten tokens a turn
        memory.save_context({"input": f"q{n}"}, {"output": f"a{n}"})
    assert len(memory.window()) == 12


def test_the_window_grows_for_many_turns_and_then_is_cut_in_one_step(store: MemoryStore) -> None:
    """Its first message stays the same for as many turns as half the budget holds, so that a
    prompt keeps its beginning; a window that slid would change it every turn.
    """
    memory = buffer(store)
    firsts = []
    for n in range(200):
        memory.save_context({"input": f"q{n}"}, {"output": f"a{n}"})
        firsts.append(memory.window()[0].text)
    changes = sum(a != b for a, b in pairwise(firsts))
    assert changes <= 200 // 5 + 1  # half the budget is five turns
    assert len(memory.window()) >= 2 * 5


def test_a_message_longer_than_the_budget_leaves_no_room(store: MemoryStore) -> None:
    """A window holds whole messages or none; the next short one is shown again."""
    memory = buffer(store)
    memory.add_messages([HumanMessage("x " * 500, id="long")])
    assert memory.window() == []
    memory.add_messages([AIMessage("fine", id="short")])
    assert [m.text for m in memory.window()] == ["fine"]


def test_reading_back_takes_pages(store: MemoryStore) -> None:
    """A window of more messages than a page has them all."""
    memory = buffer(store, 10_000)
    memory.add_messages([HumanMessage(f"{n}") for n in range(300)])
    assert [m.text for m in memory.window()] == [str(n) for n in range(300)]
