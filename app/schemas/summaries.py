"""A conversation, and its summary."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.chains.summaries import MAX_TOKENS, MOST_TOKENS, Abstract, Extract, How
from app.schemas.chat import Usage
from app.schemas.fields import Body, Name, NotBlank, Whole
from memory import Message


class SaidMessage(Body):
    """A message of a conversation that is not stored here."""

    role: Literal["human", "ai"] = Field(description="human: the customer; ai: the agent")
    text: NotBlank = Field(min_length=1, examples=["My order 4417-XZ is late."])


Conversation = Annotated[list[SaidMessage], Field(min_length=1, max_length=1000)]


class SummaryRequest(Body):
    """A conversation, sent or stored, to be summarised."""

    messages: Conversation | None = Field(None, description="the conversation, oldest first")
    customer: Name | None = Field(
        None, description="whose stored conversation it is, in place of `messages`"
    )
    session: Name | None = Field(
        None, description="which of the customer's; null: the one that is called default"
    )
    how: How = Field(
        "extractive",
        description="extractive: in sentences that were said, by no model; model: in its words",
    )
    max_tokens: Whole = Field(MAX_TOKENS, ge=1, le=MOST_TOKENS, description="of each summary")


class SummarySentence(BaseModel):
    """A sentence of an extractive summary, as it was said."""

    text: str
    role: str
    place: int = Field(description="of its message among those that were summarised, from 0")
    message: str | None = Field(description="that message's id, where the conversation is stored")


class ExtractItem(BaseModel):
    """A summary in sentences that were said, oldest first."""

    text: str = Field(examples=["Customer: My order 4417-XZ is late."])
    sentences: list[SummarySentence]

    @classmethod
    def of(cls, made: Extract, messages: list[Message], *, stored: bool) -> ExtractItem:
        """Make one, with what its sentences come from."""
        places = {message.id: place for place, message in enumerate(messages)}
        return cls(
            text=made.text,
            sentences=[
                SummarySentence(
                    text=one.text, role=one.role, place=places[one.message],
                    message=one.message if stored else None,
                )
                for one in made.sentences
            ],
        )  # fmt: skip


class AbstractItem(BaseModel):
    """A summary in a model's words."""

    text: str | None = Field(description="null: it was none, or named what nobody said")
    fault: str | None = Field(description="what was wrong with it, in place of the text")

    @classmethod
    def of(cls, made: Abstract) -> AbstractItem:
        """Make one from what the model wrote."""
        return cls(text=made.text, fault=made.fault)


class SummaryResponse(BaseModel):
    """What was asked for; the other is null."""

    extractive: ExtractItem | None
    model: AbstractItem | None
    messages: int = Field(description="how many were summarised")
    usage: Usage
