"""Connections to Postgres: how many, and how long each may take for what."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import NoSuchModuleError

from memory.errors import StoreError

SERVICE = "memory-service"  # what a connection is called there, with its schema

# How long a server may take that does not answer at all. The address may say otherwise; what
# these mean is in libpq's documentation.
_LIMITS = {
    "connect_timeout": 5, "tcp_user_timeout": 15_000,
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
}  # fmt: skip
PATIENCE = 10.0  # seconds until one of its connections is free
# What a connection may take, where the server has no limit of its own: for a statement, and for
# nothing at all within a transaction, whose locks it holds (it may be a process that is stopped).
_TIMES = {"statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"}
CONNECTIONS = 10  # most that a process has: Postgres takes 100 in all, if it was not told otherwise


def connect(url: URL) -> tuple[Engine, int]:
    """An engine for a server, or for several of which one takes writes; and its connections.

    Args:
        url: with ``connections``, how many there may be, and what libpq knows.

    Behind a pooler that gives each transaction another of its connections, such as PgBouncer,
    statements that were prepared on one are not there on the next: ``prepare_threshold=none`` in
    the address lets psycopg prepare none.

    Raises:
        StoreError: its driver is not installed, or the address says what cannot be.
    """
    url, most = _parted(url)
    if url.drivername == "postgresql":  # SQLAlchemy's default driver is one we do not install
        url = url.set(drivername="postgresql+psycopg")
    more: dict[str, Any] = {n: limit for n, limit in _LIMITS.items() if n not in url.query}
    if (given := url.query.get("prepare_threshold")) is not None:
        url = url.difference_update_query(["prepare_threshold"])
        more["prepare_threshold"] = _threshold(str(given))
    try:
        engine = sa.create_engine(
            url, pool_size=most // 2, max_overflow=most - most // 2, pool_timeout=PATIENCE,
            pool_use_lifo=True,  # what is seldom needed is closed
            pool_pre_ping=True, hide_parameters=True, connect_args=more,
        )  # fmt: skip
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        msg = "Postgres needs its driver: pip install 'langchain-memory-service[postgres]'"
        raise StoreError(msg) from error
    sa.event.listen(engine, "connect", configure)
    return engine, most


def _threshold(given: str) -> int | None:
    """How often psycopg executes a statement before it prepares it; None is never."""
    if given.lower() == "none":
        return None
    if not given.isdecimal():
        msg = f"prepare_threshold={given}: give none, where a pooler is in between, or a number"
        raise StoreError(msg)
    return int(given)


def configure(raw: Any, _record: Any) -> None:
    """Say who it is, so that a restore can see that the schema is in use, and how patient."""
    with raw.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('application_name', left(%s || current_schema(), 63), false)",
            [f"{SERVICE} "],
        )
        cursor.execute(
            "SELECT set_config(name, most, false) FROM unnest(%s::text[], %s::text[]) "
            "AS limits (name, most) WHERE current_setting(name) = '0'",
            [[*_TIMES], [*_TIMES.values()]],
        )
    raw.commit()


def _parted(url: URL) -> tuple[URL, int]:
    """The address for the driver, and how many connections there may be."""
    given = url.query.get("connections", str(CONNECTIONS))
    # One is not enough: what reads may find that it has to write.
    if not isinstance(given, str) or not given.isdecimal() or int(given) < 2:
        msg = f"connections={given} in the database's address: give a number from 2 on"
        raise StoreError(msg)
    return url.difference_update_query(["connections"]), int(given)
