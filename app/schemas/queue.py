"""The sessions that wait for a person."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from memory.desk import LATELY, SHOWN, Awaited, Why


class QueueItem(BaseModel):
    """A session that a person is to look at."""

    customer: str
    session: str
    why: Why = Field(
        description="asked: the customer has asked for a person, by what the classifier read, in "
        f"the last {LATELY.days * 24} hours, and none has answered; passed: so long ago at most an "
        "answer said that a person is asked, and none has answered; waiting: it was handed over, "
        "and a message has no answer; held: it was handed over, and nothing waits"
    )
    since: datetime = Field(description="when that began")
    messages: int = Field(description="how many messages ask, were passed on or wait")
    text: str | None = Field(
        description=f"what the customer said last, to {SHOWN} letters; null: it was forgotten"
    )
    handed_over_at: datetime | None = Field(description="null: the model answers in it")

    @classmethod
    def of(cls, one: Awaited) -> QueueItem:
        """As it is sent."""
        return cls(**one._asdict())


class Queue(BaseModel):
    """Such sessions, who has waited longest first; those that a person holds come last."""

    sessions: list[QueueItem]
    more: bool
