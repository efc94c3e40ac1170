"""/v1/items, /v1/events and /v1/recommendations: what there is, what was done, what fits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from app.dependencies import (
    ChainDep,
    CustomerDep,
    Guarded,
    PrincipalDep,
    RecommendationsDep,
    StoreDep,
    check_known,
    described,
    named,
)
from app.items import items_of
from app.problems import NO_CUSTOMER, Problem
from app.schemas.customers import Deleted
from app.schemas.paging import Before, Limit, MayBeNew, paged
from app.schemas.recommendations import (
    EventItem,
    EventList,
    EventsRequest,
    EventsStored,
    ItemDetail,
    ItemList,
    ItemsImport,
    ItemsRequest,
    ItemsStored,
    RecommendationItem,
    RecommendationRequest,
    RecommendationResponse,
)
from app.translation import asked
from memory import Catalogue
from memory.events import ITEM_LIMIT

router = APIRouter(tags=["recommendations"], route_class=Guarded)


def _item(
    item: Annotated[str, Path(examples=["oak-desk"], json_schema_extra=described(ITEM_LIMIT))],
) -> str:
    return named("item", item, ITEM_LIMIT)


def _event(
    event: Annotated[str, Path(description="an event's `id`", json_schema_extra=described())],
) -> str:
    return named("event", event)


def _catalogue(who: PrincipalDep, chain: RecommendationsDep) -> Catalogue:
    return chain.catalogue(who.tenant)


ItemDep = Annotated[str, Depends(_item)]
EventDep = Annotated[str, Depends(_event)]
CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]


@router.post("/v1/items")
def put_items(body: ItemsRequest, catalogue: CatalogueDep) -> ItemsStored:
    """Put items into the catalogue, each in the place of the one with its id; all or none."""
    catalogue.put([one.item() for one in body.items])
    return ItemsStored(stored=len(body.items))


@router.post("/v1/items/import")
def import_items(body: ItemsImport, catalogue: CatalogueDep) -> ItemsStored:
    """Put the items of a table into the catalogue, all of them or none."""
    items = items_of(body.text, body.format)
    catalogue.put(items)
    return ItemsStored(stored=len(items))


@router.get("/v1/items")
def items(catalogue: CatalogueDep, limit: Limit = 100, before: Before = None) -> ItemList:
    """The items, the last put first."""
    page, older = paged(catalogue.newest(limit + 1, before), limit, lambda item: item.seq)
    return ItemList(items=[ItemDetail.of(item) for item in page], next=older)


@router.get("/v1/items/{item}", responses={404: {"description": "There is no such item."}})
def one_item(item: ItemDep, catalogue: CatalogueDep) -> ItemDetail:
    """One item."""
    found = catalogue.get(item)
    if found is None:
        raise _no_item(item)
    return ItemDetail.of(found)


@router.delete("/v1/items/{item}")
def delete_item(item: ItemDep, catalogue: CatalogueDep) -> Deleted:
    """Delete an item; what customers did with it stays among what they did."""
    if not catalogue.remove(item):
        raise _no_item(item)
    return Deleted(deleted={"items": 1})


@router.post("/v1/events")
def add_events(
    body: EventsRequest, who: PrincipalDep, catalogue: CatalogueDep, store: StoreDep
) -> EventsStored:
    """Store what a customer did, all of it or nothing; it is in the customer's own memory."""
    events = [one.event() for one in body.events]
    added = store.events.add(who.scope(body.customer).owner, events)
    ids = {event.item for event in events}
    return EventsStored(stored=len(added), unknown=sorted(ids - catalogue.titles(ids).keys()))


@router.get("/v1/customers/{customer}/events", responses=NO_CUSTOMER)
def events(
    scope: CustomerDep, catalogue: CatalogueDep, store: StoreDep, limit: Limit = 100,
    before: Before = None, may_be_new: MayBeNew = False,
) -> EventList:  # fmt: skip
    """What a customer did, the last stored first."""
    if not may_be_new:
        check_known(store, scope)
    found = store.events.newest(scope.owner, limit + 1, before)
    page, older = paged(found, limit, lambda event: event.seq)
    titles = catalogue.titles({event.item for event in page})
    return EventList(
        events=[
            EventItem(id=e.id, item=e.item, title=titles.get(e.item), kind=e.kind, at=e.at)
            for e in page
        ],
        next=older,
    )


@router.delete("/v1/customers/{customer}/events/{event}")
def delete_event(scope: CustomerDep, event: EventDep, store: StoreDep) -> Deleted:
    """Delete something that a customer did; what was learnt from it is learnt anew."""
    if not store.events.remove(scope.owner, event):
        detail = f"Customer {scope.customer!r} has no event {event!r}: GET .../events lists them."
        raise Problem(404, "no-such-event", "No such event", detail)
    return Deleted(deleted={"events": 1})


@router.post("/v1/recommendations")
def recommend(
    body: RecommendationRequest, who: PrincipalDep, chain: ChainDep,
    recommendations: RecommendationsDep,
) -> RecommendationResponse:  # fmt: skip
    """Recommend items to a customer by what they did and said, with the reason of each.

    What they have bought, liked, complained about, returned or refused is left out, and what is
    like what they refused comes last. A customer of whom nothing is known gets what most others
    like, and where that is not known either, what was put last.
    """
    scope = who.scope(body.customer)
    found = recommendations.recommend(
        scope, chain.memory(scope).vector, body.limit, where=body.where,
        diversity=body.diversity, language=body.language or asked(),
    )  # fmt: skip
    return RecommendationResponse(recommendations=[RecommendationItem.of(one) for one in found])


def _no_item(item: str) -> Problem:
    detail = f"There is no item {item!r}: GET /v1/items lists them."
    return Problem(404, "no-such-item", "No such item", detail)
