"""One customer's records with both indexes over them: what a retriever looks at."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache

import numpy as np

from memory.clock import to_stamp
from memory.indexes.base import Mask
from memory.indexes.context import ContextIndex
from memory.indexes.faiss import FaissIndex
from memory.indexes.lexical import LexicalIndex, norm, terms
from memory.types import Add, Floats, Forget, Positions, Record, Update
from memory.updates import AGAIN, LATELY, settle, superseded

_NEVER = 2**63 - 1

Source = tuple[str, str]  # a message, by its session and its id, which is known within that only


def stems_from(record: Record, sources: Collection[Source]) -> bool:
    """Whether a record was made of one of some messages."""
    return any((record.session, message) in sources for message in record.messages)


class CustomerIndex:
    """Records by position, the lexical index over all of them, the dense one over the first m.

    Whoever reads or adds holds ``lock``.
    """

    def __init__(self, dimension: int) -> None:
        self.lock = threading.RLock()
        self.reset(dimension)

    def reset(self, dimension: int) -> None:
        """Empty it."""
        self.records: list[Record] = []
        self.dense = FaissIndex(dimension)
        self.lexical = LexicalIndex()
        self.dates = LexicalIndex()
        self.context = ContextIndex()
        self._position: dict[str, int] = {}
        self._by_message: dict[tuple[str, str], list[int]] = {}  # by (session, message)
        self._by_slot: dict[str, list[int]] = {}
        self._norms: dict[tuple[float, ...], tuple[int, Floats]] = {}  # and of how many records
        self._gone: list[int] = []  # superseded facts
        self._expires: array[int] = array("q")  # microseconds; 0 for a superseded record
        self._said: array[int] = array("q")  # microseconds; _NEVER for what is never too old

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.records)

    def add(self, records: Sequence[Record]) -> None:
        """Append the records that are not there yet; the others take their row's number."""
        for record in records:
            position = self._position.get(record.id)
            if position is not None:
                self.records[position] = replace(self.records[position], seq=record.seq)
                continue
            position = self._position[record.id] = len(self.records)
            for message in record.messages:
                self._by_message.setdefault((record.session, message), []).append(position)
            if record.slot is not None:
                self._by_slot.setdefault(record.slot, []).append(position)
                if record.superseded_by is not None:
                    self._gone.append(position)
            self._expires.append(_expires(record))
            self._said.append(_NEVER if record.protected else to_stamp(record.at))
            found_by = record.terms or terms(record.text)
            self.lexical.add([found_by])
            self.dates.add([_date_terms(record.at.date())])
            self.context.add(record, found_by)
            # The postings hold the terms from here on.
            self.records.append(replace(record, terms=()))

    def settle(self, fresh: Sequence[Record], update: Update) -> None:
        """Append records that no row has yet, with what they do to the facts that are there."""
        known = self.facts({r.slot for r in fresh if r.slot is not None})
        sessions, first = {r.session for r in fresh}, min((r.at for r in fresh), default=None)
        known += [
            r
            for r in self.records[-LATELY:]
            if r.slot is None and r.session in sessions and first and first - r.at <= AGAIN
        ]
        for change in settle(fresh, known, update):
            if isinstance(change, Forget):
                continue
            self.add([change.record])
            position = None if isinstance(change, Add) else self._position.get(change.old)
            if position is not None:
                self.records[position] = superseded(self.records[position], change.record)
                self._expires[position] = 0
                self._gone.append(position)

    def facts(self, slots: Collection[str] | None = None) -> list[Record]:
        """The records that fill slots (all of them, if none are named), superseded ones too."""
        names = self._by_slot if slots is None else slots
        return [self.records[p] for slot in names for p in self._by_slot.get(slot, ())]

    def superseded_facts(self) -> list[Record]:
        """The facts that hold no longer."""
        return [self.records[p] for p in self._gone]

    def add_vectors(self, vectors: Floats) -> None:
        """Append the vectors (n, d) of the first records that have none yet."""
        self.dense.add(vectors)

    def without_vector(self) -> list[Record]:
        """The records that the dense index does not cover yet."""
        return self.records[len(self.dense) :]

    def position(self, record_id: str) -> int:
        """Where the record with an id is; KeyError if it is not there."""
        return self._position[record_id]

    def get(self, record_id: str) -> Record | None:
        """A record by its id."""
        position = self._position.get(record_id)
        return None if position is None else self.records[position]

    def norms(self, weights: tuple[float, ...]) -> Floats:
        """What BM25 holds against the length of each record with its neighbours."""
        n, found = self._norms.get(weights, (-1, None))
        if n != len(self) or found is None:
            found = norm(self.context.smoothed(self.lexical.lengths(), weights))
            self._norms[weights] = len(self), found
        return found

    def vector_of(self, record_id: str) -> Floats | None:
        """A record's vector by its id, if it has one."""
        position = self._position.get(record_id)
        if position is None or position >= len(self.dense):
            return None
        return self.dense.vector(position)

    def expired(self, now: datetime) -> list[str]:
        """The ids of records whose time is over."""
        ends = np.array(self._expires)
        return [self.records[p].id for p in np.flatnonzero((ends > 0) & (ends <= to_stamp(now)))]

    def view(
        self,
        now: datetime,
        without: Collection[tuple[str, str]] = (),
        since: datetime | None = None,
        sessions: Collection[str] | None = None,
    ) -> View:
        """What may be recalled at ``now`` of what was said after ``since``, less ``without``.

        That is (session, message id) pairs: a message's id is known within its session only. With
        ``sessions`` it is of these alone.
        """
        # Arrays, not a loop over records: this is on the way of every turn.
        allowed = np.array(self._expires) > to_stamp(now)
        if since is not None:
            allowed &= np.array(self._said) > to_stamp(since)
        if sessions is not None:
            allowed &= np.fromiter((r.session in sessions for r in self.records), bool, len(self))
        for message in without:
            for position in self._by_message.get(message, ()):
                allowed[position] = False
        return View(self, allowed)


