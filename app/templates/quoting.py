"""What customers ask of what was said before, or is written, answered in those very words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from app.templates.answering import Ready, generated, told
from app.templates.choosing import INTENT
from app.templates.quotes import WORDS, Words
from app.templates.template import CERTAIN, QUOTED
from app.templates.unknown import asks_anything
from app.templates.wishes import wants_done
from memory import ConversationMemory, Encoder, Labels, Layout, Recalled, Turn, sentences
from memory.language import language_of
from memory.questions import kind, recollects
from memory.quoting import answered, excerpt, quotes, tells
from memory.wording import wording

_PASSAGES = 8  # of articles that are looked at
_WRITTEN = 0.35  # how near a paragraph of them has to be
_RECORDS = 5  # that are looked at
_MORE = 40  # ... of so many, since questions and answers of this service are left out
_FACTS = 3  # of one kind that are said
# How well a quote has to answer what asks for what was said before, and any other question.
_SAID_BEFORE, _ANY = 0.25, 0.35
# Asked in place of a question: what somebody else wants to know, or is not remembered.
_WANTED = re.compile(
    r"(?<!\bi )(?<!\bwe )(?<!\byou )\b(?:wants?|asks?|asking|needs?) (?:me |us )?(?:for |to know )?"
    r"(?:the|my|our|his|her|their|who|what|when|where|which|how|it)\b"
    r"|\b(?:tell|give|read)\b.{0,20}\b(?:me|us)\b|\bremind\b"
    r"|\bi(?:['’]ve| have)? forg[eo]t\b|\bblank\b"
    r"|\b(?:can(?:['’]t|not)|do(?:n['’]t| not)) (?:recall|remember|find|see)\b",
    re.IGNORECASE,
)
_WHY = re.compile(r"\W*(?:(?:and|but|so) )?(?:why\b|how come\b)|为什么", re.IGNORECASE)
# Whose words are asked for.
_YOURS = re.compile(
    r"\b(?:did|have|had) you\b.{0,12}"
    r"\b(?:sa(?:y|id)|tell|told|promised?|writ|wrote|offer|mention|quote)"
    r"|\byou(?:['’]ve| have| had)? (?:said|told|promised|wrote|mentioned|offered|quoted)\b"
    r"|(?:你们?|您)(?:说过|答应|告诉)",
    re.IGNORECASE,
)
_MINE = re.compile(
    r"\b(?:did|have|had) (?:i|we)\b.{0,12}"
    r"\b(?:sa(?:y|id)|tell|told|gave|give|writ|wrote|mention|ask)"
    r"|\b(?:i|we)(?:['’]ve| have| had)? (?:said|told|gave|wrote|mentioned|asked)\b"
    r"|我(?:之前|上次|刚才|以前)?(?:告诉|说过|给过|提过)",
    re.IGNORECASE,
)
# A value of one's own, as memory keeps it.
_OWN = re.compile(
    r"\b(?:what|which|what['’]?s|tell|remind|give|have|got|know)\b.*\b(?:my|our|me|us|mine)\b"
    r"|\bmy\b.*\bagain\b|我的|我(?:之前|上次|刚才|以前)",
    re.IGNORECASE,
)
_CALL_ME = re.compile(r"\b(?:call|ring|phone) (?:me|us)\b", re.IGNORECASE)
_MY = re.compile(r"\b(?:my|our)\b|我的", re.IGNORECASE)
_OURS = re.compile(r"\b(?:i|me|my|mine|we|us|our|ours)\b|我", re.IGNORECASE)
# Something is to be done, and not to be told.
_DEED = re.compile(
    r"\b(?:can|could|would|will)(?:n?['’]t)? (?:i|we|you|u)\b"
    r"(?!.{0,30}\b(?:tell|check|remind|say|see|know|find|give|read|look)\b)",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:(?:chang|updat|correct|delet|remov|enter|edit|forget)\w*|add|find)\b|改|删|更新",
    re.IGNORECASE,
)


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
        words = WORDS.get(language_of(message) or "en")
        if words is None:
            return None
        if (slot := _own_slot(message)) is not None:
            return self._known(memory, slot, message, words, layout)
        least = _least(message, labels)
        if least == _SAID_BEFORE:
            return self._said(memory, message, words, layout, turn, least)
        written, likeness = self._written(memory, message, layout)
        # What people have said of the customer's own matter is nearer than a rule of it.
        if written is not None and _MY.search(message):
            near = max(likeness, _ANY)
            ready = self._said(memory, message, words, layout, turn, near, {"ai"})
            return ready or written
        if written is None and least is not None:
            return self._said(memory, message, words, layout, turn, least)
        return written

    def _known(
        self,
        memory: ConversationMemory,
        slot: str,
        message: str,
        words: Words,
        layout: Layout,
    ) -> Ready | None:
        """The facts of a kind that hold, the last ones."""
        facts = sorted(told(memory, slot), key=lambda fact: (fact.at, fact.seq))[-_FACTS:]
        if not facts:
            return None
        labelled = wording(language_of(message)).fact
        found = [Recalled.of(fact, 1.0, f"fills {{{slot}}}") for fact in facts]
        text = words.lines([(one, labelled(one.text)) for one in found], memory.scope.session)
        return Ready(text, replace(layout, recalled=found, evidence=None, template=QUOTED))

    def _said(
        self,
        memory: ConversationMemory,
        message: str,
        words: Words,
        layout: Layout,
        turn: Turn | None,
        least: float,
        roles: set[str] | None = None,
    ) -> Ready | None:
        """What was said, by those whose words are asked for, if it is near enough."""
        own = [turn.question.source] if turn else ()
        found = memory.vector.ranked(message, without=own, outdated=False, limit=_MORE)
        roles = roles or _asked_of(message)
        there = [one for one in _of_people(memory, found) if one.role in roles and tells(one.text)]
        if not any(map(recollects, _questions(message))):  # nor is it asked for what was wanted
            there = [
                one
                for one in there
                if one.role == "ai" or sentences.facts(one.text) or not wants_done(one.text)
            ]
        quoted = quotes(message, there[:_RECORDS], self._encoder)
        if not quoted or max(quote.likeness for quote in quoted) < least:
            return None
        text = words.lines([(q.recalled, q.text) for q in quoted], memory.scope.session)
        recalled = [quote.recalled for quote in quoted]
        return Ready(text, replace(layout, recalled=recalled, evidence=None, template=QUOTED))

    def _written(
        self, memory: ConversationMemory, message: str, layout: Layout
    ) -> tuple[Ready | None, float]:
        """What an article says to a question, and how near it is."""
        if memory.knowledge is None or not layout.evidence or not _questions(message):
            return None, 0.0
        if _CALL_ME.search(message) or (wants_done(message) and not asks_anything(message)):
            return None, 0.0
        search = memory.knowledge.search
        best = answered(message, search(message, _PASSAGES), self._encoder)
        if best is None:
            best = excerpt(message, search(message, _PASSAGES, strict=True), self._encoder)
        if best is None or best.likeness < _WRITTEN:
            return None, 0.0
        made = replace(layout, recalled=[], evidence=[best.passage], template=QUOTED)
        return Ready(f"{best.text} [1]", made), best.likeness


def _own_slot(message: str) -> str | None:
    """The kind of fact about the customer that a message asks for."""
    for one in _questions(message):
        slot = kind(one)
        if slot is not None and _OWN.search(one) and not _CHANGES.search(one):
            return slot
    return None


def _asked_of(message: str) -> set[str]:
    """Whose words a message asks for: the customer's, the firm's, or both."""
    roles = {"human": _MINE.search(message), "ai": _YOURS.search(message)}
    named = {role for role, asked in roles.items() if asked}
    if named or recollects(message) or _OURS.search(message):
        return named or set(roles)
    return {"ai"}  # what the firm does is not answered by what a customer has said


def _least(message: str, labels: Labels | None) -> float | None:
    """How well a quote has to answer a message; None if none can."""
    questions = _questions(message)
    if not questions or any(map(_WHY.search, questions)):
        return None
    if any(map(recollects, questions)):
        return _ANY if _certain(labels) else _SAID_BEFORE
    return None if not labels or _certain(labels) or _DEED.search(message) else _ANY


def _questions(message: str) -> list[str]:
    """The sentences that ask for something."""
    return [one for one in sentences.pieces(message) if asks_anything(one) or _WANTED.search(one)]


def _certain(labels: Labels | None) -> bool:
    """Whether a message surely has one of the intents that the classifier knows."""
    intent = (labels or {}).get(INTENT)
    return intent is not None and intent.name is not None and intent.confidence >= CERTAIN


def _of_people(memory: ConversationMemory, found: Sequence[Recalled]) -> list[Recalled]:
    """What customers and people who answered have said, of what was found."""
    answers = generated(memory, [one for one in found if one.role == "ai"])
    return [
        one
        for one in found
        if one.role in ("human", "ai")
        and (one.role == "human" or not any((one.session, m) in answers for m in one.messages))
    ]
