"""A classifier of somebody's own may hang: then it has failed, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from memory import Understanding

_SECONDS = 30.0  # that it may take for the messages of a digest
_HANGING = 2  # readings that may hang at a time; then it is not asked


class Limited:
    """Another classifier, within a limit of time."""

    def __init__(self, understanding: Understanding, seconds: float = _SECONDS) -> None:
        self._understanding = understanding
        self._seconds = seconds
        self._free = threading.Semaphore(_HANGING)

    def read(self, texts: Sequence[str]) -> Any:
        """What the other one says of each text.

        Raises:
            TimeoutError: it takes too long, or has not come back from earlier messages yet.
        """
        if not self._free.acquire(blocking=False):
            msg = "the classifier has not come back from earlier messages"
            raise TimeoutError(msg)
        made: Future[Any] = Future()

        def run() -> None:
            try:
                made.set_result(self._understanding.read(texts))
            except BaseException as error:
                made.set_exception(error)
            finally:
                self._free.release()

        # A daemon: the end of the service does not wait for it either.
        threading.Thread(target=run, name="classifier", daemon=True).start()
        return made.result(self._seconds)
