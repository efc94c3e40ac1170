"""The database's files, written anew: what was deleted stays in them otherwise.

SQLite overwrites a row that it deletes (``secure_delete``), but not the copies of it that were left
in the gaps of pages whenever rows were moved to other pages. Postgres overwrites nothing: a plain
``VACUUM`` lets the place be used again, which may take for ever. What is written here are the rows
that are left, and nobody else can write meanwhile, on Postgres not read the table either.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Engine

from memory.database import Database
from memory.deleting import TABLES

SMALL = 64 * 2**20  # bytes that are written anew in about a second
_WAIT = "5s"  # for a table's lock: who comes later waits behind it
_SIZE = text(
    "SELECT SUM(pg_total_relation_size(CAST(name AS regclass))) "
    "FROM unnest(CAST(:names AS text[])) name"
)


def rewrite(database: Database, most_bytes: int | None = None) -> bool:
    """Write everything that has a customer's words anew.

    On Postgres what somebody still reads, in a transaction from before, is written too, and the old
    files go at its next checkpoint; on SQLite they are overwritten when its write-ahead log is
    emptied.

    Args:
        database: which.
        most_bytes: leave it alone if there are more.

    Returns:
        Whether that was done.

    Raises:
        StoreUnavailable: it is in use all the time, or there is no room.
    """
    if database.path is None:
        return _in_postgres(database.engine, most_bytes)
    if most_bytes is not None and database.path.stat().st_size > most_bytes:
        return False
    database.vacuum()
    return True


def _in_postgres(engine: Engine, most_bytes: int | None) -> bool:
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
