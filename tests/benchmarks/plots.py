"""Pictures of what a run has found: times, growth, and bars against their limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

HELD, MISSED, INK, SHADE = "#2e7d5b", "#c0392b", "#33506e", "#b8cadb"
WIDE = 8  # times as much: on a logarithmic axis
FAR = 4  # how many times its limit a bar is drawn at most


def bars(found: Sequence[tuple[str, dict[str, Any]]], file: Path) -> None:
    """What each bar has used of its limit: (benchmark, bar) each, the nearest to it on top."""
    rows = sorted((used(bar), f"{name}: {bar['name']}", bar) for name, bar in found)  # a tie: names
    figure = Figure(figsize=(9, 0.9 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    shares = [min(share, FAR) for share, _, _ in rows]
    colours = [HELD if bar["holds"] else MISSED for _, _, bar in rows]
    axes.barh(range(len(rows)), shares, color=colours, height=0.6)
    for place, (share, _, bar) in enumerate(rows):
        axes.text(min(share, FAR) + 0.02, place, _against(bar), va="center", fontsize=8,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [_short(label) for _, label, _ in rows], fontsize=8)
    axes.set_xlim(0, max([1.5, *shares]) * 1.25)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("used of the limit (1 is the limit)")
    _plain(axes)
    figure.savefig(file, dpi=110)


def used(bar: dict[str, Any]) -> float:
    """How much of its limit a bar has used: beyond 1 it is missed."""
    value, limit = bar["value"], bar["limit"]
    above, below = (value, limit) if bar["kind"] == "at most" else (limit, value)
    if below <= 0 or above != above or below != below:  # no share can be told
        return 1.0 if bar["holds"] else float(FAR)
    return max(float(above / below), 0.0)


def times(samples: dict[str, dict[str, Any]], file: Path) -> None:
    """How every sample is distributed: the middle half, the median, from 5th to 95th percentile."""
    by_unit: dict[str, list[str]] = {}
    for name, sample in samples.items():
        by_unit.setdefault(sample["unit"], []).append(name)
    heights = [len(names) + 2 for names in by_unit.values()]
    figure = Figure(figsize=(9, 0.28 * sum(heights) + 0.4), layout="constrained")
    rows = figure.subplots(len(by_unit), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (unit, names) in zip(rows, by_unit.items(), strict=True):
        values = [samples[name]["values"] for name in reversed(names)]
        axes.boxplot(
            values, orientation="horizontal", whis=(5, 95), widths=0.6, patch_artist=True,
            boxprops={"facecolor": SHADE, "edgecolor": INK}, medianprops={"color": "black"},
            whiskerprops={"color": INK}, capprops={"color": INK},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": INK, "alpha": 0.4},
        )  # fmt: skip
        axes.set_yticks(range(1, len(names) + 1), [_short(n) for n in reversed(names)], fontsize=8)
        if min(map(min, values)) > 0:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis)
        axes.set_xlabel(f"{unit} (box: the middle half; whiskers: 5th to 95th percentile)")
        _plain(axes)
    figure.savefig(file, dpi=110)


def growths(found: Sequence[dict[str, Any]], file: Path) -> None:
    """How numbers grow over n, a picture beside the other."""
    columns = min(2, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(4.8 * columns, 4.2 * rows), layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, growth in zip(all_axes, found, strict=False):
        points = [point for line in growth["lines"].values() for point in line]
        for label, line in growth["lines"].items():
            axes.plot(*np.array(line).T, marker="o", markersize=4, label=label)
        if min(x for x, _ in points) > 0:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis)
            if len(steps := sorted({x for x, _ in points})) <= 6:
                axes.set_xticks(steps)
        least, most = min(y for _, y in points), max(y for _, y in points)
        if least > 0 and most / least > WIDE:
            axes.set_yscale("log")
            _plain_ticks(axes.yaxis)
        else:  # from nothing on: what hardly grows is to look so
            axes.set_ylim(min(0, least), 1.1 * most or 1)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.set_title(growth["name"], fontsize=10)
        axes.set_xlabel(growth["over"])
        axes.set_ylabel(growth["unit"])
        axes.legend(fontsize=7, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2),
                    frameon=False)  # fmt: skip
        _plain(axes)
    for axes in all_axes[len(found) :]:
        axes.axis("off")
    figure.savefig(file, dpi=110)


def number(value: float) -> str:
    """A number as it is read: three places that count."""
    if value != value:
        return "none"
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}".rstrip("0").rstrip(".")


def _against(bar: dict[str, Any]) -> str:
    sign = "≤" if bar["kind"] == "at most" else "≥"
    limit = f"{number(bar['limit'])} {bar['unit']}".rstrip()
    return f"{number(bar['value'])} ({sign} {limit})"


def _short(name: str) -> str:
    return name if len(name) <= 62 else f"{name[:61]}…"


def _plain_ticks(axis: Any) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, axis="both")
    axes.set_axisbelow(True)
