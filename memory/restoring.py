"""Restoring a backup: all of it, or what was there stays as it is.

On SQLite the backup is copied, checked and brought up to date in a folder beside the database, and
gets its name in one step. On Postgres everything is one transaction. What was there is kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.engine import Connection, make_url

from memory.backups import POSTGRES, SQLITE, check_backup, fold_in, sync
from memory.clock import now
from memory.customers import OF_CUSTOMERS
from memory.database import Database
from memory.errors import BadBackup, InvalidInput, NotADatabase, StoreError, StoreUnavailable
from memory.migrations import MIGRATIONS, check_version, lock_schema, make_meta, take_steps
from memory.postgres import SERVICE
from memory.presence import Presence
from memory.receipts import chain_fault, receipts_in
from memory.store import open_store
from memory.succession import Succession, succeed

_OF_POSTGRES = {"audit_unsealed", "rates"}  # tables that are on no SQLite
_BESIDE = ("-wal", "-shm")
_CUSTOMERS = text(f"SELECT count(*) FROM customers WHERE {OF_CUSTOMERS}")
_MESSAGES = text("SELECT count(*) FROM messages")
_USERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND application_name = :name"
)
_FUNCTIONS = text(  # of our triggers; their tables take the triggers along, and not these
    "SELECT DISTINCT p.oid::regprocedure::text FROM pg_trigger t "
    "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal "
    "AND p.pronamespace = c.relnamespace"
)
_COUNT_ON = text(  # numbers that the database gives
    "SELECT format('SELECT setval(pg_get_serial_sequence(%L, %L), GREATEST(MAX(%I), 1)) FROM %I', "
    "table_name, column_name, column_name, table_name) FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND is_identity = 'YES'"
)


class Restored(NamedTuple):
    """What is there now, and where that is kept which was there before.

    ``fault`` says what is wrong with the chain of receipts, if anything is.
    """

    customers: int
    messages: int
    kept: str | None
    succession: Succession
    fault: str | None


def restore_backup(
    url: str, file: Path, *, force: bool = False, subjects: Collection[str] = ()
) -> Restored:
    """Put a backup where a database belongs.

    Args:
        url: of the database, as ``open_store`` takes it.
        file: the backup, with its checksum beside it.
        force: also where there is a database; it is kept beside.
        subjects: of receipts that were kept elsewhere: whom they are of is erased again.

    Raises:
        BadBackup, SchemaTooNew: it cannot be restored.
        StoreError: the database is in use, or there is one and ``force`` does not say so.
        Nothing has changed then.
    """
    parsed = make_url(url)
    wants = SQLITE if parsed.get_backend_name() == "sqlite" else POSTGRES
    if wants == POSTGRES:
        _check_kind(check_backup(file), wants, file)
        return _to_postgres(url, file, force, subjects)
    if parsed.database in (None, "", ":memory:"):
        msg = "a private database is gone when it is closed: give sqlite:///path/to/file.db"
        raise InvalidInput(msg)
    with _alone(Path(str(parsed.database))) as path:
        if _is_there(path) and not force:
            raise StoreError(_there(str(path)))
        return _to_sqlite(path, file, subjects)


def _to_sqlite(path: Path, file: Path, subjects: Collection[str]) -> Restored:
    making = path.with_name(f"{path.name}.restoring")
    shutil.rmtree(making, ignore_errors=True)  # what a kill has left
    for name in path.parent.glob(f"{path.name}.before-*"):
        if path.exists() and name.samefile(path):  # a kill left one file with two names
            name.unlink()
    try:
        making.mkdir(mode=0o700)
        fresh = making / path.name
        _check_kind(check_backup(file, copy_to=fresh), SQLITE, file)
        _check_ours(fresh, file)
        open_store(f"sqlite:///{fresh}").close()  # with today's schema
        found, succession = _succeed_in_file(fresh, path if _is_sqlite(path) else None, subjects)
        fold_in(fresh, anew=bool(succession.erased))
        sync(fresh)
        kept = _swap(path, fresh)
    except OSError as error:
        msg = f"the backup cannot be restored to {path}: {error.strerror or error}"
        raise StoreUnavailable(msg) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    customers, messages, fault = found
    return Restored(customers, messages, None if kept is None else str(kept), succession, fault)


def _swap(path: Path, fresh: Path) -> Path | None:
    """Give a file the database's name in one step; what had it gets another one before."""
    kept = None
    if _is_there(path):
        if _is_sqlite(path):
            with contextlib.suppress(NotADatabase, sqlite3.Error):
                fold_in(path)  # into one file, where it is whole
        kept = path.with_name(f"{path.name}.before-{now():%Y%m%dT%H%M%S.%f}")
        # The log first: a database that has lost its log has lost what is in it.
        for ending in (*_BESIDE[:1], ""):
            old = path.with_name(path.name + ending)
            if old.exists():
                _name_too(old, kept.with_name(kept.name + ending))
        sync(path.parent)
    for ending in _BESIDE:  # they would be taken for the new one's
        path.with_name(path.name + ending).unlink(missing_ok=True)
    fresh.replace(path)
    sync(path.parent)
    return kept


