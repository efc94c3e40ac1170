"""What is gathered for a prompt: what was said in the session, and what bears on the question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import NamedTuple

from memory import readers
from memory.budget import Parts
from memory.clock import now
from memory.cues import manners_only
from memory.folding import Folding
from memory.indexes.customer import CustomerIndex, Source
from memory.knowledge import Knowledge
from memory.summaries import Summary
from memory.transcript import Said
from memory.types import Evidence, Floats, Turn
from memory.vector import VectorMemory
from memory.wording import wording

_PASSAGES = 10  # that are looked at to fill the budget
_ABOUT = 6  # messages before a question that may name what it is about


class Talk(NamedTuple):
    """What was said in the session; ``shown`` are the messages that no record is recalled for."""

    summary: Summary
    window: list[Said]
    shown: set[Source]


class Gathering(NamedTuple):
    """Where it is gathered from; passages of ``knowledge`` within so many tokens."""

    vector: VectorMemory
    summary: Folding
    knowledge: Knowledge | None
    knowledge_tokens: int

    def embedded(self, question: str) -> Floats | None:
        """A question's vector; in no transaction, since it takes longer than reading the rows."""
        return self.vector.embedding(question) if question.strip() else None

    @contextmanager
    def reading(self, turn: Turn | None = None) -> Iterator[tuple[CustomerIndex, Talk]]:
        """The customer's records, none of whose time is over, and what was said before a turn.

        It is one state of all rows.
        """
        database = self.vector.store.database
        with database.read():
            talk = self._talk(turn)
            with self.vector.reading(talk.shown) as index:
                if not index.expired(now()):
                    yield index, talk
                    return
        self.vector.expire()
        with database.read():
            talk = self._talk(turn)
            with self.vector.reading(talk.shown) as index:
                yield index, talk

    def parts(
        self,
        index: CustomerIndex,
        talk: Talk,
        question: str,
        vector: Floats | None,
        explain: bool = True,
    ) -> Parts:
        """The parts without passages; with ``explain`` each find says why it is one."""
        summary, window, shown = talk
        language = self.summary.spoken(summary, (said.message for said in window), question)
        with self.vector.store.watch.step("search"):
            recalled = [] if manners_only(question) else self.vector.recall(
                question, without=shown, outdated=False, vector=vector,
                index=index, explain=explain, words=wording(language),
            )  # fmt: skip
        if explain:
            transcript = self.vector.store.transcript
            recalled = transcript.attributed(self.vector.scope.owner, recalled)
        return Parts(summary.text, window, recalled, language)

    def evident(
        self,
        index: CustomerIndex,
        talk: Talk,
        question: str,
        vector: Floats | None,
        found: Sequence[Evidence] | None,
    ) -> Parts:
        """The parts with passages: ours and another source's by turns, as many as fit."""
        parts = self.parts(index, talk, question, vector)
        ours: list[Evidence] | None = None
        if self.knowledge_tokens > 0 and self.knowledge:
            about = "\n".join(said.message.text for said in parts.window[-_ABOUT:])
            if vector is None:
                vector = self.vector.embedding(question)
            with self.vector.store.watch.step("knowledge"):
                ours = self.knowledge.search(
                    question, _PASSAGES, about=about, vector=vector, strict=True
                )
        if ours is None and found is None:
            return parts
        pairs = zip_longest(ours or (), found or ())
        joined = [evidence for pair in pairs for evidence in pair if evidence is not None]
        fitting = readers.citable(joined, self.knowledge_tokens, self.vector.count_tokens)
        # What was found and does not fit is not told of, nor that nothing was found.
        return parts._replace(evidence=None if joined and not fitting else fitting)

    def _talk(self, turn: Turn | None) -> Talk:
        """What was said in the session before a turn."""
        summary = self.summary.current()
        window = [
            said
            for said in self.summary.window(summary)
            if turn is None or said.message.turn != turn.id
        ]
        shown = {said.message.source for said in window}
        if turn is not None:
            shown.add(turn.question.source)
        return Talk(summary, window, shown)
