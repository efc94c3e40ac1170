"""The nouns of the external memory, and the contracts of the four strategies.

A *writer* turns messages into records, an *update mechanism* decides what a new record
does to the old ones, a *retriever* ranks records for a query, and a *reader* turns what was
recalled into prompt text. Each is a plain callable; this module gives their types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from langchain_core.messages import BaseMessage

from memory.errors import InvalidInput

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
CountTokens = Callable[[str], int]

NAME_LIMIT = 200  # characters in a tenant, customer, session or key

_FORBIDDEN_IN_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FORBIDDEN_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def check_name(kind: str, name: Any, limit: int = NAME_LIMIT) -> str:
    """Return ``name`` if it can be a key in every database, else raise InvalidInput."""
    if not isinstance(name, str):
        msg = f"the {kind} name is a string such as 'ada', not {name!r}"
        raise InvalidInput(msg)
    if not name or len(name) > limit:
        msg = f"the {kind} name has 1 to {limit} characters, this one has {len(name)}"
        raise InvalidInput(msg)
    if name in {".", ".."}:
        msg = f"the {kind} cannot be called {name!r}: no URL can carry that"
        raise InvalidInput(msg)
    if _FORBIDDEN_IN_NAME.search(name):
        msg = f"the {kind} name has no control characters and no lone surrogates, as {name!r} has"
        raise InvalidInput(msg)
    return name


def check_text(text: Any) -> str:
    """Return ``text`` if every database can hold it unchanged, else raise InvalidInput."""
    if not isinstance(text, str):
        msg = f"a text is a string, not {type(text).__name__}"
        raise InvalidInput(msg)
    if found := _FORBIDDEN_IN_TEXT.search(text):
        what = "NUL" if found[0] == "\x00" else "a lone surrogate (it is not valid Unicode)"
        msg = f"the text has {what} at character {found.start()}: take it out and send it again"
        raise InvalidInput(msg)
    return text


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memory it is: a session of a customer of a tenant.

    Every search stays inside (tenant, customer) by construction. A session's name is unique
    within its customer only.
    """

    customer: str
    session: str = "default"
    tenant: str = "default"

    def __post_init__(self) -> None:
        for kind in ("tenant", "customer", "session"):
            check_name(kind, getattr(self, kind))

    @property
    def owner(self) -> tuple[str, str]:
        """The (tenant, customer) pair that every key begins with."""
        return self.tenant, self.customer


class Label(NamedTuple):
    """What a head of a classifier says of a text, and how sure it is (0 to 1).

    ``name`` is one of the head's labels; None is "out of scope": none of them.
    """

    name: str | None
    confidence: float


Labels = dict[str, Label]  # what is known of a text, by the heads' names


@runtime_checkable
class Understanding(Protocol):
    """A classifier of what customers write. Safe to share between threads.

    A digest waits for it as long as it takes.
    """

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """What each text is, by each head's name: "intent", "topic", "sentiment", or others."""
        ...


class Original(NamedTuple):
    """What a person wrote that was translated for the customer, and in which language (a tag)."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was said.

    ``seq`` orders all of a customer's rows; it is given by the store. ``role`` is LangChain's
    message type (``human``, ``ai``, ``system``, ``tool``). ``data`` holds what a LangChain
    message carries beyond its text (tool calls, content blocks), or None. ``labels`` say what a
    classifier has read in a customer's message; None if none has. ``origin`` is the session of
    which it is a copy, in a branch (see ``Transcript.branch``).
    """

    id: str
    session: str
    role: str
    text: str
    at: datetime
    seq: int = 0
    tokens: int = 0
    turn: str | None = None
    data: dict[str, Any] | None = None
    labels: Labels | None = None
    origin: str | None = None

    def placed(self, seq: int, session: str, turn: str | None) -> Message:
        """The same with its number, in a session and a turn; quicker than ``replace``."""
        return Message(
            self.id, session, self.role, self.text, self.at, seq, self.tokens, turn, self.data,
            self.labels, self.origin,
        )  # fmt: skip

    @property
    def source(self) -> tuple[str, str]:
        """The session in which it was said, and its id: what is remembered of it goes by them."""
        return self.origin or self.session, self.id

    @property
    def by_person(self) -> bool:
        """Whether a person said it, in a session that was handed over (see ``Turns.reply``)."""
        return by_person(self.data)

    @property
    def original(self) -> Original | None:
        """What the person who said it wrote in another language, if it was translated."""
        return original_of(self.data)

    @property
    def speaker(self) -> str | None:
        """The name of who said it, if the LangChain message had one."""
        name = self.data and self.data.get("data", {}).get("name")
        return name if isinstance(name, str) and name.strip() else None


