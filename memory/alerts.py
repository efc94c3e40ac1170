"""Alerts: surges of negative texts about a topic, and the telling of them to whoever asked for it.

An alert is a row before anybody is told, and so is each telling of it (a delivery), in one
transaction: what a crash or a receiver's failure has left is told later. Several processes look at
the same rows: the database lets a topic have one open alert, and lets one of them take a delivery
at a time, which nobody else takes again before the next try is due.

An alert has no text and names nobody: its examples are looked up in the rows whenever it is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.clock import from_stamp, to_stamp
from memory.database import Database, clock, new_id
from memory.insights import SOURCES, Source
from memory.retrying import retried
from memory.surges import HOUR, Hour, Threshold

What = Literal["opened", "closed"]
CALM = timedelta(hours=1)  # how long it has to be calm until an alert is closed
TRIES = 24  # of a delivery, over about 17 hours
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)  # to the next try; doubled each time

_COLUMNS = "number, id, tenant, source, topic, opened, closed, calm, count, usual, score"
# A topic that is none of the known has an empty name: null is not equal to itself.
_OPEN = text(
    "INSERT INTO alerts (id, tenant, source, topic, opened, count, usual, score) VALUES "
    "(:id, :tenant, :source, :topic, :at, :count, :usual, :score) "
    "ON CONFLICT (tenant, source, topic) WHERE closed IS NULL DO NOTHING"
)
_MINE = "WHERE id = :id AND closed IS NULL"
_HIGHER = text(
    f"UPDATE alerts SET count = :count, usual = :usual, score = :score {_MINE} AND score < :score"
)
_CALM = text(f"UPDATE alerts SET calm = COALESCE(calm, :at) {_MINE}")
_NOT_CALM = text(f"UPDATE alerts SET calm = NULL {_MINE} AND calm IS NOT NULL")
_CLOSE = text(f"UPDATE alerts SET closed = :at {_MINE} AND calm <= :since")
_ARE_OPEN = text(f"SELECT {_COLUMNS} FROM alerts WHERE tenant = :tenant AND closed IS NULL")
_NEWEST = text(
    f"SELECT {_COLUMNS} FROM alerts WHERE tenant = :tenant AND number < :before "
    "AND source IN :sources AND (:open = 0 OR closed IS NULL) ORDER BY number DESC LIMIT :limit"
).bindparams(sa.bindparam("sources", expanding=True))
_ONE = text(f"SELECT {_COLUMNS} FROM alerts WHERE tenant = :tenant AND id = :id")
_TELL = text(
    "INSERT INTO deliveries (alert, what, target, at, due, tries) "
    "VALUES (:alert, :what, :target, :at, :at, 0)"
)
_DUE = text(
    "SELECT d.alert, d.what, d.target, d.at, d.due, d.tries, a.tenant FROM deliveries d "
    "JOIN alerts a ON a.id = d.alert WHERE d.due <= :now AND d.target IN :targets "
    "ORDER BY d.due, d.at LIMIT :limit"
).bindparams(sa.bindparam("targets", expanding=True))
_THIS = "WHERE alert = :alert AND what = :what AND target = :target"
_TAKE = text(f"UPDATE deliveries SET tries = tries + 1, due = :next {_THIS} AND due = :due")
_TOLD = text(f"UPDATE deliveries SET told = :at, due = NULL, fault = NULL {_THIS}")
_FAILED = text(f"UPDATE deliveries SET fault = :fault {_THIS} AND told IS NULL")
_GIVEN_UP = text(f"UPDATE deliveries SET fault = :fault, due = NULL {_THIS} AND told IS NULL")
_OF_ALERTS = text(
    "SELECT alert, what, target, at, due, tries, told, fault FROM deliveries "
    "WHERE alert IN :alerts ORDER BY at"
).bindparams(sa.bindparam("alerts", expanding=True))


class Alert(NamedTuple):
    """A surge: in what, from when to when, and how high it was at its highest.

    ``topic`` is None where it is none of the known ones. ``many`` were written in an hour, and
    ``usual`` are so many at that time of day; ``score`` is how far above that it is. ``number``
    orders them.
    """

    number: int
    id: str
    tenant: str
    source: Source
    topic: str | None
    opened: datetime
    closed: datetime | None
    calm: datetime | None  # since when it is
    many: int
    usual: float
    score: float

    @property
    def since(self) -> datetime:
        """When the hour began in which it was seen."""
        return self.opened - HOUR


class Delivery(NamedTuple):
    """The telling of an alert to one receiver: ``due`` next, None once it is over.

    ``target`` says which receiver; ``fault`` is what went wrong the last time, if it did.
    """

    alert: str
    what: What
    target: str
    at: datetime
    due: datetime | None
    tries: int
    told: datetime | None = None
    fault: str | None = None
    tenant: str = ""

    @property
    def event(self) -> str:
        """The id of what is told: the same however often it is told, and for all receivers."""
        return f"{self.alert}-{self.what}"

    @property
    def lasts(self) -> bool:
        """Whether another try follows."""
        return self.tries < TRIES


class Alerts:
    """The alerts of a database. Each method that writes does all of it, or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, tenant: str) -> dict[tuple[Source, str | None], Alert]:
        """Those that are not closed, by what they are of."""
        with self._database.read() as connection:
            rows = connection.execute(_ARE_OPEN, {"tenant": tenant})
            return {(one.source, one.topic): one for one in map(_alert, rows)}

    def newest(
        self,
        tenant: str,
        limit: int,
        before: int | None = None,
        *,
        sources: Collection[Source] = SOURCES,
        only_open: bool = False,
    ) -> list[Alert]:
        """The last ``limit`` alerts before a number, the newest first."""
        values = {
            "tenant": tenant, "limit": limit, "before": before or 2**62, "sources": [*sources],
            "open": int(only_open),
        }  # fmt: skip
        with self._database.read() as connection:
            return [*map(_alert, connection.execute(_NEWEST, values))]

    def get(self, tenant: str, alert: str) -> Alert | None:
        """One of them; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"tenant": tenant, "id": alert}).first()
        return None if row is None else _alert(row)

    def deliveries(self, alerts: Collection[str]) -> dict[str, list[Delivery]]:
        """The deliveries of some alerts, by their ids."""
        found: dict[str, list[Delivery]] = {alert: [] for alert in alerts}
        if alerts:
            with self._database.read() as connection:
                for row in connection.execute(_OF_ALERTS, {"alerts": [*alerts]}):
                    found[row.alert].append(_delivery(row))
        return found

    @retried
    def note(
        self,
        tenant: str,
        source: Source,
        hours: Mapping[str | None, Hour],
        threshold: Threshold,
        targets: Collection[str] = (),
    ) -> None:
        """Open, raise, and close alerts by what was seen of topics; whoever is to be told, is.

        Args:
            tenant: whose.
            source: which texts.
            hours: what was seen, by topic.
            threshold: when a surge begins, and when it is over.
            targets: the receivers.
        """
        opened = self.open(tenant)
        with self._database.write() as connection:
            for topic, hour in hours.items():
                alert = opened.get((source, topic))
                if alert is not None:
                    _follow(connection, alert, hour, threshold, targets)
                elif hour.begins(threshold):
                    values = {
                        "id": new_id(), "tenant": tenant, "source": source, "topic": topic or "",
                        "at": to_stamp(hour.at), **_height(hour),
                    }  # fmt: skip
                    if connection.execute(_OPEN, values).rowcount:
                        _tell(connection, values["id"], "opened", hour.at, targets)

    @retried
    def take(self, targets: Collection[str], limit: int = 20) -> list[Delivery]:
        """Deliveries that are due, for whoever asks alone until their next try is due."""
        if not targets:
            return []
        taken = []
        with self._database.write() as connection:
            at = clock(connection)
            rows = connection.execute(_DUE, {"now": at, "targets": [*targets], "limit": limit})
            for row in rows.all():
                one = _delivery(row)
                wait = min(FIRST * 2**one.tries, LONGEST)
                values = {**_key(one), "due": row.due, "next": at + wait // timedelta.resolution}
                if connection.execute(_TAKE, values).rowcount:
                    taken.append(one._replace(tries=one.tries + 1, tenant=row.tenant))
        return taken

    @retried
    def told(self, one: Delivery, at: datetime) -> None:
        """It was received."""
        with self._database.write() as connection:
            connection.execute(_TOLD, {**_key(one), "at": to_stamp(at)})

    @retried
    def failed(self, one: Delivery, fault: str, *, for_good: bool = False) -> None:
        """It was not received; it is tried again, unless that is of no use or was enough."""
        over = for_good or not one.lasts
        with self._database.write() as connection:
            connection.execute(_GIVEN_UP if over else _FAILED, {**_key(one), "fault": fault})


# --- inside --------------------------------------------------------------------------------


def _follow(
    connection: Connection, alert: Alert, hour: Hour, threshold: Threshold, targets: Collection[str]
) -> None:
    values = {"id": alert.id, "at": to_stamp(hour.at)}
    if not hour.is_calm(threshold):
        connection.execute(_NOT_CALM, values)
        connection.execute(_HIGHER, {**values, **_height(hour)})
        return
    connection.execute(_CALM, values)
    if connection.execute(_CLOSE, {**values, "since": to_stamp(hour.at - CALM)}).rowcount:
        _tell(connection, alert.id, "closed", hour.at, targets)


def _tell(
    connection: Connection, alert: str, what: What, at: datetime, targets: Collection[str]
) -> None:
    rows = [
        {"alert": alert, "what": what, "target": target, "at": to_stamp(at)} for target in targets
    ]
    if rows:
        connection.execute(_TELL, rows)


def _height(hour: Hour) -> dict[str, Any]:
    return {"count": hour.many, "usual": hour.usual, "score": hour.score}


def _key(one: Delivery) -> dict[str, Any]:
    return {"alert": one.alert, "what": one.what, "target": one.target}


def _alert(row: Any) -> Alert:
    opened, closed, calm = (
        None if at is None else from_stamp(at) for at in (row.opened, row.closed, row.calm)
    )
    assert opened is not None
    return Alert(
        row.number, row.id, row.tenant, row.source, row.topic or None, opened, closed, calm,
        row.count, row.usual, row.score,
    )  # fmt: skip


def _delivery(row: Any) -> Delivery:
    given = row._mapping
    told = given.get("told")
    return Delivery(
        row.alert, row.what, row.target, from_stamp(row.at),
        None if row.due is None else from_stamp(row.due), row.tries,
        None if told is None else from_stamp(told), given.get("fault"),
    )  # fmt: skip
