"""A shop in the schema of tau-bench's retail data: its products as items, its orders as events.

A product is a JSON object ``{"id", "name", "variants": [{"item_id", "options", "available",
"price"}]}``, an order ``{"id", "user_id", "items": [{"item_id", "product_id", "name"}],
"status"}``, a customer ``{"id", "orders": [ids]}``. Orders have no times: a customer's are taken to
have come as they are listed, a day after each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# What an order's status says was done with what is in it; nothing came of a cancelled one.
STATUSES: dict[str, tuple[str, ...]] = {
    "pending": ("bought",), "processed": ("bought",), "delivered": ("bought",), "cancelled": (),
    "return requested": ("bought", "returned"), "exchange requested": ("bought", "returned"),
}  # fmt: skip
BEGUN = datetime(2024, 1, 5, 9, tzinfo=UTC)


def items_of(products: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every variant as ``POST /v1/items`` takes it."""
    return [
        {
            "id": variant["item_id"],
            "title": product["name"],
            "text": ", ".join(f"{name}: {value}" for name, value in variant["options"].items()),
            "metadata": {"price": variant["price"]},
            "available": variant["available"],
            "variant_of": product["id"],
        }
        for product in products
        for variant in product["variants"]
    ]


def events_of(
    customers: Iterable[Mapping[str, Any]], orders: Iterable[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """What each customer did, as ``POST /v1/events`` takes it, the first order first."""
    by_id = {order["id"]: order for order in orders}
    return {
        customer["id"]: [
            {
                "id": f"{order['id']} {item['item_id']} {kind}",
                "item": item["item_id"],
                "kind": kind,
                "at": (BEGUN + timedelta(days=day, hours=hour)).isoformat(),
            }
            for day, order in enumerate(by_id[one] for one in customer["orders"])
            for item in order["items"]
            for hour, kind in enumerate(STATUSES[order["status"]])
        ]
        for customer in customers
    }
