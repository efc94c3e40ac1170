"""Whether the service is there."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The service is there, and ready if that was asked; `degraded` if its digest lags."""

    status: Literal["ok", "degraded"]
    model: str | None = Field(None, description="the model that answers; only if it was tried")
    problems: list[str] = Field([], description="what does not keep it from answering")
