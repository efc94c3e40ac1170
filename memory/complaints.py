"""Who wrote something negative, about what: how many in an hour, and examples of it.

Told from the rows (see ``memory.insights``), so that what is erased is no example any more. What
is negative has an index of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import text

from memory.clock import from_stamp, to_stamp
from memory.database import Database
from memory.insights import SOURCES, TOPIC, Source, label, sure
from memory.labels import NEGATIVE, labels_from
from memory.mood import HEAD, SURE
from memory.posts import ROLE
from memory.surges import DAYS, HOUR, Hour
from memory.types import Labels

_DAY = timedelta(days=1)
_LOOKED_AT = 200  # texts from which examples are taken, the last ones

_NEGATIVE = {
    "messages": NEGATIVE,
    "documents": f"role = '{ROLE}' AND {NEGATIVE.replace('labels', 'document', 1)}",
}
_READ = {"messages": "labels IS NOT NULL", "documents": f"role = '{ROLE}'"}
_ROWS = {"messages": "messages m", "documents": "records m"}
# The last hour, and the same hour of each day before: by a part of the index each.
_DAYS = "WITH RECURSIVE d(ago) AS (SELECT 0 UNION ALL SELECT ago + 1 FROM d WHERE ago < :days)"
_THEN = "m.tenant = :tenant AND m.at >= :until - ago * :day - :hour AND m.at < :until - ago * :day"
# Days on which anything was written, in half a day before and after that hour's end.
_KNOWN = {
    source: text(
        f"{_DAYS} SELECT ago FROM d WHERE ago > 0 AND EXISTS (SELECT 1 FROM {_ROWS[source]} "
        f"WHERE {_READ[source]} AND m.tenant = :tenant AND m.at >= :until - ago * :day - :day / 2 "
        "AND m.at < :until - ago * :day + :day / 2)"
    )
    for source in SOURCES
}
_WITHIN = "tenant = :tenant AND at >= :since AND at < :until"
_LAST = f"ORDER BY at DESC LIMIT {_LOOKED_AT}"
_SAID = {
    "messages": text(
        "SELECT customer, session, id, at, text, labels FROM messages "
        f"WHERE {_WITHIN} AND {_NEGATIVE['messages']} AND forgotten = 0 {_LAST}"
    ),
    "documents": text(
        "SELECT session, at, text, document FROM records "
        f"WHERE {_WITHIN} AND {_NEGATIVE['documents']} {_LAST}"
    ),
}


class Example(NamedTuple):
    """A text, by its id; a post has no ``customer``, and its ``session`` is its collection."""

    customer: str | None
    session: str
    id: str
    at: datetime
    text: str


class Complaints:
    """What is written in a database that is negative."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lately(self, tenant: str, source: Source, at: datetime) -> dict[str | None, int]:
        """How many customers wrote something negative in the hour before, by topic.

        One who writes much counts once; of posts each counts.
        """
        return {row.topic: row.n for row in self._asked(self._who(source), tenant, at, 0)}

    def hours(
        self, tenant: str, source: Source, at: datetime, topics: Collection[str | None]
    ) -> dict[str | None, Hour]:
        """The last hour of some topics beside the same hour on the days before.

        A day on which nobody wrote anything at all says nothing of what is usual.
        """
        many = Counter(
            {(row.topic, row.ago): row.n for row in self._asked(self._who(source), tenant, at)}
        )
        rest = content(source, self._database.dialect)
        others = Counter({row.ago: row.n for row in self._asked(rest, tenant, at)})
        known = [row.ago for row in self._asked(_KNOWN[source], tenant, at)]
        return {
            topic: Hour(
                at,
                many[topic, 0],
                [many[topic, day] for day in known],
                others[0],
                [others[day] for day in known],
            )
            for topic in topics
        }

    def examples(
        self,
        tenant: str,
        source: Source,
        topic: str | None,
        since: datetime,
        until: datetime,
        limit: int,
    ) -> list[Example]:
        """Negative texts about a topic within a time: the surest first, one of each customer."""
        values = {"tenant": tenant, "since": to_stamp(since), "until": to_stamp(until)}
        with self._database.read() as connection:
            rows = connection.execute(_SAID[source], values).all()
        surest: dict[str, tuple[float, Example]] = {}
        for row in rows:
            labels = _labels(source, row)
            one = _example(source, row)
            felt, who = labels[HEAD].confidence, one.customer or one.id
            if felt < SURE or _topic(labels) != topic:
                continue
            if who not in surest or felt > surest[who][0]:
                surest[who] = (felt, one)
        found = sorted(surest.values(), key=lambda each: -each[0])
        return [one for _, one in found[:limit]]

    def _who(self, source: Source) -> sa.TextClause:
        return complaining(source, self._database.dialect)

    def _asked(
        self, statement: sa.TextClause, tenant: str, until: datetime, days: int = DAYS
    ) -> Sequence[Any]:
        values = {
            "tenant": tenant, "until": to_stamp(until), "days": days, "day": _width(_DAY),
            "hour": _width(HOUR),
        }  # fmt: skip
        with self._database.read() as connection:
            asked = {name: values[name] for name in statement._bindparams}
            return connection.execute(statement, asked).all()


@cache
def complaining(source: Source, dialect: str) -> sa.TextClause:
    """How many customers wrote something negative, by topic and by how many days ago."""
    topic, who = label(source, TOPIC, dialect, "m"), "customer" if source == "messages" else "id"
    return text(
        f"{_DAYS} SELECT ago, {topic} AS topic, COUNT(DISTINCT m.{who}) AS n "
        f"FROM d CROSS JOIN {_ROWS[source]} WHERE {_negative(source, dialect)} AND {_THEN} "
        "GROUP BY 1, 2"
    )


@cache
def content(source: Source, dialect: str) -> sa.TextClause:
    """How many texts were not negative, by how many days ago."""
    return text(
        f"{_DAYS} SELECT ago, COUNT(*) AS n FROM d CROSS JOIN {_ROWS[source]} "
        f"WHERE {_READ[source]} AND NOT ({_negative(source, dialect)}) AND {_THEN} GROUP BY ago"
    )


def _negative(source: Source, dialect: str) -> str:
    """Whether a text is surely negative, as SQL; the index is of all that may be."""
    return f"{_NEGATIVE[source]} AND {sure(source, HEAD, dialect, 'm')}"


def _labels(source: Source, row: Any) -> Labels:
    if source == "messages":
        return labels_from(row.labels) or {}
    return labels_from(json.dumps(json.loads(row.document)["metadata"]["labels"])) or {}


def _topic(labels: Labels) -> str | None:
    found = labels.get(TOPIC)
    return found.name if found is not None and found.confidence >= SURE else None


def _example(source: Source, row: Any) -> Example:
    at = from_stamp(row.at)
    if source == "messages":
        return Example(row.customer, row.session, row.id, at, row.text)
    return Example(None, row.session, json.loads(row.document)["id"], at, row.text)


def _width(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
