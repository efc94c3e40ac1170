"""Stored messages as LangChain's, and back.

What a message carries beside its text (tool calls, content blocks, a name) is kept; what a
model's server said about the call (``response_metadata``, usage) is not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
    message_to_dict,
    messages_from_dict,
)

from memory.marks import inert
from memory.transcript import make_message
from memory.types import CountTokens, Message

_PLAIN: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
}
MESSAGE_OVERHEAD = 4  # tokens that a chat template puts around a message


def to_langchain(message: Message) -> BaseMessage:
    """The LangChain message that was stored, with its id."""
    if message.data is not None:
        return messages_from_dict([message.data])[0]
    return _PLAIN[message.role](content=message.text, id=message.id)


def in_prompt(message: Message, count_tokens: CountTokens) -> Message:
    """A message as it stands in a prompt, with the tokens that it takes there (see ``inert``)."""
    shown = inert(message.text)
    if shown == message.text:
        return message
    tokens = count_tokens(shown) + MESSAGE_OVERHEAD
    return replace(message, text=shown, tokens=tokens, data=_inert(message.data))


def _inert(data: dict[str, Any] | None) -> dict[str, Any] | None:
    """The same of a LangChain message that carries more than its text."""
    if data is None:
        return None
    shown = inert_content(data["data"]["content"])
    return {**data, "data": {**data["data"], "content": shown}}


def inert_content(content: Any) -> Any:
    """A LangChain message's content, text or blocks, as it may stand in a prompt."""
    if isinstance(content, str):
        return inert(content)
    return [
        inert(block) if isinstance(block, str)
        else {**block, "text": inert(block["text"])} if isinstance(block.get("text"), str)
        else block
        for block in content
    ]  # fmt: skip


def said_in(message: BaseMessage) -> str:
    """A message's text. Parts that a customer sends stand on lines of their own; those of an answer
    are pieces of one text.
    """
    if not isinstance(message, HumanMessage) or isinstance(message.content, str):
        return str(message.text)
    parts = [block if isinstance(block, str) else _text(block) for block in message.content]
    return "\n".join(part for part in parts if part)


def blank(message: BaseMessage) -> bool:
    """Whether nothing is said in a message, nor shown in a picture, say."""
    if said_in(message).strip():
        return False
    content = message.content
    return isinstance(content, str) or all(
        isinstance(b, str) or b.get("type") == "text" for b in content
    )


def says_nothing(message: Message) -> bool:
    """Whether a message that is to be stored is ``blank``."""
    if message.data is None:
        return not message.text.strip()
    return blank(to_langchain(message))


def _text(block: dict[Any, Any]) -> str:
    text = block.get("text") if block.get("type") == "text" else None
    return text if isinstance(text, str) else ""


def from_langchain(
    message: BaseMessage, count_tokens: CountTokens, at: datetime | None = None
) -> Message:
    """A message to store; ``at`` is when it was said, now if not given."""
    if isinstance(message, BaseMessageChunk):
        message = message_chunk_to_message(message)
    text = said_in(message)
    plain = (
        type(message) is _PLAIN.get(message.type)
        and message.content == text
        and message.name is None
        and not message.additional_kwargs
        and not getattr(message, "tool_calls", None)
    )
    return make_message(
        message.type,
        text,
        count_tokens(text) + MESSAGE_OVERHEAD,
        at=at,
        message_id=message.id,
        data=None if plain else message_to_dict(message),
    )
