"""/v1/items, /v1/events and /v1/recommendations, in a small shop with real vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.items import items_of
from memory import InvalidInput
from tests.app.conftest import Running
from tests.doubles import WordReader

SHOP = """id,title,text,category,price,available
oak-desk,Oak desk,A desk of solid oak with two drawers,desks,390,yes
pine-desk,Pine desk,A light writing desk of pine,desks,190,yes
glass-desk,Glass desk,A desk with a top of glass,desks,290,no
chair,Desk chair,A chair on wheels for long days at a desk,chairs,150,yes
lamp,Reading lamp,A brass lamp for reading at night,lamps,60,yes
bulb,Light bulb,A warm bulb for lamps,lamps,5,yes
hose,Garden hose,Twenty metres of hose for watering the garden,garden,30,yes
spade,Spade,A steel spade for digging flower beds,garden,25,yes
"""
NOW = datetime.now(UTC)


@pytest.fixture
def shop(service: Running) -> Running:
    """A service with a catalogue."""
    answer = service.client.post("/v1/items/import", json={"text": SHOP})
    assert answer.json() == {"stored": 8}, answer.text
    return service


def did(shop: Running, customer: str, *done: tuple[str, str]) -> None:
    """Let a customer do things, a day after each other."""
    events = [
        {"item": item, "kind": kind, "at": (NOW - timedelta(days=len(done) - n)).isoformat()}
        for n, (item, kind) in enumerate(done)
    ]
    body = {"customer": customer, "events": events}
    shop.client.post("/v1/events", json=body).raise_for_status()


def recommended(shop: Running, customer: str, **given: Any) -> list[dict[str, Any]]:
    """What is recommended to a customer."""
    answer = shop.client.post("/v1/recommendations", json={"customer": customer, **given})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["recommendations"]
    return found


def ids(found: list[dict[str, Any]]) -> list[str]:
    """The items of recommendations."""
    return [one["item"]["id"] for one in found]


def test_what_is_like_what_was_bought_comes_first_and_says_so(shop: Running) -> None:
    """The reason names it, in either language; what was bought, is not available or is unlike what
    was refused is not among them.
    """
    did(shop, "ada", ("hose", "refused"), ("oak-desk", "bought"))
    found = recommended(shop, "ada")
    assert ids(found)[0] == "pine-desk"
    assert found[0]["why"] == "because you bought Oak desk"
    assert found[0]["because"]["item"] == "oak-desk"
    assert found[0]["item"]["metadata"] == {"category": "desks", "price": 190}
    assert not {"oak-desk", "hose", "glass-desk"} & {*ids(found)}
    assert found[0]["score"] >= found[-1]["score"]
    assert recommended(shop, "ada", language="zh")[0]["why"] == "因为您买过Oak desk"
    asked = {"Accept-Language": "zh-CN"}
    answer = shop.client.post("/v1/recommendations", json={"customer": "ada"}, headers=asked)
    assert answer.json()["recommendations"][0]["why"] == "因为您买过Oak desk"


HOUSE = {
    "sofa": ["Velvet sofa", "Leather sofa", "Corner sofa", "Sofa bed", "Two-seat sofa"],
    "vase": ["Glass vase", "Clay vase", "Tall vase", "Blue vase", "Vase for roses"],
    "novel": ["Crime novel", "Romance novel", "Historical novel", "Spy novel", "Gothic novel"],
    "kettle": ["Steel kettle", "Electric kettle", "Whistling kettle", "Tea kettle", "Red kettle"],
    "bike": ["Road bicycle", "City bicycle", "Mountain bicycle", "Folding bicycle", "Old bicycle"],
}


@pytest.fixture
def house(service: Running) -> Running:
    """A service with a catalogue of five things of each of five kinds."""
    items = [
        {"id": f"{kind}{n}", "title": title, "metadata": {"kind": kind}}
        for kind, titles in HOUSE.items()
        for n, title in enumerate(titles)
    ]
    service.client.post("/v1/items", json={"items": items}).raise_for_status()
    return service


@pytest.mark.parametrize(
    "done",
    [
        [("sofa0", "returned")],
        [("sofa0", "complained")],
        [("sofa0", "liked"), ("sofa0", "refused")],
    ],
)
def test_a_refusal_leaves_the_rest(house: Running, done: list[tuple[str, str]]) -> None:
    """What is like what was refused comes last, whatever was thought of it before; the others are
    there, for no reason that they have not.
    """
    did(house, "ada", *done)
    found = recommended(house, "ada", limit=20)
    assert len(found) == 20
    assert not [one for one in ids(found) if one.startswith("sofa")]
    assert {one["because"]["kind"] for one in found} == {"untried"}
    every = ids(recommended(house, "ada", limit=100))
    assert len(every) == 24
    assert {*every[20:]} == {"sofa1", "sofa2", "sofa3", "sofa4"}


def test_a_refusal_is_held_against_nothing_else(house: Running) -> None:
    """What is like what was bought comes first, and is no less than the rest of the list."""
    did(house, "ada", ("sofa0", "bought"), ("vase0", "refused"))
    found = ids(recommended(house, "ada", diversity=0))
    assert len(found) == 10
    assert {*found[:4]} == {"sofa1", "sofa2", "sofa3", "sofa4"}
    assert not [one for one in found if one.startswith("vase")]
    did(house, "ben", ("novel0", "liked"), ("novel1", "liked"), ("novel2", "bought"),
        ("kettle0", "complained"))  # fmt: skip
    assert {"novel3", "novel4"} <= {*ids(recommended(house, "ben", limit=4))}


def test_the_reason_is_what_is_most_like_it(house: Running) -> None:
    """Not what was done last; and what was liked is not recommended again."""
    did(house, "ada", ("novel0", "liked"), ("sofa0", "liked"))
    found = recommended(house, "ada", limit=100)
    assert not {"novel0", "sofa0"} & {*ids(found)}
    for one in found:
        kind = one["item"]["metadata"]["kind"]
        if kind in ("novel", "sofa"):
            assert one["because"]["item"] == f"{kind}0", one["item"]["title"]


def test_what_was_done_last_counts_most(shop: Running) -> None:
    """And what says more: a look counts less than a purchase."""
    scores = {}
    for customer, done in {
        "ada": [("oak-desk", "bought"), ("lamp", "bought")],
        "ben": [("lamp", "bought"), ("oak-desk", "bought")],
        "cyd": [("oak-desk", "bought"), ("lamp", "viewed")],
    }.items():
        did(shop, customer, *done)
        found = recommended(shop, customer)
        scores[customer] = {one["item"]["id"]: one["score"] for one in found}
    assert scores["ada"]["bulb"] > scores["ben"]["bulb"]
    assert scores["ada"]["bulb"] > scores["cyd"]["bulb"]
    assert scores["ben"]["pine-desk"] > scores["ada"]["pine-desk"]


def test_only_what_is_asked_for(shop: Running) -> None:
    """By metadata, and no more than so many."""
    did(shop, "ada", ("oak-desk", "bought"))
    lamps = recommended(shop, "ada", where={"category": "lamps"})
    assert {*ids(lamps)} == {"bulb", "lamp"}
    assert len(recommended(shop, "ada", limit=1)) == 1
    assert recommended(shop, "ada", where={"category": "boats"}) == []


def test_diversity_brings_others_forward(shop: Running) -> None:
    """With much of it the second is unlike the first."""
    did(shop, "ada", ("lamp", "viewed"), ("oak-desk", "bought"))
    alike, unlike = (ids(recommended(shop, "ada", diversity=d, limit=2)) for d in (0, 0.9))
    assert alike == ["pine-desk", "chair"]
    assert unlike[0] == "pine-desk"
    assert unlike[1] not in {"pine-desk", "chair"}


def test_a_new_customer_gets_what_others_like_and_a_new_item_is_found(shop: Running) -> None:
    """What several bought, and only then what was put last; an item that nobody knows is
    recommended by its text to who likes what is like it.
    """
    assert ids(recommended(shop, "new", limit=2, diversity=0)) == ["spade", "hose"]
    for customer in ("ada", "ben", "cyd"):
        did(shop, customer, ("bulb", "bought"), ("lamp", "bought"))
    recommended(shop, "new")
    shop.settle()
    found = recommended(shop, "new", limit=2)
    assert {*ids(found)} == {"bulb", "lamp"}
    assert {one["why"] for one in found} == {"because many customers like it"}
    item = {"id": "torch", "title": "Torch", "text": "A lamp with a bulb, for reading in a tent"}
    shop.client.post("/v1/items", json={"items": [item]}).raise_for_status()
    best = recommended(shop, "ada", limit=1)[0]
    assert (best["item"]["id"], best["because"]["kind"]) == ("torch", "bought")


def test_what_others_bought_together_is_recommended(shop: Running) -> None:
    """Though nothing that is said of the two is alike; and no longer when these customers are
    erased.
    """
    pytest.importorskip("implicit")
    for n in range(6):
        did(shop, f"c{n}", ("oak-desk", "bought"), ("hose", "bought"))
        did(shop, f"d{n}", ("lamp", "bought"), ("bulb", "bought"))
    did(shop, "ada", ("oak-desk", "bought"))
    assert ids(recommended(shop, "ada", diversity=0))[0] == "pine-desk", "not learnt yet"
    shop.settle()
    found = recommended(shop, "ada", diversity=0)
    assert (ids(found)[0], found[0]["why"]) == ("hose", "because you bought Oak desk")
    for n in range(6):
        shop.client.delete(f"/v1/customers/c{n}").raise_for_status()
    assert ids(recommended(shop, "ada", diversity=0))[0] == "pine-desk", "let go at once"
    shop.settle()
    assert ids(recommended(shop, "ada", diversity=0))[0] == "pine-desk"


def test_what_a_customer_says_counts(run_service: Callable[..., Running]) -> None:
    """A message that bears on items is a reason; said in anger it is held against them."""
    shop = run_service(understanding=WordReader())
    shop.client.post("/v1/items/import", json={"text": SHOP}).raise_for_status()
    said = "I am looking for a spade to dig my flower beds with"
    shop.chat(said, customer="ada")
    shop.chat(f"I am angry. Your spade for digging flower beds broke. {said}", customer="ben")
    shop.chat("hello", customer="cyd")
    shop.settle()
    best = recommended(shop, "ada")[0]
    assert (best["item"]["id"], best["why"]) == ("spade", f"because you said “{said}”")
    message = shop.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"][0]
    assert best["because"]["message"] == message["id"]
    assert ids(recommended(shop, "ben"))[-1] == "spade"
    assert {one["because"]["kind"] for one in recommended(shop, "cyd")} == {"untried"}


def test_items_and_events_over_http(shop: Running) -> None:
    """Listed by the page, read, deleted; what is not there is said."""
    client = shop.client
    page = client.get("/v1/items?limit=6").json()
    assert [item["id"] for item in page["items"]][:2] == ["spade", "hose"]
    rest = client.get(f"/v1/items?before={page['next']}").json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == (
        ["pine-desk", "oak-desk"],
        None,
    )
    assert client.get("/v1/items/glass-desk").json()["available"] is False
    events = [{"item": "lamp", "kind": "viewed", "id": "k1"}, {"item": "boat", "kind": "bought"}]
    body = {"customer": "ada", "events": events}
    assert client.post("/v1/events", json=body).json() == {"stored": 2, "unknown": ["boat"]}
    body["events"] = events[:1]
    assert client.post("/v1/events", json=body).json() == {"stored": 0, "unknown": []}
    page = client.get("/v1/customers/ada/events?limit=1").json()
    assert [(e["item"], e["title"]) for e in page["events"]] == [("boat", None)]
    (first,) = client.get(f"/v1/customers/ada/events?before={page['next']}").json()["events"]
    assert (first["id"], first["title"], first["kind"]) == ("k1", "Reading lamp", "viewed")
    assert client.delete("/v1/customers/ada/events/k1").json() == {"deleted": {"events": 1}}
    nothing = client.get("/v1/customers/eve/events?may_be_new=true").json()
    assert nothing == {"events": [], "next": None}
    for method, path, kind in [
        ("DELETE", "/v1/customers/ada/events/k1", "no-such-event"),
        ("GET", "/v1/customers/eve/events", "no-such-customer"),
        ("GET", "/v1/items/boat", "no-such-item"),
        ("DELETE", "/v1/items/boat", "no-such-item"),
    ]:
        assert client.request(method, path).json()["type"] == f"urn:problem:{kind}"
    assert client.delete("/v1/items/lamp").json() == {"deleted": {"items": 1}}
    assert "lamp" not in ids(recommended(shop, "new"))


def _event_at(at: str) -> dict[str, Any]:
    return {"customer": "ada", "events": [{"item": "a", "kind": "viewed", "at": at}]}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("items", {"items": []}, "items"),
        ("items", {"items": [{"id": "a", "title": "A"}] * 2}, "two items have the id 'a'"),
        ("items", {"items": [{"id": "a", "title": "A", "price": 3}]}, "price"),
        ("items/import", {"text": "id,title,variant_of\na,A,a"}, "'a' is no variant of itself"),
        ("items/import", {"text": "id,title\na"}, "line 2 has 1 cells"),
        ("items/import", {"text": "id,price\na,3"}, 'an item has an "id" and a "title"'),
        ("items/import", {"text": "id,title"}, "has no items"),
        ("items/import", {"text": "{}", "format": "jsonl"}, "line 1"),
        ("events", {"customer": "ada", "events": [{"item": "a", "kind": "eaten"}]}, "kind"),
        ("events", {"customer": "ada", "events": [{"item": "a" * 401, "kind": "viewed"}]}, "item"),
        ("events", _event_at("0001-01-01T00:00:00Z"), "before 1970"),
        ("events", _event_at("2126-01-01T00:00:00Z"), "no time to come"),
        ("events", _event_at("2026-01-01T00:00:00"), "give the zone"),
        ("items/import", {"text": "id,title,available\na,A,maybe"}, "not 'maybe'"),
        ("recommendations", {"customer": "ada", "diversity": 2}, "diversity"),
        ("recommendations", {"customer": "ada", "where": {"price": {}}}, "where"),
    ],
)
def test_what_cannot_be_is_refused(service: Running, path: str, body: Any, said: str) -> None:
    """With a problem document, and nothing is stored."""
    answer = service.client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 422
    assert said in answer.text.replace('\\"', '"')
    assert service.client.get("/v1/items").json()["items"] == []
    assert service.client.get("/v1/customers/ada/events").status_code == 404


def test_a_table_of_items() -> None:
    """By other names of the columns, too; of JSONL the metadata stays what it is."""
    rows = [{"id": 7, "name": "Lamp", "description": "Brass", "price": 60, "available": False}]
    (item,) = items_of("\n".join(map(json.dumps, rows)), "jsonl")
    assert (item.id, item.title, item.text, item.available) == ("7", "Lamp", "Brass", False)
    assert (item.metadata, item.variant_of) == ({"price": 60}, None)
    (item,) = items_of("id,title,variant_of\n7,Lamp,lamps", "csv")
    assert (item.metadata, item.variant_of) == ({}, "lamps")
    with pytest.raises(InvalidInput, match=r"text, line 1: .*true or false"):
        items_of('{"id": "a", "title": "A", "available": 3}', "jsonl")


def test_numbers_of_a_csv_table() -> None:
    """A cell that is a number is one; ids, titles and numbers with zeros before them are text."""
    table = """id,title,price,code,size,much
7,1984,200.5,007,-3,1e3
8,Lamp,12,A1,,99999999999999999999"""
    first, second = items_of(table, "csv")
    assert (first.id, first.title) == ("7", "1984")
    assert first.metadata == {"price": 200.5, "code": "007", "size": -3, "much": "1e3"}
    assert second.metadata == {
        "price": 12, "code": "A1", "size": "", "much": "99999999999999999999",
    }  # fmt: skip
    assert [type(item.metadata["price"]) for item in (first, second)] == [float, int]


@pytest.mark.parametrize(
    ("said", "available"),
    [("yes", True), ("TRUE", True), ("是", True), ("", False), ("no", False), ("0", False)],
)
def test_what_is_available(said: str, available: bool) -> None:
    """As a cell says it."""
    (item,) = items_of(f"id,title,available\na,A,{said}", "csv")
    assert item.available is available
