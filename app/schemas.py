"""What goes over the wire: requests, answers and server-sent events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from memory import NAME_LIMIT, Recalled, check_name, check_text

Name = Annotated[
    str,
    Field(min_length=1, max_length=NAME_LIMIT, examples=["ada"]),
    AfterValidator(lambda name: check_name("", name)),
]
Text = Annotated[str, AfterValidator(check_text)]
Status = Literal["complete", "stopped", "failed", "running"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChatRequest(_Request):
    """A customer's message."""

    customer: Name
    session: Name = "default"
    message: Text = Field(min_length=1, examples=["Where is my order 4417-XZ?"])
    stream: bool = False
    idempotency_key: Name | None = Field(
        None, description="the same key with the same message never makes a second turn"
    )


class PromptRequest(_Request):
    """A question to lay out a prompt for."""

    customer: Name
    session: Name = "default"
    message: Text = Field(min_length=1, examples=["Where is my order?"])


class RecallRequest(_Request):
    """What to look for in a customer's memory."""

    query: Text = Field(min_length=1, examples=["which order was late?"])
    max_tokens: int = Field(1000, ge=1, le=100_000)


class RecalledItem(BaseModel):
    """A remembered thing that was found, and why."""

    id: str
    text: str = Field(examples=["My order number is 4417-XZ"])
    score: float
    why: str = Field(examples=["lexical #1 (order, number), dense #2 (cosine 0.61)"])
    at: datetime
    messages: list[str] = Field(description="ids of the messages it comes from")
    role: str
    session: str

    @classmethod
    def of(cls, recalled: Recalled) -> RecalledItem:
        """Make one from what the memory found."""
        return cls(
            id=recalled.id, text=recalled.text, score=recalled.score, why=recalled.why,
            at=recalled.at, messages=list(recalled.messages), role=recalled.role,
            session=recalled.session,
        )  # fmt: skip


class Usage(BaseModel):
    """Tokens read and written by the model, as far as its server says."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class ChatResponse(BaseModel):
    """The answer to a message."""

    reply: str
    turn: str
    session: str
    recalled: list[RecalledItem]
    usage: Usage
    status: Status


class RecalledEvent(BaseModel):
    """What the model was given beside the question."""

    turn: str
    recalled: list[RecalledItem]


class TokenEvent(BaseModel):
    """A piece of the answer."""

    text: str


class PromptMessage(BaseModel):
    """A message in the OpenAI form."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Any


class PromptResponse(BaseModel):
    """A finished prompt; no model was asked and nothing was stored."""

    messages: list[PromptMessage]
    recalled: list[RecalledItem]
    summary: str
    tokens: int


class RecallResponse(BaseModel):
    """What was found, best first."""

    recalled: list[RecalledItem]


class SessionItem(BaseModel):
    """A session of a customer."""

    session: str
    messages: int
    created_at: datetime
    updated_at: datetime


class SessionList(BaseModel):
    """A customer's sessions, the last used first."""

    sessions: list[SessionItem]


class SummaryItem(BaseModel):
    """The summary in force."""

    text: str
    version: int


class SessionDetail(SessionItem):
    """A session with its summary."""

    summary: SummaryItem | None


class MessageItem(BaseModel):
    """A message as it was said."""

    id: str
    role: str
    text: str
    at: datetime
    turn: str | None
    status: str | None = Field(description="of its turn: running, complete, stopped or failed")


class MessageList(BaseModel):
    """Messages, oldest first; ``next`` asks for those before them."""

    messages: list[MessageItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class MemoryItem(BaseModel):
    """A record of the external memory."""

    id: str
    text: str
    at: datetime
    role: str
    session: str
    messages: list[str]
    superseded_by: str | None
    valid_to: datetime | None = Field(
        description="until when it held; of a promise, when it is due"
    )
    expires_at: datetime | None
    slot: str | None = Field(description="what a fact is about")
    value: str | None = Field(description="what it says of that, in a form that compares")
    source: str = Field(description="who made it: message, model or person")
    pinned: bool


class MemoryList(BaseModel):
    """Records, newest first."""

    memories: list[MemoryItem]
    next: int | None


class Deleted(BaseModel):
    """How many rows of each table were deleted."""

    deleted: dict[str, int]


class Health(BaseModel):
    """The service is there, and ready if that was asked."""

    status: Literal["ok"]
    model: str | None = Field(None, description="the model that answers; only if it was tried")
