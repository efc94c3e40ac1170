"""Customers and sessions that an older version has begun, under names that are refused now."""

from __future__ import annotations

from sqlalchemy import text

from memory import MemoryStore, Scope
from memory.customers import key, new_audit_key
from memory.lookalikes import plain

_CUSTOMER = text(
    "INSERT INTO customers (tenant, customer, seq, generation, written, embedded, audit_key) "
    "VALUES (:tenant, :customer, 0, 1, 0, 0, :audit_key) ON CONFLICT DO NOTHING"
)
_SESSION = text(
    "INSERT INTO sessions (tenant, customer, session, created, updated, messages, tokens) "
    "VALUES (:tenant, :customer, :session, 0, 0, 0, 0) ON CONFLICT DO NOTHING"
)


def begun(store: MemoryStore, scope: Scope) -> None:
    """Have the rows of a customer and a session whose names look like others."""
    with store.database.write() as connection:
        if plain(scope.customer) != scope.customer:
            connection.execute(_CUSTOMER, key(scope.owner, audit_key=new_audit_key()))
        if plain(scope.session) != scope.session:
            connection.execute(_SESSION, key(scope.owner, session=scope.session))
