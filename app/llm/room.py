"""Several conversations in one context: who comes when there is no room waits.

Each answer has one of the server's slots to itself. A slot keeps what was read of its
conversation until another one needs the slot or the tokens; the longest unused makes way first.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple, Protocol

from anyio.to_thread import run_sync

from app.llm.states import Conversation
from memory.customers import Owner


class Keeper(Protocol):
    """What keeps what was read of conversations outside their slots; nothing here fails."""

    def save(self, slot: int, conversation: Conversation, tokens: int) -> None:
        """Keep what is in a slot, at most so many tokens."""

    def load(self, slot: int, conversation: Conversation) -> None:
        """Put into a slot what was kept of a conversation, if anything was."""

    def empty(self, slot: int) -> None:
        """Give the tokens in a slot back."""


@dataclass(slots=True, eq=False)
class Slot:
    """One of the server's, and what is in it as far as is known."""

    number: int
    conversation: Conversation | None = None
    tokens: int = 0  # at most so many are in it
    busy: bool = False
    used: int = 0  # when it was left, as a count

    def holds(self, conversation: Conversation | None) -> bool:
        """Whether it has a session, as of whatever generation."""
        return self.conversation is not None and conversation is not None and (
            self.conversation.owner, self.conversation.session
        ) == (conversation.owner, conversation.session)  # fmt: skip


class _Leaving(NamedTuple):
    slot: int
    conversation: Conversation
    tokens: int


@dataclass(slots=True, eq=False)
class _Seat:
    """A slot for an answer, and what is to be done before."""

    slot: Slot
    server: int  # the count of servers when it was given
    leaving: list[_Leaving] = field(default_factory=list)  # to be saved
    emptied: list[Slot] = field(default_factory=list)  # others; busy until they are empty
    load: Conversation | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """What was asked for, and whether it has been given."""

    tokens: int
    conversation: Conversation | None
    given: Future[_Seat] = field(default_factory=Future)


