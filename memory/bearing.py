"""How far what is remembered bears on a question: whether an answer may be in it at all.

Likeness alone says nothing of that: what somebody else said of the same thing is as like to the
question as what answers it. So where a question names one who speaks, only what they said counts,
and less so where another's says more of it.
"""

from __future__ import annotations

import numpy as np

from memory.indexes.lexical import terms
from memory.scoring import best_positions, idf_of, placed, shares
from memory.types import Candidates, Query, Recalled

# Set on two conversations of LoCoMo, and measured on three others: `evaluate answers`.
KNOWN = 0.16
_RIVAL = 0.5  # of the best record's, whoever said it
_WHOSE = frozenset(terms("customer client 客户 顾客"))  # whose memory it is says nothing of what


def bearing(query: Query, candidates: Candidates, *, k: int = 1) -> list[Recalled]:
    """By meaning and the share of the question's words, those counted that no record has.

    The score is a record's less half of the best one's; from ``KNOWN`` on the record is taken to
    bear on the question. Of a question that names one speaker only what they said is found.
    """
    n = len(candidates)
    if n == 0 or k <= 0:
        return []
    asked = [word for word in dict.fromkeys(terms(query.text)) if word not in _WHOSE]
    words = placed(candidates, asked)
    there = {term.word for term in words}
    rare = float(idf_of(np.array([0], np.float32), n)[0])  # the weight of a word that none has
    known = sum(term.idf for term in words)
    share = shares(candidates, words) * known / max(known + rare * (len(asked) - len(there)), 1e-9)
    meant = np.nan_to_num(candidates.cosines(query.vector), nan=0.0)
    each = (meant * query.trust + share) / (1 + query.trust)
    each = np.where(candidates.allowed(), each, -np.inf)
    if (named := candidates.context().named_in(asked)) is None:
        own = each
    else:
        own = np.full(n, -np.inf)
        own[named[1]] = each[named[1]]
    scores = (own - _RIVAL * max(float(each.max()), 0.0)).astype(np.float32)
    return [
        Recalled.of(candidates[p], float(scores[p]), f"bears {scores[p]:.2f}")
        for p in best_positions(scores, k)
    ]
