"""What a chat waits for while retention deletes, and how long backups and restores take.

A database of many customers, half of whose messages are too old; one customer chats all the time,
first alone, then while a sweep runs as the service runs it, then while backups are made.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from app.retention import sweep_beside
from memory import (
    ConversationMemory,
    MemoryStore,
    Retention,
    Scope,
    count_tokens,
    open_store,
    restore_backup,
)
from memory.transcript import make_message
from memory.types import Floats
from tests.benchmarks.report import Report

OLD, YOUNG = timedelta(days=400), timedelta(days=5)


class Hashed:
    """Vectors as large as the embedded model's, made from the text's hash alone."""

    name, dimension = "hashed", 384

    def encode(self, texts: Sequence[str]) -> Floats:
        """The texts' vectors (n, 384)."""
        seeds = (int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) for text in texts)
        made = np.stack([np.random.default_rng(seed).standard_normal(384) for seed in seeds])
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def memory_of(store: MemoryStore, customer: str) -> ConversationMemory:
    """A customer's memory, its digest not by itself."""
    return ConversationMemory(
        store=store, scope=Scope(customer), embeddings=Hashed(), background=False
    )


def fill(store: MemoryStore, customers: int, messages: int) -> None:
    """Customers with so many messages each, half of them too old, all of them digested."""
    at = datetime.now(UTC)
    for number in range(customers):
        said = []
        for n in range(messages):
            text = f"Message {n} of {number}: my parcel to street {n} is late, please look into it."
            age = (OLD if n < messages // 2 else YOUNG) - timedelta(seconds=n)
            said.append(make_message("ai" if n % 2 else "human", text, count_tokens(text),
                                     at=at - age))  # fmt: skip
        store.transcript.add(Scope(f"c{number}"), said)
        memory_of(store, f"c{number}").digest()


@contextmanager
def chatting(store: MemoryStore) -> Iterator[list[float]]:
    """A customer who chats for as long as the block runs; milliseconds of each turn."""
    taken: list[float] = []
    over = threading.Event()

    def chat() -> None:
        memory = memory_of(store, "chatter")
        number = 0
        while not over.is_set():
            began = time.perf_counter()
            turn = memory.start(f"Question {number}: where is my parcel?")
            memory.finish(turn, "It is on its way.", "complete")
            taken.append((time.perf_counter() - began) * 1000)
            number += 1
            time.sleep(0.01)

    thread = threading.Thread(target=chat)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()


def shown(name: str, taken: list[float]) -> str:
    """A row of the table."""
    cuts = statistics.quantiles(taken, n=100)
    return (
        f"| {name} | {len(taken)} | {statistics.median(taken):.1f} | {cuts[94]:.1f} | "
        f"{cuts[98]:.1f} | {max(taken):.1f} |"
    )


def timed(work: Callable[[], object]) -> float:
    """How many seconds something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Fill a database, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--messages", type=int, default=200, help="of each customer")
    parser.add_argument("--seconds", type=float, default=10.0, help="of chatting alone")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    given = parser.parse_args()
    report, times = Report("retention", given), dict[str, list[float]]()
    policy = Retention.days(messages=365)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "data" / "memory.db"
        with open_store(f"sqlite:///{path}") as store:
            fill(store, given.customers, given.messages)
            size = path.stat().st_size / 2**20
            with chatting(store) as times["alone"]:
                time.sleep(given.seconds)
            with chatting(store) as times["while a backup is made"]:
                backup = timed(lambda: store.backup(folder / "backup"))
                time.sleep(max(given.seconds - backup, 0))
            with chatting(store) as times["while retention deletes"]:
                swept = timed(lambda: asyncio.run(sweep_beside(store, policy)))
                store.wait()
            (receipt,) = store.receipts.all()
        print("| | turns | median, ms | p95 | p99 | longest |", "|---|---:|---:|---:|---:|---:|",
              *(shown(*row) for row in times.items()), sep="\n")  # fmt: skip
        back = timed(
            lambda: restore_backup(f"sqlite:///{folder / 'there' / 'm.db'}", folder / "backup")
        )
        deleted = sum(receipt.deleted.values())
        print(f"\n{size:.0f} MiB: a backup takes {backup:.1f} s, restoring it {back:.1f} s; "
              f"retention deletes {deleted:,} rows in {swept:.1f} s")  # fmt: skip
    for name, taken in times.items():
        report.sample(f"a turn {name}", taken, "ms")
        report.figure(f"a turn {name} (longest)", max(taken), "ms")
        if name != "alone":
            report.ratio_of(f"a turn {name} / alone", taken, times["alone"], in_turn=False)
    for name, seconds in (("a backup", backup), ("restoring it", back), ("a sweep", swept)):
        report.figure(name, seconds, "s")
    report.figure("rows that a sweep deletes", deleted, "rows", better="neither", noise=0)
    report.write(given.json)


if __name__ == "__main__":
    main()
