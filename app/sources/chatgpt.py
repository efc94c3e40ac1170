"""ChatGPT's export of one's data: ``conversations.json``, also inside its zip.

A conversation is a tree, since a message can be edited and an answer made again: ``mapping`` holds
its nodes, each with its ``parent``, and ``current_node`` is the last one that was on the screen.
What was said on the way to it is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.sources.said import customer_of, message, name_of, named
from app.sources.source import BAD, Conversation, Item, Options, Place, Skipped, told
from app.sources.times import filled, time_of
from memory import InvalidInput, Scope

_KINDS: dict[str, type[BaseMessage]] = {
    "user": HumanMessage,
    "assistant": AIMessage,
    "system": SystemMessage,
}
_TEXTS = frozenset({"text", "multimodal_text"})


def is_one(given: dict[str, Any]) -> bool:
    """Whether an object is such a conversation."""
    return isinstance(given.get("mapping"), dict)


def read(given: dict[str, Any], place: Place, options: Options) -> Iterator[Item]:
    """The conversation, and what of it is left out."""
    nodes = given.get("mapping")
    if not isinstance(nodes, dict):
        msg = 'it has no "mapping": the messages of a conversation'
        raise InvalidInput(msg)
    name = named(name_of(given.get("conversation_id") or given.get("id")), place.name)
    scope = Scope(customer_of(given, options), name)
    began = time_of(given.get("create_time"), options.zone, "create_time")
    path = _path(nodes, given.get("current_node"))
    messages, times, wrong = [], [], False
    for node in path:
        where = f"{place}, message {node!r}"
        try:
            found = _message(nodes[node], f"{name}/{node}")
            if isinstance(found, str):
                yield Skipped(where, found, bad=False)
            elif found is not None:
                at = nodes[node]["message"].get("create_time")
                times.append(time_of(at, options.zone, "create_time"))
                messages.append(found)
        except BAD as error:
            wrong = True
            yield Skipped(where, told(error))
    if path and (lost := _parent(nodes[path[0]])) is not None:
        yield Skipped(str(place), f"what was said before the message {path[0]!r}: its parent "
                                  f"{lost!r} is not in the file")  # fmt: skip
    on_path = set(path)
    for node in nodes:
        if node not in on_path and isinstance(nodes[node], dict) and nodes[node].get("message"):
            yield Skipped(f"{place}, message {node!r}", "message of another branch", bad=False)
    if not messages:
        if not wrong:  # else it is told of already
            yield Skipped(str(place), "conversation without messages", bad=False)
        return
    filled_in = filled(times, began or options.at)
    undated = 0 if began else times.count(None)
    yield Conversation(str(place), scope, messages, filled_in, undated)


def _path(nodes: dict[str, Any], current: Any) -> list[str]:
    """The nodes from the first one to the current one.

    Raises:
        InvalidInput: they go in a circle.
    """
    node: Any = current if isinstance(current, str) and current in nodes else _last(nodes)
    path: dict[str, None] = {}
    while isinstance(node, str) and node in nodes:
        if node in path:
            msg = f"its messages go in a circle at {node!r}"
            raise InvalidInput(msg)
        path[node] = None
        node = _parent(nodes[node])
    return list(reversed(path))


def _last(nodes: dict[str, Any]) -> str | None:
    """The node without children that was written last, where nobody says which is current."""
    parents = {_parent(node) for node in nodes.values()}
    leaves = [node for node in nodes if node not in parents]

    def when(node: str) -> float:
        said = nodes[node].get("message") if isinstance(nodes[node], dict) else None
        at = said.get("create_time") if isinstance(said, dict) else None
        return float(at) if isinstance(at, (int, float)) else 0.0

    return max(leaves, key=when, default=None)


def _parent(node: Any) -> str | None:
    parent = node.get("parent") if isinstance(node, dict) else None
    return parent if isinstance(parent, str) else None


def _message(node: Any, place: str) -> BaseMessage | str | None:
    """The message, the kind of what is left out, or None for a node that only holds others."""
    said = node.get("message")
    if said is None:
        return None
    role = said["author"]["role"]
    if role == "tool" or said.get("recipient") not in (None, "all"):
        return "call or result of a tool"
    if (said.get("metadata") or {}).get("is_visually_hidden_from_conversation"):
        return "message that was not shown"
    kind = _KINDS.get(role)
    if kind is None:
        msg = f"{role!r} is no role that is known: user, assistant, system or tool"
        raise InvalidInput(msg)
    content = said.get("content") or {}
    form = content.get("content_type", "text")
    if form not in _TEXTS:
        return f"{str(form)[:40]!r}, which is no text"
    text = "\n".join(filter(None, map(_text, content.get("parts") or ()))).strip()
    if not text:
        images = any(isinstance(part, dict) for part in content.get("parts") or ())
        return "picture or sound without words" if images else "empty message"
    return message(kind, text, place, said.get("id"))


def _text(part: Any) -> str:
    """The words of a part: a text, or the transcript of what was spoken."""
    if isinstance(part, dict):
        part = part.get("text") if part.get("content_type") == "audio_transcription" else ""
    if not isinstance(part, str):
        msg = f"a part of the message is {type(part).__name__}, not a text"
        raise InvalidInput(msg)
    return part
