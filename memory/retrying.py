"""A transaction that is run again where Postgres has undone it.

It undoes one by itself where two wait for each other (a deadlock) or cannot be put in an order,
when it stops, and when it has become a standby, which only reads. All that the transaction did is
undone then, so nothing is done twice. A connection that is lost while it commits says nothing of
the kind: whoever asked is told, and asks again by an idempotency key.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from memory.deeds import current
from memory.errors import Undone

_PAUSES = (0.05, 0.2, 1.0)  # seconds before it is tried again

P = ParamSpec("P")
T = TypeVar("T")


def retried(transaction: Callable[P, T]) -> Callable[P, T]:
    """Let a function that is one transaction be run again where it was undone.

    What it does beside it must come after it, or bear to be done again.
    """

    @functools.wraps(transaction)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        deed = current.get()
        entered = deed is not None and deed.entered
        for pause in _PAUSES:
            try:
                return transaction(*args, **kwargs)
            except Undone:
                if deed is not None:
                    deed.entered = entered  # its entry was undone too
                time.sleep(pause)
        return transaction(*args, **kwargs)

    return tried
