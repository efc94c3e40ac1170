"""What was said: sessions and messages, as rows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.alignment import Line, mark
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.database import Database, new_id, run
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.labels import labels_from
from memory.lookalikes import check_new, plain
from memory.retrying import retried
from memory.types import Message, Recalled, Scope, by_person, check_name, check_text

ROLES = frozenset({"human", "ai", "system", "tool", "function", "chat"})
Rating = Literal["good", "bad"]
_ADDED = "seq, session, id, role, text, at, tokens, turn, data, origin"
COLUMNS = f"{_ADDED}, labels"

_ADD = text(
    f"INSERT INTO messages (tenant, customer, {_ADDED}) VALUES "
    "(:tenant, :customer, :seq, :session, :id, :role, :text, :at, :tokens, :turn, :data, "
    ":origin)"
)
_GROW = text(
    "INSERT INTO sessions (tenant, customer, session, created, updated, messages, tokens) "
    "VALUES (:tenant, :customer, :session, :first, :last, :messages, :tokens) "
    "ON CONFLICT (tenant, customer, session) DO UPDATE SET "
    "created = CASE WHEN excluded.created < sessions.created THEN excluded.created "
    "ELSE sessions.created END, "
    "updated = CASE WHEN excluded.updated > sessions.updated THEN excluded.updated "
    "ELSE sessions.updated END, "
    "messages = sessions.messages + excluded.messages, "
    "tokens = sessions.tokens + excluded.tokens"
)
_KNOWN = text(f"SELECT id FROM messages {WHERE} AND session = :session AND id IN :ids").bindparams(
    sa.bindparam("ids", expanding=True)
)
_OF_TURNS = text(
    f"SELECT id FROM messages {WHERE} AND session = :session AND id IN :ids AND turn IS NOT NULL"
).bindparams(sa.bindparam("ids", expanding=True))
_ANSWERS = text(
    f"SELECT {COLUMNS} FROM messages {WHERE} AND role = 'ai' AND data IS NOT NULL AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))
_SAID = (
    "SELECT m.seq, m.session, m.id, m.role, m.text, m.at, m.tokens, m.turn, m.data, "
    "m.origin, m.labels, t.status, t.recalled, t.question, t.rating "
    "FROM messages m LEFT JOIN turns t "
    "ON t.tenant = m.tenant AND t.customer = m.customer AND t.id = m.turn "
    "WHERE m.tenant = :tenant AND m.customer = :customer AND m.session = :session "
    "AND m.forgotten = 0"
)
_WINDOW = text(f"{_SAID} AND m.seq > :after ORDER BY m.seq")
_NEWEST = text(f"{_SAID} AND m.seq < :before ORDER BY m.seq DESC LIMIT :limit")
# What was hidden from prompts too: a client sends again what was said.
_LINES = text(
    "SELECT m.id, m.role, m.text, m.seq, m.data, t.status, t.question, t.answer "
    "FROM messages m LEFT JOIN turns t "
    "ON t.tenant = m.tenant AND t.customer = m.customer AND t.id = m.turn "
    "WHERE m.tenant = :tenant AND m.customer = :customer AND m.session = :session "
    "AND m.role IN ('human', 'ai') ORDER BY m.seq DESC LIMIT :limit"
)
_COPIED = text(
    f"SELECT {COLUMNS}, forgotten FROM messages {WHERE} AND session = :session AND id IN :ids "
    "ORDER BY seq"
).bindparams(sa.bindparam("ids", expanding=True))
_HIDE_COPY = text(f"UPDATE messages SET forgotten = 1 {WHERE} AND seq = :seq")
_SESSION_COLUMNS = "session, messages, tokens, created, updated, rating, handed_over"
_SESSIONS = text(
    f"SELECT {_SESSION_COLUMNS} FROM sessions {WHERE} "
    "AND (updated < :at OR (updated = :at AND session > :name)) "
    "ORDER BY updated DESC, session LIMIT :limit"
)
_RATED = text(
    "SELECT tenant, customer, session, rating FROM sessions "
    "ORDER BY tenant, customer, created, session"
)
_RATE = text(f"UPDATE sessions SET rating = :rating {WHERE} AND session = :session")
_HAND_OVER = text(
    f"UPDATE sessions SET handed_over = COALESCE(handed_over, :at) {WHERE} AND session = :session"
)
_GIVE_BACK = text(f"UPDATE sessions SET handed_over = NULL {WHERE} AND session = :session")
_LAST_USED = text(
    "SELECT tenant, customer, session FROM sessions ORDER BY updated DESC, customer LIMIT :limit"
)
_CALLED = "WHERE tenant = :tenant AND lower(customer) LIKE :like ESCAPE '!'"
# Of what a customer did the last that was stored: of all the key has no order by their times.
_HEARD = text(
    "SELECT customer, at FROM (SELECT customer, MAX(at) AS at FROM ("
    f"SELECT customer, updated AS at FROM sessions {_CALLED} "
    "UNION ALL SELECT customer, (SELECT at FROM events WHERE events.tenant = customers.tenant "
    "AND events.customer = customers.customer ORDER BY seq DESC LIMIT 1) AS at "
    f"FROM customers {_CALLED}) AS every WHERE at IS NOT NULL GROUP BY customer) AS heard "
    "WHERE at < :at OR (at = :at AND customer > :customer) "
    "ORDER BY at DESC, customer LIMIT :limit"
)
_SESSION = text(f"SELECT {_SESSION_COLUMNS} FROM sessions {WHERE} AND session = :session")


_ALL = 2**62  # more than there are, and later than any time


class Said(NamedTuple):
    """A message with the status of its turn, what was recalled for it, and what answered.

    All are None for an imported message, which has no turn; nothing is recalled for an answer.
    ``template`` names the answer template that gave an answer, if no model did, and ``rating``
    says how good the answer was, if anybody has.
    """

    message: Message
    status: str | None
    recalled: dict[str, Any] | None
    template: str | None = None
    rating: Rating | None = None


class Session(NamedTuple):
    """A session's name, how much was said in it, from when to when, and its rating (or None).

    ``handed_over_at`` is since when a person answers in it, None where the model does.
    """

    session: str
    messages: int
    tokens: int
    created_at: datetime
    updated_at: datetime
    rating: Rating | None = None
    handed_over_at: datetime | None = None


class Used(NamedTuple):
    """A session, and when something was last said in it."""

    session: str
    at: datetime


class Heard(NamedTuple):
    """A customer, and when they were last heard: something was said in a session, or done."""

    customer: str
    at: datetime


class Transcript:
    """The sessions and messages of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def add(self, scope: Scope, messages: Sequence[Message]) -> int:
        """Store messages as they are; those whose id the session already has are left out.

        Returns:
            How many were stored.

        Raises:
            InvalidInput: a database could not hold one of them unchanged; none is stored.
        """
        if not messages:
            return 0
        for message in messages:
            check_name("message id", message.id)  # it is looked up before it is stored
        with self._database.write() as connection:
            first, _ = customers.allocate(connection, scope.owner, len(messages))
            known = known_ids(connection, scope, [m.id for m in messages])
            fresh: dict[str, Message] = {}
            for message in messages:
                if message.id not in known:
                    fresh.setdefault(message.id, message)
            numbered = [replace(m, seq=first + i) for i, m in enumerate(fresh.values())]
            insert_messages(connection, scope, numbered)
            if numbered:
                enter(connection)
        return len(numbered)

    def window(self, scope: Scope, after: int = 0) -> list[Said]:
        """The session's messages after a sequence number, oldest first."""
        with self._database.read() as connection:
            rows = run(
                connection, _WINDOW, key(scope.owner, session=scope.session, after=after)
            ).fetchall()
        return [_said(row) for row in rows]

    def newest(self, scope: Scope, limit: int, before: int | None = None) -> list[Said]:
        """The session's last ``limit`` messages before a sequence number, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                _NEWEST,
                key(scope.owner, session=scope.session, before=before or 2**62, limit=limit),
            ).all()
        return [_said(row) for row in reversed(rows)]

    def of_turns(self, scope: Scope, ids: Sequence[str]) -> set[str]:
        """Of some messages of a session those that are part of a turn, and not imported."""
        with self._database.read() as connection:
            found = connection.execute(
                _OF_TURNS, key(scope.owner, session=scope.session, ids=list(ids))
            )
            return set(found.scalars())

    def attributed(self, owner: Owner, found: Sequence[Recalled]) -> list[Recalled]:
        """What was recalled, marked where a person at the desk said it and not the assistant."""
        ids = sorted({name for one in found if one.role == "ai" for name in one.messages})
        if not ids:
            return list(found)
        people: set[tuple[str, str]] = set()
        with self._database.read() as connection:
            for some in _batched(ids):
                rows = run(connection, _ANSWERS, key(owner, ids=some)).fetchall()
                said = map(message_from, rows)
                people |= {(answer.session, answer.id) for answer in said if answer.by_person}
        return [
            replace(one, by_person=any((one.session, name) in people for name in one.messages))
            if one.role == "ai"
            else one
            for one in found
        ]

    def lines(self, scope: Scope, limit: int) -> list[Line]:
        """The session's last ``limit`` messages as a client's history is compared with them."""
        with self._database.read() as connection:
            rows = connection.execute(
                _LINES, key(scope.owner, session=scope.session, limit=limit)
            ).all()
        persons = {row.seq for row in rows if row.data and by_person(json.loads(row.data))}
        return [_line(row, persons) for row in reversed(rows)]

    @retried
    def branch(self, scope: Scope, ids: Sequence[str], branch: str) -> None:
        """Copy messages into another session, from where a conversation goes another way.

        Copies keep their ids and times and belong to no turn; what is remembered of a message is
        made of the one that was said. The session that they are from stays as it is.
        """
        check_name("session", branch)
        to = replace(scope, session=branch)
        with self._database.write() as connection:
            rows = [
                row
                for some in _batched(ids)
                for row in connection.execute(
                    _COPIED, key(scope.owner, session=scope.session, ids=some)
                )
            ]
            first, _ = customers.allocate(connection, scope.owner, max(len(rows), 1))
            copies = []
            for place, (*values, _) in enumerate(rows):
                message = message_from(values)
                origin, _ = message.source
                copies.append(
                    replace(message, seq=first + place, session=branch, turn=None, origin=origin)
                )
            insert_messages(connection, to, copies)
            for copy, row in zip(copies, rows, strict=True):
                if row.forgotten:
                    connection.execute(_HIDE_COPY, key(scope.owner, seq=copy.seq))
            enter(connection)

    def sessions(
        self, owner: Owner, limit: int | None = None, after: Used | None = None
    ) -> list[Session]:
        """A customer's sessions, the last used first, from ``after`` on."""
        place = {
            "limit": _ALL if limit is None else limit,
            "at": to_stamp(after.at) if after else _ALL,
            "name": after.session if after else "",
        }
        with self._database.read() as connection:
            return [_session(row) for row in connection.execute(_SESSIONS, key(owner, **place))]

    def last_used(self, limit: int) -> list[Scope]:
        """The sessions of all customers in which something was said last."""
        with self._database.read() as connection:
            rows = connection.execute(_LAST_USED, {"limit": limit}).all()
        return [Scope(row.customer, row.session, row.tenant) for row in rows]

    def heard(
        self, tenant: str, limit: int, after: Heard | None = None, name: str = ""
    ) -> list[Heard]:
        """The customers of a tenant who said or did something, the last first, from ``after`` on.

        Only those whose names have ``name`` in them, in capitals or not.
        """
        part = re.sub(r"([!%_])", r"!\1", name.lower())
        place = {
            "like": f"%{part}%",
            "at": to_stamp(after.at) if after else _ALL,
            "customer": after.customer if after else "",
        }
        with self._database.read() as connection:
            rows = connection.execute(_HEARD, {"tenant": tenant, "limit": limit, **place}).all()
        return [Heard(row.customer, from_stamp(row.at)) for row in rows]

    def rated(self) -> list[tuple[Scope, Rating | None]]:
        """Every customer's sessions with their ratings, each customer's oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_RATED).all()
        return [(Scope(row.customer, row.session, row.tenant), row.rating) for row in rows]

    @retried
    def rate(self, scope: Scope, rating: Rating | None) -> bool:
        """Say how well the agent did in a session, None to take it back; False if it is none."""
        check_rating(rating)
        with self._database.write() as connection:
            values = key(scope.owner, session=scope.session, rating=rating)
            rated = connection.execute(_RATE, values).rowcount > 0
            if rated:
                enter(connection)
        return rated

    def hand_over(self, scope: Scope) -> bool:
        """From now on a person answers in a session, and no model; False if there is none."""
        return self._hand(_HAND_OVER, scope, at=to_stamp(now()))

    def give_back(self, scope: Scope) -> bool:
        """From now on the model answers in a session again; False if there is none."""
        return self._hand(_GIVE_BACK, scope)

    @retried
    def _hand(self, statement: sa.TextClause, scope: Scope, **values: int) -> bool:
        with self._database.write() as connection:
            done = connection.execute(
                statement, key(scope.owner, session=scope.session, **values)
            ).rowcount
            if done:
                enter(connection)
        return done > 0

    def session(self, scope: Scope) -> Session | None:
        """One session, or None."""
        with self._database.read() as connection:
            row = connection.execute(_SESSION, key(scope.owner, session=scope.session)).first()
        return _session(row) if row else None


def check_rating(rating: object) -> None:
    """Raise InvalidInput if something is no rating, and not None."""
    if rating is not None and rating not in get_args(Rating):
        msg = f"{rating!r} is no rating: use {' or '.join(get_args(Rating))}"
        raise InvalidInput(msg)


def make_message(
    role: str,
    said: str,
    tokens: int,
    *,
    at: datetime | None = None,
    message_id: str | None = None,
    data: dict[str, Any] | None = None,
) -> Message:
    """A message that has not been stored yet."""
    if role not in ROLES:
        msg = f"{role!r} is no message role: use one of {', '.join(sorted(ROLES))}"
        raise InvalidInput(msg)
    return Message(message_id or new_id(), "", role, said, at or now(), tokens=tokens, data=data)


def message_from(row: Sequence[Any]) -> Message:
    """A message from a row of ``COLUMNS``."""
    seq, session, message_id, role, said, at, tokens, turn, data, origin, labels = row
    return Message(
        id=message_id, session=session, role=role, text=said, at=from_stamp(at), seq=seq,
        tokens=tokens, turn=turn, data=json.loads(data) if data else None,
        labels=labels_from(labels), origin=origin,
    )  # fmt: skip


def insert_messages(connection: Connection, scope: Scope, messages: Sequence[Message]) -> None:
    """Insert numbered messages into the scope's session, and count them there.

    Raises:
        InvalidInput: a database could not hold a message unchanged, or the session is new and its
            name looks like another.
    """
    if not messages:
        return
    if plain(scope.session) != scope.session:
        there = key(scope.owner, session=scope.session)
        if run(connection, _SESSION, there).fetchone() is None:
            check_new("session", scope.session)
    for message in messages:
        check_name("message id", message.id)
        check_text(message.text)
        check_text(dump(message.data) or "")
    run(
        connection, _ADD,
        [
            key(scope.owner, seq=m.seq, session=scope.session, id=m.id, role=m.role, text=m.text,
                at=to_stamp(m.at), tokens=m.tokens, turn=m.turn, data=dump(m.data), origin=m.origin)
            for m in messages
        ],
    )  # fmt: skip
    times = [to_stamp(m.at) for m in messages]  # of what was imported perhaps years ago
    latest = to_stamp(now())
    run(
        connection, _GROW,
        key(scope.owner, session=scope.session, first=min(*times, latest),
            last=min(max(times), latest), messages=len(messages),
            tokens=sum(m.tokens for m in messages)),
    )  # fmt: skip


def dump(value: Any) -> str | None:
    """JSON as it is stored; None stays None."""
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def known_ids(connection: Connection, scope: Scope, ids: Sequence[str]) -> set[str]:
    """Of some ids those of messages that a session has."""
    known: set[str] = set()
    for some in _batched(ids):
        rows = connection.execute(_KNOWN, key(scope.owner, session=scope.session, ids=some))
        known.update(rows.scalars())
    return known


def _batched(ids: Sequence[str]) -> list[list[str]]:
    """Ids, as many at a time as a statement takes."""
    return [list(ids[start : start + 500]) for start in range(0, len(ids), 500)]


def _said(row: Sequence[Any]) -> Said:
    *values, status, recalled, question, rating = row
    message = message_from(values)
    kept = json.loads(recalled) if recalled else None
    if message.seq == question:
        return Said(message, status, kept)
    return Said(message, status, None, (kept or {}).get("template"), rating)


def _line(row: Row[Any], persons: set[int]) -> Line:
    """A message to compare; ``persons`` are the numbers of those that a person said.

    Of several messages that one answer of a person's is for, only the last has it.
    """
    unsure = row.seq in persons or (
        row.status is not None
        and (
            row.status != "complete"
            or row.seq not in (row.question, row.answer)
            or row.answer is None
            or row.answer in persons
        )
    )
    return Line(row.id, mark(row.role, row.text), unsure)


def _session(row: Row[Any]) -> Session:
    return Session(
        row.session, row.messages, row.tokens, from_stamp(row.created), from_stamp(row.updated),
        row.rating, None if row.handed_over is None else from_stamp(row.handed_over),
    )  # fmt: skip