@lru_cache(maxsize=4096)
def _date_terms(day: date) -> list[str]:
    """The terms that a day is asked for by."""
    return terms(f"{day:%A} {day.day} {day:%B %Y}")


def _expires(record: Record) -> int:
    if record.superseded_by is not None:
        return 0
    return _NEVER if record.expires_at is None else to_stamp(record.expires_at)


class View:
    """A customer's index through a mask (implements ``memory.types.Candidates``)."""

    def __init__(self, index: CustomerIndex, allowed: Mask) -> None:
        self._index = index
        self._allowed = allowed
        self._terms: tuple[str, list[str]] = ("", [])  # of the text asked for last

    def __len__(self) -> int:
        """How many records there are, allowed or not."""
        return len(self._index)

    def __getitem__(self, position: int) -> Record:
        """The record at a position."""
        return self._index.records[position]

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return self._index.dense.dimension

    def allowed(self) -> Mask:
        """Which records may be returned."""
        return self._allowed

    def dense(self, vector: Floats, k: int) -> tuple[Positions, Floats]:
        """The k nearest allowed records."""
        return self._index.dense.search(vector, k, self._allowed)

    def lexical(self, text: str, k: int) -> tuple[Positions, Floats]:
        """The k best allowed records by BM25."""
        return self._index.lexical.search(self._terms_of(text), k, self._allowed)

    def counts(self, term: str) -> tuple[Positions, Floats]:
        """Where a term stands, and how often: in what was said, or as its date."""
        said = self._index.lexical.counts(term)
        if not self._index.dates.df(term):
            return said
        dated = self._index.dates.counts(term)
        total = np.zeros(len(self), np.float32)
        for positions, counts in (said, dated):
            total[positions] += counts
        found = np.flatnonzero(total)
        return found, total[found]

    def df(self, term: str) -> int:
        """In how many records a term stands; one that has it in two ways counts twice."""
        return self._index.lexical.df(term) + self._index.dates.df(term)

    def norms(self, weights: Sequence[float] = (1.0,)) -> Floats:
        """What BM25 holds against the length of each record with its neighbours."""
        return self._index.norms(tuple(weights))

    def cosines(self, vector: Floats) -> Floats:
        """The inner products with a unit vector; NaN for what is not embedded yet."""
        products = np.full(len(self), np.nan, np.float32)
        products[: len(self._index.dense)] = self._index.dense.products(vector)
        return products

    def context(self) -> ContextIndex:
        """What stands around the records."""
        return self._index.context

    def matched(self, text: str, position: int) -> list[str]:
        """Which terms of ``text`` the record at a position has."""
        return self._index.lexical.matched(self._terms_of(text), position)

    def position(self, record_id: str) -> int:
        """Where the record with an id is."""
        return self._index.position(record_id)

    def vector(self, position: int) -> Floats | None:
        """A record's unit vector, or None while it has none."""
        return self._index.dense.vector(position) if position < len(self._index.dense) else None

    def _terms_of(self, text: str) -> list[str]:
        if self._terms[0] != text:
            self._terms = (text, terms(text))
        return self._terms[1]
