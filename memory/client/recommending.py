"""What a service can be asked for of items, what was done with them and what fits: answers too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from memory.client.call import Call, named, of_customer, stamp
from memory.client.results import Deleted, Result
from memory.events import ITEM_LIMIT


class Stored(Result):
    """How many were stored."""

    stored: int


class StoredEvents(Stored):
    """How many events were stored, and which of their items the catalogue does not have."""

    unknown: list[str]


class Item(Result):
    """An item of the catalogue."""

    id: str
    title: str
    text: str
    metadata: dict[str, Any]
    available: bool
    variant_of: str | None = None


class ItemPage(Result):
    """Items, the last put first; ``next`` is the ``before`` that asks for older ones."""

    items: list[Item]
    next: int | None


class Did(Result):
    """Something that a customer did with an item; ``title`` is None if that is not there."""

    id: str
    item: str
    title: str | None
    kind: str
    at: datetime


class EventPage(Result):
    """What a customer did, the last stored first; ``next`` is the ``before`` of older ones."""

    events: list[Did]
    next: int | None


class Because(Result):
    """What a recommendation rests on: an item that something was done with, or a message."""

    kind: str
    item: str | None
    title: str | None
    message: str | None
    at: datetime | None


class Recommendation(Result):
    """An item that fits a customer, and why, in words for them."""

    item: Item
    score: float
    why: str
    because: Because


class Recommendations(Result):
    """What is recommended, the best first."""

    recommendations: list[Recommendation]


def put_items(items: Sequence[Mapping[str, Any]]) -> Call[Stored]:
    """Put items into the catalogue, each in the place of the one with its id; all or none.

    Args:
        items: each ``{"id", "title"}``, perhaps with "text", "metadata", "available" and
            "variant_of".
    """
    body = {"items": [*items]}
    return Call("POST", "/v1/items", Stored.model_validate_json, body=body)


def import_items(
    text: str,
    *,
    format: Literal["csv", "jsonl"] = "csv",  # noqa: A002 - as the API calls it
) -> Call[Stored]:
    """Put the items of a table into the catalogue, all of them or none."""
    body = {"text": text, "format": format}
    return Call("POST", "/v1/items/import", Stored.model_validate_json, body=body)


def items(*, limit: int = 100, before: int | None = None) -> Call[ItemPage]:
    """The items, the last put first; ``before`` is a page's ``next``."""
    query = {"limit": limit, "before": before}
    return Call("GET", "/v1/items", ItemPage.model_validate_json, query)


def item(item: str) -> Call[Item]:
    """One item."""
    return Call("GET", _item(item), Item.model_validate_json)


def delete_item(item: str) -> Call[Deleted]:
    """Delete an item; what customers did with it stays among what they did."""
    return Call("DELETE", _item(item), Deleted.model_validate_json, again=False)


def add_events(customer: str, events: Sequence[Mapping[str, Any]]) -> Call[StoredEvents]:
    """Store what a customer did; sent again, it is stored once.

    Args:
        customer: who.
        events: each ``{"item", "kind"}``, perhaps with "at" (now) and "id" (one is made).
    """
    made = [{**one, "id": one.get("id") or uuid4().hex, "at": stamp(one.get("at"))}
            for one in events]  # fmt: skip
    body = {"customer": customer, "events": made}
    return Call("POST", "/v1/events", StoredEvents.model_validate_json, body=body)


def customer_events(
    customer: str, *, limit: int = 100, before: int | None = None, may_be_new: bool = False
) -> Call[EventPage]:
    """What a customer did, the last stored first; ``before`` is a page's ``next``.

    With ``may_be_new`` a customer of whom nothing is stored did nothing, which is no problem then.
    """
    query = {"limit": limit, "before": before, "may_be_new": may_be_new}
    return Call("GET", of_customer(customer, "events"), EventPage.model_validate_json, query)


def delete_event(customer: str, event: str) -> Call[Deleted]:
    """Delete something that a customer did."""
    path = of_customer(customer, f"events/{named('event', event)}")
    return Call("DELETE", path, Deleted.model_validate_json, again=False)


def recommend(
    customer: str,
    *,
    limit: int = 10,
    where: Mapping[str, Any] | None = None,
    diversity: float = 0.3,
    language: Literal["en", "zh"] = "en",
) -> Call[Recommendations]:
    """Recommend items to a customer by what they did and said, with the reason of each.

    Args:
        customer: to whom.
        limit: how many at most.
        where: only items whose metadata has these values.
        diversity: how far each is to be unlike those before it, 0 to 1.
        language: of the reasons.
    """
    body = {
        "customer": customer, "limit": limit, "where": dict(where or {}), "diversity": diversity,
        "language": language,
    }  # fmt: skip
    return Call("POST", "/v1/recommendations", Recommendations.model_validate_json,
                body=body)  # fmt: skip


def _item(item: str) -> str:
    return f"/v1/items/{named('item', item, ITEM_LIMIT)}"
