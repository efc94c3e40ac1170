"""Sequences to learn, and a process that learns them and can be killed."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import NamedTuple

IGNORED = -100
# Words of the embedded model's vocabulary, by their numbers; 2 ends an answer.
_ASKED, _ANSWERED, _END = range(1000, 1040), range(2000, 2010), 2


class Lesson(NamedTuple):
    """A sequence to learn."""

    ids: list[int]
    labels: list[int]


def lessons(count: int, seed: int = 0) -> list[Lesson]:
    """Questions of 3 to 30 random tokens, all answered by the same five."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        question = [draw.choice(_ASKED) for _ in range(draw.randint(3, 30))]
        answer = [*_ANSWERED[:5], _END]
        found.append(Lesson(question + answer, [IGNORED] * len(question) + answer))
    return found


def main(gguf: str, out: str, method: str) -> None:
    """Learn, as the tests of resuming do."""
    from app.training.base import open_base
    from app.training.lora import train

    train(lessons(40), lessons(6, 1), open_base(gguf), Path(out), options(method))


def options(method: str = "lora", **more: object) -> Options:  # noqa: F821
    """Three epochs of ten steps, measured after each fourth."""
    from app.training.options import Options

    given = {"epochs": 3, "batch": 4, "check": 4, "dropout": 0.1, "patience": 0, "seed": 5}
    return Options(method=method, **{**given, **more})  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
