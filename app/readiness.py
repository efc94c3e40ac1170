"""Whether the service can answer now: its database takes a write, and its model is there."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable

from app.llm import Model
from memory import MemoryServiceError, MemoryStore

_GOOD_FOR = 2.0  # seconds: who asks more often gets the same answer
_PATIENCE = 1.0  # seconds that the database may take
_LOW_DISK = 8 * 2**20  # bytes


class Readiness:
    """Tries database and model out, one try at a time."""

    def __init__(self, store: MemoryStore, model: Model, leaving: Callable[[], bool]) -> None:
        """Try them out; ``leaving`` says whether the service is being stopped."""
        self._store = store
        self._model = model
        self._leaving = leaving
        self._lock = threading.Lock()
        self._found: list[str] = []
        self._ended = self._well_until = 0.0  # the last try; on the monotonic clock

    def problems(self) -> list[str]:
        """What keeps the service from answering; nothing if it can."""
        if self._leaving():
            return ["The service is being stopped."]
        came = time.monotonic()
        with self._lock:
            # To find out what is wrong may take seconds: who has waited for it need not try too.
            if time.monotonic() >= self._well_until and self._ended < came:
                self._found = [f for f in (self._database(), self._model.check()) if f]
                self._ended = time.monotonic()
                self._well_until = 0.0 if self._found else self._ended + _GOOD_FOR
            return self._found

    def _database(self) -> str | None:
        path = self._store.database.path
        try:
            self._store.database.try_write(_PATIENCE)
            # What SQLite frees it uses again, so a write may succeed where the next does not.
            free = shutil.disk_usage(path.parent).free if path is not None else _LOW_DISK
        except (MemoryServiceError, OSError) as error:
            return f"The database cannot be written: {error}"
        if free < _LOW_DISK:
            return f"The disk of the database is full: {free // 1024} kB are free. Free some space."
        return None
