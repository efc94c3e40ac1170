"""What a customer's message is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from memory import Labels


class LabelItem(BaseModel):
    """What a message is, as a head of the classifier says."""

    label: str | None = Field(description="null: none that the head knows (out of scope)")
    confidence: float = Field(description="0 to 1")


Understood = Annotated[
    dict[str, LabelItem] | None,
    Field(
        description="what a customer's message is, by the classifier's heads: intent, topic, "
        "sentiment; null: it was not read"
    ),
]


def understood(labels: Labels | None) -> dict[str, LabelItem] | None:
    """What was read in a message."""
    if labels is None:
        return None
    return {
        head: LabelItem(label=said.name, confidence=said.confidence)
        for head, said in labels.items()
    }
