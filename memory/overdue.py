"""Rows that are older than they may be, deleted a batch at a time (see ``memory.retention``)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.customers import WHERE, Owner, key
from memory.events import forget_derived
from memory.summaries import cut_segments, make_stale

SERVICE_TENANT = "default"  # whose the audit log counts as
_FIRST = "first"  # a key that is never taken away: where none is, a new one would be made

_OLDEST = text(
    f"SELECT (SELECT MIN(at) FROM messages {WHERE}) AS messages, "
    f"(SELECT MIN(at) FROM (SELECT at FROM records {WHERE} UNION ALL "
    f"SELECT updated FROM items {WHERE} UNION ALL "
    f"SELECT updated FROM translations {WHERE} UNION ALL "
    f"SELECT at FROM events {WHERE}) remembered) AS memories, "
    f"(SELECT MIN(at) FROM segments {WHERE}) AS summaries, "
    f"(SELECT MIN(at) FROM turns {WHERE} AND recalled IS NOT NULL) AS recalled"
)
_SAID = (
    "SELECT m.seq, m.session, m.turn, m.tokens, m.at FROM messages m LEFT JOIN turns t "
    "ON t.tenant = m.tenant AND t.customer = m.customer AND t.id = m.turn "
    "WHERE m.tenant = :tenant AND m.customer = :customer AND "
)
# A turn goes whole, by its question, or not at all.
_OLD_MESSAGES = text(
    f"{_SAID} CASE WHEN t.id IS NULL THEN m.at <= :cut "
    "ELSE t.at <= :cut AND t.status <> 'running' END ORDER BY m.seq LIMIT :most"
)
_REST_OF_TURNS = text(f"{_SAID} m.seq > :last AND m.turn IN :turns").bindparams(
    sa.bindparam("turns", expanding=True)
)
_DELETE_MESSAGES = text(f"DELETE FROM messages {WHERE} AND seq = :seq")
_DELETE_TURN = text(f"DELETE FROM turns {WHERE} AND id = :id")
_SHRINK = text(
    "UPDATE sessions SET messages = messages - :messages, tokens = tokens - :tokens "
    f"{WHERE} AND session = :session"
)
_OLD_RECORDS = text(f"SELECT seq FROM records {WHERE} AND at <= :cut ORDER BY seq LIMIT :most")
_DELETE_RECORD = text(f"DELETE FROM records {WHERE} AND seq = :seq")
_DELETE_VECTOR = text(f"DELETE FROM vectors {WHERE} AND seq = :seq")
_OLD_ITEMS, _DELETE_ITEM = (
    {table: text(statement.format(table)) for table in ("items", "translations")}
    for statement in (
        f"SELECT id FROM {{}} {WHERE} AND updated <= :cut ORDER BY updated LIMIT :most",
        f"DELETE FROM {{}} {WHERE} AND id = :id",
    )
)
_OLD_EVENTS = text(f"SELECT seq FROM events {WHERE} AND at <= :cut ORDER BY at LIMIT :most")
_DELETE_EVENT = text(f"DELETE FROM events {WHERE} AND seq = :seq")
_OLD_SEGMENTS = text(
    f"SELECT session, last FROM segments {WHERE} AND at <= :cut ORDER BY 1, 2 LIMIT :most"
)
_OLD_RECALLED = text(
    f"SELECT id FROM turns {WHERE} AND at <= :cut AND recalled IS NOT NULL "
    "AND status <> 'running' LIMIT :most"
)
_FORGET_RECALLED = text(f"UPDATE turns SET recalled = NULL {WHERE} AND id = :id")
# Why something was recalled may say which value it had replaced.
_REPLACING = text(f"SELECT id, recalled FROM turns {WHERE} AND recalled LIKE '%; replaces %'")
_REWRITE = text(f"UPDATE turns SET recalled = :recalled {WHERE} AND id = :id")
_SAME = "x.tenant = {0}.tenant AND x.customer = {0}.customer"
_EMPTY_SESSIONS = f"SELECT session FROM sessions s {WHERE} AND lease IS NULL " + " ".join(
    f"AND NOT EXISTS (SELECT 1 FROM {table} x WHERE {_SAME.format('s')} AND x.session = s.session)"
    for table in ("messages", "segments")
)
_DELETE_SESSIONS = {
    table: text(f"DELETE FROM {table} {WHERE} AND session = :session")
    for table in ("summaries", "sessions")
}
_GONE = text(
    f"DELETE FROM customers {WHERE} "
    + " ".join(
        f"AND NOT EXISTS (SELECT 1 FROM {table} x WHERE {_SAME.format('customers')})"
        for table in (
            "sessions",
            "messages",
            "turns",
            "records",
            "segments",
            "summaries",
            "items",
            "translations",
            "events",
        )
    )
)
_OLD_ARTICLES = "FROM articles WHERE replaced <= :cut"
_OLD_KEYS = f"FROM api_keys WHERE id <> '{_FIRST}' AND (revoked <= :cut OR expires <= :cut)"


def oldest_of(connection: Connection, owner: Owner) -> dict[str, int]:
    """From when a customer's oldest row is, by kind."""
    row = connection.execute(_OLDEST, key(owner)).one()
    return {kind: at for kind, at in row._mapping.items() if at is not None}


