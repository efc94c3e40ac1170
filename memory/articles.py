"""What the company has written: articles with their versions, as rows.

An article's passages are records, with their vectors, of a scope of the tenant's own beside its
customers' (``customers.KNOWLEDGE``), so that the indexes and their cache work as for a customer.
A record's session is its article's source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers
from memory.changes import insert
from memory.clock import from_stamp, now, to_stamp
from memory.customers import KNOWLEDGE, WHERE, Owner, key
from memory.database import Database, run
from memory.deeds import enter
from memory.errors import InvalidInput
from memory.indexes.lexical import terms
from memory.retrying import retried
from memory.transcript import dump
from memory.types import Floats, Record, check_name, check_text
from memory.writers import record_id

SOURCE_LIMIT = 400  # characters
TITLE_LIMIT = 300
MOST_PASSAGES = 20_000  # of one article

_COLUMNS = "seq, source, version, title, hash, passages, added, replaced"
_ADD = text(
    f"INSERT INTO articles (tenant, {_COLUMNS}) VALUES "
    "(:tenant, :seq, :source, :version, :title, :hash, :passages, :added, NULL)"
)
_VERSIONS = text(
    f"SELECT {_COLUMNS} FROM articles WHERE tenant = :tenant AND source = :source "
    "ORDER BY version DESC"
)
_IN_FORCE = text(
    f"SELECT {_COLUMNS} FROM articles WHERE tenant = :tenant AND replaced IS NULL "
    "AND seq < :before ORDER BY seq DESC LIMIT :limit"
)
_ANY = text("SELECT 1 FROM articles WHERE tenant = :tenant AND replaced IS NULL LIMIT 1")
_REPLACE = text(
    "UPDATE articles SET replaced = :at "
    "WHERE tenant = :tenant AND source = :source AND replaced IS NULL"
)
_DELETE = text("DELETE FROM articles WHERE tenant = :tenant AND source = :source")
_VECTORS = text(
    "SELECT r.id, v.vector FROM records r JOIN vectors v "
    "ON v.tenant = r.tenant AND v.customer = r.customer AND v.seq = r.seq "
    "WHERE r.tenant = :tenant AND r.customer = :customer AND r.session = :source"
)
_DELETE_VECTORS = text(
    f"DELETE FROM vectors {WHERE} AND seq IN "
    f"(SELECT seq FROM records {WHERE} AND session = :source)"
)
_DELETE_RECORDS = text(f"DELETE FROM records {WHERE} AND session = :source")
_NUMBERS = text(f"SELECT seq, id FROM records {WHERE} AND seq >= :first")
_ADD_VECTOR = text(
    "INSERT INTO vectors (tenant, customer, seq, vector) VALUES (:tenant, :customer, :seq, :vector)"
)
# Only if nothing before waits to be embedded, as after a change of the model.
_EMBEDDED = text(f"UPDATE customers SET embedded = seq {WHERE} AND embedded >= :before")


@dataclass(frozen=True, slots=True)
class Article:
    """A piece of the company's knowledge, in passages.

    ``source`` names it within its tenant: a path, a URL, an id. The store gives the rest: its
    ``version``, from 1; ``hash``, of title and passages; ``added_at``, and ``replaced_at`` when
    the next version came; ``seq`` orders a tenant's articles.

    Raises:
        InvalidInput: a database could not hold it, or there is nothing in it.
    """

    source: str
    title: str
    passages: tuple[str, ...]
    version: int = 0
    hash: str = ""
    added_at: datetime | None = None
    replaced_at: datetime | None = None
    seq: int = 0

    def __post_init__(self) -> None:
        check_name("source", self.source, SOURCE_LIMIT)
        check_name("title", self.title, TITLE_LIMIT)
        if not self.passages:
            msg = f"{self.source} has no text: there is nothing to know from it"
            raise InvalidInput(msg)
        if len(self.passages) > MOST_PASSAGES:
            msg = f"{self.source} has more than {MOST_PASSAGES:,} passages: split it into several"
            raise InvalidInput(msg)
        for passage in self.passages:
            check_text(passage)
        if not self.hash:
            said = json.dumps([self.title, self.passages])
            made = hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
            object.__setattr__(self, "hash", made)

    def records(self) -> list[Record]:
        """A record of each passage that is not there twice.

        Its id depends on source, title and text alone: what a new version leaves as it was is the
        same record.
        """
        at = self.added_at or now()
        return [
            Record(
                id=record_id("article", (self.source, self.title), passage),
                text=passage, messages=(), session=self.source, role="article", at=at,
                terms=tuple(terms(f"{self.title}\n{passage}")), speaker=self.title,
            )
            for passage in dict.fromkeys(self.passages)
        ]  # fmt: skip


def owner_of(tenant: str) -> Owner:
    """The scope of a tenant's articles."""
    return tenant, KNOWLEDGE


