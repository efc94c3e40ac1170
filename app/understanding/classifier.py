"""From tasks to a classifier in a folder, and how well one does on labelled texts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from app.training.folder import writing
from app.understanding.calibration import calibrate
from app.understanding.card import (
    GRAPH,
    LORA,
    TOKENIZER,
    WEIGHTS,
    Card,
    Head,
    write_card,
)
from app.understanding.heads import Heads, readings
from app.understanding.labelled import OUT_OF_SCOPE, Example
from app.understanding.lora import merged
from app.understanding.report import draw, report
from app.understanding.tasks import Task, Work
from memory import InvalidInput, Label, embeddings, minilm
from memory.weights import sha256


def train_classifier(work: Work, tasks: Mapping[str, Task], base: Path) -> Card:
    """Tune the encoder in ``base`` with a head for each task, and write ``work.out``.

    The folder appears whole or not at all.

    Raises:
        InvalidInput: the folder is there already or cannot be written, or the options are wrong.
    """
    from app.understanding.tuning import tune  # torch, which evaluating does without

    if work.out.exists():
        msg = f"{work.out} is there already: choose another --name or --out, or remove it"
        raise InvalidInput(msg)
    with writing(work.out, "Free some space, or give another --out"):
        work.out.parent.mkdir(parents=True, exist_ok=True)
        # Made before anything is tuned: a folder that cannot be written is told at once.
        with tempfile.TemporaryDirectory(prefix=".making-", dir=work.out.parent) as scratch:
            part = Path(scratch, work.name)
            part.mkdir()
            tuned = tune(tasks, base, work.options)
            if work.options.tune == "lora":
                tuned.network.save(part / LORA)
                graph = minilm.graph(base / WEIGHTS, merged(base / WEIGHTS, part / LORA))
                network = embeddings.Network(graph, base)
            else:
                tuned.network.save(part / WEIGHTS)
                shutil.copyfile(base / TOKENIZER, part / TOKENIZER)
                graph = minilm.graph(part / WEIGHTS)
                (part / GRAPH).write_bytes(graph)
                network = embeddings.Network(graph, part)
            heads, figures = _measure(tasks, network, part, work.options.scope_cost)
            card = write_card(
                part,
                name=work.name,
                date=datetime.now(UTC).isoformat(timespec="seconds"),
                base={"name": "all-MiniLM-L6-v2", "sha256": sha256(base / WEIGHTS)},
                data=_data(work, tasks),
                options=asdict(work.options),
                heads=heads,
                figures=figures,
                history=tuned.history,
            )
            part.rename(work.out)
    return card


def evaluate_classifier(
    heads: Heads, examples: list[Example], head: str, oos: str | None = None, *, among: bool = False
) -> tuple[list[str | None], list[Label]]:
    """What is true of examples (None: out of scope), and what a head reads.

    Args:
        heads: the classifier.
        examples: labelled texts.
        head: which head.
        oos: the examples' label for out of scope; None: the head's own, or a usual one.
        among: whether the head is to choose among the examples' labels only.

    Raises:
        InvalidInput: the head does not know a label.
    """
    known = heads.card.heads[head]
    outside = {oos} if oos is not None else {known.oos, *OUT_OF_SCOPE} - {*known.inside}
    truth = [None if one.label in outside else one.label for one in examples]
    if unknown := sorted({one for one in truth if one is not None} - {*known.inside}):
        shown = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        msg = (
            f"the head {head!r} does not know {len(unknown)} of the labels: {shown}. It knows "
            f"{len(known.inside)}, from {known.inside[0]!r} to {known.inside[-1]!r}; --oos LABEL "
            "says which label means out of scope"
        )
        raise InvalidInput(msg)
    if None in truth and known.threshold is None:
        msg = (
            f"the head {head!r} was taught no text out of scope and finds none: leave those lines "
            "out, or train it with such examples, labelled oos"
        )
        raise InvalidInput(msg)
    asked = {one for one in truth if one is not None} if among else None
    read = heads.read([example.text for example in examples], asked)
    return truth, [one[head] for one in read]


# --- inside --------------------------------------------------------------------------------


def _measure(
    tasks: Mapping[str, Task], network: embeddings.Network, folder: Path, cost: float
) -> tuple[dict[str, Head], dict[str, Any]]:
    """Each head, calibrated on its dev part, and its report there, as what is served does it."""
    heads, figures = {}, {}
    for name, task in tasks.items():
        scores = network.run([one.text for one in task.parts.dev])[minilm.HEAD + name]
        classes = np.array([task.labels.index(one.label) for one in task.parts.dev])
        heads[name] = calibrate(Head(task.labels, task.oos, 1.0, None), scores, classes, cost)
        truth = [None if one.label == task.oos else one.label for one in task.parts.dev]
        read = readings(heads[name], scores)
        figures[name] = report(truth, read)
        draw(truth, read, folder / f"confusion-{name}.png")
    return heads, figures


def _data(work: Work, tasks: Mapping[str, Task]) -> list[dict[str, Any]]:
    made = []
    for part, files in (("train", work.data), ("dev", work.dev)):
        for name, file in files.items():
            counts = tasks[name].parts
            made.append(
                {
                    "head": name,
                    "part": part,
                    "name": file.name,
                    "sha256": sha256(file),
                    "examples": len(counts.train if part == "train" else counts.dev),
                    "licence": work.licences.get(name, "not stated"),
                }
            )
    return made
