"""What a classifier learns: of each of its heads the labels and the examples, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.understanding.labelled import Parts, divide, labels_of, once, read_examples
from app.understanding.options import Options
from memory import InvalidInput


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be learnt: of each head its file, and what it is stopped by, if not a share."""

    name: str
    out: Path  # the folder that is made
    data: Mapping[str, Path]
    dev: Mapping[str, Path] = field(default_factory=dict)
    licences: Mapping[str, str] = field(default_factory=dict)
    oos: str | None = None  # the label that means out of scope, where it is called otherwise
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Task:
    """What one head learns: its labels (their places are the classes) and examples.

    ``oos``, the last label, means none of the others, where there is such a one.
    """

    labels: list[str]
    oos: str | None
    parts: Parts


def read_tasks(work: Work) -> dict[str, Task]:
    """What each head learns, read from its file and checked.

    Raises InvalidInput if a file cannot be learnt from.
    """
    return {name: _task(name, file, work) for name, file in work.data.items()}


def _task(name: str, file: Path, work: Work) -> Task:
    examples = once(read_examples(file, name))
    # Of several heads only some may know texts out of scope.
    called = any(one.label == work.oos for one in examples) or len(work.data) == 1
    labels, oos = labels_of(examples, work.oos if called else None)
    if name not in work.dev:
        return Task(labels, oos, divide(examples, work.options.seed, work.options.dev_share))
    dev = once(read_examples(work.dev[name], name))
    if unknown := sorted({one.label for one in dev} - {*labels}):
        msg = f"{work.dev[name]} has labels that {file} has not: {', '.join(unknown[:5])}"
        raise InvalidInput(msg)
    apart = {one.text for one in dev}
    return Task(labels, oos, Parts([one for one in examples if one.text not in apart], dev))
