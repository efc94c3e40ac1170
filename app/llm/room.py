"""Several conversations in one context: who comes when there is no room waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field
from typing_extensions import override

from memory import count_tokens

_AROUND = 8  # tokens that the chat template puts around a message, at most
_PREAMBLE = 32  # tokens of the system message that it adds where there is none, at most


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Tokens that were asked for, and whether they have been given."""

    tokens: int
    given: Future[None] = field(default_factory=Future)


class Room:
    """A number of tokens, given to threads and tasks in the order in which they ask.

    Nobody gets past somebody who waits for more, so that a long conversation has its turn too.
    Who asks for more than there is gets all of it.
    """

    def __init__(self, tokens: int) -> None:
        self.size = self._free = tokens
        self._waiting: deque[_Place] = deque()
        self._lock = Lock()

    @contextmanager
    def taken(self, tokens: int) -> Iterator[None]:
        """Wait for ``tokens`` and keep them until the block ends."""
        place = self._ask(tokens)
        try:
            place.given.result()
            yield
        finally:
            self._leave(place)

    @asynccontextmanager
    async def taken_async(self, tokens: int) -> AsyncIterator[None]:
        """As ``taken``, for a task; one that is cancelled while it waits gives up its place."""
        place = self._ask(tokens)
        try:
            await asyncio.wrap_future(place.given)
            yield
        finally:
            self._leave(place)

    def _ask(self, tokens: int) -> _Place:
        place = _Place(min(tokens, self.size))
        with self._lock:
            self._waiting.append(place)
            self._give()
        return place

    def _leave(self, place: _Place) -> None:
        with self._lock:
            if not place.given.cancel():  # it cannot be cancelled once it was given
                self._free += place.tokens
            self._give()

    def _give(self) -> None:
        """Give to those who wait, in their order, what is free; the lock is held."""
        while self._waiting:
            place = self._waiting[0]
            if not place.given.cancelled():
                if place.tokens > self._free:
                    return
                if place.given.set_running_or_notify_cancel():
                    self._free -= place.tokens
                    place.given.set_result(None)
            self._waiting.popleft()


class RoomChat(ChatOpenAI):
    """A chat model whose server has one context for all conversations.

    llama.cpp fails every answer under way when they do not fit in together; so each waits here
    until its prompt and its longest answer do.
    """

    room: Room = Field(exclude=True)

    def _need(self, messages: list[BaseMessage], choices: dict[str, Any]) -> int:
        longest = choices.get("max_tokens", self.max_tokens)
        if longest is None:
            return self.room.size
        read = sum(count_tokens(message.text) + _AROUND for message in messages)
        return read + _PREAMBLE + int(longest)

    @override
    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        with self.room.taken(self._need(messages, kwargs)):
            return super()._generate(messages, *args, **kwargs)

    @override
    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        async with self.room.taken_async(self._need(messages, kwargs)):
            return await super()._agenerate(messages, *args, **kwargs)

    @override
    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        with self.room.taken(self._need(messages, kwargs)):
            yield from super()._stream(messages, *args, **kwargs)

    @override
    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        stream = super()._astream(messages, *args, **kwargs)
        async with (
            self.room.taken_async(self._need(messages, kwargs)),
            aclosing(cast("AsyncGenerator[ChatGenerationChunk]", stream)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk
