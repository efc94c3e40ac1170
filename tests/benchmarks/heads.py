"""What heads cost: reading a text with a classifier beside the embedded encoder alone, and laying
out a prompt while the message is read beside laying it out alone.

.venv/bin/python -m tests.benchmarks.heads [--model FOLDER] [--rounds 300] [--messages 1000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import app
from app.understanding.heads import Heads
from memory import embedded
from tests.benchmarks.dialogue import dialogue
from tests.benchmarks.report import Report
from tests.benchmarks.systems import Ours, timed

SHIPPED = Path(app.__file__).parent / "understanding" / "shipped"
TEXTS = [
    "Where is my parcel?",
    "I was charged twice for order 4417-XZ and I want the second payment back, please.",
    "The lamp came broken. I wrote to you on Monday and nobody answered; this is the third time.",
]


def measure(heads: Heads, ours: Ours, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each, all of them in every round, so that other work meets all alike."""
    found: dict[str, list[float]] = defaultdict(list)
    order = random.Random(0)

    def beside(text: str) -> None:
        reading = thread.submit(heads.read, [text])
        found["layout, read beside"].append(timed(partial(ours.memory.layout, text)))
        reading.result()

    calls: dict[str, Callable[[str], object]] = {
        "encoder": lambda text: embedded().encode([text]),
        "heads": lambda text: heads.read([text]),
        "layout": ours.memory.layout,
        "until both are there": beside,
    }
    with ThreadPoolExecutor(1) as thread:
        for number in range(rounds):
            for name in order.sample([*calls], len(calls)):
                # Words of its own: a question's vector is kept for the next layout.
                text = f"{TEXTS[number % len(TEXTS)]} {number} {name}"
                found[name].append(timed(partial(calls[name], text)))
    return found


def main() -> None:
    """Print the median of each, in milliseconds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", type=Path, default=SHIPPED, help="a trained classifier")
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--messages", type=int, default=1000, help="that the customer has")
    options.add_argument("--json", type=Path, help="write what was found to this file")
    given = options.parse_args()
    talk = dialogue()
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(Path(folder))
        ours.grow([next(talk) for _ in range(given.messages // 2)])
        found = measure(Heads(given.model), ours, given.rounds)
        ours.store.close()
    report = Report("heads", given)
    for name, all_ in found.items():
        print(f"{name:20} {statistics.median(all_):6.2f} ms")
        report.sample(name, all_, "ms")
    report.ratio_of("heads / encoder", found["heads"], found["encoder"], at_most=1.2)
    report.ratio_of("layout while read beside / layout", found["layout, read beside"],
                    found["layout"])  # fmt: skip
    print(f"heads / encoder: {report.ratios[0].value:.2f} times")
    report.write(given.json)


if __name__ == "__main__":
    main()
