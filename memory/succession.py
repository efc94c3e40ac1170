"""What a restored database takes over from the one whose place it takes.

A backup knows nothing of what came after it: whose memory was erased, which keys were made and
revoked, who read what. Where the database that is there can be read, and is of the same stock, its
keys go on, its receipts and its audit log go on in their chains, and who was erased since is erased
again.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.deeds import enter
from memory.deleting import delete_customer, subject_of
from memory.receipts import Receipt

# What no two databases have in common by chance.
_STOCK = (
    "SELECT hash FROM {0}api_keys UNION SELECT hash FROM {0}receipts "
    "UNION SELECT audit_key FROM {0}customers WHERE audit_key IS NOT NULL"
)
_KIN = f"SELECT 1 FROM ({_STOCK.format('')}) AS ours WHERE hash IN ({_STOCK}) LIMIT 1"
_VERSION = "SELECT value FROM {0}meta WHERE name = 'schema_version'"
_SUBJECTS = text("SELECT tenant, customer, audit_key FROM customers WHERE audit_key IS NOT NULL")
_ANEW = text("UPDATE customers SET generation = generation + :some")
# Rows of a chain that stand after its last row here, if that row is there too.
_GOES_ON = (
    "INSERT INTO {1} SELECT * FROM {0}{1} WHERE number > "
    "(SELECT COALESCE(MAX(number), 0) FROM {1}) AND (NOT EXISTS (SELECT 1 FROM {1}) OR EXISTS "
    "(SELECT 1 FROM {0}{1} AS there WHERE there.hash = "
    "(SELECT hash FROM {1} ORDER BY number DESC LIMIT 1))) ORDER BY number"
)


class Succession(NamedTuple):
    """What was taken over.

    Attributes:
        compared: whether there was a database of the same stock to take anything over from.
        keys: how many keys there are, which are that database's.
        receipts: how many of its receipts were carried over.
        entries: how many of its audit log's entries were.
        erased: the receipts of customers who had been erased since, and are erased again.
        untold: how many of the receipts are from before they could say whose they are.
    """

    compared: bool = False
    keys: int = 0
    receipts: int = 0
    entries: int = 0
    erased: tuple[Receipt, ...] = ()
    untold: int = 0


def succeed(connection: Connection, past: str | None, subjects: Collection[str]) -> Succession:
    """Let a restored database take over what goes on.

    Args:
        connection: to the restored one, in a transaction, with today's schema.
        past: the schema, of Postgres or attached, that has the tables of the one that was there.
        subjects: of further receipts, that somebody has kept: they are erased again too.
    """
    # No cache of a process that goes on, and no digest under way, is to take it for what was.
    connection.execute(_ANEW, {"some": secrets.randbits(40) + 1})
    told = {*subjects}
    found = Succession()
    if past is not None and _is_kin(connection, past):
        found = _taken_over(connection, f"{past}.")
        column = _all(connection, f"SELECT subject FROM {past}.receipts WHERE subject <> ''")
        told |= {row.subject for row in column}
    enter(connection)
    erased = [
        receipt
        for row in connection.execute(_SUBJECTS).all()
        if subject_of(row.audit_key, (row.tenant, row.customer)) in told
        and (receipt := delete_customer(connection, (row.tenant, row.customer))) is not None
    ]
    return found._replace(erased=tuple(erased))


def _is_kin(connection: Connection, past: str) -> bool:
    ours, theirs = (_all(connection, _VERSION.format(where)) for where in ("", f"{past}."))
    return ours == theirs and bool(_all(connection, _KIN.format(f"{past}.")))


def _taken_over(connection: Connection, past: str) -> Succession:
    connection.execute(text("DELETE FROM api_keys"))
    keys = connection.execute(text(f"INSERT INTO api_keys SELECT * FROM {past}api_keys"))
    last = _all(connection, "SELECT COALESCE(MAX(number), 0) FROM receipts")[0][0]
    receipts = connection.execute(text(_GOES_ON.format(past, "receipts")))
    untold = text(
        "SELECT count(*) FROM receipts WHERE number > :last AND subject IS NULL AND report IS NULL"
    )
    entries = _audit_goes_on(connection, past)
    return Succession(
        compared=True, keys=keys.rowcount, receipts=receipts.rowcount, entries=entries,
        untold=connection.execute(untold, {"last": last}).scalar_one(),
    )  # fmt: skip


def _audit_goes_on(connection: Connection, past: str) -> int:
    """Carry over the audit log's entries, and cut its beginning where it was cut since."""
    entries = connection.execute(text(_GOES_ON.format(past, "audit"))).rowcount
    if entries:
        connection.execute(
            text(
                f"INSERT INTO audit_cuts SELECT * FROM {past}audit_cuts WHERE number > "
                "(SELECT COALESCE(MAX(number), 0) FROM audit_cuts)"
            )
        )
        connection.execute(
            text("DELETE FROM audit WHERE number <= (SELECT MAX(number) FROM audit_cuts)")
        )
    return entries


def _all(connection: Connection, statement: str) -> list[Any]:
    return list(connection.execute(text(statement)).all())
