"""How the service goes, for who runs it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.chat import Status
from memory.operations import Lag, Stretch, percentile

By = Literal["minute", "hour", "day"]


class Latency(BaseModel):
    """Milliseconds, to three digits; null where no turn had any."""

    p50: int | None
    p95: int | None

    @classmethod
    def of(cls, counted: Counter[int]) -> Latency:
        """Of how many took how long."""
        return cls(p50=percentile(counted, 0.5), p95=percentile(counted, 0.95))


class Figures(BaseModel):
    """What was done in a time."""

    turns: int = Field(description="begun then, however they ended")
    answered: int = Field(description="of them, to the end")
    stopped: int = Field(description="of them, cut off: by who asked, or with their process")
    failed: int = Field(description="of them, by the model, or with it")
    first_token: Latency = Field(description="from the message to the first piece of the answer")
    answer: Latency = Field(description="from the message to the answer's end")
    requests_failed: int = Field(
        description="of all routes, answered with an error but 403, 404 and 410"
    )
    requests_refused: int = Field(description="of all routes, answered with 403")

    @classmethod
    def of(cls, stretch: Stretch) -> Figures:
        """As they are sent."""
        return cls(
            turns=stretch.turns.total(), answered=stretch.turns["complete"],
            stopped=stretch.turns["stopped"],
            failed=stretch.turns["failed"], first_token=Latency.of(stretch.first),
            answer=Latency.of(stretch.took), requests_failed=stretch.undone["failed"],
            requests_refused=stretch.undone["refused"],
        )  # fmt: skip


class Point(Figures):
    """What was done in a minute, an hour or a day (UTC)."""

    at: datetime = Field(description="when it began")


class WaitingSession(BaseModel):
    """A session whose last message has no complete answer."""

    customer: str
    session: str
    at: datetime = Field(description="when the message came")
    status: Status


class WaitingSessions(BaseModel):
    """Such sessions of the last seven days, the last first."""

    sessions: list[WaitingSession]
    more: bool


class LowSession(BaseModel):
    """A session in which the customer's mood is negative."""

    customer: str
    session: str
    at: datetime = Field(description="of the last negative message")
    score: float = Field(description="the mood now, -1 to 1")
    trend: Literal["falling", "steady", "rising"]


class LowSessions(BaseModel):
    """Such sessions of the last seven days, the last first."""

    sessions: list[LowSession]
    more: bool


class DigestLag(BaseModel):
    """What was said and is not in the long memory yet."""

    customers: int = Field(description="of whom there is something; at most 1,000 are counted")
    since: datetime | None = Field(description="when the oldest of it came; null: there is none")

    @classmethod
    def of(cls, lag: Lag) -> DigestLag:
        """As it is sent."""
        return cls(customers=lag.customers, since=lag.since)


class ModelInService(BaseModel):
    """What answers."""

    name: str
    adapter: str | None = Field(description="the tuned adapter; null: none, or it is not known")


class OperationsNow(BaseModel):
    """How it goes in a tenant."""

    at: datetime
    by: By
    rate: int = Field(description="turns begun in the last 60 seconds")
    running: int = Field(description="turns that are being answered")
    points: list[Point] = Field(
        description="the last 60 minutes, 24 hours or 30 days, the oldest first; the last of them "
        "is not over yet"
    )
    total: Figures = Field(description="of all points together")
    low_mood: LowSessions
    unanswered: WaitingSessions
    digest: DigestLag
    model: ModelInService
