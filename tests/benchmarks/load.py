"""Many customers at once: turns a second, and what the memory itself adds to each.

    python -m tests.benchmarks.load [--seconds 4] [--rounds 5] [--embedded] [--json OUT]

The service and a bare FastAPI route that makes the same two commits and one embedding
(``bare_route.py``) are processes of their own, and the clients are here. Each server has a copy of
one database, whose customers have all been here before. At each number of customers every server
is asked for a while in every round, in turns, so that whatever else the machine does hits all
alike; a ratio is of a round's own rates. Like the route, the service embeds a message and reads it
with no classifier; beside it stand the service as it comes, with one, and as it streams.

A customer comes back, opens a new session, says something ten times, each time as soon as the
answer has come, and leaves; another comes. *Turns a second* are counted until the service has also
digested them (written records, embedded them, folded): what is left for later is not saved. *CPU*
is what the server's process took for a turn. *Own* is what a turn takes that is not the model's, as
the client sees it: of a stream, from the request to the first event, which says what was recalled
and comes before the model is asked, and from the model's last word to the event that says that the
answer is stored; of an answer in one piece, and of the bare route, all of it, since the fake model
takes no time of its own. With the embedded model, which answers four at a time, the wait for one of
its places is in it: look at what one customer alone waits for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.crowd import Texts, build, name_of
from tests.benchmarks.dialogue import dialogue
from tests.benchmarks.footprint import start, stop
from tests.benchmarks.report import Report, percentile
from tests.benchmarks.systems import OUT

CUSTOMERS, EACH = 200, 40  # that are known, and what each has said and heard before
VISIT = 10  # turns of a visit
AT_ONCE = (1, 10, 100)
BAR = 0.6  # of the bare route's turns a second

_HEAD = (
    "| customers at once | | turns/s | of the bare route | CPU, ms | own, ms: p50 | p95 | p99 "
    "| turns | errors |"
)
_PATIENCE = 120.0  # seconds until a digest is not waited for any more
_LAGGING = "SELECT COUNT(*) FROM customers WHERE seq > written AND seq > embedded"


@dataclass
class Counted:
    """What came of asking one server for a while."""

    turns: int = 0
    errors: list[str] = field(default_factory=list)
    own: list[float] = field(default_factory=list)  # milliseconds
    answered: float = 0.0  # seconds until the last answer had come
    digested: float = 0.0  # seconds until nothing was left to be done
    cpu: float = 0.0  # seconds of the server's process

    @property
    def rate(self) -> float:
        """Turns a second, with all that they leave to be done."""
        return self.turns / self.digested


class Visitors:
    """Customers, each here once at a time, and what they say."""

    def __init__(self) -> None:
        self._away = deque(name_of(n) for n in range(CUSTOMERS))
        random.Random(1).shuffle(self._away)
        self._said = dialogue()
        self._visits = 0

    def come(self) -> tuple[str, str]:
        """Who was away longest, and the name of the new session."""
        self._visits += 1
        return self._away.popleft(), f"visit-{self._visits}"

    def leave(self, customer: str) -> None:
        """Be away."""
        self._away.append(customer)

    def say(self) -> str:
        """Something to say."""
        return next(self._said)[0]


class Line:
    """A connection that asks for turns, as lean as can be: its work is on the same cores."""

    def __init__(self, port: int, stream: bool) -> None:
        self._port = port
        self._stream = stream
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Line:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def turn(self, customer: str, session: str, message: str) -> float:
        """Ask, and read the whole answer; returns what of it was not the model's, in ms.

        Raises ValueError for any answer but a whole one.
        """
        asked = {"customer": customer, "session": session, "message": message}
        body = json.dumps(asked | {"stream": True} if self._stream else asked).encode()
        began = time.perf_counter()
        self._writer.write(
            b"POST /v1/chat HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer k\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(head.decode().splitlines()[0])
        if self._stream:
            return await self._events(began)
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        answer = json.loads(await self._reader.readexactly(int(length)))
        ended = time.perf_counter()
        if answer["reply"] != message:  # the fake model says the same again
            raise ValueError(f"another answer: {answer}")
        return (ended - began) * 1000

    async def _events(self, began: float) -> float:
        first = spoke = done = 0.0
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            chunk = await self._reader.readexactly(size + 2)
            at = time.perf_counter()
            if b"event: recalled" in chunk:
                first = spoke = at
            if b"event: token" in chunk:
                spoke = at
            if b"event: done" in chunk:
                done = at
        await self._reader.readexactly(2)
        if not first or not done:
            raise ValueError("the stream broke off")
        return (first - began + done - spoke) * 1000


class Server:
    """A server's process, and the database that it writes."""

    def __init__(
        self, process: subprocess.Popen[bytes], address: str, database: Path, *,
        digests: bool = True,
    ) -> None:  # fmt: skip
        self._process = process
        self._digests = digests
        self._port = int(address.rstrip("/").rsplit(":", 1)[1])
        self._database = database
        self._visitors = Visitors()

    def stop(self) -> None:
        """Stop it."""
        stop(self._process)

    def warm(self) -> None:
        """Let every customer ask once: what is done only once is done, and caches are warm."""
        asyncio.run(self.ask(10, 300.0, visits=CUSTOMERS // 10, turns=1))

    async def ask(
        self, at_once: int, seconds: float, *, stream: bool = False, visits: int = sys.maxsize,
        turns: int = VISIT,
    ) -> Counted:  # fmt: skip
        """Let so many customers at once ask for so long, or for so many visits."""
        counted, began, cpu = Counted(), time.perf_counter(), self._cpu()

        async def come() -> None:
            async with Line(self._port, stream) as line:
                for _ in range(visits):
                    customer, session = self._visitors.come()
                    try:
                        for _ in range(turns):
                            if time.perf_counter() - began >= seconds:
                                return
                            own = await line.turn(customer, session, self._visitors.say())
                            counted.own.append(own)
                            counted.turns += 1
                    except (ValueError, OSError, asyncio.IncompleteReadError) as error:
                        counted.errors.append(f"{type(error).__name__}: {error}")
                        return
                    finally:
                        self._visitors.leave(customer)

        await asyncio.gather(*(come() for _ in range(at_once)))
        counted.answered = time.perf_counter() - began
        if self._digests:
            await self._digested()
        counted.digested = time.perf_counter() - began
        counted.cpu = self._cpu() - cpu
        return counted

    def _cpu(self) -> float:
        """Seconds that the process has had a core, for itself and in the system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def _digested(self) -> None:
        """Wait until nothing is left to be done."""
        with sqlite3.connect(self._database) as db:
            until = time.perf_counter() + _PATIENCE
            while db.execute(_LAGGING).fetchone()[0] and time.perf_counter() < until:
                await asyncio.sleep(0.005)


BARE, OURS = "bare route", "service"
DEFAULT, STREAMED = "service with its classifier", "service, streamed"
EMBEDDED = "service, embedded model, streamed"
Rounds = dict[str, list[Counted]]


def measure(
    servers: dict[str, tuple[Server, bool]], at_once: int, seconds: float, rounds: int
) -> Rounds:
    """Ask every server, streamed or not, in every round; returns what was counted of each."""
    counted: Rounds = {name: [] for name in servers}
    order = random.Random(at_once)
    for number in range(rounds):
        for name in order.sample(list(servers), len(servers)):
            server, stream = servers[name]
            found = asyncio.run(server.ask(at_once, seconds, stream=stream))
            counted[name].append(found)
            print(f"{at_once} at once, round {number + 1}, {name}: {found.rate:.0f} turns/s",
                  file=sys.stderr)  # fmt: skip
    return counted


def put(report: Report, at_once: int, counted: Rounds) -> list[str]:
    """Put what was counted at one number of customers into the report; returns a table's lines."""
    lines = []
    bare = [one.rate for one in counted.get(BARE, ())]
    for name, rounds in counted.items():
        what = f"{name}, {at_once} at once"
        rates = [one.rate for one in rounds]
        own = [ms for one in rounds for ms in one.own]
        errors = [error for one in rounds for error in one.errors]
        turns = sum(one.turns for one in rounds)
        cpu = 1000 * sum(one.cpu for one in rounds) / max(turns, 1)
        p50, p95, p99 = (percentile(own, share) for share in (50, 95, 99))
        report.figure(f"turns a second: {what}", statistics.median(rates), "1/s", better="more")
        report.figure(f"CPU of a turn: {what}", cpu, "ms")
        report.sample(f"own part: {what}", own, "ms")
        report.figure(f"own part: {what} (p99)", p99, "ms")
        report.figure(f"errors: {what}", len(errors), "", noise=0, at_most=0)
        share = ""
        if bare and name != BARE:
            report.ratio_of(f"turns a second / bare route: {what}", rates, bare, better="more",
                            at_least=BAR if name == OURS else None)  # fmt: skip
            share = f"{report.ratios[-1].value:.2f}"
        lines.append(
            f"| {at_once} | {name} | {statistics.median(rates):.1f} | {share} | {cpu:.1f} "
            f"| {p50:.1f} | {p95:.1f} | {p99:.1f} | {turns} | {len(errors)} |"
        )
        if errors:
            print(f"{what}: {errors[0]}", file=sys.stderr)
    return lines


def grow(folder: Path) -> Path:
    """A database in which every customer has a history."""
    made = folder / "history.db"
    build(made, range(CUSTOMERS), EACH, Texts())
    with sqlite3.connect(made, isolation_level=None) as db:
        db.execute("UPDATE customers SET audit_key = lower(hex(randomblob(32)))")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return made


def serve(folder: Path, history: Path, **more: str) -> Server:
    """The service over a copy of the database."""
    folder.mkdir()
    database = folder / "memory.db"
    shutil.copyfile(history, database)
    process, address, _ = start(
        folder, folder / "log", rate_key="off", log_level="error",
        answers_waiting=str(2 * max(AT_ONCE)), answer_wait="300", **more,
    )  # fmt: skip
    return Server(process, address, database)


def serve_bare(folder: Path, history: Path) -> Server:
    """The bare route over another."""
    folder.mkdir()
    database = folder / "memory.db"
    shutil.copyfile(history, database)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.bare_route", database], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    address = process.stdout.readline().decode().split()[-1]
    return Server(process, address, database, digests=False)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="that a server is asked for")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--customers", default=",".join(map(str, AT_ONCE)), help="at once")
    parser.add_argument("--embedded", action="store_true", help="the embedded model too")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    at_once = [int(number) for number in options.customers.split(",")]
    before, report = os.getloadavg()[0], Report("load", options)
    OUT.mkdir(exist_ok=True)  # on a disk: a commit to a /tmp in memory costs nothing
    print(_HEAD, "|---:|---|" + "---:|" * 8, sep="\n")
    running: list[Server] = []

    def started(server: Server, *, warm: bool = True) -> Server:
        running.append(server)
        if warm:
            server.warm()
        return server

    with tempfile.TemporaryDirectory(prefix="load-", dir=OUT) as name:
        folder = Path(name)
        history = grow(folder)
        try:
            bare = started(serve_bare(folder / "bare", history))
            echo = {"llm": "fake:echo"}
            alone = started(serve(folder / "alone", history, understanding="off", **echo))
            whole = started(serve(folder / "whole", history, **echo))
            servers = {
                BARE: (bare, False), OURS: (alone, False), STREAMED: (alone, True),
                DEFAULT: (whole, False),
            }  # fmt: skip
            for customers in at_once:
                counted = measure(servers, customers, options.seconds, options.rounds)
                print(*put(report, customers, counted), sep="\n", flush=True)
            while running:
                running.pop().stop()
            if options.embedded:
                model = started(serve(folder / "embedded", history), warm=False)
                for customers in at_once:
                    asked = measure({EMBEDDED: (model, True)}, customers, 5 * options.seconds, 1)
                    print(*put(report, customers, asked), sep="\n", flush=True)
        finally:
            for server in running:
                server.stop()
    print(f"\n{os.cpu_count()} cores, load average {before:.1f} before, "
          f"{os.getloadavg()[0]:.1f} after")  # fmt: skip
    report.write(options.json)


if __name__ == "__main__":
    main()
