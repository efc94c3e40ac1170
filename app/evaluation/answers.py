"""Whether it is said that something is not known where it is not, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
from tqdm import tqdm

from app.chains.answers import RECORDS, best
from app.chains.confidence import SURE
from app.conversation import conversation_memory
from app.evaluation.dialogues import Dialogues, Question
from app.evaluation.recall import Values, bootstrap
from app.evaluation.report import aligned
from app.settings import Settings
from memory import ConversationMemory, Encoder, Knowledge, Scope, open_store

_STEPS = np.round(np.arange(0.0, 1.0, 0.1), 2)
_FINE = np.round(np.arange(0.0, 1.0, 0.01), 2)


def measure(dialogues: Dialogues, settings: Settings, encoder: Encoder) -> dict[str, Any]:
    """Ask each question of its conversation, as ``POST /v1/answers`` does, without a model.

    The threshold is chosen on the first two fifths of the conversations, as the mean of both
    shares is best, and measured on the others.

    Returns:
        ``{"chosen", "used", "parts": {"chosen on" and "measured on": {"conversations",
        "answerable", "unanswerable", "curve": [{"threshold", "not_known", "known",
        "with_evidence"}], "at": the same at the threshold in use, with intervals}}}``, shares:
        ``not_known`` of the unanswerable, ``known`` of the answerable, ``with_evidence`` of the
        answerable that are known and have a gold message among the first finds.
    """
    rows = _ask(dialogues, settings, encoder)
    names = list(dialogues.conversations)
    first = set(names[: max(1, 2 * len(names) // 5)])
    parts = {
        "chosen on": [row for row in rows if row[0] in first],
        "measured on": [row for row in rows if row[0] not in first],
    }
    best = max(_FINE, key=lambda at: sum(_shares(parts["chosen on"], at)[:2]))
    return {
        "chosen": float(best),
        "used": SURE,
        "embeddings": encoder.name,
        "parts": {name: _part(each) for name, each in parts.items() if each},
    }


Row = tuple[str, bool, float, bool]  # conversation, answerable, how sure, gold among the finds


def _ask(dialogues: Dialogues, settings: Settings, encoder: Encoder) -> list[Row]:
    rows: list[Row] = []
    asked = [(q, True) for q in dialogues.questions] + [(q, False) for q in dialogues.unanswerable]
    with tqdm(total=len(asked), unit="question", disable=None, leave=False) as shown:
        for name, conversation in dialogues.conversations.items():
            with open_store("sqlite://") as store:
                for session in conversation.sessions:
                    scope = Scope("customer", session.id)
                    memory = conversation_memory(store, scope, settings, encoder)
                    memory.add_messages(session.messages, session.times)
                    memory.digest()
                memory = conversation_memory(store, Scope("customer", "asked"), settings, encoder)
                nothing = Knowledge(store, encoder)
                for question, answerable in asked:
                    if question.conversation == name:
                        made = best(memory, nothing, encoder, question.text, question.at)
                        sure = made[0].confidence if made else 0.0
                        rows.append((name, answerable, sure, _has_gold(memory, question)))
                        shown.update()
    return rows


def _has_gold(memory: ConversationMemory, question: Question) -> bool:
    found = memory.vector.ranked(question.text, at=question.at, outdated=False, limit=RECORDS)
    ids = {one for record in found[:RECORDS] for one in (*record.messages, record.session)}
    return any(unit.id in ids for unit in question.gold)


def _columns(rows: list[Row], at: float) -> tuple[Values, Values, Values]:
    there = [row for row in rows if row[1]]
    return (
        np.array([row[2] < at for row in rows if not row[1]], float),
        np.array([row[2] >= at for row in there], float),
        np.array([row[2] >= at and row[3] for row in there], float),
    )


def _shares(rows: list[Row], at: float) -> list[float]:
    return [float(column.mean()) if len(column) else 0.0 for column in _columns(rows, at)]


_NAMES = ("not_known", "known", "with_evidence")


def _part(rows: list[Row]) -> dict[str, Any]:
    at = {}
    for name, column in zip(_NAMES, _columns(rows, SURE), strict=True):
        if len(column):
            figure = bootstrap(column, 0)
            at[name] = {"mean": figure.mean, "low": figure.low, "high": figure.high}
    return {
        "conversations": len({row[0] for row in rows}),
        "answerable": sum(row[1] for row in rows),
        "unanswerable": sum(not row[1] for row in rows),
        "curve": [
            {"threshold": float(t), **dict(zip(_NAMES, _shares(rows, t), strict=True))}
            for t in _STEPS
        ],
        "at": at,
    }


def table(made: dict[str, Any]) -> str:
    """A report as text."""
    lines = [f"threshold: {made['used']} in use, {made['chosen']} is best where it is chosen"]
    for name, part in made["parts"].items():
        lines += [
            "",
            f"{name} {part['conversations']} conversations: {part['answerable']} questions with an "
            f"answer, {part['unanswerable']} without",
            "",
        ]
        head = ["threshold", "without: not known", "with: known", "with: known, and evidence"]
        rows = [[f"{one['threshold']:.2f}", *(f"{one[n]:.3f}" for n in _NAMES)]
                for one in part["curve"]]  # fmt: skip
        at = [f"{f['mean']:.3f} ±{(f['high'] - f['low']) / 2:.3f}" for f in part["at"].values()]
        lines += aligned([head, *rows, [f"{made['used']} (in use)", *at]])
    return "\n".join(lines)
