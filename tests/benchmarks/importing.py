"""How fast past conversations are imported, beside the bare encoder over the same texts.

    python -m tests.benchmarks.importing [--conversations 120] [--data FILE] [--json OUT]

What ``memory-service import`` does (``app.importing``), into a new SQLite database on a disk, a
part of the conversations at a time. Every vector that a part has stored is counted, of sentences,
messages and facts alike, and the texts they are of are embedded once more by the bare encoder, all
in one call, sorted by length and batched. It is measured without a classifier, whose reading of
the customers' messages is a pass of another network and makes no vector, and then with it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.importing import import_from
from app.settings import Settings
from app.sources.formats import open_source
from app.sources.source import Options
from app.understanding.opening import open_understanding
from memory import MemoryStore, Understanding, open_store
from memory.embeddings import OnnxEmbeddings
from tests.benchmarks.dialogue import dialogue
from tests.benchmarks.report import Report
from tests.benchmarks.systems import OUT

TURNS = (4, 20)  # of a conversation, at least and at most
PARTS = 6
BAR = 0.8  # of the bare encoder's texts a second
_STORED = (
    "SELECT r.text FROM vectors v JOIN records r ON r.tenant = v.tenant "
    "AND r.customer = v.customer AND r.seq = v.seq"
)


def made_up(conversations: int) -> Iterator[str]:
    """Lines as ``import`` takes them, of customers who come back now and then."""
    talk, rng = dialogue(), random.Random(1)
    for number in range(conversations):
        messages = [
            {"role": role, "text": text}
            for _ in range(rng.randint(*TURNS))
            for role, text in zip(("customer", "agent"), next(talk), strict=True)
        ]
        customer = f"customer-{rng.randrange(max(conversations // 3, 1))}"
        session = f"session-{number}"
        yield json.dumps({"customer": customer, "session": session, "messages": messages})


def stored(store: MemoryStore) -> list[str]:
    """The text of every vector that is stored."""
    with store.database.read() as connection:
        return [row[0] for row in connection.exec_driver_sql(_STORED).fetchall()]


def measure(
    lines: list[str], folder: Path, understanding: Understanding | None
) -> tuple[list[float], list[float]]:
    """Vectors a second of each part: imported, and by the bare encoder."""
    folder.mkdir()
    encoder, settings = OnnxEmbeddings(), Settings(data_dir=folder)
    encoder.encode(["warm"] * 8)
    ours: list[float] = []
    bare: list[float] = []
    for part in range(PARTS):
        texts: list[str] = []
        file = folder / f"part-{part}.jsonl"
        file.write_text("\n".join(lines[part::PARTS]), encoding="utf-8")
        with open_store(f"sqlite:///{folder / f'part-{part}.db'}") as store:
            began = time.perf_counter()
            source = open_source(str(file), Options("somebody"))
            import_from(store, settings, encoder, source, understanding)
            took = time.perf_counter() - began
            texts = stored(store)
        ours.append(len(texts) / took)
        began = time.perf_counter()
        encoder.encode(texts)
        bare.append(len(texts) / (time.perf_counter() - began))
    return ours, bare


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=120, help="that are made up")
    parser.add_argument("--data", type=Path, help="JSONL as import takes it, instead of these")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    lines = (
        list(made_up(options.conversations))
        if options.data is None
        else [line for line in options.data.read_text("utf-8").splitlines() if line.strip()]
    )
    before, report = os.getloadavg()[0], Report("importing", options)
    OUT.mkdir(exist_ok=True)
    print("| | vectors/s: import | bare encoder | ratio |", "|---|---:|---:|---:|", sep="\n")
    with tempfile.TemporaryDirectory(prefix="importing-", dir=OUT) as name:
        for how, understanding, bar in (
            ("without a classifier", None, BAR),
            ("with the shipped classifier", open_understanding("embedded:"), None),
        ):
            ours, bare = measure(lines, Path(name) / how.replace(" ", "-"), understanding)
            report.sample(f"vectors imported a second, {how}", ours, "1/s", better="more")
            report.sample(f"vectors a second of the bare encoder, {how}", bare, "1/s",
                          better="more")  # fmt: skip
            report.ratio_of(f"import / bare encoder, {how}", ours, bare, better="more",
                            at_least=bar)  # fmt: skip
            found = report.ratios[-1].value
            print(f"| {how} | {statistics.median(ours):.0f} | {statistics.median(bare):.0f} "
                  f"| {found:.2f} |", flush=True)  # fmt: skip
    print(f"\n{os.cpu_count()} cores, load average {before:.1f} before, "
          f"{os.getloadavg()[0]:.1f} after")  # fmt: skip
    report.write(options.json)


if __name__ == "__main__":
    main()
