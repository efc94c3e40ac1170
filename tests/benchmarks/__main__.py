"""All benchmarks by one command.

    python -m tests.benchmarks [--only turn,load] [--quick] [--data PATH...] [--out FOLDER]

Each is a process of its own, one after the other, so that none disturbs another; one that fails,
or takes too long, does not stop the rest. FOLDER/DATE gets each one's JSON and what it printed,
pictures, and index.html, which compares with the last run (``comparison.py`` says how). Exits
with 1 where a benchmark failed or took too long; a bar that is missed is said, and is no failure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.comparison import last
from tests.benchmarks.running import Benchmark, Outcome, run
from tests.benchmarks.suite import BENCHMARKS

OUT = Path(__file__).resolve().parent / "out"


def main(benchmarks: Sequence[Benchmark], words: Sequence[str]) -> int:
    """Run what is asked for; the exit status."""
    names = [one.name for one in benchmarks]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true",
                        help="a small form of each: whether they run")  # fmt: skip
    parser.add_argument("--data", type=Path, nargs="+", default=[], metavar="PATH",
                        help="a folder of public collections, or files of such")  # fmt: skip
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER",
                        help="where runs are kept (default: %(default)s)")  # fmt: skip
    given = parser.parse_args(words)
    only = names if given.only is None else given.only.split(",")
    if unknown := sorted({*only} - {*names}):
        parser.error(f"--only {','.join(unknown)}: there are {', '.join(names)}")
    if absent := [str(path) for path in given.data if not path.exists()]:
        parser.error(f"--data {absent[0]}: there is no such file or folder")
    if find_spec("matplotlib") is None:
        parser.error("needs matplotlib: `make test` installs it, or pip install -e '.[plot]'")

    from tests.benchmarks import page

    folder = _folder(given.out)
    outcomes: list[Outcome] = []
    for benchmark in benchmarks:
        if benchmark.name in only:
            print(f"{benchmark.name} ... ", end="", flush=True)
            outcomes.append(run(benchmark, folder, quick=given.quick, data=given.data))
            print(_line(outcomes[-1]), flush=True)
    before = {
        one.name: found
        for one in outcomes
        if one.report is not None and (found := last(given.out, folder, one.report)) is not None
    }
    print(page.write(folder, outcomes, before, quick=given.quick))
    return int(any(one.status in ("failed", "timed out") for one in outcomes))


def _folder(runs: Path) -> Path:
    """A new folder that is called after the time, behind all earlier ones in their order."""
    folder = runs / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    while folder.exists():
        folder = folder.with_name(f"{folder.name}-next")
    folder.mkdir(parents=True)
    return folder


def _line(outcome: Outcome) -> str:
    if outcome.report is None:
        return f"{outcome.status}: {outcome.reason}"
    bars = outcome.report["bars"]
    missed = [bar["name"] for bar in bars if not bar["holds"]]
    said = f"{len(bars) - len(missed)} of {len(bars)} bars hold" if bars else "no bars"
    took = f"{outcome.seconds:.0f} s ({outcome.cpu:.0f} s of CPU)"
    return f"done in {took}: {said}" + "".join(f"\n  missed: {m}" for m in missed)


if __name__ == "__main__":
    sys.exit(main(BENCHMARKS, sys.argv[1:]))
