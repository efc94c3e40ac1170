"""Who does what to whose memory: the entries of the audit log, and how a change gets its own.

Whoever acts says so once (``AuditLog.doing``); what changes rows calls ``enter`` in its
transaction, so that a change is never without its entry. Where nobody says who acts, as in a
program of one's own, nothing is entered.

No entry has a customer's name. Who it was, which session and which memory stand there as HMACs
under a random key in the customer's row, which goes when the customer is erased: from then on
nobody can say whose entries they were, and somebody who comes back has another key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.chain import Chain, linked
from memory.clock import from_stamp, now, to_stamp
from memory.customers import WHERE, Owner, key
from memory.database import run

SERVICE = "service"  # the actor of what nobody asked for, such as forgetting by policy
Outcome = Literal[
    "done",  # entered in the transaction of the change itself
    "begun",  # entered before what no transaction of this database can hold
    "ok",  # what was asked for was answered
    "refused",  # who asks may not do this
    "absent",  # there is no such thing, or not for who asks
    "failed",  # it could not be done; where the change has an entry too, not all of it
]

CHAIN = Chain("audit", "entry", 7205759405)
_SAID = "at, tenant, actor, role, action, customer, session, what, outcome"
COLUMNS = f"number, {_SAID}, previous, hash"
_VALUES = ", ".join(f":{name}" for name in _SAID.split(", "))
_ADD = text(
    f"INSERT INTO audit ({COLUMNS}) VALUES (:number, {_VALUES}, :previous, :hash)"
)  # fmt: skip
_LEAVE = text(f"INSERT INTO audit_unsealed ({_SAID}) VALUES ({_VALUES})")
_KEY = text(f"SELECT audit_key FROM customers {WHERE}")
_DIGITS = 32  # of an HMAC, in hexadecimal


class Entry(NamedTuple):
    """A line of the audit log: who did what, to whom, and what came of it.

    ``customer`` and ``session`` are HMACs; so is ``what`` where it names a memory.
    """

    number: int  # from 1
    at: datetime
    tenant: str
    actor: str  # a key's id, "customer" (a token), "console", or "service"
    role: str
    action: str  # such as "read.messages"
    customer: str | None
    session: str | None
    what: str | None  # a memory, an article's source, a model, a key, a receipt's hash
    outcome: str
    previous: str = ""
    hash: str = ""

    def said(self) -> list[Any]:
        """What the hash is over."""
        number, at, *rest, _ = self
        return [number, to_stamp(at), *rest]


@dataclass(slots=True)
class Deed:
    """What somebody is doing; it is filled in as it becomes known."""

    actor: str = ""  # nobody knows yet who asks: nothing is entered
    role: str = ""
    tenant: str = ""
    action: str = ""
    customer: str | None = None
    session: str | None = None
    what: str | None = None
    memory: str | None = None  # instead of ``what``, for an HMAC is to stand there
    outcome: Outcome | None = None
    at: datetime = field(default_factory=now)
    entered: bool = False  # with the change itself
    ended: bool = False  # what came of it is known
    only_changes: bool = False  # where nothing was changed, there is nothing to enter


current: ContextVar[Deed | None] = ContextVar("deed", default=None)


def enter(
    connection: Connection,
    what: str | None = None,
    *,
    customer: str | None = None,
    secret: str | None = None,
) -> None:
    """Enter what is being done, if anybody has said who does it, in the transaction that does it.

    Args:
        connection: of the transaction; called where it has changed something.
        what: what was changed, if that was not known before.
        customer: whose it was, if that was not known.
        secret: the customer's key, where that is no longer there (``key_of``).
    """
    deed = current.get()
    if deed is None or not deed.actor or deed.entered:
        return
    deed.what = deed.what if what is None else what
    deed.customer = deed.customer if customer is None else customer
    add(connection, [entry(connection, deed, "done", secret)])
    deed.entered = True


def add(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write entries; they have their places at once on SQLite, and on Postgres soon (``seal``).

    There the chain would let one transaction commit at a time.
    """
    if connection.dialect.name == "sqlite":
        seal(connection, entries)
        return
    run(connection, _LEAVE, [_row(one) for one in entries])


def seal(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write entries at the end of the chain."""
    placed = linked(CHAIN.end(connection), entries)
    run(connection, _ADD, [_row(one) for one in placed])


def entry(connection: Connection, deed: Deed, outcome: Outcome, secret: str | None = None) -> Entry:
    """The entry of a deed, which has no place yet."""
    if deed.customer is not None and secret is None:
        secret = key_of(connection, (deed.tenant, deed.customer))
    customer, session, memory = (
        pseudonym(secret, *one)
        for one in (("customer", deed.customer), ("session", deed.session), ("memory", deed.memory))
    )
    return Entry(
        0, deed.at, deed.tenant, deed.actor, deed.role, deed.action, customer, session,
        memory if deed.memory is not None else deed.what, outcome,
    )  # fmt: skip


def key_of(connection: Connection, owner: Owner) -> str | None:
    """The key under which a customer stands in the log; None of one who is not there."""
    rows = run(connection, _KEY, key(owner)).fetchall()
    return rows[0][0] if rows else None


def pseudonym(secret: str | None, kind: str, name: str | None) -> str | None:
    """A name as it stands in the log; None without a name, or of somebody who has no key."""
    if secret is None or name is None:
        return None
    made = hmac.new(bytes.fromhex(secret), f"{kind}\0{name}".encode(), hashlib.sha256)
    return made.hexdigest()[:_DIGITS]


def entry_from(row: Any) -> Entry:
    """An entry of a row with ``COLUMNS``."""
    number, at, *rest = row
    return Entry(number, from_stamp(at), *rest)


def _row(one: Entry) -> dict[str, Any]:
    return {**one._asdict(), "at": to_stamp(one.at)}
