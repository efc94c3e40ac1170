"""Everything held about a customer, as lines of JSON, and the rows made of such lines again.

A line is a row: ``{"kind": "message", "seq": 3, "text": ...}`` with the row's columns, null ones
left out. The first line is the customer's own (``customer``, with the format's version), the last
one is the ``end``, with how many lines stand between them, so that a file that was cut off is
known. Sequence numbers are kept, since rows name each other by them. What can be made again is
left out: vectors, the terms by which words are found, and the ids of items and translations.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.columns import Column
from memory.customers import WHERE, Owner, key, new_audit_key
from memory.database import Database
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.indexes.lexical import terms
from memory.items import item_id
from memory.translations import translation_ids
from memory.types import check_name

VERSION = 1
_BATCH = 500  # rows that are in memory at a time

# By kind: the table, what orders its rows, and its columns with what they hold. A "?" is where
# null may stand.
_KINDS = {
    "session": (
        "sessions", "session",
        "session:name created:time updated:time messages:number tokens:number rating:text? "
        "lease:text? lease_until:time? saying:saying? handed_over:time?",
    ),
    "message": (
        "messages", "seq",
        "seq:number session:name id:name role:role text:text at:time tokens:number turn:name? "
        "data:object? labels:labels? forgotten:flag origin:name?",
    ),
    "turn": (
        "turns", "id",
        "id:name session:name status:status at:time question:number answer:number? key:name? "
        "body:text? recalled:object? usage:object? first_ms:number? took_ms:number? "
        "rating:text?",
    ),
    "record": (
        "records", "seq",
        "seq:number id:text session:text role:text text:text at:time messages:ids "
        "superseded_by:text? valid_to:time? expires_at:time? slot:text? value:text? source:text "
        "pinned:flag speaker:text? document:document? item:object?",
    ),
    "segment": (
        "segments", "session, last",
        "session:name first:number last:number sentences:sentences at:time",
    ),
    "summary": (
        "summaries", "session, version",
        "session:name version:number watermark:number text:text tokens:number source:text "
        "sentences:sentences? at:time",
    ),
    "item": (
        "items", "namespace, key",
        "namespace:text key:text value:object paths:ids? created:time updated:time ttl:number? "
        "expires:time?",
    ),
    "translation": (
        "translations", "seq",
        "seq:number source_language:language target_language:language source:text target:text "
        "origin:origin term:flag created:time updated:time",
    ),
    "event": ("events", "seq", "seq:number id:name item:item did:deed at:time"),
}  # fmt: skip
_OWN = "seq:number written:number understood:number swept:time"
_ADD_CUSTOMER = text(
    "INSERT INTO customers (tenant, customer, seq, generation, written, embedded, understood, "
    "swept, audit_key) VALUES (:tenant, :customer, :seq, :generation, :written, 0, :understood, "
    ":swept, :audit_key) "
    "ON CONFLICT DO NOTHING"
)
_SAME = "tenant = t.tenant AND customer = t.customer AND"
_OF_T = "t.tenant = :tenant AND t.customer = :customer"
# What no database of ours can have in it, as (which rows, what is wrong with them).
_BROKEN = [
    (
        f"SELECT t.id FROM turns t WHERE {_OF_T} AND NOT EXISTS "
        f"(SELECT 1 FROM messages WHERE {_SAME} seq = t.question)",
        "the turn {!r} has no message that it answers",
    ),
    (
        f"SELECT t.id FROM turns t WHERE {_OF_T} AND status = 'running' AND NOT EXISTS "
        f"(SELECT 1 FROM sessions WHERE {_SAME} session = t.session AND lease = t.id)",
        "the turn {!r} is running, and no session is held by it",
    ),
    (
        f"SELECT t.id FROM messages t WHERE {_OF_T} AND NOT EXISTS "
        f"(SELECT 1 FROM sessions WHERE {_SAME} session = t.session)",
        "the message {!r} is of a session that is not there",
    ),
    *(
        (
            f"SELECT t.id FROM {table} t WHERE {_OF_T} AND seq > "
            f"(SELECT seq FROM customers WHERE {_SAME} 1 = 1)",
            f"the {kind} {{!r}} has a number past the customer's own",
        )
        for kind, table in (
            ("message", "messages"),
            ("record", "records"),
            ("translation", "translations"),
        )
    ),
]


class Exports:
    """A customer's rows of a database, going out and coming in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, owner: Owner, file: IO[bytes]) -> int:
        """Write everything held about a customer, all of it as it is at one moment.

        Returns:
            How many rows; 0, and nothing is written, for one of whom nothing is stored.
        """
        rows = 0
        with self._database.read() as connection:
            for line in _lines(connection, owner):
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                rows += 1
        return rows

    def read(self, tenant: str, lines: Iterator[tuple[str, dict[str, Any]]]) -> Owner:
        """Store the rows of an export, all of them or none; what has no vectors a digest embeds.

        Args:
            tenant: where to; an export does not say.
            lines: each with its place, for the message.

        Returns:
            Whose they are.

        Raises:
            InvalidInput: the customer is there already, or the lines are no export.
        """
        with self._database.write() as connection:
            try:
                place, own = next(lines, ("the export", {}))
                with _at(place):
                    owner = tenant, _add_customer(connection, tenant, own)
                _add_rows(connection, owner, lines)
            except sa.exc.IntegrityError as error:
                msg = "the export has a row twice, and nothing of it was stored: export again"
                raise InvalidInput(msg) from error
            for broken, what in _BROKEN:
                if (found := connection.execute(text(broken), key(owner)).first()) is not None:
                    msg = f"{what.format(found[0])}: nothing was stored; export again"
                    raise InvalidInput(msg)
            enter(connection, customer=owner[1])
        return owner


