"""ConversationMemory: buffer, summary and vector memory as one, sharing one token budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from pydantic import Field

from memory import readers, updates, writers
from memory.base import StoredMemory
from memory.budget import QUESTION_TOKENS, RECENT_TOKENS, Budget, Parts, later
from memory.card import Card, card, in_few_words
from memory.earlier import beside_again, passages_again
from memory.embeddings import Encoder
from memory.errors import InvalidInput
from memory.folding import Folding
from memory.forgetting import Forgotten, Policy
from memory.gathering import Gathering, Talk
from memory.history import MESSAGE_OVERHEAD
from memory.indexes.customer import CustomerIndex
from memory.knowledge import Knowledge
from memory.labels import read_rest
from memory.language import LANGUAGES, Language
from memory.layout import Layout, lay_out
from memory.marks import inert
from memory.scoring import contextual
from memory.steps import answer_after
from memory.types import (
    Evidence,
    Labels,
    Message,
    Original,
    Pace,
    Reader,
    Recalled,
    Record,
    Retriever,
    Turn,
    Understanding,
    Update,
    Writer,
    check_text,
)
from memory.vector import VectorMemory
from memory.wording import wording

_GIVEN = 64  # prompts whose answers are not saved yet


class ConversationMemory(StoredMemory):
    """What a support agent remembers: recent messages, a summary, and what bears on the question.

    ``max_tokens`` is what a prompt takes in all: the summary and the recalled records have
    their shares of it, the recent messages the rest. When these have outgrown it, the digest
    folds the older half of them into the summary, or before it the next prompt, unless a model
    writes the summary: then they are left out until it has. The question and the system text
    stand whole, and what tools said comes on top. ``context_tokens`` is what a prompt must never
    exceed; past it whatever the memory adds is left out, the oldest messages first.

    With ``knowledge`` the passages of articles that bear on the question stand beside it, within
    ``knowledge_tokens``; while there are no articles a prompt is what it is without.

    ``understanding`` reads the customers' messages, at the latest in the digest.

    The memory's own words are in the ``language`` of the conversation, English or Chinese, as the
    customer writes, if it is not fixed; ``systems`` are the system texts for other languages than
    English. Where there is none, ``system`` has the request to answer in that language after it.

    ``retold`` gives an answer as later prompts have it, by the answer template's name and what was
    answered; as it was given, where there is none or no template answered.

    ``llm`` is the conversation's model. It writes the summaries only with
    ``summarize="model"``, for models that can.
    """

    llm: BaseChatModel | None = None
    system: str = ""
    systems: Mapping[Language, str] = Field(default={})
    language: Literal["auto", "en", "zh"] = "auto"
    max_tokens: int = Field(default=2000, gt=0)
    summary_tokens: int = Field(default=200, ge=0)
    recall_tokens: int = Field(default=400, ge=0)
    context_tokens: int | None = None
    summarize: Literal["extractive", "model"] = "extractive"
    recalled_key: str | None = None
    embeddings: Embeddings | Encoder | None = None
    writer: Writer = Field(default=writers.verbatim)
    digest_writer: Writer | None = None
    update: Update = Field(default=updates.append)
    retriever: Retriever = Field(default=contextual)
    reader: Reader = Field(default=readers.as_text)
    hops: int = Field(default=1, ge=1)
    policy: Policy = Field(default=Policy())
    knowledge: Knowledge | None = None
    knowledge_tokens: int = Field(default=300, ge=0)
    understanding: Understanding | None = None
    retold: Callable[[str, str], str] | None = None

    @property
    def memory_variables(self) -> list[str]:
        """``history``, and the ``recalled_key`` if there is one."""
        return [self.memory_key, *([self.recalled_key] if self.recalled_key else [])]

    @cached_property  # found ten times as fast as pydantic's private attributes
    def _given(self) -> OrderedDict[str, dict[str, Any] | None]:
        """What was recalled for the prompts whose answers are not saved yet, by their questions."""
        return OrderedDict()

    @cached_property
    def vector(self) -> VectorMemory:
        """The vector memory inside."""
        return VectorMemory(
            store=self.store, scope=self.scope, count_tokens=self.count_tokens, background=False,
            max_tokens=self.recall_tokens, embeddings=self.embeddings, writer=self.writer,
            digest_writer=self.digest_writer, update=self.update, retriever=self.retriever,
            reader=self.reader, hops=self.hops, policy=self.policy,
        )  # fmt: skip

    @cached_property
    def summary(self) -> Folding:
        """The summary memory inside."""
        rest = self.max_tokens - self.summary_tokens - self.recall_tokens - QUESTION_TOKENS
        rest -= self.knowledge_tokens if self.knowledge else 0
        window = max(rest - self.count_tokens(self.system), RECENT_TOKENS)
        return Folding(
            store=self.store, scope=self.scope, count_tokens=self.count_tokens, background=False,
            max_tokens=self.summary_tokens, window_tokens=window,
            llm=self.llm if self.summarize == "model" else None, vector=self.vector,
            knowledge=self.knowledge, language=self.language,
        )  # fmt: skip

    @cached_property
    def _gathering(self) -> Gathering:
        return Gathering(self.vector, self.summary, self.knowledge, self.knowledge_tokens)

    @cached_property
    def _budget(self) -> Budget:
        return Budget(self.max_tokens, self.context_tokens, self.count_tokens)

    # --- as a LangChain memory -----------------------------------------------------------

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """``history``: summary, recalled records and recent messages, as text or as messages."""
        reader = readers.as_messages if self.return_messages else self.reader
        question, explain = self._question(inputs), reader not in readers.UNEXPLAINED
        gathering = self._gathering
        vector = gathering.embedded(question)
        with gathering.reading() as (index, talk):
            folds = self.summary.folds(talk.window)
            if not folds:
                parts = gathering.parts(index, talk, question, vector, explain)
        if folds:
            self.summary.fold()
            with gathering.reading() as (index, talk):
                parts = gathering.parts(index, talk, question, vector, explain)
        while self.summary.outgrown(parts.window):
            parts = parts._replace(window=later(parts.window))
        recent = self._rendered([said.message for said in parts.window])
        words = wording(parts.language)
        if self.return_messages:
            assert isinstance(recent, list)
            told = f"{words.summary}\n{inert(parts.summary)}"
            head = [SystemMessage(told)] if parts.summary else []
            found = readers.as_messages(
                parts.recalled, self.recall_tokens, self.count_tokens, words
            )
            if self.recalled_key:
                return {self.memory_key: [*head, *recent], self.recalled_key: found}
            return {self.memory_key: [*head, *found, *recent]}
        assert isinstance(recent, str)
        reader = partial(readers.as_text, words=words) if reader is readers.as_text else reader
        recalled = reader(parts.recalled, self.recall_tokens, self.count_tokens)
        if self.recalled_key:
            history = _joined((words.summary, inert(parts.summary)), (words.recent, recent))
            return {self.memory_key: history, self.recalled_key: recalled}
        return {
            self.memory_key: _joined(
                (words.summary, inert(parts.summary)),
                (words.remembered, str(recalled)),
                (words.recent, recent),
            )
        }

    def _save_turn(self, question: Message, answer: Message) -> Turn:
        recalled = self._given.pop(question.text, None)
        return self.store.turns.save(self.scope, question, answer, recalled)

    def _digestion(self) -> Iterator[None]:
        """Embed, fold what left the window, and read what customers wrote that nobody has read."""
        with self.store.watch.step("digest"):
            yield from self.vector._digestion()
            yield from self.summary._digestion()
            if self.understanding is not None:
                read_rest(self.store.labelling, self.scope.owner, self.understanding)

    # --- prompts and turns ---------------------------------------------------------------

    def prompt(self, question: str) -> list[BaseMessage]:
        """The messages to give a model: system and summary, recent messages, recalled + question.

        When the answer is saved with ``save_context``, what was recalled is kept with the turn,
        and the next prompt begins with this one.
        """
        layout = self.layout(question)
        self._given[question] = layout.rows()
        while len(self._given) > _GIVEN:
            self._given.popitem(last=False)
        return layout.messages

    def layout(
        self,
        question: str,
        turn: Turn | None = None,
        found: Sequence[Evidence] | None = None,
        after: Sequence[BaseMessage] = (),
    ) -> Layout:
        """The prompt for a question with what it is made of.

        Args:
            question: what the customer says.
            turn: if it was started.
            found: what another source of knowledge has found, if one was asked.
            after: what follows the question already: the model's calls of tools, and their results.

        Raises:
            InvalidInput: the question, with what follows it, is longer than ``context_tokens``.
        """
        gathering, budget = self._gathering, self._budget
        vector = gathering.embedded(question)

        def gathered(index: CustomerIndex, talk: Talk) -> Parts:
            return gathering.evident(index, talk, question, vector, found)._replace(after=after)

        with gathering.reading(turn) as (index, talk):
            parts = gathered(index, talk)
            layout = self._lay_out(index, question, parts)
            if budget.fits(layout, after):
                return layout
            crowded = budget.crowded(layout)
            if not crowded and not self.summary.folds(parts.window):
                return self._shortened(index, question, parts)
        most = self.summary.window_tokens // 2 if crowded else None
        self.summary.fold(most, by_model=False)
        with gathering.reading(turn) as (index, talk):
            return self._shortened(index, question, gathered(index, talk))

    def beginning(self) -> list[BaseMessage]:
        """What the next prompt begins with, whatever is asked: a model can read it before."""
        summary = self.summary.current()
        window = self.summary.window(summary)
        language = self.summary.spoken(summary, (said.message for said in window))
        with self.vector.index() as index:
            return self._lay_out(index, None, Parts(summary.text, window, [], language)).messages

    def recall(self, query: str, max_tokens: int | None = None) -> list[Recalled]:
        """The customer's records that bear on ``query``, best first, within a token budget."""
        return self._attributed(self.vector.recall(query, max_tokens))

    def forget(self, policy: Policy | None = None, *, dry_run: bool = False) -> list[Forgotten]:
        """Forget what has expired or outlived a policy (see ``VectorMemory.forget``)."""
        return self.vector.forget(policy, dry_run=dry_run)

    def history(self, slot: str | None = None) -> list[Record]:
        """The facts of a slot, or of all: what holds and what held before, the oldest first."""
        return self.vector.history(slot)

    def known(self, slot: str | None = None) -> list[Record]:
        """The facts of a slot, or of all, that hold now, the oldest first."""
        return self.vector.known(slot)

    def card(self) -> Card | None:
        """The customer at a glance; None if there is no such customer."""
        self.vector.write()
        return card(self.store, self.scope.owner, self.policy, self.count_tokens)

    def in_few_words(self) -> str:
        """What was said in the session, summarised without a model, whatever was folded."""
        return in_few_words(self.store, self.scope, self.count_tokens)

    def reply(self, text: str, original: Original | None = None) -> Message | None:
        """Store what a person answers in a session that was handed over; None if it was not.

        Args:
            text: what the customer reads.
            original: what the person wrote, if that was translated; it stands in no prompt.

        Raises:
            InvalidInput: it is empty, or no database could hold it.
        """
        if not text.strip():
            msg = "the message is empty: say something"
            raise InvalidInput(msg)
        written = {} if original is None else {"original": original._asdict()}
        said = AIMessage(text, additional_kwargs={"by": "person", **written})
        return self.store.turns.reply(self.scope, self._message("ai", said))

    def recalled_for(self, turn: Turn) -> list[Recalled]:
        """What was recalled for an answered turn, less what has been forgotten since."""
        with self.vector.index() as index:
            found = beside_again(index, self.policy)({"records": turn.recalled}).recalled
        return self._attributed(found)

    def evidence_for(self, turn: Turn) -> list[tuple[int, Evidence]] | None:
        """The passages beside an answered question, by their numbers, less what is gone since.

        None if none were looked for.
        """
        if turn.evidence is None:
            return None
        return passages_again(self.knowledge, turn.evidence)

    def check(self, text: str) -> None:
        """Raise InvalidInput if a message of this text could not be stored or answered."""
        if not text.strip():
            msg = "the message is empty: say something"
            raise InvalidInput(msg)
        check_text(text)
        if self.context_tokens is not None:  # as much as ``lay_out`` takes for it alone
            told = max(map(self.count_tokens, map(self._told, (*LANGUAGES, None))))
            told += MESSAGE_OVERHEAD if told else 0
            self._budget.check(told + self.count_tokens(inert(text)) + MESSAGE_OVERHEAD)

    def start(self, text: str, idempotency_key: str | None = None) -> Turn:
        """Commit the customer's message before a model is asked (see ``Turns.start``)."""
        return self.store.turns.start(self.scope, self._message("human", text), idempotency_key)

    def renew(self, turn: Turn, so_far: str = "") -> bool:
        """Hold the session, and keep what has been said (see ``Turns.renew``)."""
        message = self._message("ai", so_far) if so_far else None
        return self.store.turns.renew(self.scope, turn, message)

    def finish(
        self,
        turn: Turn,
        answer: str,
        status: str,
        layout: Layout | None = None,
        usage: Mapping[str, Any] | None = None,
        labels: Labels | None = None,
        pace: Pace | None = None,
        steps: Sequence[BaseMessage] = (),
    ) -> Turn | None:
        """Commit the answer with its status and what was recalled (see ``Turns.finish``).

        ``steps`` are the calls of tools before it, with their results (see ``memory.steps``).
        """
        message = None
        if answer and steps:
            message = answer_after(answer, steps, turn.generation, self.count_tokens)
        elif answer:
            message = self._message("ai", answer)
        recalled = layout.rows() if layout else None
        return self.store.turns.finish(
            self.scope, turn, message, status, recalled, usage, labels, pace
        )

    # --- inside --------------------------------------------------------------------------

    def _attributed(self, found: Sequence[Recalled]) -> list[Recalled]:
        return self.store.transcript.attributed(self.scope.owner, found)

    def _told(self, language: Language | None) -> str:
        """The system text for a conversation in a language."""
        if language is not None and language in self.systems:
            return self.systems[language]
        answer = wording(language).answer
        return f"{self.system}\n\n{answer}" if self.system and answer else self.system

    def _lay_out(self, index: CustomerIndex, question: str | None, parts: Parts) -> Layout:
        return lay_out(
            self._told(parts.language), parts.summary, parts.window, parts.recalled, question,
            beside_again(index, self.policy, self.knowledge), self.count_tokens, parts.evidence,
            wording(parts.language), parts.after, self.retold,
        )  # fmt: skip

    def _shortened(self, index: CustomerIndex, question: str, parts: Parts) -> Layout:
        lay_out = partial(self._lay_out, index, question)
        return self._budget.shortened(parts, lay_out, self.summary.costs)


def _joined(*parts: tuple[str, str]) -> str:
    return "\n\n".join(f"{heading}\n{text}" for heading, text in parts if text)
