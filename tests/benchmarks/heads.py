"""What heads cost: reading a text with a classifier, and with the embedded encoder alone.

.venv/bin/python tests/benchmarks/heads.py --model FOLDER [--rounds 300]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from app.understanding.heads import Heads
from memory.embeddings import embedded

TEXTS = [
    "Where is my parcel?",
    "I was charged twice for order 4417-XZ and I want the second payment back, please.",
    "The lamp came broken. I wrote to you on Monday and nobody answered; this is the third time.",
]


def main() -> None:
    """Print the median of each, in milliseconds, and how often the one has the other."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--rounds", type=int, default=300)
    given = options.parse_args()
    read = {"encoder": embedded().encode, "heads": Heads(given.model).read}
    seconds: dict[str, list[float]] = {name: [] for name in read}
    for number in range(given.rounds):
        for name, call in read.items():  # by turns, so that other work meets both
            began = time.perf_counter()
            call([TEXTS[number % len(TEXTS)]])
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(all_) * 1000 for name, all_ in seconds.items()}
    for name, milliseconds in medians.items():
        print(f"{name:8} {milliseconds:6.2f} ms")
    print(f"{medians['heads'] / medians['encoder']:.2f} times")


if __name__ == "__main__":
    main()
