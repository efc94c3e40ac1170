"""What is done after a turn: one thing after the other, in a thread of its own.

A ``ThreadPoolExecutor`` of one thread would do; handing something to it takes three times as long,
and whoever saves a turn waits for that.
"""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from collections.abc import Callable, Hashable
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue

from memory.deeds import current

_END = object()
_LOOK = object()  # there is something new that has time


class Background:
    """Work by names: while some waits under a name, more of that name is the same work.

    It is done before the process ends, unless it is closed without.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._waiting: dict[Hashable, tuple[Context, Callable[[], object]]] = {}
        self._names: SimpleQueue[Hashable] = SimpleQueue()
        self._later: list[tuple[float, int, Hashable]] = []  # a heap, by when it is due
        self._thread: threading.Thread | None = None
        self._begun = self._done = 0
        self._closed = False

    def __len__(self) -> int:
        """How much is done, or waits for it."""
        return self._begun - self._done

    def add(self, name: Hashable, work: Callable[[], object], after: float = 0.0) -> bool:
        """Let ``work`` be done, which raises nothing; False if this was closed.

        It has time: it is done ``after`` so many seconds, or when somebody waits for it.
        """
        with self._changed:
            if self._closed:
                return False
            if name in self._waiting:
                return True
            self._waiting[name] = copy_context(), work
            self._begun += 1
            if after:
                heapq.heappush(self._later, (time.monotonic() + after, self._begun, name))
                name = _LOOK
            self._names.put(name)
            if self._thread is None:
                self._thread = threading.Thread(target=self._go_on, name="memory-digest_0")
                # Python would wait for it before it asks anybody to end it.
                self._thread.daemon = True
                self._thread.start()
        return True

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all that is here now is done; TimeoutError after so many seconds."""
        with self._changed:
            self._hurry()
            last = self._begun
            if not self._changed.wait_for(lambda: self._done >= last, timeout):
                raise TimeoutError

    def close(self, *, finish: bool = True) -> None:
        """Take nothing more, and end; what waits is done before, or with ``finish`` off dropped."""
        with self._changed:
            self._closed = True
            if not finish:
                self._waiting.clear()
            self._hurry()
            thread = self._thread
        self._names.put(_END)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _hurry(self) -> None:
        """Nothing has time any more."""
        while self._later:
            self._names.put(heapq.heappop(self._later)[-1])

    def _next(self) -> Hashable:
        """The name of what is to be done now, once there is such a thing."""
        while True:
            with self._changed:
                left = self._later[0][0] - time.monotonic() if self._later else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._later)[-1]
            with contextlib.suppress(Empty):
                if (name := self._names.get(timeout=left)) is not _LOOK:
                    return name

    def _go_on(self) -> None:
        while (name := self._next()) is not _END:
            with self._changed:
                context, work = self._waiting.pop(name, (None, None))
            if context is not None and work is not None:
                with contextlib.suppress(BaseException):  # the thread is not to end of it
                    context.run(_apart, work)
            del context, work  # what it was for may be let go of
            with self._changed:
                self._done += 1
                self._changed.notify_all()


def _apart(work: Callable[[], object]) -> None:
    """What it logs is of the request that has asked for it; what it changes is not."""
    current.set(None)
    work()
