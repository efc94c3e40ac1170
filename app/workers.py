"""Several processes that serve one address: started, watched, started again, and ended together.

What they share is the listening socket and Postgres. Settings go to them through a pipe, with
what is secret in them; no argument and no variable of a process has it. The same pipe tells a
worker when to end, and it ends by itself where whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from sqlalchemy.engine import make_url

from app.settings import Settings
from app.stopping import LAST_SECONDS
from app.worker import Failed, Starter
from memory import InvalidInput, MemoryServiceError

_LOOK_SECONDS = 0.2  # how often it is looked whether a signal has come
_PROVEN_SECONDS = 60.0  # a worker that has served for so long is not broken from the start
_LONGEST_PAUSE = 30.0  # seconds between two starts of one that is
_KILL_SECONDS = 5.0  # beside the time that a worker's own end may take

# Not forked: what has threads or connections is not to be copied.
_fresh = multiprocessing.get_context("spawn")
_logger = logging.getLogger(__name__)


class NotStarted(MemoryServiceError):
    """No worker can serve; the message says why."""


def check_workers(settings: Settings) -> None:
    """Refuse several workers on what only one process can use.

    Raises:
        InvalidInput: the database is a file, or the model runs in the service's own process.
    """
    if settings.workers == 1:
        return
    many = f"--workers {settings.workers}"
    if make_url(settings.database_url).get_backend_name() == "sqlite":
        msg = (
            f"{many} need Postgres, and this database is SQLite's, which is one process's to "
            "serve: give --database postgresql+psycopg://user:password@host/name, or --workers 1"
        )
        raise InvalidInput(msg)
    scheme = settings.llm.partition(":")[0].lower()
    if scheme in {"embedded", "huggingface"}:
        msg = (
            f"{many} need a model server: {scheme}: runs in the service's own process, and each "
            "worker would load one and take the cores from the others. Give "
            "--llm http://host/v1#model (vLLM, Ollama, llama.cpp's server, ...), or --workers 1"
        )
        raise InvalidInput(msg)


Work = Callable[[Settings, socket.socket, Starter], None]


@dataclass(slots=True)
class _Running:
    """The process of a worker."""

    process: SpawnProcess
    link: Connection
    began: float
    ready: bool = False

    @property
    def ended(self) -> bool:
        return self.process.exitcode is not None

    def tell(self, signals: int) -> None:
        with contextlib.suppress(OSError):  # it has ended by itself
            self.link.send(signals)

    def close(self) -> None:
        self.process.close()
        self.link.close()


@dataclass(slots=True)
class _Place:
    """One of so many workers: who is there now, or when the next one is to be."""

    number: int
    running: _Running | None = None
    due: float = 0.0
    pause: float = 0.0


class Workers:
    """The workers of a service, for the process that starts them and does nothing else."""

    def __init__(self, settings: Settings, listener: socket.socket, work: Work) -> None:
        """Have them, not yet started.

        Args:
            settings: ``workers`` says how many; each gets all of them.
            listener: what each takes connections from.
            work: what each does, a function by its name; it tells when it is ready.
        """
        self._settings = settings
        self._listener = listener
        self._work = work
        self._places = [_Place(number + 1) for number in range(settings.workers)]
        self._serves = False  # whether any ever has
        self._lost = 0  # that ended before
        self._signals = 0

    def run(
        self, tell: Callable[[str], object], ended: Callable[[int], object] = lambda _: None
    ) -> None:
        """Serve until SIGTERM or SIGINT, and end as one process does.

        Args:
            tell: is given the model's name once the first worker serves.
            ended: is given the number of a process that has ended, before another is started.

        Raises:
            NotStarted: none of them can.
        """
        with self._signalled():
            try:
                while not self._signals:
                    for place in self._places:
                        if place.running is None and time.monotonic() >= place.due:
                            place.running = self._start(place.number)
                    self._wait()
                    for place in self._places:
                        self._look_at(place, tell, ended)
            finally:
                self._end()

    # --- inside --------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signalled(self) -> Iterator[None]:
        def count(_sig: int, _frame: FrameType | None) -> None:
            self._signals += 1

        before = {one: signal.signal(one, count) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    @property
    def _running(self) -> list[_Running]:
        return [place.running for place in self._places if place.running is not None]

    def _start(self, number: int) -> _Running:
        ours, theirs = _fresh.Pipe()
        process = _fresh.Process(
            target=self._work,
            args=(self._settings, self._listener, Starter(theirs)),
            name=f"worker-{number}",
        )
        # Ctrl-C comes to all processes of a terminal: not to what has not begun to listen.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        theirs.close()
        return _Running(process, ours, time.monotonic())

    def _wait(self) -> None:
        """Wait until there may be news of a worker, but not for long."""
        running = self._running
        wait([*(o.process.sentinel for o in running), *(o.link for o in running)], _LOOK_SECONDS)

    def _look_at(
        self, place: _Place, tell: Callable[[str], object], end: Callable[[int], object]
    ) -> None:
        """Hear what a worker says, and see whether it has ended."""
        if (running := place.running) is None:
            return
        ended = running.ended  # before it is heard: what it said at last is not to be missed
        with contextlib.suppress(EOFError, OSError):
            while running.link.poll():
                self._hear(place.number, running, tell)
        if not ended:
            return
        code, pid = running.process.exitcode, running.process.pid
        assert pid is not None
        end(pid)
        self._lost += not self._serves
        if self._lost >= len(self._places):
            msg = f"no worker could be started: the last one ended with {code}; the log says why"
            raise NotStarted(msg)
        proven = running.ready and time.monotonic() - running.began >= _PROVEN_SECONDS
        place.pause = 0.0 if proven else min(max(1.0, 2 * place.pause), _LONGEST_PAUSE)
        place.due = time.monotonic() + place.pause
        place.running = None
        running.close()
        _logger.error(
            "worker %d has ended with %s: another is started in %g s",
            place.number, code, place.pause,
        )  # fmt: skip

    def _hear(self, number: int, running: _Running, tell: Callable[[str], object]) -> None:
        said = running.link.recv()
        if isinstance(said, Failed):
            if not self._serves:
                raise NotStarted(said.why)
            _logger.error("worker %d cannot serve: %s", number, said.why)
            return
        running.ready = True
        if not self._serves:
            self._serves = True
            tell(said.model)

    def _end(self) -> None:
        """End all, as each ends by itself, and wait until they have."""
        asked = 0
        until = time.monotonic() + self._settings.stop_wait + LAST_SECONDS + _KILL_SECONDS
        while running := self._running:
            signals = max(1, self._signals)
            for one in running if signals > asked else ():
                if one.ready:
                    one.tell(signals)
                else:
                    one.process.terminate()  # it has begun nothing
            asked = signals
            if time.monotonic() >= until:
                for one in running:
                    one.process.kill()
            wait([one.process.sentinel for one in running], _LOOK_SECONDS)
            for place in self._places:
                if place.running is not None and place.running.ended:
                    place.running.close()
                    place.running = None
