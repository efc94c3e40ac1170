"""One database behind a URL: its connections, and its transactions.

SQLite's writers of one process queue on a lock instead of polling SQLite's, so that nobody starves.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from memory import postgres, sqlite
from memory.advice import explain
from memory.breaker import Breaker
from memory.clock import now, to_stamp
from memory.errors import CircuitOpen, StoreError, StoreUnavailable
from memory.presence import Presence
from memory.transaction import Transaction, driver_of, taken

_IN_USE = "all connections to the database are in use: try again"
_IDLE = 8  # most of SQLite's connections that are kept for reading

# More than a page of any database, so that a full one has no room for it.
_TRY = sa.text(
    f"INSERT INTO meta (name, value) VALUES ('tried to write', '{'x' * 40_000}') "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_CLOCK = sa.text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)")
_NOT_DURABLE = sa.text("SET LOCAL synchronous_commit TO off")
_UNTRY = sa.text("DELETE FROM meta WHERE name = 'tried to write'")


def run(
    connection: Connection,
    statement: sa.TextClause,
    values: dict[str, Any] | list[dict[str, Any]],
) -> Any:
    """Execute one of the statements that every turn makes; returns a cursor.

    On SQLite by the driver itself: SQLAlchemy's work around a statement takes longer than the
    statement, and with cold caches all of a turn's took longer than its commit.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, values)
    driver, sql = driver_of(connection), statement.text
    if isinstance(values, list):
        return driver.executemany(sql, values)
    if list in map(type, values.values()):
        sql, values = _listed(sql, values)
    return driver.execute(sql, values)


