"""Retrieval strategies: which records are recalled for a query.

A strategy is a function ``(query, candidates) -> list[Recalled]``, best first, that says of each
find why it was found. Bind its keyword parameters with ``functools.partial``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np

from memory.types import Candidates, Floats, Query, Recalled, Retriever

K = 50  # how many a strategy returns; the token budget takes of them what fits
POOL = 100  # how many of each ranking are looked at when rankings are joined
RRF = 60  # Cormack et al., "Reciprocal Rank Fusion" (2009)


def dense(query: Query, candidates: Candidates, *, k: int = K) -> list[Recalled]:
    """Nearest in meaning, by the cosine of the vectors."""
    positions, scores = candidates.dense(query.vector, k)
    return [
        Recalled.of(candidates[p], s, f"dense #{rank} (cosine {s:.2f})")
        for rank, (p, s) in enumerate(zip(positions, scores, strict=True), 1)
    ]


def lexical(query: Query, candidates: Candidates, *, k: int = K) -> list[Recalled]:
    """Most alike in words, by BM25."""
    positions, scores = candidates.lexical(query.text, k)
    return [
        Recalled.of(candidates[p], s, f"lexical #{rank} ({_matched(query, candidates, int(p))})")
        for rank, (p, s) in enumerate(zip(positions, scores, strict=True), 1)
    ]


def hybrid(
    query: Query, candidates: Candidates, *, k: int = K, floor: float = 0.2
) -> list[Recalled]:
    """Meaning and words together, by the ranks that each gives (reciprocal rank fusion).

    What shares no word with the query is found only with a cosine of at least ``floor``.
    """
    by_words = {
        p: rank for rank, p in enumerate(candidates.lexical(query.text, POOL)[0].tolist(), 1)
    }
    positions, cosines = (found.tolist() for found in candidates.dense(query.vector, POOL))
    by_meaning = {p: (rank, cosines[rank - 1]) for rank, p in enumerate(positions, 1)}
    scores = {p: 1 / (RRF + rank) for p, rank in by_words.items()}
    for p in scores:
        if p not in by_meaning and candidates.vector(p) is None:
            # Counted as if meaning ranked it alike, or all that is embedded would come first.
            scores[p] *= 2
    for p, (rank, cosine) in by_meaning.items():
        if cosine >= floor or p in by_words:
            scores[p] = scores.get(p, 0.0) + 1 / (RRF + rank)

    def why(p: int) -> str:
        reasons = []
        if p in by_words:
            reasons.append(f"lexical #{by_words[p]} ({_matched(query, candidates, p)})")
        if p in by_meaning:
            rank, cosine = by_meaning[p]
            reasons.append(f"dense #{rank} (cosine {cosine:.2f})")
        return ", ".join(reasons)

    # Of equal ones the newer first, so that a ranking never depends on a dict's order.
    ranked = sorted(scores, key=lambda p: (-scores[p], -p))[:k]
    return [Recalled.of(candidates[p], scores[p], why(p)) for p in ranked]


def recency_weighted(
    query: Query,
    candidates: Candidates,
    *,
    k: int = K,
    retriever: Retriever = hybrid,
    half_life: timedelta = timedelta(days=30),
) -> list[Recalled]:
    """Another strategy's finds, each worth half as much for every ``half_life`` of its age."""
    found = []
    for recalled in retriever(query, candidates):
        age = max((query.now - recalled.at) / half_life, 0.0)
        weight = 0.5**age
        found.append(
            recalled.because(f"{recalled.why}, age × {weight:.2f}", recalled.score * weight)
        )
    return sorted(found, key=lambda r: -r.score)[:k]


def mmr(
    query: Query,
    candidates: Candidates,
    *,
    k: int = K,
    retriever: Retriever = hybrid,
    relevance: float = 0.7,
) -> list[Recalled]:
    """Another strategy's finds, put in an order in which each brings something new.

    Maximal marginal relevance (Carbonell and Goldstein, 1998): ``relevance`` times the score,
    scaled to 0..1, less ``1 - relevance`` times the cosine to the nearest one already taken.
    """
    pool = retriever(query, candidates)
    if not pool:
        return []
    scores = np.array([r.score for r in pool], np.float32)
    scores = (scores - scores.min()) / (np.ptp(scores) or 1.0)
    vectors = _vectors(candidates, pool, len(query.vector))
    nearest = np.zeros(len(pool), np.float32)
    left = list(range(len(pool)))
    chosen: list[Recalled] = []
    while left and len(chosen) < k:
        gains = relevance * scores[left] - (1 - relevance) * nearest[left]
        taken = left.pop(int(np.argmax(gains)))
        repeats = f", mmr: cosine {nearest[taken]:.2f} to those before" if chosen else ""
        chosen.append(pool[taken].because(pool[taken].why + repeats))
        nearest = np.maximum(nearest, vectors @ vectors[taken])
    return chosen


def attention(
    query: Query, candidates: Candidates, *, k: int = K, scale: float | None = None
) -> list[Recalled]:
    """Scaled dot-product attention over all of the scope's records: softmax(q·kᵀ/√d).

    The weights add up to 1 over the records and are the reason that is given. ``scale``
    replaces √d; a smaller one makes the attention sharper.
    """
    positions, products = candidates.dense(query.vector, len(candidates))
    if not len(positions):
        return []
    logits = products / (scale or math.sqrt(len(query.vector)))
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    return [
        Recalled.of(candidates[p], w, f"attention #{rank} (weight {w:.4f} of {len(positions)})")
        for rank, (p, w) in enumerate(zip(positions[:k], weights[:k], strict=True), 1)
    ]


def hops(retriever: Retriever, count: int, *, read: int = 3) -> Retriever:
    """A strategy that reads ``count`` times: what was read joins the next query.

    y⁽ᵏ⁺¹⁾ = f(y⁽ᵏ⁾, S(y⁽ᵏ⁾, R(M))), as in memory networks (Sukhbaatar et al., 2015): S is the
    retriever, and f adds the words and vectors of its ``read`` best finds to the query.
    """
    return partial(_hop, retriever=retriever, count=count, read=read)


def _hop(
    query: Query,
    candidates: Candidates,
    *,
    retriever: Retriever,
    count: int,
    read: int,
) -> list[Recalled]:
    found = retriever(query, candidates)
    best = {r.id: r for r in found}
    for hop in range(2, count + 1):
        query = _joined(query, candidates, found[:read])
        found = retriever(query, candidates)
        for r in found:
            if r.id not in best:
                best[r.id] = r.because(f"hop {hop}: {r.why}")
    return sorted(best.values(), key=lambda r: -r.score)


def _joined(query: Query, candidates: Candidates, read: list[Recalled]) -> Query:
    if not read:
        return query
    vector = query.vector + _vectors(candidates, read, len(query.vector)).mean(axis=0)
    length = float(np.linalg.norm(vector)) or 1.0
    text = " ".join((query.text, *(r.text for r in read)))
    return replace(query, text=text, vector=(vector / length).astype(np.float32))


def _vectors(candidates: Candidates, found: list[Recalled], dimension: int) -> Floats:
    """Vectors (n, d) of what was found, zeros where there is none yet."""
    vectors = np.zeros((len(found), dimension), np.float32)
    for row, recalled in enumerate(found):
        vector = candidates.vector(candidates.position(recalled.id))
        if vector is not None:
            vectors[row] = vector
    return vectors


def _matched(query: Query, candidates: Candidates, position: int) -> str:
    return ", ".join(candidates.matched(query.text, position)[:5])
