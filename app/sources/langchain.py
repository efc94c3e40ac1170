"""Tables of LangChain's ``SQLChatMessageHistory``: a row a message, as JSON, with a session's id.

Also those of ``langchain_postgres``, which have a time. A table knows no customers: a pattern says
which part of a session's id is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from langchain_core.messages import AIMessage, BaseMessage, message_to_dict, messages_from_dict
from sqlalchemy.engine import Connection

from app.sources.databases import rows, tables
from app.sources.said import KINDS, named, stable_id, string, usable_id
from app.sources.source import BAD, Conversation, Item, Options, Skipped, told
from app.sources.times import filled, time_of
from memory import InvalidInput, Scope, check_text

TABLE = "message_store"
_MOST = 1000  # messages of a session in memory at a time
_PARTS = re.compile(r"\{(\w*)\}")


def is_table(columns: set[str]) -> bool:
    """Whether a table with these columns is one of LangChain's."""
    return {"session_id", "message"} <= columns


def read(connection: Connection, options: Options) -> Iterator[Item]:
    """The conversations of a table, a session after the other.

    Raises:
        InvalidInput: there is no such table, or nobody says whose its sessions are.
    """
    table, columns = _table(connection, options.table)
    timed = [name for name in ("created_at", "timestamp") if name in columns]
    source = sa.table(table, *map(_column, ("session_id", "message", "id", *timed)))
    session, row = source.c.session_id, source.c.id
    pattern = _pattern(connection, options, sa.select(session).select_from(source))
    at = source.c[timed[0]] if timed else sa.null()
    ordered = sa.select(session, row, source.c.message, at.label("at")).select_from(source)
    found = rows(connection, ordered.order_by(session, row))
    for session_id, said in groupby(found, key=lambda one: one.session_id):
        place = "session_id " + repr(None if session_id is None else str(session_id))
        try:
            scope = _scope(session_id, pattern, options)
        except BAD as error:
            messages = sum(1 for _ in said)
            yield Skipped(place, f"{told(error)} ({messages} messages)")
            continue
        yield from _session(place, scope, said, options)


def _column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(name)


def _table(connection: Connection, wanted: str | None) -> tuple[str, set[str]]:
    there = tables(connection)
    fitting = [name for name, columns in there.items() if is_table(columns | {"id"})]
    name = wanted or TABLE
    if name in fitting and "id" in there[name]:
        return name, there[name]
    has = ", ".join(sorted(there)) or "no table"
    what = "has no session_id, id and message" if name in there else "is not there"
    use = f": say --table {' or '.join(fitting)}" if fitting else ""
    msg = f"the table {name!r} of LangChain's messages {what}; the database has {has}{use}"
    raise InvalidInput(msg)


def _pattern(
    connection: Connection, options: Options, sessions: sa.Select[Any]
) -> re.Pattern[str] | None:
    """What a session's id is made of; None where all are of one customer, and it says so."""
    given = options.session_id
    if given is None and options.customer is not None:
        return None
    if given is None:
        ids = [f"{one!r}" for (one,) in connection.execute(sessions.distinct().limit(3))]
        msg = (
            "the table does not say whose a session is. Say it by --session-id: '{customer}' where "
            "the session_id is the customer's name, '{customer}:{session}' where it has both, or "
            f"--customer NAME where all are one's. The first are {', '.join(ids) or 'none'}"
        )
        raise InvalidInput(msg)
    names = _PARTS.findall(given)
    if sorted(names) not in (["customer"], ["customer", "session"], ["session"]):
        msg = (
            f"--session-id {given!r} is no pattern: it has {{customer}} or {{session}} or both, "
            "each once, and what stands around them, as '{customer}:{session}' has"
        )
        raise InvalidInput(msg)
    if "customer" not in names and options.customer is None:
        msg = f"--session-id {given!r} does not say who the customer is: say --customer NAME too"
        raise InvalidInput(msg)
    # The customer is as short as can be: of a:b:c it is a.
    parts = [
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part)
        for place, part in enumerate(_PARTS.split(given))
    ]
    return re.compile("".join(parts), re.DOTALL)


def _scope(session_id: Any, pattern: re.Pattern[str] | None, options: Options) -> Scope:
    if session_id is None:
        msg = "it is no session's"
        raise InvalidInput(msg)
    whole = str(session_id)
    if pattern is None:
        return Scope(str(options.customer), named(whole, whole))
    fits = pattern.fullmatch(whole)
    if fits is None:
        msg = f"it does not fit {options.session_id!r}"
        raise InvalidInput(msg)
    parts = fits.groupdict()
    session = parts.get("session", whole)
    return Scope(parts.get("customer") or str(options.customer), named(session, session))


def _session(
    place: str, scope: Scope, said: Iterator[sa.Row[Any]], options: Options
) -> Iterator[Item]:
    messages: list[BaseMessage] = []
    times: list[datetime | None] = []
    last: datetime | None = options.at
    known: dict[str, int] = {}  # the text of each id, as a number
    goes_on = wrong = False
    for row in said:
        where = f"{place}, id {row.id}"
        try:
            found = _message(row.message)
            if isinstance(found, str):
                yield Skipped(where, found, bad=False)
                continue
            at = time_of(row.at, options.zone, "created_at")
            own, text = usable_id(found.id), str(found.text)
            if own is not None and known.get(own) == hash(text):
                yield Skipped(where, "message that is there twice", bad=False)
                continue
            if own is None or own in known:
                own = stable_id(place, str(row.id), found.type, text)
            known[own] = hash(text)
            found.id = own
            messages.append(found)
            times.append(at)
        except BAD as error:
            wrong = True
            yield Skipped(where, told(error))
            continue
        if len(messages) == _MOST:
            yield Conversation(place, scope, messages, filled(times, last), times.count(None),
                               goes_on)  # fmt: skip
            last = filled(times, last)[-1]
            messages, times, goes_on = [], [], True
    if messages:
        yield Conversation(place, scope, messages, filled(times, last), times.count(None), goes_on)
    elif not goes_on and not wrong:  # else it is told of already
        yield Skipped(place, "conversation without messages", bad=False)


def _message(given: Any) -> BaseMessage | str:
    """The message of a row, or the kind of what is left out.

    As LangChain writes it, ``{"type", "data"}``; as old programs did, ``{"type", "content"}`` or
    ``{"role", "content"}``; or as ``langchain_core.load.dumps`` does.
    """
    if isinstance(given, (str, bytes)):
        given = json.loads(given)
    if not isinstance(given, dict):
        msg = 'a message is {"type", "data"}, as LangChain writes it'
        raise InvalidInput(msg)
    if given.get("lc") and isinstance(given.get("kwargs"), dict):
        given = {"type": str(given["id"][-1]).removesuffix("Message").lower()} | given["kwargs"]
        given["type"] = given["type"].removesuffix("messagechunk")
    data = given.get("data") if isinstance(given.get("data"), dict) else None
    kind = string(given, "type") or string(given, "role") or ""
    if data is None:
        data = {name: value for name, value in given.items() if name != "role"}
    if kind.lower() == "chat" and str(data.get("role", "")).lower() in KINDS:
        kind = str(data["role"])
    if kind.lower() in KINDS:
        kind = KINDS[kind.lower()].model_fields["type"].default
    found = messages_from_dict([{"type": kind, "data": {**data, "type": kind}}])[0]
    if found.type == "remove":
        return "message that removes another"
    if not str(found.text).strip() and not (isinstance(found, AIMessage) and found.tool_calls):
        return "empty message"
    check_text(str(found.text))
    check_text(json.dumps(message_to_dict(found), ensure_ascii=False, default=str))
    return found
