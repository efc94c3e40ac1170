"""The service in a process group of its own, which can be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from tests.crash.mutants import MUTANTS, Put
from tests.forked import started

KEY = "a-key-for-the-crash-contract"
_WORD = 0.002  # seconds that a word takes
HEADERS = {"Authorization": f"Bearer {KEY}"}

_fresh = multiprocessing.get_context("spawn")  # seconds, but with an environment of its own


class Changed(NamedTuple):
    """What is otherwise with a service than it would be."""

    mutant: str | None = None  # how it is broken
    lease: float | None = None  # seconds that a session is held for whoever is gone

    def put(self) -> None:
        """Let it be so in this process."""
        if self.mutant is not None:
            MUTANTS[self.mutant](setattr)
        if self.lease is not None:
            import app.chains.digests
            import app.chains.support
            import memory.turns

            for module in (app.chains.support, app.chains.digests, memory.turns):
                module.LEASE_SECONDS = self.lease
            app.chains.support._RENEW_SECONDS = self.lease / 5
        take_time(setattr)


def _work(changed: Changed, *given: Any) -> None:
    """Be one of several workers, changed likewise."""
    from app.server import work

    changed.put()
    work(*given)


def _serve(
    settings: dict[str, Any], log: Path, changed: Changed, environment: dict[str, str]
) -> None:
    """Be the service, with nothing of who started it but the group's number."""
    os.setsid()
    os.environ.clear()  # who forks this has that of the first one that was started
    os.environ.update(environment)
    threading.Thread(target=_end_with_its_starter, daemon=True).start()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    import app.server
    from app.settings import Settings

    changed.put()
    app.server.work = partial(_work, changed)  # by name, to processes that change themselves
    app.server.run_server(Settings(**settings))


def take_time(put: Put) -> None:
    """Let the model that repeats what was said take its time, so that answers are cut off."""
    from app.llm.echo import EchoChat

    at_once = EchoChat._astream

    async def slowly(self: EchoChat, *given: Any, **more: Any) -> AsyncIterator[Any]:
        async for chunk in at_once(self, *given, **more):
            await asyncio.sleep(_WORD)
            yield chunk

    put(EchoChat, "_astream", slowly)


def _end_with_its_starter() -> None:
    """Leave no service behind where whoever started it was killed too."""
    starter = multiprocessing.parent_process()
    assert starter is not None
    starter.join()
    os._exit(1)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """More environment variables, until the block ends."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Served:
    """A service on a port of its own, over a database that outlives it.

    Args:
        folder: its data folder.
        mutant: how it is broken, to see whether that is found; None is the service as it is.
        lease: seconds that it holds a session for whoever is gone, if not as many as ever.
        environment: what it is to have beside this process's, for what it loads at its start.
        settings: as it takes them.
    """

    def __init__(
        self,
        folder: Path,
        mutant: str | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        lease: float | None = None,
        **settings: Any,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        folder.mkdir(exist_ok=True)
        self.log = folder / "log"
        self._settings = {
            "data_dir": folder, "port": self.port, "api_key": KEY, "busy_wait": 0.5,
            "rate_key": "off", "rate_customer": "off", **settings,
        }  # fmt: skip
        self._changed = Changed(mutant, lease)
        self._environment = environment
        self._process: Any = None

    def start(self, patience: float = 120) -> float:
        """Start it; returns the seconds until it was ready."""
        context: Any = started if self._environment is None else _fresh
        began = time.monotonic()
        with _environment(self._environment or {}):
            given = (self._settings, self.log, self._changed, dict(os.environ))
            self._process = context.Process(target=_serve, args=given)
            self._process.start()
        self.wait(patience)
        return time.monotonic() - began

    def wait(self, patience: float = 120) -> None:
        """Wait until it is ready."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            assert self._process.is_alive(), self.log.read_text()[-3000:]
            try:
                if httpx.get(f"{self.address}/readyz", timeout=10).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(self.log.read_text()[-3000:])

    @property
    def pid(self) -> int:
        """The process's."""
        pid: int = self._process.pid
        return pid

    def kill(self) -> None:
        """Let the system end it, and all of its group, between two instructions."""
        workers = self._workers()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.join()
        psutil.wait_procs(workers, timeout=60)  # till then the address is theirs too

    def kill_worker(self, chance: random.Random) -> None:
        """End one of the service's workers so; it starts another in its place."""
        victim = chance.choice(self._workers())
        victim.kill()
        victim.wait(30)

    def kill_starter(self) -> None:
        """End only the process that has started the workers; these are to end by themselves."""
        left = self._workers()
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        _, alive = psutil.wait_procs(left, timeout=60)
        assert not alive, f"workers without who has started them: {alive}"

    def _workers(self) -> list[psutil.Process]:
        """Those of several that are there just now."""
        children = psutil.Process(self._process.pid).children()
        return [one for one in children if "spawn_main" in " ".join(one.cmdline())]

    def signal(self, number: int) -> None:
        """Send the service a signal."""
        os.kill(self._process.pid, number)

    def exit_code(self, patience: float) -> int | None:
        """What it ended with; None if it has not ended after so many seconds."""
        self._process.join(patience)
        code: int | None = self._process.exitcode
        return code

    def stop(self) -> None:
        """End it as an administrator does, or kill it if it does not end."""
        if self._process is None or not self._process.is_alive():
            return
        self._process.terminate()
        self._process.join(30)
        if self._process.is_alive():
            self.kill()
