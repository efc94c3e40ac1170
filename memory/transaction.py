"""A transaction of SQLite's, on a connection that is kept for the next one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection, Engine

from memory.advice import explained


class Transaction:
    """A transaction of SQLite's on a connection that is kept for the next one.

    SQLAlchemy's pool and its beginning and ending take longer than what a turn reads, and so do
    generators as context managers.

    Args:
        engine: where a connection comes from, if none is kept.
        check_open: raises if the database was closed.
        begin: the statement that begins it.
        kept: connections that are kept; one is taken, and put back.
        most: how many are kept at most.
        lock: held until it ends, if one is given.
    """

    __slots__ = (
        "_begin", "_check_open", "_connection", "_driver", "_engine", "_kept", "_lock", "_most",
        "_pool",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        check_open: Callable[[], None],
        begin: str,
        kept: list[Connection],
        most: int,
        lock: threading.RLock | None = None,
    ) -> None:
        self._engine, self._check_open, self._begin = engine, check_open, begin
        self._kept, self._most, self._lock = kept, most, lock

    def __enter__(self) -> Connection:
        if self._lock is not None:
            self._lock.acquire()
        try:
            self._check_open()  # it may have been closed while this waited
            self._pool = self._engine.pool
            self._connection = taken(self._kept) or self._engine.connect()
            self._driver = driver_of(self._connection)
            try:
                self._driver.execute(self._begin)
            except BaseException as error:
                self._undo(error)
                raise
        except BaseException:
            self._release()
            raise
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if error is None:
                try:
                    self._driver.execute("COMMIT")
                except BaseException as failed:
                    self._undo(failed)
                    raise
            else:
                self._undo(error)
                return
            if self._engine.pool is self._pool and len(self._kept) < self._most:
                self._kept.append(self._connection)
            else:  # the engine was disposed of meanwhile, or there are enough
                self._connection.close()
        finally:
            self._release()

    def _undo(self, error: BaseException) -> None:
        """Roll it back; raise in the error's place the one that says what to do, if there is."""
        self._driver.rollback()
        self._connection.close()
        if isinstance(error, sqlite3.Error) and (found := explained(error)):
            raise found from error

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def taken(kept: list[Connection]) -> Connection | None:
    """The connection that was used last: its pages are there still."""
    try:
        return kept.pop()  # not a look and then a pop: other threads read too
    except IndexError:
        return None


def driver_of(connection: Connection) -> Any:
    """The driver's own connection."""
    return connection.connection.driver_connection
