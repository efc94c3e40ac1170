"""How far something is: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tqdm import tqdm

_SECONDS = 30.0  # between lines; what takes less says nothing


def bar(*what: Any, seconds: float = _SECONDS, **choices: Any) -> Any:
    """A bar of tqdm's; where standard error is no terminal, a line every so many seconds."""
    if sys.stderr.isatty():
        return tqdm(*what, **choices)
    return tqdm(
        *what, file=_Lines(sys.stderr), mininterval=seconds, maxinterval=seconds, delay=seconds,
        **choices,
    )  # fmt: skip


class _Lines:
    """A file that writes as a line what a bar would draw over the one before."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write a line, unless there is nothing in it."""
        if drawn := text.strip():
            self._file.write(f"{drawn}\n")

    def flush(self) -> None:
        """Let the line be seen."""
        self._file.flush()