class Articles:
    """The articles of a database. Each method that writes does all of it, or nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def any(self, tenant: str) -> bool:
        """Whether a tenant has any."""
        with self._database.read() as connection:
            return bool(run(connection, _ANY, {"tenant": tenant}).fetchall())

    def newest(self, tenant: str, limit: int, before: int | None = None) -> list[Article]:
        """The last ``limit`` articles in force before a sequence number, newest first."""
        values = {"tenant": tenant, "limit": limit, "before": before or 2**62}
        with self._database.read() as connection:
            return [_article(row) for row in connection.execute(_IN_FORCE, values)]

    def versions(self, tenant: str, source: str) -> list[Article]:
        """The versions of an article, the one in force first; empty if there is none."""
        with self._database.read() as connection:
            return _versions(connection, tenant, source)

    def vectors(self, tenant: str, source: str) -> dict[str, Floats]:
        """The vectors (d,) of an article's passages by their records' ids."""
        with self._database.read() as connection:
            rows = connection.execute(_VECTORS, key(owner_of(tenant), source=source)).all()
        return {
            row.id: np.frombuffer(row.vector, dtype=np.float16).astype(np.float32) for row in rows
        }

    @retried
    def put(
        self, tenant: str, articles: Sequence[Article], vectors: Mapping[str, Floats]
    ) -> list[Article]:
        """Add articles, each as a new version where its source is there with other content.

        Args:
            tenant: whose.
            articles: of a source each.
            vectors: (d,) of every record of theirs, by its id.

        Returns:
            Them as they are stored; one that is there with the same content stays as it is.
        """
        check_name("tenant", tenant)
        with self._database.write() as connection:
            stored = [_put(connection, tenant, article, vectors) for article in articles]
            if stored:
                enter(connection, ", ".join(article.source for article in stored))
        return stored

    @retried
    def remove(self, tenant: str, source: str) -> Article | None:
        """Delete an article with all its versions; what was in force, None if there is none."""
        with self._database.write() as connection:
            customers.lock(connection, owner_of(tenant))
            known = _versions(connection, tenant, source)
            if not known:
                return None
            connection.execute(_DELETE, {"tenant": tenant, "source": source})
            _drop(connection, owner_of(tenant), source)
            enter(connection, source)
        return known[0]


def _put(
    connection: Connection, tenant: str, article: Article, vectors: Mapping[str, Floats]
) -> Article:
    owner = owner_of(tenant)
    # First: its lock orders everything else of this scope.
    seq, _ = customers.allocate(connection, owner, 1)
    known = _versions(connection, tenant, article.source)
    if not known or known[0].hash != article.hash:
        article = _stored(connection, tenant, article, seq, known, vectors)
    else:
        article = known[0]
    connection.execute(_EMBEDDED, key(owner, before=seq - 1))
    return article


def _stored(
    connection: Connection,
    tenant: str,
    article: Article,
    seq: int,
    known: list[Article],
    vectors: Mapping[str, Floats],
) -> Article:
    owner = owner_of(tenant)
    at = now()
    version = known[0].version + 1 if known else 1
    article = replace(article, version=version, added_at=at, seq=seq, replaced_at=None)
    if known:
        values = {"tenant": tenant, "source": article.source, "at": to_stamp(at)}
        connection.execute(_REPLACE, values)
        _drop(connection, owner, article.source)
    connection.execute(
        _ADD,
        {"tenant": tenant, "seq": seq, "source": article.source, "version": version,
         "title": article.title, "hash": article.hash, "passages": dump(article.passages),
         "added": to_stamp(at)},
    )  # fmt: skip
    insert(connection, owner, article.records())
    rows = connection.execute(_NUMBERS, key(owner, first=seq)).all()
    connection.execute(
        _ADD_VECTOR,
        [
            key(owner, seq=row.seq, vector=vectors[row.id].astype(np.float16).tobytes())
            for row in rows
        ],
    )
    return article


def _drop(connection: Connection, owner: Owner, source: str) -> None:
    """Delete an article's passages; caches and prompts do without them."""
    connection.execute(_DELETE_VECTORS, key(owner, source=source))
    connection.execute(_DELETE_RECORDS, key(owner, source=source))
    customers.move_generation(connection, owner)


def _versions(connection: Connection, tenant: str, source: str) -> list[Article]:
    values = {"tenant": tenant, "source": source}
    return [_article(row) for row in connection.execute(_VERSIONS, values)]


def _article(row: Row[Any]) -> Article:
    return Article(
        row.source, row.title, tuple(json.loads(row.passages)), row.version, row.hash,
        from_stamp(row.added), None if row.replaced is None else from_stamp(row.replaced), row.seq,
    )  # fmt: skip
