"""What comes in with an agent's run: whose it is, what the customer says, and what the caller does.

New is what the customer has said since the last answer; the newest message is the question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langgraph.config import get_config

from memory.alignment import align, mark
from memory.conversation import ConversationMemory
from memory.errors import InvalidInput, TurnConflict
from memory.history import blank, from_langchain, said_in
from memory.types import Message, Scope, Turn

_LINES = 50  # of the session's end, in which a message may stand that nobody answered


def scope_of(context: Any) -> Scope | None:
    """The scope that a run's context names, or else its config; None if neither does."""
    if isinstance(context, Scope):
        return context
    try:
        configured: Mapping[str, Any] = get_config().get("configurable", {})
    except RuntimeError:  # outside of a graph
        configured = {}
    for source in (context, configured):
        customer, session, tenant = (_of(source, n) for n in ("customer", "session", "tenant"))
        if customer is not None:
            session = session or configured.get("thread_id") or "default"
            return Scope(customer, str(session), tenant or "default")
    return None


def place(messages: Sequence[BaseMessage]) -> int:
    """Where the newest message of the customer is; -1 if there is none."""
    places = [place for place, m in enumerate(messages) if isinstance(m, HumanMessage)]
    return places[-1] if places else -1


def question(messages: Sequence[BaseMessage]) -> HumanMessage | None:
    """The newest message of the customer, if there is one."""
    found = messages[place(messages)] if messages else None
    return found if isinstance(found, HumanMessage) else None


def instructions(messages: Sequence[BaseMessage]) -> list[SystemMessage]:
    """What the caller tells the model, the same once."""
    told = [m for m in messages if isinstance(m, SystemMessage) and not blank(m)]
    return list({str(m.text): m for m in told}.values())


def joined(own: SystemMessage | None, told: BaseMessage) -> SystemMessage:
    """A system text with another after it."""
    if own is None:
        return SystemMessage(told.content)
    if isinstance(own.content, str):
        return own.model_copy(update={"content": f"{own.content}\n\n{told.text}"})
    blocks = [*own.content, {"type": "text", "text": str(told.text)}]
    return own.model_copy(update={"content": blocks})


def started(memory: ConversationMemory, messages: Sequence[BaseMessage]) -> Turn:
    """Commit what the customer says, or take up the turn that the question began before.

    Raises:
        InvalidInput: the question is empty.
    """
    asked = question(messages)
    if asked is None or blank(asked):
        msg = "the customer's message is empty: run the agent with one that says something"
        raise InvalidInput(msg)
    turns, scope = memory.store.turns, memory.scope
    message, before = _stored(memory, asked, None), _before(memory, messages)
    try:
        return turns.start(scope, message, _key(memory, asked), before)
    except TurnConflict:  # it was edited under its id
        return turns.start(scope, message, _key(memory, asked, edited=True), before)


def _before(memory: ConversationMemory, messages: Sequence[BaseMessage]) -> list[Message]:
    """What else the customer says, as far as it is not stored yet."""
    said: list[HumanMessage] = []
    for message in reversed(messages[: place(messages)]):
        if not isinstance(message, (HumanMessage, SystemMessage)):
            break
        # Of LangChain's middlewares some write as if the customer had: a summary, say.
        written = "lc_source" in message.additional_kwargs
        if isinstance(message, HumanMessage) and not written and not blank(message):
            said.insert(0, message)
    turns, scope = memory.store.turns, memory.scope
    said = [
        one
        for one in said
        if turns.status(scope, _key(memory, one)) is None
        and turns.status(scope, _key(memory, one, edited=True)) is None
    ]
    if not said:
        return []
    # A client without ids sends again what nobody has answered.
    marks = [mark("human", said_in(one)) for one in said]
    found = align(marks, memory.store.transcript.lines(scope, _LINES))
    fresh = said[found.known :] if found.last else said
    return [_stored(memory, one, _key(memory, one, edited=True)) for one in fresh]


def _stored(memory: ConversationMemory, said: HumanMessage, message_id: str | None) -> Message:
    """A message to store, with an id of its own: theirs is known in a thread."""
    return from_langchain(said.model_copy(update={"id": message_id}), memory.count_tokens)


def _key(memory: ConversationMemory, said: HumanMessage, *, edited: bool = False) -> str:
    """The idempotency key of a message; with its text, of one that was edited under its id."""
    names = [memory.scope.session, str(said.id), *([said_in(said)] if edited else [])]
    return hashlib.blake2b("\0".join(names).encode(), digest_size=16).hexdigest()


def _of(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
