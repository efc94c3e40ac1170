"""/v1/insights: what is written about and how, over time; surges in it; and texts to be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from app.chains.insights import examples_of
from app.dependencies import Guarded, MonitoringDep, PrincipalDep, StoreDep, described, named
from app.insights import insights_now, tenants_now
from app.problems import Problem, later
from app.schemas.customers import Deleted
from app.schemas.fields import Name
from app.schemas.insights import (
    AlertDetail,
    AlertItem,
    AlertList,
    By,
    DocumentItem,
    DocumentList,
    ExampleItem,
    Insights,
    NewDocuments,
    TenantMoods,
)
from app.schemas.paging import Before, Limit, paged
from memory import NAME_LIMIT
from memory.documents import ID_LIMIT
from memory.insights import SOURCES, Source

router = APIRouter(prefix="/v1/insights", tags=["insights"], route_class=Guarded)

Stretches = Annotated[By, Query(description="how long a point is: 48 hours, or 30 days")]
Topic = Annotated[
    str | None,
    Query(max_length=NAME_LIMIT, description="of it alone; empty: of none that is known"),
]
Product = Annotated[Name | None, Query(description="of it alone")]
OnlyOf = Annotated[Source | None, Query(description="of these texts alone")]
OnlyOpen = Annotated[bool, Query(alias="open", description="only those that go on")]


def _document(
    document: Annotated[str, Path(examples=["news-4417"], json_schema_extra=described(ID_LIMIT))],
) -> str:
    return named("document", document, ID_LIMIT)


def _alert(
    alert: Annotated[str, Path(examples=["4f2a9c10"], json_schema_extra=described())],
) -> str:
    return named("alert", alert)


@router.get("")
def insights(
    who: PrincipalDep,
    store: StoreDep,
    by: Stretches = "day",
    source: Source = "messages",
    topic: Topic = None,
    product: Product = None,
) -> Insights:
    """What customers write about, and how they feel, over time; or what documents say.

    From what the classifier has read in the rows, so it is the same whichever worker is asked.
    """
    return insights_now(store, who.tenant, by, source, topic, product)


@router.get("/tenants")
def tenants(store: StoreDep) -> TenantMoods:
    """How customers of every tenant feel, over the last 24 hours; counts alone."""
    return tenants_now(store)


@router.get("/alerts")
def alerts(
    who: PrincipalDep,
    store: StoreDep,
    source: OnlyOf = None,
    only_open: OnlyOpen = False,
    limit: Limit = 100,
    before: Before = None,
) -> AlertList:
    """Surges of negative texts about a topic, the newest first, and who was told of them."""
    sources = SOURCES if source is None else [source]
    found = store.alerts.newest(who.tenant, limit + 1, before, sources=sources, only_open=only_open)
    page, older = paged(found, limit, lambda alert: alert.number)
    deliveries = store.alerts.deliveries([alert.id for alert in page])
    return AlertList(
        alerts=[AlertItem.of(alert, deliveries[alert.id]) for alert in page],
        next=older,
    )


@router.get("/alerts/{alert}", responses={404: {"description": "There is no such alert."}})
def alert(
    alert: Annotated[str, Depends(_alert)], who: PrincipalDep, store: StoreDep
) -> AlertDetail:
    """One of them, with examples of what was written, as long as that is there."""
    found = store.alerts.get(who.tenant, alert)
    if found is None:
        detail = f"There is no alert {alert!r}: GET /v1/insights/alerts lists them."
        raise Problem(404, "no-such-alert", "No such alert", detail)
    deliveries = store.alerts.deliveries([found.id])[found.id]
    examples = [ExampleItem.of(one) for one in examples_of(store, found)]
    return AlertDetail(**AlertItem.of(found, deliveries).model_dump(), examples=examples)


@router.post(
    "/documents", responses={409: {"description": "There is no classifier to read documents."}}
)
def put_documents(body: NewDocuments, who: PrincipalDep, monitoring: MonitoringDep) -> DocumentList:
    """Read texts that are not conversations, such as news and posts, and count them.

    Their topic and sentiment are read from their first 256 tokens. All are stored, or none; they
    belong to the tenant, and no customer's memory has them.
    """
    if not monitoring.reads:
        detail = "No classifier reads documents: set MEMORY_SERVICE_UNDERSTANDING to one."
        raise Problem(409, "no-classifier", "No classifier", detail)
    kept = monitoring.put(who.tenant, [one.post() for one in body.documents])
    if kept is None:
        detail = "The classifier has failed; nothing was stored. Send the documents again."
        raise later(503, "classifier-failed", "Classifier failed", detail, 30)
    return DocumentList(documents=[DocumentItem.of(post) for post in kept], next=None)


@router.get("/documents")
def documents(
    who: PrincipalDep, store: StoreDep, limit: Limit = 100, before: Before = None
) -> DocumentList:
    """The documents, the last filed first."""
    found = store.posts.newest(who.tenant, limit + 1, before)
    page, older = paged(found, limit, lambda post: post.seq)
    return DocumentList(documents=[DocumentItem.of(post) for post in page], next=older)


@router.delete("/documents/{document}")
def delete_document(
    document: Annotated[str, Depends(_document)], who: PrincipalDep, store: StoreDep
) -> Deleted:
    """Delete a document; it counts no longer."""
    if not store.posts.remove(who.tenant, document):
        detail = f"There is no document {document!r}: GET /v1/insights/documents lists them."
        raise Problem(404, "no-such-document", "No such document", detail)
    return Deleted(deleted={"records": 1})