class Room:
    """A number of tokens and of slots, given to threads and tasks in the order they ask in.

    Nobody gets past somebody who waits for more, so that a long conversation has its turn too.
    Who asks for more than there is gets all of it. With a keeper, a conversation finds again what
    was read of it, also after others have had its slot.
    """

    def __init__(self, tokens: int, slots: int = 4, keeper: Keeper | None = None) -> None:
        self.size = self._free = tokens
        self.keeper = keeper
        self._slots = [Slot(number) for number in range(slots)]
        self._waiting: deque[_Place] = deque()
        self._lock = Lock()
        self._count = itertools.count(1)
        self._server = 0

    @contextmanager
    def taken(self, tokens: int, conversation: Conversation | None = None) -> Iterator[Slot]:
        """Wait for ``tokens`` and a slot, and keep them until the block ends.

        Once the server has read the conversation the block says so, by ``slot.conversation``.
        """
        place = self._ask(tokens, conversation)
        try:
            seat = place.given.result()
            self._move(seat)
            yield seat.slot
        finally:
            self._leave(place)

    @asynccontextmanager
    async def taken_async(
        self, tokens: int, conversation: Conversation | None = None
    ) -> AsyncIterator[Slot]:
        """As ``taken``, for a task; one that is cancelled while it waits gives up its place."""
        place = self._ask(tokens, conversation)
        try:
            seat = await asyncio.wrap_future(place.given)
            if self.keeper is not None and (seat.leaving or seat.emptied or seat.load):
                await _to_its_end(self._move, seat)
            yield seat.slot
        finally:
            self._leave(place)

    def restart(self) -> None:
        """Take every slot for empty: there is another server."""
        with self._lock:
            self._server += 1
            for slot in self._slots:
                slot.conversation, slot.tokens = None, slot.tokens if slot.busy else 0

    def save(self) -> None:
        """Keep what is in the slots, before the server ends."""
        if self.keeper is not None:
            with self._set_aside(lambda _: True) as slots:
                for slot in slots:
                    assert slot.conversation is not None
                    self.keeper.save(slot.number, slot.conversation, slot.tokens)

    def drop(self, owner: Owner) -> None:
        """Empty the slots that have something of a customer's, but those in use."""
        if self.keeper is not None:
            with self._set_aside(lambda conversation: conversation.owner == owner) as slots:
                for slot in slots:
                    self.keeper.empty(slot.number)
                    slot.conversation, slot.tokens = None, 0

    # --- inside --------------------------------------------------------------------------

    @contextmanager
    def _set_aside(self, wanted: Callable[[Conversation], bool]) -> Iterator[list[Slot]]:
        """Keep the idle slots whose conversation is wanted from all others."""
        with self._lock:
            found = [
                slot
                for slot in self._slots
                if not slot.busy and slot.conversation is not None and wanted(slot.conversation)
            ]
            for slot in found:
                slot.busy = True
        try:
            yield found
        finally:
            with self._lock:
                for slot in found:
                    slot.busy = False
                self._give()

    def _ask(self, tokens: int, conversation: Conversation | None) -> _Place:
        place = _Place(min(tokens, self.size), conversation)
        with self._lock:
            self._waiting.append(place)
            self._give()
        return place

    def _leave(self, place: _Place) -> None:
        with self._lock:
            if not place.given.cancel():  # it cannot be cancelled once it was given
                seat = place.given.result()
                slot = seat.slot
                self._free += place.tokens
                self._emptied(seat)
                slot.busy, slot.used = False, next(self._count)
                # Without a keeper nobody empties a slot: the server makes room by itself.
                if seat.server != self._server or self.keeper is None:
                    slot.conversation, slot.tokens = None, 0
            self._give()

    def _give(self) -> None:
        """Give to those who wait, in their order, what is free; the lock is held."""
        while self._waiting:
            place = self._waiting[0]
            if not place.given.cancelled():
                idle = [slot for slot in self._slots if not slot.busy]
                if place.tokens > self._free or not idle:
                    return
                if place.given.set_running_or_notify_cancel():
                    self._free -= place.tokens
                    place.given.set_result(self._seat(place, idle))
            self._waiting.popleft()

    def _seat(self, place: _Place, idle: list[Slot]) -> _Seat:
        """Choose a slot, its own or the longest unused, and who makes way for the tokens."""
        wanted = place.conversation
        idle.sort(key=lambda slot: slot.used)
        slot = next((one for one in idle if one.holds(wanted)), idle[0])
        own = slot.holds(wanted)
        seat = _Seat(slot, self._server, load=None if own else wanted)
        others = [one for one in idle if one is not slot and one.tokens]
        held = sum(one.tokens for one in others)
        for one in others:
            if held <= self._free:
                break
            held -= one.tokens
            one.busy = True
            seat.emptied.append(one)
        for one in seat.emptied if own else [slot, *seat.emptied]:
            if one.conversation is not None:
                seat.leaving.append(_Leaving(one.number, one.conversation, one.tokens))
        slot.busy, slot.tokens = True, place.tokens
        if not own:
            slot.conversation = None
        return seat

    def _move(self, seat: _Seat) -> None:
        """Make way for an answer, and bring back what was kept."""
        if self.keeper is not None:
            for leaving in seat.leaving:
                self.keeper.save(*leaving)
            for slot in seat.emptied:
                self.keeper.empty(slot.number)
            if seat.load is not None:
                self.keeper.load(seat.slot.number, seat.load)
        with self._lock:
            self._emptied(seat)
            self._give()

    def _emptied(self, seat: _Seat) -> None:
        """Those who made way are gone; the lock is held."""
        for slot in seat.emptied:
            slot.conversation, slot.tokens, slot.busy = None, 0, False
        seat.emptied.clear()


async def _to_its_end(work: Callable[[_Seat], None], seat: _Seat) -> None:
    """Work in a thread, which is over when this is, whoever is cancelled meanwhile.

    Else the slots that the thread still moves would be others' already. A task's own cancel goes
    through the shield that ``run_sync`` has.
    """
    working = asyncio.ensure_future(run_sync(work, seat))
    try:
        await asyncio.shield(working)
    finally:
        while not working.done():
            with suppress(asyncio.CancelledError):  # the first one is raised when this is over
                await asyncio.wait({working})
