"""A customer's sessions and what was said in them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from app.schemas.fields import Body, Said
from app.schemas.recall import Found
from app.schemas.translations import LanguageTag
from app.schemas.understanding import Understood
from memory import Card, Message, Mood, transcript
from memory.mood import MOST
from memory.transcript import Rating, Session


class RatingRequest(Body):
    """How well the agent did in a session, or how good an answer was."""

    rating: Rating | None = Field(description="null: take it back", examples=["good"])


class SessionItem(BaseModel):
    """A session of a customer."""

    session: str
    messages: int
    created_at: datetime
    updated_at: datetime
    rating: Rating | None = Field(description="how well the agent did; null: not rated")
    handed_over_at: datetime | None = Field(
        description="since when a person answers in it; null: the model does"
    )

    @classmethod
    def of(cls, session: Session) -> SessionItem:
        """Make one from a session's row."""
        return cls.model_validate(
            {name: getattr(session, name) for name in SessionItem.model_fields}
        )


class SessionList(BaseModel):
    """A customer's sessions, the last used first."""

    sessions: list[SessionItem]
    next: str | None = Field(description="give it as `after` to get the next; null: none left")


class SummaryItem(BaseModel):
    """The summary in force."""

    text: str
    version: int


class Handover(BaseModel):
    """What a person needs who takes a session over."""

    session: SessionItem
    summary: str = Field(description="what was said in it, from its beginning, made by no model")
    card: Card | None = Field(description="the customer at a glance")


class ReplyRequest(Body):
    """What a person answers the customer, in the customer's language or with its own."""

    text: Said = Field(min_length=1, examples=["I have sent you a new lamp today."])
    source: LanguageTag | None = Field(
        None,
        description="in which the person wrote it, where it is to be translated; null: it is sent "
        "as it is",
    )
    target: LanguageTag | None = Field(
        None, description="the customer's language; null: told from what the customer says"
    )
    translation: Said | None = Field(
        None,
        min_length=1,
        description="what the customer is to read, where a person has seen it: it is remembered; "
        "null: what `POST /v1/translate` makes, unless some of it is missing",
    )


class OriginalItem(BaseModel):
    """What a person wrote in another language than the customer's."""

    text: str
    language: str

    @classmethod
    def of(cls, said: Message) -> OriginalItem | None:
        """Make one from a message; None if it was not translated."""
        found = said.original
        return None if found is None else cls(text=found.text, language=found.language)


class Saying(BaseModel):
    """An answer that is under way."""

    turn: str
    text: str = Field(description="what was said so far; it is kept about every second")


class StoppedAnswer(BaseModel):
    """What came of it."""

    stopped: bool = Field(description="false: nothing was being answered")


class SessionDetail(SessionItem):
    """A session with its summary and the customer's mood in it."""

    summary: SummaryItem | None
    mood: Mood | None = Field(
        description=f"by the last {MOST} messages of the customer; null: none of them was read"
    )
    saying: Saying | None = Field(description="null: nothing is being answered in it")


class GivenCount(BaseModel):
    """How much the model was given beside a message; some of it may have been forgotten since."""

    recalled: int
    knowledge: int

    @classmethod
    def of(cls, said: transcript.Said) -> GivenCount | None:
        """What was kept with a message's turn; None for an answer, and where there is no turn."""
        if said.status in (None, "running") or said.message.role != "human":
            return None
        kept = said.recalled or {}
        return cls(recalled=len(kept.get("records", ())), knowledge=len(kept.get("evidence") or ()))


class MessageItem(BaseModel):
    """A message as it was said."""

    id: str
    role: str
    text: str
    at: datetime
    turn: str | None
    status: str | None = Field(
        description="of its turn: running, complete, stopped, failed, waiting for a person, or "
        "calling tools of its client's"
    )
    template: str | None = Field(description="the template that gave this answer, if one did")
    by_person: bool = Field(description="a person said it, in a session that was handed over")
    original: OriginalItem | None = Field(
        description="what that person wrote, where `text` is its translation; null: it is none, or "
        "for a customer's own token"
    )
    rating: Rating | None = Field(
        description="how good this answer was; null: not rated, or for a customer's own token"
    )
    given: GivenCount | None = Field(
        description="beside a customer's message, for its answer; null: an answer, one that was "
        "imported or is being answered, or for a customer's own token"
    )
    evidence: Found
    understanding: Understood


class MessageList(BaseModel):
    """Messages, oldest first; ``next`` asks for those before them."""

    messages: list[MessageItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")
