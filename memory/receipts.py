"""Rows: receipts of what was erased, in a chain, without a word of what or whose it was.

Of a customer who was erased, and of what went because its time was over (``memory.retention``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.chain import Chain, End, linked
from memory.clock import from_stamp, now, to_stamp
from memory.database import Database, new_id

_COLUMNS = "number, id, tenant, at, deleted, elsewhere, previous, hash, subject, report"
_CHAIN = Chain("receipts", "receipt", 7205759404)
_ALL = text(f"SELECT {_COLUMNS} FROM receipts ORDER BY number")
_ADD = text(
    f"INSERT INTO receipts ({_COLUMNS}) VALUES "
    "(:number, :id, :tenant, :at, :deleted, :elsewhere, :previous, :hash, :subject, :report)"
)


class Receipt(NamedTuple):
    """What an erasure took, when, and what may have learnt from it and is not in the database.

    ``hash`` is SHA-256 over all the rest, ``previous`` (the hash of the receipt before) too: who
    keeps one can show that none up to it was changed or taken away since. The ``id`` is random.

    ``subject`` is an HMAC under the customer's key, which is destroyed: only who has a backup from
    before, with the key, can tell whom it is of. ``report`` is retention's: its policy, and from
    when the oldest is that stays.
    """

    number: int  # from 1
    id: str
    tenant: str
    at: datetime
    deleted: dict[str, int]  # rows, by table
    elsewhere: tuple[str, ...]
    previous: str = ""
    hash: str = ""
    subject: str | None = None
    report: dict[str, Any] | None = None

    def said(self) -> list[Any]:
        """What the hash is over."""
        more = [self.subject, self.report]
        return [
            self.number, self.id, self.tenant, to_stamp(self.at), self.deleted, self.elsewhere,
            self.previous, *(more if any(more) else ()),  # older ones have neither
        ]  # fmt: skip


class Receipts:
    """The receipts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Receipt]:
        """Every receipt, the first one first."""
        with self._database.read() as connection:
            return receipts_in(connection)

    def fault(self) -> str | None:
        """What is wrong with the chain; None if nothing is.

        That the last ones are missing shows only to somebody who has kept one of them.
        """
        return chain_fault(self.all())


def receipts_in(connection: Connection) -> list[Receipt]:
    """Every receipt of a database, the first one first."""
    return [_receipt(row) for row in connection.execute(_ALL)]


def chain_fault(receipts: Iterable[Receipt]) -> str | None:
    """What is wrong with a chain from its first receipt on; None if nothing is."""
    end = End()
    for receipt in receipts:
        if (fault := _CHAIN.fault(end, receipt)) is not None:
            return fault
        end = End(receipt.number, receipt.hash)
    return None


def add_receipt(
    connection: Connection,
    tenant: str,
    deleted: Mapping[str, int],
    elsewhere: Sequence[str] = (),
    *,
    subject: str | None = None,
    report: dict[str, Any] | None = None,
) -> Receipt:
    """Write the receipt of an erasure, in the erasure's own transaction."""
    at = from_stamp(to_stamp(now()))
    fresh = Receipt(
        0, new_id(), tenant, at, dict(deleted), tuple(elsewhere), subject=subject, report=report
    )
    (receipt,) = linked(_CHAIN.end(connection), [fresh])
    connection.execute(
        _ADD,
        {
            **receipt._asdict(),
            "at": to_stamp(at),
            "deleted": json.dumps(receipt.deleted),
            "elsewhere": json.dumps(receipt.elsewhere),
            "report": json.dumps(report) if report else None,
        },
    )
    return receipt


def _receipt(row: Any) -> Receipt:
    return Receipt(
        row.number, row.id, row.tenant, from_stamp(row.at), json.loads(row.deleted),
        tuple(json.loads(row.elsewhere)), row.previous, row.hash, row.subject,
        json.loads(row.report) if row.report else None,
    )  # fmt: skip
