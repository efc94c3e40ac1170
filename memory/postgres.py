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
_PATIENCE = 10.0  # seconds until one of its connections is free
_STATEMENT = "60s"  # that one of its statements may take, where it has no limit of its own


def connect(url: URL) -> Engine:
    """An engine for a server.

    Behind a pooler that gives each transaction another of its connections, such as PgBouncer,
    statements that were prepared on one are not there on the next: ``prepare_threshold=none`` in
    the address lets psycopg prepare none.

    Raises:
        StoreError: its driver is not installed, or the address says what cannot be.
    """
    if url.drivername == "postgresql":  # SQLAlchemy's default driver is one we do not install
        url = url.set(drivername="postgresql+psycopg")
    more: dict[str, Any] = {n: limit for n, limit in _LIMITS.items() if n not in url.query}
    if (given := url.query.get("prepare_threshold")) is not None:
        url = url.difference_update_query(["prepare_threshold"])
        more["prepare_threshold"] = _threshold(str(given))
    try:
        engine = sa.create_engine(
            url, pool_size=16, max_overflow=48, pool_pre_ping=True, pool_timeout=_PATIENCE,
            hide_parameters=True,
            connect_args=more,
        )  # fmt: skip
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        msg = "Postgres needs its driver: pip install 'langchain-memory-service[postgres]'"
        raise StoreError(msg) from error
    sa.event.listen(engine, "connect", configure)
    return engine


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
            "SELECT set_config('application_name', left(%s || current_schema(), 63), false), "
            "CASE current_setting('statement_timeout') WHEN '0' "
            "THEN set_config('statement_timeout', %s, false) END",
            [f"{SERVICE} ", _STATEMENT],
        )
    raw.commit()
