"""What of the rows belongs to a session, or to a customer, and how it is deleted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.customers import WHERE, Owner, key
from memory.deeds import enter, key_of, pseudonym
from memory.events import forget_derived
from memory.receipts import Receipt, add_receipt
from memory.translations import forget_said

# Vectors go by their record's number, so before the records.
_OF_SESSION = {
    "vectors": text(
        f"DELETE FROM vectors {WHERE} AND seq IN "
        f"(SELECT seq FROM records {WHERE} AND session = :session)"
    ),
    **{
        table: text(f"DELETE FROM {table} {WHERE} AND session = :session")
        for table in ("records", "messages", "turns", "segments", "summaries", "sessions")
    },
}
_OF_CUSTOMER = {
    table: text(f"DELETE FROM {table} {WHERE}")
    for table in (*_OF_SESSION, "items", "translations", "events", "customers")
}  # fmt: skip
TABLES = tuple(_OF_CUSTOMER)  # those that have a customer's words


def delete_session(connection: Connection, owner: Owner, session: str) -> dict[str, int]:
    """Delete a session; how many rows of each table went, nothing if nobody is there.

    With it go the translations of what was said in it, less what was imported.
    """
    customers.lock(connection, owner)
    said = forget_said(connection, owner, session)
    counts = _deleted(connection, _OF_SESSION, owner, session=session)
    return counts | ({"translations": said} if said else {})


def delete_customer(
    connection: Connection, owner: Owner, elsewhere: Sequence[str] = ()
) -> Receipt | None:
    """Delete all rows of a customer, and write the receipt; None if nobody is there."""
    secret = key_of(connection, owner)  # the last time that it is there
    counts = _deleted(connection, _OF_CUSTOMER, owner)
    if not counts:
        return None
    if counts["events"]:
        forget_derived(connection, owner[0])
    receipt = add_receipt(
        connection, owner[0], counts, elsewhere, subject=subject_of(secret, owner)
    )
    enter(connection, receipt.hash, secret=secret)
    return receipt


def subject_of(secret: str | None, owner: Owner) -> str | None:
    """How a receipt names a customer: so that who has a backup with their key can tell who it is.

    The key is in the customer's row, and goes with it; in the audit log the customer has another
    name under it.
    """
    return pseudonym(secret, "erased", owner[1])


def _deleted(
    connection: Connection, statements: dict[str, sa.TextClause], owner: Owner, **more: str
) -> dict[str, int]:
    if customers.state(connection, owner).generation == 0:
        return {}
    # Moved first: it is the lock, and it ends whatever digest is under way.
    customers.move_generation(connection, owner)
    return {
        table: connection.execute(statement, key(owner, **more)).rowcount
        for table, statement in statements.items()
    }
