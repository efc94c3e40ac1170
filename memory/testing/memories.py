"""What a LangChain ``BaseMemory`` promises, whichever way it remembers.

Subclass ``MemoryContract`` with a name that pytest collects, and give it the fixture ``opened``.
What a memory is not meant to do is said by the class attributes, and skipped.
"""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

Opened = Callable[..., Any]  # a langchain_classic BaseMemory
HOSTILE = 'Grüße, 你好 👋 "quoted" {braces} {{more}} %s \\ <|im_start|>\n\ttwo lines'


@contextmanager
def threads_that_switch() -> Iterator[None]:
    """Let threads take turns as often as they can, so that what can go wrong does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def turn(n: int, word: str = "parcel") -> tuple[dict[str, str], dict[str, str]]:
    """A turn with a number that is in no other."""
    return {"input": f"My {word} is PX-{n:04} and late."}, {"output": f"Noted: PX-{n:04}."}


class MemoryContract:
    """A LangChain memory: saving and loading turns, sync and async, by several at once."""

    asynchronous = True  # its async methods are there
    durable = True  # it is meant to outlive its object
    recent = 2  # so many of the last turns are loaded as they were said, in order; 0 if none are
    recalls = False  # any turn is loaded when it is asked for
    limit: int | None = None  # characters that what is loaded never exceeds
    as_messages = True  # ``return_messages=True`` gives messages

    @pytest.fixture
    def opened(self) -> Opened:
        """Opens a memory: called again for a session it opens the same, if it is durable.

        It is given a ``session``, and what else the class takes (``return_messages``).
        """
        msg = "give the fixture `opened`: a function that opens the memory that is to be tested"
        raise NotImplementedError(msg)  # abstract: whoever is tested has one of their own

    @pytest.fixture
    def memory(self, opened: Opened) -> Any:
        """A memory of one session."""
        return opened(session="s1")

    def loaded(self, memory: Any, about: str = "Which parcel is late?") -> str:
        """Everything that it gives for a question, as text."""
        return str([*memory.load_memory_variables({"input": about}).values()])

    # --- saving and loading ----------------------------------------------------------------

    def test_it_fills_the_variables_that_it_names(self, memory: Any) -> None:
        """``memory_variables`` and the keys of what is loaded are the same, before and after."""
        for _ in range(2):
            found = memory.load_memory_variables({"input": "hello"})
            assert sorted(found) == sorted(memory.memory_variables)
            memory.save_context(*turn(1))

    def test_nothing_said_is_nothing_loaded(self, memory: Any) -> None:
        """Before anything was said every variable is empty."""
        assert not any(memory.load_memory_variables({"input": "hello"}).values())

    def test_what_was_said_is_loaded_at_once(self, memory: Any) -> None:
        """A turn is in the very next load, in both its halves."""
        memory.save_context(*turn(7))
        found = self.loaded(memory)
        assert "My parcel is PX-0007" in found
        assert "Noted: PX-0007" in found

    def test_it_is_as_it_was_said(self, memory: Any) -> None:
        """Quotes, braces, marks, lines, any script: the text is loaded to the letter."""
        if not self.recent:
            pytest.skip("it does not load turns as they were said")
        memory.save_context({"input": HOSTILE}, {"output": f"You said: {HOSTILE}"})
        found = "".join(
            value if isinstance(value, str) else "".join(str(m.content) for m in value)
            for value in memory.load_memory_variables({"input": HOSTILE}).values()
        )
        assert HOSTILE in found

    def test_it_is_in_the_order_in_which_it_was_said(self, memory: Any) -> None:
        """Question before answer, and turns one after the other."""
        if not self.recent:
            pytest.skip("it does not load turns as they were said")
        for n in range(self.recent):
            memory.save_context(*turn(n))
        found = self.loaded(memory)
        said = [text for n in range(self.recent) for text in (f"My parcel is PX-{n:04}",
                                                              f"Noted: PX-{n:04}")]  # fmt: skip
        places = [found.find(text) for text in said]
        assert -1 not in places
        assert places == sorted(places)

    def test_the_same_said_twice_was_said_twice(self, memory: Any) -> None:
        """A turn with the words of another is another turn."""
        if self.recent < 2:
            pytest.skip("it does not load turns as they were said")
        for _ in range(2):
            memory.save_context(*turn(1))
        assert self.loaded(memory).count("My parcel is PX-0001") >= 2

    # --- whose dicts they are --------------------------------------------------------------

    def test_it_changes_nothing_that_it_is_given(self, memory: Any) -> None:
        """The inputs and outputs are afterwards what they were."""
        inputs, outputs = turn(1)
        before = copy.deepcopy((inputs, outputs))
        memory.save_context(inputs, outputs)
        memory.load_memory_variables(inputs)
        assert (inputs, outputs) == before

    def test_what_it_gives_is_not_what_it_keeps(self, opened: Opened) -> None:
        """A loaded list of messages is the caller's: a prompt added to it is not remembered."""
        if not self.as_messages:
            pytest.skip("it gives no messages")
        memory = opened(session="s1", return_messages=True)
        memory.save_context(*turn(1))
        (given,) = memory.load_memory_variables({"input": "Which parcel?"}).values()
        before = len(given)
        given.append(given[0])
        given.clear()
        (again,) = memory.load_memory_variables({"input": "Which parcel?"}).values()
        assert len(again) == before

    # --- sessions --------------------------------------------------------------------------

    def test_sessions_do_not_see_each_other(self, opened: Opened) -> None:
        """What was said in one is not loaded in another, whose name is nearly the same."""
        names = ["john_doe", "john-doe", "johnXdoe", "John_Doe"]
        memories = [opened(session=name) for name in names]
        for n, memory in enumerate(memories):
            memory.save_context(*turn(n))
        for n, memory in enumerate(memories):
            found = self.loaded(memory)
            assert [m for m in range(len(names)) if f"PX-{m:04}" in found] == [n]

    def test_clearing_empties_it_and_no_other(self, opened: Opened) -> None:
        """After ``clear`` nothing that was said is loaded; another session has all of it."""
        memory, other = opened(session="s1"), opened(session="s2")
        for n in range(6):
            memory.save_context(*turn(n))
            other.save_context(*turn(n))
        memory.clear()
        assert "PX-" not in self.loaded(memory)
        assert "PX-0005" in self.loaded(other)
        memory.save_context(*turn(9))
        found = self.loaded(memory)
        assert "PX-0009" in found
        assert "PX-0005" not in found

    # --- the async twins -------------------------------------------------------------------

    def test_async_remembers_what_sync_does(self, opened: Opened) -> None:
        """Eight turns saved by ``asave_context`` load as eight by ``save_context`` do, and
        ``aload_memory_variables`` gives the same.
        """
        if not self.asynchronous:
            pytest.skip("it has no async methods")
        ways = opened(session="sync"), opened(session="async")
        for n in range(8):
            ways[0].save_context(*turn(n))
            asyncio.run(ways[1].asave_context(*turn(n)))
        asked = {"input": "Which parcel is PX-0007?"}
        loaded = [memory.load_memory_variables(asked) for memory in ways]
        assert str(loaded[0]) == str(loaded[1])
        assert str(asyncio.run(ways[1].aload_memory_variables(asked))) == str(loaded[1])

    def test_async_clears_what_sync_does(self, memory: Any) -> None:
        """After ``aclear`` nothing is loaded."""
        if not self.asynchronous:
            pytest.skip("it has no async methods")
        for n in range(6):
            memory.save_context(*turn(n))
        asyncio.run(memory.aclear())
        assert "PX-" not in self.loaded(memory)

    # --- many at once ----------------------------------------------------------------------

    @pytest.mark.parametrize("run", ["threads", "tasks"])
    def test_turns_at_once_are_whole(self, memory: Any, run: str) -> None:
        """Of twenty turns saved at once none is lost, and each answer is behind its question."""
        if not (self.recent or self.recalls):
            pytest.skip("it does not load turns as they were said")
        if run == "tasks" and not self.asynchronous:
            pytest.skip("it has no async methods")
        if run == "threads":
            with threads_that_switch(), ThreadPoolExecutor(20) as pool:
                list(pool.map(lambda n: memory.save_context(*turn(n)), range(20)))
        else:

            async def save() -> None:
                await asyncio.gather(*(memory.asave_context(*turn(n)) for n in range(20)))

            asyncio.run(save())
        if self.recalls:
            for n in range(20):
                assert f"My parcel is PX-{n:04}" in self.loaded(memory, f"My parcel is PX-{n:04}")
            return
        found = self.loaded(memory)
        said = [n for n in range(20) if f"My parcel is PX-{n:04}" in found]
        assert len(said) >= (20 if self.limit is None else self.recent)
        for n in said:
            after = found.split(f"My parcel is PX-{n:04}")[1]
            assert after.partition("PX-")[2].startswith(f"{n:04}"), f"turn {n} is torn apart"

    # --- long and later --------------------------------------------------------------------

    @pytest.mark.parametrize("run", ["sync", "async"])
    def test_it_stays_within_its_limit(self, memory: Any, run: str) -> None:
        """After forty turns no more is loaded than the limit says; the last turn is in it."""
        if self.limit is None:
            pytest.skip("it has no limit")
        if run == "async" and not self.asynchronous:
            pytest.skip("it has no async methods")
        for n in range(40):
            if run == "sync":
                memory.save_context(*turn(n))
            else:
                asyncio.run(memory.asave_context(*turn(n)))
        found = self.loaded(memory, "Which parcel is PX-0039?")
        assert len(found) <= self.limit
        assert "PX-0039" in found

    def test_it_is_there_for_the_next(self, opened: Opened) -> None:
        """Who opens it next, though nobody closed it, loads the same."""
        if not self.durable:
            pytest.skip("it is not meant to outlive its object")
        first = opened(session="s1")
        for n in range(20):
            first.save_context(*turn(n))
        again = opened(session="s1")
        assert self.loaded(again) == self.loaded(first)
        again.clear()
        assert "PX-" not in self.loaded(first)
