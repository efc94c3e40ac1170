"""What a benchmark has found, in the one shape that all of them write as JSON.

A report has *figures* (a number with its unit), *ratios* (of two things measured in the same run,
so that the machine's other work hits both alike), *bars* (a limit that a number is to keep),
*samples* (every single time, for a distribution) and *growths* (a number over n, for a line)::

    report = Report("turn", options)
    report.sample("save: this memory", milliseconds, "ms")
    report.figure("megabytes of a state", 32.5, "MB", noise=0.02)
    report.ratio_of("our save / bare commit", ours, bare, at_most=2)
    report.bar("tokens read beside its own", 12, "tokens", at_most=16)
    report.growth("load", "messages", "ms", {"this memory": {100: 6.5, 1000: 8.2}})
    report.write(options.json)
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

Better = Literal["less", "more", "neither"]

SHOWN = ("faiss-cpu", "fastapi", "langchain-core", "numpy", "onnxruntime", "psycopg",
         "sqlalchemy", "torch", "uvicorn", "xllamacpp")  # fmt: skip
FEW = 5  # rounds: of fewer no interval can be told
KEPT = 2_000  # of a sample's values, evenly taken: as many as a plot can show


@dataclass(frozen=True)
class Figure:
    """A number that was measured.

    ``noise`` is the part of itself by which it may differ from run to run: half its 95 % interval
    where it was estimated, 0 of what is counted and not timed, None where nobody knows.
    """

    name: str
    value: float
    unit: str = ""  # "ms", "MB", "tokens"; "" of a ratio or a share
    better: Better = "less"
    noise: float | None = None


@dataclass(frozen=True)
class Bar:
    """A limit, and whether it was kept."""

    name: str
    value: float
    limit: float
    kind: Literal["at most", "at least"]
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value keeps the limit; one that is no number does not."""
        return self.value <= self.limit if self.kind == "at most" else self.value >= self.limit

    @property
    def missed_by(self) -> float:
        """How far beyond the limit the value is, in its unit; 0 where it holds."""
        return 0.0 if self.holds else abs(self.value - self.limit)


@dataclass
class Report:
    """What one run of a benchmark has found."""

    name: str
    options: argparse.Namespace | None = None
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Figure] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    growths: list[dict[str, Any]] = field(default_factory=list)

    def figure(
        self, name: str, value: float, unit: str, *, better: Better = "less",
        noise: float | None = None, at_most: float | None = None, at_least: float | None = None,
    ) -> None:  # fmt: skip
        """Add a number, and its bar where it has a limit."""
        self.figures.append(Figure(name, float(value), unit, better, noise))
        self.bar(name, value, unit, at_most=at_most, at_least=at_least)

    def ratio(
        self, name: str, value: float, *, better: Better = "less", noise: float | None = None,
        at_most: float | None = None, at_least: float | None = None,
    ) -> None:  # fmt: skip
        """Add a ratio of two things that were measured in this run, and its bar."""
        self.ratios.append(Figure(name, float(value), "", better, noise))
        self.bar(name, value, at_most=at_most, at_least=at_least)

    def ratio_of(
        self, name: str, above: Sequence[float], below: Sequence[float], *,
        in_turn: bool = True, better: Better = "less", at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:  # fmt: skip
        """Add the ratio of two samples' medians.

        Of samples that were taken in turn, so that value i of both is of round i, the noise is
        estimated, from FEW rounds on; of those taken one after the other nobody knows what else
        the machine did.
        """
        value = statistics.median(above) / statistics.median(below)
        known = in_turn and len(above) >= FEW
        noise = noise_of_ratio(above, below) if known else None
        self.ratio(name, value, better=better, noise=noise, at_most=at_most, at_least=at_least)

    def bar(
        self, name: str, value: float, unit: str = "", *, at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:  # fmt: skip
        """Hold a number to a limit, or to both; to none without one."""
        if at_most is not None:
            self.bars.append(Bar(name, float(value), float(at_most), "at most", unit))
        if at_least is not None:
            self.bars.append(Bar(name, float(value), float(at_least), "at least", unit))

    def sample(
        self, name: str, values: Sequence[float], unit: str, *, better: Better = "less"
    ) -> None:
        """Add every single value: figures of its median and 95th percentile, and its plot."""
        found = sorted(float(value) for value in values)
        self.figure(name, statistics.median(found), unit, better=better)
        self.figure(f"{name} (p95)", percentile(found, 95), unit, better=better)
        step = max(1, math.ceil(len(found) / KEPT))
        self.samples[name] = {"unit": unit, "count": len(found), "values": found[::step]}

    def growth(
        self, name: str, over: str, unit: str, lines: Mapping[str, Mapping[Any, float]]
    ) -> None:
        """Add lines of a number over n, each {n: number}."""
        drawn = {line: [[float(n), float(v)] for n, v in sorted(points.items())]
                 for line, points in lines.items()}  # fmt: skip
        self.growths.append({"name": name, "over": over, "unit": unit, "lines": drawn})

    def write(self, path: Path | None) -> None:
        """Write the JSON, where a path is given."""
        if path is not None:
            path.write_text(json.dumps(self.as_dict(), indent=1), encoding="utf-8")

    def as_dict(self) -> dict[str, Any]:
        """The shape: where and how it was measured, then what was found."""
        given = vars(self.options) if self.options is not None else {}
        parameters = {name: value for name, value in given.items() if name != "json"}
        return {
            "name": self.name,
            "command": shlex.join(["python", "-m", f"tests.benchmarks.{self.name}", *sys.argv[1:]]),
            "commit": commit(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "parameters": json.loads(json.dumps(parameters, default=str)),
            "figures": [asdict(figure) for figure in self.figures],
            "ratios": [asdict(ratio) for ratio in self.ratios],
            "bars": [asdict(bar) | {"holds": bar.holds, "missed_by": bar.missed_by}
                     for bar in self.bars],
            "samples": self.samples,
            "growths": self.growths,
        }  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so many per cent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def noise_of_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Half the 95 % interval of the ratio of two samples' medians, as a part of the ratio.

    By bootstrap over the rounds: what hit both in a round goes out.
    """
    first, second = np.asarray(above, float), np.asarray(below, float)
    assert len(first) == len(second), "a value of each for every round"
    rounds = np.random.default_rng(0).integers(0, len(first), (1000, len(first)))
    drawn = np.median(first[rounds], axis=1) / np.median(second[rounds], axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(high - low) / 2 / abs(float(np.median(first) / np.median(second)))


def commit() -> str:
    """The commit that is checked out, with a ``+`` where files differ from it."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    ).stdout.strip()


def machine() -> dict[str, Any]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(": ", 1)[1] for line in lines if line.startswith("model name")]
    packages = {}
    for name in SHOWN:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "memory_gib": round(pages / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": packages,
        "load_average": round(os.getloadavg()[0], 2),
    }
