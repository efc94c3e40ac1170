"""What the operator's view costs in a database of a million messages.

    .venv/bin/python -m tests.benchmarks.operations --messages 1000000

Fills a database (SQLite, or ``--database postgresql+psycopg://...``, an empty one) with turns of
30 days, and times each question of ``memory.operations``: the first time, and again (median), by
the clock and by this thread's processor, in which SQLite runs. ``--plan`` prints how SQLite goes
about each statement.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.operations import operations_now
from app.schemas.operations import ModelInService
from memory import MemoryStore, operations
from memory.clock import now, to_stamp
from memory.store import open_store
from tests.benchmarks.report import Report

_DAYS = 30
_TURNS_OF_ONE = 5  # of a customer, all in one session
_BATCH = 20_000
_MOODS = ("negative", "neutral", "neutral", "positive")


def rows(turns: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Turns as they come, a customer's five in a row, the last now."""
    end = to_stamp(now())
    step = _DAYS * 86_400_000_000 // turns
    for n in range(turns):
        status = rng.choices(("complete", "failed", "stopped"), (96, 2, 2))[0]
        first = int(rng.lognormvariate(6, 0.8))
        labels = {"intent": ["track_order", 0.9], "sentiment": [rng.choice(_MOODS), 0.8]}
        customer, place = divmod(n, _TURNS_OF_ONE)
        yield {
            "customer": f"c{customer}", "session": "monday", "n": f"t{n}",
            "at": end - (turns - n) * step, "question": 2 * place + 1, "answer": 2 * place + 2,
            "status": status, "first": first, "took": 4 * first, "labels": json.dumps(labels),
            "text": f"Where is my order {n}? " * 4,
        }  # fmt: skip


_FILL = (
    "INSERT INTO turns (tenant, customer, id, session, status, at, question, answer, first_ms, "
    "took_ms) VALUES ('default', :customer, :n, :session, :status, :at, :question, :answer, "
    ":first, :took)",
    "INSERT INTO messages (tenant, customer, seq, session, id, role, text, at, tokens, turn, "
    "labels) VALUES ('default', :customer, :question, :session, :n || 'q', 'human', :text, :at, "
    "20, :n, :labels)",
    "INSERT INTO messages (tenant, customer, seq, session, id, role, text, at, tokens, turn) "
    "VALUES ('default', :customer, :answer, :session, :n || 'a', 'ai', :text, :at, 20, :n)",
)
_OWN = (
    "INSERT INTO customers (tenant, customer, seq, generation, written, embedded) "
    "SELECT tenant, customer, MAX(seq), 1, MAX(seq), MAX(seq) FROM messages GROUP BY 1, 2",
    "INSERT INTO sessions (tenant, customer, session, created, updated, messages, tokens) "
    "SELECT tenant, customer, session, MIN(at), MAX(at), COUNT(*), 0 FROM messages "
    "GROUP BY 1, 2, 3",
    "UPDATE customers SET written = 1, embedded = 1 WHERE customer LIKE 'c1%7'",
)


def fill(store: MemoryStore, turns: int) -> None:
    """Put so many turns into a database, each with two messages."""
    batch: list[dict[str, Any]] = []

    def put() -> None:
        with store.database.write() as connection:
            for statement in _FILL:
                connection.execute(sa.text(statement), batch)
        batch.clear()

    for row in rows(turns, random.Random(7)):
        batch.append(row)
        if len(batch) == _BATCH:
            put()
    if batch:
        put()
    with store.database.write() as connection:
        for statement in _OWN:
            connection.execute(sa.text(statement))


def timed(ask: Callable[[], Any], times: int) -> list[tuple[float, float]]:
    """Milliseconds that each of so many calls takes, and those of this thread's processor."""
    found = []
    for _ in range(times):
        began, worked = time.perf_counter(), time.thread_time()
        ask()
        found.append(((time.perf_counter() - began) * 1000, (time.thread_time() - worked) * 1000))
    return found


def plans(store: MemoryStore) -> Iterator[tuple[str, list[str]]]:
    """How SQLite goes about each statement, by its name."""
    values = dict.fromkeys("span since until limit".split(), 1) | {
        "tenant": "default", "knowledge": "",
    }  # fmt: skip
    with store.database.read() as connection:
        for name, statement in vars(operations).items():
            if isinstance(statement, sa.TextClause):
                asked = {k: v for k, v in values.items() if f":{k}" in statement.text}
                plan = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {statement.text}"), asked)
                yield name, [row.detail for row in plan]


def main() -> None:
    """Fill, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--database", default="sqlite://")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with open_store(args.database) as store:
        began = time.perf_counter()
        fill(store, args.messages // 2)
        print(f"{args.messages:,} messages put in, {time.perf_counter() - began:.0f} s")
        if args.plan:
            for name, lines in plans(store):
                print(name, *lines, sep="\n    ")
        model = ModelInService(name="none", adapter=None)
        asks: dict[str, Callable[[], Any]] = {
            "stretches, minutes": lambda: store.operations.stretches(
                "default", timedelta(minutes=1), 60
            ),
            "stretches, hours": lambda: store.operations.stretches(
                "default", timedelta(hours=1), 24
            ),
            "stretches, days": lambda: store.operations.stretches("default", timedelta(days=1), 30),
            "begun": lambda: store.operations.begun("default", timedelta(minutes=1)),
            "running": lambda: store.operations.running("default"),
            "unanswered, 20": lambda: store.operations.unanswered("default", 20),
            "unhappy, 20": lambda: store.operations.unhappy("default", 20),
            "unanswered, 200": lambda: store.operations.unanswered("default", 200),
            "unhappy, 200": lambda: store.operations.unhappy("default", 200),
            "lag": lambda: store.operations.lag("default"),
            "the view, minutes, 20": lambda: operations_now(store, "default", "minute", 20, model),
            "the view, days, 20": lambda: operations_now(store, "default", "day", 20, model),
        }
        report = Report("operations", args)
        for name, ask in asks.items():
            first, *again = timed(ask, 8)
            wall, cpu = (statistics.median(one) for one in zip(*again, strict=True))
            print(f"{name:24} {first[0]:8.1f} ms first (CPU {first[1]:.1f}), "
                  f"{wall:7.1f} again (CPU {cpu:.1f})")  # fmt: skip
            report.figure(f"{name}, first", first[1], "ms")
            report.sample(f"{name}, again", [one[1] for one in again], "ms")
        report.write(args.json)


if __name__ == "__main__":
    main()
