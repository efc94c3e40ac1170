"""A turn, whole or as server-sent events; and a prompt alone."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.schemas.fields import Body, Name, Said, Truth
from app.schemas.recall import CitedItem, Found, RecalledItem
from app.schemas.understanding import Understood

Status = Literal["complete", "stopped", "failed", "running", "waiting", "calling"]


class ChatRequest(Body):
    """A customer's message."""

    customer: Name | None = Field(
        None, description="who says it; to be left out only with the customer's own token"
    )
    session: Name = "default"
    message: Said = Field(min_length=1, examples=["Where is my order 4417-XZ?"])
    stream: Truth = False
    detached: Truth = Field(
        False,
        description="the answer goes on, and is stored, if its client goes away; "
        "`DELETE .../sessions/{session}/answer` stops it",
    )
    idempotency_key: Name | None = Field(
        None,
        description="the same key with the same message never makes a second turn: an answered "
        "one comes again, one that broke off is answered, unless the session has gone on since",
    )


class PromptRequest(Body):
    """A question to lay out a prompt for."""

    customer: Name
    session: Name = "default"
    message: Said = Field(min_length=1, examples=["Where is my order?"])


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
    knowledge: list[CitedItem]
    evidence: Found
    template: str | None = Field(
        description="the answer template that answered, `unknown` where nothing is known of what "
        "was asked, `quoted` where what was said or written answers, `offered` where items of the "
        "catalogue do, `passed_on` where a person is asked, `noted` where the message asks for "
        "nothing; null: the model did"
    )
    understanding: Understood
    usage: Usage
    status: Status


class RecalledEvent(BaseModel):
    """What the model was given beside the question, and what the question is, if known by then."""

    turn: str
    recalled: list[RecalledItem]
    knowledge: list[CitedItem]
    evidence: Found
    understanding: Understood


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
    knowledge: list[CitedItem]
    evidence: Found
    summary: str
    tokens: int
