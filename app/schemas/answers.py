"""A question, and its answer with what it rests on."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.chains.answers import Answered, By, Found
from app.chains.confidence import SURE
from app.schemas.chat import Usage
from app.schemas.fields import Body, Name, NotBlank, Number, Whole
from memory import Recalled


class AnswerRequest(Body):
    """A question over a customer's memory and the articles, or over the articles alone."""

    customer: Name | None = Field(None, description="in whose memory to look, beside the articles")
    question: NotBlank = Field(min_length=1, max_length=4000, examples=["Which order was late?"])
    how: By = Field(
        "extractive",
        description="extractive: the sentence that says most, by no model; model: in its words, "
        "if they cite what was found and name nothing else",
    )
    max_tokens: Whole = Field(150, ge=1, le=1000, description="of the model's answer")
    min_confidence: Number = Field(
        SURE, ge=0, le=1, description="what is less sure is not known: more of it answers less, "
        "and less often wrongly",
    )  # fmt: skip


class FoundItem(BaseModel):
    """A memory or a passage of an article that bears on the question."""

    number: int = Field(description="the answer cites it by this, as in [1]")
    kind: Literal["memory", "passage"]
    id: str = Field(description="the memory's, or the passage's")
    text: str
    score: float
    why: str
    source: str | None = Field(description="of a passage: its article's")
    title: str | None = Field(description="of a passage: its article's")
    session: str | None = Field(description="of a memory")
    role: str | None = Field(description="of a memory: who said it")
    at: datetime | None = Field(description="of a memory")
    messages: list[str] = Field(description="of a memory: ids of the messages it comes from")

    @classmethod
    def of(cls, found: Found) -> FoundItem:
        """Make one from what was found."""
        one = found.what
        memory = one if isinstance(one, Recalled) else None
        passage = None if isinstance(one, Recalled) else one
        return cls(
            number=found.number, kind="memory" if memory else "passage", id=one.id, text=one.text,
            score=one.score, why=one.why,
            source=passage.source if passage else None,
            title=passage.title if passage else None,
            session=memory.session if memory else None,
            role=memory.role if memory else None,
            at=memory.at if memory else None,
            messages=list(memory.messages) if memory else [],
        )  # fmt: skip


class AnswerResponse(BaseModel):
    """The answer, or that it is not known."""

    answer: str | None = Field(
        description="it cites the evidence, as in [1]; null: nothing that is stored says it",
        examples=["My order 4417-XZ is late. [1]"],
    )
    known: bool
    confidence: float = Field(
        description="how sure it is that what was found answers the question, 0 to 1; also of what "
        "is not known"
    )
    by: By | None = Field(description="who answers; null: not known")
    fault: str | None = Field(
        description="why the model's answer was not taken, and the extractive one is given"
    )
    evidence: list[FoundItem]
    usage: Usage

    @classmethod
    def of(cls, made: Answered) -> AnswerResponse:
        """Make one from what the chain answers."""
        return cls(
            answer=made.text, known=made.text is not None, confidence=round(made.confidence, 3),
            by=made.by, fault=made.fault,
            evidence=[FoundItem.of(one) for one in made.evidence], usage=Usage(**made.usage),
        )  # fmt: skip
