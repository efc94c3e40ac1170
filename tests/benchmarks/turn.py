"""How long the memory itself takes in a turn, beside LangChain's own and mem0.

One run, and every system is timed in every round, so that whatever else the machine does hits
all alike. Each table cell is the median in milliseconds, with the 95th percentile behind it.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory import embedded
from tests.benchmarks.dialogue import Turn, dialogue
from tests.benchmarks.report import Report, percentile
from tests.benchmarks.systems import MEM0_VENV, OUT, BareCommit, LangChain, Mem0, Ours, timed

OURS, LANGCHAIN, MEM0AI = "this memory", "LangChain CombinedMemory", "mem0ai (infer=False)"
COMMIT, EMBEDDING = "bare commit of the same rows", "bare ONNX embedding"
AFTER_SAVE, COLD = f"{OURS}, right after a save", f"{OURS}, cold"
BESIDE = "embedding beside "  # the embedding of the question of a load that was timed

Times = dict[str, list[float]]  # milliseconds of each round, by what was timed


def measure(
    size: int, ours: Ours, others: dict[str, Any], talk: Iterator[Turn], copy: Path, rounds: int
) -> Times:
    """Time everything at ``size`` messages: first loads, with nothing written; then saves.

    The first three of each warm up.
    """
    times: Times = defaultdict(list)
    encoder, order = embedded(), random.Random(size)

    def embed(question: str) -> float:
        return timed(lambda: encoder.encode([question]))

    loads = {OURS: ours.load, **{name: system.load for name, system in others.items()}}
    loads[EMBEDDING] = embed
    for done in range(rounds + 3):
        question, _ = next(talk)
        for name in order.sample(list(loads), len(loads)):
            taken = loads[name](question)
            if done >= 3:
                times[f"load: {name}"].append(taken)
    for _ in range(max(rounds // 10, 3)):
        question, _ = next(talk)
        times[f"load: {COLD}"].append(ours.load_cold(question))
        times[BESIDE + COLD].append(embed(question))

    bare = BareCommit(ours.store, copy)
    saves = {OURS: ours.save, COMMIT: bare.save}
    saves |= {name: system.save for name, system in others.items()}
    ours.store.database.scrub()  # the copy's log is empty too: a commit that extends it is dearer
    for done in range(min(rounds, size // 2) + 3):
        turn, (question, _) = next(talk), next(talk)
        for name in order.sample(list(saves), len(saves)):
            os.sync()  # what another wrote is not to be flushed by this one's commit
            taken = saves[name](turn)
            if done >= 3:
                times[f"save: {name}"].append(taken)
            if name == OURS:
                times[f"load: {AFTER_SAVE}"].append(ours.load(question))
                ours.settle()
                times[BESIDE + AFTER_SAVE].append(embed(question))
    bare.close()
    return times


def table(results: dict[int, Times], compared: dict[str, list[float]]) -> str:
    """The times, and the ratios that the bars are about, as GitHub's Markdown."""
    sizes = "".join(f" {size:,} messages |" for size in results)
    rule = "|---|" + "---:|" * len(results)
    names = sorted(name for name in next(iter(results.values())) if not name.startswith(BESIDE))
    lines = [f"| ms: median (95th percentile) |{sizes}", rule]
    for name in names:
        cells = (
            f"{statistics.median(times[name]):.2f} ({percentile(times[name], 95):.2f})"
            for times in results.values()
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| ratio, or difference in ms |{sizes}", rule]
    for name, values in compared.items():
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |")
    return "\n".join(lines)


def put(report: Report, size: int, times: Times) -> dict[str, float]:
    """Put what was timed at a size into the report; returns what is compared, by name."""
    at = f", {size:,} messages"
    found: dict[str, float] = {}

    def ratio(name: str, above: str, below: str, **limits: Any) -> None:
        report.ratio_of(f"{name}{at}", times[above], times[below], **limits)
        bar = "".join(f" (at {kind[3:]} {limit})" for kind, limit in limits.items()
                      if kind.startswith("at_"))  # fmt: skip
        found[name + bar] = report.ratios[-1].value

    def less_embedding(name: str, load: str, embedding: str, bar: str, **limits: Any) -> None:
        # Of the same question, in the same round.
        apart = [a - b for a, b in zip(times[load], times[embedding], strict=True)]
        found[name + bar] = statistics.median(apart)
        report.figure(f"{name}{at}", found[name + bar], "ms", **limits)

    for name in sorted(times):
        if not name.startswith(BESIDE):
            report.sample(f"{name}{at}", times[name], "ms")
    ratio("our save / bare commit", f"save: {OURS}", f"save: {COMMIT}", at_most=2)
    ratio("our load / embedding", f"load: {OURS}", f"load: {EMBEDDING}")
    less_embedding(
        "our load - embedding", f"load: {OURS}", f"load: {EMBEDDING}",
        " (at most 5 at 1,000, 10 at 10,000)",
        at_most={1_000: 5, 10_000: 10}.get(size),
    )  # fmt: skip
    for name in (AFTER_SAVE, COLD):
        ratio(f"load / embedding: {name}", f"load: {name}", BESIDE + name)
        less_embedding(f"load - embedding: {name}", f"load: {name}", BESIDE + name, "")
    for other, wanted in ((LANGCHAIN, True), (MEM0AI, False)):
        for what, least in (("save", 4), ("load", 2)):
            if f"{what}: {other}" in times:
                ratio(f"{other} / ours, {what}", f"{what}: {other}", f"{what}: {OURS}",
                      better="more", **({"at_least": least} if wanted else {}))  # fmt: skip
    return found


def grown(report: Report, results: dict[int, Times]) -> None:
    """Put how saves and loads grow with the messages into the report."""
    for what in ("save", "load"):
        names = [name for name in next(iter(results.values())) if name.startswith(f"{what}: ")]
        report.growth(what, "messages", "ms", {
            name.removeprefix(f"{what}: "): {
                size: statistics.median(times[name]) for size, times in results.items()
            }
            for name in names
        })  # fmt: skip


def main() -> None:
    """Measure at every size, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000", help="messages of the customer")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--mem0", action="store_true", help=f"with mem0, in {MEM0_VENV}")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # LangChain's, of what it deprecates
    before, results, stored = os.getloadavg()[0], dict[int, Times](), 0
    OUT.mkdir(exist_ok=True)  # on a disk: a commit to a /tmp in memory costs nothing
    with tempfile.TemporaryDirectory(prefix="turn-", dir=OUT) as name:
        folder, talk = Path(name), dialogue()
        ours = Ours(folder)
        others: dict[str, Any] = {LANGCHAIN: LangChain()}
        if options.mem0:
            others[MEM0AI] = Mem0(folder / "mem0")
        for size in sorted(int(size) for size in options.sizes.split(",")):
            turns = [next(talk) for _ in range(size // 2 - stored)]
            for system in (ours, *others.values()):
                system.grow(turns)
            results[size] = measure(size, ours, others, talk, folder / "bare.db", options.rounds)
            stored = size // 2 + min(options.rounds, size // 2) + 3
        ours.store.close()
        if options.mem0:
            others[MEM0AI].close()
    where = (
        f"{os.cpu_count()} cores ({platform.machine()}), load average {before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after"
    )
    report, compared = Report("turn", options), defaultdict[str, list[float]](list)
    for size, times in results.items():
        for name, value in put(report, size, times).items():
            compared[name].append(value)
    grown(report, results)
    print(where, table(results, compared), sep="\n\n")
    report.write(options.json)


if __name__ == "__main__":
    main()
