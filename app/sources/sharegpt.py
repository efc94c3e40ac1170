"""ShareGPT's form, as data for fine-tuning has it.

``{"id", "conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}``;
``items`` or ``messages`` for ``conversations``, ``role`` for ``from``, and ``content`` or ``text``
for ``value`` will do. It has no customers, and mostly no times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from app.sources.said import KINDS, customer_of, message, name_of, named
from app.sources.source import BAD, Conversation, Item, Options, Place, Skipped, told
from app.sources.times import filled, time_of
from memory import InvalidInput, Scope

_LISTS = ("conversations", "conversation", "items", "messages")
_WHO = ("from", "role")
_WHAT = ("value", "content", "text")
_WHEN = ("timestamp", "create_time", "created_at", "date", "at")
_KINDS: dict[str, type[BaseMessage]] = {
    **KINDS,
    **dict.fromkeys(("gpt", "chatgpt", "model", "bing", "bard", "claude"), AIMessage),
    "prompter": HumanMessage,
}
_TOOLS = frozenset({"function_call", "function", "observation", "tool", "function_response"})


def is_one(given: dict[str, Any]) -> bool:
    """Whether an object is such a conversation, and not one of ours."""
    said = _said(given)
    first = said[0] if said else None
    if not isinstance(first, dict) or _first(first, _WHO) is None:
        return False
    return "messages" not in given or "from" in first or "value" in first


def read(given: dict[str, Any], place: Place, options: Options) -> Iterator[Item]:
    """The conversation, and what of it is left out."""
    said = _said(given)
    if said is None:
        msg = 'it has no "conversations": a list of {"from", "value"}'
        raise InvalidInput(msg)
    name = named(name_of(given.get("id")), place.name)
    scope = Scope(customer_of(given, options), name)
    messages, times, wrong = [], [], False
    for i, one in enumerate(said):
        where = f"{place}, message {i + 1}"
        try:
            found = _message(one, f"{name}/{i}")
            if isinstance(found, str):
                yield Skipped(where, found, bad=False)
            else:
                times.append(time_of(_first(one, _WHEN), options.zone))
                messages.append(found)
        except BAD as error:
            wrong = True
            yield Skipped(where, told(error))
    if not messages:
        if not wrong:  # else it is told of already
            yield Skipped(str(place), "conversation without messages", bad=False)
        return
    began = time_of(_first(given, _WHEN), options.zone)
    filled_in = filled(times, began or options.at)
    undated = 0 if began else times.count(None)
    yield Conversation(str(place), scope, messages, filled_in, undated)


def _said(given: dict[str, Any]) -> list[Any] | None:
    found = _first(given, _LISTS)
    return found if isinstance(found, list) else None


def _first(given: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((given[name] for name in names if given.get(name) is not None), None)


def _message(one: Any, place: str) -> BaseMessage | str:
    """The message, or the kind of what is left out."""
    if not isinstance(one, dict):
        msg = 'a message is an object with "from" and "value"'
        raise InvalidInput(msg)
    who, what = _first(one, _WHO), _first(one, _WHAT)
    if who in _TOOLS:
        return "call or result of a tool"
    kind = _KINDS.get(who.lower()) if isinstance(who, str) else None
    if kind is None:
        msg = f"{who!r} is no role that is known, such as human or gpt"
        raise InvalidInput(msg)
    if what is None or (isinstance(what, str) and not what.strip()):
        return "empty message"
    if not isinstance(what, str):
        msg = f'"value" is to be a text, not {type(what).__name__}'
        raise InvalidInput(msg)
    return message(kind, what, place, one.get("id"))
