"""Answers to questions about a customer and from the articles, held to what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

from anyio.to_thread import run_sync
from langchain_core.prompts import ChatPromptTemplate

from app.chains.completions import Completions
from memory import ConversationMemory, Encoder, Evidence, Knowledge, Recalled
from memory.abstractive import named, plain
from memory.bearing import KNOWN, bearing
from memory.clock import now
from memory.cues import manners_only
from memory.dates import dates, looks_ahead
from memory.indexes.lexical import terms
from memory.language import Language, language_of
from memory.marks import on_one_line
from memory.questions import asks
from memory.sentences import pieces
from memory.wording import Wording, wording

By = Literal["extractive", "model"]

RECORDS, PASSAGES = 5, 3  # of each so many are looked at
_PROMPT = ChatPromptTemplate.from_messages([("system", "{told}"), ("human", "{content}")])
_ALIKE = 0.2  # a sentence with so much less may answer as well: a cosine, and a share of the words
_CITED = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Found:
    """A record or a passage that bears on a question, by the number that an answer cites."""

    number: int
    what: Recalled | Evidence

    @property
    def note(self) -> str:
        """It as the model reads it: a line that nothing in it can end."""
        one = self.what
        lead = f"{one.title}: " if isinstance(one, Evidence) else f"{one.role}, {one.at:%Y-%m-%d}: "
        return f"[{self.number}] {on_one_line(lead + one.text)}"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that cites what was found; None where nothing is known.

    ``fault`` is what was wrong with the model's, where the extractive one stands in its place.
    """

    text: str | None
    by: By | None = None
    evidence: Sequence[Found] = ()
    fault: str | None = None
    usage: dict[str, int] = field(default_factory=dict)


class _Promise(NamedTuple):
    made: datetime
    day: date


def find(
    memory: ConversationMemory | None,
    knowledge: Knowledge,
    question: str,
    at: datetime | None = None,
) -> list[Found]:
    """What bears on a question; nothing where it cannot be known from what is there."""
    found: list[Recalled | Evidence] = []
    if manners_only(question):
        return []
    if memory is not None and sureness(memory, question, at) >= KNOWN:
        found += memory.vector.ranked(question, at=at, outdated=False, limit=RECORDS)[:RECORDS]
    found += knowledge.search(question, PASSAGES, strict=True)
    return [Found(number, one) for number, one in enumerate(found, 1)]


def sureness(memory: ConversationMemory, question: str, at: datetime | None = None) -> float:
    """How far the customer's memory bears on a question (see ``bearing``), 0 to 1."""
    best = memory.vector.ranked(question, at=at, limit=1, retriever=bearing, explain=False)
    return best[0].score if best else 0.0


class AnswerChain:
    """Answers by the sentence that says most, or by the model's words, if these hold."""

    def __init__(
        self, completions: Completions, encoder: Encoder, language: Language | None = None
    ) -> None:
        """Answer in a ``language``; None: in the question's."""
        self._completions = completions
        self._encoder = encoder
        self._language = language

    async def answer(
        self, memory: ConversationMemory | None, knowledge: Knowledge, question: str, how: By,
        max_tokens: int,
    ) -> Answered:  # fmt: skip
        """The answer to a question from a customer's memory, if one is given, and the articles.

        Raises:
            Overloaded, CircuitOpen: the model is not asked.
            Problem: it has failed.
        """
        found = await run_sync(find, memory, knowledge, question)
        if not found:
            return Answered(None)
        if how == "extractive":
            return await run_sync(self._extractive, question, found)
        words = wording(language_of(question) if self._language is None else self._language)
        notes = "\n".join(one.note for one in found)
        content = f"{notes}\n\n{on_one_line(question)}"
        made = await self._completions.complete(
            _PROMPT, {"told": words.held, "content": content}, max_tokens
        )
        text = plain(made.text)
        if words.unknown.casefold() in text.casefold():
            return Answered(None, usage=made.usage)
        fault = "cut off" if made.cut else _fault(text, content, found, words)
        if fault is None:
            return Answered(text, "model", found, usage=made.usage)
        own = await run_sync(self._extractive, question, found)
        return Answered(own.text, own.by, found, fault, made.usage)

    def _extractive(self, question: str, found: Sequence[Found]) -> Answered:
        """The sentence that is nearest to the question, by meaning and words."""
        said = [(piece, one) for one in found for piece in pieces(one.what.text)]
        told = [(piece, one) for piece, one in said if not asks(piece)] or said
        asked = set(terms(question))
        meant = self._encoder.encode([question, *(piece for piece, _ in told)])
        near = meant[1:] @ meant[0]
        scores = [
            float(near[i]) + len(asked & set(terms(told[i][0]))) / max(len(asked), 1)
            for i in range(len(told))
        ]
        best = max(range(len(told)), key=scores.__getitem__)
        if looks_ahead(question):
            best = _in_force(told, scores, best, now().date())
        piece, one = told[best]
        return Answered(f"{piece} [{one.number}]", "extractive", found)


def _in_force(
    told: Sequence[tuple[str, Found]], scores: Sequence[float], best: int, today: date
) -> int:
    """The place of the sentence that holds, where the best one promises a day.

    A promise is broken, and made again for another day: of those that answer nearly as well the
    one that was made last holds, and any whose day is to come before one whose day has passed.
    """
    promises = {
        i: promised
        for i, (piece, one) in enumerate(told)
        if scores[i] >= scores[best] - _ALIKE and (promised := _promised(piece, one.what))
    }
    if best not in promises:
        return best
    to_come = [i for i, promise in promises.items() if promise.day >= today]
    return max(to_come or promises, key=lambda i: (promises[i].made, scores[i]))


def _promised(text: str, what: Recalled | Evidence) -> _Promise | None:
    """What a sentence promises: the last day that was to come when it named it."""
    if isinstance(what, Evidence):
        return None
    said = what.at.date()
    named = [found.day for found in dates(text, said) if found.day >= said]
    return _Promise(what.at, max(named)) if named else None


def _fault(text: str, content: str, found: Sequence[Found], words: Wording) -> str | None:
    """Why a model's answer does not hold; None if it does."""
    cited = {int(number) for number in _CITED.findall(text)}
    if not cited:
        return "without a citation"
    if not cited <= {one.number for one in found}:
        return "with a citation of nothing"
    if words.held[:40].casefold() in text.casefold():
        return "the prompt itself"
    return None if named(text) <= named(content) else "of numbers or addresses not said"
