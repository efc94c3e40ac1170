"""The customer at a glance, for a person who takes over; from rows, without a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers, sentences
from memory.changes import RECORD_COLUMNS, by_id, record_from
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.forgetting import Policy
from memory.mood import Mood
from memory.outdated import Outdated
from memory.slots import SLOTS
from memory.store import MemoryStore
from memory.summary import SummaryMemory
from memory.transcript import dump
from memory.types import CountTokens, Scope
from memory.withdrawals import pattern, plain

PER_SLOT = 5  # facts shown of a slot, the last said; a person reads no more at a glance
_EXCERPT = 200  # characters

_SLOTS = text(f"SELECT DISTINCT slot FROM records {WHERE} AND slot IS NOT NULL")
_FACTS = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND slot = :slot AND superseded_by IS NULL "
    "AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > :now) "
    "AND (at > :since OR pinned = 1 OR source = 'person') ORDER BY at DESC, seq DESC LIMIT :most"
)
_SUPERSEDED = text(
    f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND superseded_by IS NOT NULL "
    "AND slot IS NOT NULL ORDER BY seq"
)
_REPLACED = text(
    f"SELECT superseded_by, value, text, valid_to FROM records {WHERE} "
    "AND superseded_by IN :ids AND value IS NOT NULL ORDER BY valid_to"
).bindparams(sa.bindparam("ids", expanding=True))
_SOURCES = text(
    f"SELECT id, session, role, text, at, forgotten FROM messages {WHERE} AND session = :session "
    "AND id IN :ids"
).bindparams(sa.bindparam("ids", expanding=True))
_LEFT = text(
    f"SELECT messages, text FROM records {WHERE} AND session = :session AND slot IS NULL "
    "AND superseded_by IS NULL AND messages IN :messages"
).bindparams(sa.bindparam("messages", expanding=True))
_SESSIONS = text(
    f"SELECT session, at AS last FROM messages {WHERE} AND seq IN "
    f"(SELECT max(seq) FROM messages {WHERE} GROUP BY session) ORDER BY at DESC, seq DESC"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from: a message, or a person.

    Of a message that has left prompts, because of what else it said, only what is still
    remembered is quoted.
    """

    made_by: str  # "message", "model" or "person"
    message: str | None = None
    session: str | None = None
    role: str | None = None
    at: datetime | None = None
    excerpt: str | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """What was so before, and until when."""

    value: str
    text: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a slot, with its source; ``id`` is the memory's, to correct it by."""

    id: str
    slot: str
    label: str
    value: str
    text: str
    since: datetime
    pinned: bool
    expires_at: datetime | None
    source: Source
    replaced: Replaced | None


@dataclass(frozen=True, slots=True)
class Promise:
    """What an agent has promised, by when if a day was named, and whether that is past."""

    fact: Fact
    due: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class LastSession:
    """The session in which the customer was heard last, in few words."""

    session: str
    last_message_at: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class Card:
    """A customer at a glance.

    ``facts`` come in the order of their slots, the last said first, at most ``PER_SLOT`` of
    each; ``more`` names the slots that have others. What quotes a value that was corrected is left
    out. ``problem`` is the last one that is still open.
    ``mood`` is over the last messages of all sessions, None where none was read.
    """

    customer: str
    facts: list[Fact]
    more: list[str]
    problem: Fact | None
    promises: list[Promise]
    mood: Mood | None
    last_session: LastSession | None
    last_contact: datetime | None
    sessions: int


def nobodys(customer: str) -> Card:
    """The card of somebody of whom nothing is stored."""
    return Card(customer, [], [], None, [], None, None, None, 0)


