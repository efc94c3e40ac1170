"""Rows: what LangGraph's agents keep about a customer, by namespace and key.

A namespace is stored with its labels joined by periods, which no label can have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.clock import from_stamp, to_stamp
from memory.customers import WHERE, Owner, key
from memory.types import Floats

Namespace = tuple[str, ...]

_CURRENT = "(expires IS NULL OR expires > :at)"
# Compared by its beginning and not by LIKE: what stands for anything there is a letter here.
_WITHIN = (
    f"FROM items {WHERE} AND {_CURRENT} AND "
    "(:prefix = '' OR namespace = :prefix OR substr(namespace, 1, :length) = :inside)"
)
_COLUMNS = "id, namespace, key, value, created, updated, ttl"
_GET = text(f"SELECT {_COLUMNS} FROM items {WHERE} AND id = :id AND {_CURRENT}")
_LIST = text(f"SELECT {_COLUMNS} {_WITHIN} ORDER BY updated DESC, namespace, key")
_NAMESPACES = text(f"SELECT DISTINCT namespace FROM items {WHERE} AND {_CURRENT}")
_VECTORS = text(f"SELECT id, vectors {_WITHIN} AND vectors IS NOT NULL")
_PUT = text(
    "INSERT INTO items (tenant, customer, id, namespace, key, value, paths, created, updated, ttl, "
    "expires) VALUES (:tenant, :customer, :id, :namespace, :key, :value, :paths, :at, :at, :ttl, "
    ":expires) ON CONFLICT (tenant, customer, id) DO UPDATE SET value = excluded.value, "
    "paths = excluded.paths, vectors = NULL, updated = excluded.updated, ttl = excluded.ttl, "
    "expires = excluded.expires, created = CASE WHEN items.expires <= excluded.updated "
    "THEN excluded.created ELSE items.created END"
)
_DELETE = text(f"DELETE FROM items {WHERE} AND id = :id")
_SWEEP = text(f"DELETE FROM items {WHERE} AND expires <= :at")
_REFRESH = text(
    f"UPDATE items SET expires = :at + ttl {WHERE} AND id = :id AND ttl IS NOT NULL "
    "AND expires > :at"
)
_UNEMBEDDED = text(
    f"SELECT id, value, paths, updated FROM items {WHERE} AND vectors IS NULL "
    "AND paths IS NOT NULL ORDER BY updated LIMIT :most"
)
# Not of what was put or deleted since it was read.
_EMBED = text(
    f"UPDATE items SET vectors = :vectors {WHERE} AND id = :id AND updated = :updated "
    "AND vectors IS NULL"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An item: where it is, what it says, and how long it stays after it was last looked at.

    ``ttl`` is in microseconds, None for ever. A ``memory`` is a record too, and its ``id`` is the
    record's.
    """

    namespace: Namespace
    key: str
    value: dict[str, Any]
    created: datetime
    updated: datetime
    id: str
    ttl: int | None = None
    memory: bool = False


def item_id(namespace: Namespace, name: str) -> str:
    """The id of the item there: both may be longer than an index takes."""
    return hashlib.sha256(f"{'.'.join(namespace)}\x00{name}".encode()).hexdigest()


def get(connection: Connection, owner: Owner, one: str, at: datetime) -> Kept | None:
    """The item with an id."""
    row = connection.execute(_GET, key(owner, id=one, at=to_stamp(at))).first()
    return None if row is None else _kept(row)


def within(connection: Connection, owner: Owner, prefix: Namespace, at: datetime) -> list[Kept]:
    """The items of a namespace and of those inside it, the newest first."""
    rows = connection.execute(_LIST, _inside(owner, prefix, at))
    return [_kept(row) for row in rows]


def namespaces(connection: Connection, owner: Owner, at: datetime) -> set[Namespace]:
    """The namespaces that have items."""
    rows = connection.execute(_NAMESPACES, key(owner, at=to_stamp(at)))
    return {tuple(name.split(".")) for name in rows.scalars()}


def put(
    connection: Connection,
    owner: Owner,
    kept: Kept,
    paths: Sequence[str] | None,
) -> None:
    """Keep an item, in the place of the one that is there; ``paths`` say what is searched of it."""
    at = to_stamp(kept.updated)
    row = key(
        owner, id=kept.id, namespace=".".join(kept.namespace), key=kept.key,
        value=json.dumps(kept.value, ensure_ascii=False, allow_nan=False),
        paths=json.dumps(paths, ensure_ascii=False) if paths else None,
        at=at, ttl=kept.ttl, expires=None if kept.ttl is None else at + kept.ttl,
    )  # fmt: skip
    connection.execute(_PUT, row)


def delete(connection: Connection, owner: Owner, one: str) -> bool:
    """Delete the item with an id; whether it was there."""
    return bool(connection.execute(_DELETE, key(owner, id=one)).rowcount)


def sweep(connection: Connection, owner: Owner, at: datetime) -> int:
    """Delete what has expired; how many."""
    return connection.execute(_SWEEP, key(owner, at=to_stamp(at))).rowcount


def refresh(connection: Connection, owner: Owner, ids: Iterable[str], at: datetime) -> None:
    """Let items that are there still last from now on."""
    rows = [key(owner, id=one, at=to_stamp(at)) for one in ids]
    if rows:
        connection.execute(_REFRESH, rows)


def unembedded(
    connection: Connection, owner: Owner, most: int
) -> list[tuple[str, int, dict[str, Any], list[str]]]:
    """The first items that have no vectors yet: id, when they were put, value, what is searched."""
    rows = connection.execute(_UNEMBEDDED, key(owner, most=most)).all()
    return [(row.id, row.updated, json.loads(row.value), json.loads(row.paths)) for row in rows]


def embed(connection: Connection, owner: Owner, made: Iterable[tuple[str, int, Floats]]) -> None:
    """Keep items' vectors (n, d), by id and when they were put."""
    rows = [
        key(owner, id=one, updated=updated, vectors=vectors.astype(np.float16).tobytes())
        for one, updated, vectors in made
    ]
    if rows:
        connection.execute(_EMBED, rows)


def nearest(
    connection: Connection, owner: Owner, prefix: Namespace, vector: Floats, at: datetime
) -> dict[str, float]:
    """The cosine of a unit vector (d,) to each item's nearest text, by the items' ids."""
    rows = connection.execute(_VECTORS, _inside(owner, prefix, at)).all()
    if not rows:
        return {}
    each = [np.frombuffer(row.vectors, np.float16).reshape(-1, len(vector)) for row in rows]
    cosines = np.concatenate(each).astype(np.float32) @ vector
    starts = np.cumsum([0, *map(len, each[:-1])])
    best = np.maximum.reduceat(cosines, starts).tolist()
    return dict(zip((row.id for row in rows), best, strict=True))


def _inside(owner: Owner, prefix: Namespace, at: datetime) -> dict[str, Any]:
    joined = ".".join(prefix)
    return key(owner, prefix=joined, inside=f"{joined}.", length=len(joined) + 1, at=to_stamp(at))


def _kept(row: sa.Row[Any]) -> Kept:
    return Kept(
        tuple(row.namespace.split(".")), row.key, json.loads(row.value),
        from_stamp(row.created), from_stamp(row.updated), row.id, row.ttl,
    )  # fmt: skip
