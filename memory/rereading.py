"""What a writer reads in a text, kept for when it reads the same text again.

A writer is given the few messages before a new one too, so it reads each of them several times.
What is read in them is kept with the customer's index, and goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

MOST = 1024  # readings that are kept of a customer's texts, of the last messages

P = ParamSpec("P")
T = TypeVar("T")
Kept = dict[Any, Any]
_NOTHING: Any = object()

_kept: ContextVar[Kept | None] = ContextVar("kept", default=None)


@contextmanager
def rereading(kept: Kept) -> Iterator[None]:
    """What ``once`` functions find within this block is put into ``kept``, and found there."""
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)


def kept() -> Kept | None:
    """Where what is read is kept here; None where nothing is."""
    return _kept.get()


def room(kept: Kept) -> Kept:
    """The same, with room for one more."""
    if len(kept) >= MOST:
        kept.clear()
    return kept


def once(function: Callable[P, T]) -> Callable[P, T]:
    """A function of a text that is not called twice for the same, where its results are kept.

    Nobody may change what it returns.
    """

    @wraps(function)
    def read(*args: P.args, **kwargs: P.kwargs) -> T:
        kept = _kept.get()
        if kept is None:
            return function(*args, **kwargs)
        asked = (function, args, *kwargs.values())
        try:
            found: T = kept.get(asked, _NOTHING)
        except TypeError:  # one of them cannot be looked up, as a message with data
            return function(*args, **kwargs)
        if found is _NOTHING:
            found = room(kept)[asked] = function(*args, **kwargs)
        return found

    return read
