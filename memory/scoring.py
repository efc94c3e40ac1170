"""The retrieval strategy that is the default: words, context and meaning, added up.

What a message means stands in its neighbours, so a query's terms are looked for in the message,
around it, and in the wider part of the talk it lies in; its meaning is compared with the
message's and its neighbours'; and what was found first is read to look for more (a second hop).
Each of these is scaled (a z-score over the customer's records, or a share) and they are added
up; the score that is given is the logistic function of the sum, between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memory.indexes.lexical import K1, B, terms
from memory.types import Candidates, Floats, Positions, Query, Recalled

FLOOR = 0.2  # a cosine below it says nothing
K = 100  # how many are returned; the token budget takes of them what fits

# How far neighbours count, by their distance: of terms, of the part of the talk, of meaning.
_NEAR = (1.0, 0.6, 0.3)
_WIDE = (1.0,) * 5
_COVER = (1.0, 0.7, 0.4)
_MEANT = (1.0, 0.4)

# What each score weighs. Set by hand on conversations between friends (LoCoMo) and lone remarks
# in Chinese (MemDaily), to round numbers on a flat top: half or twice one changes little.
_W_NEAR, _W_WIDE = 0.13, 0.25  # BM25 around the record, and in the wider part of the talk
_W_HAS, _W_COVER = 1.0, 1.1  # what share of the query's terms stands in it, and around it
_W_MEANT = 0.5
_W_SPEAKER = 1.5  # said by the one speaker whom the query names
_W_ASKED, _W_TIMED = -0.6, 0.6  # a question rarely answers; what says a time may
_W_TOKENS = -0.2  # of two alike the shorter: more fit into the budget
_W_HOP = 0.7  # has the terms of what was found first

_READ = 2  # how many finds are read for the second hop
_HOP_TERMS = 12
_TOP = 100  # a strategy is named in the reason when it ranks a record among its first so many


class _Term(NamedTuple):
    """A query's term: its weight in the customer's records, and where it stands how often."""

    word: str
    idf: float
    positions: Positions
    counts: Floats


def contextual(query: Query, candidates: Candidates, *, k: int = K) -> list[Recalled]:
    """By words, context and meaning together; ``why`` names what found a record and its rank."""
    k = k if query.limit is None else min(k, query.limit)
    if len(candidates) == 0 or k <= 0:
        return []
    context = candidates.context()
    words = terms(query.text)
    named = context.named_in(words)
    if named is not None:  # the name stands in what the others say
        words = [word for word in words if word not in named[0]]
    found = _terms(candidates, words)
    near, wide = (_bm25(candidates, found, weights) for weights in (_NEAR, _WIDE))
    cover = _cover(candidates, found, _COVER)
    has = _cover(candidates, found, (1.0,))
    scores = _W_NEAR * _z(near) + _W_WIDE * _z(wide) + _W_COVER * cover + _W_HAS * has
    meant = candidates.cosines(query.vector)
    embedded = ~np.isnan(meant)
    # What is not embedded yet is taken for as near as most, or all that is would come first.
    meant[~embedded] = meant[embedded].mean() if embedded.any() else 0
    scores += _W_MEANT * query.trust * _z(context.smoothed(meant, _MEANT))
    if named is not None:
        scores[named[1]] += _W_SPEAKER
    scores += _W_ASKED * np.asarray(context.asked) + _W_TIMED * np.asarray(context.timed)
    scores += _W_TOKENS * np.log(np.asarray(context.tokens))
    allowed = candidates.allowed()
    hop = _hop(candidates, np.where(allowed, scores, -np.inf), found, set(words))
    scores += _W_HOP * hop
    # What has neither a word nor a meaning of the query in or around it is no find.
    near_enough = embedded & (meant * query.trust >= FLOOR)
    bears = allowed & ((cover > 0) | (hop > 0) | near_enough)
    ranked = _best(np.where(bears, scores, -np.inf), k)
    cosines = dict(zip(ranked, meant[ranked].tolist(), strict=True))
    matched = _matched(ranked, found, len(candidates))
    ranks = {
        "lexical": _ranks(has, allowed),
        "context": _ranks(near + wide, allowed),
        "dense": _ranks(meant, allowed & near_enough),
        "second hop": _ranks(hop, allowed),
    }
    said = set(named[1].tolist()) if named is not None else set()

    def why(p: int) -> str:
        reasons = []
        for name, rank in ranks.items():
            if p not in rank:
                continue
            reason = f"{name} #{rank[p]}"
            if name == "lexical":
                reason += f" ({', '.join(matched[p][:5])})"
            elif name == "dense":
                reason += f" (cosine {cosines[p]:.2f})"
            reasons.append(reason)
        if p in said:
            reasons.append(f"said by {candidates[p].speaker}")
        return ", ".join(reasons) or "in the part of the talk that bears on it"

    return [
        Recalled.of(candidates[p], 1 / (1 + math.exp(-scores[p])), why(p)) for p in ranked
    ]  # fmt: skip


def _terms(candidates: Candidates, words: Sequence[str]) -> list[_Term]:
    """The distinct words that stand anywhere, with their places."""
    n = len(candidates)
    found = []
    for word in dict.fromkeys(words):
        positions, counts = candidates.counts(word)
        if df := len(positions):
            idf = math.log1p((n - df + 0.5) / (df + 0.5))
            found.append(_Term(word, idf, positions, counts))
    return found


def _bm25(candidates: Candidates, found: list[_Term], weights: Sequence[float]) -> Floats:
    """BM25 of each record together with its neighbours, taken as one document."""
    n, context = len(candidates), candidates.context()
    lengths = context.smoothed(candidates.lengths(), weights)
    norm = _norm(lengths)
    scores = np.zeros(n, np.float32)
    for term in found:
        at, counts = context.spread(term.positions, term.counts, weights)
        idf = math.log1p((n - len(at) + 0.5) / (len(at) + 0.5))
        scores[at] += idf * _saturated(counts, norm[at])
    return scores


def _norm(lengths: Floats) -> Floats:
    """What BM25 holds against long documents."""
    return K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))


def _saturated(counts: Floats, norm: Floats) -> Floats:
    """What BM25 makes of counts: each repetition adds less."""
    return counts * (K1 + 1) / (counts + norm)


def _cover(candidates: Candidates, found: list[_Term], weights: Sequence[float]) -> Floats:
    """What share of the terms, by idf, stands in each record or, less, near it: 0 to 1."""
    scores = np.zeros(len(candidates), np.float32)
    context = candidates.context()
    for term in found:
        if len(weights) == 1:
            scores[term.positions] += term.idf
        else:
            at, nearness = context.nearest(term.positions, weights)
            scores[at] += term.idf * nearness
    return scores / max(sum(term.idf for term in found), 1e-9)


def _hop(candidates: Candidates, scores: Floats, found: list[_Term], words: set[str]) -> Floats:
    """BM25, scaled to 0..1, for the rare terms of the best finds: what else bears on them.

    y⁽ᵏ⁺¹⁾ = f(y⁽ᵏ⁾, S(y⁽ᵏ⁾, R(M))) as in ``retrieval.hops``, with f the query's expansion by
    pseudo-relevance feedback (Lavrenko and Croft, 2001).
    """
    read = _best(scores, _READ) if found else []
    weight: dict[str, float] = {}
    for rank, p in enumerate(read, 1):
        for word in set(terms(candidates[p].text)) - words:
            weight[word] = weight.get(word, 0.0) + 1 / rank
    weighed: list[tuple[float, str, _Term]] = []
    for word, importance in weight.items():
        weighed += [
            (importance * term.idf, word, term)
            for term in _terms(candidates, [word])
            if len(term.positions) > 1
        ]
    weighed.sort(key=lambda each: (-each[0], each[1]))
    total = np.zeros(len(candidates), np.float32)
    norm = _norm(candidates.lengths())
    for importance, _, term in weighed[:_HOP_TERMS]:
        share = importance / weighed[0][0]
        total[term.positions] += share * term.idf * _saturated(term.counts, norm[term.positions])
    return total / max(float(total.max()), 1e-9)


def _matched(ranked: list[int], found: list[_Term], n: int) -> dict[int, list[str]]:
    """Which of the terms each of the ranked records has."""
    matched: dict[int, list[str]] = {p: [] for p in ranked}
    for term in found:
        has = np.zeros(n, np.bool_)
        has[term.positions] = True
        for place in np.flatnonzero(has[ranked]).tolist():
            matched[ranked[place]].append(term.word)
    return matched


def _z(values: Floats) -> Floats:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)


def _best(scores: Floats, k: int) -> list[int]:
    """The positions of the k highest finite scores; of equal ones the newest first."""
    finite = np.flatnonzero(np.isfinite(scores))
    if len(finite) > k:
        cut = np.partition(scores[finite], len(finite) - k)[len(finite) - k]
        finite = finite[scores[finite] >= cut]
    order = np.lexsort((-finite, -scores[finite]))[:k]
    positions: list[int] = finite[order].tolist()
    return positions


def _ranks(scores: Floats, allowed: np.typing.NDArray[np.bool_]) -> dict[int, int]:
    """Positions with the ranks 1, 2, ... that a positive score gives them, the first _TOP."""
    return {
        p: rank
        for rank, p in enumerate(_best(np.where(allowed & (scores > 0), scores, -np.inf), _TOP), 1)
    }
