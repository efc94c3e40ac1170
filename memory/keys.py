"""Rows: the keys of those who may ask, as hashes; a key itself is nowhere in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from memory.clock import from_stamp, to_stamp
from memory.database import Database, run
from memory.deeds import enter
from memory.retrying import retried

_COLUMNS = "id, tenant, role, name, created, expires, used, revoked"
_ADD = text(
    f"INSERT INTO api_keys (hash, {_COLUMNS}) "
    "VALUES (:hash, :id, :tenant, :role, :name, :created, :expires, :used, :revoked) "
    "ON CONFLICT (id) DO NOTHING"
)
_FIND = text(f"SELECT {_COLUMNS} FROM api_keys WHERE hash = :hash")
_ALL = text(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created, id")
_REMOVE = text("DELETE FROM api_keys WHERE id = :id")
_REVOKE = text("UPDATE api_keys SET revoked = :at WHERE id = :id AND revoked IS NULL")
_USE = text("UPDATE api_keys SET used = :at WHERE id = :id AND (used IS NULL OR used < :at)")


class ApiKey(NamedTuple):
    """What is known of a key: whose it is, what it may, and until when."""

    id: str
    tenant: str
    role: str
    name: str  # what it is for, in the words of who made it
    created: datetime
    expires: datetime | None = None
    used: datetime | None = None  # the last time that was written down
    revoked: datetime | None = None


class Keys:
    """The keys of a database, found by their hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def add(self, key: ApiKey, hashed: str) -> bool:
        """Add a key; False, and nothing is written, if there is one with its id."""
        with self._database.write() as connection:
            added = bool(connection.execute(_ADD, _row(key, hashed)).rowcount)
            if added:
                enter(connection, key.id)
        return added

    @retried
    def replace(self, key: ApiKey, hashed: str) -> None:
        """Put a key in the place of the one with its id, if there is one: that fits no longer."""
        with self._database.write() as connection:
            connection.execute(_REMOVE, {"id": key.id})
            connection.execute(_ADD, _row(key, hashed))
            enter(connection, key.id)

    def find(self, hashed: str) -> ApiKey | None:
        """The key with a hash, also one that has expired or was revoked."""
        with self._database.read() as connection:
            rows = run(connection, _FIND, {"hash": hashed}).fetchall()
        return _key(rows[0]) if rows else None

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first, also those that have expired or were revoked."""
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(_ALL).all()]

    @retried
    def revoke(self, key_id: str, at: datetime) -> bool:
        """Let a key fit no longer; False if there is none with this id that did."""
        with self._database.write() as connection:
            values = {"id": key_id, "at": to_stamp(at)}
            revoked = bool(connection.execute(_REVOKE, values).rowcount)
            if revoked:
                enter(connection, key_id)
        return revoked

    @retried
    def note_use(self, key_id: str, at: datetime) -> None:
        """Write down that a key was used."""
        with self._database.write() as connection:
            connection.execute(_USE, {"id": key_id, "at": to_stamp(at)})


def _row(key: ApiKey, hashed: str) -> dict[str, Any]:
    return {
        name: to_stamp(value) if isinstance(value, datetime) else value
        for name, value in {**key._asdict(), "hash": hashed}.items()
    }


def _key(row: Sequence[Any]) -> ApiKey:
    key_id, tenant, role, name, created, *times = row
    expires, used, revoked = (None if at is None else from_stamp(at) for at in times)
    return ApiKey(key_id, tenant, role, name, from_stamp(created), expires, used, revoked)
