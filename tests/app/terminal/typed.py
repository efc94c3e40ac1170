"""``memory-service chat`` at a terminal: a pseudo-terminal, at which a test types."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.forked import run_console, started

CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
_SHAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Typed:
    """A process at a terminal; what it has shown so far is in ``shown``."""

    def __init__(self, near: int) -> None:
        self._near = near
        self.shown = ""

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._near, keys.encode())

    def interrupt(self, text: str) -> None:
        """Press Ctrl-C at the prompt until some text is shown.

        Python's readline misses a signal that comes just before it waits for a key, and sees it
        at the next one: a person would press again, too.
        """
        for _ in range(60):
            self.type(CTRL_C)
            if self._is_shown(text, 1):
                break
        self.wait_for(text, 0)

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """What is shown until some text was; the next wait begins after it."""
        assert self._is_shown(text, seconds), f"{text!r} is not in {self.shown!r}"
        before, _, self.shown = self.shown.partition(text)
        return before

    def _is_shown(self, text: str, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while text not in self.shown:
            if time.monotonic() > until:
                return False
            if select.select([self._near], [], [], 0.1)[0]:
                try:
                    piece = os.read(self._near, 65536)
                except OSError:  # the other side has gone
                    raise AssertionError(self.shown) from None
                self.shown += _SHAPES.sub("", piece.decode(errors="replace"))
        return True


@contextmanager
def at_terminal(*args: str, environment: Mapping[str, str]) -> Iterator[Typed]:
    """Run ``memory-service`` at a terminal; it has to have ended well by the end of the block."""
    near, far = pty.openpty()
    process = started.Process(target=_at, args=(args, dict(environment), os.ttyname(far)))
    try:
        process.start()
        typed = Typed(near)
        yield typed
        process.join(60)
        assert process.exitcode == 0, typed.shown
    finally:
        if process.is_alive():
            process.kill()
            process.join()
        os.close(far)
        os.close(near)


def _at(args: tuple[str, ...], environment: dict[str, str], terminal: str) -> None:
    os.setsid()  # the terminal that is opened now is this process's: its Ctrl-C is a signal
    # Tests that are started in the background may have been told to take no notice of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_console(args, environment, [Path(terminal)] * 3)
