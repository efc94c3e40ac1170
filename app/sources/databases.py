"""Other programs' databases, which are only read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from memory import InvalidInput

MAGIC = b"SQLite format 3\x00"
_PATIENCE = 10  # seconds for a server to answer
_BATCH = 1000  # rows that are in memory at a time


def is_database(where: str) -> bool:
    """Whether a source is a database: a URL, or a file of SQLite's."""
    if "://" in where:
        return True
    try:
        with Path(where).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def shown(where: str) -> str:
    """A database's name as it was given, without its password."""
    return _given(where).render_as_string(hide_password=True) if "://" in where else where


@contextmanager
def reading(where: str) -> Iterator[Connection]:
    """A connection to a database, by its URL or its SQLite file.

    The drivers of a program that runs asynchronously are exchanged for ours.

    Raises:
        InvalidInput: it cannot be read; the message says what the URL should look like.
    """
    url = _url(where)
    try:
        given = {"connect_timeout": _PATIENCE} if url.get_backend_name() == "postgresql" else {}
        engine = sa.create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=given)
        with engine.connect() as connection:
            if url.get_backend_name() == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield connection
    except NoSuchModuleError as error:
        msg = f"{shown(where)} is no database that SQLAlchemy knows, nor a file"
        raise InvalidInput(msg) from error
    except ImportError as error:
        msg = f"{shown(where)} needs a driver that is not installed ({error}): install it first"
        raise InvalidInput(msg) from error
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()
        msg = f"{shown(where)} cannot be read: {reason[0] if reason else 'it does not answer'}"
        raise InvalidInput(msg) from error


def _url(where: str) -> URL:
    if "://" not in where:
        return _read_only(str(Path(where).resolve()))
    url = _given(where)
    backend = url.drivername.split("+")[0]
    if backend == "sqlite":
        if url.database in (None, "", ":memory:"):
            msg = f"{where} is empty each time it is opened: name a file, as sqlite:///file.db does"
            raise InvalidInput(msg)
        return _read_only(str(Path(str(url.database)).resolve()))
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _given(where: str) -> URL:
    try:
        return make_url(where)
    except (ArgumentError, ValueError) as error:
        msg = f"{where.split('@')[-1]!r} is no database: use sqlite:///file.db or postgresql://..."
        raise InvalidInput(msg) from error


def _read_only(path: str) -> URL:
    """A SQLite file that is neither made nor changed by being read."""
    if not Path(path).is_file():
        msg = f"there is no file {path}"
        raise InvalidInput(msg)
    named = "file:" + Path(path).as_posix().translate(_QUOTED)
    return URL.create("sqlite", database=named, query={"mode": "ro", "uri": "true"})


_QUOTED = str.maketrans({"%": "%25", "?": "%3f", "#": "%23"})


def tables(connection: Connection) -> dict[str, set[str]]:
    """The names of a database's tables and views, each with those of its columns."""
    found = sa.inspect(connection)
    return {
        table: {column["name"] for column in found.get_columns(table)}
        for table in (*found.get_table_names(), *found.get_view_names())
    }


def rows(connection: Connection, selected: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    """The rows of a question, a batch in memory at a time."""
    yield from connection.execution_options(yield_per=_BATCH).execute(selected)
