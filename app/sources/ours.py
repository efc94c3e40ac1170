"""Conversations as this program's own import takes them, one an object.

``{"customer": "ada", "session": "2024-05-04", "messages": [{"role": "customer", "text": "...",
"at": "2024-05-04T09:30:00Z", "id": "..."}]}``; ``turns`` for ``messages``, ``content`` for
``text`` and OpenAI's role names will do; ``at`` (also as seconds since 1970) and ``id`` may be
left out. A conversation without a name is called after the file and the line.

A customer who comes back may be one object: ``{"customer": "ada", "sessions": [{"session": ...,
"messages": [...]}, ...]}``, where ``id`` will do for ``customer`` and for ``session``.

A conversation is good as a whole or not at all, so that it can be mended and imported again with
its messages in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage

from app.sources.said import KINDS, customer_of, message, string
from app.sources.source import BAD, Conversation, Item, Options, Place, Skipped, told
from app.sources.times import filled, time_of
from memory import InvalidInput, Scope


def is_one(given: dict[str, Any]) -> bool:
    """Whether an object is a conversation, or a customer with sessions."""
    return any(name in given for name in ("messages", "turns", "sessions"))


def read(given: dict[str, Any], place: Place, options: Options) -> Iterator[Item]:
    """The conversations of an object: one, or the sessions of a customer who came back."""
    if "sessions" not in given:
        yield _conversation(given, place.name, str(place), options)
        return
    sessions = given["sessions"]
    if not isinstance(sessions, list) or not all(isinstance(one, dict) for one in sessions):
        msg = '"sessions" is to be a list of {"session", "messages"}'
        raise InvalidInput(msg)
    for name in ("customer", "id"):
        string(given, name)  # a number in quotes, so that nobody is called by it by mistake
    of_them = replace(
        options, customer=customer_of(given, options, "customer", "id"), customer_field=None
    )
    for n, one in enumerate(sessions, 1):
        where = f"{place}, session {n}"
        try:
            yield _conversation(one, f"{place.name}/{n}", where, of_them)
        except BAD as error:
            yield Skipped(where, told(error))


def _conversation(given: dict[str, Any], name: str, place: str, options: Options) -> Conversation:
    string(given, "customer")
    whose = customer_of(given, options, "customer")
    scope = Scope(whose, string(given, "session") or string(given, "id") or name)
    said = given.get("messages", given.get("turns"))
    if not isinstance(said, list) or not said:
        msg = 'it has no "messages": a list of {"role", "text"}'
        raise InvalidInput(msg)
    messages = [_message(one, f"{scope.session}/{i}") for i, one in enumerate(said)]
    times = [time_of(one.get("at"), options.zone) for one in said]
    return Conversation(place, scope, messages, filled(times, options.at), times.count(None))


def _message(given: Any, place: str) -> BaseMessage:
    if not isinstance(given, dict):
        msg = 'a message is an object with "role" and "text"'
        raise InvalidInput(msg)
    kind = KINDS.get(string(given, "role") or "")
    if kind is None:
        msg = f"{given.get('role')!r} is no role: use customer or agent"
        raise InvalidInput(msg)
    text = string(given, "text") or string(given, "content")
    if text is None:
        msg = f'message {place} has no "text"'
        raise InvalidInput(msg)
    return message(kind, text, place, string(given, "id"))
