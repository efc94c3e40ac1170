"""What a service can be asked about what is written and how, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from memory.client.call import Call, named, stamp, without_none, word
from memory.client.results import Deleted, Result, Understood
from memory.documents import ID_LIMIT

Source = Literal["messages", "documents"]
_INSIGHTS = "/v1/insights"
_DOCUMENTS = f"{_INSIGHTS}/documents"


class Counts(Result):
    """How many texts were read, and how they are; ``mood`` is their mean, -1 to 1."""

    texts: int
    negative: int
    neutral: int
    positive: int
    mood: float | None  # None: nothing says anything of it


class Point(Counts):
    """What was written in an hour or a day."""

    at: datetime  # when it began


class Theme(Counts):
    """What was written about a topic or a product, in all and at each point."""

    name: str | None  # None: none of the topics that are known
    texts_at: list[int]
    negative_at: list[int]


class Insights(Result):
    """What is written about and how, over time; the oldest point first, the last not over yet."""

    at: datetime
    by: str
    source: str
    points: list[Point]
    total: Counts
    topics: list[Theme]
    products: list[Theme]
    open_alerts: int


class Delivery(Result):
    """The telling of an alert to a receiver."""

    event: str
    what: str  # opened or closed
    target: str
    tries: int
    told_at: datetime | None
    due_at: datetime | None
    fault: str | None


class Alert(Result):
    """A surge of negative texts about a topic; ``closed_at`` of None: it goes on."""

    alert: str
    source: str
    topic: str | None
    opened_at: datetime
    closed_at: datetime | None
    count: int
    usual: float
    score: float
    deliveries: list[Delivery]


class AlertPage(Result):
    """Alerts, the newest first; ``next`` is the ``before`` that asks for older ones."""

    alerts: list[Alert]
    next: int | None


class Example(Result):
    """A text of a surge; a document has no customer, and its session is its collection."""

    customer: str | None
    session: str
    id: str
    at: datetime
    text: str


class AlertDetail(Alert):
    """An alert with examples, the surest first."""

    examples: list[Example]


class Document(Result):
    """A text that is not a conversation, and what was read in it."""

    id: str
    text: str
    collection: str
    product: str | None
    at: datetime
    understanding: dict[str, Understood] | None


class DocumentPage(Result):
    """Documents, the last filed first; ``next`` is the ``before`` that asks for older ones."""

    documents: list[Document]
    next: int | None


class TenantMood(Counts):
    """What was written in a tenant in the last 24 hours."""

    tenant: str
    open_alerts: int


class TenantMoods(Result):
    """Every tenant, in the order of their names."""

    tenants: list[TenantMood]


def insights(
    *,
    by: Literal["hour", "day"] = "day",
    source: Source = "messages",
    topic: str | None = None,
    product: str | None = None,
) -> Call[Insights]:
    """What is written about and how, over the last 48 hours or 30 days.

    Args:
        by: how long a point is.
        source: of messages or of documents.
        topic: of it alone; "": of none that is known.
        product: of it alone.
    """
    query = {"by": by, "source": source, "topic": topic, "product": product}
    return Call("GET", _INSIGHTS, Insights.model_validate_json, query)


def tenants() -> Call[TenantMoods]:
    """How customers of every tenant feel, over the last 24 hours."""
    return Call("GET", f"{_INSIGHTS}/tenants", TenantMoods.model_validate_json)


def alerts(
    *,
    source: Source | None = None,
    open: bool = False,  # noqa: A002 - as the API calls it
    limit: int = 100,
    before: int | None = None,
) -> Call[AlertPage]:
    """Surges of negative texts, the newest first; ``before`` is a page's ``next``.

    Args:
        source: of messages or of documents; None: of both.
        open: only those that go on.
        limit: how many at most.
        before: where the page before ended.
    """
    query = {"source": source, "open": word(open), "limit": limit, "before": before}
    return Call("GET", f"{_INSIGHTS}/alerts", AlertPage.model_validate_json, query)


def alert(alert: str) -> Call[AlertDetail]:
    """One of them, with examples of what was written."""
    path = f"{_INSIGHTS}/alerts/{named('alert', alert)}"
    return Call("GET", path, AlertDetail.model_validate_json)


def put_documents(documents: Sequence[Mapping[str, Any]]) -> Call[DocumentPage]:
    """Have texts that are not conversations read, counted and watched; all or none.

    Args:
        documents: each ``{"id", "text"}``, perhaps with "collection", "product" and "at"; one
            whose id is there takes its place.
    """
    made = [without_none({**one, "at": stamp(one.get("at"))}) for one in documents]
    return Call("POST", _DOCUMENTS, DocumentPage.model_validate_json, body={"documents": made})


def documents(*, limit: int = 100, before: int | None = None) -> Call[DocumentPage]:
    """The documents, the last filed first; ``before`` is a page's ``next``."""
    query = {"limit": limit, "before": before}
    return Call("GET", _DOCUMENTS, DocumentPage.model_validate_json, query)


def delete_document(document: str) -> Call[Deleted]:
    """Delete a document; it counts no longer."""
    path = f"{_DOCUMENTS}/{named('document', document, ID_LIMIT)}"
    return Call("DELETE", path, Deleted.model_validate_json, again=False)
