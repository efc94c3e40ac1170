"""What a service can be asked for of items, what customers did with them, and what fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import uuid4

import memory.client.results as results
from memory.client.call import Call, named, of_customer, stamp
from memory.events import ITEM_LIMIT


def put_items(items: Sequence[Mapping[str, Any]]) -> Call[results.Stored]:
    """Put items into the catalogue, each in the place of the one with its id; all or none.

    Args:
        items: each ``{"id", "title"}``, perhaps with "text", "metadata", "available" and
            "variant_of".
    """
    body = {"items": [*items]}
    return Call("POST", "/v1/items", results.Stored.model_validate_json, body=body)


def import_items(
    text: str,
    *,
    format: Literal["csv", "jsonl"] = "csv",  # noqa: A002 - as the API calls it
) -> Call[results.Stored]:
    """Put the items of a table into the catalogue, all of them or none."""
    body = {"text": text, "format": format}
    return Call("POST", "/v1/items/import", results.Stored.model_validate_json, body=body)


def items(*, limit: int = 100, before: int | None = None) -> Call[results.ItemPage]:
    """The items, the last put first; ``before`` is a page's ``next``."""
    query = {"limit": limit, "before": before}
    return Call("GET", "/v1/items", results.ItemPage.model_validate_json, query)


def item(item: str) -> Call[results.Item]:
    """One item."""
    return Call("GET", _item(item), results.Item.model_validate_json)


def delete_item(item: str) -> Call[results.Deleted]:
    """Delete an item; what customers did with it stays among what they did."""
    return Call("DELETE", _item(item), results.Deleted.model_validate_json, again=False)


def add_events(customer: str, events: Sequence[Mapping[str, Any]]) -> Call[results.StoredEvents]:
    """Store what a customer did; sent again, it is stored once.

    Args:
        customer: who.
        events: each ``{"item", "kind"}``, perhaps with "at" (now) and "id" (one is made).
    """
    made = [{**one, "id": one.get("id") or uuid4().hex, "at": stamp(one.get("at"))}
            for one in events]  # fmt: skip
    body = {"customer": customer, "events": made}
    return Call("POST", "/v1/events", results.StoredEvents.model_validate_json, body=body)


def customer_events(
    customer: str, *, limit: int = 100, before: int | None = None, may_be_new: bool = False
) -> Call[results.EventPage]:
    """What a customer did, the last stored first; ``before`` is a page's ``next``.

    With ``may_be_new`` a customer of whom nothing is stored did nothing, which is no problem then.
    """
    query = {"limit": limit, "before": before, "may_be_new": may_be_new}
    return Call(
        "GET", of_customer(customer, "events"), results.EventPage.model_validate_json, query
    )


def delete_event(customer: str, event: str) -> Call[results.Deleted]:
    """Delete something that a customer did."""
    path = of_customer(customer, f"events/{named('event', event)}")
    return Call("DELETE", path, results.Deleted.model_validate_json, again=False)


def recommend(
    customer: str,
    *,
    limit: int = 10,
    where: Mapping[str, Any] | None = None,
    diversity: float = 0.3,
    language: Literal["en", "zh"] = "en",
) -> Call[results.Recommendations]:
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
    return Call("POST", "/v1/recommendations", results.Recommendations.model_validate_json,
                body=body)  # fmt: skip


def _item(item: str) -> str:
    return f"/v1/items/{named('item', item, ITEM_LIMIT)}"
