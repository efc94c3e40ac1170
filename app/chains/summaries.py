"""Summaries of conversations that are asked for; nothing of them is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from anyio.to_thread import run_sync
from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate

from app.chains.completions import Completions
from memory import InvalidInput, Message, count_tokens
from memory.abstractive import Task, fault, plain, task
from memory.extractive import Sentence, extract, render
from memory.language import Language, spoken
from memory.sentences import split
from memory.wording import Wording, wording

How = Literal["extractive", "model", "both"]

MAX_TOKENS, MOST_TOKENS = 120, 1000  # of a summary: if nobody says otherwise, and at most

_PROMPT = ChatPromptTemplate.from_messages([("system", "{told}"), ("human", "{content}")])
_MARKS = 32  # tokens that a chat template puts around two messages, at most


@dataclass(frozen=True, slots=True)
class Extract:
    """A summary in the conversation's own sentences, and these as they were said."""

    text: str
    sentences: list[Sentence]


@dataclass(frozen=True, slots=True)
class Abstract:
    """A summary by a model; ``fault`` is what was wrong with it where the text is None."""

    text: str | None
    fault: str | None = None
    usage: dict[str, int] = field(default_factory=dict)


def extractive(
    messages: Sequence[Message], max_tokens: int, language: Language | None = None
) -> Extract:
    """The summary by no model; in the conversation's language, where none is given.

    Raises:
        InvalidInput: not a word fits so few tokens.
    """
    words = _words(messages, language)
    sentences = extract(messages, max_tokens, count_tokens, words=words)
    if not sentences and extract(messages, MOST_TOKENS, count_tokens, words=words):
        more = range(max_tokens + 1, MOST_TOKENS + 1)
        least = next(n for n in more if extract(messages, n, count_tokens, words=words))
        msg = f"A summary of this takes {least} tokens at least: give that many as `max_tokens`."
        raise InvalidInput(msg)
    return Extract(render(sentences, words), sentences)


class SummaryChain:
    """Summarises conversations by the model."""

    def __init__(self, completions: Completions, language: Language | None = None) -> None:
        """Summarise in a ``language``; None: in each conversation's own."""
        self._completions = completions
        self.language = language

    async def abstractive(self, messages: Sequence[Message], max_tokens: int) -> Abstract:
        """The summary by the model, checked: it is none where it names what was not said.

        Of a conversation longer than the model can read it is given the best sentences.

        Raises:
            Overloaded, CircuitOpen: the model is not asked.
            Problem: it has failed.
        """
        model = self._completions.model
        asked = await run_sync(ask, messages, max_tokens, model.context, self.language)
        made = await self._completions.complete(
            _PROMPT, asked._asdict(), max_tokens, model.summarising()
        )
        text = plain(made.text)
        if made.cut or count_tokens(text) > max_tokens:
            text = _whole(text, max_tokens, cut=made.cut)
            if not text:
                return Abstract(None, "too long", made.usage)
        wrong = fault(text, asked, max_tokens, count_tokens)
        return Abstract(None if wrong else text, wrong, made.usage)


def ask(
    messages: Sequence[Message], max_tokens: int, context: int, language: Language | None = None
) -> Task:
    """What a model with so many tokens of ``context`` is asked for a summary of messages.

    Of a conversation that it cannot read whole it is given the best sentences.
    """
    words = _words(messages, language)
    asked = task(messages, max_tokens, words)
    room = context - max_tokens - count_tokens(asked.told) - _MARKS
    if count_tokens(asked.content) <= room:
        return asked
    kept = extract(messages, max(room, 1), count_tokens, words=words)
    return asked._replace(content=render(kept, words))


def prompt(asked: Task) -> list[BaseMessage]:
    """The messages by which it is asked."""
    return _PROMPT.format_messages(**asked._asdict())


def _words(messages: Sequence[Message], language: Language | None) -> Wording:
    said = (message.text for message in messages if message.role == "human")
    return wording(spoken(said) if language is None else language)


def _whole(text: str, max_tokens: int, *, cut: bool) -> str:
    """The first sentences of a text that is too long, or ends in the middle of the last."""
    sentences = split(text)
    if cut:
        sentences.pop()
    while sentences and count_tokens(" ".join(sentences)) > max_tokens:
        sentences.pop()
    return " ".join(sentences)
