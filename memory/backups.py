"""Backups: a database as one file that is whole by itself, with its checksum beside it.

Of SQLite it is a database file, of Postgres what ``pg_dump`` writes in its custom format. Beside
``FILE`` lies ``FILE.sha256`` as ``sha256sum`` writes it. A file gets its name only when all of it
is on the disk; what a kill leaves is called ``FILE.partial``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from memory.errors import BadBackup, NotADatabase, StoreError

if TYPE_CHECKING:
    from memory.database import Database

SQLITE, POSTGRES = b"SQLite format 3\0", b"PGDMP"  # how the files begin
_BLOCK = 1 << 20  # bytes
_SUM = re.compile(r"([0-9a-f]{64}) [ *].+\n?")


def back_up(database: Database, target: Path) -> None:
    """Copy a database, as it is at one moment, while it is in use.

    Args:
        database: is read only; nobody who writes to it waits.
        target: a new file, which only its owner can read.

    Raises:
        StoreError: the file is there already or cannot be written, the database is damaged, or
            ``pg_dump`` is missing or of an older version. Then there is no such file.
    """
    partial = target.with_name(f"{target.name}.partial")
    if target.exists():
        msg = f"cannot write the backup {target}: the file is there already"
        raise StoreError(msg)
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if database.path is not None:
            _copy_sqlite(database.path, partial)
        else:
            from memory.pg_dump import dump

            dump(database.engine, partial)
        _name(partial, target, digest_of(partial))
    except (OSError, sqlite3.Error) as error:
        said = error.strerror if isinstance(error, OSError) else error
        msg = f"cannot write the backup {target}: {said or error}"
        raise StoreError(msg) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def checksum_file(file: Path) -> Path:
    """Where a backup's checksum is."""
    return file.with_name(f"{file.name}.sha256")


def digest_of(file: Path, copy_to: Path | None = None) -> str:
    """SHA-256 of a file; with ``copy_to`` what was read is written there too, to the disk."""
    hashed = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(file.open("rb"))
        copy = None
        if copy_to is not None:
            made = os.open(copy_to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            copy = stack.enter_context(os.fdopen(made, "wb"))
        while block := opened.read(_BLOCK):
            hashed.update(block)
            if copy is not None:
                copy.write(block)
        if copy is not None:
            copy.flush()
            os.fsync(copy.fileno())
    return hashed.hexdigest()


def check_backup(file: Path, copy_to: Path | None = None) -> bytes:
    """Hold a backup against its checksum; how files of its kind begin.

    Args:
        file: the backup; its checksum lies beside it.
        copy_to: a new file, which gets what was read.

    Raises:
        BadBackup: it is not what was written, or is no backup; the message says what to do.
    """
    beside = checksum_file(file)
    try:
        said = _SUM.fullmatch(beside.read_text())
    except FileNotFoundError:
        here = "is not there" if not file.exists() else f"has no {beside.name} beside it"
        msg = f"{file} {here}: copy both files of a backup to one place"
        raise BadBackup(msg) from None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{beside} cannot be read: {error}"
        raise BadBackup(msg) from error
    if said is None:
        msg = f"{beside} is no checksum as sha256sum writes it"
        raise BadBackup(msg)
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(SQLITE))
        found = digest_of(file, copy_to)
    except OSError as error:
        msg = f"{file} cannot be read, or there is no room for it: {error.strerror or error}"
        raise BadBackup(msg) from error
    if found != said[1]:
        msg = f"{file} is damaged or cut off: it is not what {beside.name} says. Take another one"
        raise BadBackup(msg)
    kind = next((kind for kind in (SQLITE, POSTGRES) if begins.startswith(kind)), None)
    if kind is None:
        msg = f"{file} is no backup of this program's"
        raise BadBackup(msg)
    return kind


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, onto the disk."""
    if path.is_dir() and sys.platform == "win32":
        return  # there folders cannot be opened
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def fold_in(path: Path, *, anew: bool = False) -> None:
    """Bring the write-ahead log of a database that nobody has open into its one file, and check it.

    With ``anew`` it is written anew: in the gaps of its pages stands what was deleted.

    Raises:
        NotADatabase: it is damaged.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
        if anew:
            connection.execute("VACUUM")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        msg = f"the database is damaged ({found}): restore a backup"
        raise NotADatabase(msg)


def _copy_sqlite(source: Path, partial: Path) -> None:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(partial)) as copy:
        # In one step: what is written meanwhile is not in it, and does not make it begin again.
        live.backup(copy)
    fold_in(partial, anew=True)


def _name(partial: Path, target: Path, digest: str) -> None:
    """Give a file that is whole its name; its checksum is there before it."""
    sync(partial)
    beside = checksum_file(target)
    beside.unlink(missing_ok=True)  # of a file that is gone, or that a kill kept from its name
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as written:
        written.write(f"{digest}  {target.name}\n")
        written.flush()
        os.fsync(written.fileno())
    try:
        os.link(partial, target)  # not over a file that has come there meanwhile
    except FileExistsError:
        raise
    except OSError:  # no links on this file system
        partial.rename(target)
    sync(target.parent)
