"""How a tenant's service goes, told from its rows: turns, latency, and who waits for whom.

So it is right for all workers and machines together, and after a restart. Every question goes by
an index of its own and is bounded, however many rows there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.clock import from_stamp, now, to_stamp
from memory.customers import OF_CUSTOMERS
from memory.database import Database
from memory.labels import NEGATIVE, Labelling
from memory.mood import Mood

LATELY = timedelta(days=7)  # how far back sessions are looked for
PATIENCE = timedelta(minutes=1)  # how long a message may be without an answer
_LOOKED_AT = 5  # sessions whose mood is looked at, for each that is to be shown
_MESSAGES = 2_000  # negative ones that are looked at
_BEHIND = 1_000  # customers with something undigested that are looked at
_SETTLED = timedelta(minutes=15)  # after which a turn has ended, one way or another
_KEPT = timedelta(hours=1)  # how long stretches are kept that are over: rows may be erased
_MOST_KEPT = 10_000

# Milliseconds to three digits: a histogram, whose classes are few however many turns there are.
_CLASS = (
    "CASE WHEN {0} < 1000 THEN {0} WHEN {0} < 10000 THEN {0} / 10 * 10 "
    "WHEN {0} < 100000 THEN {0} / 100 * 100 ELSE {0} / 1000 * 1000 END"
)
_COUNTED = (
    "SELECT at / :span AS stretch, {} AS what, COUNT(*) AS turns FROM turns "
    "WHERE tenant = :tenant AND at >= :since AND at < :until GROUP BY 1, 2"
)
_STATUSES = text(_COUNTED.format("status"))
_FIRST = text(_COUNTED.format(_CLASS.format("first_ms")))
_TOOK = text(_COUNTED.format(_CLASS.format("took_ms")))
_UNDONE = text(
    "SELECT at / :span AS stretch, outcome AS what, COUNT(*) AS turns FROM audit "
    "WHERE tenant = :tenant AND at >= :since AND at < :until "
    "AND outcome IN ('failed', 'refused') GROUP BY 1, 2"
)
_BEGUN = text("SELECT COUNT(*) FROM turns WHERE tenant = :tenant AND at > :since")
_RUNNING = text(
    "SELECT COUNT(*) FROM turns WHERE tenant = :tenant AND at > :since "
    "AND status <> 'complete' AND status = 'running'"
)
_UNANSWERED = text(
    "SELECT t.customer, t.session, t.at, t.status FROM turns t "
    "WHERE t.tenant = :tenant AND t.at >= :since AND t.at < :until AND t.status <> 'complete' "
    "AND t.id = (SELECT m.turn FROM messages m WHERE m.tenant = t.tenant "
    "AND m.customer = t.customer AND m.seq = (SELECT MAX(l.seq) FROM messages l "
    "WHERE l.tenant = t.tenant AND l.customer = t.customer AND l.session = t.session)) "
    "ORDER BY t.at DESC LIMIT :limit"
)
_UNHAPPY = text(
    "SELECT customer, session, MAX(at) AS at FROM (SELECT customer, session, at FROM messages "
    f"WHERE tenant = :tenant AND at >= :since AND {NEGATIVE} ORDER BY at DESC LIMIT {_MESSAGES}) "
    "AS said GROUP BY customer, session ORDER BY at DESC LIMIT :limit"
)


def _first_undone(rows: str, mark: str, where: str = "") -> str:
    """When the first row past a mark came; what is imported was said before, so its session's."""
    return (
        "(SELECT CASE WHEN s.created > r.at THEN s.created ELSE r.at END "
        f"FROM {rows} r LEFT JOIN sessions s ON s.tenant = r.tenant AND s.customer = r.customer "
        "AND s.session = r.session WHERE r.tenant = c.tenant AND r.customer = c.customer "
        f"AND r.seq > c.{mark} {where} ORDER BY r.seq LIMIT 1)"
    )


_REMEMBERED = "AND r.forgotten = 0 AND r.origin IS NULL"
_UNDIGESTED = (
    f"SELECT {_first_undone('messages', 'written', _REMEMBERED)} AS said, "
    f"{_first_undone('records', 'embedded')} AS made FROM customers c "
    "WHERE {} c.seq > c.written AND c.seq > c.embedded "
    # In the order of the index of those who are behind: so databases go by it.
    f"AND c.{OF_CUSTOMERS} ORDER BY c.tenant, c.seq LIMIT {_BEHIND}"
)
_UNDIGESTED_OF_TENANT = text(_UNDIGESTED.format("c.tenant = :tenant AND"))
_UNDIGESTED_OF_ALL = text(_UNDIGESTED.format(""))


@dataclass
class Stretch:
    """What was done in a stretch of time.

    ``turns`` counts those begun then by their status, ``undone`` the requests that were refused
    or failed, by that word. ``first`` and ``took`` count turns by the milliseconds to the first
    piece of their answer and to its end, to three digits.
    """

    turns: Counter[str] = field(default_factory=Counter)
    undone: Counter[str] = field(default_factory=Counter)
    first: Counter[int] = field(default_factory=Counter)
    took: Counter[int] = field(default_factory=Counter)

    def __add__(self, other: Stretch) -> Stretch:
        return Stretch(
            self.turns + other.turns, self.undone + other.undone,
            self.first + other.first, self.took + other.took,
        )  # fmt: skip


class Waiting(NamedTuple):
    """A session whose last message has no complete answer: since when, and what its turn is."""

    customer: str
    session: str
    at: datetime
    status: str


class Unhappy(NamedTuple):
    """A session whose mood is negative, and when it was last seen to be."""

    customer: str
    session: str
    at: datetime
    mood: Mood