def card(
    store: MemoryStore,
    owner: Owner,
    policy: Policy,
    count_tokens: CountTokens,
    at: datetime | None = None,
) -> Card | None:
    """A customer's card as of ``at``, now if not given; None if there is no such customer.

    It reads no more than the last facts of each slot, and the sessions that they come from.
    """
    at = at or now()
    since = policy.since(at)
    with store.database.read() as connection:
        if customers.state(connection, owner).generation == 0:
            return None
        values = key(owner, now=to_stamp(at), since=to_stamp(since) if since else -(2**62))
        rows: list[Row[Any]] = []
        more: list[str] = []
        superseded = [record_from(row) for row in connection.execute(_SUPERSEDED, key(owner)).all()]
        before = {record.id: record for record in superseded}
        outdated = Outdated(
            superseded, lambda name: before.get(name) or by_id(connection, owner, name)
        )
        for slot in connection.execute(_SLOTS, key(owner)).scalars().all():
            # One more than is shown: to say that there are more.
            found = connection.execute(_FACTS, {**values, "slot": slot, "most": PER_SLOT + 1}).all()
            rows += [row for row in found[:PER_SLOT] if not outdated.by(record_from(row))]
            more += [slot] * (len(found) > PER_SLOT)
        facts = _facts(connection, owner, rows)
        sessions = connection.execute(_SESSIONS, key(owner)).all()
        mood = store.labelling.mood(owner)
    order = {slot: place for place, slot in enumerate(SLOTS)}
    shown = sorted(facts, key=lambda fact: order.get(fact.slot, len(order)))
    due = {row.id: from_stamp(row.valid_to) for row in rows if row.valid_to is not None}
    promises = [
        Promise(fact, due.get(fact.id), fact.id in due and due[fact.id] < at)
        for fact in shown
        if fact.slot == "promise"
    ]
    latest = None
    if sessions:
        name, last = sessions[0]
        scope = Scope(tenant=owner[0], customer=owner[1], session=name)
        latest = LastSession(name, from_stamp(last), in_few_words(store, scope, count_tokens))
    return Card(
        customer=owner[1],
        facts=[fact for fact in shown if fact.slot not in {"problem", "promise"}],
        more=sorted(more, key=lambda slot: order.get(slot, len(order))),
        problem=next((fact for fact in shown if fact.slot == "problem"), None),
        promises=sorted(promises, key=lambda one: (one.due is None, one.due or at)),
        mood=mood,
        last_session=latest,
        last_contact=latest.last_message_at if latest else None,
        sessions=len(sessions),
    )


def in_few_words(store: MemoryStore, scope: Scope, count_tokens: CountTokens) -> str:
    """What was said in a session, from its beginning to its end, summarised without a model."""
    memory = SummaryMemory(store=store, scope=scope, count_tokens=count_tokens, background=False)
    return str(memory.load_memory_variables({})["summary"])


def _facts(connection: Connection, owner: Owner, rows: Sequence[Any]) -> list[Fact]:
    """Facts with their sources and with what they replaced."""
    if not rows:
        return []
    said_in = {row.id: json.loads(row.messages) for row in rows}
    wanted: dict[str, list[str]] = {}
    for row in rows:
        wanted.setdefault(row.session, []).extend(said_in[row.id])
    messages = {
        (message.session, message.id): message
        for session, ids in wanted.items()
        if ids
        for message in connection.execute(_SOURCES, key(owner, session=session, ids=ids)).all()
    }
    left = {
        (session, *json.loads(row.messages)): row.text
        for session in {m.session for m in messages.values() if m.forgotten}
        for row in connection.execute(
            _LEFT,
            key(owner, session=session,
                messages=[dump([m.id]) for m in messages.values() if m.session == session]),
        ).all()
    }  # fmt: skip
    ids = [row.id for row in rows]
    values = {row.id: plain(row.value) for row in rows}
    before = {
        row.superseded_by: Replaced(row.value, row.text, from_stamp(row.valid_to))
        for row in connection.execute(_REPLACED, key(owner, ids=ids)).all()
        if plain(row.value) != values[row.superseded_by]
    }

    def source(row: Any) -> Source:
        for name in said_in[row.id] if row.source != "person" else ():
            message = messages.get((row.session, name))
            if message is not None:
                said = message.text
                excerpt = (
                    _sentence(left.get((message.session, message.id), ""), row.value)
                    if message.forgotten
                    else _sentence(said, row.value) or _cut(said.strip())
                )
                return Source(
                    row.source, message.id, message.session, message.role, from_stamp(message.at),
                    excerpt,
                )  # fmt: skip
        return Source(row.source)

    return [
        Fact(
            row.id, row.slot, SLOTS.get(row.slot, row.slot.replace("_", " ").capitalize()),
            row.value, row.text, from_stamp(row.at), bool(row.pinned),
            from_stamp(row.expires_at) if row.expires_at is not None else None,
            source(row), before.get(row.id),
        )
        for row in rows
    ]  # fmt: skip


def _sentence(said: str, value: str) -> str | None:
    """The sentence with the value, if there is one."""
    found = pattern(value)
    return next((_cut(one) for one in sentences.split(said) if found.search(one)), None)


def _cut(said: str) -> str:
    return said if len(said) <= _EXCERPT else f"{said[:_EXCERPT].rstrip()}…"
