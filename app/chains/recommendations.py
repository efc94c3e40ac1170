"""What to recommend to a customer, each with its reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from app.interest.did import Because, Kind, done, meant
from app.interest.match import Match
from app.interest.trained import Interests
from app.translation import Language
from memory import Catalogue, Encoder, Item, MemoryStore, Recalled, Record, Scope, mmr
from memory.clock import now
from memory.collaborative import Liked, liked
from memory.indexes.customer import View
from memory.interest import LATEST
from memory.types import Floats, Query
from memory.vector import VectorMemory

_SAID = 10  # messages of theirs that are looked at
_LOW = -1 / 3  # the mood in which what was said is held against the items like it
_POOL = 100  # the best that are put in an order of their own
_AGAIN = 10.0  # seconds before what all customers did is read again, if that was quick
_SHARE = 0.05  # of the time, at most, that it may take

_REASONS: dict[Language, dict[Kind, str]] = {
    "en": {
        "bought": "because you bought {}", "liked": "because you liked {}",
        "asked": "because you asked about {}", "viewed": "because you looked at {}",
        "said": "because you said “{}”", "popular": "because many customers like it",
        "untried": "because few have tried it yet",
    },
    "zh": {
        "bought": "因为您买过{}", "liked": "因为您喜欢{}", "asked": "因为您问过{}",
        "viewed": "因为您看过{}", "said": "因为您说过“{}”", "popular": "因为很多顾客喜欢",
        "untried": "因为还很少有人试过",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An item, how well it fits, and why, in words for the customer."""

    item: Item
    score: float
    why: str
    because: Because


class _Learnt(NamedTuple):
    """What all customers of a tenant like, as of a state of their events."""

    mark: tuple[int, int]  # see ``Events.mark``
    next: float  # on the monotonic clock, when it may be made again
    liked: Liked
    rows: dict[str, int]  # of the items' ids

    def of(self, records: Sequence[Record]) -> tuple[Floats, Floats]:
        """Vectors (n, f), zero where there is none, and how many customers like each (n,)."""
        known = [
            (position, row)
            for position, record in enumerate(records)
            if (row := self.rows.get((record.document or {})["id"])) is not None
        ]
        vectors = np.zeros((len(records), self.liked.vectors.shape[1]), np.float32)
        customers = np.zeros(len(records), np.float32)
        if known:
            positions, rows = (np.array(each) for each in zip(*known, strict=True))
            vectors[positions], customers[positions] = (
                self.liked.vectors[rows], self.liked.customers[rows],
            )  # fmt: skip
        return vectors, customers


_NOTHING = _Learnt((0, 0), 0.0, Liked([], np.zeros((0, 0), np.float32), np.zeros(0, int)), {})