class Lag(NamedTuple):
    """How many customers have something that no digest has seen, and since when the longest."""

    customers: int = 0
    since: datetime | None = None


class Operations:
    """How it goes in a database. Safe to share between threads."""

    def __init__(self, database: Database, labelling: Labelling) -> None:
        self._database = database
        self._labelling = labelling
        self._over: dict[tuple[str, timedelta, int], Stretch] = {}  # stretches that are settled
        self._since = now()  # when the first of them was kept
        self._lock = Lock()

    def stretches(self, tenant: str, span: timedelta, count: int) -> list[tuple[datetime, Stretch]]:
        """The last stretches of time, the oldest first; the last of them is not over yet.

        Args:
            tenant: whose turns.
            span: how long one is; they begin at its multiples since 1970, UTC.
            count: how many.

        Returns:
            Each with when it began.
        """
        at, width = now(), span // timedelta(microseconds=1)
        last = to_stamp(at) // width
        places = range(last - count + 1, last + 1)
        with self._lock:
            if at - self._since > _KEPT or len(self._over) > _MOST_KEPT:
                self._over.clear()
                self._since = at
            known = {p: self._over[k] for p in places if (k := (tenant, span, p)) in self._over}
        unknown = next((place for place in places if place not in known), last)
        bounds = {
            "tenant": tenant, "span": width,
            "since": unknown * width, "until": (last + 1) * width,
        }  # fmt: skip
        with self._database.read() as connection:
            counted = _counted(connection, bounds)
        settled = to_stamp(at - _SETTLED) // width  # the stretches before this one
        found = {place: known.get(place) or counted.get(place) or Stretch() for place in places}
        with self._lock:
            self._over |= {(tenant, span, p): one for p, one in found.items() if p < settled}
        return [(from_stamp(place * width), stretch) for place, stretch in found.items()]

    def begun(self, tenant: str, within: timedelta) -> int:
        """How many turns have begun lately."""
        return self._count(_BEGUN, tenant, within)

    def running(self, tenant: str, within: timedelta = timedelta(hours=1)) -> int:
        """How many of the turns that have begun lately are being answered."""
        return self._count(_RUNNING, tenant, within)

    def unanswered(self, tenant: str, limit: int) -> list[Waiting]:
        """The sessions whose last message has waited for a complete answer for over a minute.

        The last first, of the last seven days. A message of no turn, as an import has them, waits
        for none.
        """
        at = now()
        bounds = {
            "tenant": tenant, "limit": limit,
            "since": to_stamp(at - LATELY), "until": to_stamp(at - PATIENCE),
        }  # fmt: skip
        with self._database.read() as connection:
            rows = connection.execute(_UNANSWERED, bounds).all()
        return [Waiting(r.customer, r.session, from_stamp(r.at), r.status) for r in rows]

    def unhappy(self, tenant: str, limit: int) -> list[Unhappy]:
        """The sessions whose mood is negative, the last first, of the last seven days.

        Only those with a negative message of late can be. Of these five times ``limit`` are
        looked at.
        """
        bounds = {
            "tenant": tenant, "limit": limit * _LOOKED_AT, "since": to_stamp(now() - LATELY),
        }  # fmt: skip
        found: list[Unhappy] = []
        with self._database.read() as connection:
            for row in connection.execute(_UNHAPPY, bounds).all():
                mood = self._labelling.mood((tenant, row.customer), row.session)
                if mood is not None and mood.label == "negative":
                    found.append(Unhappy(row.customer, row.session, from_stamp(row.at), mood))
                if len(found) == limit:
                    break
        return found

    def lag(self, tenant: str | None = None) -> Lag:
        """What no digest has turned into memories with vectors yet; 1,000 customers are counted.

        Of one tenant, or of all.
        """
        asked: dict[str, Any] = {}
        statement = _UNDIGESTED_OF_ALL
        if tenant is not None:
            asked, statement = {"tenant": tenant}, _UNDIGESTED_OF_TENANT
        with self._database.read() as connection:
            rows = connection.execute(statement, asked).all()
        behind = [min(times) for row in rows if (times := [at for at in row if at is not None])]
        return Lag(len(behind), from_stamp(min(behind))) if behind else Lag()

    def _count(self, statement: Any, tenant: str, within: timedelta) -> int:
        with self._database.read() as connection:
            asked = {"tenant": tenant, "since": to_stamp(now() - within)}
            return int(connection.execute(statement, asked).scalar() or 0)


def percentile(counted: Counter[int], share: float) -> int | None:
    """The least value that a share of all is not above; None of nothing."""
    values = sorted(counted)
    wanted = share * counted.total()
    sums = accumulate(counted[value] for value in values)
    return next((value for value, sum_ in zip(values, sums, strict=True) if sum_ >= wanted), None)


def _counted(connection: Connection, bounds: dict[str, Any]) -> dict[int, Stretch]:
    """The stretches in which something was done, by their places."""
    found: dict[int, Stretch] = {}

    def rows(statement: Any) -> Iterator[tuple[Stretch, Any, int]]:
        for row in connection.execute(statement, bounds):
            if row.what is not None:
                yield found.setdefault(row.stretch, Stretch()), row.what, row.turns

    for stretch, status, turns in rows(_STATUSES):
        stretch.turns[status] = turns
    for stretch, outcome, turns in rows(_UNDONE):
        stretch.undone[outcome] = turns
    for stretch, ms, turns in rows(_FIRST):
        stretch.first[ms] = turns
    for stretch, ms, turns in rows(_TOOK):
        stretch.took[ms] = turns
    return found
