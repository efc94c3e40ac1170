"""Whether the service can answer now: its database takes a write, and its model is there.

A digest that lags keeps nobody from an answer: what is not digested yet is found by its words,
and some of it by its meaning too. So it is told, and takes no replica out of service: those
that are left would lag the more.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from anyio.to_thread import run_sync
from prometheus_client import Gauge

from app.llm import Model
from memory import MemoryServiceError, MemoryStore
from memory.clock import now
from memory.operations import Lag

_GOOD_FOR = 2.0  # seconds: who asks more often gets the same answer
_PATIENCE = 1.0  # seconds that the database may take
_LOW_DISK = 8 * 2**20  # bytes
_LOOK_SECONDS = 15.0  # how often it is looked how far the digest is behind

_logger = logging.getLogger(__name__)


class Trouble(NamedTuple):
    """What keeps the service from answering: for anybody, and for those who run it."""

    what: str
    why: str = ""  # it may name a server's address

    def told(self, insider: bool = True) -> str:
        """A sentence, with the reason for those who run the service."""
        return f"{self.what}: {self.why}" if insider and self.why else f"{self.what}."


class DigestLag:
    """How far the digests of all customers are behind, as of a few seconds ago."""

    def __init__(self, store: MemoryStore, bound: float) -> None:
        """Watch it; more than ``bound`` seconds are too many."""
        self._store = store
        self._bound = bound
        self._found = Lag()
        self._known = True  # whether the last look has found it

    async def follow(self) -> None:
        """Look again and again."""
        while True:
            await run_sync(self.look)
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Look now."""
        try:
            self._found = self._store.operations.lag()
            self._known = True
        except Exception:  # it looks again; that the database is away /readyz says itself
            if self._known:
                _logger.warning("how far the digest is behind cannot be said now", exc_info=True)
            self._known = False

    @property
    def seconds(self) -> float:
        """For how long what was said has not been digested; 0 where all is."""
        since = self._found.since
        return 0.0 if since is None else max((now() - since).total_seconds(), 0.0)

    def trouble(self) -> Trouble | None:
        """What is to be told of it; None while it is within its bound."""
        seconds = self.seconds
        if seconds <= self._bound:
            return None
        return Trouble(
            f"The digest lags: something that was said {seconds:.0f} s ago may be found by its "
            "words only"
        )

    def gauge(self, customers: Gauge, seconds: Gauge) -> None:
        """Say how it stands."""
        customers.set(self._found.customers)
        seconds.set(self.seconds)


class Readiness:
    """Tries database and model out, one try at a time."""

    def __init__(
        self, store: MemoryStore, model: Model, digest: DigestLag, leaving: Callable[[], bool]
    ) -> None:
        """Try them out; ``leaving`` says whether the service is being stopped."""
        self.digest = digest
        self._store = store
        self._model = model
        self._leaving = leaving
        self._lock = threading.Lock()
        self._found: list[Trouble] = []
        self._ended = self._well_until = 0.0  # the last try; on the monotonic clock

    def problems(self) -> list[Trouble]:
        """What keeps the service from answering; nothing if it can."""
        if self._leaving():
            return [Trouble("The service is being stopped")]
        came = time.monotonic()
        with self._lock:
            # To find out what is wrong may take seconds: who has waited for it need not try too.
            if time.monotonic() >= self._well_until and self._ended < came:
                before, self._found = self._found, self._try_out()
                self._ended = time.monotonic()
                self._well_until = 0.0 if self._found else self._ended + _GOOD_FOR
                _tell(before, self._found)
            return self._found

    def _try_out(self) -> list[Trouble]:
        silent = self._model.check()
        model = None if silent is None else Trouble("The model does not answer", silent)
        return [found for found in (self._database(), model) if found is not None]

    def _database(self) -> Trouble | None:
        path = self._store.database.path
        try:
            self._store.database.try_write(_PATIENCE)
            # What SQLite frees it uses again, so a write may succeed where the next does not.
            free = shutil.disk_usage(path.parent).free if path is not None else _LOW_DISK
        except (MemoryServiceError, OSError) as error:
            return Trouble("The database cannot be written", str(error))
        if free < _LOW_DISK:
            left = f"{free // 1024} kB are free. Free some space"
            return Trouble(f"The disk of the database is full: {left}")
        return None


def _tell(before: list[Trouble], found: list[Trouble]) -> None:
    """Tell the log when it changes: who asks without a key is not told why."""
    if found and [one.what for one in found] != [one.what for one in before]:
        _logger.warning("not ready: %s", " ".join(one.told() for one in found))
    elif before and not found:
        _logger.warning("ready again")
