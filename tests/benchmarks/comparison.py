"""What has become better or worse since the last run, beyond what is noise.

The machine does other work too, and another day it does more of it, so that milliseconds of two
runs say nothing of the program. Therefore:

- **ratios** of two things that were timed in turn are judged. One is better or worse if it has
  changed by more than its margin: both runs' 95 % intervals (bootstrap, round by round) put
  together as independent errors are, and 10 % at least;
- **what is counted** (tokens, bytes, labels: a noise of 0) is judged as it is;
- times, rates and ratios of what was timed one after the other (no noise is known) are shown with
  their ratio to the last run, and are not judged.

The last run of a benchmark is the newest with the same parameters on a machine of the same kind.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.benchmarks.report import Figure

LEAST = 0.10

Verdict = Literal["better", "worse", "as before", "not judged", "new"]


@dataclass(frozen=True)
class Compared:
    """A figure beside what it was the last time."""

    now: Figure
    before: Figure | None
    change: float | None  # now / before
    margin: float | None  # beyond which a change counts; None: it is not judged
    verdict: Verdict


def last(runs: Path, run: Path, report: dict[str, Any]) -> dict[str, Any] | None:
    """The newest report of an earlier run that a report can be compared with."""
    for folder in sorted(runs.iterdir(), reverse=True):
        path = folder / f"{report['name']}.json"
        if folder.name < run.name and path.is_file():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if _terms(found) == _terms(report):
                return found
    return None


def _terms(report: dict[str, Any]) -> tuple[Any, ...]:
    return report["parameters"], report["machine"]["cpu"], report["machine"]["cores"]


def compare(
    now: dict[str, Any], before: dict[str, Any] | None, kind: Literal["figures", "ratios"]
) -> Iterator[Compared]:
    """Each figure, or each ratio, of a report beside the one of the same name before."""
    earlier = {one["name"]: Figure(**one) for one in (before or {kind: []})[kind]}
    for one in now[kind]:
        yield judge(Figure(**one), earlier.get(one["name"]))


def judge(now: Figure, before: Figure | None) -> Compared:
    """Whether a figure is better or worse than it was."""
    if before is None:
        return Compared(now, None, None, None, "new")
    change = _over(now.value, before.value)
    margin = _margin(now, before)
    if margin is None or now.better == "neither":
        return Compared(now, before, change, None, "not judged")
    if change is None:  # from or to nothing, or across it
        less = now.value < before.value
        same = now.value == before.value
    else:
        less = change < 1 / (1 + margin)
        same = not less and change <= 1 + margin
    verdict: Verdict = "as before"
    if not same:
        verdict = "better" if less == (now.better == "less") else "worse"
    return Compared(now, before, change, margin, verdict)


def _margin(now: Figure, before: Figure) -> float | None:
    if now.noise is None or before.noise is None:
        return None
    if now.noise == before.noise == 0:
        return 0.0
    return max(LEAST, math.hypot(now.noise, before.noise))


def _over(now: float, before: float) -> float | None:
    return now / before if now > 0 and before > 0 else None
