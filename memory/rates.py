"""Rows: how often somebody has asked of late, where several services count together, on Postgres.

One number a name, as the generic cell rate algorithm keeps it (ITU-T I.371): until when all that
was taken counts. The clock is the server's. The table is not logged, so that nothing waits for a
disk; after a crash of the server all begin anew.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from sqlalchemy import text

from memory.database import Database
from memory.retrying import retried

_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS FLOAT8)"
# What is later than a window was taken before the server's clock was set back.
_HELD = f"GREATEST(LEAST(rates.until, {_NOW} + :window), {_NOW})"
_TAKE = text(
    f"INSERT INTO rates (name, until) VALUES (:name, {_NOW} + :step) "
    f"ON CONFLICT (name) DO UPDATE SET until = {_HELD} + :step "
    f"WHERE {_HELD} + :step <= {_NOW} + :window RETURNING until - {_NOW}"
)
_PUT_RIGHT = text(
    f"UPDATE rates SET until = {_HELD} WHERE name = :name AND until > {_NOW} + :window"
)
_LOOK = text(f"SELECT {_HELD} - {_NOW} FROM rates WHERE name = :name")
_FORGET = text("DELETE FROM rates WHERE name = :name")
_SWEEP = text(f"DELETE FROM rates WHERE until < {_NOW}")
_HIDDEN_BY = "rates_hidden_by"  # in meta
_MAKE = text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")
_READ = text("SELECT value FROM meta WHERE name = :name")


class Taken(NamedTuple):
    """Whether there was one left to take, and what is taken now."""

    was_left: bool
    seconds: float  # until all of it is there again


class Rates:
    """What was taken of rates, by names."""

    def __init__(self, database: Database) -> None:
        """Count in a database on Postgres."""
        self._database = database

    @retried
    def take(self, name: str, step: float, window: float) -> Taken:
        """Take one, if it does not make more than a window's.

        Args:
            name: of whom and of what.
            step: seconds until one more is there.
            window: seconds until all are there.
        """
        values = {"name": name, "step": step, "window": window}
        with self._database.at_once() as connection:
            held = connection.execute(_TAKE, values).scalar()
            if held is not None:
                return Taken(was_left=True, seconds=held)
            values = {"name": name, "window": window}
            connection.execute(_PUT_RIGHT, values)
            held = connection.execute(_LOOK, values).scalar()
        return Taken(was_left=False, seconds=held or 0.0)

    @retried
    def forget(self, name: str) -> None:
        """Keep nothing of a name."""
        with self._database.at_once() as connection:
            connection.execute(_FORGET, {"name": name})

    @retried
    def sweep(self) -> None:
        """Keep nothing of those of whom nothing counts any more."""
        with self._database.at_once() as connection:
            connection.execute(_SWEEP)

    @retried
    def secret(self) -> bytes:
        """The same for all that have the database, to hide names by."""
        with self._database.write() as connection:
            connection.execute(_MAKE, {"name": _HIDDEN_BY, "value": secrets.token_hex(32)})
            found = connection.execute(_READ, {"name": _HIDDEN_BY}).scalar()
        return bytes.fromhex(str(found))
