"""What an answer is worth beside the agent's own, and beside the fact that was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rouge_score.rouge_scorer import RougeScorer

_DENIES = re.compile(r"\b(?:not|no|never|unable|cannot)\b|n['’]t\b", re.IGNORECASE)


def rouge(
    answers: Sequence[str], references: Sequence[str], names: Sequence[str] = ("rougeL",)
) -> dict[str, list[float]]:
    """ROUGE's F-measure of each answer, 0 to 1, stemmed, by its name."""
    scorer = RougeScorer(list(names), use_stemmer=True)
    each = [scorer.score(r, a) for a, r in zip(answers, references, strict=True)]
    return {name: [score[name].fmeasure for score in each] for name in names}


def contains(text: str, value: str) -> bool:
    """Whether a value stands in a text as words of its own, in any case."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE) is not None


def admits(answer: str) -> bool:
    """Whether an answer says that something is not there, and names no number for it."""
    return bool(_DENIES.search(answer)) and not any(c.isdigit() for c in answer)
