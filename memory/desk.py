"""The desk: the sessions of all customers that wait for a person, told from their rows.

By indexes of what waits, which are small: a look costs what is waiting, however much was said.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Row

from memory.clock import from_stamp, now, to_stamp
from memory.database import Database
from memory.labels import ASKS_FOR_PERSON

LATELY = timedelta(days=1)  # how long somebody waits who has asked for a person
SHOWN = 300  # letters of what was said last

PASSED_ON = "passed_on"  # the template of an answer that says that a person is asked
# Of turns: what an index is of, so it is written as ``turns.dump`` writes it.
WAS_PASSED_ON = f'recalled LIKE \'%"template": "{PASSED_ON}"%\''

Why = Literal["asked", "passed", "waiting", "held"]

_SAID_LAST = (
    f"(SELECT SUBSTR(l.text, 1, {SHOWN}) FROM messages l WHERE l.tenant = s.tenant "
    "AND l.customer = s.customer AND l.seq = (SELECT MAX(h.seq) FROM messages h "
    "WHERE h.tenant = s.tenant AND h.customer = s.customer AND h.session = s.session "
    "AND h.role = 'human' AND h.forgotten = 0)) AS text"
)
# Not joined and grouped, with a bound that says nothing, and not the least by an index of times:
# so databases go by the index of what was handed over, and by one customer's turns for each.
_WAITING = (
    "FROM turns t WHERE t.tenant = s.tenant AND t.customer = s.customer "
    "AND t.session = s.session AND t.status = 'waiting'"
)
_HANDED_OVER = text(
    "SELECT customer, session, handed_over, waits, messages, text FROM ("
    f"SELECT s.customer, s.session, s.handed_over, (SELECT MIN(+t.at) {_WAITING}) AS waits, "
    f"(SELECT COUNT(*) {_WAITING}) AS messages, {_SAID_LAST} FROM sessions s "
    "WHERE s.tenant = :tenant AND s.handed_over > 0) AS held "
    "ORDER BY CASE WHEN waits IS NULL THEN 1 ELSE 0 END, COALESCE(waits, handed_over), "
    "customer, session LIMIT :limit"
)
_ANSWERED = (
    "SELECT 1 FROM messages p WHERE p.tenant = s.tenant AND p.customer = s.customer "
    "AND p.session = s.session AND p.role = 'ai' AND p.data LIKE '%\"by\": \"person\"%'"
)
# A branch of a session has copies of what was said, and nobody waits in both.
_ASKED = text(
    "SELECT s.customer, s.session, s.handed_over, MIN(m.at) AS waits, COUNT(*) AS messages, "
    f"{_SAID_LAST} FROM messages m JOIN sessions s ON s.tenant = m.tenant "
    "AND s.customer = m.customer AND s.session = m.session "
    f"WHERE m.tenant = :tenant AND m.at >= :since AND m.{ASKS_FOR_PERSON} "
    f"AND m.origin IS NULL AND s.handed_over IS NULL AND NOT EXISTS ({_ANSWERED} "
    "AND p.seq > m.seq) GROUP BY s.tenant, s.customer, s.session, s.handed_over "
    "ORDER BY MIN(m.at), s.customer, s.session LIMIT :limit"
)
_PASSED = text(
    "SELECT s.customer, s.session, s.handed_over, MIN(t.at) AS waits, COUNT(*) AS messages, "
    f"{_SAID_LAST} FROM turns t JOIN sessions s ON s.tenant = t.tenant "
    "AND s.customer = t.customer AND s.session = t.session "
    f"WHERE t.tenant = :tenant AND t.at >= :since AND t.{WAS_PASSED_ON} "
    f"AND s.handed_over IS NULL AND NOT EXISTS ({_ANSWERED} AND p.seq > t.question) "
    "GROUP BY s.tenant, s.customer, s.session, s.handed_over "
    "ORDER BY MIN(t.at), s.customer, s.session LIMIT :limit"
)


class Awaited(NamedTuple):
    """A session that a person is to look at.

    ``why``: its customer has ``asked`` for a person, by what a classifier read, and none has come
    yet; a message was ``passed`` on, as its answer says; it was handed over, and messages are
    ``waiting``; or it is ``held`` by a person, and nothing waits. ``since`` is when that began,
    ``messages`` how many messages ask, were passed on or wait, and ``text`` the beginning of what
    the customer said last, None if that was forgotten.
    """

    customer: str
    session: str
    why: Why
    since: datetime
    messages: int
    text: str | None
    handed_over_at: datetime | None


class Desk:
    """What waits for a person in a database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def awaited(self, tenant: str, limit: int) -> list[Awaited]:
        """The sessions of a tenant that wait for a person, who has waited longest first.

        Those that a person has, and where nothing waits, come last. Who has asked for a person,
        and what was passed on, counts for a day, or until one has answered.
        """
        asked = {"tenant": tenant, "limit": limit, "since": to_stamp(now() - LATELY)}
        with self._database.read() as connection:
            handed_over = connection.execute(_HANDED_OVER, asked).all()
            asking = connection.execute(_ASKED, asked).all()
            passed = connection.execute(_PASSED, asked).all()
        found = [_awaited(row, "held" if row.waits is None else "waiting") for row in handed_over]
        found += [_awaited(row, "asked") for row in asking]
        there = {(row.customer, row.session) for row in asking}
        found += [
            _awaited(row, "passed") for row in passed if (row.customer, row.session) not in there
        ]
        return sorted(found, key=lambda one: (one.why == "held", one.since))[:limit]


def _awaited(row: Row[tuple[object, ...]], why: Why) -> Awaited:
    handed_over = None if row.handed_over is None else from_stamp(row.handed_over)
    since = from_stamp(row.handed_over if row.waits is None else row.waits)
    return Awaited(row.customer, row.session, why, since, row.messages, row.text, handed_over)
