"""What the bodies of requests and answers are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from memory import NAME_LIMIT, SLOTS, check_name, check_text

Name = Annotated[
    str,
    Field(min_length=1, max_length=NAME_LIMIT, examples=["ada"]),
    AfterValidator(lambda name: check_name("", name)),
]

Text = Annotated[str, AfterValidator(check_text)]


def _known(slot: str) -> str:
    if slot not in SLOTS:
        msg = f"there is no such slot: use one of {', '.join(SLOTS)}"
        raise ValueError(msg)
    return slot


SlotName = Annotated[
    str, AfterValidator(_known), Field(json_schema_extra={"enum": list(SLOTS)})
]  # fmt: skip

# In a body "yes", "5" and 1 are slips: nobody is to pin, forget or keep by them.
Truth = Annotated[bool, Strict()]

Whole = Annotated[int, Strict()]

Number = Annotated[float, Strict()]

ROLE = "who said it: human or ai; note: nobody, a person added it by hand"


class Body(BaseModel):
    """A request's body: a name that it does not know is a slip."""

    model_config = ConfigDict(extra="forbid")
