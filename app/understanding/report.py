"""How well a head does on labelled texts: for JSON, as a table, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from memory import Label

OUTSIDE = "(out of scope)"
_NAMES = ("precision", "recall", "f1")


def report(truth: Sequence[str | None], read: Sequence[Label]) -> dict[str, Any]:
    """Figures of what was read against what is true, None being out of scope.

    ``{"examples", "accuracy", "macro": {"precision", "recall", "f1"}, "micro": the same,
    "classes": {label: {"precision", "recall", "f1", "examples"}}}``, and where there are texts
    out of scope ``"out_of_scope": {"in_scope_examples", "in_scope_accuracy", "examples",
    "recall", "precision"}``. What is in scope and was taken for out of it counts as wrong.
    """
    true, said = _named(truth), _named([one.name for one in read])
    labels = sorted({*true, *said})
    columns = precision_recall_fscore_support(true, said, labels=labels, zero_division=0)
    right = np.array(true) == np.array(said)
    made: dict[str, Any] = {"examples": len(true), "accuracy": float(right.mean())}
    for average in ("macro", "micro"):
        found = precision_recall_fscore_support(
            true, said, labels=sorted({*true}), average=average, zero_division=0
        )
        made[average] = dict(zip(_NAMES, map(float, found[:3]), strict=True))
    made["classes"] = {
        label: dict(zip((*_NAMES, "examples"), (*map(float, row[:3]), int(row[3])), strict=True))
        for label, *row in zip(labels, *columns, strict=True)
    }
    outside = np.array([one is None for one in truth])
    if outside.any():
        made["out_of_scope"] = {
            "in_scope_examples": int((~outside).sum()),
            "in_scope_accuracy": float(right[~outside].mean()) if not outside.all() else None,
            "examples": int(outside.sum()),
            "recall": made["classes"][OUTSIDE]["recall"],
            "precision": made["classes"][OUTSIDE]["precision"],
        }
    return made


def table(made: dict[str, Any]) -> str:
    """A report to be read."""
    width = max(len(OUTSIDE), *map(len, made["classes"]))
    lines = [f"{'':{width}}  precision  recall      F1  examples"]
    rows = [*made["classes"].items(), ("macro", made["macro"]), ("micro", made["micro"])]
    for name, row in rows:
        figures = f"{row['precision']:9.3f} {row['recall']:7.3f} {row['f1']:7.3f}"
        lines.append(f"{name:{width}}  {figures} {row.get('examples', made['examples']):9}")
    lines.append(f"accuracy {made['accuracy']:.4f}")
    if outside := made.get("out_of_scope"):
        inside = outside["in_scope_accuracy"]
        lines.append(
            f"in scope: accuracy {'-' if inside is None else f'{inside:.4f}'} of "
            f"{outside['in_scope_examples']}; out of scope: recall {outside['recall']:.4f}, "
            f"precision {outside['precision']:.4f} of {outside['examples']}"
        )
    return "\n".join(lines)


def draw(truth: Sequence[str | None], read: Sequence[Label], file: Path) -> None:
    """Write the confusion matrix as a PNG: a row is what is true, a column what was said."""
    true, said = _named(truth), _named([one.name for one in read])
    labels = sorted({*true, *said})
    shares = confusion_matrix(true, said, labels=labels, normalize="true")
    inches = max(4.0, 2.5 + 0.16 * len(labels))
    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places, small = range(len(labels)), 9 if len(labels) < 12 else 6
    axes.set_xticks(places, labels, rotation=90, fontsize=small)
    axes.set_yticks(places, labels, fontsize=small)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    if len(labels) < 12:
        for row, column in np.ndindex(*shares.shape):
            shade = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{shares[row, column]:.2f}", ha="center", va="center", c=shade)
    figure.savefig(file, dpi=100)


def _named(given: Sequence[str | None]) -> list[str]:
    return [OUTSIDE if one is None else one for one in given]
