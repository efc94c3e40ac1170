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
    answer template that answered, None: the model did. ``status`` is that of the turn: complete,
    stopped, failed or running, or waiting for a person's answer.
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

    ``by`` is "extractive" or "model"; ``fault`` says why the model's was not taken.
    """

    answer: str | None
    known: bool
    by: str | None
    fault: str | None
    evidence: list[FoundEvidence]
    usage: Usage


class RecallAnswer(Result):
    """What was found, best first."""

    recalled: list[Recalled]


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

    ``why``: its customer has ``asked`` for one, a message is ``waiting`` in it since it was handed
    over, or it is ``held`` by a person and nothing waits. ``messages`` ask or wait, and ``text``
    is the beginning of what the customer said last, None if that was forgotten.
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
    """A customer's sessions, the last used first."""

    sessions: list[Session]


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


class Memory(Result):
    """A record of the external memory; with a ``slot`` it is a fact, and says its ``value``."""

    id: str
    text: str
    at: datetime
    role: str
    session: str  # empty: added by hand
    messages: list[str]  # ids of those that it comes from
    superseded_by: str | None
    valid_to: datetime | None
    expires_at: datetime | None
    slot: str | None
    value: str | None
    source: str  # who made it: message, model or person
    pinned: bool


class MemoryPage(Result):
    """Memories, newest first; ``next`` is the ``before`` that asks for older ones."""

    memories: list[Memory]
    next: int | None


class Deleted(Result):
    """How many rows of each table were deleted."""

    deleted: dict[str, int]


class DeletedMemory(Deleted):
    """What went with a memory that was deleted.

    ``memories`` are the ids of those that went, ``shortened`` of those that keep what else they
    say; so many ``messages`` leave prompts.
    """

    memories: list[str]
    shortened: list[str]
    messages: int


class Forgotten(Result):
    """A memory, or a message of which none was left, that goes by policy, and why."""

    kind: str  # memory or message
    id: str
    text: str
    at: datetime
    reason: str  # expired, age, unrecalled or count


class ForgetAnswer(Result):
    """What went, or would go in a dry run."""

    dry_run: bool
    forgotten: list[Forgotten]


class Erased(Deleted):
    """The receipt of an erasure; ``elsewhere`` names what may have learnt from the customer."""

    receipt: str
    number: int
    at: datetime
    elsewhere: list[str]
    subject: str | None
    previous: str
    hash: str


class Article(Result):
    """A version of an article."""

    source: str
    title: str
    version: int
    hash: str
    passages: int
    added_at: datetime
    replaced_at: datetime | None


class ArticlePage(Result):
    """Articles, the last added first; ``next`` is the ``before`` that asks for older ones."""

    articles: list[Article]
    next: int | None


class ArticleDetail(Article):
    """An article with its passages in order, and its versions, the one in force first."""

    text: list[str]
    versions: list[Article]


class KnowledgeAnswer(Result):
    """The passages that bear on a question, best first."""

    found: list[Passage]


class Stored(Result):
    """How many were stored."""

    stored: int


class StoredEvents(Stored):
    """How many events were stored, and which of their items the catalogue does not have."""

    unknown: list[str]


class Item(Result):
    """An item of the catalogue."""

    id: str
    title: str
    text: str
    metadata: dict[str, Any]
    available: bool
    variant_of: str | None = None


class ItemPage(Result):
    """Items, the last put first; ``next`` is the ``before`` that asks for older ones."""

    items: list[Item]
    next: int | None


class Did(Result):
    """Something that a customer did with an item; ``title`` is None if that is not there."""

    id: str
    item: str
    title: str | None
    kind: str
    at: datetime


class EventPage(Result):
    """What a customer did, the last stored first; ``next`` is the ``before`` of older ones."""

    events: list[Did]
    next: int | None


class Because(Result):
    """What a recommendation rests on: an item that something was done with, or a message."""

    kind: str
    item: str | None
    title: str | None
    message: str | None
    at: datetime | None


class Recommendation(Result):
    """An item that fits a customer, and why, in words for them."""

    item: Item
    score: float
    why: str
    because: Because


class Recommendations(Result):
    """What is recommended, the best first."""

    recommendations: list[Recommendation]


class Key(Result):
    """Whom a key lets in; ``customer`` is whom a customer's own token is of."""

    tenant: str
    role: str
    customer: str | None


class ServedModel(Result):
    """The model that answers."""

    id: str
    created: int
    owned_by: str


class ServedModels(Result):
    """The model in service, in the OpenAI form."""

    data: list[ServedModel]


class Figures(Result):
    """How well a model answers on the part of the data that was kept apart."""

    perplexity: float
    rouge_l: float
    recalled: float | None
    admitted: float | None


class Adapter(Result):
    """A tuned adapter: its base, what it learnt from, its figures and others' on the same part."""

    id: str
    date: datetime
    base: str
    base_sha256: str
    data: list[str]
    figures: Figures
    compared: dict[str, Figures]
    in_service: bool


class Adapters(Result):
    """The tuned adapters; of ``in_service``, ``promoted`` and ``base`` None is the base."""

    in_service: str | None
    promoted: str | None
    trouble: str | None
    base: str | None
    models: list[Adapter]
    faults: dict[str, str]


class RolledBack(Adapters):
    """What is in service again, and what before it cannot be, and why."""

    passed_over: dict[str, str]
