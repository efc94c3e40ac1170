"""What customers liked, by time, and the items' texts as vectors: what is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from memory import Catalogue
from memory.events import Done
from memory.interest import LATEST, attention_over
from memory.types import Floats, Positions


class Held(NamedTuple):
    """The last new thing that some customers did, which is kept apart."""

    customers: list[int]
    items: list[int]


@dataclass(frozen=True, slots=True)
class Histories:
    """What each customer liked, the oldest first, of n items.

    ``items`` are positions (m,) and ``likings`` (m,) from 0 to 1, each customer's; ``texts`` (n, d)
    are unit vectors.
    """

    items: list[Positions]
    likings: list[Floats]
    texts: Floats

    def __len__(self) -> int:
        """How many customers there are."""
        return len(self.items)

    def read(self, customer: int, end: int | None = None) -> Floats:
        """The attention read (d,) over the texts of what a customer did, before the ``end``-th."""
        items = self.items[customer][:end][-LATEST:]
        weights = attention_over(self.likings[customer][:end][-LATEST:])
        found: Floats = weights @ self.texts[items]
        return found

    def of(self, customers: Sequence[int]) -> Histories:
        """Those of some customers."""
        items, likings = [self.items[c] for c in customers], [self.likings[c] for c in customers]
        return Histories(items, likings, self.texts)

    def without_the_last(self) -> tuple[Histories, Held]:
        """Less the last thing that each did who had not done it before, and all since; and these.

        Of who did one thing only, nothing is kept apart.
        """
        held = Held([], [])
        items, likings = [*self.items], [*self.likings]
        for customer, these in enumerate(self.items):
            if len(new := _new(these)) > 1:
                held.customers.append(customer)
                held.items.append(int(these[new[-1]]))
                items[customer] = these[: new[-1]]
                likings[customer] = likings[customer][: new[-1]]
        return Histories(items, likings, self.texts), held

    def steps(self) -> Positions:
        """From what to what customers went on: (k, 2) of a customer and a place in their items.

        It is the place of something that they had not done before, and not of the first.
        """
        found = [
            (customer, place)
            for customer, items in enumerate(self.items)
            for place in _new(items)[1:].tolist()
        ]
        return np.array(found, np.int64).reshape(-1, 2)

    def done(self) -> Done:
        """All of it, as the events of a store come."""
        lengths = [len(each) for each in self.items]
        items = np.concatenate([*self.items, np.zeros(0, np.int64)])
        names, numbers = np.unique(items, return_inverse=True)
        return Done(
            np.repeat(np.arange(len(self)), lengths), numbers,
            np.concatenate([*self.likings, np.zeros(0, np.float32)]),
            np.zeros(len(items), np.int64), [*map(str, names)],
        )  # fmt: skip


def histories_of(done: Done, catalogue: Catalogue) -> Histories:
    """What customers liked of the items that a catalogue has.

    Args:
        done: what all of them did.
        catalogue: items without vectors, as after a change of the model, are left out.
    """
    with catalogue.reading() as index:
        texts = np.array(index.dense.vectors())
        positions = [Catalogue.position(index, name) for name in done.names]
    known = np.array([-1 if p is None or p >= len(texts) else p for p in positions], np.int64)
    kept = (done.weights > 0) & (known[done.items] >= 0) if len(known) else done.weights > 0
    customers, items, likings = done.customers[kept], done.items[kept], done.weights[kept]
    starts = np.flatnonzero(np.diff(customers)) + 1
    if not len(customers):
        return Histories([], [], texts)
    return Histories(np.split(known[items], starts), np.split(likings, starts), texts)


def _new(items: Positions) -> Positions:
    """The places in items (m,) of what stands there for the first time."""
    return np.sort(np.unique(items, return_index=True)[1])
