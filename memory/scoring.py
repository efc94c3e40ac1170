"""The retrieval strategy that is the default: words, context and meaning, added up.

What a message means stands in its neighbours, so a query's terms are looked for in the message,
around it, and in the wider part of the talk it lies in; its meaning is compared with the
message's and its neighbours'; and what was found first is read to look for more (a second hop).
Each of these is scaled (a z-score over the customer's records, or a share) and they are added
up; the score that is given is the logistic function of the sum, between 0 and 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memory.indexes.base import Mask
from memory.indexes.lexical import K1, terms
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
_CELLS = 100_000  # terms times records that are looked at in one go; more would leave the cache
_TOP = 100  # a strategy is named in the reason when it ranks a record among its first so many


class Term(NamedTuple):
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
    found = placed(candidates, words)
    near, wide, cover, has = _in_words(candidates, found)
    scores = _W_NEAR * _z(near) + _W_WIDE * _z(wide) + _W_COVER * cover + _W_HAS * has
    scores += _W_ASKED * np.asarray(context.asked) + _W_TIMED * np.asarray(context.timed)
    scores += _W_TOKENS * np.log(np.asarray(context.tokens))
    if named is not None:
        scores[named[1]] += _W_SPEAKER
    allowed = candidates.allowed()
    meant = candidates.cosines(query.vector)
    embedded = ~np.isnan(meant)
    # What is not embedded yet is taken for as near as most, or all that is would come first.
    meant[~embedded] = meant[embedded].mean() if embedded.any() else 0
    scores += _W_MEANT * query.trust * _z(context.smoothed(meant, _MEANT))
    hop, read, shared = _hop(candidates, np.where(allowed, scores, -np.inf), found, set(words))
    scores += _W_HOP * hop
    # What has neither a word nor a meaning of the query in or around it is no find.
    near_enough = embedded & (meant * query.trust >= FLOOR)
    bears = allowed & ((cover > 0) | (hop > 0) | near_enough)
    ranked = best_positions(np.where(bears, scores, -np.inf), k)
    reasons = [""] * len(ranked)
    if query.explain:
        # The strategies that found a record, and the details that they give.
        by = {
            "lexical": (has, allowed, matched_terms(ranked, found)),
            "context": (near + wide, allowed, None),
            "dense": (meant, allowed & near_enough, [f"cosine {c:.2f}" for c in meant[ranked]]),
            "second hop": (hop, allowed & ~read, matched_terms(ranked, shared)),
        }
        said_by = None if named is None else (candidates[int(named[1][0])].speaker, named[1])
        reasons = [
            why
            or ("among what is nearest" if first else "in the part of the talk that bears on it")
            for why, first in zip(_reasons(ranked, by, said_by), read[ranked], strict=True)
        ]
    return [
        Recalled.of(candidates[p], 1 / (1 + math.exp(-score)), why)
        for p, score, why in zip(ranked, scores[ranked].tolist(), reasons, strict=True)
    ]


def placed(candidates: Candidates, words: Sequence[str]) -> list[Term]:
    """The distinct words that stand anywhere, with their places."""
    places = [(word, *candidates.counts(word)) for word in dict.fromkeys(words)]
    places = [each for each in places if len(each[1])]
    idf = idf_of(np.array([len(at) for _, at, _ in places], np.float32), len(candidates))
    return [
        Term(word, weight, at, counts)
        for (word, at, counts), weight in zip(places, idf.tolist(), strict=True)
    ]


def shares(candidates: Candidates, found: Sequence[Term]) -> Floats:
    """What share of the terms, by idf, stands in each of the n records."""
    has = np.zeros(len(candidates), np.float32)
    for term in found:
        has[term.positions] += term.idf
    share: Floats = has / max(sum(term.idf for term in found), 1e-9)
    return share


def _in_words(candidates: Candidates, found: list[Term]) -> tuple[Floats, Floats, Floats, Floats]:
    """How the records and what stands around them answer a query's words.

    Returns:
        Of each record (n): BM25 of it with its neighbours, taken as one document; the same of
        the wider part of the talk; what share of the terms, by idf, stands in or, less, near it;
        and what share stands in it.
    """
    n, context = len(candidates), candidates.context()
    near, wide, cover = np.zeros((3, n), np.float32)
    around: list[tuple[Sequence[float], Floats, Floats]] = [
        (weights, total, candidates.norms(weights))
        for weights, total in ((_NEAR, near), (_WIDE, wide))
    ]
    some = max(_CELLS // n, 1)
    for few in (found[i : i + some] for i in range(0, len(found), some)):
        spread = context.spread([(term.positions, term.counts) for term in few])
        for weights, total, norm in around:
            counts = spread.sums(weights)
            df = np.count_nonzero(counts, axis=1)
            total += idf_of(df.astype(np.float32), n) @ _saturated(counts, norm)
        idf = np.array([term.idf for term in few], np.float32)
        cover += idf @ spread.nearest(_COVER)
    most = max(sum(term.idf for term in found), 1e-9)
    return near, wide, cover / most, shares(candidates, found)


def idf_of(df: Floats, n: int) -> Floats:
    """The weight of terms that stand in df of n records (Robertson and Spärck Jones), above 0."""
    weight: Floats = np.log1p((n - df + 0.5) / (df + 0.5))
    return weight


def _saturated(counts: Floats, norm: Floats) -> Floats:
    """What BM25 makes of counts: each repetition adds less."""
    return counts * (K1 + 1) / (counts + norm)


def _hop(
    candidates: Candidates, scores: Floats, found: list[Term], words: set[str]
) -> tuple[Floats, Mask, list[Term]]:
    """BM25, scaled to 0..1, for the rare terms of the best finds: what else bears on them.

    With the finds that were read, and these terms.

    y⁽ᵏ⁺¹⁾ = f(y⁽ᵏ⁾, S(y⁽ᵏ⁾, R(M))) as in ``retrieval.hops``, with f the query's expansion by
    pseudo-relevance feedback (Lavrenko and Croft, 2001).
    """
    read = best_positions(scores, _READ) if found else []
    were_read = np.zeros(len(candidates), np.bool_)
    were_read[read] = True
    weight: dict[str, float] = {}
    for rank, p in enumerate(read, 1):
        for word in set(terms(candidates[p].text)) - words:
            weight[word] = weight.get(word, 0.0) + 1 / rank
    repeated = [word for word in sorted(weight) if candidates.df(word) > 1]
    found = placed(candidates, repeated)
    found.sort(key=lambda term: -weight[term.word] * term.idf)
    total = np.zeros(len(candidates), np.float32)
    if found := found[:_HOP_TERMS]:
        shares = [weight[term.word] * term.idf**2 for term in found]
        at = np.concatenate([term.positions for term in found])
        counts = np.concatenate([term.counts for term in found])
        counts = _saturated(counts, candidates.norms()[at])
        counts *= np.repeat(shares, [len(term.positions) for term in found])
        total += np.bincount(at, counts, len(total))
    return total / max(float(total.max()), 1e-9), were_read, _whole(found)


def _whole(found: list[Term]) -> list[Term]:
    """Terms without those that are parts of others: a code's, and another way to write it."""
    plain = [re.sub(r"\W", "", term.word) for term in found]
    return [
        term
        for term, own in zip(found, plain, strict=True)
        if not any(
            own in other and (len(other), len(one.word)) > (len(own), len(term.word))
            for one, other in zip(found, plain, strict=True)
        )
    ]


