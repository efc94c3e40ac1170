"""Postgres's tables, written anew: a deleted row's bytes stay in its page otherwise.

A plain ``VACUUM`` lets their place be used again, which may take for ever; ``VACUUM FULL`` writes
the rows that are left to another file and removes the old one at the next checkpoint. Each table is
locked meanwhile.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Engine

from memory.deleting import TABLES

SMALL = 64 * 2**20  # bytes that are written anew in about a second
_WAIT = "5s"  # for a table's lock: who comes later waits behind it
_SIZE = text(
    "SELECT SUM(pg_total_relation_size(CAST(name AS regclass))) "
    "FROM unnest(CAST(:names AS text[])) name"
)


def rewrite(engine: Engine, most_bytes: int | None = None) -> bool:
    """Write every table that has a customer's words anew.

    What somebody still reads, in a transaction from before, is written too.

    Args:
        engine: a Postgres.
        most_bytes: leave them alone if they and their indexes have more.

    Returns:
        Whether that was done.

    Raises:
        StoreUnavailable: a table is in use all the time.
    """
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        size = connection.execute(_SIZE, {"names": list(TABLES)}).scalar()
        if most_bytes is not None and int(size or 0) > most_bytes:
            return False
        connection.exec_driver_sql(f"SET lock_timeout = '{_WAIT}'")
        try:
            connection.exec_driver_sql(f"VACUUM (FULL) {', '.join(TABLES)}")
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
    return True