def _listed(sql: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A statement with a parameter for each item of a list (``IN :names``), which SQLite needs."""
    for name, items in [(n, v) for n, v in values.items() if isinstance(v, list)]:
        each = {f"{name}_{i}": item for i, item in enumerate(items)}
        sql = re.sub(rf":{name}\b", f"({', '.join(f':{one}' for one in each)})", sql)
        values = {**{n: v for n, v in values.items() if n != name}, **each}
    return sql, values


def clock(connection: Connection) -> int:
    """The time by which leases run out, in microseconds since 1970.

    Postgres's own: several machines use it, and their clocks need not agree.
    """
    if connection.dialect.name == "sqlite":
        return to_stamp(now())
    return int(connection.execute(_CLOCK).scalar_one())


def new_id() -> str:
    """An id for a message or a turn."""
    return os.urandom(16).hex()


class Database:
    """An engine with one way to read and one way to write."""

    def __init__(self, url: str) -> None:
        """Open ``url`` (``sqlite:///file.db``, ``sqlite://`` or ``postgresql+psycopg://...``).

        ``sqlite://`` is a private file that is gone when it is closed.

        Raises:
            StoreError: the URL cannot be used; the message says what it should look like.
        """
        self._local = threading.local()  # the connection that this thread is reading with
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        # SQLite has one writer at a time. Its connection is kept, because another's would have
        # to read the pages again that this one has just written.
        self._writer = threading.RLock()
        self._kept: list[Connection] = []
        self._idle: list[Connection] = []  # for reading
        self._closed = False
        self.breaker = Breaker("the database's server")
        self.presence: Presence | None = None  # of this process, where the database is a file
        parsed = _parse(url)
        self.dialect = parsed.get_backend_name()
        self.path: Path | None = None
        if self.dialect == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                self._folder = tempfile.TemporaryDirectory(prefix="memory-")
                parsed = parsed.set(database=str(Path(self._folder.name) / "memory.db"))
            self.path = Path(str(parsed.database))
            sqlite.create_private(self.path)
            sqlite.check_whole(self.path)
            self.presence = Presence(self.path.parent)
            self.engine = sa.create_engine(
                parsed,
                pool_size=16,
                max_overflow=48,
                pool_use_lifo=True,  # the one that was used last has its pages still
                connect_args={"timeout": sqlite.BUSY_SECONDS, "check_same_thread": False},
                hide_parameters=True,  # an error is not to repeat what was said
            )
            sa.event.listen(self.engine, "connect", sqlite.configure)
            # Weakly: a connection that is kept keeps the engine, and that would keep this.
            let_go = weakref.WeakMethod(self._let_go)
            sa.event.listen(
                self.engine, "engine_disposed", lambda _: (method := let_go()) and method()
            )
        else:
            self.engine, most = postgres.connect(parsed)
            # A few are left to those who write: who reads may find that he has to, and would wait
            # for others who read and wait for the same.
            self._readers = threading.BoundedSemaphore(most - max(most // 5, 1))
        sa.event.listen(self.engine, "handle_error", explain)
        # Of Postgres: on SQLite every transaction is a snapshot.
        self._snapshots = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def check_open(self) -> None:
        """Raise StoreError if it was closed: the engine would connect anew, and store on."""
        if self._closed:
            msg = "the store is closed: open it again with open_store, and close it at the end"
            raise StoreError(msg)

    def connections(self) -> tuple[int, int]:
        """How many connections are in use, and how many are kept for the next who needs one."""
        pool: Any = self.engine.pool  # QueuePool: a server's, or a file's
        kept = len(self._kept) + len(self._idle)
        return max(pool.checkedout() - kept, 0), pool.checkedin() + kept

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose reads all see the same state; one within another is the same."""
        outer: Connection | None = getattr(self._local, "connection", None)
        if outer is not None:
            yield outer
            return
        self.check_open()
        with self._snapshot() as connection:
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = None

    def write(self, *, durable: bool = True) -> contextlib.AbstractContextManager[Connection]:
        """A transaction: all of it is durable when the block ends, or none of it.

        Without ``durable`` Postgres may forget it when it dies; others see it all the same.
        """
        self.check_open()
        if self.dialect == "sqlite":
            # IMMEDIATE: a deferred transaction that turns into a write can fail half-way.
            return Transaction(
                self.engine, self.check_open, "BEGIN IMMEDIATE", self._kept, 1, self._writer
            )
        return self._written(durable=durable)

    @contextlib.contextmanager
    def _written(self, *, durable: bool) -> Iterator[Connection]:
        """A transaction of Postgres's."""
        with self._begun(self.engine) as connection:
            if not durable:
                connection.execute(_NOT_DURABLE)
            yield connection

    def at_once(self) -> contextlib.AbstractContextManager[Connection]:
        """A connection to Postgres each of whose statements is a transaction of its own."""
        self.check_open()
        return self._connected(self._autocommit)

    def try_write(self, patience: float) -> None:
        """Write something that needs room, and take it away again.

        Args:
            patience: seconds that it may take to get to write.

        Raises:
            StoreError: a write would not succeed now; the message says why.
        """
        self.check_open()
        if not self._writer.acquire(timeout=patience):
            msg = "the database is busy: another process or a long write holds it"
            raise StoreUnavailable(msg)
        try:
            with self._connected(self.engine) as connection, _patient(connection, patience):
                connection.execute(_TRY)
                connection.execute(_UNTRY)
        finally:
            self._writer.release()

    def _snapshot(self) -> contextlib.AbstractContextManager[Connection]:
        if self.dialect == "sqlite":
            return Transaction(self.engine, self.check_open, "BEGIN", self._idle, _IDLE)
        return self._seen()

    @contextlib.contextmanager
    def _seen(self) -> Iterator[Connection]:
        """A snapshot of Postgres's."""
        if not self._readers.acquire(timeout=postgres.PATIENCE):
            raise StoreUnavailable(_IN_USE)
        try:
            with self._begun(self._snapshots) as connection:
                yield connection
        finally:
            self._readers.release()

    @contextlib.contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        with self._connected(engine) as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        """A connection; a server that is away is not asked for one again and again."""
        try:
            call = self.breaker.begin()
        except CircuitOpen as error:
            unavailable = StoreUnavailable(str(error))
            unavailable.retry_after = error.retry_after
            raise unavailable from error
        try:
            connection = engine.connect()
        except sa.exc.TimeoutError as error:
            call.dropped()
            raise StoreUnavailable(_IN_USE) from error
        except StoreUnavailable:
            call.failed()
            raise
        except BaseException:
            call.dropped()
            raise
        call.succeeded()
        with connection:
            yield connection

    def _let_go(self) -> None:
        """Close the connections that are kept, when the others are closed."""
        with self._writer:
            for kept in (self._kept, self._idle):
                while (connection := taken(kept)) is not None:
                    connection.invalidate()
                    connection.close()

    def vacuum(self) -> None:
        """Write a SQLite database anew (see ``sqlite.vacuum``); nobody else writes meanwhile."""
        self.check_open()
        with self._writer, self.engine.connect() as connection:
            sqlite.vacuum(driver_of(connection))

    def scrub(self) -> bool:
        """Bring what was deleted out of the files: on SQLite, empty the write-ahead log.

        Returns:
            False if somebody was reading or writing all the time, and it is there still.

        Raises:
            StoreError: the files cannot be written.
        """
        self.check_open()
        if self.path is None:
            return True
        with self.engine.connect() as connection:
            return sqlite.empty_log(driver_of(connection), self.path)

    def close(self) -> None:
        """Close every connection; a private file is deleted."""
        with self._writer:
            self._closed = True
        self.engine.dispose()
        if self.presence is not None:
            self.presence.close()
        if self._folder is not None:
            self._folder.cleanup()


def _parse(url: object) -> URL:
    if not isinstance(url, (str, URL)):
        msg = (
            f"{url!r} is no database's address: "
            "give sqlite:///path/to/file.db or postgresql+psycopg://user:password@host/name"
        )
        raise StoreError(msg)
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        msg = (
            f"{str(url).split('://')[0]!r} is no database this can use: "
            "give sqlite:///path/to/file.db or postgresql+psycopg://user:password@host/name"
        )
        raise StoreError(msg)
    return parsed


@contextlib.contextmanager
def _patient(connection: Connection, seconds: float) -> Iterator[None]:
    """A transaction that waits for others no longer than so many seconds."""
    if connection.dialect.name != "sqlite":
        with connection.begin():
            connection.exec_driver_sql(f"SET LOCAL statement_timeout={int(seconds * 1000)}")
            yield
        return
    with connection.begin():
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(seconds * 1000)}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
        finally:  # others get this connection after us
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(sqlite.BUSY_SECONDS * 1000)}")
