"""Connections: how long one may take to ask, and take nothing of what it is sent; how many."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from app.feed import CUT

if TYPE_CHECKING:  # one of two, by what is installed; they have the same methods
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as Protocol

_OTHERS = 200  # files that the service needs for all else: databases, models, the log
_MOST = 10_000
_TOLD_SECONDS = 60.0  # how often the log says that there are too many

_logger = logging.getLogger(__name__)


def bounded(asking: float, reading: float, most: int | None = None) -> type[asyncio.Protocol]:
    """Uvicorn's connections, each with bounds, and so many of them.

    One is cut when a request has not come whole ``asking`` seconds after its first byte, or none
    after the connection was made; and when its client takes nothing of what it is sent for
    ``reading`` seconds: nothing is held for it here meanwhile, since what the system does not take
    at once keeps the one who sends it waiting. Beyond ``most`` connections (as many as the process
    may have files, less what it needs) a new one is closed at once.
    """
    limit = _most() if most is None else most
    told = 0.0

    class Connection(Protocol):
        _asking: asyncio.TimerHandle | None = None
        _waiting: asyncio.TimerHandle | None = None

        @override
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # So that it counts, and is cut, also at the end of an answer, when nobody sends more.
            # Not 0, at which TLS waits although there is nothing.
            transport.set_write_buffer_limits(high=1, low=0)
            if len(self.connections) > limit:
                self._tell()
                transport.abort()
                return
            self._asking = self.loop.call_later(asking, transport.abort)

        @override
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self.incomplete:
                self._asking = self._no_more(self._asking)
            elif self._asking is None:
                self._asking = self.loop.call_later(asking, self.transport.abort)

        @property
        def incomplete(self) -> bool:
            """Whether a request is still to come, or the rest of one."""
            cycle: Any = self.cycle
            return cycle is None or cycle.response_complete or cycle.more_body

        @property
        def half_sent(self) -> bool:
            """Whether a request's head has come, and the rest has not."""
            cycle: Any = self.cycle
            return cycle is not None and not cycle.response_complete and cycle.more_body

        @override
        def pause_writing(self) -> None:
            self._waiting = self.loop.call_later(reading, self._cut)
            super().pause_writing()

        @override
        def resume_writing(self) -> None:
            self._waiting = self._no_more(self._waiting)
            super().resume_writing()

        @override
        def connection_lost(self, exc: Exception | None) -> None:
            self._asking = self._no_more(self._asking)
            self._waiting = self._no_more(self._waiting)
            super().connection_lost(exc)

        def _cut(self) -> None:
            cycle: Any = self.cycle
            if cycle is not None:
                cycle.scope["state"][CUT] = True
            self.transport.abort()

        def _no_more(self, timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
            if timer is not None:
                timer.cancel()
            return None

        def _tell(self) -> None:
            nonlocal told
            if time.monotonic() - told > _TOLD_SECONDS:
                told = time.monotonic()
                _logger.warning("there are %d connections: new ones are closed at once", limit)

    return Connection


def _most() -> int:
    """How many connections leave files for all else."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows, which counts otherwise
        return _MOST
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if files == resource.RLIM_INFINITY else max(1, min(_MOST, files - _OTHERS))
