"""Two stores over one database, each asked in turn, as two workers behind one address are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from memory import MemoryStore

_OWN = {"close", "wait", "index_cache", "shared"}


class ByTurns:
    """What it is asked for is asked of one and of another by turns."""

    def __init__(self, *asked: Any) -> None:
        self._asked = itertools.cycle(asked)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._asked), name)


class TwoStores(MemoryStore):
    """Two stores that look like one: no two calls in a row, of whatever part, go to the same.

    What a memory reads comes from the index of one and of the other by turns, too.
    """

    def __init__(self, one: MemoryStore, other: MemoryStore) -> None:
        """Take two stores that were opened over the same database."""
        self._stores = one, other
        turn = ByTurns(one, other)
        for name, part in vars(one).items():
            if not name.startswith("_"):
                setattr(self, name, ByTurns(part, getattr(other, name)))
        for name, method in vars(MemoryStore).items():
            if callable(method) and not name.startswith("_") and name not in _OWN:
                setattr(self, name, _method(turn, name))
        self.database = one.database  # a transaction that is read in stays where it was begun
        self.last_saved = one.last_saved

    def index_cache(self, *given: Any) -> Any:
        """The caches of both."""
        return ByTurns(*(store.index_cache(*given) for store in self._stores))

    def wait(self, timeout: float | None = None) -> None:
        """Wait for what both do in the background."""
        for store in self._stores:
            store.wait(timeout)

    def close(self, *, finish: bool = True) -> None:
        """Close both."""
        for store in self._stores:
            store.close(finish=finish)


def _method(turn: ByTurns, name: str) -> Callable[..., Any]:
    def asked(*given: Any, **named: Any) -> Any:
        return getattr(turn, name)(*given, **named)

    return asked
