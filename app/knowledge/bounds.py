"""How much time and memory it may take to read a file that somebody has given."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory import InvalidInput

MOST_SECONDS = 300.0  # of the processor's time: 5,000 pages of PDF take about half of it
MOST_MEMORY = 2 * 2**30  # bytes beyond what the process has

_AGAIN = 1.0  # seconds until who has swallowed the end of the time is told once more


class _TimeIsUp(BaseException):
    """No Exception: libraries that read broken files swallow those."""


@contextmanager
def bounded(place: str) -> Iterator[None]:
    """Read ``place`` within these bounds, whatever is in it.

    They hold in the main thread of a process, where the console's commands read, and where the
    system has such limits: not on Windows, and of memory on Linux only.

    Raises:
        InvalidInput: it would take more; the message says what to do.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGPROF"):
        yield
        return
    try:
        with _timed(), _limited():
            yield
    except _TimeIsUp as error:
        msg = f"{place} takes more than {MOST_SECONDS:g} s to read: split it, or save it anew"
        raise InvalidInput(msg) from error
    except MemoryError as error:
        msg = f"{place} takes more than {MOST_MEMORY // 2**20:,} MiB to read: split it"
        raise InvalidInput(msg) from error


@contextmanager
def _timed() -> Iterator[None]:
    def end(*_: Any) -> None:
        raise _TimeIsUp

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _limited() -> Iterator[None]:
    used = Path("/proc/self/statm")
    if not used.is_file():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    most = int(used.read_text().split()[0]) * resource.getpagesize() + MOST_MEMORY
    if before[0] != resource.RLIM_INFINITY:
        most = min(most, before[0])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