def _name_too(old: Path, name: Path) -> None:
    try:
        os.link(old, name)
    except FileExistsError:
        raise
    except OSError:  # no links on this file system
        old.rename(name)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[Path]:
    """Hold a database's folder, so that no service opens it; StoreUnavailable if one has."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"{path.parent} cannot be made: {error.strerror}"
        raise StoreUnavailable(msg) from error
    presence = Presence(path.parent)
    try:
        if not presence.alone and sys.platform != "win32":
            msg = f"a service uses {path.parent}: stop it, restore, and start it again"
            raise StoreUnavailable(msg)
        yield path
    finally:
        presence.close()


def _is_there(path: Path) -> bool:
    return any(
        file.exists() and file.stat().st_size > 0
        for file in (path, path.with_name(f"{path.name}-wal"))
    )


def _is_sqlite(path: Path) -> bool:
    """Whether SQLite may open it: of what is damaged at its beginning it would drop the log."""
    if not path.exists():
        return False
    with path.open("rb") as opened:
        return opened.read(len(SQLITE)) == SQLITE


def _check_kind(kind: bytes, wanted: bytes, file: Path) -> None:
    if kind != wanted:
        of, to = ("SQLite", "Postgres") if kind == SQLITE else ("Postgres", "SQLite")
        msg = (
            f"{file} is a backup of {of}, and the database is on {to}: give --database, or take "
            "customers over with export and import"
        )
        raise BadBackup(msg)


def _check_ours(fresh: Path, file: Path) -> None:
    """See that a SQLite file has our tables, of a schema that is known."""
    engine = sa.create_engine(f"sqlite:///{fresh}")
    try:
        with engine.connect() as connection:
            version = connection.execute(
                text("SELECT value FROM meta WHERE name = 'schema_version'")
            ).scalar()
    except sa.exc.DatabaseError:
        version = None
    finally:
        engine.dispose()
    if version is None or not str(version).isdigit():
        msg = f"{file} has no tables of this program's"
        raise BadBackup(msg)
    check_version(int(version))


def _succeed_in_file(
    fresh: Path, path: Path | None, subjects: Collection[str]
) -> tuple[tuple[int, int, str | None], Succession]:
    """Let a SQLite file take over what goes on of the one at ``path``, if that can be read."""
    engine = sa.create_engine(f"sqlite:///{fresh}")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            past = None
            if path is not None:
                with contextlib.suppress(sa.exc.DatabaseError):
                    connection.exec_driver_sql("ATTACH DATABASE ? AS past", (str(path),))
                    past = "past"
            try:
                succession = succeed(connection, past, subjects)
            except sa.exc.DatabaseError:  # it is damaged, say: that may be why this is done
                connection.rollback()
                succession = succeed(connection, None, subjects)
            found = _counted(connection)
            connection.commit()
            return found, succession
    finally:
        engine.dispose()


def _counted(connection: Connection) -> tuple[int, int, str | None]:
    customers = connection.execute(_CUSTOMERS).scalar_one()
    messages = connection.execute(_MESSAGES).scalar_one()
    return customers, messages, chain_fault(receipts_in(connection))


def _there(what: str) -> str:
    return (
        f"there is a database already ({what}): --force puts the backup in its place, and keeps "
        "it beside"
    )


# --- Postgres ----------------------------------------------------------------------------


def _to_postgres(url: str, file: Path, force: bool, subjects: Collection[str]) -> Restored:
    from memory.pg_dump import load, schema_version

    version = schema_version(file)
    check_version(version)
    database = Database(url)
    try:
        with database.write() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # rows take their time
            lock_schema(connection)  # a service that starts now waits
            schema = str(connection.execute(text("SELECT current_schema()")).scalar())
            users = connection.execute(_USERS, {"name": f"{SERVICE} {schema}"[:63]}).scalar()
            if users:
                msg = f"a service uses the schema {schema}: stop it, restore, and start it again"
                raise StoreUnavailable(msg)
            kept = _set_aside(connection, schema, force=force)
            before = set(sa.inspect(connection).get_table_names())
            make_meta(connection)
            take_steps(connection, 0, version)
            tables = set(sa.inspect(connection).get_table_names()) - before
            for table in tables:  # the steps have written in some
                connection.execute(text(f"DELETE FROM {table}"))
            load(connection, file, tables)
            for statement in connection.execute(_COUNT_ON).scalars().all():
                connection.execute(text(statement))
            take_steps(connection, version, len(MIGRATIONS))
            succession = _succeed_in_schema(connection, kept, subjects)
            customers, messages, fault = _counted(connection)
    finally:
        database.close()
    return Restored(customers, messages, kept and f"schema {kept}", succession, fault)


def _succeed_in_schema(
    connection: Connection, kept: str | None, subjects: Collection[str]
) -> Succession:
    tried = connection.begin_nested()  # an error ends a transaction
    try:
        succession = succeed(connection, None if kept is None else f'"{kept}"', subjects)
        tried.commit()
    except sa.exc.DatabaseError:
        tried.rollback()
        succession = succeed(connection, None, subjects)
    return succession


def _set_aside(connection: Connection, schema: str, *, force: bool) -> str | None:
    """Move our tables that are there into a schema of their own, and say which."""
    there = set(sa.inspect(connection).get_table_names())
    ours = _our_tables() & there
    if "meta" not in there or ours == {"meta"}:
        return None
    if not force:
        raise StoreError(_there(f"schema {schema}"))
    kept = f"before_{now():%Y%m%dt%H%M%S%f}_{schema}"[:63]
    connection.execute(text(f'CREATE SCHEMA "{kept}"'))
    functions = connection.execute(_FUNCTIONS).scalars().all()
    for table in sorted(ours):
        connection.execute(text(f'ALTER TABLE {table} SET SCHEMA "{kept}"'))
    for function in functions:
        connection.execute(text(f'ALTER FUNCTION {function} SET SCHEMA "{kept}"'))
    return kept


def _our_tables() -> set[str]:
    """The tables that our steps make."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        make_meta(connection)
        take_steps(connection, 0, len(MIGRATIONS))
        names = set(sa.inspect(connection).get_table_names())
    engine.dispose()
    return names | _OF_POSTGRES
