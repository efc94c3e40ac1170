"""A customer's memories, what a person changes of them, and how they are forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.customers import Deleted
from app.schemas.fields import ROLE, Body, Count, Number, Said, SlotName, Time, Truth
from memory import Policy, Record


class MemoryItem(BaseModel):
    """A record of the external memory."""

    id: str
    text: str = Field(examples=["Order number: 4417-XZ"])
    at: datetime
    role: str = Field(description=ROLE)
    session: str = Field(description="where it was said; empty: added by hand")
    messages: list[str] = Field(description="ids of the messages it comes from")
    superseded_by: str | None = Field(
        description="the memory that took its place; it may have been deleted since"
    )
    valid_to: datetime | None = Field(description="it held until then, or is promised by then")
    expires_at: datetime | None
    slot: str | None = Field(description="what a fact is about; null: no fact")
    value: str | None = Field(description="what the fact says of it")
    source: Literal["message", "model", "person"] = Field(description="who made it")
    pinned: bool = Field(description="no policy forgets it")

    @classmethod
    def of(cls, record: Record) -> MemoryItem:
        """Make one from a record."""
        fields = {name: getattr(record, name) for name in cls.model_fields}
        return cls.model_validate({**fields, "messages": list(record.messages)})


class MemoryList(BaseModel):
    """Records, newest first."""

    memories: list[MemoryItem]
    next: int | None


# Of what is left out; null itself would be no change, and is refused.
_ABSENT: Any = None


class _Change(Body):
    value: Said = Field(
        _ABSENT, min_length=1, max_length=1000, description="of a fact", examples=["4418-XZ"]
    )
    pinned: Truth = Field(_ABSENT, description="no policy forgets it")
    expires_at: Time | None = Field(
        None, description="when it is forgotten; null: never", examples=["2027-01-31T00:00:00Z"]
    )


class MemoryChange(_Change):
    """What a person changes of a memory; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    text: Said = Field(_ABSENT, min_length=1, max_length=32_768, examples=["Order number: 4418-XZ"])


class NewMemory(_Change):
    """A memory that a person adds; with a slot and a value it is a fact."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"slot": ["value"], "value": ["slot"]}}
    )

    text: Said = Field(min_length=1, max_length=32_768, examples=["Prefers to be called."])
    slot: SlotName = Field(_ABSENT, description="what a fact is about", examples=["preference"])


class PolicyItem(Body):
    """How long and how much is remembered; what is left out sets no limit.

    With no limit at all only what has expired goes.
    """

    max_age_days: Number | None = Field(None, gt=0, le=36_500, examples=[365])
    unrecalled_days: Number | None = Field(
        None, gt=0, le=36_500, description="since it was said or recalled", examples=[90]
    )
    max_records: Count | None = Field(None, examples=[1000])

    def policy(self) -> Policy:
        """The policy."""
        return Policy.days(self.max_age_days, self.unrecalled_days, self.max_records)


class ForgetRequest(Body):
    """What is to be forgotten of a customer."""

    policy: PolicyItem | None = Field(
        None, description="null: the service's own; without one only what has expired goes"
    )
    dry_run: Truth = Field(False, description="say what would go, and keep it", examples=[True])


class ForgottenItem(BaseModel):
    """A memory that goes, or a message of which none was left, and why."""

    kind: Literal["memory", "message"] = Field(
        description="message: one that is too old and of which no memory was left"
    )
    id: str
    text: str
    at: datetime
    reason: Literal["expired", "age", "unrecalled", "count"]


class ForgetResponse(BaseModel):
    """What went, or would go in a dry run."""

    dry_run: bool
    forgotten: list[ForgottenItem]


class DeletedMemory(Deleted):
    """What went with a memory that was deleted."""

    memories: list[str] = Field(
        description="ids of the memories that went: this one, what it said before it was "
        "corrected, and others that said the same"
    )
    shortened: list[str] = Field(description="ids of memories that keep what else they say")
    messages: int = Field(description="how many messages leave prompts; the transcript keeps them")
