"""What the service counts and times, as Prometheus reads it.

Labels have few values, all of them known to this program: no tenant, customer, id or text is one.
Each app has a registry of its own. Several processes that serve together (see ``together``) count
in files of one folder, and whichever of them is asked answers for all.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    exposition,
    values,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from typing_extensions import override

from memory import InvalidInput, Watch

CONTENT_TYPE = exposition.CONTENT_TYPE_PLAIN_0_0_4
_PREFIX = "memory_service_"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name; it is read at the import
_STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ANSWER_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
_OUTCOMES = [
    *product(("complete", "stopped", "failed"), ("model", "template")),
    *product(("again", "stopped", "waiting"), ("none",)),
]
_LOOK_SECONDS = 5.0  # how often a process of several says how it stands


class Metrics(Watch):
    """Counters, histograms and gauges of one app. Safe to share between threads."""

    def __init__(self) -> None:
        self._gauging: list[Callable[[], None]] = []
        self._shared = bool(values.ValueClass._multiprocess)
        own = CollectorRegistry()
        self.registry = registry_of(os.environ[_FOLDER]) if self._shared else own
        if not self._shared:
            own.register(_First(self.gauge))
            ProcessCollector(registry=own)

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(_PREFIX + name, what, labels, registry=own)

        def histogram(name: str, what: str, *labels: str, most: Iterable[float]) -> Histogram:
            return Histogram(_PREFIX + name, what, labels, registry=own, buckets=tuple(most))

        def gauge(name: str, what: str, *labels: str, of_all: bool = False) -> Gauge:
            # What is the same for every process is not added up.
            return Gauge(
                _PREFIX + name, what, labels, registry=own,
                multiprocess_mode="livemostrecent" if of_all else "livesum",
            )  # fmt: skip

        self._turns = counter(
            "turns", "Turns that were begun, by what became of them and who answered.",
            "outcome", "by",
        )  # fmt: skip
        for outcome, by in _OUTCOMES:  # from the start, or a rate does not see the first of a kind
            self._turns.labels(outcome, by)
        self._turn = histogram("turn_seconds", "From message to stored answer.", "by",
                               most=_ANSWER_SECONDS)  # fmt: skip
        self._first = histogram("first_token_seconds", "From message to first token.", "by",
                                most=_ANSWER_SECONDS)  # fmt: skip
        tokens = counter("model_tokens", "Tokens that the model read and wrote.", "direction")
        self._read, self._written = tokens.labels("read"), tokens.labels("written")
        self._steps = histogram("step_seconds", "Steps of turns and digests; some are within "
                                "others.", "step", most=_STEP_SECONDS)  # fmt: skip
        caches = counter("index_cache", "Looks for a customer's index in memory.", "result")
        folds = counter("folds", "Summaries that got a new version.")
        background = counter("background_failures", "Work after a turn that failed; it is done "
                             "again.")  # fmt: skip
        self._happened: dict[str, Counter] = {
            "cache-hit": caches.labels("hit"),
            "cache-miss": caches.labels("miss"),
            "cache-stale": caches.labels("stale"),
            "fold": folds,
            "background-failed": background,
        }
        self._problems = counter("problems", "Requests and answers that ended as a problem.",
                                 "kind")  # fmt: skip
        self._requests = counter("http_requests", "Requests.", "method", "route", "status")
        self._request = histogram("http_request_seconds", "From request to the answer's end.",
                                  "route", most=_ANSWER_SECONDS)  # fmt: skip
        self.answers = gauge("answers", "Turns before the model.", "state")
        self.circuits = gauge("circuit_open", "Whether what is down is left alone.", "of")
        self.connections = gauge("database_connections", "Connections to the database.", "state")
        self.background = gauge("background_waiting", "Digests and other work after turns that "
                                "are under way or wait.")  # fmt: skip
        self.behind = gauge("digest_behind_customers", "Customers of whom something is not "
                            "digested.", of_all=True)  # fmt: skip
        self.lag = gauge("digest_lag_seconds", "For how long something has not been digested.",
                         of_all=True)  # fmt: skip
        info = gauge("info", "The program.", "version", of_all=True)
        info.labels(version("langchain-memory-service")).set(1)
        self._timed: dict[str, Histogram] = {}

    # --- what happens --------------------------------------------------------------------

    @override
    def step(self, name: str) -> Timing:
        timed = self._timed.get(name)
        if timed is None:
            timed = self._timed[name] = self._steps.labels(name)
        return Timing(timed)

    @override
    def happened(self, what: str) -> None:
        if (counter := self._happened.get(what)) is not None:
            counter.inc()

    def turn(self, outcome: str, by: str, seconds: float, usage: Mapping[str, int]) -> None:
        """A turn has ended: ``complete``, ``stopped`` or ``failed``; or it is ``calling`` tools."""
        self._turns.labels(outcome, by).inc()
        self._turn.labels(by).observe(seconds)
        self.tokens(usage)

    def tokens(self, usage: Mapping[str, int]) -> None:
        """A model has read and written, as far as its server says how much."""
        self._read.inc(usage.get("input_tokens", 0))
        self._written.inc(usage.get("output_tokens", 0))

    def turns_ended(self, count: int) -> None:
        """Turns have been ended whose process was gone: when they had begun is nobody's to time."""
        self._turns.labels("stopped", "none").inc(count)

    def turn_again(self) -> None:
        """A turn that was answered before was asked for again."""
        self._turns.labels("again", "none").inc()

    def turn_waits(self) -> None:
        """A message was stored that a person is to answer."""
        self._turns.labels("waiting", "none").inc()

    def first_token(self, by: str, seconds: float) -> None:
        """The first piece of an answer is there."""
        self._first.labels(by).observe(seconds)

    def problem(self, kind: str) -> None:
        """Somebody is told of a problem; ``kind`` is its name in this program."""
        self._problems.labels(kind).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has ended; ``route`` is a path with the names of what stands in it."""
        self._requests.labels(method, route, str(status)).inc()
        self._request.labels(route).observe(seconds)

    # --- how it stands -------------------------------------------------------------------

    def before_reading(self, gauge: Callable[[], None]) -> None:
        """Let ``gauge`` set gauges before they are read."""
        self._gauging.append(gauge)

    def gauge(self) -> None:
        """Set every gauge."""
        for gauge in self._gauging:
            gauge()

    async def follow(self) -> None:
        """Say again and again how this process stands, where another may be asked for it."""
        while self._shared:
            self.gauge()
            await asyncio.sleep(_LOOK_SECONDS)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it (``CONTENT_TYPE``); of all processes together."""
        if self._shared:
            self.gauge()
        return exposition.generate_latest(self.registry)


