"""Connections, and how long one may take nothing of what it is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:  # one of two, by what is installed; they have the same methods
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as Protocol


def patient(seconds: float) -> type[asyncio.Protocol]:
    """Uvicorn's connections, which are cut when a client takes nothing for so many seconds.

    Nothing is held for it here meanwhile: what the system
    does not take at once keeps the one who sends it waiting.
    """

    class Connection(Protocol):
        _waiting: asyncio.TimerHandle | None = None

        @override
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # So that it counts, and is cut, also at the end of an answer, when nobody sends more.
            # Not 0, at which TLS waits although there is nothing.
            transport.set_write_buffer_limits(high=1, low=0)

        @override
        def pause_writing(self) -> None:
            self._waiting = self.loop.call_later(seconds, self.transport.abort)
            super().pause_writing()

        @override
        def resume_writing(self) -> None:
            self._forget()
            super().resume_writing()

        @override
        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _forget(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

    return Connection
