"""Recall against budget, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.evaluation.recall import Measured, curve, figures
from memory import InvalidInput


def check_plot(file: Path) -> None:
    """Raise InvalidInput, before anything is measured, if no picture can be written there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        msg = "--plot needs matplotlib: pip install '.[plot]' here, or matplotlib"
        raise InvalidInput(msg) from error
    if file.suffix.lower() != ".png":
        msg = f"--plot writes a PNG: call it {file.with_suffix('.png').name}"
        raise InvalidInput(msg)
    if not file.absolute().parent.is_dir():
        msg = f"--plot {file}: there is no folder {file.absolute().parent}"
        raise InvalidInput(msg)


def plot(measured: Sequence[Measured], budgets: Sequence[int], seed: int, file: Path) -> None:
    """Write a PNG: mean recall against tokens, a line a system, with 95% intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    grid = np.geomspace(min(budgets) / 4, max(budgets), 60)
    for system in measured:
        (drawn,) = axes.plot(grid, curve(system.answered, grid.tolist()), label=system.system)
        found = figures(system.answered, budgets, seed)
        points = [found[f"recall_at_{budget}_tokens"] for budget in budgets]
        means = np.array([p.mean for p in points])
        bounds = np.array([[p.mean - p.low for p in points], [p.high - p.mean for p in points]])
        axes.errorbar(budgets, means, bounds.clip(0), fmt="o", color=drawn.get_color(), capsize=3)
    axes.set_xscale("log")
    ticks = sorted({*budgets, int(min(budgets) / 4), int(min(budgets) / 2)})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    axes.set_xlabel("tokens recalled (logarithmic)")
    axes.set_ylabel("evidence recall")
    axes.set_title(f"{len(measured[0].answered):,} questions; bars: 95% bootstrap interval")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(file, dpi=150)
