"""A run of the tests that ends early does not look as if all of them had passed."""

from __future__ import annotations

import os

_exit, _tests = os._exit, os.getpid()


def _exit_loudly(status: int) -> None:
    """End a process; that of the tests not as if all of them had passed.

    Of one of several that ends, pytest-xdist tells the test that it was in.
    """
    _exit(70 if os.getpid() == _tests else status)


os._exit = _exit_loudly  # type: ignore[assignment]
