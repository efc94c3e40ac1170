"""Answers without a model: by a template, or that nothing is known; and templates for the model."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from langchain_core.messages import AIMessageChunk

from app.templates.choosing import INTENT, Answer, Declined, choose
from app.templates.filling import Known
from app.templates.nearest import Nearest
from app.templates.reading import files_of, read_templates
from app.templates.template import UNKNOWN, Template, Templates
from app.templates.unknown import asks_unknown
from app.understanding.heads import Heads
from memory import (
    ConversationMemory,
    Encoder,
    Evidence,
    Labels,
    Layout,
    Recalled,
    Record,
    Turn,
    Understanding,
)
from memory.clock import now
from memory.codes import codes_in
from memory.embeddings import trust
from memory.mentions import narrow

_LOOKED_AT = 200  # messages of a session in which an order may be named

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer that needs no model, and the layout that says what it was made of."""

    text: str
    layout: Layout

    async def chunks(self) -> AsyncGenerator[AIMessageChunk, None]:
        """The answer as a model gives one, of no tokens."""
        yield AIMessageChunk(
            content=self.text,
            usage_metadata={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
            response_metadata={"finish_reason": "stop"},
        )


class AnswerTemplates:
    """The templates of a tenant. Safe to share between threads.

    ``read`` says whether a classifier reads messages: where it has failed to, nobody knows whether
    a message has an intent, and it is not said that nothing is known of it.
    """

    def __init__(self, templates: Templates, encoder: Encoder, *, read: bool = True) -> None:
        self.templates = templates
        self._read = read
        self._encoder = encoder
        self._nearest = Nearest(templates, encoder)

    def near(self, memory: ConversationMemory, message: str) -> list[Evidence]:
        """The templates nearest to a message, for the model that answers it."""
        vector = memory.vector.embedding(message)
        return self._nearest.find(vector, trust(self._encoder, message))

    def answer(
        self,
        memory: ConversationMemory,
        message: str,
        labels: Labels | None,
        layout: Layout,
        turn: Turn | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Ready | Declined:
        """The answer to a message, or why the model is to answer.

        Args:
            memory: of the message's session.
            message: what the customer says.
            labels: what a classifier says of it; None where it was not read.
            layout: the prompt for it.
            turn: if it was started.
            given: values of slots, to try templates with.
        """
        known = Known(
            message, partial(told, memory), now(), memory.scope.session,
            lambda session: _named_in(memory, session), given or {},
        )  # fmt: skip
        last = next((s.message.text for s in reversed(layout.window) if s.message.role == "ai"), "")
        found = choose(self.templates, labels, known, last)
        if isinstance(found, Answer) and self._article_is_nearer(
            memory, message, layout, found.template
        ):
            found = Declined("an article is nearer to the message than the template")
        if isinstance(found, Answer):
            made = replace(
                layout, recalled=found.recalled, evidence=None, template=found.template.intent
            )
            return Ready(found.text, made)
        unknown = None if labels is None and self._read else self.templates.unknown
        if unknown is not None and asks_unknown(memory, message, labels, layout, turn):
            return Ready(unknown, replace(layout, recalled=[], evidence=[], template=UNKNOWN))
        return found

    def _article_is_nearer(
        self, memory: ConversationMemory, message: str, layout: Layout, template: Template
    ) -> bool:
        """Whether the message asks for something more particular that an article has."""
        ours = [passage.id for passage in layout.evidence or () if passage.id]
        if memory.knowledge is None or not ours:
            return False
        vector = memory.vector.embedding(message)
        with memory.knowledge.reading() as index:
            passages = [v for name in ours if (v := index.vector_of(name)) is not None]
        least = self._nearest.cosine(template, vector)
        return any(float(passage @ vector) > least for passage in passages)


def open_templates(
    file: Path, understanding: Understanding | None, encoder: Encoder
) -> AnswerTemplates:
    """The templates in a file, for the classifier that is there.

    Raises:
        InvalidInput: the file cannot be read, or something in it is wrong.
    """
    templates = read_templates(file, intents_of(understanding))
    if templates.answers and (why := why_none(understanding)) is not None:
        _logger.warning("%s: no template answers by itself: %s", file, why)
    return AnswerTemplates(templates, encoder, read=understanding is not None)


def open_all(
    path: Path | None, understanding: Understanding | None, encoder: Encoder
) -> dict[str, AnswerTemplates]:
    """The templates of each tenant that has some (see ``files_of``); no other is given them.

    Raises InvalidInput as ``open_templates`` does.
    """
    files = files_of(path) if path is not None else {}
    return {name: open_templates(file, understanding, encoder) for name, file in files.items()}


def why_none(understanding: Understanding | None) -> str | None:
    """Why no template can ever answer by itself; None where that is not known."""
    if understanding is None:
        return "there is no classifier"
    if isinstance(understanding, Heads) and INTENT not in understanding.card.heads:
        return (
            f'the classifier has no head "{INTENT}", only {", ".join(understanding.card.heads)}: '
            f"train it with --data {INTENT}=FILE"
        )
    return None


def intents_of(understanding: Understanding | None) -> Collection[str] | None:
    """The intents that a classifier knows; None where it does not say them."""
    if not isinstance(understanding, Heads) or INTENT not in understanding.card.heads:
        return None
    return understanding.card.heads[INTENT].inside


def told(memory: ConversationMemory, slot: str) -> list[Record]:
    """The facts of a slot that hold, but those that only an answer of this service says.

    A model says much that nobody has promised, and a template would say it as the company's word.
    """
    held = memory.known(slot)
    answers = generated(memory, [fact for fact in held if _by_agent(fact)])
    return [
        fact
        for fact in held
        if not _by_agent(fact) or not answers.issuperset((fact.session, m) for m in fact.messages)
    ]


def generated(
    memory: ConversationMemory, records: Iterable[Record | Recalled]
) -> set[tuple[str, str]]:
    """Of the messages (session, id) that agents' records are of, the answers of this service."""
    said: dict[str, list[str]] = defaultdict(list)  # of each session
    for record in records:
        said[record.session] += record.messages
    return {
        (session, one)
        for session, ids in said.items()
        for one in memory.store.transcript.of_turns(replace(memory.scope, session=session), ids)
    }


def _by_agent(fact: Record) -> bool:
    return fact.role == "ai" and fact.source != "person"


def _named_in(memory: ConversationMemory, session: str) -> frozenset[str]:
    """The codes in a session's messages."""
    if not session:
        return frozenset()
    said = memory.store.transcript.newest(replace(memory.scope, session=session), _LOOKED_AT)
    return frozenset().union(*(codes_in(narrow(one.message.text)) for one in said))
