"""What was found for a question: memories and passages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.schemas.fields import ROLE, Body, Text, Whole
from memory import Evidence, Recalled


class RecallRequest(Body):
    """What to look for in a customer's memory."""

    query: Text = Field(min_length=1, examples=["which order was late?"])
    max_tokens: Whole = Field(1000, ge=1, le=100_000)


class RecalledItem(BaseModel):
    """A remembered thing that was found, and why."""

    id: str
    text: str = Field(examples=["My order number is 4417-XZ"])
    score: float
    why: str = Field(examples=["lexical #1 (order, number), dense #2 (cosine 0.61)"])
    at: datetime
    messages: list[str] = Field(description="ids of the messages it comes from")
    role: str = Field(description=ROLE)
    session: str
    by_person: bool = Field(description="a person at the desk said it, not the assistant")
    slot: str | None = Field(description="what the fact is about; null: it is no fact")

    @classmethod
    def of(cls, recalled: Recalled) -> RecalledItem:
        """Make one from what the memory found."""
        return cls(
            id=recalled.id, text=recalled.text, score=recalled.score, why=recalled.why,
            at=recalled.at, messages=list(recalled.messages), role=recalled.role,
            session=recalled.session, by_person=recalled.by_person, slot=recalled.slot,
        )  # fmt: skip


class EvidenceItem(BaseModel):
    """A passage that was found, and why."""

    source: str = Field(description="its article's, or what a second source calls it")
    title: str
    text: str = Field(examples=["Returns\nWithin 30 days."])
    score: float = Field(
        description="to rank by, and no probability: the cosine, up to 0.2 for the words and 0.5 "
        "for the title, so up to 1.7; a second source's is its own"
    )
    why: str = Field(examples=["words (lamp), cosine 0.61"])

    @classmethod
    def of(cls, evidence: Evidence) -> EvidenceItem:
        """Make one from what was found."""
        return cls.model_validate({name: getattr(evidence, name) for name in cls.model_fields})


class CitedItem(EvidenceItem):
    """A passage that the model was given."""

    number: int = Field(description="the answer may cite it by this, as in [1]")


Found = Annotated[
    Literal["found", "none"] | None,
    Field(
        description="whether any passage bears on the message; null: there is none to find, or "
        "none was found for a message that asks nothing"
    ),
]


def cited(found: Sequence[tuple[int, Evidence]] | None) -> list[CitedItem]:
    """Passages with the numbers that they have in the prompt."""
    return [
        CitedItem(number=number, **EvidenceItem.of(one).model_dump()) for number, one in found or ()
    ]


def evidence(found: Sequence[object] | None) -> Literal["found", "none"] | None:
    """Whether any passage was found; None if none were looked for."""
    return None if found is None else "found" if found else "none"


class RecallResponse(BaseModel):
    """What was found, best first."""

    recalled: list[RecalledItem]
