"""How much of what answers a question is recalled, within budgets.

Every question's ranking is got once and cut at each budget: of the finds, the best first, as
many as fit, up to the first that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.evaluation.dialogues import Dialogues, Question, Unit
from app.evaluation.systems import Found, System
from app.progress import bar
from memory import count_tokens

BUDGETS = (500, 1000, 2000)  # tokens
RECORDS = (5, 10, 20)
SESSIONS = 5
RESAMPLES = 1000

_CHARACTERS_A_TOKEN = 4.2
_TOKENS_A_MESSAGE = 4

Values = npt.NDArray[np.float64]
Cost = Callable[[Found], float]


def by_lines(found: Found) -> float:
    """Tokens of the line that stands in a prompt, as the embedded model counts them."""
    return count_tokens(found.line) + 1


def by_characters(found: Found) -> float:
    """Tokens by the length of the text alone: its characters / 4.2, and 4 for each message.

    What a prompt puts around it does not count, so that different systems compare.
    """
    return len(found.text) / _CHARACTERS_A_TOKEN + _TOKENS_A_MESSAGE * max(found.messages, 1)


COSTS: dict[str, Cost] = {"lines": by_lines, "chars": by_characters}


@dataclass(frozen=True, slots=True)
class Answered:
    """A question's ranking: after each find, the tokens taken and the share of gold covered."""

    question: Question
    tokens: Values
    share: Values
    units: list[Unit]  # of the kinds that the gold is of, as they come, each once
    seconds: float

    @classmethod
    def of(cls, question: Question, found: Sequence[Found], cost: Cost, seconds: float) -> Answered:
        """Hold a ranking against the question's gold."""
        kinds = {unit.kind for unit in question.gold}
        seen: dict[Unit, None] = {}
        share = np.zeros(len(found))
        for i, each in enumerate(found):
            seen.update(dict.fromkeys(unit for unit in each.covers if unit.kind in kinds))
            share[i] = len(question.gold & seen.keys()) / len(question.gold)
        tokens = np.cumsum([cost(each) for each in found], dtype=np.float64)
        return cls(question, tokens, share, list(seen), seconds)

    def recall_at_tokens(self, budget: float) -> float:
        """The share of the gold within a budget of tokens; it grows with the budget."""
        return self.recall_at_records(int(np.searchsorted(self.tokens, budget, side="right")))

    def recall_at_records(self, count: int) -> float:
        """The share of the gold within the first finds."""
        fitting = min(count, len(self.share))
        return float(self.share[fitting - 1]) if fitting else 0.0

    def r_precision(self) -> float:
        """The share of gold among the first R messages (or sessions), R of them being gold."""
        gold = self.question.gold
        return len(gold.intersection(self.units[: len(gold)])) / len(gold)

    def hit_at_sessions(self, count: int = SESSIONS) -> float:
        """1 if one of the first sessions is gold, else 0; NaN if the gold is not sessions."""
        if any(unit.kind != "session" for unit in self.question.gold):
            return float("nan")
        return float(not self.question.gold.isdisjoint(self.units[:count]))


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over questions with the bounds of its 95% bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass
class Measured:
    """What a system did with all questions."""

    system: str
    answered: list[Answered] = field(default_factory=list)
    messages: int = 0
    seconds: float = 0.0  # to take them in

    def types(self) -> list[str]:
        """The questions' types in alphabetical order."""
        return sorted({a.question.type for a in self.answered})

    def of_type(self, kind: str | None) -> list[Answered]:
        """The questions of a type; all for None."""
        return [a for a in self.answered if kind is None or a.question.type == kind]


def measure(systems: Iterable[System], dialogues: Dialogues, cost: Cost) -> list[Measured]:
    """Give each system every conversation that has questions, and ask it these."""
    asked: dict[str, list[Question]] = {}
    for question in dialogues.questions:
        asked.setdefault(question.conversation, []).append(question)
    measured = []
    for system in systems:
        done = Measured(system.name)
        shown = bar(total=len(dialogues.questions), desc=system.name, unit="question")
        with shown:
            for name, questions in asked.items():
                conversation = dialogues.conversations[name]
                done.seconds += system.remember(conversation)
                done.messages += sum(len(s.messages) for s in conversation.sessions)
                for question in questions:
                    found, seconds = system.find(question)
                    done.answered.append(Answered.of(question, found, cost, seconds))
                    shown.update()
        measured.append(done)
    return measured


def sample(dialogues: Dialogues, count: int, seed: int) -> Dialogues:
    """At most ``count`` of the questions, drawn at random, in their order."""
    if count >= len(dialogues.questions):
        return dialogues
    drawn = np.random.default_rng(seed).choice(len(dialogues.questions), count, replace=False)
    questions = [dialogues.questions[i] for i in sorted(drawn.tolist())]
    return Dialogues(dialogues.conversations, questions, dialogues.left_out)


def figures(answered: Sequence[Answered], budgets: Sequence[int], seed: int) -> dict[str, Figure]:
    """Every figure of these questions, by its name; those that do not apply are left out."""
    values: dict[str, Callable[[Answered], float]] = {}
    for budget in budgets:
        values[f"recall_at_{budget}_tokens"] = _at_tokens(budget)
    for count in RECORDS:
        values[f"recall_at_{count}_records"] = _at_records(count)
    values["r_precision"] = Answered.r_precision
    values[f"hit_at_{SESSIONS}_sessions"] = Answered.hit_at_sessions
    found = {}
    for name, value in values.items():
        each = np.array([value(a) for a in answered])
        each = each[~np.isnan(each)]
        if len(each):
            found[name] = bootstrap(each, seed)
    return found


def bootstrap(values: Values, seed: int) -> Figure:
    """The mean of values (n,) and its 95% interval, from 1,000 resamples of them."""
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
    return Figure(float(values.mean()), float(low), float(high))


def curve(answered: Sequence[Answered], budgets: Sequence[float]) -> list[float]:
    """The mean recall at each budget of tokens."""
    return [float(np.mean([a.recall_at_tokens(b) for a in answered])) for b in budgets]


def _at_tokens(budget: int) -> Callable[[Answered], float]:
    return lambda answered: answered.recall_at_tokens(budget)


def _at_records(count: int) -> Callable[[Answered], float]:
    return lambda answered: answered.recall_at_records(count)
