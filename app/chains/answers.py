"""Answers to questions about a customer and from the articles, held to what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, NamedTuple, TypeVar

from anyio.to_thread import run_sync
from langchain_core.prompts import ChatPromptTemplate

from app.chains import confidence
from app.chains.completions import Completions
from memory import ConversationMemory, Encoder, Evidence, Knowledge, Recalled
from memory.abstractive import named, plain
from memory.bearing import bearing
from memory.cards import masked
from memory.clock import now
from memory.cues import manners_only
from memory.dates import dates
from memory.embeddings import trust
from memory.indexes.lexical import terms
from memory.language import Language, language_of
from memory.marks import on_one_line
from memory.questions import asks
from memory.sentences import pieces
from memory.tense import looks_ahead
from memory.wording import Wording, wording

By = Literal["extractive", "model"]

RECORDS, PASSAGES = 5, 3  # of each so many are looked at
_PROMPT = ChatPromptTemplate.from_messages([("system", "{told}"), ("human", "{content}")])
_ALIKE = 0.2  # a sentence with so much less may answer as well
# What a sentence is chosen by: its cosine, that of all it stands in, and its share of the words.
# Set on half of `tests.benchmarks.near_misses`.
_NEAR, _WHOLE, _WORDS = 0.6, 1.1, 0.3
_LABEL = re.compile(r"^\w+: ")  # of a row of a table
_SUBJECT = re.compile(r"(?:id|name|title|product|item|article): ", re.I)  # what a row is about
_YES_OR_NO = re.compile(
    r"\W*(?:do|does|did|is|are|was|were|can|could|may|must|will|would|has|have|should)\b", re.I
)
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

    ``confidence`` says how sure it is that what was found answers the question, known or not.
    ``fault`` is what was wrong with the model's, where the extractive one stands in its place.
    """

    text: str | None
    confidence: float = 0.0
    by: By | None = None
    evidence: Sequence[Found] = ()
    fault: str | None = None
    usage: dict[str, int] = field(default_factory=dict)


class _Promise(NamedTuple):
    made: datetime
    day: date


class Best(NamedTuple):
    """What was found in one place, the sentence in it that says most, and how sure it answers."""

    found: Sequence[Recalled | Evidence]
    sentence: str
    of: Recalled | Evidence
    confidence: float


def best(
    memory: ConversationMemory | None,
    knowledge: Knowledge,
    encoder: Encoder,
    question: str,
    at: datetime | None = None,
) -> list[Best]:
    """The best answers of the customer's memory and of the articles, the surest first."""
    made: list[Best] = []
    if manners_only(question):
        return made
    if memory is not None and (bears := sureness(memory, question, at)) > 0:
        found = memory.vector.ranked(question, at=at, outdated=False, limit=RECORDS)[:RECORDS]
        if found:
            sentence, of, _ = _says_most(encoder, question, found)
            source = "\n".join(f"{one.at:%A %d %B %Y} {one.text}" for one in found)
            sure = confidence.of_memory(question, sentence, source, bears)
            made.append(Best(found, sentence, of, sure))
    if passages := knowledge.search(question, PASSAGES, strict=True):
        sentence, passage, like = _says_most(encoder, question, passages)
        sure = confidence.of_passage(
            question, sentence, _whole(passage), like, trust(encoder, question)
        )
        made.append(Best(passages, sentence, passage, sure))
    return sorted(made, key=lambda one: -one.confidence)


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
        max_tokens: int, min_confidence: float = confidence.SURE,
    ) -> Answered:  # fmt: skip
        """The answer to a question from a customer's memory, if one is given, and the articles.

        What is less sure than ``min_confidence`` (0 to 1) is not known.

        Raises:
            Overloaded, CircuitOpen: the model is not asked.
            Problem: it has failed.
        """
        tried = await run_sync(best, memory, knowledge, self._encoder, question)
        sure = max((one.confidence for one in tried), default=0.0)
        known = [one for one in tried if one.confidence >= min_confidence]
        if not known:
            return Answered(None, sure)
        whats = [what for one in known for what in one.found]
        found = [Found(number, what) for number, what in enumerate(whats, 1)]
        own = Answered(
            f"{_told(known[0])} [{1 + whats.index(known[0].of)}]", sure, "extractive", found
        )
        if how == "extractive":
            return own
        words = wording(language_of(question) if self._language is None else self._language)
        notes = "\n".join(one.note for one in found)
        content = f"{notes}\n\n{on_one_line(question)}"
        made = await self._completions.complete(
            _PROMPT, {"told": words.held, "content": content}, max_tokens
        )
        text = plain(made.text)
        if words.unknown.casefold() in text.casefold():
            return Answered(None, sure, usage=made.usage)
        fault = "cut off" if made.cut else _fault(text, content, found, words)
        if fault is None:
            return Answered(text, sure, "model", found, usage=made.usage)
        return replace(own, fault=fault, usage=made.usage)


def _told(best: Best) -> str:
    """The sentence; what was said of a card ends in its last digits."""
    return best.sentence if isinstance(best.of, Evidence) else masked(best.sentence)


_T = TypeVar("_T", Recalled, Evidence)


def _says_most(encoder: Encoder, question: str, found: Sequence[_T]) -> tuple[str, _T, float]:
    """The sentence that is nearest to a question, what it stands in, and how like that is to it."""
    said = [(piece, one) for one in found for piece in pieces(one.text)]
    told: list[tuple[str, _T]] = [each for each in said if _tells(*each, question)] or said
    asked = set(terms(question))
    wholes: list[str] = [_whole(one) for one in found]
    meant = encoder.encode([question, *wholes, *(piece for piece, _ in told)])
    like = dict(zip((one.id for one in found), (meant[1:] @ meant[0]).tolist(), strict=False))
    near = meant[1 + len(found) :] @ meant[0]
    scores = [
        _NEAR * float(near[i])
        + _WHOLE * like[one.id]
        + _WORDS * len(asked & set(terms(piece))) / max(len(asked), 1)
        for i, (piece, one) in enumerate(told)
    ]
    best = max(range(len(told)), key=scores.__getitem__)
    if looks_ahead(question):
        best = _in_force(told, scores, best, now().date())
    sentence, one = told[best]
    return sentence, one, like[one.id]


def _whole(one: Recalled | Evidence) -> str:
    return f"{one.title}\n{one.text}" if isinstance(one, Evidence) else one.text


def _tells(piece: str, one: Recalled | Evidence, question: str) -> bool:
    """Whether a sentence says something: it asks nothing, and is not what is asked about."""
    title = one.title if isinstance(one, Evidence) else ""
    if asks(piece) or piece.strip() == title.strip() or _SUBJECT.match(piece):
        return False
    known = {*terms(question), *terms(title)}
    return bool(_YES_OR_NO.match(question)) or not set(terms(_LABEL.sub("", piece))) <= known


def _in_force(
    told: Sequence[tuple[str, Recalled | Evidence]], scores: Sequence[float], best: int, today: date
) -> int:
    """The place of the sentence that holds, where the best one promises a day.

    A promise is broken, and made again for another day: of those that answer nearly as well the
    one that was made last holds, and any whose day is to come before one whose day has passed.
    """
    promises = {
        i: promised
        for i, (piece, one) in enumerate(told)
        if scores[i] >= scores[best] - _ALIKE and (promised := _promised(piece, one))
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
