"""MemoryStore: one database of conversations and what is remembered of them."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import Connection

from memory.alerts import Alerts
from memory.articles import Articles
from memory.audit import AuditLog
from memory.background import Background
from memory.backups import back_up
from memory.cache import IndexCache
from memory.complaints import Complaints
from memory.customers import ITEMS, KNOWLEDGE, Owner, is_shared
from memory.database import Database, run
from memory.deeds import enter, key_of, pseudonym
from memory.deleting import delete_customer, delete_session
from memory.desk import Desk
from memory.digesting import Digesting
from memory.documents import Documents
from memory.embeddings import Encoder
from memory.errors import EmbeddingMismatch, StoreUnavailable
from memory.events import Events
from memory.exports import Exports
from memory.forgetting import Forgetting
from memory.indexes.translations import TranslationIndexes
from memory.insights import Insights
from memory.keys import Keys
from memory.labels import Labelling
from memory.migrations import migrate
from memory.operations import Operations
from memory.posts import Posts
from memory.rates import Rates
from memory.receipts import Receipt, Receipts
from memory.records import Records
from memory.retention import Retaining, Retention, Step
from memory.retrying import retried
from memory.rewriting import SMALL, rewrite
from memory.summaries import Summaries
from memory.transcript import Transcript
from memory.translations import Translations
from memory.turns import Turns
from memory.types import Scope, Update, Writer
from memory.watch import Watch

T = TypeVar("T")

_logger = logging.getLogger(__name__)

_META = text("SELECT value FROM meta WHERE name = :name")
_SET_META = text(
    "INSERT INTO meta (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = :value"
)
_UNSET_META = text("DELETE FROM meta WHERE name = :name")
_ANY_VECTOR = text(
    "SELECT 1 FROM vectors UNION ALL SELECT 1 FROM items WHERE vectors IS NOT NULL "
    "UNION ALL SELECT 1 FROM translations WHERE length(vector) > 0 LIMIT 1"
)
_EMBEDDED_BY = "embedding_model"
_TO_REWRITE = "to_rewrite"  # there from an erasure until no file has a word of it


class MemoryStore:
    """The rows of one database, and the caches over them that its memories share.

    Made by ``open_store``; safe to share between threads. The rows are reached through
    ``transcript`` (sessions, messages), ``turns``, ``records``, ``summaries``, ``articles``,
    ``documents``, ``posts``, ``translations`` and ``events``; ``labelling`` has what is read in
    messages, ``insights``, ``complaints`` and ``alerts`` what comes of that, ``operations`` tells
    how the service goes, ``desk`` who waits for a person, ``forgetting`` holds memories against a
    policy, ``digesting`` says who digests whom, ``exports`` takes a customer's out and in,
    ``retaining`` deletes what is too old, ``receipts`` are those of erasures, ``keys`` those of who
    may ask, ``rates`` counts how often somebody asks (None on SQLite, which one process serves),
    and ``audit`` is the log of who did what. ``watch`` is told of the work.
    """

    def __init__(self, database: Database, watch: Watch | None = None) -> None:
        self.database = database
        self.watch = watch or Watch()
        self.transcript = Transcript(database)
        self.turns = Turns(database)
        self.records = Records(database)
        self.summaries = Summaries(database)
        self.forgetting = Forgetting(database)
        self.articles = Articles(database)
        self.documents = Documents(database)
        self.translations = Translations(database)
        self.events = Events(database)
        self.labelling = Labelling(database)
        self.operations = Operations(database, self.labelling)
        self.desk = Desk(database)
        self.posts = Posts(database)
        self.insights = Insights(database)
        self.complaints = Complaints(database)
        self.alerts = Alerts(database)
        self.digesting = Digesting(database)
        self.keys = Keys(database)
        self.exports = Exports(database)
        self.receipts = Receipts(database)
        self.audit = AuditLog(database)
        self.rates = Rates(database) if database.path is None else None
        self.retaining = Retaining(database, self.audit)
        self._caches: dict[tuple[str, Writer, Update], IndexCache] = {}
        self._translated: dict[str, TranslationIndexes] = {}
        self._lock = threading.Lock()
        self._background = Background()
        # A program may end, or let go of this, without closing it.
        weakref.finalize(self, self._background.close)
        self.last_saved = threading.local()  # see StoredMemory.save_context

    @property
    def shared(self) -> bool:
        """Whether other processes may use the database too; SQLite's is one process's."""
        return self.database.dialect != "sqlite"

    # --- caches --------------------------------------------------------------------------

    def index_cache(self, encoder: Encoder, writer: Writer, update: Update) -> IndexCache:
        """The cache of customers' indexes for an embedding model, a writer and an update mechanism.

        Raises:
            EmbeddingMismatch: the stored vectors were made by another model.
        """
        name = (_label(encoder), writer, update)
        with self._lock:
            cache = self._caches.get(name)
            if cache is None:
                with self.database.read() as connection:
                    _embeds(connection, encoder)
                cache = self._caches[name] = IndexCache(
                    self.records, encoder, writer, update, watch=self.watch
                )
            return cache

    def translation_indexes(self, encoder: Encoder) -> TranslationIndexes:
        """The indexes over translations for an embedding model.

        Raises:
            EmbeddingMismatch: the stored vectors were made by another model.
        """
        name = _label(encoder)
        with self._lock:
            if name not in self._translated:
                with self.database.read() as connection:
                    _embeds(connection, encoder)
                self._translated[name] = TranslationIndexes(self.translations, encoder.dimension)
            return self._translated[name]

    @retried
    def check_embeddings(self, encoder: Encoder) -> None:
        """Remember the model that embeds here.

        Raises:
            EmbeddingMismatch: the stored vectors were made by another one.
        """
        with self.database.read() as connection:
            if _embeds(connection, encoder):
                return
        with self.database.write() as connection:
            if not _embeds(connection, encoder):
                connection.execute(_SET_META, {"name": _EMBEDDED_BY, "value": _label(encoder)})

    @retried
    def forget_vectors(self) -> None:
        """Drop every vector, so that another model can embed: each digest makes its own anew."""
        with self.database.write() as connection:
            # Their rows first, as everywhere: they are the lock.
            connection.execute(
                text("UPDATE customers SET embedded = 0, generation = generation + 1")
            )
            connection.execute(text("DELETE FROM vectors"))
            connection.execute(text("UPDATE items SET vectors = NULL"))
            connection.execute(text("UPDATE translations SET vector = NULL"))
            connection.execute(_UNSET_META, {"name": _EMBEDDED_BY})
        with self._lock:
            self._caches.clear()
            self._translated.clear()

    def owners(self) -> list[Owner]:
        """Every (tenant, customer) that has rows; a tenant's shared scopes are no customers."""
        return [owner for owner in self._scopes() if not is_shared(owner[1])]

    def knowing(self) -> list[str]:
        """The tenants that have articles, or had some."""
        return [tenant for tenant, name in self._scopes() if name == KNOWLEDGE]

    def cataloguing(self) -> list[str]:
        """The tenants that have items to recommend, or had some."""
        return [tenant for tenant, name in self._scopes() if name == ITEMS]

    def _scopes(self) -> list[Owner]:
        with self.database.read() as connection:
            rows = connection.execute(text("SELECT tenant, customer FROM customers ORDER BY 1, 2"))
            return [(row.tenant, row.customer) for row in rows]

    def lagging(self) -> list[Owner]:
        """The customers whose digest may have been left undone, by a crash say."""
        return [*self.digesting.lagging()]

    # --- deleting ------------------------------------------------------------------------

    @retried
    def delete_session(self, scope: Scope) -> dict[str, int]:
        """Delete a session with its records, vectors and summaries.

        Returns:
            How many rows of each table went; empty when there was no such session.
        """
        with self.database.write() as connection:
            counts = delete_session(connection, scope.owner, scope.session)
            if not any(counts.values()):
                return {}
            enter(connection)
        self._drop(scope.owner)
        self.in_background("scrub", self.database.scrub)
        return counts

    @retried
    def erase(self, owner: Owner, elsewhere: Sequence[str] = ()) -> Receipt | None:
        """Delete everything about a customer, in the database's files too.

        Args:
            owner: who.
            elsewhere: what may have learnt from the customer and is not in the database, by name;
                the receipt says so.

        Returns:
            The receipt, which is kept without the customer's name; None if nothing was stored.
        """
        with self.database.write() as connection:
            receipt = delete_customer(connection, owner, elsewhere)
            if receipt is None:
                return None
            connection.execute(_SET_META, {"name": _TO_REWRITE, "value": "1"})
        self._drop(owner)
        # On Postgres tables are locked for that.
        if self.database.dialect != "sqlite" or not self._rewritten():
            self.in_background("scrub", self.finish_erasing)
        return receipt

    def scrub(self, most_bytes: int | None = None) -> bool:
        """Bring what was deleted out of the database's files.

        They are written anew, and on SQLite the write-ahead log is emptied. Nobody else can write
        meanwhile, on Postgres not read the table either.

        Args:
            most_bytes: write nothing anew if there are more.

        Returns:
            False if there are more, or somebody was reading or writing all the time, and it is
            there still.

        Raises:
            StoreUnavailable: the database is in use all the time, or there is no room.
        """
        done = False
        try:
            done = rewrite(self.database, most_bytes)
        finally:
            emptied = self.database.scrub()
        if done and emptied:
            with self.database.write() as connection:
                connection.execute(_UNSET_META, {"name": _TO_REWRITE})
        return done and emptied

    def finish_erasing(self) -> None:
        """Do what a kill, a full disk or a reader has left undone of an erasure."""
        if self.get_meta(_TO_REWRITE) is None:
            self.database.scrub()
        elif not self._rewritten():
            _logger.warning(
                "what was erased may be in gaps of the database's files: run `memory-service scrub`"
            )

    def _rewritten(self) -> bool:
        """Bring it out of the files, where that is done quickly and can be done now."""
        try:
            return self.scrub(SMALL)
        except StoreUnavailable:
            return False

    def retain(self, policy: Retention) -> Iterator[Step]:
        """Delete what is older than it may be, a transaction a step (see ``Retaining.sweep``)."""
        taken = False
        for step in self.retaining.sweep(policy):
            if step.owner is not None:
                self._drop(step.owner)
            if step.deleted and not taken:
                self.set_meta(_TO_REWRITE, "1")
                taken = True
            yield step
        if taken:
            self.in_background("scrub", self.finish_erasing)

    def _drop(self, owner: Owner) -> None:
        with self._lock:
            for cache in self._caches.values():
                cache.drop(owner)
            for index in self._translated.values():
                index.drop(owner)

    def pseudonym(self, owner: Owner, kind: str) -> str | None:
        """A name of a customer's to keep outside of the database, of whatever kind.

        It is an HMAC under a key in the customer's row: the same as long as they are there, and
        nobody's once they are erased. None of one who is not there.
        """
        with self.database.read() as connection:
            return pseudonym(key_of(connection, owner), kind, owner[1])

    # --- names and values ----------------------------------------------------------------

    def get_meta(self, name: str) -> str | None:
        """A named value of this database."""
        with self.database.read() as connection:
            return connection.execute(_META, {"name": name}).scalar()

    @retried
    def set_meta(self, name: str, value: str) -> None:
        """Keep a named value with this database."""
        with self.database.write() as connection:
            connection.execute(_SET_META, {"name": name, "value": value})

    def backup(self, path: str | Path) -> None:
        """Copy the database, while it is in use, to a new private file (see ``back_up``)."""
        self.database.check_open()
        back_up(self.database, Path(path))

    # --- background ----------------------------------------------------------------------

    def in_background(self, name: Any, work: Callable[[], object], after: float = 0.0) -> None:
        """Run ``work`` after the turn, unless work of the same name is waiting already.

        It may wait for so many seconds ``after``, until somebody waits for it. While the store is
        being closed nothing is begun: the rows are stored, and the next process derives the rest
        from them.
        """
        if not self._background.add(name, partial(self._run, name, work), after):
            self.database.check_open()

    def _run(self, name: Any, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:  # the rows are safe, and the next digest does what this one could not
            what = name[0] if isinstance(name, tuple) else name  # and not whose
            what = getattr(what, "__name__", what)
            _logger.exception("what was done in the background failed: %s", what)
            self.watch.happened("background-failed")

    @property
    def waiting(self) -> int:
        """How much is done in the background, or waits for it."""
        return len(self._background)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything in the background is done."""
        self._background.wait(timeout)

    def close(self, *, finish: bool = True) -> None:
        """End what runs in the background and close the database.

        Whatever is asked of the store afterwards raises StoreError.

        Args:
            finish: do before what waits in the background; else it is left to the next process,
                which derives it from the rows.
        """
        self._background.close(finish=finish)
        self.audit.close()
        self.database.close()

    def __enter__(self) -> MemoryStore:
        """Use it as a context manager: it is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _embeds(connection: Connection, encoder: Encoder) -> bool:
    """Whether this model is known to embed here; EmbeddingMismatch if vectors are another's."""
    ours = _label(encoder)
    rows = run(connection, _META, {"name": _EMBEDDED_BY}).fetchall()
    stored = rows[0][0] if rows else None
    if stored not in (None, ours) and connection.execute(_ANY_VECTOR).first() is not None:
        msg = (
            f"the stored vectors were made by {stored}, this memory embeds with {ours}: "
            "use that model again, or make all vectors anew with "
            "`memory-service doctor --reembed`"
        )
        raise EmbeddingMismatch(msg)
    return bool(stored == ours)


def _label(encoder: Encoder) -> str:
    return f"{encoder.name} ({encoder.dimension})"


def open_store(url: str = "sqlite://", watch: Watch | None = None) -> MemoryStore:
    """Open the database at ``url`` and bring its schema up to date.

    Args:
        url: ``sqlite:///chat.db`` (relative), ``sqlite:////var/lib/chat.db`` (absolute),
            ``postgresql+psycopg://user:password@host/name``, or ``sqlite://`` for a private
            file that is gone when the store is closed.
        watch: is told of the memory's work.

    Raises:
        StoreError: the URL is no database's; NotADatabase, SchemaTooNew, StoreUnavailable.
    """
    database = Database(url)
    try:
        migrate(database)
        store = MemoryStore(database, watch)
        if database.presence is not None and database.presence.alone:
            store.turns.settle(alone=True)
            database.presence.settled()
    except BaseException:
        database.close()
        raise
    return store
