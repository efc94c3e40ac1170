"""How well articles are found that answer a question, beside words alone and meaning alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from app.evaluation.corpora import Corpus, Question
from app.evaluation.recall import Values, bootstrap
from app.evaluation.report import aligned
from memory import Encoder, Evidence, Knowledge, Retriever, dense, evident, lexical, open_store

OURS = "this memory"
_FIRST = 5  # finds that a hit may be among
_MOST = 10  # finds that recall and nDCG look at
_LOOKED_AT = 200  # passages: of an article there may be many

_SYSTEMS: dict[str, Retriever] = {
    OURS: partial(evident, k=_LOOKED_AT),
    "BM25 alone": partial(lexical, k=_LOOKED_AT),
    "dense alone": partial(dense, k=_LOOKED_AT),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one system found: a row for each question that something answers.

    Attributes:
        system: its name.
        known: whether it searched the entity's articles only.
        values: (n, 3): hit at 5, recall at 10, nDCG at 10.
        seconds: of a search, on average, with the question's embedding made before.
    """

    system: str
    known: bool
    values: Values
    seconds: float


def measure(
    corpus: Corpus, encoder: Encoder, limit: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Put the articles into a private store and ask every question, or a sample of ``limit``.

    Returns:
        ``{"articles", "passages", "questions", "learnt", "seed", "embeddings", "systems":
        [{"system", "entity": "known" or "unknown", "search_ms", "figures": {name: {"mean",
        "low", "high"}}}], "evidence"}``; the last, where questions have no answer, says for how
        many of them none was found, and for how many of the others some was.
    """
    questions = corpus.questions
    if limit is not None and limit < len(questions):
        drawn = np.random.default_rng(seed).choice(len(questions), limit, replace=False)
        questions = [questions[i] for i in sorted(drawn.tolist())]
    with open_store() as store:
        systems = {name: Knowledge(store, encoder, retriever=r) for name, r in _SYSTEMS.items()}
        stored = systems[OURS].put(corpus.articles)
        asked = [question for question in questions if question.gold]
        measured = []
        for known in (True, False):
            if known and not any(question.within for question in asked):
                continue
            # One after the other, so that a question is embedded once.
            found = _ask(systems, asked, corpus, known)
            measured += [Measured(name, known, *rows) for name, rows in found.items()]
        evidence = _evidence(systems[OURS], questions)
    return {
        "articles": len(stored),
        "passages": sum(len(article.records()) for article in stored),
        "questions": len(asked),
        "learnt": len(corpus.learnt),
        "seed": seed,
        "embeddings": encoder.name,
        "systems": [_figures(each, seed) for each in measured],
        "evidence": evidence,
    }


def _ask(
    systems: dict[str, Knowledge], asked: Sequence[Question], corpus: Corpus, known: bool
) -> dict[str, tuple[Values, float]]:
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in systems}
    seconds = dict.fromkeys(systems, 0.0)
    what = "entity known" if known else "entity unknown"
    for question in tqdm(asked, unit="question", desc=what, disable=None, leave=False):
        sources = question.within if known else None
        for name, knowledge in systems.items():
            about = "" if known else question.about
            text = question.text
            if name != OURS and about:  # they know one text only
                text, about = f"{about}\n{text}", ""
            vector = knowledge.embedding(text)
            began = time.perf_counter()
            found = knowledge.search(text, _LOOKED_AT, sources=sources, about=about, vector=vector)
            seconds[name] += time.perf_counter() - began
            rows[name].append(_scores(found, question.gold, corpus.by_passage))
    return {
        name: (np.array(each), seconds[name] / max(len(asked), 1)) for name, each in rows.items()
    }


def _scores(
    found: Sequence[Evidence], gold: frozenset[str], by_passage: bool
) -> tuple[float, float, float]:
    ranked = list(dict.fromkeys(one.id if by_passage else one.source for one in found))[:_MOST]
    hits = np.array([unit in gold for unit in ranked], float)
    gains = 1 / np.log2(np.arange(2, _MOST + 2))
    best = min(len(gold), _MOST)
    return (
        float(hits[:_FIRST].any()),
        float(hits.sum() / best),
        float(hits @ gains[: len(hits)] / gains[:best].sum()),
    )


def _evidence(knowledge: Knowledge, questions: Sequence[Question]) -> dict[str, Any] | None:
    if all(question.gold for question in questions):
        return None
    answered = {True: [0, 0], False: [0, 0]}
    for question in questions:
        count = answered[bool(question.gold)]
        count[0] += 1
        found = knowledge.search(question.text, 1, about=question.about, strict=True)
        count[1] += bool(found) == bool(question.gold)
    return {
        "answerable": answered[True][0],
        "some_found": answered[True][1],
        "unanswerable": answered[False][0],
        "none_found": answered[False][1],
    }


def _figures(measured: Measured, seed: int) -> dict[str, Any]:
    names = (f"hit_at_{_FIRST}", f"recall_at_{_MOST}", f"ndcg_at_{_MOST}")
    columns = measured.values.T
    return {
        "system": measured.system,
        "entity": "known" if measured.known else "unknown",
        "search_ms": measured.seconds * 1000,
        "figures": {n: asdict(bootstrap(c, seed)) for n, c in zip(names, columns, strict=True)},
    }


def table(made: dict[str, Any]) -> str:
    """A report as text."""
    lines = [
        f"{made['articles']:,} articles, {made['passages']:,} passages, "
        f"{made['questions']:,} questions"
    ]
    if made["learnt"]:
        lines.append(f"left out: {made['learnt']:,} questions on which weights were set")
    rows = [["system", "entity", "hit at 5", "recall at 10", "nDCG at 10", "search, ms"]]
    for each in made["systems"]:
        figures = [
            f"{f['mean']:.3f} ±{(f['high'] - f['low']) / 2:.3f}" for f in each["figures"].values()
        ]
        rows.append([each["system"], each["entity"], *figures, f"{each['search_ms']:.1f}"])
    lines += ["", *aligned(rows), "", "± is half of the 95% bootstrap interval over questions"]
    if (found := made["evidence"]) is not None:
        some = f"{found['some_found']} of {found['answerable']} questions that have an answer"
        none = f"{found['none_found']} of {found['unanswerable']} that have none"
        lines.append(f"something was found for {some}, nothing for {none}")
    return "\n".join(lines)
