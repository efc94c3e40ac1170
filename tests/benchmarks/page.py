"""One page of a run: bars held and missed, what has changed since the last run, every figure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tests.benchmarks import plots
from tests.benchmarks.comparison import LEAST, Compared, compare
from tests.benchmarks.plots import number
from tests.benchmarks.running import Outcome

RULE = (
    "Judged are ratios of two things that were timed in turn, so that the machine's other work "
    "hits both: one is better or worse if it has changed by more than its margin, which is both "
    f"runs' 95 % intervals put together as independent errors are, and at least {LEAST:.0%}. What "
    "is counted (tokens, bytes, labels) is judged as it is. Times, rates and ratios of what was "
    "timed one after the other are shown, and not judged. The last run is the newest with the "
    "same parameters on a machine of the same kind."
)
SMALL = (
    "This is the small form, which only shows that the benchmarks run: its bars are not those of "
    "the README, and its ratios are of few rounds."
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Benchmarks {date}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light; --line: #d5dbe1; --dim: #5b6670; --held: #2e7d5b; --missed: #c0392b }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: auto; padding: 1rem;
  color: #1b2126; background: #fff }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem }}
h2 {{ font-size: 1.15rem; border-top: 1px solid var(--line); padding-top: 1rem; margin-top: 2rem }}
p.dim, small, .dim {{ color: var(--dim) }}
table {{ border-collapse: collapse; width: 100%; font-size: .87rem; margin: .6rem 0 }}
th, td {{ text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top }}
.failed, .missed {{ white-space: nowrap }}
td.n, th.n {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }}
.better, .holds, .done {{ color: var(--held); font-weight: 600 }}
.worse, .missed, .failed {{ color: var(--missed); font-weight: 600 }}
img {{ max-width: 100%; display: block; margin: .6rem 0 }}
pre {{ overflow: auto; font-size: .78rem; background: #f5f7f9; padding: .6rem }}
summary {{ cursor: pointer }}
nav a {{ margin-right: .8rem }}
</style></head><body>
<h1>Benchmarks</h1>
<p class="dim">{where}</p>
{small}
<h2>Bars: {held} held, {missed} missed</h2>
{bars}
<h2>Since the last run</h2>
{changes}
<details><summary>How it is judged</summary><p>{rule}</p></details>
<h2>Benchmarks</h2>
{outcomes}
{sections}
</body></html>
"""

Cell = tuple[str, str]  # its text, and its class
Both = tuple[list[Compared], list[Compared]]  # ratios and figures


def write(
    folder: Path, outcomes: Sequence[Outcome], before: dict[str, dict[str, Any]], *, quick: bool
) -> Path:
    """Write the pictures and the page of a run into its folder; returns the page's path.

    ``before`` has each benchmark's report of the last run it can be compared with, by name.
    """
    done = [(outcome.name, outcome.report) for outcome in outcomes if outcome.report is not None]
    held_to = [(name, bar) for name, report in done for bar in report["bars"]]
    held_to.sort(key=lambda one: (one[1]["holds"], -plots.used(one[1])))
    compared = {
        name: (
            [*compare(report, before.get(name), "ratios")],
            [*compare(report, before.get(name), "figures")],
        )
        for name, report in done
    }
    pictures = {name: _draw(folder, name, report) for name, report in done}
    if held_to:
        plots.bars(held_to, folder / "bars.png")
    held = sum(bar["holds"] for _, bar in held_to)
    page = folder / "index.html"
    page.write_text(
        _PAGE.format(
            date=folder.name, where=escape(_where(folder, [report for _, report in done])),
            small=f"<p><b>{SMALL}</b></p>" if quick else "", rule=RULE,
            held=held, missed=len(held_to) - held,
            bars=_bars(held_to) + (_image(folder / "bars.png") if held_to else ""),
            changes=_changes(compared, before), outcomes=_outcomes(outcomes),
            sections="\n".join(
                _section(outcome, compared.get(outcome.name, ([], [])),
                         before.get(outcome.name), pictures.get(outcome.name, []))
                for outcome in outcomes if outcome.status != "skipped"
            ),
        ),
        encoding="utf-8",
    )  # fmt: skip
    return page


def _where(folder: Path, reports: Sequence[dict[str, Any]]) -> str:
    if not reports:
        return folder.name
    one = reports[0]
    machine, versions = one["machine"], one["machine"]["versions"]
    return (
        f"{one['date']} · commit {one['commit']} · {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_gib']} GiB · {machine['system']} · Python {machine['python']} · "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
    )


