"""How a turn begins: with a place before the model, and its session free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from anyio.to_thread import run_sync

from app.places import Leaving, Overloaded, Place, Places
from memory import CircuitOpen, ConversationMemory, SessionBusy, Turn

_POLL_SECONDS = 0.1  # how often a waiting turn looks whether its session is free

AnswersItself = Callable[[ConversationMemory, str], Awaitable[bool]]


class Admission:
    """Lets turns begin, or refuses them before anything is stored."""

    def __init__(self, places: Places, busy_wait: float, answers_itself: AnswersItself) -> None:
        """Let turns begin.

        Args:
            places: before the model.
            busy_wait: seconds that a turn waits for the one before it in its session.
            answers_itself: whether a message is answered without a model.
        """
        self._places = places
        self._busy_wait = busy_wait
        self._answers_itself = answers_itself

    async def place(
        self, memory: ConversationMemory, text: str, idempotency_key: str | None
    ) -> Place | None:
        """A place before the model, or in the line for one; None where no model is needed."""
        try:
            place = self._places.enter()
        except Leaving:
            raise
        except (Overloaded, CircuitOpen):
            if await self._needs_none(memory, text, idempotency_key):
                return None
            raise
        try:
            if place.take_at_once() or not await self._needs_none(memory, text, idempotency_key):
                return place
        except BaseException:
            place.leave()
            raise
        place.leave()
        return None

    async def _needs_none(
        self, memory: ConversationMemory, text: str, idempotency_key: str | None
    ) -> bool:
        """Whether a message needs no model, as far as can be said before it is stored."""
        session = await run_sync(memory.store.transcript.session, memory.scope)
        if session is not None and session.handed_over_at is not None:
            return True  # it is for a person
        if idempotency_key is not None:
            status = await run_sync(memory.store.turns.status, memory.scope, idempotency_key)
            if status in ("complete", "running"):  # it comes again, or is told so
                return True
        return await self._answers_itself(memory, text)

    async def start(
        self,
        memory: ConversationMemory,
        text: str,
        idempotency_key: str | None,
        place: Place | None,
    ) -> Turn:
        """Commit the message, once there is a place for it and no other turn in its session.

        Raises InvalidInput at once for one that cannot be stored or answered.
        """
        begin = memory.start
        if place is not None and place.held:
            begin = partial(_checked, memory)  # in one thread: a hop is longer than the check
        else:
            await run_sync(memory.check, text)
        deadline: float | None = None
        while True:
            if place is not None:
                await place.take()
            try:
                with memory.store.watch.step("save_message"):
                    return await run_sync(begin, text, idempotency_key)
            except SessionBusy:
                # A retry of the turn under way is told so at once.
                if idempotency_key is not None and await self._is_running(memory, idempotency_key):
                    raise
                deadline = deadline or time.monotonic() + self._busy_wait
                if time.monotonic() >= deadline or self._places.closed:
                    raise
                if place is not None:
                    place.step_back()  # others need it meanwhile
                await asyncio.sleep(_POLL_SECONDS)

    async def _is_running(self, memory: ConversationMemory, idempotency_key: str) -> bool:
        status = memory.store.turns.status
        return await run_sync(status, memory.scope, idempotency_key) == "running"


def _checked(memory: ConversationMemory, text: str, idempotency_key: str | None) -> Turn:
    memory.check(text)
    return memory.start(text, idempotency_key)
