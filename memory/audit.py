"""The audit log: a chain of entries that is only ever added to.

What changes something enters it in its own transaction (``memory.deeds``). What only reads is
entered from here, in batches, at most about a second later and when the store is closed: what a
kill takes are the reads of that second. On Postgres the entries of changes get their places in
the chain in these batches too; until then they are unsealed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.chain import End
from memory.clock import to_stamp
from memory.customers import Owner
from memory.database import Database
from memory.deeds import (
    CHAIN,
    COLUMNS,
    SERVICE,
    Deed,
    Entry,
    Outcome,
    add,
    current,
    entry,
    entry_from,
    key_of,
    pseudonym,
    seal,
)
from memory.errors import MemoryServiceError
from memory.retrying import retried

_logger = logging.getLogger(__name__)

SECONDS = 1.0  # how long an entry of what only reads may wait
MOST = 10_000  # entries that wait, where the database cannot be written
CUT = "erase.audit"  # the action of an entry that says up to where the log was cut
_BATCH = 2_000  # entries that are in memory at a time

_AFTER = text(f"SELECT {COLUMNS} FROM audit WHERE number > :after ORDER BY number LIMIT {_BATCH}")
_TAKE = text(
    "DELETE FROM audit_unsealed RETURNING number, at, tenant, actor, role, action, customer, "
    "session, what, outcome, '', ''"
)
_UNSEALED = text("SELECT COUNT(*) FROM audit_unsealed")
_LAST_CUT = text("SELECT number, hash FROM audit_cuts ORDER BY number DESC LIMIT 1")
_ADD_CUT = text("INSERT INTO audit_cuts (number, hash) VALUES (:number, :hash)")
_OLD = text(
    "SELECT number, hash FROM audit WHERE number < "
    "COALESCE((SELECT MIN(number) FROM audit WHERE at >= :before), 1 + :end) "
    "ORDER BY number DESC LIMIT 1"
)
_DELETE = text("DELETE FROM audit WHERE number <= :number")


class Verdict(NamedTuple):
    """What a look at the whole chain has found."""

    entries: int
    end: End  # whoever keeps its hash sees later whether the log was cut off
    unsealed: int  # entries that have no place in the chain yet
    fault: str | None  # what is wrong, and where; None if nothing is


class AuditLog:
    """The audit log of a database. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[tuple[Deed, Outcome]] = deque()
        self._lost = 0  # entries for which there was no room
        self._lock = threading.Lock()  # of what waits
        self._flushing = threading.Lock()
        self._due = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    # --- writing -------------------------------------------------------------------------

    @contextmanager
    def doing(self, deed: Deed) -> Iterator[Deed]:
        """What is done in this block is that deed; it is entered at the latest when it ends."""
        token = current.set(deed)
        try:
            yield deed
        except BaseException:
            deed.outcome = deed.outcome or "failed"
            raise
        finally:
            current.reset(token)
            self.end(deed, deed.outcome or "ok")

    def end(self, deed: Deed, outcome: Outcome) -> None:
        """Say what came of a deed, before whoever asked is told; said again it changes nothing."""
        if deed.actor and not deed.ended:
            deed.ended = True
            self._note(deed, outcome)

    @retried
    def begin(self, deed: Deed) -> None:
        """Enter a deed before it is done: one that no transaction of this database can hold."""
        with self._database.write() as connection:
            add(connection, [entry(connection, deed, "begun")])

    def flush(self) -> None:
        """Write what waits, and seal what is unsealed."""
        with self._flushing:
            with self._lock:
                waiting, lost = list(self._waiting), self._lost
            if not waiting and not lost and self._database.dialect == "sqlite":
                return
            with self._database.write() as connection:
                _write(connection, waiting, lost)
            with self._lock:
                self._lost -= lost
                for _ in waiting:
                    self._waiting.popleft()

    def close(self) -> None:
        """Write what waits; nothing is taken any more."""
        self._ended.set()
        self._due.set()
        if self._thread is None:
            return
        self._thread.join()
        try:
            self.flush()
        except MemoryServiceError:
            count = len(self._waiting) + self._lost
            _logger.exception("%d entries of the audit log could not be written", count)

    def _note(self, deed: Deed, outcome: Outcome) -> None:
        if deed.only_changes and not deed.entered:
            return
        if deed.entered and outcome == "ok":
            if self._database.dialect == "sqlite":
                return
        else:
            with self._lock:
                if len(self._waiting) < MOST:
                    self._waiting.append((deed, outcome))
                else:
                    self._lost += 1
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._ended.is_set():
                    self._thread = threading.Thread(
                        target=self._work, name="memory-audit", daemon=True
                    )
                    self._thread.start()
        self._due.set()

    def _work(self) -> None:
        while not self._ended.is_set():
            self._due.wait()
            self._ended.wait(SECONDS)
            self._due.clear()
            try:
                self.flush()
            except Exception:  # it stays, and is tried again
                _logger.warning("the audit log could not be written", exc_info=True)
                self._due.set()

    # --- reading -------------------------------------------------------------------------

    def pseudonym(self, owner: Owner) -> str | None:
        """How a customer stands in the log; None of one who is not there, or was erased."""
        with self._database.read() as connection:
            return pseudonym(key_of(connection, owner), "customer", owner[1])

    def entries(
        self,
        limit: int,
        before: int | None = None,
        *,
        tenant: str | None = None,
        since: datetime | None = None,
        action: str | None = None,
        actor: str | None = None,
        outcome: str | None = None,
        customer: str | None = None,
    ) -> list[Entry]:
        """The last ``limit`` entries before a number, the newest first.

        Args:
            limit: how many at most.
            before: a number.
            tenant: only its entries.
            since: only those from then on.
            action: only those of an action, or of a kind of them ("read": "read.messages"...).
            actor: only what a key, or the console, did.
            outcome: only what came to that.
            customer: only those of one, by the ``pseudonym``.
        """
        self.flush()
        asked: dict[str, dict[str, Any]] = {
            "tenant = :tenant": {"tenant": tenant},
            "at >= :since": {"since": None if since is None else to_stamp(since)},
            "(action = :action OR action LIKE :kind)": {"action": action, "kind": f"{action}.%"},
            "actor = :actor": {"actor": actor},
            "outcome = :outcome": {"outcome": outcome},
            "customer = :customer": {"customer": customer},
        }
        given = {sql: values for sql, values in asked.items() if None not in values.values()}
        where = " AND ".join(["number < :before", *given])
        bound: dict[str, Any] = {"before": before or 2**62, "limit": limit}
        for values in given.values():
            bound |= values
        found = text(f"SELECT {COLUMNS} FROM audit WHERE {where} ORDER BY number DESC LIMIT :limit")
        with self._database.read() as connection:
            return [entry_from(row) for row in connection.execute(found, bound)]

    def verify(self, last: str | None = None) -> Verdict:
        """Look at every entry, and at what stands before the first one that is kept.

        Args:
            last: the hash of an entry that must be there; that entries are missing at the end
                shows only by one of them.
        """
        with self._database.read() as connection:
            cut = next((End(*row) for row in connection.execute(_LAST_CUT)), End())
            sealed_all = self._database.dialect == "sqlite"
            unsealed = 0 if sealed_all else connection.execute(_UNSEALED).scalar() or 0
        end, entries, fault = cut, 0, None
        seen = last in (None, cut.hash)
        told = cut == End()  # the log says itself that it was cut
        for one in self._all():
            fault = fault or CHAIN.fault(end, one)
            end, entries = End(one.number, one.hash), entries + 1
            seen = seen or one.hash == last
            told = told or (one.action == CUT and one.what == _cut_name(cut))
        if fault is None and not told:
            fault = f"all entries up to {cut.number} are gone, and no entry says who cut them off"
        if fault is None and not seen:
            fault = f"no entry has the hash {last}: what came after entry {end.number} was cut off"
        return Verdict(entries, end, unsealed, fault)

    def _all(self) -> Iterator[Entry]:
        after = -(2**62)  # also what somebody put in before the first one
        # No snapshot is held: it would keep what is erased meanwhile in SQLite's log.
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_AFTER, {"after": after}).all()
            if not rows:
                return
            yield from map(entry_from, rows)
            after = rows[-1].number

    # --- keeping it short ----------------------------------------------------------------

    @retried
    def cut(self, before: datetime) -> int:
        """Cut off the log's beginning, all entries before the first one of ``before`` or later.

        What was cut, up to which hash and by whom, is an entry itself; the rest still verifies.

        Returns:
            How many entries went.
        """
        with self._database.write() as connection:
            _write(connection, [], 0)
            found = {"before": to_stamp(before), "end": CHAIN.end(connection).number}
            row = connection.execute(_OLD, found).first()
            if row is None:
                return 0
            cut = End(*row)
            deed = current.get() or Deed(SERVICE, SERVICE, action=CUT)
            deed.what = _cut_name(cut)
            seal(connection, [entry(connection, deed, "done")._replace(action=CUT)])
            deed.entered = True
            connection.execute(_ADD_CUT, cut._asdict())
            return int(connection.execute(_DELETE, {"number": cut.number}).rowcount)


def _cut_name(cut: End) -> str:
    return f"{cut.number} {cut.hash}"


def _write(connection: Connection, waiting: list[tuple[Deed, Outcome]], lost: int) -> None:
    """Put everything that has no place yet at the end of the chain."""
    entries = [entry(connection, deed, outcome) for deed, outcome in waiting]
    if lost:
        deed = Deed(SERVICE, SERVICE, action="lose", what=f"{lost} entries")
        entries.append(entry(connection, deed, "failed"))
    if connection.dialect.name != "sqlite":
        CHAIN.end(connection)  # the lock: what another process takes it seals first
        taken = [entry_from(row) for row in connection.execute(_TAKE)]
        entries = sorted(taken) + entries
    if entries:
        seal(connection, entries)
