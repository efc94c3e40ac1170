"""What is told of the memory's work to whoever watches it: its steps, and what happens in them.

Steps are what a turn and its digest are made of, such as ``embed`` and ``search``; they have no
text and nobody's name. A service measures and traces them; the library alone takes no notice.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

_NOTHING: AbstractContextManager[None] = nullcontext()


class Watch:
    """Is told of every step and happening, from any thread; this one takes no notice."""

    def step(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002
        """What is done in this block is a step; steps within steps are parts of them."""
        return _NOTHING

    def happened(self, what: str) -> None:
        """Something has happened in a step.

        Args:
            what: "cache-hit" (a customer's index was there), "cache-miss" (it had to be built from
                rows), "cache-stale" (it was there, and what was remembered had changed), "fold" (a
                summary has a new version), "background-failed" (the next digest does it).
        """
