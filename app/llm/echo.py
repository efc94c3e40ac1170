"""``fake:echo``: no model, but the shape of one, for trials and tests without any weights."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from typing_extensions import override

from app.llm.model import Choices, Model, UnusableModel
from memory import count_tokens


class EchoChat(BaseChatModel):
    """Repeats the last human message, word by word.

    Where the message says in ``additional_kwargs["said"]`` what the customer wrote (and its
    content is more than that), that is repeated.
    """

    model_name: str = "echo"

    @property
    def _llm_type(self) -> str:
        return "echo"

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = _reply(messages)
        message = AIMessage(
            reply, usage_metadata=_usage(messages, reply),
            response_metadata={"model_name": self.model_name},
        )  # fmt: skip
        return ChatResult(generations=[ChatGeneration(message=message)])

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = _reply(messages)
        for word in re.findall(r"\s*\S+\s*$|\s*\S+", reply):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=word))
            if run_manager:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk
        last = AIMessageChunk(
            content="", usage_metadata=_usage(messages, reply), chunk_position="last",
            response_metadata={"model_name": self.model_name},
        )  # fmt: skip
        yield ChatGenerationChunk(message=last)

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def open_fake(url: str, choices: Choices) -> Model:
    """The model at ``fake:echo``; raises UnusableModel for any other ``fake:``."""
    if url.partition(":")[2] != "echo":
        msg = f"{url!r} is no address of a language model: the only fake is fake:echo"
        raise UnusableModel(msg)
    return Model(EchoChat(), "echo", choices.context)


def _reply(messages: list[BaseMessage]) -> str:
    for message in reversed(messages):
        if message.type == "human":
            return str(message.additional_kwargs.get("said", message.text))
    return ""


def _usage(messages: list[BaseMessage], reply: str) -> UsageMetadata:
    read = sum(count_tokens(message.text) for message in messages)
    written = count_tokens(reply)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