def by_person(data: dict[str, Any] | None) -> bool:
    """Whether a message's ``data`` says that a person said it."""
    return bool(_carried(data).get("by") == "person")


def original_of(data: dict[str, Any] | None) -> Original | None:
    """What a message's ``data`` says that a person wrote, whose words were translated."""
    found = _carried(data).get("original") if by_person(data) else None
    return Original(**found) if isinstance(found, dict) else None


def _carried(data: dict[str, Any] | None) -> dict[str, Any]:
    return (data or {}).get("data", {}).get("additional_kwargs") or {}


@dataclass(frozen=True, slots=True)
class Record:
    """One remembered thing: its text, where it comes from, and what became of it.

    ``messages`` are the ids of its source messages and ``role`` who said it (``note``: nobody
    did, a person added it by hand), ``speaker`` by name if the message gave one. The ``id`` is
    derived from what the record says and its sources, so that writing it twice is writing it
    once. ``terms`` are its lexical terms, kept so that old text is never tokenised again.

    A *fact* fills a ``slot`` (what it is about) with a ``value`` (in a form that compares); it
    holds from ``at`` to ``valid_to``. ``source`` says who made the record: ``message`` (taken
    from what was said), ``model`` or ``person``. What is ``pinned`` no policy forgets. The
    writer says with ``corrects`` that a fact takes back others of its slot: those values, or,
    where it names none, the one said before. It is for the update mechanism and is not stored.
    What a program has filed as a document has in ``document`` what was given with its text:
    ``{"id", "metadata"}``.
    ``item`` is what a LangGraph agent has put, beside the text, as JSON (see ``memory.noted``).
    """

    id: str
    text: str
    messages: tuple[str, ...]
    session: str
    role: str
    at: datetime
    seq: int = 0
    terms: tuple[str, ...] = ()
    superseded_by: str | None = None
    valid_to: datetime | None = None
    expires_at: datetime | None = None
    slot: str | None = None
    value: str | None = None
    source: str = "message"
    pinned: bool = False
    corrects: tuple[str, ...] | None = None
    speaker: str | None = None
    document: dict[str, Any] | None = None
    item: str | None = None

    @property
    def protected(self) -> bool:
        """Whether no policy forgets it: it is pinned, or a person made it."""
        return self.pinned or self.source == "person"

    def current(self, now: datetime) -> bool:
        """Whether it may be recalled at ``now``: neither superseded nor expired."""
        return self.superseded_by is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A record that was found, with the reason: which strategy ranked it where."""

    id: str
    text: str
    messages: tuple[str, ...]
    session: str
    role: str
    at: datetime
    score: float
    why: str
    slot: str | None = None
    by_person: bool = False  # as of a message (see there), where the transcript was asked

    @classmethod
    def of(cls, record: Record, score: float, why: str) -> Recalled:
        """Make one from a record."""
        return cls(
            record.id, record.text, record.messages, record.session, record.role, record.at,
            float(score), why, record.slot,
        )  # fmt: skip

    def because(self, why: str, score: float | None = None) -> Recalled:
        """The same find with another reason and, if given, another score."""
        return replace(self, why=why, score=self.score if score is None else float(score))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that was found: of which article (its source and title), how well, and why.

    What another source has found has no ``id``, and may have neither ``source`` nor ``title``.
    """

    id: str
    source: str
    title: str
    text: str
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: its text, its unit vector (d floats), and the time it is asked.

    ``trust`` says how far the vector means something, from 0 (the embedding model does not know
    the language) to 1. No more than the first ``limit`` finds are used, and unless ``explain``
    is set nobody reads why they were found, so a strategy may spare itself the others and that.
    ``about`` is what was said before it, and may say what it is about.
    """

    text: str
    vector: Floats
    now: datetime
    trust: float = 1.0
    limit: int | None = None
    explain: bool = True
    about: str = ""


class Spread(Protocol):
    """What m things count at and around each of n records."""

    def sums(self, weights: Sequence[float]) -> Floats:
        """(m, n): the counts at a record and around it, weighted by distance, added up."""
        ...

    def nearest(self, weights: Sequence[float]) -> Floats:
        """(m, n): the weight of the nearest place of each thing; 0 if there is none near."""
        ...


class Context(Protocol):
    """What stands around each of n records, and what kind of message it is."""

    @property
    def asked(self) -> Sequence[float]:
        """1 where a record ends with a question, else 0."""
        ...

    @property
    def timed(self) -> Sequence[float]:
        """1 where a word of time is named, else 0."""
        ...

    @property
    def tokens(self) -> Sequence[float]:
        """About how many tokens a record takes in a prompt."""
        ...

    def spread(self, places: Sequence[tuple[Positions, Floats]]) -> Spread:
        """Where m things stand, and how often, carried to the neighbours."""
        ...

    def smoothed(self, values: Floats, weights: Sequence[float]) -> Floats:
        """Each record's value and, weighted by distance, its neighbours'."""
        ...

    def naming(self, words: Collection[str], weight: Callable[[str], float]) -> Floats:
        """(n): what share of the name of each record's speaker is among some terms, by weight."""
        ...

    def named_in(self, words: Sequence[str]) -> tuple[tuple[str, ...], Positions] | None:
        """The one speaker whom a query's terms name: the name's terms, and what they said."""
        ...


