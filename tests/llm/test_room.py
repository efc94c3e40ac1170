"""Conversations share one context without failing each other."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import HumanMessage

from app.llm import open_llm
from app.llm.room import Room


class _Guest(threading.Thread):
    """A thread that takes tokens until it is told to go."""

    def __init__(self, room: Room, tokens: int) -> None:
        super().__init__()
        self._room, self._tokens = room, tokens
        self.inside, self.told = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self._room.taken(self._tokens):
            self.inside.set()
            self.told.wait(10)

    def go(self) -> None:
        self.told.set()
        self.join(10)


def test_who_does_not_fit_waits_and_nobody_gets_past() -> None:
    """The order is that of arrival, although a smaller one would fit at once."""
    room = Room(100)
    first = _Guest(room, 60)
    assert first.inside.wait(5)
    big = _Guest(room, 80)
    assert not big.inside.wait(0.05)
    small = _Guest(room, 30)
    assert not small.inside.wait(0.05)
    first.go()
    assert big.inside.wait(5)
    assert not small.inside.wait(0.05)
    big.go()
    assert small.inside.wait(5)
    small.go()


def test_who_asks_for_more_than_there_is_gets_all_of_it() -> None:
    """It waits until it is alone, and does not wait for ever."""
    room = Room(100)
    small = _Guest(room, 1)
    assert small.inside.wait(5)
    huge = _Guest(room, 1_000)
    assert not huge.inside.wait(0.05)
    small.go()
    assert huge.inside.wait(5)
    huge.go()


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "as it is given"])
def test_a_task_that_is_cancelled_leaves_its_place(given: bool) -> None:
    """Cancelled at any moment, it holds nothing and holds nobody up."""
    room = Room(100)

    async def enter(tokens: int) -> None:
        async with room.taken_async(tokens):
            pass

    async def scenario() -> None:
        async with room.taken_async(60):
            waiting = asyncio.create_task(enter(80))
            await asyncio.sleep(0.01)
            if not given:
                waiting.cancel()
                await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(enter(100), 5)

    asyncio.run(scenario())
    last = _Guest(room, 100)
    assert last.inside.wait(5)
    last.go()


def test_many_threads_and_tasks_never_hold_more_than_there_is() -> None:
    """Under pressure from both sides the sum stays within the room, and all get in."""
    room, held, most, done = Room(100), [0], [0], [0]
    lock = threading.Lock()

    def change(tokens: int) -> None:
        with lock:
            held[0] += tokens
            most[0] = max(most[0], held[0])
            done[0] += tokens < 0

    def thread(number: int) -> None:
        tokens = 7 + number % 60
        with room.taken(tokens):
            change(tokens)
            time.sleep(0.001)
            change(-tokens)

    async def tasks() -> None:
        async def task(number: int) -> None:
            tokens = 11 + number % 50
            async with room.taken_async(tokens):
                change(tokens)
                await asyncio.sleep(0.001)
                change(-tokens)

        await asyncio.gather(*(task(number) for number in range(100)))

    with ThreadPoolExecutor(9) as pool:
        in_tasks = pool.submit(asyncio.run, tasks())
        list(pool.map(thread, range(100)))
        in_tasks.result()
    assert most[0] <= 100
    assert (done[0], held[0]) == (200, 0)


def test_more_conversations_than_fit_into_the_context_are_all_answered() -> None:
    """Four prompts of which two fit at a time: llama.cpp itself would fail all four."""
    model = open_llm("embedded:", context=512, max_tokens=16)
    prompts = [f"Customer {name}: " + "where is my parcel " * 45 for name in "ABCD"]

    async def ask(prompt: str) -> str:
        return "".join([chunk.text async for chunk in model.chat.astream([HumanMessage(prompt)])])

    async def together() -> list[str]:
        return await asyncio.gather(*(ask(prompt) for prompt in prompts))

    try:
        assert all(asyncio.run(together()))
        with ThreadPoolExecutor(4) as pool:
            assert all(reply.text for reply in pool.map(model.chat.invoke, prompts))
    finally:
        model.close()