def _reasons(
    ranked: list[int],
    by: dict[str, tuple[Floats, Mask, list[str] | None]],
    said_by: tuple[str | None, Positions] | None,
) -> list[str]:
    """Why each of the ranked records was found; empty where no strategy has it among its first.

    Args:
        ranked: positions.
        by: what each strategy made of the n records, which of them it counts, and what it has
            to say of each of the ranked.
        said_by: the one speaker whom the query names, and where he speaks.
    """
    reasons: list[list[str]] = [[] for _ in ranked]
    for name, (scores, counted, details) in by.items():
        for place, rank in enumerate(_ranks(scores, counted, ranked)):
            if rank <= _TOP:
                detail = f" ({details[place]})" if details else ""
                reasons[place].append(f"{name} #{rank}{detail}")
    if said_by is not None:
        for place in np.flatnonzero(np.isin(ranked, said_by[1])).tolist():
            reasons[place].append(f"said by {said_by[0]}")
    return [", ".join(said) for said in reasons]


def matched_terms(ranked: list[int], found: list[Term]) -> list[str]:
    """Which of the terms each of the ranked records has, the first five."""
    matched: list[list[str]] = [[] for _ in ranked]
    places = np.array(ranked, np.int64)
    for term in found:
        at = np.minimum(np.searchsorted(term.positions, places), len(term.positions) - 1)
        for place in np.flatnonzero(term.positions[at] == places).tolist():
            matched[place].append(term.word)
    return [", ".join(words[:5]) for words in matched]


def _z(values: Floats) -> Floats:
    values = values - values.mean()
    deviation = math.sqrt(float(values @ values) / len(values))
    return values / deviation if deviation > 0 else values


def best_positions(scores: Floats, k: int) -> list[int]:
    """The positions of the k highest finite scores; of equal ones the newest first."""
    finite = np.flatnonzero(np.isfinite(scores))
    if len(finite) > k:
        cut = np.partition(scores[finite], len(finite) - k)[len(finite) - k]
        finite = finite[scores[finite] >= cut]
    order = np.lexsort((-finite, -scores[finite]))[:k]
    positions: list[int] = finite[order].tolist()
    return positions


def _ranks(scores: Floats, counted: Mask, ranked: list[int]) -> list[float]:
    """The rank of each among the positive scores that count; infinite if it is not of them."""
    by_rank = np.sort(scores[counted & (scores > 0)])
    ranks = len(by_rank) + 1 - np.searchsorted(by_rank, scores[ranked], "right")
    of_them = counted[ranked] & (scores[ranked] > 0)
    return [
        rank if is_one else math.inf
        for rank, is_one in zip(ranks.tolist(), of_them.tolist(), strict=True)
    ]
