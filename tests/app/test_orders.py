"""A shop's products and orders, from its database to recommendations: all parts are real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.app.conftest import Running
from tests.orders import events_of, items_of

# As tau-bench's retail data has them; options are of variants.
PRODUCTS = [
    ("Espresso Machine", 420.0, {"pressure": "15 bar"}, {"pressure": "19 bar"}),
    ("Coffee Grinder", 89.5, {"for": "espresso"}, {"for": "filter"}),
    ("Coffee Beans", 14.0, {"roast": "dark"}, {"roast": "light"}),
    ("Electric Kettle", 45.0, {"capacity": "1 l"}, {"capacity": "1.5 l"}),
    ("Running Shoes", 120.0, {"size": "9"}, {"size": "10"}, {"size": "11"}),
    ("Running Socks", 12.0, {"size": "M"}, {"size": "L"}),
    ("Hiking Boots", 180.0, {"size": "9"}, {"size": "10"}),
    ("Garden Hose", 35.0, {"length": "20 m"}, {"length": "50 m"}),
    ("Watering Can", 19.0, {"material": "zinc"}, {"material": "plastic"}),
    ("Flower Seeds", 4.0, {"kind": "poppy"}, {"kind": "cornflower"}),
    ("Bookshelf", 160.0, {"height": "5 ft"}, {"height": "6 ft"}),
    ("Desk Lamp", 60.0, {"color": "black"}, {"color": "brass"}),
]
SOLD_OUT = "hiking-boots-2"
ORDERS = {  # of each customer: the status, and what was in it
    "mia_li": [("delivered", ["espresso-machine-1"]), ("pending", ["running-shoes-1"])],
    "raj_sanchez": [("delivered", ["garden-hose-1", "watering-can-1"])],
    "olivia_brown": [("delivered", ["garden-hose-1", "watering-can-1"])],
    "noah_kim": [("pending", ["garden-hose-2", "flower-seeds-1"]), ("cancelled", ["bookshelf-1"])],
    "ava_moore": [("delivered", ["desk-lamp-1"]), ("return requested", ["running-shoes-2"])],
    "liam_silva": [("delivered", ["watering-can-1", "flower-seeds-1"])],
}


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _database() -> tuple[list[Any], list[Any], list[Any]]:
    """Products, customers and orders."""
    products = [
        {
            "id": _slug(name),
            "name": name,
            "variants": [
                {
                    "item_id": (item := f"{_slug(name)}-{n}"),
                    "options": options,
                    "available": item != SOLD_OUT,
                    "price": price + n,
                }
                for n, options in enumerate(variants, 1)
            ],
        }
        for name, price, *variants in PRODUCTS
    ]
    customers: list[Any] = []
    orders: list[Any] = []
    for customer, made in ORDERS.items():
        mine = [
            {
                "id": f"#W{len(orders) + n}",
                "user_id": customer,
                "items": [{"item_id": item} for item in items],
                "status": status,
            }
            for n, (status, items) in enumerate(made)
        ]
        orders += mine
        customers.append({"id": customer, "orders": [order["id"] for order in mine]})
    return products, customers, orders


@pytest.fixture
def shop(run_service: Callable[..., Running]) -> Running:
    """A service that has read the shop's database."""
    shop = run_service()
    products, customers, orders = _database()
    items = items_of(products)
    shop.client.post("/v1/items", json={"items": items}).raise_for_status()
    for customer, events in events_of(customers, orders).items():
        answer = shop.client.post("/v1/events", json={"customer": customer, "events": events})
        assert answer.json() == {"stored": len(events), "unknown": []}, answer.text
    return shop


def _recommended(shop: Running, customer: str, **given: Any) -> dict[str, dict[str, Any]]:
    """What is recommended to a customer, by the items' ids, the best first."""
    given = {"limit": 5, "diversity": 0, **given}
    answer = shop.client.post("/v1/recommendations", json={"customer": customer, **given})
    assert answer.status_code == 200, answer.text
    return {one["item"]["id"]: one for one in answer.json()["recommendations"]}


def _products(found: dict[str, dict[str, Any]]) -> list[str]:
    return [one["item"]["variant_of"] for one in found.values()]


def test_what_is_recommended_in_a_shop(shop: Running) -> None:
    """What fits what was bought, with the reason; one variant of a product, and none of what was
    bought or of what is sold out, and last what is like what was sent back. What is new is found,
    and who is new gets what most like.
    """
    _recommended(shop, "nobody")  # what all do is learnt beside the requests
    shop.settle()

    mia = _recommended(shop, "mia_li", limit=30)
    assert sorted(_products(mia)) == sorted(
        {_slug(name) for name, *_ in PRODUCTS} - {"espresso-machine", "running-shoes"}
    )
    assert SOLD_OUT not in mia
    assert {*_products(mia)[:2]} == {"hiking-boots", "running-socks"}, "the last counts most"
    assert mia["coffee-grinder-1"]["why"] == "because you bought Espresso Machine"
    assert mia["hiking-boots-1"]["because"]["item"] == "running-shoes-1"

    ava = _recommended(shop, "ava_moore", limit=30)
    assert {*_products(ava)[-2:]} == {"hiking-boots", "running-socks"}, "they sent shoes back"
    assert not {"desk-lamp", "running-shoes"} & {*_products(ava)}

    noah = _recommended(shop, "noah_kim", limit=30)
    assert "bookshelf" in _products(noah), "the order was cancelled"

    new = _recommended(shop, "sofia_new", limit=3)
    assert {*new} == {"garden-hose-1", "watering-can-1", "flower-seeds-1"}
    assert {one["why"] for one in new.values()} == {"because many customers like it"}

    tamper = {"id": "tamper", "title": "Espresso Tamper", "text": "For an espresso machine"}
    shop.client.post("/v1/items", json={"items": [tamper]}).raise_for_status()
    found = _recommended(shop, "mia_li", limit=12)["tamper"]
    assert found["why"] == "because you bought Espresso Machine"


def test_a_customer_of_a_shop_is_listed_and_erased(shop: Running) -> None:
    """Who only bought something is a customer; erased, nothing is left of what they did."""
    client = shop.client
    listed = {one["customer"] for one in client.get("/v1/customers").json()["customers"]}
    assert listed == {*ORDERS}
    _recommended(shop, "nobody")
    shop.settle()
    assert _recommended(shop, "nobody", limit=1)["watering-can-1"]
    for customer in ("raj_sanchez", "olivia_brown", "liam_silva"):
        assert client.delete(f"/v1/customers/{customer}").json()["deleted"]["events"]
        assert client.get(f"/v1/customers/{customer}/events").status_code == 404
    _recommended(shop, "nobody")
    shop.settle()
    reasons = {one["because"]["kind"] for one in _recommended(shop, "nobody", limit=30).values()}
    assert reasons == {"untried"}, "of each thing, nobody or one customer is left"
    listed = {one["customer"] for one in client.get("/v1/customers").json()["customers"]}
    assert listed == {"mia_li", "noah_kim", "ava_moore"}
