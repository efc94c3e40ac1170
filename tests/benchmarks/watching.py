"""What it costs the processor to watch a turn: its metrics, its line in the log, its trace.

    python -m tests.benchmarks.watching

The steps of a turn and its digest, with nothing done in them, as the service tells them to
whoever watches; CPU time, the best of several rounds. The log is written to /dev/null, and spans
are made and thrown away.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

from opentelemetry.sdk.trace import SpanProcessor

from app.access import Access
from app.logs import formatter
from app.metrics import Metrics
from app.spans import Tracing
from memory import Watch
from tests.benchmarks.report import Report

_USAGE = {"input_tokens": 212, "output_tokens": 9}


def turn(watch: Watch) -> None:
    """The steps of a turn with knowledge, and of its digest."""
    step = watch.step
    with step("admit"), step("save_message"):
        pass
    with step("load"):
        with step("embed"):
            pass
        with step("search"):
            watch.happened("cache-hit")
        with step("knowledge"):
            watch.happened("cache-hit")
    with step("model"):
        watch.happened("first-token")
    with step("save_answer"):
        pass
    with step("digest"), step("embed"):
        watch.happened("cache-hit")


def request(metrics: Metrics, tracing: Tracing | None) -> Callable[[], None]:
    """A request with such a turn, from the outside of the service's own app."""
    watch = metrics if tracing is None else tracing.watch(metrics)

    async def app(_scope: object, _receive: object, send: Callable[..., object]) -> None:
        turn(watch)
        metrics.first_token("model", 0.3)
        metrics.turn("complete", "model", 0.7, _USAGE)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def nothing(*_: object) -> None:
        pass

    access = Access(app, metrics, tracing)
    scope = {"type": "http", "method": "POST", "headers": []}

    async def ask() -> None:
        await access(scope, nothing, nothing)

    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(ask())


def cost(work: Callable[[], None], rounds: int, times: int = 300) -> float:
    """Microseconds of CPU time that something takes, the best of so many rounds."""
    work()
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - began) / times)
    return best * 1e6


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    given = parser.parse_args()
    report = Report("watching", given)
    log = logging.getLogger("app")
    bare = cost(lambda: turn(Watch()), given.rounds)
    metrics = Metrics()
    counted = cost(request(metrics, None), given.rounds)
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        handler = logging.StreamHandler()
        handler.setFormatter(formatter("json"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        logged = cost(request(metrics, None), given.rounds)
        traced = cost(request(metrics, Tracing(SpanProcessor())), given.rounds)
    scraped = cost(lambda: bool(metrics.text()), given.rounds, 10)
    print("| a turn, microseconds of CPU | |\n|---|---:|")
    for name, value in (
        ("steps that nobody watches", bare),
        ("counted and timed, with a request around it", counted),
        ("with its line in the log", logged),
        ("with a trace as well", traced),
        ("a scrape", scraped),
    ):
        print(f"| {name} | {value:.0f} |")
        report.figure(name, value, "us")
    report.write(given.json)


if __name__ == "__main__":
    main()
