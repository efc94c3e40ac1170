"""Past conversations from JSONL, one a line.

``{"customer": "ada", "session": "2024-05-04", "messages": [{"role": "customer", "text": "...",
"at": "2024-05-04T09:30:00Z", "id": "..."}]}``; ``turns`` for ``messages``, ``content`` for
``text`` and OpenAI's role names will do; ``at`` (also as seconds since 1970) and ``id`` may be
left out. A conversation without a name is called after the file and the line.

A customer who comes back may be one line: ``{"customer": "ada", "sessions": [{"session": ...,
"messages": [...]}, ...]}``, where ``id`` will do for ``customer`` and for ``session``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.conversation import conversation_memory
from app.progress import bar
from app.recording import at_console
from app.roles import TENANT
from app.settings import Settings
from memory import (
    ConversationMemory,
    Encoder,
    InvalidInput,
    MemoryStore,
    Scope,
    Understanding,
    check_name,
    check_text,
)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_AHEAD = 12  # conversations that are stored and not digested yet
KINDS: dict[str, type[BaseMessage]] = {
    **dict.fromkeys(("customer", "human", "user"), HumanMessage),
    **dict.fromkeys(("agent", "ai", "assistant", "bot"), AIMessage),
    "system": SystemMessage,
}


def import_conversations(
    store: MemoryStore,
    settings: Settings,
    encoder: Encoder,
    file: Path,
    customer: str | None = None,
    understanding: Understanding | None = None,
    tenant: str = TENANT,
) -> tuple[int, int]:
    """Import every line of ``file``, then embed, fold and read what customers wrote.

    A conversation is stored whole or not at all; importing a file again stores nothing twice. The
    whole file is checked first, so that a bad line stops the import before it has begun.

    Returns:
        How many messages were new, and how many conversations there were.

    Raises:
        InvalidInput: the file cannot be read, or a line is bad; the message has its number.
    """
    count = 0
    check_name("tenant", tenant)
    for _ in _conversations(file, customer):
        count += 1
    stored = 0
    digests: deque[tuple[str, Future[None]]] = deque()
    with (
        bar(total=count, unit="conversation", desc=file.name) as shown,
        # Some embed while others write records, and this one reads and stores what comes next.
        ThreadPoolExecutor(4, thread_name_prefix="digest") as digesting,
    ):
        for scope, messages, times in _conversations(file, customer):
            memory = conversation_memory(
                store, replace(scope, tenant=tenant), settings, encoder, understanding=understanding
            )
            with at_console(store, tenant, "change.messages", scope.customer):
                stored += memory.add_messages(messages, times)
                earlier = next(
                    (one for name, one in reversed(digests) if name == scope.customer), None
                )
                # As part of the same deed.
                made = digesting.submit(copy_context().run, _digest, memory, earlier)
                digests.append((scope.customer, made))
            while len(digests) > _AHEAD:
                digests.popleft()[1].result()
                shown.update()
        for _, made in digests:
            made.result()
            shown.update()
    return stored, count


def _digest(memory: ConversationMemory, after: Future[None] | None) -> None:
    """Digest, once the customer's earlier digest has ended: two at once would embed twice."""
    if after is not None:
        after.result()
    memory.digest()


def _conversations(file: Path, customer: str | None) -> Iterator[_Conversation]:
    # Of a file's name, what can be a session's: no control characters, no bytes that are no text.
    name = _UNPRINTABLE.sub("_", file.name.encode(errors="replace").decode())[-150:]
    try:
        with file.open(encoding="utf-8-sig") as opened:
            for number, line in enumerate(opened, 1):
                if line.strip():
                    try:
                        yield from _line(line, customer, f"{name}:{number}")
                    except (
                        ValueError,
                        TypeError,
                        KeyError,
                        AttributeError,
                        OverflowError,
                        RecursionError,
                    ) as error:
                        msg = f"{file}, line {number}: {error}"
                        raise InvalidInput(msg) from error
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{file} is not UTF-8 (byte {error.start} of a line): convert it first"
        raise InvalidInput(msg) from error


_Conversation = tuple[Scope, list[BaseMessage], list[datetime]]


def _line(line: str, customer: str | None, name: str) -> list[_Conversation]:
    """The conversations of a line: one, or the sessions of a customer who came back."""
    given = json.loads(line)
    if not isinstance(given, dict):
        msg = "a conversation is a JSON object"
        raise InvalidInput(msg)
    if "sessions" not in given:
        return [_conversation(given, customer, name)]
    sessions = given["sessions"]
    if not isinstance(sessions, list) or not all(isinstance(one, dict) for one in sessions):
        msg = '"sessions" is to be a list of {"session", "messages"}'
        raise InvalidInput(msg)
    whose = _string(given, "customer") or _string(given, "id") or customer
    return [_conversation(one, whose, f"{name}/{n}") for n, one in enumerate(sessions, 1)]


def _conversation(given: dict[str, Any], customer: str | None, name: str) -> _Conversation:
    whose = _string(given, "customer") or customer
    if whose is None:
        msg = 'it has no "customer": add one, or say --customer NAME for the whole file'
        raise InvalidInput(msg)
    session = _string(given, "session") or _string(given, "id") or name
    scope = Scope(customer=whose, session=session)
    said = given.get("messages", given.get("turns"))
    if not isinstance(said, list) or not said:
        msg = 'it has no "messages": a list of {"role", "text"}'
        raise InvalidInput(msg)
    now = datetime.now(UTC)
    messages, times = [], []
    for i, one in enumerate(said):
        messages.append(_message(one, f"{scope.session}/{i}"))
        times.append(_time(one.get("at")) or now)
    return scope, messages, times


def _message(given: Any, place: str) -> BaseMessage:
    if not isinstance(given, dict):
        msg = 'a message is an object with "role" and "text"'
        raise InvalidInput(msg)
    kind = KINDS.get(_string(given, "role") or "")
    if kind is None:
        msg = f"{given.get('role')!r} is no role: use customer or agent"
        raise InvalidInput(msg)
    text = _string(given, "text") or _string(given, "content")
    if text is None:
        msg = f'message {place} has no "text"'
        raise InvalidInput(msg)
    check_text(text)
    # Without an id of its own a message gets one from its place and words, the same each time.
    made = hashlib.blake2b(f"{place}\0{kind.__name__}\0{text}".encode(), digest_size=16)
    return kind(content=text, id=_string(given, "id") or made.hexdigest())


def _string(given: dict[str, Any], name: str) -> str | None:
    """A member that is a string; None if it is empty, null or not there."""
    found = given.get(name)
    if found is not None and not isinstance(found, str):
        shown = json.dumps(found, ensure_ascii=False)
        such = json.dumps(shown) if isinstance(found, (int, float)) else '"..."'
        msg = f'"{name}" is {shown[:60]}: give a string in quotes, {such}'
        raise InvalidInput(msg)
    return found or None


def _time(given: Any) -> datetime | None:
    if given is None:
        return None
    try:
        if isinstance(given, str):
            at = datetime.fromisoformat(given)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            return datetime.fromtimestamp(given, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    shown = json.dumps(given, ensure_ascii=False)[:60]
    msg = f'"at" is {shown}: give a time such as "2024-05-04T09:30:00Z", or seconds since 1970'
    raise InvalidInput(msg)
