"""The tuned adapters of the machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from pydantic import BaseModel, Field

from app.training.card import Card as AdapterCard


class ModelFigures(BaseModel):
    """How well a model answers on the part of the data that was kept apart."""

    perplexity: float = Field(description="of the agents' answers; better when lower")
    rouge_l: float = Field(description="of written answers, 0 to 1; better when higher")
    recalled: float | None = Field(
        None, description="share of the facts asked for that answers contain, if it was measured"
    )
    admitted: float | None = Field(
        None, description="share of answers that admit that something was never said"
    )


class TunedModel(BaseModel):
    """A tuned adapter."""

    id: str
    date: datetime
    base: str = Field(description="the model that it is of")
    base_sha256: str
    data: list[str] = Field(description="the names of the files that it learnt from")
    figures: ModelFigures
    compared: dict[str, ModelFigures] = Field(description="others on the same part")
    in_service: bool

    @classmethod
    def of(cls, card: AdapterCard, *, in_service: bool) -> TunedModel:
        """As it is shown."""
        return cls(
            id=card.id,
            date=datetime.fromisoformat(card.date),
            base=card.base["name"],
            base_sha256=card.base["sha256"],
            data=[str(one["name"]) for one in card.data],
            figures=ModelFigures(**asdict(card.figures)),
            compared={name: ModelFigures(**asdict(one)) for name, one in card.compared.items()},
            in_service=in_service,
        )


class TunedModels(BaseModel):
    """The adapters of this machine."""

    in_service: str | None = Field(description="the one that answers; null is the base")
    promoted: str | None = Field(description="the one that is to answer; null is the base")
    trouble: str | None = Field(description="why what was promoted does not answer")
    base: str | None = Field(description="sha256 of the served base; null if it takes no adapters")
    models: list[TunedModel]
    faults: dict[str, str] = Field(
        description="what is wrong with adapters that have no readable card, by their ids"
    )


class RolledBack(TunedModels):
    """What is in service again."""

    passed_over: dict[str, str] = Field(
        description="what was there before and cannot be served, and why"
    )