def delete_old(
    connection: Connection, owner: Owner, cuts: dict[str, int], most: int
) -> Counter[str]:
    """Delete the first of a customer's rows that are too old; how many of each kind."""
    taken: Counter[str] = Counter()
    if customers.lock(connection, owner) is None:
        return taken
    until = _take_messages(connection, owner, cuts, most, taken)
    follows = cuts["memories"] == cuts["messages"]
    _take_records(connection, owner, max(cuts["memories"], until if follows else -1), most, taken)
    _take_items(connection, owner, cuts["memories"], most, taken)
    _take_events(connection, owner, cuts["memories"], most, taken)
    _take_segments(connection, owner, cuts["summaries"], most, taken)
    values = key(owner, cut=cuts["recalled"], most=most)
    for turn in connection.execute(_OLD_RECALLED, values).scalars().all():
        connection.execute(_FORGET_RECALLED, key(owner, id=turn))
        taken["recalled"] += 1
    if taken:
        for session in connection.execute(text(_EMPTY_SESSIONS), key(owner)).scalars().all():
            for table, statement in _DELETE_SESSIONS.items():
                taken[table] += connection.execute(statement, key(owner, session=session)).rowcount
        customers.move_generation(connection, owner)
        taken["customers"] += connection.execute(_GONE, key(owner)).rowcount
    return +taken


def _take_messages(
    connection: Connection, owner: Owner, cuts: dict[str, int], most: int, taken: Counter[str]
) -> int:
    """Delete messages with their turns; when the last of them was said, -1 without any."""
    values = key(owner, cut=cuts["messages"], most=most)
    rows: list[Any] = list(connection.execute(_OLD_MESSAGES, values).all())
    if not rows:
        return -1
    turns = sorted({row.turn for row in rows} - {None})
    if turns and len(rows) == most:
        rest = key(owner, last=rows[-1].seq, turns=turns)
        rows += connection.execute(_REST_OF_TURNS, rest).all()
    connection.execute(_DELETE_MESSAGES, [key(owner, seq=row.seq) for row in rows])
    if turns:
        connection.execute(_DELETE_TURN, [key(owner, id=turn) for turn in turns])
    for session in sorted({row.session for row in rows}):
        said = [row for row in rows if row.session == session]
        shrunk = key(
            owner, session=session, messages=len(said), tokens=sum(row.tokens for row in said)
        )
        connection.execute(_SHRINK, shrunk)
        if cuts["summaries"] == cuts["messages"]:
            first, last = min(row.seq for row in said), max(row.seq for row in said)
            taken["summaries"] += make_stale(connection, owner, session, first, last)
    taken.update(messages=len(rows), turns=len(turns))
    return max(int(row.at) for row in rows)


def _take_records(
    connection: Connection, owner: Owner, cut: int, most: int, taken: Counter[str]
) -> None:
    found = connection.execute(_OLD_RECORDS, key(owner, cut=cut, most=most)).scalars().all()
    if not found:
        return
    numbered = [key(owner, seq=seq) for seq in found]
    connection.execute(_DELETE_VECTOR, numbered)
    connection.execute(_DELETE_RECORD, numbered)
    taken["memories"] += len(found)
    for turn, stored in connection.execute(_REPLACING, key(owner)).all():
        recalled = json.loads(stored)
        for one in recalled["records"]:
            one["why"] = one["why"].partition("; replaces ")[0]
        rewritten = json.dumps(recalled, ensure_ascii=False)
        connection.execute(_REWRITE, key(owner, id=turn, recalled=rewritten))


def _take_items(
    connection: Connection, owner: Owner, cut: int, most: int, taken: Counter[str]
) -> None:
    """What agents keep, and what was translated of what the customer said."""
    for table, old in _OLD_ITEMS.items():
        found = connection.execute(old, key(owner, cut=cut, most=most)).scalars().all()
        if found:
            connection.execute(_DELETE_ITEM[table], [key(owner, id=one) for one in found])
            taken["memories"] += len(found)


def _take_events(
    connection: Connection, owner: Owner, cut: int, most: int, taken: Counter[str]
) -> None:
    found = connection.execute(_OLD_EVENTS, key(owner, cut=cut, most=most)).scalars().all()
    if found:
        connection.execute(_DELETE_EVENT, [key(owner, seq=seq) for seq in found])
        forget_derived(connection, owner[0])
        taken["memories"] += len(found)


def _take_segments(
    connection: Connection, owner: Owner, cut: int, most: int, taken: Counter[str]
) -> None:
    found = connection.execute(_OLD_SEGMENTS, key(owner, cut=cut, most=most)).all()
    for session in sorted({row.session for row in found}):
        ends = [row.last for row in found if row.session == session]
        taken["summaries"] += cut_segments(connection, owner, session, ends)


def others(connection: Connection, cuts: dict[str, int]) -> dict[str, Counter[str]]:
    """What else is too old, by tenant."""
    found: dict[str, Counter[str]] = {}
    for kind, old in (("articles", _OLD_ARTICLES), ("keys", _OLD_KEYS)):
        counted = text(f"SELECT tenant, count(*) AS n {old} GROUP BY tenant")
        for row in connection.execute(counted, {"cut": cuts[kind]}).all():
            found.setdefault(row.tenant, Counter())[kind] += row.n
    if cuts["audit"] >= 0:
        counted = text("SELECT count(*) FROM audit WHERE at <= :cut")
        entries = connection.execute(counted, {"cut": cuts["audit"]}).scalar_one()
        found.setdefault(SERVICE_TENANT, Counter())["audit"] += entries
    return {tenant: taken for tenant, counts in found.items() if (taken := +counts)}


def delete_others(connection: Connection, cuts: dict[str, int]) -> dict[str, Counter[str]]:
    """Delete old versions of articles, and keys that fit no longer; how many, by tenant."""
    found = others(connection, {**cuts, "audit": -1})
    for kind, old in (("articles", _OLD_ARTICLES), ("keys", _OLD_KEYS)):
        connection.execute(text(f"DELETE {old}"), {"cut": cuts[kind]})
    return found
