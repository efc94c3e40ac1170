"""What was measured, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from app.evaluation.dialogues import Dialogues
from app.evaluation.recall import Measured, figures

_ALL = "all"


def report(
    measured: Sequence[Measured],
    dialogues: Dialogues,
    budgets: Sequence[int],
    *,
    count: str,
    seed: int,
    embeddings: str,
) -> dict[str, Any]:
    """Everything that was measured, ready for JSON.

    ``{"questions", "left_out", "count", "seed", "embeddings", "systems": [{"system",
    "messages", "messages_per_second", "recall_ms": {"p50", "p95", "mean"}, "types": {"all" or
    a type: {"questions", "figures": {name: {"mean", "low", "high"}}}}}]}``
    """
    return {
        "questions": len(dialogues.questions),
        "left_out": dict(dialogues.left_out),
        "count": count,
        "seed": seed,
        "embeddings": embeddings,
        "systems": [_system(each, budgets, seed) for each in measured],
    }


def _system(measured: Measured, budgets: Sequence[int], seed: int) -> dict[str, Any]:
    milliseconds = np.array([a.seconds for a in measured.answered]) * 1000
    p50, p95 = np.percentile(milliseconds, (50, 95))
    types: dict[str, Any] = {}
    for kind in (None, *measured.types()):
        of_type = measured.of_type(kind)
        found = figures(of_type, budgets, seed)
        types[kind or _ALL] = {
            "questions": len(of_type),
            "figures": {name: asdict(figure) for name, figure in found.items()},
        }
    return {
        "system": measured.system,
        "messages": measured.messages,
        "messages_per_second": measured.messages / measured.seconds,
        "recall_ms": {"p50": p50, "p95": p95, "mean": float(milliseconds.mean())},
        "types": types,
    }


def table(made: dict[str, Any]) -> str:
    """A report as text: a row for each system and type, a column for each figure."""
    lines = [f"{made['questions']} questions"]
    lines += [f"left out: {n:,} ({why})" for why, n in made["left_out"].items()]
    names = list(dict.fromkeys(
        name for system in made["systems"] for name in system["types"][_ALL]["figures"]
    ))  # fmt: skip
    rows = [["system", "type", "n", *map(_heading, names)]]
    for system in made["systems"]:
        for kind, found in system["types"].items():
            rows.append([system["system"], kind, f"{found['questions']:,}"])
            rows[-1] += [shown(found["figures"].get(name)) for name in names]
    lines += ["", *aligned(rows), "", "± is half of the 95% bootstrap interval over questions"]
    for system in made["systems"]:
        times = system["recall_ms"]
        lines.append(
            f"{system['system']}: a recall takes {times['p50']:.1f} ms (median), "
            f"{times['p95']:.1f} (p95), {times['mean']:.1f} (mean); "
            f"{system['messages_per_second']:,.0f} messages a second are taken in"
        )
    return "\n".join(lines)


def _heading(name: str) -> str:
    if name == "r_precision":
        return "R-precision"
    kind, _, count, unit = name.split("_")
    return f"{kind} {int(count):,} {unit}"


def shown(figure: dict[str, float] | None) -> str:
    """A figure with half of its interval; empty if there is none."""
    if figure is None:
        return ""
    return f"{figure['mean']:.3f} ±{(figure['high'] - figure['low']) / 2:.3f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a table as lines, the first two columns at the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
