"""Who wrote something negative, about what: how many in an hour, and examples of it.

Told from the rows (see ``memory.insights``), so that what is erased is no example any more. What
is negative has an index of its own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text

from memory.clock import from_stamp, to_stamp
from memory.database import Database
from memory.insights import TOPIC, Source
from memory.labels import NEGATIVE, labels_from
from memory.mood import HEAD
from memory.posts import ROLE
from memory.surges import DAYS, HOUR, Hour
from memory.types import Labels

_DAY = timedelta(days=1)
_LOOKED_AT = 200  # texts from which examples are taken, the last ones

_WITHIN = "tenant = :tenant AND at >= :since AND at < :until"
_MESSAGES = f"{_WITHIN} AND {NEGATIVE}"
_POSTS = f"{_WITHIN} AND role = '{ROLE}' AND {NEGATIVE.replace('labels', 'document', 1)}"
# The same hour of every day: up to a whole number of days before ``until``.
_SAME_HOUR = "(:until - 1 - at) % :day < :hour"
_WHO = {
    "messages": text(
        f"SELECT at, customer AS who, labels FROM messages WHERE {_MESSAGES} AND {_SAME_HOUR}"
    ),
    "documents": text(
        f"SELECT at, id AS who, document FROM records WHERE {_POSTS} AND {_SAME_HOUR}"
    ),
}
_LAST = f"ORDER BY at DESC LIMIT {_LOOKED_AT}"
_SAID = {
    "messages": text(
        "SELECT customer, session, id, at, text, labels FROM messages "
        f"WHERE {_MESSAGES} AND forgotten = 0 {_LAST}"
    ),
    "documents": text(f"SELECT session, at, text, document FROM records WHERE {_POSTS} {_LAST}"),
}
_ANY = {
    "messages": text(f"SELECT 1 FROM messages WHERE {_WITHIN} AND labels IS NOT NULL LIMIT 1"),
    "documents": text(f"SELECT 1 FROM records WHERE {_WITHIN} AND role = '{ROLE}' LIMIT 1"),
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
        days = self._days(tenant, source, at - HOUR, at)
        return {topic: len(who[0]) for topic, who in days.items()}

    def hours(
        self, tenant: str, source: Source, at: datetime, topics: Collection[str | None]
    ) -> dict[str | None, Hour]:
        """The last hour of some topics beside the same hour on the days before.

        A day on which nobody wrote anything at all says nothing of what is usual.
        """
        days = self._days(tenant, source, at - DAYS * _DAY - HOUR, at)
        known = [day for day in range(1, DAYS + 1) if self._any(tenant, source, at - day * _DAY)]
        return {
            topic: Hour(at, len(days[topic][0]), [len(days[topic][day]) for day in known])
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
        sure: dict[str, tuple[float, Example]] = {}
        for row in rows:
            labels = _labels(source, row)
            one = _example(source, row)
            felt, who = labels[HEAD].confidence, one.customer or one.id
            if _topic(labels) == topic and (who not in sure or felt > sure[who][0]):
                sure[who] = (felt, one)
        found = sorted(sure.values(), key=lambda each: -each[0])
        return [one for _, one in found[:limit]]

    def _days(
        self, tenant: str, source: Source, since: datetime, until: datetime
    ) -> dict[str | None, dict[int, set[str]]]:
        """Who wrote something negative in this hour, by topic and by how many days ago."""
        end, day = to_stamp(until), _width(_DAY)
        values = {
            "tenant": tenant, "since": to_stamp(since), "until": end, "day": day,
            "hour": _width(HOUR),
        }  # fmt: skip
        found: dict[str | None, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        with self._database.read() as connection:
            for row in connection.execute(_WHO[source], values):
                found[_topic(_labels(source, row))][(end - 1 - row.at) // day].add(row.who)
        return found

    def _any(self, tenant: str, source: Source, at: datetime) -> bool:
        """Whether anything was written around a time: half a day before and after."""
        values = {
            "tenant": tenant, "since": to_stamp(at - _DAY / 2), "until": to_stamp(at + _DAY / 2),
        }  # fmt: skip
        with self._database.read() as connection:
            return connection.execute(_ANY[source], values).first() is not None


def _labels(source: Source, row: Any) -> Labels:
    if source == "messages":
        return labels_from(row.labels) or {}
    return labels_from(json.dumps(json.loads(row.document)["metadata"]["labels"])) or {}


def _topic(labels: Labels) -> str | None:
    return labels[TOPIC].name if TOPIC in labels else None


def _example(source: Source, row: Any) -> Example:
    at = from_stamp(row.at)
    if source == "messages":
        return Example(row.customer, row.session, row.id, at, row.text)
    return Example(None, row.session, json.loads(row.document)["id"], at, row.text)


def _width(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