def line_schema() -> dict[str, Any]:
    """What a line of an export is, as JSON Schema: one shape a kind."""
    own = {"version": {"const": VERSION}, "customer": {"type": "string"}}
    kinds = {kind: Column.all(described) for kind, (_, _, described) in _KINDS.items()}
    return {
        "oneOf": [
            _shape("customer", Column.all(_OWN), own),
            *(_shape(kind, columns) for kind, columns in kinds.items()),
            _shape("end", Column.all("lines:number")),
        ]
    }


def _shape(kind: str, columns: list[Column], more: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {"kind": {"const": kind}, **(more or {})}
    required = [*properties, *(column.name for column in columns if not column.optional)]
    properties |= {column.name: column.described() for column in columns}
    return {
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": False,
    }  # fmt: skip


def is_export(line: dict[str, Any]) -> bool:
    """Whether a file that begins with this line is an export."""
    return line.get("kind") == "customer"


def _lines(connection: Connection, owner: Owner) -> Iterator[dict[str, Any]]:
    own = Column.all(_OWN)
    names = ", ".join(column.name for column in own)
    row = connection.execute(text(f"SELECT {names} FROM customers {WHERE}"), key(owner)).first()
    if row is None:
        return
    counted = {c.name: c.shown(value) for c, value in zip(own, row, strict=True)}
    yield {"kind": "customer", "version": VERSION, "customer": owner[1], **counted}
    lines = 0
    for kind, (table, order, described) in _KINDS.items():
        columns = Column.all(described)
        names = ", ".join(column.name for column in columns)
        rows = connection.execute(
            text(f"SELECT {names} FROM {table} {WHERE} ORDER BY {order}"),
            key(owner),
            execution_options={"yield_per": _BATCH},
        )
        for row in rows:
            pairs = zip(columns, row, strict=True)
            yield {"kind": kind} | {c.name: c.shown(v) for c, v in pairs if v is not None}
            lines += 1
    yield {"kind": "end", "lines": lines}


def _add_customer(connection: Connection, tenant: str, line: dict[str, Any]) -> str:
    if not is_export(line):
        msg = 'no export: its first line has the kind "customer"'
        raise InvalidInput(msg)
    if line.get("version") != VERSION:
        msg = (
            f"the export has version {line.get('version')!r}, this program reads {VERSION}: "
            "import it with the program that it is from, or a later one"
        )
        raise InvalidInput(msg)
    customer = check_name("customer", line.get("customer"))
    values = _values(line, Column.all(_OWN), {"kind", "version", "customer"})
    # At random, as for everybody new: nothing from before fits it.
    fresh = key(
        (tenant, customer), generation=secrets.randbits(53), audit_key=new_audit_key(), **values
    )
    if not connection.execute(_ADD_CUSTOMER, fresh).rowcount:
        msg = (
            f"customer {customer!r} is there already, and an export is not mixed with what is: "
            "erase the customer first, or import into another tenant or database"
        )
        raise InvalidInput(msg)
    return customer


def _add_rows(
    connection: Connection, owner: Owner, lines: Iterator[tuple[str, dict[str, Any]]]
) -> None:
    columns = {kind: Column.all(described) for kind, (_, _, described) in _KINDS.items()}
    batches: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}
    for count, (place, line) in enumerate(lines):
        with _at(place):
            kind = str(line.get("kind"))
            if kind == "end":
                if line.get("lines") != count or next(lines, None) is not None:
                    msg = f"{count} lines stand before it, not {line.get('lines')}: export again"
                    raise InvalidInput(msg)
                break
            if kind not in _KINDS:
                msg = f"{kind!r} is no kind of line: an export is one customer's, as it was written"
                raise InvalidInput(msg)
            row = key(owner, **_values(line, columns[kind], {"kind"}))
            if kind == "record":
                row["terms"] = " ".join(terms(row["text"]))
            elif kind == "item":
                row["id"] = item_id(tuple(row["namespace"].split(".")), row["key"])
            elif kind == "translation":
                row |= translation_ids(row)
        batches[kind].append(row)
        if len(batches[kind]) == _BATCH:
            _insert(connection, kind, batches[kind])
    else:
        msg = 'the export is cut off: its last line has the kind "end". Export again'
        raise InvalidInput(msg)
    for kind, rows in batches.items():
        _insert(connection, kind, rows)


def _insert(connection: Connection, kind: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = ", ".join(rows[0])
        values = ", ".join(f":{name}" for name in rows[0])
        table = _KINDS[kind][0]
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), rows)
        rows.clear()


def _values(line: dict[str, Any], columns: list[Column], besides: set[str]) -> dict[str, Any]:
    if unknown := line.keys() - {column.name for column in columns} - besides:
        msg = f"it has {', '.join(sorted(unknown))}, which no such line has"
        raise InvalidInput(msg)
    return {column.name: column.stored(line) for column in columns}


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Say of an error in which line it is."""
    try:
        yield
    except InvalidInput as error:
        msg = f"{place}: {error}"
        raise InvalidInput(msg) from error
