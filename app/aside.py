"""Work that may hang, in threads of its own, which the end of the service does not wait for."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class Aside:
    """Threads for one kind of work, only so many at a time."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._free = threading.Semaphore(most)

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T] | None:
        """Begin ``work``, which raises nothing; None if so much of it is under way already.

        What comes of it is for this event loop, if it waits for it still.
        """
        if not self._free.acquire(blocking=False):
            _logger.warning("the %s is still busy with %d questions", self._name, self._most)
            return None
        loop = asyncio.get_running_loop()
        made: asyncio.Future[T] = loop.create_future()

        def tell(result: T) -> None:
            if not made.done():  # nobody waits for it any more
                made.set_result(result)

        def run() -> None:
            try:
                result = work()
            finally:
                self._free.release()
            try:
                loop.call_soon_threadsafe(tell, result)
            except RuntimeError:
                _logger.debug("the %s answered after the end of the service", self._name)

        try:
            within = contextvars.copy_context()  # what it logs is of the request, too
            threading.Thread(target=within.run, args=[run], name=self._name, daemon=True).start()
        except RuntimeError:  # the machine has no thread left
            self._free.release()
            _logger.warning("the %s is not asked: no thread can be started", self._name)
            return None
        return made
