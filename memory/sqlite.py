"""A database of SQLite's: its file, how it is opened, written anew, and its log emptied.

It is opened in WAL mode with ``synchronous=FULL``: what was committed survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

from memory.advice import explained
from memory.errors import NotADatabase, StoreUnavailable
from memory.weights import to_disk

BUSY_SECONDS = 5.0  # how long a write waits for another process's lock
_HEADER = 100  # bytes, of a database's file: https://www.sqlite.org/fileformat.html
_PAUSE = 0.02  # seconds between two tries to empty the write-ahead log


def create_private(path: Path) -> None:
    """Make the file readable by its owner only, before SQLite would make it for everybody.

    With the folders that it is in; but a tree that would stand in the root is a mistyped path.

    Raises:
        StoreUnavailable: it cannot be made.
    """
    try:
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        if len(made) > 2 and made[-1].parent == Path(path.anchor) and path.is_absolute():
            msg = (
                f"{path} cannot be opened: there is no folder {made[-1]}. Make {path.parent} "
                "first, or correct the path (sqlite:///file.db is from the current folder, "
                "sqlite:////folder/file.db from the root)"
            )
            raise StoreUnavailable(msg)
        path.parent.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, stat.S_IRUSR | stat.S_IWUSR))
        for new in made:  # its name is to be there after a power cut
            to_disk(new.parent)
    except OSError as error:
        msg = f"{path} cannot be opened: {error.strerror}"
        raise StoreUnavailable(msg) from error


def check_whole(path: Path) -> None:
    """See that the file does not end within a page, which SQLite would fill with zeros.

    While there is a log, or a journal of the first transaction, what is missing may be in it.

    Raises:
        NotADatabase: it was cut off.
    """
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    with path.open("rb") as file:
        header = file.read(_HEADER)
        size = file.seek(0, os.SEEK_END)
    if len(header) < _HEADER or any(map(_size, beside)):
        return
    page = int.from_bytes(header[16:18], "big")  # bytes; 1 stands for 65,536
    if page > 1 and size % page:
        msg = "the file is not a database, or is damaged (it ends within a page): restore a backup"
        raise NotADatabase(msg)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where there is none, as soon as another has taken it away."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def configure(raw: Any, _record: Any) -> None:
    """Set up a connection that was just made."""
    raw.isolation_level = None  # transactions are begun in Database._transaction
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={int(BUSY_SECONDS * 1000)}",
        "secure_delete=ON",  # what is deleted is overwritten
        "temp_store=MEMORY",
    ):
        raw.execute(f"PRAGMA {pragma}")


def vacuum(driver: Any) -> None:
    """Write the database anew, with nothing in the gaps of its pages.

    Raises:
        StoreUnavailable: somebody else writes all the time, or there is no room.
    """
    driver.execute("PRAGMA temp_store=FILE")  # it may be larger than the memory
    try:
        driver.execute("VACUUM")
    except sqlite3.Error as error:
        if (found := explained(error)) is None:
            raise
        raise found from error
    finally:
        driver.execute("PRAGMA temp_store=MEMORY")


def empty_log(driver: Any, path: Path) -> bool:
    """Empty the write-ahead log, which has what was deleted.

    Returns:
        False if somebody was reading or writing all the time, and it is there still.

    Raises:
        StoreError: the files cannot be written.
    """
    until = time.monotonic() + BUSY_SECONDS
    # SQLite's own waiting would keep writers out, and a reader that wants to write in the end
    # would wait for what waits for it.
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while (blocked := _is_blocked(driver)) and time.monotonic() < until:
            time.sleep(_PAUSE)
    except sqlite3.Error as error:
        if (found := explained(error)) is None:
            raise
        raise found from error
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
    if not blocked:
        # SQLite does not wait for that: after a power cut the old log could be there.
        to_disk(path.with_name(f"{path.name}-wal"))
    return not blocked


def _is_blocked(driver: Any) -> bool:
    """Empty the log, or say that somebody is reading or writing."""
    ((blocked, _, _),) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return bool(blocked)
