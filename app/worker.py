"""One of several processes that serve one address (``app.workers``), from the inside."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import FrameType
from typing import NamedTuple

import uvicorn
from typing_extensions import override

from app.chains.support import SupportChain
from app.stopping import LAST_SECONDS, Server

_QUEUE = 2048  # connections that the system keeps until a worker takes them

_logger = logging.getLogger(__name__)


class Ready(NamedTuple):
    """A worker serves, with a model of this name."""

    model: str


class Failed(NamedTuple):
    """A worker cannot serve."""

    why: str


class Starter:
    """The process that has started a worker, as the worker knows it."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self.worker: Worker | None = None  # that serves, once there is one

    def tell(self, news: Ready | Failed) -> None:
        """Say how it stands; it does not matter whether anybody is there any more."""
        try:
            self._link.send(news)
        except OSError:
            _logger.warning("the process that has started this worker is gone")

    def follow(self, patience: float) -> None:
        """Let the worker end when the starter says so, or is gone; not later than it should."""

        def follow() -> None:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    signals = self._link.recv()
                    if self.worker is not None:
                        self.worker.ask(signals)
            if self.worker is not None:  # else it has begun nothing
                self.worker.abandon()
                time.sleep(patience + LAST_SECONDS)
            os._exit(1)

        threading.Thread(target=follow, name="starter", daemon=True).start()


class Worker(Server):
    """A server beside others on one socket."""

    def __init__(
        self,
        config: uvicorn.Config,
        chain: SupportChain,
        patience: float,
        started: Callable[[], None],
    ) -> None:
        """See ``Server``; ``started`` is called once it serves."""
        # As many as it waits for are taken at a time: whoever is idle is to have the next one.
        config.backlog = 1
        super().__init__(config, chain, patience)
        self._started = started
        self._abandoned = False

    def abandon(self) -> None:
        """End, and leave the address to whoever is started next."""
        self._abandoned = True
        self.ask(1)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGINT:  # a terminal's Ctrl-C, which comes to all: the starter tells
            super().handle_exit(sig, frame)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(_QUEUE)
        self._started()

    @override
    async def on_tick(self, counter: int) -> bool:
        if self._abandoned:
            for server in self.servers:
                server.close()
        return await super().on_tick(counter)
