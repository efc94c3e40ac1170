"""Whether the service can answer now: its database takes a write, and its model is there."""

from __future__ import annotations

import shutil
import threading
import time

from app.llm import Model
from memory import MemoryServiceError, MemoryStore

_GOOD_FOR = 2.0  # seconds: who asks more often gets the same answer
_PATIENCE = 1.0  # seconds that the database may take
_LOW_DISK = 8 * 2**20  # bytes


class Readiness:
    """Tries database and model out, one try at a time."""

    def __init__(self, store: MemoryStore, model: Model) -> None:
        self._store = store
        self._model = model
        self._lock = threading.Lock()
        self._well_until = 0.0

    def problems(self) -> list[str]:
        """What keeps the service from answering; nothing if it can."""
        with self._lock:
            if time.monotonic() < self._well_until:
                return []
            found = [fault for fault in (self._database(), self._model.check()) if fault]
            if not found:
                self._well_until = time.monotonic() + _GOOD_FOR
            return found

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
