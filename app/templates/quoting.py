"""What customers ask of what was said before, or is written, answered in those very words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.templates.answering import Ready
from app.templates.choosing import INTENT
from app.templates.template import CERTAIN, QUOTED
from app.templates.unknown import asks_anything
from memory import ConversationMemory, Encoder, Labels, Layout, Recalled, Turn
from memory.language import Language, language_of
from memory.marks import on_one_line
from memory.questions import recollects
from memory.quoting import Quote, excerpt, quotes
from memory.sentences import pieces

_PASSAGES = 3  # of articles that are looked at
_WRITTEN = 0.35  # how near a paragraph of them has to be
_RECORDS = 5  # that are looked at
_MORE = 8  # ... of so many, since answers of this service are left out
# How well a quote has to answer what asks for what was said before, and any other question.
_SAID_BEFORE, _ANY = 0.25, 0.35
# Asked in place of a question.
_WANTED = re.compile(
    r"\b(?:wants?|asks?|asking|needs?) (?:me |us )?(?:for |to know )?"
    r"(?:the|my|our|his|her|their|who|what|when|where|which|how|it)\b"
    r"|\b(?:tell|give|read|show|send)\b.{0,20}\b(?:me|us)\b|\bremind\b|\bforg[eo]t\b|\bblank\b"
    r"|\b(?:can(?:['’]t|not)|do(?:n['’]t| not)) (?:recall|remember|find|see)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Words:
    customer: str
    agent: str
    noted: str
    day: str

    def line(self, quote: Quote, session: str) -> str:
        """What was said, by whom and when; of the same session when is clear."""
        one = quote.recalled
        said = self.customer if one.role == "human" else self.agent
        said = self.noted if one.slot is not None else said
        at = {"d": one.at.day, "m": one.at.strftime("%B"), "n": one.at.month, "y": one.at.year}
        when = "" if one.session == session else self.day.format(**at)
        return said.format(when=when, text=on_one_line(quote.text))


_WORDS: dict[Language, _Words] = {
    "en": _Words(
        "You wrote{when}: “{text}”", "We wrote{when}: “{text}”", "Noted{when}: {text}",
        " on {d} {m} {y}",
    ),
    "zh": _Words(
        "您{when}写道：“{text}”", "我们{when}写道：“{text}”", "{when}已记录：{text}",
        "在{y}年{n}月{d}日",
    ),
}  # fmt: skip


class Quoting:
    """Answers with what was said, and with what articles say. Safe to share between threads.

    Quoted is the customer, and a person who answered; never a model, which says much that is not
    so, and no note by staff.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def answer(
        self,
        memory: ConversationMemory,
        message: str,
        labels: Labels | None,
        layout: Layout,
        turn: Turn | None = None,
    ) -> Ready | None:
        """The answer to a message; None where it asks for something else, or nothing was said.

        Args:
            memory: of the message's session.
            message: what the customer says.
            labels: what a classifier says of it; None where it was not read.
            layout: the prompt for it.
            turn: if it was started.
        """
        words = _WORDS.get(language_of(message) or "en")
        if words is None:
            return None
        least = _least(message, labels)
        if least == _SAID_BEFORE:
            return self._said(memory, message, words, layout, turn, least)
        ready = self._written(memory, message, layout)
        if ready is None and least is not None:
            ready = self._said(memory, message, words, layout, turn, least)
        return ready

    def _said(
        self,
        memory: ConversationMemory,
        message: str,
        words: _Words,
        layout: Layout,
        turn: Turn | None,
        least: float,
    ) -> Ready | None:
        """What was said, if it is near enough."""
        own = [turn.question.source] if turn else ()
        found = memory.vector.ranked(message, without=own, outdated=False, limit=_MORE)
        quoted = quotes(message, _of_people(memory, found)[:_RECORDS], self._encoder)
        if not quoted or max(quote.likeness for quote in quoted) < least:
            return None
        text = "\n".join(words.line(quote, memory.scope.session) for quote in quoted)
        recalled = [quote.recalled for quote in quoted]
        return Ready(text, replace(layout, recalled=recalled, evidence=None, template=QUOTED))

    def _written(self, memory: ConversationMemory, message: str, layout: Layout) -> Ready | None:
        """What an article says to a question."""
        if memory.knowledge is None or not layout.evidence or not _questions(message):
            return None
        found = memory.knowledge.search(message, _PASSAGES, strict=True)
        best = excerpt(message, found, self._encoder)
        if best is None or best.likeness < _WRITTEN:
            return None
        made = replace(layout, recalled=[], evidence=[best.passage], template=QUOTED)
        return Ready(f"{best.text} [1]", made)


def _least(message: str, labels: Labels | None) -> float | None:
    """How well a quote has to answer a message; None if none can."""
    questions = _questions(message)
    if not questions:
        return None
    if any(map(recollects, questions)):
        return _ANY if _certain(labels) else _SAID_BEFORE
    return None if not labels or _certain(labels) else _ANY


def _questions(message: str) -> list[str]:
    """The sentences that ask for something."""
    return [one for one in pieces(message) if asks_anything(one) or _WANTED.search(one)]


def _certain(labels: Labels | None) -> bool:
    """Whether a message surely has one of the intents that the classifier knows."""
    intent = (labels or {}).get(INTENT)
    return intent is not None and intent.name is not None and intent.confidence >= CERTAIN


def _of_people(memory: ConversationMemory, found: Sequence[Recalled]) -> list[Recalled]:
    """What customers and people who answered have said, of what was found."""
    answers: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.role == "ai":
            answers[one.session] += one.messages
    generated = {
        (session, name)
        for session, ids in answers.items()
        for name in memory.store.transcript.of_turns(replace(memory.scope, session=session), ids)
    }
    return [
        one
        for one in found
        if one.role in ("human", "ai")
        and (one.role == "human" or not any((one.session, m) in generated for m in one.messages))
    ]