class RecommendationChain:
    """Matches what a customer did, and said, against a tenant's items. Safe between threads.

    What all customers did is learnt beside the requests and held in memory; it is let go as soon
    as events of anybody's are taken away, and learnt again.
    """

    def __init__(self, store: MemoryStore, encoder: Encoder, interests: Interests) -> None:
        self._store = store
        self._encoder = encoder
        self._interests = interests
        self._learnt: dict[str, _Learnt] = {}
        self._lock = threading.Lock()

    def catalogue(self, tenant: str) -> Catalogue:
        """The items of a tenant."""
        return Catalogue(self._store, self._encoder, tenant)

    def recommend(
        self,
        scope: Scope,
        memory: VectorMemory,
        limit: int,
        *,
        where: Mapping[str, Any] | None = None,
        diversity: float = 0.3,
        language: Language = "en",
    ) -> list[Recommendation]:
        """The items that fit a customer best, the first of them best.

        Args:
            scope: whose.
            memory: of the customer: what they said.
            limit: how many at most.
            where: only items whose metadata has these values.
            diversity: how far each is to be unlike those before it, 0 to 1.
            language: of the reasons.
        """
        catalogue = self.catalogue(scope.tenant)
        if not catalogue:
            return []
        learnt = self._others(scope.tenant)
        events = self._store.events.latest(scope.owner, LATEST)
        done_with = self._store.events.done_with(scope.owner)
        said = self._said(memory)
        with catalogue.reading() as index:
            view = index.view(now())
            vectors, popular = learnt.of(index.records)
            did = sorted(
                [*done(events, index, vectors), *meant(said, index, vectors.shape[1])],
                key=lambda one: one.at,
            )
            trained = self._interests.of(scope.tenant)
            match = Match(did, index, vectors, popular, trained)
            known = {
                _product(index.records[p])
                for one in done_with
                if (p := Catalogue.position(index, one)) is not None
            }
            wanted = _wanted(view, known, where or {})
            return _chosen(view, match, wanted, limit, diversity, language)

    # --- what others did -----------------------------------------------------------------

    def _others(self, tenant: str) -> _Learnt:
        """What is known of all customers; learnt anew beside the request if it has changed."""
        mark = self._store.events.mark(tenant)
        with self._lock:
            held = self._learnt.get(tenant, _NOTHING)
            if held.mark[0] != mark[0]:  # somebody's events were taken away
                self._learnt.pop(tenant, None)
                held = _NOTHING
        if held.mark[1] != mark[1] and time.monotonic() >= held.next:
            self._store.in_background(("recommend", tenant), partial(self._learn, tenant, mark))
        return held

    def _learn(self, tenant: str, mark: tuple[int, int]) -> None:
        begun = time.monotonic()
        known = liked(self._store.events.done(tenant))
        ended = time.monotonic()
        again = ended + max(_AGAIN, (ended - begun) / _SHARE)
        rows = {one: row for row, one in enumerate(known.ids)}
        with self._lock:
            self._learnt[tenant] = _Learnt(mark, again, known, rows)

    # --- what the customer said ----------------------------------------------------------

    def _said(self, memory: VectorMemory) -> list[tuple[Record, Floats, bool]]:
        """The customer's last messages with their vectors, and whether the mood was low."""
        mood = self._store.labelling.mood(memory.scope.owner)
        low = {p.message for p in mood.points if p.score <= _LOW} if mood else set()
        at = now()
        found: list[tuple[Record, Floats, bool]] = []
        with memory.index() as index:
            for position in range(len(index.dense) - 1, -1, -1):
                record = index.records[position]
                if record.role == "human" and record.slot is None and record.current(at):
                    sad = not low.isdisjoint(record.messages)
                    found.append((record, index.dense.vector(position), sad))
                    if len(found) == _SAID:
                        break
        return found


def _product(record: Record) -> str:
    """What an item is a variant of, itself if of nothing."""
    about = record.document or {}
    product: str = about.get("variant_of", about["id"])
    return product


def _wanted(view: View, known: set[str], where: Mapping[str, Any]) -> list[int]:
    """The positions of items that may be recommended: of no product that is known."""
    wanted = []
    for position in np.flatnonzero(view.allowed()).tolist():
        about = view[position].document or {}
        metadata = about["metadata"]
        if (
            about["available"]
            and _product(view[position]) not in known
            and all(metadata.get(name) == value for name, value in where.items())
        ):
            wanted.append(position)
    return wanted


def _one_of_each(view: View, best: Sequence[int]) -> list[int]:
    """The best variant of each product, in their order."""
    first: dict[str, int] = {}
    for position in best:
        first.setdefault(_product(view[position]), position)
    return [*first.values()]


def _chosen(
    view: View, match: Match, wanted: Sequence[int], limit: int, diversity: float,
    language: Language,
) -> list[Recommendation]:  # fmt: skip
    """The best, in an order in which each brings something new; what is unwanted comes last."""
    n = len(match.scores)
    scores = {p: float(match.scores[p]) if p < n else 0.0 for p in wanted}
    # Of equal ones the newer first: all there is to go by where nothing is known.
    best = _one_of_each(view, sorted(wanted, key=lambda p: (-scores[p], -p)))
    fitting, unwanted = (
        [
            Recalled.of(view[p], scores[p], "")
            for p in best
            if (p < n and bool(match.unwanted[p])) is is_it
        ]
        for is_it in (False, True)
    )
    pool = fitting[: max(_POOL, limit)]
    query = Query("", np.zeros(view.dimension, np.float32), now())
    chosen = mmr(query, view, k=limit, retriever=lambda *_: pool, relevance=1 - diversity)
    made = []
    for one in [*chosen, *unwanted][:limit]:
        position = view.position(one.id)
        because = match.because(position) if position < n else None
        because = because or Because("popular" if match.popular[position] > 0 else "untried")
        said = _REASONS[language][because.kind].format(because.title)
        made.append(Recommendation(Item.of(view[position]), one.score, said, because))
    return made
