"""A customer's row: the counter that orders its rows, its generation, and its watermarks."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.database import run
from memory.lookalikes import check_new

Owner = tuple[str, str]  # (tenant, customer)
# What belongs to all customers of a tenant has scopes beside theirs. No customer can have such a
# name: `check_name` takes no control characters.
_SHARED = "\x1f"
KNOWLEDGE = f"{_SHARED}knowledge"  # articles
POSTS = f"{_SHARED}posts"  # texts that are not conversations
ITEMS = f"{_SHARED}items"  # what there is to recommend
EVENTS = f"{_SHARED}events"  # no rows: its generation moves as customers' events are taken away
OF_CUSTOMERS = f"customer NOT LIKE '{_SHARED}%'"  # the rows of the others
LAGS = "seq > written AND seq > embedded"  # there may be something that no digest has seen
WHERE = "WHERE tenant = :tenant AND customer = :customer"

_TAKE = text(f"UPDATE customers SET seq = seq + :count {WHERE} RETURNING seq, generation")
_ADD = text(f"UPDATE customers SET seq = seq + :count {WHERE}")
_BEGIN = text(
    "INSERT INTO customers (tenant, customer, seq, generation, written, embedded, audit_key) "
    "VALUES (:tenant, :customer, :count, :fresh, 0, 0, :audit_key) "
    "ON CONFLICT (tenant, customer) DO UPDATE SET seq = customers.seq + :count "
    "RETURNING seq, generation"
)
_LOCK = text(f"UPDATE customers SET seq = seq {WHERE} RETURNING generation")
_NUMBERS = text(f"SELECT seq, generation FROM customers {WHERE}")
_STATE = text(f"SELECT seq, generation, written, embedded FROM customers {WHERE}")
_MOVE = text(f"UPDATE customers SET generation = generation + 1 {WHERE}")


def new_audit_key() -> str:
    """The key of a new customer's: under it the audit log has names of theirs (``deeds``)."""
    return secrets.token_hex(32)


def is_shared(name: str) -> bool:
    """Whether a scope is its tenant's, and no customer's."""
    return name.startswith(_SHARED)


class State(NamedTuple):
    """Where a customer's rows stand; all zero for one who has none."""

    seq: int = 0
    generation: int = 0
    written: int = 0
    embedded: int = 0

    @property
    def lags(self) -> bool:
        """Whether there may be something that no digest has seen (``LAGS``)."""
        return self.seq > self.written and self.seq > self.embedded


def key(owner: Owner, **more: Any) -> dict[str, Any]:
    """The bind parameters that every statement has."""
    return {"tenant": owner[0], "customer": owner[1], **more}


def allocate(connection: Connection, owner: Owner, count: int) -> tuple[int, int]:
    """Take ``count`` sequence numbers; return (the first of them, the generation).

    The row stays locked until the transaction ends, so numbers are committed in order: a
    reader that has seen n will never see a smaller one appear. A generation starts at random,
    so that one from before an erasure never fits again.

    Raises:
        InvalidInput: nothing was ever stored of this customer, whose name looks like another.
    """
    # All rows are fetched: a statement that is not at its end would hold up the commit.
    if connection.dialect.name == "sqlite":  # nobody else writes, and RETURNING takes twice as long
        rows = run(connection, _NUMBERS, key(owner)).fetchall()
        if rows:
            run(connection, _ADD, key(owner, count=count))
            return rows[0][0] + 1, rows[0][1]
    else:
        rows = run(connection, _TAKE, key(owner, count=count)).fetchall()
    if not rows:  # nothing was ever stored of this customer
        if not is_shared(owner[1]):
            check_new("customer", owner[1])
        values = key(owner, count=count, fresh=secrets.randbits(53), audit_key=new_audit_key())
        rows = run(connection, _BEGIN, values).fetchall()
    ((last, generation),) = rows
    return last - count + 1, generation


def lock(connection: Connection, owner: Owner) -> int | None:
    """Hold the customer's row until the transaction ends; its generation, None if it is gone."""
    if connection.dialect.name == "sqlite":  # it is one writer's as it is
        rows = run(connection, _NUMBERS, key(owner)).fetchall()
        return int(rows[0][1]) if rows else None
    rows = run(connection, _LOCK, key(owner)).fetchall()
    return int(rows[0][0]) if rows else None


def state(connection: Connection, owner: Owner) -> State:
    """The customer's counters."""
    rows = run(connection, _STATE, key(owner)).fetchall()
    return State(*rows[0]) if rows else State()


def move_generation(connection: Connection, owner: Owner) -> None:
    """Say that something remembered was changed or taken away: caches and prompts rebuild."""
    run(connection, _MOVE, key(owner))
