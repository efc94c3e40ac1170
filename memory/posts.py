"""Texts that are not conversations, such as news and posts, with what a classifier reads in them.

They are records of a scope of their tenant's own beside its customers' (``customers.POSTS``), so
that no customer's memory has them. They are counted and listed, and have no vectors: nobody looks
for what bears on a question there. A record's session is its collection.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from memory import customers
from memory.changes import insert
from memory.clock import from_stamp
from memory.customers import POSTS, WHERE, Owner, key
from memory.database import Database
from memory.deeds import enter
from memory.documents import ID_LIMIT
from memory.labels import labels_from
from memory.retrying import retried
from memory.transcript import dump
from memory.types import Labels, Record, check_name, check_text
from memory.writers import record_id

ROLE = "post"

_DELETE = text(f"DELETE FROM records {WHERE} AND id = :id")
_LAST = text(
    f"SELECT seq, text, session, at, document FROM records {WHERE} AND seq < :before "
    "ORDER BY seq DESC LIMIT :limit"
)
# Nothing waits for a digest here.
_DONE = text(f"UPDATE customers SET written = seq, embedded = seq {WHERE}")


class Post(NamedTuple):
    """A text with where it is from, what it is about, and what was read in it.

    ``id`` names it within its tenant; ``seq``, which the store gives, orders them.
    """

    id: str
    text: str
    at: datetime
    collection: str
    product: str | None = None
    labels: Labels | None = None
    seq: int = 0

    def record(self) -> Record:
        """As it is kept; InvalidInput if a database could not hold it."""
        check_name("document id", self.id, ID_LIMIT)
        check_name("collection", self.collection)
        kept = {"product": self.product, "labels": self.labels}
        return Record(
            id=_record(self.id), text=check_text(self.text), messages=(), session=self.collection,
            role=ROLE, at=self.at, source="person", document={"id": self.id, "metadata": kept},
        )  # fmt: skip


class Posts:
    """The posts of a database. Each method that writes does all of it, or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def put(self, tenant: str, posts: Sequence[Post]) -> None:
        """File posts, of an id each; one whose id is there takes its place."""
        owner = _owner(check_name("tenant", tenant))
        records = [post.record() for post in posts]
        with self._database.write() as connection:
            customers.allocate(connection, owner, 1)  # first: its lock orders the scope
            for record in records:
                connection.execute(_DELETE, key(owner, id=record.id))
            insert(connection, owner, records)
            connection.execute(_DONE, key(owner))
            enter(connection, ", ".join(post.id for post in posts))

    @retried
    def remove(self, tenant: str, post_id: str) -> bool:
        """Delete a post; whether there was one."""
        owner = _owner(tenant)
        with self._database.write() as connection:
            customers.lock(connection, owner)
            gone = connection.execute(_DELETE, key(owner, id=_record(post_id))).rowcount
            if gone:
                enter(connection, post_id)
        return bool(gone)

    def newest(self, tenant: str, limit: int, before: int | None = None) -> list[Post]:
        """The last ``limit`` posts that were filed before a sequence number, newest first."""
        values = key(_owner(tenant), limit=limit, before=before or 2**62)
        with self._database.read() as connection:
            return [post_from(row) for row in connection.execute(_LAST, values)]


def post_from(row: Any) -> Post:
    """A post of a row with ``seq``, ``text``, ``session``, ``at`` and ``document``."""
    document = json.loads(row.document)
    kept = document["metadata"]
    return Post(
        document["id"], row.text, from_stamp(row.at), row.session, kept["product"],
        labels_from(dump(kept["labels"])), row.seq,
    )  # fmt: skip


def _owner(tenant: str) -> Owner:
    return tenant, POSTS


def _record(post_id: str) -> str:
    return record_id(ROLE, (), post_id)
