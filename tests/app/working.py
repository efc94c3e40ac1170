"""Workers that serve nothing, by name, as processes of their own are given what they do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time

from app.settings import Settings
from app.worker import Failed, Ready, Starter


def broken(_settings: Settings, _listener: socket.socket, starter: Starter) -> None:
    """One that cannot serve, and says why."""
    starter.tell(Failed("the model is not there: give another"))


def dying(_settings: Settings, _listener: socket.socket, _starter: Starter) -> None:
    """One that says nothing."""
    os._exit(7)


def once(settings: Settings, _listener: socket.socket, starter: Starter) -> None:
    """One that serves for a moment, and cannot the next time; then all are to end."""
    mark = settings.data_dir / "began"
    if not mark.exists():
        mark.touch()
        starter.tell(Ready("a model"))
        return
    starter.tell(Failed("not again"))
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    assert supervisor.pid is not None
    os.kill(supervisor.pid, signal.SIGTERM)
    time.sleep(60)
