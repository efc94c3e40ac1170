"""What is written about, and how; surges in it; and texts that are not conversations."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, field_validator

from app.schemas.fields import Body, Name, NotBlank, Past
from app.schemas.understanding import Understood, understood
from memory import check_name
from memory.alerts import Alert, Delivery, What
from memory.clock import now
from memory.complaints import Example
from memory.documents import ID_LIMIT
from memory.insights import Cell, Source
from memory.mood import VALUES
from memory.posts import Post

By = Literal["hour", "day"]
MOST_DOCUMENTS = 100  # in a request
LONGEST = 20_000  # characters of a document

DocumentId = Annotated[
    str,
    Field(min_length=1, max_length=ID_LIMIT, examples=["news-4417"]),
    AfterValidator(lambda given: check_name("document id", given, ID_LIMIT)),
]


class Counts(BaseModel):
    """How many texts were read, and how they are."""

    texts: int
    negative: int
    neutral: int
    positive: int
    mood: float | None = Field(description="-1 to 1, the mean; null: nothing says anything of it")

    @classmethod
    def of(cls, cells: Counter[Cell]) -> Counts:
        """As they are sent."""
        moods = Counter[str | None]()
        for cell, count in cells.items():
            moods[cell.mood] += count
        known = sum(moods[name] for name in VALUES)
        total = sum(value * moods[name] for name, value in VALUES.items())
        return cls(
            texts=moods.total(), negative=moods["negative"], neutral=moods["neutral"],
            positive=moods["positive"], mood=round(total / known, 4) if known else None,
        )  # fmt: skip


class Stretch(Counts):
    """What was written in an hour or a day (UTC)."""

    at: datetime = Field(description="when it began")


class Theme(Counts):
    """What was written about a topic, or a product, in all that time."""

    name: str | None = Field(description="null: none of the topics that are known")
    texts_at: list[int] = Field(description="`texts` of each point")
    negative_at: list[int] = Field(description="`negative` of each point")


class Insights(BaseModel):
    """What customers write about, and how they feel, over time."""

    at: datetime
    by: By
    source: Source
    points: list[Stretch] = Field(
        description="the last 48 hours or 30 days, the oldest first; the last is not over yet"
    )
    total: Counts = Field(description="of all points together")
    topics: list[Theme] = Field(description="the most written about first")
    products: list[Theme] = Field(
        description="of sessions in which they were named, or of documents; the first 20"
    )
    open_alerts: int = Field(description="surges in these texts that go on, of any topic")


class DeliveryItem(BaseModel):
    """The telling of an alert to a receiver."""

    event: str = Field(description="`webhook-id`: the same in every try, and for all receivers")
    what: What
    target: str = Field(description="which receiver; a hash of its address")
    tries: int
    told_at: datetime | None = Field(description="null: it was not received yet")
    due_at: datetime | None = Field(description="when the next try is due; null: there is none")
    fault: str | None = Field(description="what went wrong the last time")

    @classmethod
    def of(cls, one: Delivery) -> DeliveryItem:
        """As it is sent."""
        return cls(
            event=one.event, what=one.what, target=one.target, tries=one.tries, told_at=one.told,
            due_at=one.due, fault=one.fault,
        )  # fmt: skip


class AlertItem(BaseModel):
    """A surge of negative texts about a topic."""

    alert: str
    source: Source
    topic: str | None = Field(description="null: none of the topics that are known")
    opened_at: datetime
    closed_at: datetime | None = Field(description="null: it goes on")
    count: int = Field(description="customers, or documents, in the hour at its height")
    usual: float = Field(
        description="to be expected: the same hour on the days before, by how busy it was"
    )
    score: float = Field(description="standard deviations above that")
    deliveries: list[DeliveryItem]

    @classmethod
    def of(cls, alert: Alert, deliveries: list[Delivery]) -> AlertItem:
        """As it is sent."""
        return cls(
            alert=alert.id, source=alert.source, topic=alert.topic, opened_at=alert.opened,
            closed_at=alert.closed, count=alert.many, usual=round(alert.usual, 1),
            score=round(alert.score, 2), deliveries=[DeliveryItem.of(one) for one in deliveries],
        )  # fmt: skip


class AlertList(BaseModel):
    """Alerts, the newest first."""

    alerts: list[AlertItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class ExampleItem(BaseModel):
    """A text of a surge, as long as it is there."""

    customer: str | None = Field(description="null: a document")
    session: str = Field(description="of a document its collection")
    id: str = Field(description="of the message, or the document")
    at: datetime
    text: str

    @classmethod
    def of(cls, one: Example) -> ExampleItem:
        """As it is sent."""
        return cls.model_validate(one._asdict())


class AlertDetail(AlertItem):
    """An alert with examples."""

    examples: list[ExampleItem] = Field(description="of a customer each, the surest first")


class NewDocument(Body):
    """A text that is not a conversation."""

    id: DocumentId = Field(description="names it in the tenant: sent again, it is replaced")
    text: NotBlank = Field(max_length=LONGEST, examples=["Parcels are late all over the country."])
    collection: Name = Field("documents", description="where it is from")
    product: Name | None = Field(None, description="what it is about, if that is known")
    at: Past | None = Field(None, description="when it was written; null: now")

    def post(self) -> Post:
        """What is kept of it."""
        return Post(self.id, self.text, self.at or now(), self.collection, self.product)


class NewDocuments(Body):
    """Texts that are not conversations."""

    documents: list[NewDocument] = Field(min_length=1, max_length=MOST_DOCUMENTS)

    @field_validator("documents")
    @classmethod
    def _once(cls, given: list[NewDocument]) -> list[NewDocument]:
        twice = [name for name, many in Counter(one.id for one in given).items() if many > 1]
        if twice:
            msg = f"the id {twice[0]!r} is there twice: each needs one of its own"
            raise ValueError(msg)
        return given


class DocumentItem(BaseModel):
    """A document, and what was read in it."""

    id: str
    text: str
    collection: str
    product: str | None
    at: datetime
    understanding: Understood

    @classmethod
    def of(cls, post: Post) -> DocumentItem:
        """As it is sent."""
        return cls(
            id=post.id, text=post.text, collection=post.collection, product=post.product,
            at=post.at, understanding=understood(post.labels),
        )  # fmt: skip


class DocumentList(BaseModel):
    """Documents, the last filed first."""

    documents: list[DocumentItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class TenantMood(Counts):
    """What was written in a tenant in the last 24 hours."""

    tenant: str
    open_alerts: int


class TenantMoods(BaseModel):
    """Every tenant, in the order of their names."""

    tenants: list[TenantMood]
