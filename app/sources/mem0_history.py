"""mem0's own ``history.db``: a row for each time that a memory was added, changed or deleted.

It does not say whose a memory is, so that somebody has to. What holds now is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from app.sources import mem0
from app.sources.databases import rows
from app.sources.source import BAD, Item, Options, Skipped, told
from app.sources.times import time_of
from memory import InvalidInput, check_name

TABLE = "history"
_COLUMNS = ("memory_id", "new_memory", "event", "created_at", "updated_at", "is_deleted")


def is_table(columns: set[str]) -> bool:
    """Whether a table with these columns is mem0's."""
    return set(_COLUMNS) <= columns


def read(connection: Connection, options: Options) -> Iterator[Item]:
    """The memories as they were when something last happened to them.

    Raises:
        InvalidInput: nobody says whose they are.
    """
    if options.customer is None:
        msg = (
            "mem0's history.db does not say whose a memory is: say --customer NAME where all are "
            "one's. Else write what Memory.get_all() gives for each user to a file, and import that"
        )
        raise InvalidInput(msg)
    check_name("customer", options.customer)
    there = {column["name"] for column in sa.inspect(connection).get_columns(TABLE)}
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in _COLUMNS]
    role: sa.ColumnElement[Any] = sa.column("role") if "role" in there else sa.null()
    history = sa.table(TABLE, *columns)
    # In the order in which mem0 itself tells a memory's history.
    by = (history.c.memory_id, history.c.created_at, history.c.updated_at)
    ordered = sa.select(*columns, role.label("role")).select_from(history).order_by(*by)
    for given, events in groupby(rows(connection, ordered), key=lambda row: row.memory_id):
        place = f"memory_id {given!r}"
        try:
            yield _memory(place, options, list(events))
        except BAD as error:
            yield Skipped(place, told(error))


def _memory(place: str, options: Options, events: list[sa.Row[Any]]) -> Item:
    last = events[-1]
    if any(one.is_deleted or str(one.event).upper() == "DELETE" for one in events):
        return Skipped(place, "memory that was deleted", bad=False)
    if not isinstance(last.new_memory, str):
        msg = "it has no text"
        raise InvalidInput(msg)
    at: datetime | None = None
    for name in ("updated_at", "created_at"):
        at = at or time_of(getattr(last, name), options.zone, name)
    return mem0.made(
        place, str(options.customer), last.new_memory, last.memory_id, at=at, expires=None,
        role=last.role, options=options,
    )  # fmt: skip
