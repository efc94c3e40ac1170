"""The retrieval strategy for knowledge: meaning, words, and the title that is talked of.

Other than what was said, a passage stands for itself, and what it is about often stands in its
title only: which shop, which product. A customer names that once and then says "it", so the title
is looked for in what was said before, too.
"""

from __future__ import annotations

import numpy as np

from memory.indexes.lexical import terms
from memory.scoring import best_positions, idf_of, matched_terms, placed, shares
from memory.types import Candidates, Query, Recalled

K = 50
FLOOR = 0.2  # a cosine below it says nothing
RELEVANT = 0.5  # from here on a passage is taken to be about the question

# Set on the parts of SK-TOD and tau-bench that `evaluate knowledge` leaves out, to round numbers.
_W_WORDS = 0.2  # BM25, as a share of the best passage's
_W_TITLE = 0.5  # what share of the title, by idf, is named
# Beside the cosine, what share of the question's words a passage has, those counted that none has.
# Set, with RELEVANT, on questions about hotels and banks asked of each other's articles.
_W_ASKED = 0.3


def evident(
    query: Query, candidates: Candidates, *, k: int = K, strict: bool = False
) -> list[Recalled]:
    """By the cosine, BM25 and the title together; candidates' speakers are the titles.

    What shares no word with the query is found only with a cosine that says something. With
    ``strict`` only what is taken to be about the question is found, and that may be nothing: what
    is near it in meaning, or nearly so and has its words. Where the embedding model does not know
    the script, the words alone decide.
    """
    k = k if query.limit is None else min(k, query.limit)
    n = len(candidates)
    if n == 0 or k <= 0:
        return []
    asked = list(dict.fromkeys(terms(query.text)))
    words = placed(candidates, asked)
    has = shares(candidates, words)
    bm25 = np.zeros(n, np.float32)
    positions, scores = candidates.lexical(query.text, n)
    bm25[positions] = scores

    def idf(term: str) -> float:
        return float(idf_of(np.array([candidates.df(term)], np.float32), n)[0])

    named = candidates.context().naming(set(terms(f"{query.about}\n{query.text}")), idf)
    meant = np.nan_to_num(candidates.cosines(query.vector), nan=FLOOR) * query.trust
    total = meant + _W_WORDS * bm25 / max(float(bm25.max()), 1e-9) + _W_TITLE * named
    if strict:
        known = sum(term.idf for term in words)
        there = {term.word for term in words}
        nowhere = sum(idf(term) for term in asked if term not in there)
        weight = _W_ASKED + (1 - _W_ASKED) * (1 - query.trust)
        bears = meant + weight * has * known / max(known + nowhere, 1e-9) >= RELEVANT
    else:
        bears = (meant >= FLOOR) | (has > 0)
    ranked = best_positions(np.where(candidates.allowed() & bears, total, -np.inf), k)
    said = matched_terms(ranked, words) if query.explain else [""] * len(ranked)
    return [
        Recalled.of(candidates[p], total[p], _why(w, float(meant[p]), float(named[p])))
        for p, w in zip(ranked, said, strict=True)
    ]


def _why(words: str, cosine: float, named: float) -> str:
    found = [f"cosine {cosine:.2f}"]
    if words:
        found.insert(0, f"words ({words})")
    if named > 0:
        found.append(f"title named ({named:.0%})")
    return ", ".join(found)
