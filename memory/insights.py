"""What customers write about and how they feel, over time, told from the rows of a tenant.

Counted is what a classifier has read in messages (``memory.labels``) or in posts
(``memory.posts``): its heads ``topic`` and ``sentiment``. Nothing is kept beside the rows but
counts, for at most an hour, so what is erased, or deleted because it is too old, goes from here
too. Every question goes by an index of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy as sa
from sqlalchemy import text

from memory.clock import from_stamp, now, to_stamp
from memory.database import Database
from memory.mood import HEAD, SURE
from memory.posts import ROLE

Source = Literal["messages", "documents"]
SOURCES: tuple[Source, ...] = get_args(Source)
TOPIC = "topic"  # the head that says what a text is about

_MOST_NAMED = 5_000  # products' names in sessions that are looked at, the last ones
_SETTLED = timedelta(minutes=15)  # after which nothing is read any more that was written before
_KEPT = timedelta(hours=1)  # how long counts are kept that are over: rows may be erased
_MOST_KEPT = 10_000

_WITHIN = "{0}.tenant = :tenant AND {0}.at >= :since AND {0}.at < :until"
_MESSAGES = f"{_WITHIN.format('m')} AND m.labels IS NOT NULL"
_POSTS = f"{_WITHIN.format('r')} AND r.role = '{ROLE}'"
_NAMED = (
    "(SELECT DISTINCT tenant, customer, session, value FROM (SELECT tenant, customer, session, "
    "value FROM records WHERE tenant = :tenant AND slot = 'product' AND value IS NOT NULL "
    f"ORDER BY at DESC LIMIT {_MOST_NAMED}) AS lately) AS n"
)
# One after the other by the index, however many customers each has.
_TENANTS = text(
    "WITH RECURSIVE t(tenant) AS (SELECT MIN(tenant) FROM customers UNION ALL "
    "SELECT (SELECT MIN(tenant) FROM customers c WHERE c.tenant > t.tenant) FROM t "
    "WHERE t.tenant IS NOT NULL) SELECT tenant FROM t WHERE tenant IS NOT NULL"
)


class Cell(NamedTuple):
    """What is counted: texts about a topic in a mood; None where that is not known, or unsure."""

    topic: str | None
    mood: str | None


class Insights:
    """What is written in a database, and how. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._over: dict[tuple[str, Source, timedelta, int], Counter[Cell]] = {}
        self._since = now()
        self._lock = Lock()

    def tenants(self) -> list[str]:
        """All that have rows."""
        with self._database.read() as connection:
            return [*connection.execute(_TENANTS).scalars()]

    def stretches(
        self, tenant: str, source: Source, span: timedelta, count: int
    ) -> list[tuple[datetime, Counter[Cell]]]:
        """The last stretches of time, the oldest first; the last of them is not over yet.

        Args:
            tenant: whose texts.
            source: which of them.
            span: how long one is; they begin at its multiples since 1970, UTC.
            count: how many.

        Returns:
            Each with when it began.
        """
        at, width = now(), _width(span)
        last = to_stamp(at) // width
        places = range(last - count + 1, last + 1)
        with self._lock:
            if at - self._since > _KEPT or len(self._over) > _MOST_KEPT:
                self._over.clear()
                self._since = at
            known = {
                p: self._over[k] for p in places if (k := (tenant, source, span, p)) in self._over
            }
        unknown = next((place for place in places if place not in known), last)
        counted: dict[int, Counter[Cell]] = defaultdict(Counter)
        for row in self._rows(source, tenant, unknown, last, width):
            counted[row.stretch][Cell(row.topic, row.mood)] += row.n
        found = {p: known[p] if p in known else counted[p] for p in places}
        settled = to_stamp(at - _SETTLED) // width  # the stretches before this one
        with self._lock:
            self._over |= {(tenant, source, span, p): c for p, c in found.items() if p < settled}
        return [(from_stamp(place * width), cells) for place, cells in found.items()]

    def products(
        self, tenant: str, source: Source, span: timedelta, count: int
    ) -> dict[str, list[Counter[Cell]]]:
        """The same by product, its name in small letters, where one is known.

        Of a post it was given; of a message it is known where a product was named in its session,
        and several may have been.
        """
        width = _width(span)
        last = to_stamp(now()) // width
        first = last - count + 1
        found: dict[str, list[Counter[Cell]]] = {}
        for row in self._rows(source, tenant, first, last, width, products=True):
            cells = found.setdefault(row.product.casefold(), [Counter() for _ in range(count)])
            cells[row.stretch - first][Cell(row.topic, row.mood)] += row.n
        return found

    def _rows(
        self,
        source: Source,
        tenant: str,
        first: int,
        last: int,
        width: int,
        *,
        products: bool = False,
    ) -> list[Any]:
        values = {
            "tenant": tenant, "span": width, "since": first * width, "until": (last + 1) * width,
        }  # fmt: skip
        statement = counting(source, self._database.dialect, products=products)
        with self._database.read() as connection:
            return [*connection.execute(statement, values)]


@cache
def counting(source: Source, dialect: str, *, products: bool = False) -> sa.TextClause:
    """Texts by stretch, topic and mood, and if it is asked for by product."""
    if source == "messages":
        row, at = "m", "m.at"
        product = "n.value"
        rows = f"messages m WHERE {_MESSAGES}"
        if products:
            # From the names to their sessions: CROSS and + keep SQLite from going the other way.
            rows = (
                f"{_NAMED} CROSS JOIN messages m WHERE m.tenant = n.tenant "
                "AND m.customer = n.customer AND m.session = n.session "
                f"AND {_MESSAGES.replace('m.at', '+m.at')}"
            )
    else:
        row, at = "r", "r.at"
        product = _json("r.document", ["metadata", "product"], dialect)
        rows = f"records r WHERE {_POSTS}"
        if products:
            rows += f" AND {product} IS NOT NULL"
    topic, mood = (label(source, head, dialect, row) for head in (TOPIC, HEAD))
    named = f", {product} AS product" if products else ""
    return text(
        f"SELECT {at} / :span AS stretch, {topic} AS topic, {mood} AS mood{named}, COUNT(*) AS n "
        f"FROM {rows} GROUP BY 1, 2, 3{', 4' if products else ''}"
    )


def label(source: Source, head: str, dialect: str, row: str) -> str:
    """What a head of the classifier says of a text, as SQL; ``row`` is what the text's is called.

    NULL where it is none that the head knows, or less than half sure, as of a customer's mood.
    """
    column, path = _labels(source, head, row)
    return f"CASE WHEN {sure(source, head, dialect, row)} THEN {_json(column, path, dialect)} END"


def sure(source: Source, head: str, dialect: str, row: str) -> str:
    """Whether a head is at least half sure of what it says of a text, as SQL."""
    column, path = _labels(source, head, row)
    confidence = _json(column, [*path[:-1], "1"], dialect)
    return f"CAST({confidence} AS double precision) >= {SURE}"


def _labels(source: Source, head: str, row: str) -> tuple[str, list[str]]:
    """The column with a text's labels, and where in it stands what a head says."""
    if source == "messages":
        return f"{row}.labels", [head, "0"]
    return f"{row}.document", ["metadata", "labels", head, "0"]


def _json(column: str, path: list[str], dialect: str) -> str:
    """What stands at a path of a column's JSON, as SQL."""
    if dialect == "sqlite":
        steps = "".join(f"[{one}]" if one.isdigit() else f".{one}" for one in path)
        return f"json_extract({column}, '${steps}')"
    return f"CAST({column} AS json) #>> '{{{','.join(path)}}}'"


def _width(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
