"""What stands around each record: the messages before and after it, and what kind it is.

A message alone says too little: what "yes, on Tuesday" means stands in its neighbours. So terms
and meaning are also looked for in the messages said just before and after, in one sitting.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from memory.indexes.lexical import terms
from memory.types import Floats, Positions, Record

REACH = 4  # neighbours on each side
SITTING = timedelta(hours=1)  # what was said longer apart is no context

_ASKED = re.compile(r"[?？]\W*$")
# Terms that say a time: "last" and "next" mostly stand before one.
_TIMED = frozenset(
    terms(
        "yesterday today tonight tomorrow ago last next week month year "
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April "
        "June July August September October November December"
    )
)
_CHARACTERS = 4.2  # of a token
_OVERHEAD = 4  # tokens around a message


class Spread:
    """Where each of m things stands, and how often, carried to the neighbours.

    ``links`` (2 * REACH + 1, n): row d has each record's neighbour d places on, n for none.
    """

    def __init__(
        self, places: Sequence[tuple[Positions, Floats]], links: npt.NDArray[np.int64]
    ) -> None:
        self._shape = len(places), links.shape[1] + 1  # the last column is of what has no place
        sizes = [len(positions) for positions, _ in places]
        rows = np.repeat(np.arange(len(places)) * self._shape[1], sizes)
        at = np.concatenate([positions for positions, _ in places])
        # Where it stands and what stands d places on, as places in the flattened matrix.
        self._keys = np.take(links, at, axis=1) + rows
        self._counts = np.concatenate([counts for _, counts in places]).astype(np.float64)

    def sums(self, weights: Sequence[float]) -> Floats:
        """The counts at each record and around it, added up: (m, n).

        ``weights`` are of the record itself, of the ones next to it, of those next to them, ...
        """
        distances = self._distances(weights)
        weighed = np.outer([weights[abs(distance)] for distance in distances], self._counts)
        keys = self._keys[distances]
        added = np.bincount(keys.ravel(), weighed.ravel(), self._shape[0] * self._shape[1])
        return self._matrix(added.astype(np.float32))

    def nearest(self, weights: Sequence[float]) -> Floats:
        """The weight of the nearest place of each thing, at each record: (m, n)."""
        out = np.zeros(self._shape[0] * self._shape[1], np.float32)
        # The farthest first: the nearest is written last.
        for distance in reversed(self._distances(weights)):
            out[self._keys[distance]] = weights[abs(distance)]
        return self._matrix(out)

    @staticmethod
    def _distances(weights: Sequence[float]) -> list[int]:
        return [0, *(sign * d for d in range(1, len(weights)) for sign in (1, -1))]

    def _matrix(self, flat: Floats) -> Floats:
        return flat.reshape(self._shape)[:, :-1]


class ContextIndex:
    """Neighbours of the records of one customer, by position, and traits of each record.

    Attributes:
        asked: 1 where a record ends with a question, else 0.
        timed: 1 where a word of time is named, else 0.
        tokens: about how many tokens each takes in a prompt.
    """

    def __init__(self) -> None:
        self._before: array[int] = array("q")  # position of the message before it, or -1
        self._last: dict[str, tuple[int, datetime]] = {}  # of each session
        self._speakers: dict[tuple[str, ...], array[int]] = {}  # positions by a name's terms
        self._links: npt.NDArray[np.int64] | None = None
        self.asked: array[float] = array("f")
        self.timed: array[float] = array("f")
        self.tokens: array[float] = array("f")

    def __len__(self) -> int:
        """How many records there are."""
        return len(self._before)

    def add(self, record: Record, found_by: Collection[str]) -> None:
        """Append a record, with its terms: what a message says follows on the one before it."""
        position, before = len(self._before), -1
        if record.slot is None and record.messages:
            last = self._last.get(record.session)
            if last is not None and abs(record.at - last[1]) <= SITTING:
                before = last[0]
            self._last[record.session] = position, record.at
        self._before.append(before)
        self._links = None
        if record.speaker:
            name = tuple(terms(record.speaker))
            self._speakers.setdefault(name, array("q")).append(position)
        self.asked.append(1.0 if _ASKED.search(record.text[-20:]) else 0.0)
        self.timed.append(0.0 if _TIMED.isdisjoint(found_by) else 1.0)
        self.tokens.append(len(record.text) / _CHARACTERS + _OVERHEAD)

    def spread(self, places: Sequence[tuple[Positions, Floats]]) -> Spread:
        """What stands at and around records, for several things at once.

        Args:
            places: where each thing stands, each position once, and how often it stands there.
        """
        return Spread(places, self._linked())

    def smoothed(self, values: Floats, weights: Sequence[float]) -> Floats:
        """Each record's value with its neighbours' (all n positions have one)."""
        padded = np.append(values, np.float32(0))
        links = self._linked()
        total = weights[0] * values
        for distance, weight in enumerate(weights[1:], 1):
            total = total + weight * (padded[links[-distance]] + padded[links[distance]])
        return total.astype(np.float32)

    def named_in(self, words: Sequence[str]) -> tuple[tuple[str, ...], Positions] | None:
        """The one speaker whom a query's terms name: the name's terms and what they said.

        None if it names more than one, or there is only one who speaks.
        """
        found = [name for name in self._speakers if name and set(name) <= set(words)]
        if len(found) != 1 or len(self._speakers) < 2:
            return None
        return found[0], np.array(self._speakers[found[0]], np.int64)

    def naming(self, words: Collection[str], weight: Callable[[str], float]) -> Floats:
        """What share of the name of each record's speaker, by weight, is among the terms: (n)."""
        share = np.zeros(len(self), np.float32)
        for name, positions in self._speakers.items():
            if found := [term for term in name if term in words]:
                share[np.array(positions, np.int64)] = sum(map(weight, found)) / sum(
                    map(weight, name)
                )
        return share

    def _linked(self) -> npt.NDArray[np.int64]:
        """Row d has each record's neighbour d places after it, row -d before it; n for none."""
        if self._links is None:
            n = len(self)
            before = np.array(self._before, np.int64)
            before = np.append(np.where(before < 0, n, before), n)
            after = np.full(n + 1, n, np.int64)
            after[before[:-1]] = np.arange(n)
            after[n] = n
            links = np.empty((2 * REACH + 1, n), np.int64)
            back = forth = np.arange(n)
            links[0] = back
            for distance in range(1, REACH + 1):
                back, forth = before[back], after[forth]
                links[-distance], links[distance] = back, forth
            self._links = links
        return self._links
