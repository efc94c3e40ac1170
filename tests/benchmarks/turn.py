"""How long the memory itself takes in a turn, beside LangChain's own and mem0.

One run, and every system is timed in every round, so that whatever else the machine does hits
all alike. Each table cell is the median in milliseconds, with the 95th percentile behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dialogue import Turn, dialogue
from systems import MEM0_VENV, OUT, BareCommit, LangChain, Mem0, Ours, timed

from memory import embedded

OURS, LANGCHAIN, MEM0AI = "this memory", "LangChain CombinedMemory", "mem0ai (infer=False)"
COMMIT, EMBEDDING = "bare commit of the same rows", "bare ONNX embedding"
AFTER_SAVE, COLD = f"{OURS}, right after a save", f"{OURS}, cold"
BESIDE = "embedding beside "  # the embedding of the question of a load that was timed

Times = dict[str, list[float]]  # milliseconds of each round, by what was timed


def measure(
    size: int, ours: Ours, others: dict[str, Any], talk: Iterator[Turn], copy: Path, rounds: int
) -> Times:
    """Time everything at ``size`` messages: first loads, with nothing written; then saves."""
    times: Times = defaultdict(list)
    encoder, order = embedded(), random.Random(size)

    def embed(question: str) -> float:
        return timed(lambda: encoder.encode([question]))

    loads = {OURS: ours.load, **{name: system.load for name, system in others.items()}}
    loads[EMBEDDING] = embed
    for done in range(rounds + 3):  # the first three warm up
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
    for _ in range(min(rounds, size // 4)):
        turn, (question, _) = next(talk), next(talk)
        for name in order.sample(list(saves), len(saves)):
            os.sync()  # what another wrote is not to be flushed by this one's commit
            times[f"save: {name}"].append(saves[name](turn))
            if name == OURS:
                times[f"load: {AFTER_SAVE}"].append(ours.load(question))
                ours.settle()
                times[BESIDE + AFTER_SAVE].append(embed(question))
    bare.close()
    return times


def report(results: dict[int, Times]) -> str:
    """The times, and the ratios that the bars are about, as GitHub's Markdown."""
    sizes = "".join(f" {size:,} messages |" for size in results)
    rule = "|---|" + "---:|" * len(results)
    names = sorted(name for name in next(iter(results.values())) if not name.startswith(BESIDE))
    lines = [f"| ms: median (95th percentile) |{sizes}", rule]
    for name in names:
        cells = (
            f"{_median(times[name]):.2f} ({_p95(times[name]):.2f})" for times in results.values()
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| ratio, or difference in ms |{sizes}", rule]
    for name, value in _bars(MEM0AI in str(names)).items():
        cells = (f"{value(times):.2f}" for times in results.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _bars(with_mem0: bool) -> dict[str, Callable[[Times], float]]:
    def ratio(above: str, below: str) -> Callable[[Times], float]:
        return lambda times: _median(times[above]) / _median(times[below])

    def less_embedding(load: str, embedding: str) -> Callable[[Times], float]:
        # Of the same question, in the same round.
        return lambda times: _median(
            [a - b for a, b in zip(times[load], times[embedding], strict=True)]
        )

    bars = {
        "our save / bare commit (at most 2)": ratio(f"save: {OURS}", f"save: {COMMIT}"),
        "our load - embedding (at most 5 at 1,000, 10 at 10,000)": less_embedding(
            f"load: {OURS}", f"load: {EMBEDDING}"
        ),
    }
    for name in (AFTER_SAVE, COLD):
        bars[f"load - embedding: {name}"] = less_embedding(f"load: {name}", BESIDE + name)
    for other, wanted in ((LANGCHAIN, True), (MEM0AI, False))[: 1 + with_mem0]:
        for what, least in (("save", 4), ("load", 2)):
            bar = f" (at least {least})" if wanted else ""
            bars[f"{other} / ours, {what}{bar}"] = ratio(f"{what}: {other}", f"{what}: {OURS}")
    return bars


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _p95(values: list[float]) -> float:
    return sorted(values)[min(int(0.95 * len(values)), len(values) - 1)]


def main() -> None:
    """Measure at every size, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000", help="messages of the customer")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--mem0", action="store_true", help=f"with mem0, in {MEM0_VENV}")
    parser.add_argument("--json", type=Path, help="write every single time to this file")
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
            stored = size // 2 + len(results[size][f"save: {OURS}"])
        ours.store.close()
        if options.mem0:
            others[MEM0AI].close()
    where = (
        f"{os.cpu_count()} cores ({platform.machine()}), load average {before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after"
    )
    print(where, report(results), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps({"where": where, "milliseconds": results}, indent=1))


if __name__ == "__main__":
    main()
