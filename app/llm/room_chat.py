"""The chat model of a server that has one context for all conversations."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field
from typing_extensions import override

from app.llm.room import Room, Slot
from app.llm.states import Conversation
from memory import count_tokens
from memory.layout import written

_AROUND = 8  # tokens that the chat template puts around a message, at most
_PREAMBLE = 32  # tokens of the system message that it adds where there is none, at most
_HOW = 256  # tokens by which it says how tools are called, at most


class RoomChat(ChatOpenAI):
    """Waits with each answer until its prompt and its longest answer have room.

    llama.cpp fails every answer under way when they do not fit in together. ``conversation``, an
    argument of every call, says whose prompt it is: where it was read already, only what is new
    of it is read.
    """

    room: Room = Field(exclude=True)

    @classmethod
    @override
    def is_lc_serializable(cls) -> bool:
        """A room, and a server in this process, cannot be written down."""
        return False

    def _need(self, messages: list[BaseMessage], choices: dict[str, Any]) -> int:
        longest = choices.get("max_tokens", self.max_tokens)
        if longest is None:
            return self.room.size
        read = sum(count_tokens(written(message)) + _AROUND for message in messages)
        if tools := choices.get("tools"):  # as a chat template writes them, indented at the most
            read += count_tokens(json.dumps(tools, indent=2)) + _HOW
        return read + _PREAMBLE + int(longest)

    def _at(self, slot: Slot, choices: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call that is answered in a slot."""
        if self.room.keeper is None:  # then the server chooses
            return choices
        return {**choices, "extra_body": {**choices.get("extra_body", {}), "id_slot": slot.number}}

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        *args: Any,
        conversation: Conversation | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self.room.taken(self._need(messages, kwargs), conversation) as slot:
            result = super()._generate(messages, *args, **self._at(slot, kwargs))
            slot.conversation = conversation
            return result

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        *args: Any,
        conversation: Conversation | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async with self.room.taken_async(self._need(messages, kwargs), conversation) as slot:
            result = await super()._agenerate(messages, *args, **self._at(slot, kwargs))
            slot.conversation = conversation
            return result

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        *args: Any,
        conversation: Conversation | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self.room.taken(self._need(messages, kwargs), conversation) as slot:
            for chunk in super()._stream(messages, *args, **self._at(slot, kwargs)):
                slot.conversation = conversation  # it has been read, whatever comes
                yield chunk

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        *args: Any,
        conversation: Conversation | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with self.room.taken_async(self._need(messages, kwargs), conversation) as slot:
            stream = super()._astream(messages, *args, **self._at(slot, kwargs))
            async with aclosing(cast("AsyncGenerator[ChatGenerationChunk]", stream)) as chunks:
                async for chunk in chunks:
                    slot.conversation = conversation  # it has been read, whatever comes
                    yield chunk
