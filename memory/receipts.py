"""Rows: the receipts of erasures, in a chain, without a word of what or who was erased."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.clock import from_stamp, now, to_stamp
from memory.database import Database, new_id

_COLUMNS = "number, id, tenant, at, deleted, elsewhere, previous, hash"
_LAST = text("SELECT number, hash FROM receipts ORDER BY number DESC LIMIT 1")
_ALL = text(f"SELECT {_COLUMNS} FROM receipts ORDER BY number")
_ADD = text(
    f"INSERT INTO receipts ({_COLUMNS}) VALUES "
    "(:number, :id, :tenant, :at, :deleted, :elsewhere, :previous, :hash)"
)
_LOCK = text("SELECT pg_advisory_xact_lock(7205759404)")  # on SQLite there is one writer anyway


class Receipt(NamedTuple):
    """What an erasure took, when, and what may have learnt from it and is not in the database.

    ``hash`` is SHA-256 over all the rest, ``previous`` (the hash of the receipt before) too: who
    keeps one can show that none up to it was changed or taken away since. The ``id`` is random.
    """

    number: int  # from 1
    id: str
    tenant: str
    at: datetime
    deleted: dict[str, int]  # rows, by table
    elsewhere: tuple[str, ...]
    previous: str
    hash: str


class Receipts:
    """The receipts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Receipt]:
        """Every receipt, the first one first."""
        with self._database.read() as connection:
            return [_receipt(row) for row in connection.execute(_ALL)]

    def fault(self) -> str | None:
        """What is wrong with the chain; None if nothing is.

        That the last ones are missing shows only to somebody who has kept one of them.
        """
        previous = ""
        for number, receipt in enumerate(self.all(), 1):
            if receipt.number != number or receipt.previous != previous:
                return f"a receipt before number {receipt.number} is missing or another"
            if receipt.hash != _hash(receipt):
                return f"receipt {number} is not as it was written"
            previous = receipt.hash
        return None


def add_receipt(
    connection: Connection, tenant: str, deleted: Mapping[str, int], elsewhere: Sequence[str]
) -> Receipt:
    """Write the receipt of an erasure, in the erasure's own transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    last = connection.execute(_LAST).first()
    number, previous = (1, "") if last is None else (last.number + 1, last.hash)
    at = from_stamp(to_stamp(now()))
    receipt = Receipt(
        number, new_id(), tenant, at, dict(deleted), tuple(elsewhere), previous, hash=""
    )
    receipt = receipt._replace(hash=_hash(receipt))
    connection.execute(
        _ADD,
        {
            **receipt._asdict(),
            "at": to_stamp(at),
            "deleted": json.dumps(receipt.deleted),
            "elsewhere": json.dumps(receipt.elsewhere),
        },
    )
    return receipt


def _hash(receipt: Receipt) -> str:
    number, receipt_id, tenant, at, *rest, _ = receipt
    said = [number, receipt_id, tenant, to_stamp(at), *rest]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _receipt(row: Any) -> Receipt:
    return Receipt(
        row.number, row.id, row.tenant, from_stamp(row.at), json.loads(row.deleted),
        tuple(json.loads(row.elsewhere)), row.previous, row.hash,
    )  # fmt: skip
