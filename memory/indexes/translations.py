"""The translations of a scope in memory, to find the close ones by words and by meaning."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from memory.customers import Owner, State
from memory.normal_form import KINDS, form
from memory.sentences import UNSPACED
from memory.translations import Pair, Translation, Translations
from memory.types import Floats

MOST_HELD = 200_000  # translations over all scopes that are held; each takes some 3 kB
_CANDIDATES = 24  # that each way of looking gives


class Direction:
    """The translations of a scope from one language into another."""

    def __init__(self, dimension: int) -> None:
        self.units: list[Translation | None] = []  # None where one was taken away
        self.terms: dict[str, Translation] = {}  # by the source as it is compared
        self._compared: list[str | None] = []
        self._position: dict[str, int] = {}
        self._vectors = np.zeros((16, dimension), np.float32)
        self._pattern: re.Pattern[str] | None = None

    def put(self, name: str, one: Translation, vector: Floats | None) -> None:
        """Take one in, in the place of the one of its name."""
        if one.term:
            self.terms[one.source.casefold()] = one
            self._pattern = None
            return
        position = self._position.setdefault(name, len(self.units))
        if position == len(self.units):
            self.units.append(None)
            self._compared.append(None)
            if position == len(self._vectors):
                self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self.units[position] = one
        self._compared[position] = form(one.source, KINDS)
        self._vectors[position] = 0 if vector is None else vector

    def near(self, text: str, vector: Floats | None) -> list[tuple[Translation, float, float]]:
        """Those that may be close: each with how like it its words are, and its meaning, 0 to 1.

        Args:
            text: what is to be translated.
            vector: (d,) of it; None where that means nothing.
        """
        compared = form(text, KINDS)
        found = process.extract(
            compared, self._compared, scorer=Levenshtein.normalized_similarity,
            limit=_CANDIDATES, score_cutoff=0.4,
        )  # fmt: skip
        edits = {position: float(score) for _, score, position in found}
        cosines = np.zeros(len(self.units), np.float32)
        if vector is not None and len(self.units):
            # In this thread: another of BLAS's may take 30 ms to come where others work.
            cosines = np.einsum("nd,d->n", self._vectors[: len(self.units)], vector)
            most = min(_CANDIDATES, len(cosines))
            for position in np.argpartition(-cosines, most - 1)[:most].tolist():
                if position not in edits and cosines[position] > 0:
                    edits[position] = Levenshtein.normalized_similarity(
                        compared, self._compared[position] or ""
                    )
        return [
            (unit, edit, max(float(cosines[position]), 0.0))
            for position, edit in edits.items()
            if (unit := self.units[position]) is not None
        ]

    def terms_in(self, text: str) -> list[tuple[str, Translation]]:
        """The terms in a text as they stand there, in order; of two in one place the longer."""
        if not self.terms:
            return []
        if self._pattern is None:
            each = sorted(self.terms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_whole, each)), re.IGNORECASE)
        return [
            (match[0], self.terms[match[0].casefold()])
            for match in self._pattern.finditer(text)
            if match[0].casefold() in self.terms
        ]


def _whole(term: str) -> str:
    """A pattern of a term: a whole word, where words are."""
    begins = r"(?<!\w)" if not re.match(rf"[{UNSPACED}]|\W", term) else ""
    ends = r"(?!\w)" if not re.search(rf"([{UNSPACED}]|\W)$", term) else ""
    return f"{begins}{re.escape(term)}{ends}"


@dataclass
class _Entry:
    lock: threading.RLock = field(default_factory=threading.RLock)
    seen: State = field(default_factory=State)
    directions: dict[Pair, Direction] = field(default_factory=dict)
    held: int = 0
    waiting: bool = False  # whether something came that is to be embedded


class TranslationIndexes:
    """The scopes that were asked last, each caught up with its rows when it is read."""

    def __init__(self, rows: Translations, dimension: int, most: int = MOST_HELD) -> None:
        self._rows = rows
        self._dimension = dimension
        self._most = most
        self._entries: OrderedDict[Owner, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, owner: Owner, pair: Pair) -> Iterator[Direction]:
        """A scope's translations of a pair; the reader's own until the block ends."""
        with self._lock:
            entry = self._entries.setdefault(owner, _Entry())
            self._entries.move_to_end(owner)
        with entry.lock:
            self._catch_up(owner, entry)
            yield entry.directions.get(pair) or Direction(self._dimension)
        with self._lock:
            held = sum(one.held for one in self._entries.values())
            while held > self._most and len(self._entries) > 1:
                held -= self._entries.popitem(last=False)[1].held

    def waits(self, owner: Owner) -> bool:
        """Whether something of a scope is to be embedded; that is said once."""
        with self._lock:
            entry = self._entries.get(owner)
        if entry is None or not entry.waiting:
            return False
        entry.waiting = False
        return True

    def drop(self, owner: Owner) -> None:
        """Let go of a scope."""
        with self._lock:
            self._entries.pop(owner, None)

    def _catch_up(self, owner: Owner, entry: _Entry) -> None:
        news = self._rows.since(owner, entry.seen, self._dimension)
        if news.state.generation != entry.seen.generation:
            entry.directions.clear()
            entry.held = 0
        for name, one, vector in news.changed:
            self._direction(entry, one.pair).put(name, one, vector)
            # What is known the other way has no vector there: it would be of the other side.
            self._direction(entry, one.pair.back).put(name, one.turned, None)
        entry.held = sum(len(one.units) for one in entry.directions.values())
        entry.seen = news.state
        entry.waiting |= news.waiting

    def _direction(self, entry: _Entry, pair: Pair) -> Direction:
        if pair not in entry.directions:
            entry.directions[pair] = Direction(self._dimension)
        return entry.directions[pair]
