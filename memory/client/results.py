"""What the service answers with.

What a newer service says beside it is passed over, and words that it has a few of (a status, a
role) are plain strings, so that a new one breaks no program.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from memory.card import Card
from memory.mood import Mood


class Result(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class Usage(Result):
    """Tokens read and written by the model, as far as its server says."""

    input_tokens: int | None
    output_tokens: int | None


class Understood(Result):
    """What a message is, as a head of the classifier says; a label of None: out of scope."""

    label: str | None
    confidence: float  # 0 to 1


class Recalled(Result):
    """A remembered thing that was found, and why."""

    id: str
    text: str
    score: float
    why: str
    at: datetime
    messages: list[str]  # ids of those that it comes from
    role: str  # human, ai, or note: a person added it by hand
    session: str
    by_person: bool  # a person at the desk said it, not the assistant
    slot: str | None  # what the fact is about; None: it is no fact


class Passage(Result):
    """A passage of an article that was found, and why."""

    source: str
    title: str
    text: str
    score: float
    why: str


class CitedPassage(Passage):
    """A passage that the model was given; the answer may cite it by its number, as in [1]."""

    number: int


class ChatAnswer(Result):
    """The answer to a message.

    ``evidence`` is "found" or "none", None where nothing was looked for; ``template`` names the
    answer template that answered (``quoted``: what was said or written did, ``offered``: items of
    the catalogue), None: the model did.
    ``status`` is that of the turn: complete, stopped, failed or running, or waiting for a person's
    answer.
    """

    reply: str
    turn: str
    session: str
    recalled: list[Recalled]
    knowledge: list[CitedPassage]
    evidence: str | None
    template: str | None
    understanding: dict[str, Understood] | None
    usage: Usage
    status: str


class PromptMessage(Result):
    """A message in the OpenAI form."""

    role: str
    content: Any


class Prompt(Result):
    """A finished prompt for a model of your own."""

    messages: list[PromptMessage]
    recalled: list[Recalled]
    knowledge: list[CitedPassage]
    evidence: str | None
    summary: str
    tokens: int


class SummarySentence(Result):
    """A sentence of a summary as it was said: in which message, by its place, from 0, and id."""

    text: str
    role: str
    place: int
    message: str | None  # None: the conversation is not stored


class Extract(Result):
    """A summary in sentences that were said."""

    text: str
    sentences: list[SummarySentence]


class Abstract(Result):
    """A summary in a model's words; None where it was none, and ``fault`` says why."""

    text: str | None
    fault: str | None


class Summaries(Result):
    """The summaries that were asked for, of so many messages; the other is None."""

    extractive: Extract | None
    model: Abstract | None
    messages: int
    usage: Usage


class FoundEvidence(Result):
    """A memory or a passage, as ``kind`` says, that an answer cites by its number, as in [1].

    A passage has its article's ``source`` and ``title``, a memory the others.
    """

    number: int
    kind: str
    id: str
    text: str
    score: float
    why: str
    source: str | None
    title: str | None
    session: str | None
    role: str | None
    at: datetime | None
    messages: list[str]


class Answer(Result):
    """An answer with what it rests on; None where it is not known.

    ``by`` is "extractive" or "model"; ``fault`` says why the model's was not taken;
    ``confidence`` how sure it is that what was found answers the question, 0 to 1.
    """

    answer: str | None
    known: bool
    confidence: float
    by: str | None
    fault: str | None
    evidence: list[FoundEvidence]
    usage: Usage


class Customer(Result):
    """A customer, and when something was last said or done."""

    customer: str
    at: datetime


class CustomerPage(Result):
    """Customers, the last heard first; ``next`` is the ``after`` of the next page."""

    customers: list[Customer]
    next: str | None


class Awaited(Result):
    """A session that waits for a person.

    ``why``: its customer has ``asked`` for one, a message was ``passed`` on, as its answer says,
    one is ``waiting`` since it was handed over, or it is ``held`` by a person and nothing waits. So
    many ``messages`` ask, were passed on or wait, and ``text`` is the beginning of what the
    customer said last, None if that was forgotten.
    """

    customer: str
    session: str
    why: str
    since: datetime
    messages: int
    text: str | None
    handed_over_at: datetime | None


class Queue(Result):
    """Sessions that wait for a person, who has waited longest first."""

    sessions: list[Awaited]
    more: bool


class Session(Result):
    """A session of a customer.

    ``rating`` says how well the agent did, None: not rated; since ``handed_over_at`` a person
    answers in it, None: the model does.
    """

    session: str
    messages: int
    created_at: datetime
    updated_at: datetime
    rating: str | None
    handed_over_at: datetime | None


class SessionList(Result):
    """A customer's sessions, the last used first; ``next`` is the ``after`` of the next page."""

    sessions: list[Session]
    next: str | None = None


class Summary(Result):
    """A session's summary in force."""

    text: str
    version: int


class Saying(Result):
    """An answer that is under way, and what of it was said so far."""

    turn: str
    text: str


class SessionDetail(Session):
    """A session with its summary, the customer's mood in it, and what is being answered there."""

    summary: Summary | None
    mood: Mood | None
    saying: Saying | None


class Handover(Result):
    """What a person needs who takes a session over: what was said in it, and the card."""

    session: Session
    summary: str
    card: Card | None


class GivenCount(Result):
    """How much the model was given beside a message."""

    recalled: int
    knowledge: int


class Original(Result):
    """What a person wrote in another language than the customer's."""

    text: str
    language: str


class Message(Result):
    """A message as it was said; ``status`` is its turn's, ``rating`` says how good it is."""

    id: str
    role: str  # human or ai
    text: str
    at: datetime
    turn: str | None
    status: str | None
    template: str | None
    by_person: bool
    original: Original | None  # of a person's message that was translated
    rating: str | None
    given: GivenCount | None
    evidence: str | None
    understanding: dict[str, Understood] | None


class MessagePage(Result):
    """Messages, oldest first; ``next`` is the ``before`` that asks for older ones."""

    messages: list[Message]
    next: int | None


class Rating(Result):
    """How well the agent did in a session, or how good an answer was."""

    rating: str | None


class Deleted(Result):
    """How many rows of each table were deleted."""

    deleted: dict[str, int]


class Key(Result):
    """Whom a key lets in; ``customer`` is whom a customer's own token is of."""

    tenant: str
    role: str
    customer: str | None