def _draw(folder: Path, name: str, report: dict[str, Any]) -> list[Path]:
    drawn = []
    if report["samples"]:
        drawn.append(folder / f"{name}-times.png")
        plots.times(report["samples"], drawn[-1])
    if report["growths"]:
        drawn.append(folder / f"{name}-growth.png")
        plots.growths(report["growths"], drawn[-1])
    return drawn


def _bars(held_to: Sequence[tuple[str, dict[str, Any]]]) -> str:
    rows: list[list[Cell]] = []
    for name, bar in held_to:
        unit = f" {bar['unit']}" if bar["unit"] else ""
        verdict = ("holds", "holds") if bar["holds"] else (
            f"missed by {number(bar['missed_by'])}{unit}", "missed")  # fmt: skip
        rows.append([(name, ""), (bar["name"], ""), (f"{number(bar['value'])}{unit}", "n"),
                     (f"{bar['kind']} {number(bar['limit'])}{unit}", "n"), verdict])  # fmt: skip
    return _table(["benchmark", "", "measured", "bar", ""], rows) if rows else "<p>None.</p>"


def _changes(compared: dict[str, Both], before: dict[str, dict[str, Any]]) -> str:
    rows = [
        [(name, ""), *_cells(one)]
        for verdict in ("worse", "better")
        for name, (ratios, figures) in compared.items()
        for one in (*ratios, *figures)
        if one.verdict == verdict
    ]
    judged = sum(
        one.margin is not None for both in compared.values() for all_ in both for one in all_
    )
    if not before:
        return "<p>There is no earlier run to compare with.</p>"
    said = f"<p>{judged} ratios and counts are judged; {len(rows)} have changed.</p>"
    return said + (_table(["benchmark", *_HEAD], rows) if rows else "")


_HEAD = ["", "now", "last", "now / last", "margin", ""]


def _cells(one: Compared) -> list[Cell]:
    unit = f" {one.now.unit}" if one.now.unit else ""
    verdict = one.verdict if one.verdict in ("better", "worse") else "dim"
    return [
        (one.now.name, ""), (f"{number(one.now.value)}{unit}", "n"),
        ("" if one.before is None else f"{number(one.before.value)}{unit}", "n"),
        ("" if one.change is None else f"{one.change:.2f}", "n"),
        ("" if one.margin is None else f"±{one.margin:.0%}", "n dim"), (one.verdict, verdict),
    ]  # fmt: skip


def _outcomes(outcomes: Iterable[Outcome]) -> str:
    return _table(
        ["benchmark", "", "seconds", "CPU s", "why"],
        [
            [(one.name, ""),
             (one.status, {"done": "done", "skipped": "dim"}.get(one.status, "failed")),
             (f"{one.seconds:.0f}", "n"), (f"{one.cpu:.0f}", "n"), (one.reason, "")]
            for one in outcomes
        ],
    )  # fmt: skip


def _section(
    outcome: Outcome, compared: Both, before: dict[str, Any] | None,
    pictures: Sequence[Path],
) -> str:  # fmt: skip
    parts = [f'<h2 id="{escape(outcome.name)}">{escape(outcome.name)}</h2>']
    if outcome.report is not None:
        since = "no earlier run to compare with"
        if before is not None:
            since = f"beside commit {before['commit']} of {before['date']}"
        parts.append(f'<p class="dim"><code>{escape(outcome.report["command"])}</code><br>'
                     f"{escape(since)}; load average {outcome.report['machine']['load_average']}"
                     "</p>")  # fmt: skip
    else:
        parts.append(f'<p class="worse">{escape(outcome.status)}: {escape(outcome.reason)}</p>')
    parts += [_image(picture) for picture in pictures]
    shown = len(_HEAD) if before is not None else 2
    ratios, figures = ([_cells(one)[:shown] for one in all_] for all_ in compared)
    if ratios:
        parts.append(_table(["ratio inside the run", *_HEAD[1:shown]], ratios))
    if figures:
        parts.append(f"<details><summary>{len(figures)} figures</summary>"
                     f"{_table(['figure', *_HEAD[1:shown]], figures)}</details>")  # fmt: skip
    parts.append(f"<details><summary>What it printed</summary><pre>{escape(outcome.printed)}"
                 "</pre></details>")  # fmt: skip
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    numeric = ["n" in kind.split() for _, kind in rows[0]]
    heads = "".join(f'<th{" class=n" if right else ""}>{escape(name)}</th>'
                    for name, right in zip(head, numeric, strict=True))  # fmt: skip
    body = "\n".join(
        "<tr>" + "".join(f'<td class="{kind}">{escape(text)}</td>' for text, kind in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(path.stem)}" src="data:image/png;base64,{data}">'
