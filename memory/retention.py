"""Retention: what is older than it may be is deleted, whatever it is, and a receipt says so.

Forgetting (``memory.forgetting``) takes what was remembered out of recall; this takes the rows, and
SQLite overwrites them. Each kind has a limit of its own. What is derived from messages - memories,
summaries, what was recalled for an answer - has theirs where it has none of its own. A pin does not
hold a row, nor does a person's hand; only a turn that is being answered is left for the next time.

A customer is taken in batches, each one transaction under the customer's lock that moves the
generation: a digest or an answer under way brings nothing back, and what a crash leaves undone the
next sweep does. What the batches of a sweep have taken is kept with them, until its receipts are
written.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.audit import AuditLog
from memory.clock import from_stamp, now, to_stamp
from memory.customers import OF_CUSTOMERS, Owner
from memory.database import Database, clock
from memory.deeds import SERVICE, Deed, add, current, entry
from memory.errors import InvalidInput
from memory.overdue import SERVICE_TENANT, delete_old, delete_others, oldest_of, others
from memory.receipts import Receipt, add_receipt

EVERY = timedelta(days=1)  # from one sweep to the next
CLAIM_SECONDS = 600.0  # a claim on a sweep that is not renewed for so long is nobody's
AT_ONCE = 200  # rows of a kind deleted in one transaction: who chats waits for it

_UNDER_WAY, _DONE, _CLAIM = "retention under way", "retention done", "retention claimed"  # in meta

_OWNERS = text(f"SELECT tenant, customer FROM customers WHERE {OF_CUSTOMERS} ORDER BY 1, 2")
_META = text("SELECT value FROM meta WHERE name = :name")
_SET_META = text(
    "INSERT INTO meta (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = :value"
)
_DROP_META = text("DELETE FROM meta WHERE name = :name")
_LOCK = text("SELECT pg_advisory_xact_lock(7205759406)")  # of what sweeps have taken

Counts = dict[str, dict[str, int]]  # rows, by tenant and kind


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind is kept; None is for ever, or as long as what it is derived from.

    Attributes:
        messages: what was said, with its turns; a session that has none left goes.
        memories: what was remembered of it, facts, notes by hand, agents' items and
            translations too.
        summaries: of sessions, by the oldest message in a part.
        recalled: what stood beside a question, kept with its turn.
        articles: versions of articles that were replaced.
        keys: keys that were revoked or have expired.
        audit: entries of the audit log.

    Raises:
        InvalidInput: a time is not above zero.
    """

    messages: timedelta | None = None
    memories: timedelta | None = None
    summaries: timedelta | None = None
    recalled: timedelta | None = None
    articles: timedelta | None = None
    keys: timedelta | None = None
    audit: timedelta | None = None

    def __post_init__(self) -> None:
        for name, span in asdict(self).items():
            if span is not None and span <= timedelta():
                msg = f"{name} are to be kept for {span}: give a time above zero, or None"
                raise InvalidInput(msg)

    @classmethod
    def days(cls, **given: float | None) -> Retention:
        """Times given in days."""
        return cls(**{n: None if days is None else timedelta(days) for n, days in given.items()})

    def __bool__(self) -> bool:
        """Whether anything has an end."""
        return self != Retention()

    def stated(self) -> dict[str, float]:
        """The times that are set, in days."""
        return {
            name: span / timedelta(days=1)
            for name, span in asdict(self).items()
            if span is not None
        }

    def cuts(self, at: datetime) -> dict[str, int]:
        """Up to which time each kind goes, at a time; -1 for none of it."""
        spans = asdict(self)
        for derived in ("memories", "summaries"):
            spans[derived] = spans[derived] or self.messages
        ends = [span for span in (self.recalled, self.messages) if span is not None]
        spans["recalled"] = min(ends, default=None)
        return {name: -1 if span is None else _before(at, span) for name, span in spans.items()}


def _before(at: datetime, span: timedelta) -> int:
    try:
        return to_stamp(at - span)
    except OverflowError:  # before the year 1
        return -1


class Step(NamedTuple):
    """A transaction of a sweep: whose rows it took, and how many of each kind."""

    owner: Owner | None
    deleted: Counter[str]


class Report(NamedTuple):
    """What a sweep took, and from when the oldest is that stays: both by tenant and kind."""

    deleted: Counts
    oldest: dict[str, dict[str, datetime]]


