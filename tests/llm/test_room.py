"""Conversations share one context without failing each other."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.messages import HumanMessage

from app.llm import open_llm
from app.llm.room import Room, Slot
from app.llm.states import Conversation


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
            self.told.wait(60)

    def go(self) -> None:
        self.told.set()
        self.join(60)


def test_who_does_not_fit_waits_and_nobody_gets_past() -> None:
    """The order is that of arrival, although a smaller one would fit at once."""
    room = Room(100)
    first = _Guest(room, 60)
    assert first.inside.wait(60)
    big = _Guest(room, 80)
    assert not big.inside.wait(0.05)
    small = _Guest(room, 30)
    assert not small.inside.wait(0.05)
    first.go()
    assert big.inside.wait(60)
    assert not small.inside.wait(0.05)
    big.go()
    assert small.inside.wait(60)
    small.go()


def test_who_asks_for_more_than_there_is_gets_all_of_it() -> None:
    """It waits until it is alone, and does not wait for ever."""
    room = Room(100)
    small = _Guest(room, 1)
    assert small.inside.wait(60)
    huge = _Guest(room, 1_000)
    assert not huge.inside.wait(0.05)
    small.go()
    assert huge.inside.wait(60)
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
        await asyncio.wait_for(enter(100), 60)

    asyncio.run(scenario())
    last = _Guest(room, 100)
    assert last.inside.wait(60)
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


class _Shelf:
    """Keeps conversations beside the slots, and sees that the room does what it says."""

    def __init__(self, slots: int) -> None:
        self.inside: list[Conversation | None] = [None] * slots  # as the server has them
        self.shelf: set[str] = set()
        self.reading = [0] * slots  # how many answers a slot gives
        self.wrong: list[str] = []
        self.lost = 0

    def save(self, slot: int, conversation: Conversation, tokens: int) -> None:
        time.sleep(0.0005)
        if self.inside[slot] != conversation or self.reading[slot] or not tokens:
            self.wrong.append(f"saves {conversation} from {slot}")
        self.shelf.add(conversation.session)

    def load(self, slot: int, conversation: Conversation) -> None:
        time.sleep(0.0005)
        if self.reading[slot]:
            self.wrong.append(f"loads into {slot} while it answers")
        self.inside[slot] = conversation if conversation.session in self.shelf else None

    def empty(self, slot: int) -> None:
        if self.reading[slot]:
            self.wrong.append(f"empties {slot} while it answers")
        self.inside[slot] = None

    def read(self, slot: Slot, conversation: Conversation) -> None:
        """The server reads a conversation; it should have found what was read before."""
        if self.reading[slot.number]:
            self.wrong.append(f"two in {slot.number}")
        self.reading[slot.number] += 1
        known = self.inside[slot.number]
        self.lost += known is None or known.session != conversation.session
        self.inside[slot.number] = conversation


def test_a_slot_is_nobody_elses_until_it_has_been_moved() -> None:
    """Whoever is cancelled, by a time limit of asyncio's own, while their slot is being moved keeps
    it until that is over.
    """
    begun, goes_on = threading.Event(), threading.Event()
    moved = []

    class Slow(_Shelf):
        def load(self, slot: int, conversation: Conversation) -> None:
            moved.append(conversation)
            begun.set()
            goes_on.wait(60)
            super().load(slot, conversation)

    room = Room(100, 1, Slow(1))
    ada, bob = (Conversation(("default", name), "s", 1) for name in ("ada", "bob"))

    async def take(who: Conversation) -> Slot:
        async with room.taken_async(10, who) as slot:
            return slot

    async def both() -> None:
        first = asyncio.create_task(take(ada))
        await asyncio.to_thread(begun.wait, 60)
        first.cancel()
        second = asyncio.create_task(take(bob))
        await asyncio.sleep(0.02)
        first.cancel()  # which nothing changes
        await asyncio.sleep(0.02)
        assert moved == [ada]
        goes_on.set()
        assert (await second).number == 0
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(both())
    assert room._free == 100


def test_every_conversation_finds_what_was_read_of_it() -> None:
    """Twelve sessions on three slots, from threads and tasks, some of which give up: no slot is in
    two hands, nothing is saved under another's name, and none is read twice from its beginning.
    """
    shelf = _Shelf(3)
    room = Room(100, 3, shelf)
    busy = [threading.Lock() for _ in range(12)]  # a session has one turn at a time

    def answer(slot: Slot, who: Conversation) -> None:
        shelf.read(slot, who)
        slot.conversation = who
        time.sleep(0.0005)
        shelf.reading[slot.number] -= 1

    def thread(number: int) -> None:
        who = Conversation(("default", "ada"), f"s{number % 12}", 1)
        with busy[number % 12], room.taken(11 + number % 40, who) as slot:
            answer(slot, who)

    async def task(number: int) -> None:
        who = Conversation(("default", "bob"), f"t{number}", 1)
        for _ in range(5):
            try:
                async with asyncio.timeout(0.002 if number == 0 else None):
                    async with room.taken_async(11 + number * 3, who) as slot:
                        answer(slot, who)
            except TimeoutError:
                pass

    async def tasks() -> None:
        await asyncio.gather(*(task(number) for number in range(8)))

    with ThreadPoolExecutor(7) as pool:
        in_tasks = pool.submit(asyncio.run, tasks())
        list(pool.map(thread, range(120)))
        in_tasks.result()
    assert shelf.wrong == []
    # Each of 12 + 8 sessions once; the task that gives up may lose what it had begun.
    assert shelf.lost <= 20 + 5
    assert room._free == 100


def test_idle_conversations_make_way_for_tokens() -> None:
    """Two that rest hold tokens that a third needs: the one that was left first is saved and
    emptied, the other stays.
    """
    shelf = _Shelf(3)
    room = Room(100, 3, shelf)
    for number, tokens in enumerate((40, 30)):
        who = Conversation(("default", "ada"), f"s{number}", 1)
        with room.taken(tokens, who) as slot:
            shelf.inside[slot.number] = slot.conversation = who
    with room.taken(60, Conversation(("default", "bob"), "now", 1)):
        assert shelf.shelf == {"s0"}
        assert [one.session for one in shelf.inside if one is not None] == ["s1"]
    assert shelf.wrong == []


def test_a_customer_who_is_dropped_is_in_no_slot() -> None:
    """The other ones stay; what is kept at the end is of them alone."""
    shelf = _Shelf(3)
    room = Room(100, 3, shelf)
    for name in ("ada", "bob"):
        who = Conversation(("default", name), name, 1)
        with room.taken(20, who) as slot:
            shelf.inside[slot.number] = slot.conversation = who
    room.drop(("default", "ada"))
    room.save()
    assert shelf.shelf == {"bob"}
    assert [one.session for one in shelf.inside if one is not None] == ["bob"]


def test_without_a_keeper_what_rests_is_in_nobody_s_way() -> None:
    """Two slots were left full, and a third answer needs their tokens: while it is given, the slots
    are free for others.
    """
    room = Room(90, 3)

    async def scenario() -> list[bool]:
        for number in range(3):
            async with room.taken_async(30, Conversation(("default", "ada"), f"s{number}", 1)):
                pass
        async with room.taken_async(80):
            return [slot.busy for slot in room._slots]

    assert sorted(asyncio.run(scenario())) == [False, False, True]


def test_another_server_has_nothing_of_what_the_one_before_read() -> None:
    """Also not of what was being read when it came."""
    shelf = _Shelf(2)
    room = Room(100, 2, shelf)
    who = Conversation(("default", "ada"), "now", 1)
    with room.taken(20, who) as slot:
        shelf.inside[slot.number] = slot.conversation = who
        room.restart()
    room.save()
    assert shelf.shelf == set()


def test_more_conversations_than_fit_into_the_context_are_all_answered() -> None:
    """Four prompts of which two fit at a time: llama.cpp itself would fail all four."""
    model = open_llm("embedded:", context=512, max_tokens=16, timeout=600)
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
