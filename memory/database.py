"""One database behind a URL: connections, transactions, and errors that say what to do.

SQLite is opened in WAL mode with ``synchronous=FULL``: what was committed survives a power
cut. Writers of one process queue on a lock instead of polling SQLite's, so that nobody starves.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from memory.errors import NotADatabase, StoreError, StoreUnavailable

BUSY_SECONDS = 5.0  # how long a write waits for another process's lock

_UNAVAILABLE = (
    ("locked", "another process holds the database: try again, or stop that process"),
    ("readonly", "the database is read-only: give this user the right to write it"),
    ("read-only", "the database is read-only: give this user the right to write it"),
    ("disk is full", "the disk is full: free some space and try again"),
    ("disk i/o error", "the disk failed or is full: check it and try again"),
    ("unable to open", "the database file cannot be opened: check that its folder is there"),
)


def new_id() -> str:
    """An id for a message or a turn."""
    return uuid.uuid4().hex


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
        self._writer: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        parsed = _parse(url)
        self.dialect = parsed.get_backend_name()
        self.path: Path | None = None
        if self.dialect == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                self._folder = tempfile.TemporaryDirectory(prefix="memory-")
                parsed = parsed.set(database=str(Path(self._folder.name) / "memory.db"))
            self.path = Path(str(parsed.database))
            _create_private(self.path)
            self._writer = threading.RLock()
            self.engine = sa.create_engine(
                parsed,
                pool_size=16,
                max_overflow=48,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            )
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = _postgres(parsed)
        sa.event.listen(self.engine, "handle_error", _explain)
        self._writing = self.engine.execution_options(immediate=True)
        self._reading = self.engine.execution_options(immediate=False)
        if self.dialect == "postgresql":
            self._reading = self._reading.execution_options(isolation_level="REPEATABLE READ")

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose reads all see the same state; one within another is the same."""
        outer: Connection | None = getattr(self._local, "connection", None)
        if outer is not None:
            yield outer
            return
        with self._reading.begin() as connection:
            self._local.connection = connection
            try:
                yield connection
            finally:
                self._local.connection = None

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is durable when the block ends, or none of it."""
        with self._writer, self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection; a private file is deleted."""
        self.engine.dispose()
        if self._folder is not None:
            self._folder.cleanup()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        msg = (
            f"{url.split('://')[0]!r} is no database this can use: "
            "give sqlite:///path/to/file.db or postgresql+psycopg://user:password@host/name"
        )
        raise StoreError(msg)
    return parsed


def _postgres(url: URL) -> Engine:
    if url.drivername == "postgresql":  # SQLAlchemy's default driver is one we do not install
        url = url.set(drivername="postgresql+psycopg")
    try:
        return sa.create_engine(url, pool_size=16, max_overflow=48, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        msg = "Postgres needs its driver: pip install 'langchain-memory-service[postgres]'"
        raise StoreError(msg) from error


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only, before SQLite would make it for everybody."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, stat.S_IRUSR | stat.S_IWUSR))
    except OSError as error:
        msg = f"{path} cannot be opened: {error.strerror}"
        raise StoreUnavailable(msg) from error


def _configure_sqlite(raw: Any, _record: Any) -> None:
    raw.isolation_level = None  # transactions are begun in _begin_sqlite
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={int(BUSY_SECONDS * 1000)}",
        "secure_delete=ON",  # what is deleted is overwritten
        "temp_store=MEMORY",
    ):
        raw.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a deferred transaction that turns into a write can fail half-way.
    immediate = connection.get_execution_options()["immediate"]
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _explain(context: Any) -> None:
    """Turn the driver's error into one that says what to do (SQLAlchemy's handle_error)."""
    error = context.original_exception
    text = str(error).strip()
    lowered = text.lower()
    if "file is not a database" in lowered or "malformed" in lowered:
        msg = f"the file is not a database, or is damaged ({text}): restore a backup"
        raise NotADatabase(msg) from error
    for sign, advice in _UNAVAILABLE:
        if sign in lowered:
            msg = f"{advice} ({text})"
            raise StoreUnavailable(msg) from error
    wrapped = context.sqlalchemy_exception
    if context.is_disconnect or (
        isinstance(wrapped, DBAPIError) and type(error).__name__ == "OperationalError"
    ):
        msg = f"the database is not available: {text}"
        raise StoreUnavailable(msg) from error