class Retaining:
    """Holds the rows of a database against a policy of retention."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._oldest: dict[str, dict[str, int]] = {}  # by tenant and kind, of this sweep

    def due(self, policy: Retention) -> bool:
        """Whether a day has passed since the last whole sweep, or it had another policy."""
        with self._database.read() as connection:
            done = _meta(connection, _DONE)
            begun = _meta(connection, _UNDER_WAY)
        after = to_stamp(now() - EVERY)
        return bool(begun) or done.get("policy") != policy.stated() or done.get("at", 0) <= after

    def claim(self, policy: Retention) -> bool:
        """Whether a sweep is due, and this process's to make: of several that share a Postgres one.

        The others leave it alone until it is over, or nobody renews the claim any more.
        """
        if not self.due(policy) or self._database.dialect == "sqlite":
            return self.due(policy)
        with self._database.write() as connection:
            _lock(connection)
            at, length = clock(connection), int(CLAIM_SECONDS * 1e6)
            # One that ends later than any can was made before the clock was set back.
            if at < _meta(connection, _CLAIM).get("until", 0) <= at + 2 * length:
                return False
            _set_meta(connection, _CLAIM, {"until": at + length})
        return self.due(policy)  # whoever had it may just have ended

    def sweep(self, policy: Retention) -> Iterator[Step]:
        """Delete what is older than it may be, a transaction at a time.

        Who asks for the next one decides how long others have the database to themselves. At the
        end the receipts are written, one for each tenant that lost something.
        """
        cuts = policy.cuts(now())
        self._oldest = {}
        renewed = time.monotonic()
        for owner in self._owners():
            if time.monotonic() - renewed > CLAIM_SECONDS / 4:
                renewed = time.monotonic()
                self._renew()
            while _is_due(oldest := self._look(owner), cuts):
                with self._database.write() as connection:
                    taken = delete_old(connection, owner, cuts, AT_ONCE)
                    _note(connection, owner[0], taken)
                if not taken:
                    break  # what is left is being answered
                yield Step(owner, taken)
            self._keep_oldest(owner, oldest)
        with self._database.write() as connection:
            _lock(connection)  # before they are counted: another's sweep may delete them
            for tenant, taken in delete_others(connection, cuts).items():
                _note(connection, tenant, taken)
        cut = self._audit.cut(from_stamp(cuts["audit"])) if cuts["audit"] >= 0 else 0
        with self._database.write() as connection:
            _lock(connection)  # what another's sweep has taken meanwhile is in these receipts too
            _note(connection, SERVICE_TENANT, Counter({"audit": cut}))
            self._write_receipts(connection, policy)
        yield Step(None, Counter())

    def preview(self, policy: Retention) -> Report:
        """What a sweep would take now; nothing is changed."""
        cuts = policy.cuts(now())
        self._oldest = {}
        deleted: Counts = {}
        for owner in self._owners():
            if not _is_due(oldest := self._look(owner), cuts):
                self._keep_oldest(owner, oldest)
                continue
            try:
                with self._database.write() as connection:
                    taken, most = Counter[str](), AT_ONCE
                    while more := delete_old(connection, owner, cuts, most):
                        taken += more
                    raise _Undone(taken, oldest_of(connection, owner))
            except _Undone as undone:
                _add(deleted, owner[0], undone.taken)
                self._keep_oldest(owner, undone.oldest)
        with self._database.read() as connection:
            for tenant, taken in others(connection, cuts).items():
                _add(deleted, tenant, taken)
        return Report(deleted, self._oldest_times())

    def _renew(self) -> None:
        """Keep others from sweeping too, if any could."""
        if self._database.dialect == "sqlite":
            return
        with self._database.write(durable=False) as connection:
            _lock(connection)
            until = clock(connection) + int(CLAIM_SECONDS * 1e6)
            _set_meta(connection, _CLAIM, {"until": until})

    def _owners(self) -> list[Owner]:
        with self._database.read() as connection:
            rows = connection.execute(_OWNERS).all()
        return [(row.tenant, row.customer) for row in rows]

    def _look(self, owner: Owner) -> dict[str, int]:
        with self._database.read() as connection:
            return oldest_of(connection, owner)

    def _keep_oldest(self, owner: Owner, oldest: dict[str, int]) -> None:
        kept = self._oldest.setdefault(owner[0], {})
        for kind, at in oldest.items():
            kept[kind] = min(at, kept.get(kind, at))

    def _oldest_times(self) -> dict[str, dict[str, datetime]]:
        return {
            tenant: {kind: from_stamp(at) for kind, at in oldest.items()}
            for tenant, oldest in self._oldest.items()
        }

    def _write_receipts(self, connection: Connection, policy: Retention) -> list[Receipt]:
        """Say what the sweep took, and that it is over."""
        deleted = _meta(connection, _UNDER_WAY)
        oldest = self._oldest_times()
        receipts = [
            add_receipt(
                connection, tenant, taken,
                report={
                    "days": policy.stated(),
                    "oldest": {k: at.isoformat() for k, at in oldest.get(tenant, {}).items()},
                },
            )
            for tenant, taken in sorted(deleted.items())
        ]  # fmt: skip
        by = current.get()
        actor, role = (by.actor, by.role) if by is not None else (SERVICE, SERVICE)
        for receipt in receipts:
            deed = Deed(actor, role, receipt.tenant, "erase.retention", what=receipt.hash)
            add(connection, [entry(connection, deed, "done")])
        for over in (_UNDER_WAY, _CLAIM):
            connection.execute(_DROP_META, {"name": over})
        _set_meta(connection, _DONE, {"at": to_stamp(now()), "policy": policy.stated()})
        return receipts


class _Undone(Exception):
    """What a transaction would have taken, and what it would have left."""

    def __init__(self, taken: Counter[str], oldest: dict[str, int]) -> None:
        super().__init__()
        self.taken = taken
        self.oldest = oldest


def _is_due(oldest: dict[str, int], cuts: dict[str, int]) -> bool:
    return any(at <= cuts[kind] for kind, at in oldest.items())


def _note(connection: Connection, tenant: str, taken: Counter[str]) -> None:
    """Keep what a transaction took with it, for the receipts."""
    if not (taken := +taken):
        return
    _lock(connection)
    deleted = _meta(connection, _UNDER_WAY)
    _add(deleted, tenant, taken)
    _set_meta(connection, _UNDER_WAY, deleted)


def _lock(connection: Connection) -> None:
    """Let no other sweep change what was taken until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)


def _add(deleted: Counts, tenant: str, taken: Counter[str]) -> None:
    if taken:
        deleted[tenant] = dict(Counter(deleted.get(tenant, {})) + taken)


def _meta(connection: Connection, name: str) -> dict[str, Any]:
    found = connection.execute(_META, {"name": name}).scalar()
    kept: dict[str, Any] = json.loads(found) if found else {}
    return kept


def _set_meta(connection: Connection, name: str, value: dict[str, Any]) -> None:
    connection.execute(_SET_META, {"name": name, "value": json.dumps(value)})
