"""Whether another process has a folder's databases open, or serves one: locks that end with it.

The system lets go of such a lock when a process ends, however it ends, so whoever finds nobody
else knows that what looks like work under way belongs to the dead.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

from memory.errors import StoreUnavailable

_TRIES, _PAUSE = 20, 0.05  # another that is opening too holds the folder for a moment


class Presence:
    """This process's mark on a folder, until ``close``.

    ``alone`` says whether nobody else had one when it was made; until ``settled`` nobody else
    can make one. Where folders cannot be locked it is False.
    """

    def __init__(self, folder: Path) -> None:
        self.alone = False
        self._opened: int | None = None
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                # The folder, not the database: on some systems this lock and SQLite's would meet.
                self._opened = os.open(folder, os.O_RDONLY)
                self._let_go = weakref.finalize(self, os.close, self._opened)
            self.alone = self._lock(exclusive=True)
            if not self.alone:
                self.settled()

    def settled(self) -> None:
        """Let others in: what only one that is alone may do is done."""
        for _ in range(_TRIES):
            if self._lock(exclusive=False):
                return
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Take the mark away."""
        if self._opened is not None:
            self._let_go()
            self._opened = None

    def _lock(self, *, exclusive: bool) -> bool:
        if sys.platform == "win32" or self._opened is None:
            return not exclusive
        import fcntl  # not on every system

        try:
            how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            fcntl.flock(self._opened, how | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextlib.contextmanager
def served_alone(database: Path) -> Iterator[None]:
    """Be the only one that serves a database in a file, in this block; others may open it.

    Where files cannot be locked everybody may.

    Raises:
        StoreUnavailable: another process serves it, or could by another name of the file.
    """
    # https://www.sqlite.org/howtocorrupt.html, 2.5: each name has a log of its own.
    if database.stat().st_nlink > 1:
        beside = [one.name for one in database.parent.iterdir() if _is_another(one, database)]
        msg = (
            f"the database {database} has another name too, {' and '.join(beside) or 'elsewhere'} "
            "(a hard link), by which a second program would damage it: remove that name; "
            "`memory-service backup` makes a copy"
        )
        raise StoreUnavailable(msg)
    # A file of its own: on some systems this lock and SQLite's would meet.
    path = database.with_name(f"{database.name}-served")
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(opened, "r+", encoding="ascii") as file:
        if sys.platform != "win32":
            import fcntl  # not on every system

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = (
                    f"another service (process {file.read().strip()}) has the database "
                    f"{database}: stop that one, or give this one a --data-dir of its own; "
                    "several share Postgres (--database postgresql+psycopg://...)"
                )
                raise StoreUnavailable(msg) from None
            except OSError:
                pass  # a network's file system, say
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _is_another(name: Path, database: Path) -> bool:
    return name != database and name.exists() and name.samefile(database)
