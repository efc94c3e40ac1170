"""What the bodies of requests and answers are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from memory import NAME_LIMIT, SLOTS, check_name, check_text
from memory.clock import now

_AHEAD = timedelta(minutes=5)  # that the clock of who sends may be
_BEGUN = datetime(1970, 1, 1, tzinfo=UTC)

# What check_name and check_text ask for, as JSON Schema says it; they say better what is wrong.
NAMED: dict[str, Any] = {"pattern": r"^[^\x00-\x1f\x7f]+$", "not": {"enum": [".", ".."]}}
_WHOLE_TEXT: dict[str, Any] = {"pattern": r"^[^\x00]*$"}
_SAID: dict[str, Any] = {"pattern": r"[^\s\x1c-\x1f\x85]", "not": {"pattern": r"\x00"}}


def _name(name: str, info: ValidationInfo) -> str:
    return check_name(info.field_name or "", name)


def _not_blank(text: str) -> str:
    if not text.strip():
        msg = "the message is empty: say something"
        raise ValueError(msg)
    return text


def _time(given: object) -> object:
    # Pydantic takes numbers for seconds since 1970: a slip, and not what the description says.
    if isinstance(given, str) and ":" in given:
        return given
    raise PydanticCustomError("datetime_type", "a time is text such as 2027-01-31T00:00:00Z")


Name = Annotated[
    str,
    Field(min_length=1, max_length=NAME_LIMIT, examples=["ada"], json_schema_extra=NAMED),
    AfterValidator(_name),
]

Text = Annotated[str, AfterValidator(check_text), Field(json_schema_extra=_WHOLE_TEXT)]

# Text in which there is something to read; where it is used, blank text is refused.
Said = Annotated[str, AfterValidator(check_text), Field(json_schema_extra=_SAID)]

NotBlank = Annotated[Said, AfterValidator(_not_blank)]

Time = Annotated[datetime, BeforeValidator(_time)]


def _past(at: datetime) -> datetime:
    if at.tzinfo is None or not _BEGUN <= at <= now() + _AHEAD:
        msg = "give the zone, as in 2026-01-31T00:00:00Z, no time to come and none before 1970"
        raise ValueError(msg)
    return at


# When something was done or written.
Past = Annotated[Time, AfterValidator(_past)]


def _whole(given: object) -> object:
    # JSON has one kind of number: 3.0 is whole.
    return int(given) if isinstance(given, float) and given.is_integer() else given


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

Whole = Annotated[int, Strict(), BeforeValidator(_whole)]
# Beside a null the limit has to stand here, or the description does not know it.
Count = Annotated[int, Strict(), Field(ge=1), BeforeValidator(_whole)]

# Where a page of a list begins.
Cursor = Annotated[int, Strict(), Field(ge=1, le=2**53), BeforeValidator(_whole)]

Number = Annotated[float, Strict()]

ROLE = "who said it: human or ai; note: nobody, a person added it by hand"


class Body(BaseModel):
    """A request's body: a name that it does not know is a slip."""

    model_config = ConfigDict(extra="forbid")
