"""Whether a customer's first load depends on how many other customers there are.

Builds a database of many customers whose messages came in turn, as time brings them, and for
some of these customers a database with that one alone. Then each is asked for the first time:
by a new process, with the page cache dropped. The ratio of the two is the answer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory import ConversationMemory, Scope, embedded, open_store
from tests.benchmarks.crowd import SESSION, Texts, build, name_of
from tests.benchmarks.dialogue import dialogue
from tests.benchmarks.report import Report

OUT = Path(__file__).resolve().parent / "out"

PROCESSES = ((False, "new process"), (True, "process that read another's file"))
Times = dict[tuple[str, bool], list[dict[str, float]]]


class Timed:
    """The embedded model, with the time that it takes."""

    def __init__(self) -> None:
        self.model, self.seconds = embedded(), 0.0
        self.name, self.dimension = self.model.name, self.model.dimension

    def encode(self, texts: Sequence[str]) -> Any:
        """The texts' vectors."""
        began = time.perf_counter()
        try:
            return self.model.encode(texts)
        finally:
            self.seconds += time.perf_counter() - began


def load(path: str, customer: str, session: str, question: str, rehearsal: str) -> None:
    """Answer on standard output how long opening and the first load take.

    After a rehearsal on another database, where one is given: what Python and its libraries do
    once in a process is done then, and what is left is the reading.
    """
    model = Timed()
    model.encode([question])
    if rehearsal:
        _first_load(rehearsal, Scope(name_of(0), session), question, model)
    print("ready", flush=True)
    sys.stdin.readline()  # the page cache is dropped meanwhile
    print(json.dumps(_first_load(path, Scope(customer, session), question, model)), flush=True)


def _first_load(path: str, scope: Scope, question: str, model: Timed) -> dict[str, float]:
    began = time.perf_counter()
    with open_store(f"sqlite:///{path}") as store:
        memory = ConversationMemory(store=store, scope=scope, embeddings=model, background=False)
        opened, read, model.seconds = time.perf_counter(), _bytes_read(), 0.0
        found = memory.load_memory_variables({"input": question})
        took = time.perf_counter() - opened - model.seconds
        assert "Remembered from earlier" in found["history"]
        return {
            "open": (opened - began) * 1000,
            "load": took * 1000,
            "read": (_bytes_read() - read) / 1024,
        }


def _bytes_read() -> int:
    """What this process made the disk read so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def first_load(path: Path, scope: Scope, question: str, rehearsal: Path | None) -> dict[str, float]:
    """Milliseconds of opening and of the first load, and KiB read, by a new process."""
    command = [sys.executable, "-m", "tests.benchmarks.first_load", "--load", str(path)]
    command += [scope.customer, scope.session, question, str(rehearsal or "")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        drop_caches(path)
        child.stdin.write("go\n")
        child.stdin.close()
        found: dict[str, float] = json.loads(child.stdout.read())
    return found


def drop_caches(path: Path) -> str:
    """Let the kernel forget the file's pages; returns how."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return "posix_fadvise"
    return "drop_caches"


def main() -> None:
    """Build, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path, default=OUT, help="a folder with 2 GB free")
    parser.add_argument("--keep", action="store_true", help="do not delete the databases")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    parser.add_argument("--load", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(*options.load)
        return
    if options.messages // options.customers <= SESSION:
        parser.error(f"more than {SESSION} messages a customer: of fewer nothing is recalled")
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="first-load-", dir=options.out))
    try:
        each = options.messages // options.customers
        times = run(folder, each, options.customers, options.repeats)
    finally:
        if options.keep:
            print(f"kept in {folder}")
        else:
            shutil.rmtree(folder)
    put(Report("first_load", options), times).write(options.json)


def run(folder: Path, each: int, count: int, repeats: int) -> Times:
    """Measure ``repeats`` customers, each in the crowd and alone, in alternating order."""
    texts, crowd, rehearsal = Texts(), folder / "crowd.db", folder / "rehearsal.db"
    began = time.perf_counter()
    build(crowd, range(count), each, texts)
    built = time.perf_counter() - began
    build(rehearsal, [0], each, texts)
    times: Times = defaultdict(list)
    questions = dialogue(11)
    for repeat in range(repeats):
        customer = (repeat * 2 + 1) * count // (2 * repeats)
        alone = folder / f"alone-{repeat}.db"
        build(alone, [customer], each, texts)
        scope = Scope(name_of(customer), f"s{(each - 1) // SESSION}")
        for rehearsed in (False, True):
            question, _ = next(questions)
            places = [("in the crowd", crowd), ("alone", alone)]
            for place, path in places if repeat % 2 else places[::-1]:
                found = first_load(path, scope, question, rehearsal if rehearsed else None)
                times[place, rehearsed].append(found)
    print(
        f"{each * count:,} messages of {count:,} customers, built in {built:.0f} s: "
        f"{size(crowd, each * count)}; one customer alone: {size(alone, each)}. "
        f"Page cache dropped by {drop_caches(crowd)}; load average {os.getloadavg()[0]:.1f}.\n"
    )
    print(table(times))
    return times


def size(path: Path, messages: int) -> str:
    """A file's size, and what of it falls to each message."""
    found = path.stat().st_size
    return f"{found / 2**20:,.1f} MiB, {found / messages:,.0f} bytes a message"


def table(times: Times) -> str:
    """Medians (95th percentiles), and their ratio, as GitHub's Markdown."""
    lines = ["| median (95th percentile) | in the crowd | alone | ratio |", "|---|---:|---:|---:|"]
    for rehearsed, process in PROCESSES:
        for what, label in (
            ("load", "first load less embedding, ms"),
            ("open", "opening, ms"),
            ("read", "read from disk by the load, KiB"),
        ):
            cells, medians = [], []
            for place in ("in the crowd", "alone"):
                values = sorted(found[what] for found in times[place, rehearsed])
                medians.append(statistics.median(values))
                cells.append(f"{medians[-1]:.1f} ({values[int(0.95 * len(values))]:.1f})")
            ratio = f"{medians[0] / medians[1]:.2f}" if medians[1] else ""
            lines.append(f"| {process}: {label} | {' | '.join(cells)} | {ratio} |")
    return "\n".join(lines)


def put(report: Report, times: Times) -> Report:
    """Put what was found into the report."""
    for rehearsed, process in PROCESSES:
        loads = {
            place: [one["load"] for one in times[place, rehearsed]]
            for place in ("in the crowd", "alone")
        }
        for place, taken in loads.items():
            report.sample(f"first load, {place}, {process}", taken, "ms")
        report.ratio_of(
            f"first load, in the crowd / alone, {process}", *loads.values(),
            at_most=None if rehearsed else 1.2,
        )  # fmt: skip
    return report


if __name__ == "__main__":
    main()
