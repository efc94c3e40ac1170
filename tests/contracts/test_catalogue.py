"""What the catalogue and customers' events promise, over every database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memory import Catalogue, Event, InvalidInput, Item, MemoryStore, Retention, Scope
from memory.clock import now
from memory.collaborative import liked
from tests.doubles import WordEncoder

ADA, BEN = Scope("ada").owner, Scope("ben").owner
DESK = Item("desk", "Oak desk", "Two drawers.", {"price": 390})
LAMP = Item("a/lamp ☃", "Lamp", "Brass.", available=False)


@pytest.fixture
def catalogue(store: MemoryStore, encoder: WordEncoder) -> Catalogue:
    """The catalogue of a tenant, empty."""
    return Catalogue(store, encoder)


def test_an_item_is_put_replaced_and_taken_away(catalogue: Catalogue, store: MemoryStore) -> None:
    """One id is one item, the last put; it is no customer, and no other tenant has it."""
    assert not catalogue
    catalogue.put([DESK, LAMP])
    assert catalogue
    assert [item.id for item in catalogue.newest(5)] == ["a/lamp ☃", "desk"]
    found = catalogue.get("a/lamp ☃")
    assert found is not None
    assert (found.title, found.text, found.available) == ("Lamp", "Brass.", False)
    catalogue.put([Item("desk", "Oak desk", "Two drawers.", {"price": 350})])
    desk = catalogue.get("desk")
    assert desk is not None
    assert desk.metadata == {"price": 350}
    assert len(catalogue.newest(5)) == 2
    assert catalogue.titles(["desk", "nothing"]) == {"desk": "Oak desk"}
    with catalogue.reading() as index:
        assert not index.without_vector()
        assert Catalogue.position(index, "desk") is not None
    assert store.owners() == []
    assert store.cataloguing() == ["default"]
    assert Catalogue(store, WordEncoder(), "north").get("desk") is None
    store.forget_vectors()
    catalogue.embed()
    with catalogue.reading() as index:
        assert not index.without_vector(), "embedded again, as after a change of the model"
    assert catalogue.remove("desk")
    assert not catalogue.remove("desk")
    assert [item.id for item in catalogue.newest(5)] == ["a/lamp ☃"]


def test_items_are_found_by_what_is_said_of_them(catalogue: Catalogue) -> None:
    """Loosely, or only what is surely meant; by their metadata; and how near they are."""
    assert catalogue.search("desk", strict=True) == []
    assert catalogue.like("desk", bool) == []
    chair = Item("chair", "Chair for a desk", "It has wheels.", {"price": 90})
    catalogue.put([DESK, LAMP, chair])
    assert next(item.id for item in catalogue.search("oak desk", strict=True)) == "desk"
    assert catalogue.search("a garden hose", strict=True) == []
    priced = catalogue.like("oak desk", lambda about: "price" in about)
    assert [item.id for item in priced] == ["desk", "chair"]
    near = [catalogue.likeness("oak desk", ids) for ids in (["desk"], ["chair"], ["none"], [])]
    assert near[0] > near[1] > near[2] == near[3] == 0


def test_two_items_of_one_id_are_refused(catalogue: Catalogue) -> None:
    """And nothing of them is stored."""
    with pytest.raises(InvalidInput, match="two items have the id 'desk'"):
        catalogue.put([DESK, LAMP, DESK])
    assert not catalogue


def test_an_item_that_no_database_holds_is_refused() -> None:
    """With what is wrong with it."""
    with pytest.raises(InvalidInput, match="item name has 1 to 400 characters"):
        Item("", "Lamp")
    with pytest.raises(InvalidInput, match="cannot be kept as JSON"):
        Item("lamp", "Lamp", metadata={"price": float("nan")})
    with pytest.raises(InvalidInput, match="one of the kinds bought"):
        Event("lamp", "eaten")


def test_an_event_is_stored_once(store: MemoryStore) -> None:
    """With the sender's id however often it is sent; without one each is another."""
    at = now()
    first = Event("desk", "bought", at, "order 1")
    assert [e.seq for e in store.events.add(ADA, [first, Event("lamp", "viewed")])] == [1, 2]
    assert store.events.add(ADA, [first]) == []
    store.events.add(BEN, [first])
    store.events.add(ADA, [Event("hose", "refused", at - timedelta(days=3))])
    assert [e.item for e in store.events.newest(ADA, 2)] == ["hose", "lamp"]
    assert [e.item for e in store.events.newest(ADA, 5, before=2)] == ["desk"]
    assert [e.item for e in store.events.latest(ADA, 5)] == ["hose", "desk", "lamp"]
    assert store.events.done_with(ADA) == {"hose", "desk"}
    assert store.lagging() == [], "no digest waits for it"


def test_what_is_taken_away_is_learnt_from_no_more(store: MemoryStore) -> None:
    """The mark moves when an event is deleted, when a customer is erased, and when one is too old;
    the events of others stay.
    """
    for owner in (ADA, BEN):
        events = [Event(item, "bought", id=item) for item in ("desk", "lamp")]
        store.events.add(owner, [*events, Event("old", "viewed", now() - timedelta(days=90))])
    marks = [store.events.mark("default")]
    assert marks[0] == (0, 6)
    assert store.events.remove(ADA, "lamp")
    assert not store.events.remove(ADA, "lamp")
    marks.append(store.events.mark("default"))
    assert [*store.retain(Retention.days(memories=30))]
    marks.append(store.events.mark("default"))
    assert store.erase(ADA) is not None
    marks.append(store.events.mark("default"))
    assert [count for _, count in marks] == [6, 5, 3, 2]
    assert len({generation for generation, _ in marks}) == 4
    assert store.owners() == [BEN]
    done = store.events.done("default")
    assert sorted(done.names) == ["desk", "lamp"]
    assert liked(done).ids == [], "what one customer alone did tells nobody anything"
    assert liked(done, fewest=1).ids == done.names
    store.events.add(BEN, [Event("desk", "returned")])
    done = store.events.done("default")
    assert liked(done, fewest=1).ids == ["lamp"], "nobody likes what they sent back"
    store.events.add(BEN, [Event("desk", "bought")])
    assert liked(store.events.done("default"), fewest=1).ids == done.names
