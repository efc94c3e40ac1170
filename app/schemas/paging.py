"""Lists that come in pages: what their routes are asked for, and what a page is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Query

from memory import InvalidInput, check_name

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=1000)]
AllOrLimit = Annotated[int | None, Query(ge=1, le=1000, description="none: all of them")]
MayBeNew = Annotated[
    bool, Query(description="true: of a customer of whom nothing is stored none, and not 404")
]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")]

After = Annotated[str | None, Query(description="the `next` of the page before")]


def paged(
    found: Sequence[T], limit: int, number: Callable[[T], int]
) -> tuple[Sequence[T], int | None]:
    """A page of what was found, and where the next one begins; None if there is none.

    Args:
        found: what there is, of ``limit`` and one more that were looked for.
        limit: how many a page has.
        number: what orders them.
    """
    page = found[:limit]
    return page, number(page[-1]) if len(found) > limit else None


def place(name: str, at: datetime) -> str:
    """Where the next page begins, of a list by times: the last one's time and name."""
    return f"{at.isoformat()} {name}"


def placed(after: str) -> tuple[str, datetime]:
    """The last one of the page before, as ``place`` has written it.

    Raises:
        InvalidInput: it is none.
    """
    at, _, name = after.partition(" ")
    try:
        return check_name("after", name), datetime.fromisoformat(at)
    except ValueError:
        msg = "after: give the `next` of the page before, percent-encoded, or leave it out"
        raise InvalidInput(msg) from None
