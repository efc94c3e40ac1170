"""The end of the service: what is under way may end, for a while, and nothing new is begun."""

from __future__ import annotations

import logging
import os
import threading
import time
from types import FrameType

import uvicorn
from typing_extensions import override

from app.chains.support import SupportChain

_SENT_SECONDS = 1.0  # for the rest of a request that is on its way at the signal
LAST_SECONDS = 15.0  # for storing and closing, after the answers have been waited for

_logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn's, which ends at a signal once the answers under way have ended.

    Until then new turns are refused with 503, ``/readyz`` says that it is not ready, and all else
    goes on. After ``patience`` seconds, or at a second signal, the answers are stopped and stored
    as they are. It ends with the exit code 0; where something hangs, ``last`` ends the process.
    """

    last: threading.Timer | None = None

    def __init__(self, config: uvicorn.Config, chain: SupportChain, patience: float) -> None:
        super().__init__(config)
        self._chain = chain
        self._patience = patience
        self._signals = 0
        self._deadline = self._sent = 0.0

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not uvicorn's, which sends itself the signal again in the end: it has been followed.
        self._signals += 1

    def ask(self, signals: int) -> None:
        """End as if so many signals had come."""
        self._signals = max(self._signals, signals)

    @override
    async def on_tick(self, counter: int) -> bool:
        if self._signals and not self._chain.closed:
            self._begin()
        if self._signals > 1 or (self._signals and time.monotonic() >= self._deadline):
            self._chain.stop()
            self.should_exit = True
        elif self._signals and not self._chain.under_way and not self.server_state.tasks:
            self.should_exit = True
        elif self._signals and time.monotonic() >= self._sent:
            self._abort("half_sent")
        if self.should_exit:
            self._abort("incomplete")
        return await super().on_tick(counter)

    def _abort(self, state: str) -> None:
        """Cut the connections that are in that state: nobody waits for the rest of a request."""
        for connection in list(self.server_state.connections):
            if getattr(connection, state, False) and connection.transport is not None:
                connection.transport.abort()

    def _begin(self) -> None:
        self._chain.close()
        self._sent = time.monotonic() + _SENT_SECONDS
        self._deadline = time.monotonic() + self._patience
        under_way = self._chain.under_way
        if under_way:
            _logger.warning("stopping: %d answers have %g s to end", under_way, self._patience)
        # Whatever hangs then, a digest or somebody's classifier, holds nothing that is not stored.
        self.last = threading.Timer(self._patience + LAST_SECONDS, os._exit, [0])
        self.last.daemon = True
        self.last.start()