class Candidates(Protocol):
    """What a retriever may look at: one customer's records, by position 0..n-1."""

    def __len__(self) -> int:
        """How many records there are."""
        ...

    def __getitem__(self, position: int) -> Record:
        """The record at a position."""
        ...

    def allowed(self) -> npt.NDArray[np.bool_]:
        """A mask of n: which records may be returned."""
        ...

    def dense(self, vector: Floats, k: int) -> tuple[Positions, Floats]:
        """The k nearest allowed records by inner product, best first: positions and scores."""
        ...

    def lexical(self, text: str, k: int) -> tuple[Positions, Floats]:
        """The k best allowed records by BM25, best first: positions and scores (all > 0)."""
        ...

    def counts(self, term: str) -> tuple[Positions, Floats]:
        """Where a lexical term stands, and how often: in what was said, or as its date."""
        ...

    def df(self, term: str) -> int:
        """In how many records a lexical term stands; one that has it twice may count twice."""
        ...

    def norms(self, weights: Sequence[float] = (1.0,)) -> Floats:
        """What BM25 holds against the length of each of the n records and its neighbours."""
        ...

    def cosines(self, vector: Floats) -> Floats:
        """The n inner products with a unit vector; NaN for what is not embedded yet."""
        ...

    def context(self) -> Context:
        """What stands around the records."""
        ...

    def matched(self, text: str, position: int) -> list[str]:
        """Which lexical terms of ``text`` the record at a position has."""
        ...

    def position(self, record_id: str) -> int:
        """Where the record with an id is; KeyError if it is not there."""
        ...

    def vector(self, position: int) -> Floats | None:
        """A record's unit vector, or None while it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Add:
    """Keep the new record beside the old."""

    record: Record


@dataclass(frozen=True, slots=True)
class Replace:
    """Drop ``old`` (a record's id) and keep the new record in its place.

    From an update mechanism it is the same said again, and the messages stay in the
    conversation; asked for by a person it is a correction, and those that quote the old do not.
    """

    old: str
    record: Record


@dataclass(frozen=True, slots=True)
class Supersede:
    """Keep ``old`` (a record's id) as history; the new record is what holds from now on.

    No prompt shows the old again, nor the messages it quotes.
    """

    old: str
    record: Record


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop a record by id: no prompt shows it again, nor the messages it quotes."""

    id: str


Change = Add | Replace | Supersede | Forget
Writer = Callable[[Sequence[Message]], list[Record]]
Update = Callable[[Record, list[Record]], list[Change]]
Retriever = Callable[[Query, Candidates], list[Recalled]]
Reader = Callable[[list[Recalled], int, CountTokens], str | list[BaseMessage]]


class Pace(NamedTuple):
    """Milliseconds from a message to the first piece of its answer (None: it has none), and to
    the answer's end.
    """

    first_ms: int | None
    took_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A customer's message and what became of its answer.

    ``status`` is ``running``, ``complete``, ``stopped`` (cut off; what was said is kept),
    ``failed``, ``waiting`` (for a person) or ``calling`` (tools, whose results the client is to
    bring). ``recalled`` lists what was given to the model beside the question:
    ``{"id", "score", "why"}`` each; ``evidence`` the passages likewise, with the ``number`` by
    which they may be cited (see ``Layout.rows``), or None if none were looked for. ``template``
    names the answer template that answered, if no model did. ``generation`` is the customer's when
    ``start`` gave the turn: it has moved if something was changed or taken away since.
    """

    id: str
    session: str
    status: str
    question: Message
    answer: Message | None = None
    key: str | None = None
    recalled: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    evidence: list[dict[str, Any]] | None = None
    template: str | None = None
    generation: int = field(default=0, compare=False)
