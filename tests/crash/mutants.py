"""Ways in which a service could break the contract: whether the harness sees them.

Each is a function that breaks the process it is called in, before the service is made; how it puts
what is broken in its place is given, so that a test can take it back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import memory.sqlite
import memory.turns
from memory.events import Events
from memory.turns import Turns

Put = Callable[[Any, str, Any], None]  # setattr's, or pytest's

_SECONDS = 3.0  # that an answer is told before it is stored


def early(put: Put) -> None:
    """An answer is acknowledged and committed later."""
    finish = Turns.finish

    def tell(self: Turns, scope: Any, turn: Any, answer: Any, status: str, *more: Any) -> Any:
        def later() -> None:
            time.sleep(_SECONDS)
            finish(self, scope, turn, answer, status, *more)

        threading.Thread(target=later, daemon=True).start()
        return memory.turns.replace(turn, status=status, answer=answer)

    put(Turns, "finish", tell)


def lost(put: Put) -> None:
    """An answer is acknowledged, and its commit is lost."""
    finish = Turns.finish

    def lose(self: Turns, scope: Any, turn: Any, answer: Any, status: str, *more: Any) -> Any:
        finish(self, scope, turn, None, "failed", *more)
        return memory.turns.replace(turn, status=status, answer=answer)

    put(Turns, "finish", lose)


def twice(put: Put) -> None:
    """A turn that is sent again with its key is another turn."""
    start = Turns.start

    def begin(self: Turns, scope: Any, question: Any, _: str | None = None) -> Any:
        return start(self, scope, question)

    put(Turns, "start", begin)


def unordered(put: Put) -> None:
    """A session takes the next turn while one is being answered."""
    start = Turns.start

    def begin(self: Turns, *given: Any) -> Any:
        begun = start(self, *given)
        time.sleep(0.1)
        return begun

    put(Turns, "start", begin)
    put(memory.turns, "_take_over", lambda *_: False)


def partial(put: Put) -> None:
    """A part of an answer is stored as if it were all of it."""
    finish = Turns.finish

    def end(self: Turns, scope: Any, turn: Any, answer: Any, _: str, *more: Any) -> Any:
        return finish(self, scope, turn, answer, "complete", *more)

    put(Turns, "finish", end)


def unsynced(put: Put) -> None:
    """SQLite commits without waiting for the disk; only a power cut tells."""
    configure: Any = memory.sqlite.configure

    def loosen(raw: Any, record: Any) -> None:
        configure(raw, record)
        raw.execute("PRAGMA synchronous=NORMAL")

    put(memory.sqlite, "configure", loosen)


def piecemeal(put: Put) -> None:
    """Of what a customer did each is stored by itself."""
    add = Events.add

    def one_by_one(self: Events, owner: Any, events: Any) -> Any:
        added = []
        for event in events:
            added += add(self, owner, [event])
            time.sleep(0.1)
        return added

    put(Events, "add", one_by_one)


MUTANTS: dict[str, Callable[[Put], None]] = {
    mutant.__name__: mutant
    for mutant in (early, lost, twice, unordered, partial, piecemeal, unsynced)
}
