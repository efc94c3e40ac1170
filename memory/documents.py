"""What a program has filed: documents of a scope, as records with their vectors.

A document is a record like any other, so that recall finds it, an export has it and an erasure
takes it. Its session is the collection that it was filed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory import customers
from memory.changes import RECORD_COLUMNS, insert, record_from
from memory.clock import now
from memory.customers import WHERE, Owner, key
from memory.database import Database
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.indexes.lexical import terms
from memory.retrying import retried
from memory.types import Floats, Record, Scope, check_name, check_text
from memory.writers import record_id

ROLE = "document"
ID_LIMIT = 400  # characters
_AT_ONCE = 500  # ids in a statement

_IDS: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
_KNOWN = text(f"SELECT {RECORD_COLUMNS} FROM records {WHERE} AND id IN :ids").bindparams(_IDS)
_DELETE_VECTORS = text(
    f"DELETE FROM vectors {WHERE} AND seq IN (SELECT seq FROM records {WHERE} AND id IN :ids)"
).bindparams(_IDS)
_DELETE = text(f"DELETE FROM records {WHERE} AND id IN :ids").bindparams(_IDS)
_NUMBERS = text(f"SELECT seq, id FROM records {WHERE} AND seq >= :first")
_ADD_VECTOR = text(
    "INSERT INTO vectors (tenant, customer, seq, vector) VALUES (:tenant, :customer, :seq, :vector)"
)
# Where nothing waited for a digest, nothing does now.
_NOTHING_WAITS = text(
    "UPDATE customers SET written = CASE WHEN written >= :before THEN seq ELSE written END, "
    f"embedded = CASE WHEN embedded >= :before THEN seq ELSE embedded END {WHERE}"
)


def record_of(scope: Scope, document_id: str, said: str, metadata: Mapping[str, Any]) -> Record:
    """The record of a document; filed again under its id, it takes the place of the one before.

    Raises:
        InvalidInput: a database could not hold it, or its metadata is not JSON.
    """
    return Record(
        id=id_of(scope, document_id), text=check_text(said), messages=(), session=scope.session,
        role=ROLE, at=now(), terms=tuple(terms(said)), source="person",
        document=check_document(document_id, metadata),
    )  # fmt: skip


def id_of(scope: Scope, document_id: str) -> str:
    """The id of a document's record: the same document id may be in other sessions, too."""
    return record_id(ROLE, (scope.session,), document_id)


def check_document(document_id: Any, metadata: Any) -> dict[str, Any]:
    """What is kept of a document beside its text; InvalidInput if it cannot be kept."""
    check_name("document id", document_id, ID_LIMIT)
    try:
        kept = json.loads(json.dumps(dict(metadata), allow_nan=False))
    except (TypeError, ValueError) as error:
        msg = f"the metadata of document {document_id!r} cannot be kept as JSON: {error}"
        raise InvalidInput(msg) from error
    check_text(json.dumps(kept, ensure_ascii=False))
    return {"id": document_id, "metadata": kept}


class Documents:
    """The documents of a database. Each method that writes does all of it, or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, owner: Owner, ids: Sequence[str]) -> dict[str, Record]:
        """Records by their ids, those that are there."""
        with self._database.read() as connection:
            return {
                record.id: record
                for some in _batched(ids)
                for record in map(record_from, connection.execute(_KNOWN, key(owner, ids=some)))
            }

    @retried
    def put(self, owner: Owner, records: Sequence[Record], vectors: Floats) -> None:
        """File records of ``record_of``, of an id each, with their vectors (n, d)."""
        if not records:
            return
        by_id = {record.id: vector for record, vector in zip(records, vectors, strict=True)}
        with self._database.write() as connection:
            # First: its lock orders everything else of this scope.
            first, _ = customers.allocate(connection, owner, 1)
            if _delete(connection, owner, list(by_id)):
                customers.move_generation(connection, owner)
            insert(connection, owner, records)
            rows = connection.execute(_NUMBERS, key(owner, first=first)).all()
            connection.execute(
                _ADD_VECTOR,
                [
                    key(owner, seq=row.seq, vector=by_id[row.id].astype(np.float16).tobytes())
                    for row in rows
                ],
            )
            connection.execute(_NOTHING_WAITS, key(owner, before=first - 1))
            enter(connection)

    @retried
    def remove(self, owner: Owner, ids: Sequence[str]) -> int:
        """Delete documents by their records' ids; how many there were."""
        with self._database.write() as connection:
            customers.lock(connection, owner)
            gone = _delete(connection, owner, ids)
            if gone:
                customers.move_generation(connection, owner)
                enter(connection)
        return gone


def _delete(connection: Connection, owner: Owner, ids: Sequence[str]) -> int:
    gone = 0
    for some in _batched(ids):
        connection.execute(_DELETE_VECTORS, key(owner, ids=some))
        gone += connection.execute(_DELETE, key(owner, ids=some)).rowcount
    return gone


def _batched(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield list(ids[start : start + _AT_ONCE])
