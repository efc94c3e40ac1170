"""What the service asks of a translator."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.to_thread import run_sync

from app.problems import Problem
from memory.translation_memory import Match
from memory.translations import Pair


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known beside a sentence: close translations, and the terms in it with theirs."""

    matches: Sequence[Match] = ()
    terms: Mapping[str, str] = field(default_factory=dict)


class Translator(ABC):
    """Translates sentences. ``name`` says which it is, where it fails."""

    name: str

    @abstractmethod
    def takes(self, pair: Pair) -> bool:
        """Whether it translates from one of these languages into the other."""

    @property
    def pairs(self) -> list[tuple[str, str]] | None:
        """The languages from and into which it translates; None: all that it is asked for."""
        return None

    @abstractmethod
    async def translate(self, text: str, pair: Pair, hints: Hints) -> str:
        """A sentence's translation.

        Raises:
            Problem: it has failed, or was too slow.
            Overloaded, CircuitOpen: it is not asked now.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds; it must not be asked any more."""


class Offline(Translator):
    """A translator in this process, asked in a thread, one sentence at a time.

    It takes no examples. A term is put into the sentence as it is to be in the translation, which
    such models mostly copy.
    """

    def __init__(self, timeout: float) -> None:
        """Let it take so many seconds for a sentence."""
        self._timeout = timeout
        self._asking = threading.Lock()

    async def translate(self, text: str, pair: Pair, hints: Hints) -> str:
        """The translation; with the terms put in, if they are in it then."""
        if hints.terms:
            made = await self._asked(_with_terms(text, hints.terms), pair)
            if all(term.casefold() in made.casefold() for term in hints.terms.values()):
                return made
        return await self._asked(text, pair)

    async def _asked(self, text: str, pair: Pair) -> str:
        try:
            with anyio.fail_after(self._timeout):
                return await run_sync(partial(self._one, text, pair), abandon_on_cancel=True)
        except TimeoutError as error:
            detail = f"The translator {self.name} did not answer in time: send a shorter text."
            raise Problem(504, "translator-timeout", "Translator too slow", detail) from error
        except Exception as error:
            detail = f"The translator {self.name} failed ({type(error).__name__}). Send it again."
            raise Problem(502, "translator-failed", "Translator failed", detail) from error

    def _one(self, text: str, pair: Pair) -> str:
        with self._asking:
            return self.run(text, pair)

    @abstractmethod
    def run(self, text: str, pair: Pair) -> str:
        """Translate a sentence, here and now."""


def _with_terms(text: str, terms: Mapping[str, str]) -> str:
    for said, translation in terms.items():
        text = text.replace(said, translation)
    return text


def primary(language: str) -> str:
    """The language that a tag names, without its script and region."""
    return language.split("-")[0]
