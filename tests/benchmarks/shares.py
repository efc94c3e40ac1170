"""Where the CPU time of a turn goes: ours by its parts, and beside it the bare route's.

    python -m tests.benchmarks.shares [--turns 100] [--rounds 5]

The app of the service, and that of the bare route (``bare_route.py``), are called in this process,
without a server, by customers as those of ``load.py``, one at a time: it is what to look at while
something is made cheaper, on a machine that has other work too. A part is timed by its thread's
CPU clock, without the parts within it; the event loop is what its thread takes, HTTP without the
protocol, the chain and the model.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.chains.digests import Digests
from app.main import create_app
from app.settings import Settings
from memory import ConversationMemory, VectorMemory, cache, vector
from memory.embeddings import OnnxEmbeddings
from memory.turns import Turns
from tests.benchmarks import bare_route
from tests.benchmarks.load import VISIT, Visitors, grow
from tests.benchmarks.report import Report
from tests.benchmarks.systems import OUT

LOOP, REST = "event loop", "other threads"
_PARTS: tuple[tuple[str, Any, str], ...] = (
    ("embedding", OnnxEmbeddings, "encode"),
    ("search", VectorMemory, "ranked"),
    ("facts", cache, "written"),
    ("facts", vector.writers, "written"),
    ("laying out, the rest", ConversationMemory, "layout"),
    ("storing", Turns, "start"),
    ("storing", Turns, "finish"),
    ("digest, the rest", Digests, "_digest"),
)


class Parts:
    """The seconds that each part has taken, without those within it, in whatever thread."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._within = threading.local()  # seconds of the parts within the one that is timed

    def time(self, name: str, owner: Any, function: str) -> None:
        """Time a function of a class or module from now on."""
        whole = getattr(owner, function)

        @functools.wraps(whole)
        def timed(*args: Any, **kwargs: Any) -> Any:
            around, self._within.seconds = getattr(self._within, "seconds", 0.0), 0.0
            began = time.thread_time()
            try:
                return whole(*args, **kwargs)
            finally:
                taken = time.thread_time() - began
                self.spent[name] += taken - self._within.seconds
                self._within.seconds = around + taken

        setattr(owner, function, timed)


async def _turn(app: FastAPI, customer: str, session: str, message: str) -> None:
    """Ask an app for a turn, as a server would."""
    asked = {"customer": customer, "session": session, "message": message}
    sent: list[Any] = []
    received = [{"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}]
    headers = [(b"authorization", b"Bearer k"), (b"content-type", b"application/json")]

    async def receive() -> Any:
        return received.pop() if received else await asyncio.get_running_loop().create_future()

    async def send(part: Any) -> None:
        sent.append(part)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/v1/chat", "raw_path": b"/v1/chat", "query_string": b"",
        "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent


async def _visits(app: FastAPI, visitors: Visitors, turns: int) -> None:
    """Customers come and say something, one after the other; ours is digested then."""
    for _ in range(turns // VISIT):
        customer, session = visitors.come()
        for _ in range(VISIT):
            await _turn(app, customer, session, visitors.say())
        visitors.leave(customer)
    if (store := getattr(app.state, "store", None)) is not None:
        await asyncio.to_thread(store.wait)


async def measure(ours: FastAPI, bare: FastAPI, turns: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of CPU a turn in each round: both, and the parts of ours."""
    parts, found = Parts(), dict[str, list[float]]()
    for part in _PARTS:
        parts.time(*part)
    came = {"service": (ours, Visitors()), "bare route": (bare, Visitors())}
    async with ours.router.lifespan_context(ours):
        for done in range(rounds + 2):  # the first two warm up
            for name, (app, visitors) in came.items():
                parts.spent.clear()
                whole, loop = time.process_time(), time.thread_time()
                await _visits(app, visitors, turns)
                whole, loop = time.process_time() - whole, time.thread_time() - loop
                taken = {name: whole}
                if app is ours:
                    taken |= {**parts.spent, LOOP: loop}
                    taken[REST] = whole - loop - parts.spent.total()
                for what, seconds in taken.items() if done >= 2 else ():
                    found.setdefault(what, []).append(seconds * 1000 / turns)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    report = Report("shares", options)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shares-", dir=OUT) as name:
        folder = Path(name)
        shutil.copyfile(grow(folder), folder / "memory.db")
        settings = Settings(
            data_dir=folder, api_key="k", llm="fake:echo", understanding="off", log_level="error",
            rate_customer="off", rate_key="off", reply_tokens=16,
        )  # fmt: skip
        bare = bare_route.create(str(shutil.copyfile(folder / "memory.db", folder / "bare.db")))
        found = asyncio.run(measure(create_app(settings), bare, options.turns, options.rounds))
    medians = {what: statistics.median(values) for what, values in found.items()}
    whole = medians["service"]
    print("| CPU of a turn | ms | of the service's |", "|---|---:|---:|", sep="\n")
    for what, ms in sorted(medians.items(), key=lambda one: -one[1]):
        report.figure(f"CPU of a turn: {what}", ms, "ms")
        print(f"| {what} | {ms:.2f} | {ms / whole:.2f} |")
    report.ratio_of("CPU of a turn: service / bare route", found["service"], found["bare route"])
    print(f"\nservice / bare route: {report.ratios[-1].value:.2f}")
    report.write(options.json)


if __name__ == "__main__":
    main()
