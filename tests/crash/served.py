"""The service in a process group of its own, which can be killed and started again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx

KEY = "a-key-for-the-crash-contract"
HEADERS = {"Authorization": f"Bearer {KEY}"}

# What has imported everything already is forked for each start, which leaves out the seconds that
# the imports take and nothing else: what is killed is `memory-service serve` itself.
_started = multiprocessing.get_context("forkserver")
_IMPORTED = [
    "app.server", "app.llm.embedded", "app.understanding.heads", "memory.minilm",
    "onnxruntime", "tokenizers", "faiss", "psycopg",
]  # fmt: skip


def _serve(settings: dict[str, Any], log: Path) -> None:
    """Be the service, with nothing of who started it but the group's number."""
    os.setsid()
    threading.Thread(target=_end_with_its_starter, daemon=True).start()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    from app.server import run_server
    from app.settings import Settings

    run_server(Settings(**settings))


def _end_with_its_starter() -> None:
    """Leave no service behind where whoever started it was killed too."""
    starter = multiprocessing.parent_process()
    assert starter is not None
    starter.join()
    os._exit(1)


class Served:
    """A service on a port of its own, over a database that outlives it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self._settings = {
            "data_dir": folder, "port": self.port, "api_key": KEY, "busy_wait": 0.5, **settings
        }  # fmt: skip
        self._process: Any = None
        _started.set_forkserver_preload(_IMPORTED)

    def start(self, patience: float = 120) -> float:
        """Start it; returns the seconds until it was ready."""
        self._process = _started.Process(target=_serve, args=(self._settings, self.log))
        began = time.monotonic()
        self._process.start()
        while time.monotonic() - began < patience:
            assert self._process.is_alive(), self.log.read_text()[-3000:]
            try:
                if httpx.get(f"{self.address}/readyz", timeout=10).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(self.log.read_text()[-3000:])

    def kill(self) -> None:
        """Let the system end it, and all of its group, between two instructions."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()

    def stop(self) -> None:
        """End it as an administrator does, or kill it if it does not end."""
        if self._process is None or not self._process.is_alive():
            return
        self._process.terminate()
        self._process.join(30)
        if self._process.is_alive():
            self.kill()