class Timing:
    """A block that is timed."""

    __slots__ = ("_began", "_into")

    def __init__(self, into: Histogram) -> None:
        self._into = into
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._into.observe(time.perf_counter() - self._began)


@contextmanager
def together() -> Iterator[Path]:
    """Let processes that are started in this block count together; yields their folder.

    Whoever starts them says when one has ended (``ended``).
    """
    with tempfile.TemporaryDirectory(prefix="memory-service-metrics-") as folder:
        os.environ[_FOLDER] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[_FOLDER]


def ended(pid: int, folder: Path) -> None:
    """A process that counted with others has ended: what it has counted stays, its state goes."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def registry_of(folder: str | Path) -> CollectorRegistry:
    """What all processes that count in a folder have counted."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    registry.register(_Processes(Path(folder)))
    return registry


@contextmanager
def answered_at(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Answer whoever asks for metrics at an address of their own, without a key.

    Raises:
        InvalidInput: the address cannot be used.
    """
    try:
        server, thread = exposition.start_http_server(port, host, registry)
    except OSError as error:
        msg = (
            f"cannot show metrics on {host}:{port}: {error.strerror or error}; set another "
            "MEMORY_SERVICE_METRICS_PORT or MEMORY_SERVICE_METRICS_HOST"
        )
        raise InvalidInput(msg) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _First(Collector):
    """Comes before all others, and has nothing of its own."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        self._act()
        return []


class _Processes(Collector):
    """The library's own measures of a process, of each one that is alive, by its number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        joined: dict[str, Metric] = {}
        for file in sorted(self._folder.glob("gauge_livesum_*.db")):
            pid = file.stem.rpartition("_")[2]
            for found in ProcessCollector(pid=partial(str, pid), registry=None).collect():
                metric = joined.setdefault(
                    found.name, Metric(found.name, found.documentation, found.type)
                )
                for sample in found.samples:
                    metric.add_sample(sample.name, {"pid": pid}, sample.value)
        return joined.values()
