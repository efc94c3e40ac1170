"""Items, what customers did with them, and what is recommended of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from app.chains.recommendations import Recommendation
from app.interest.did import Kind
from app.items import Format
from app.schemas.fields import NAMED, Body, Name, Number, Past, Text, Truth, Whole
from app.translation import Language
from memory import Event, Item, check_name
from memory.catalogue import TITLE_LIMIT
from memory.events import ITEM_LIMIT

ItemId = Annotated[
    str,
    Field(min_length=1, max_length=ITEM_LIMIT, examples=["oak-desk"], json_schema_extra=NAMED),
    AfterValidator(lambda item: check_name("item", item, ITEM_LIMIT)),
]
Title = Annotated[
    str,
    Field(min_length=1, max_length=TITLE_LIMIT, examples=["Oak desk"], json_schema_extra=NAMED),
    AfterValidator(lambda title: check_name("title", title, TITLE_LIMIT)),
]
Did = Literal["viewed", "asked", "liked", "bought", "complained", "returned", "refused"]
Plain = str | int | float | bool | None


class ItemBody(Body):
    """An item, whole: what was there under its id before is replaced."""

    id: ItemId
    title: Title
    text: Text = Field("", max_length=32_768, description="what is said of it")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="JSON that comes back with it, as a price", max_length=100
    )
    available: Truth = Field(True, description="false: it is kept, and is not recommended")
    variant_of: ItemId | None = Field(
        None,
        description="the product that it is a variant of, by size or colour say; it is what "
        "variants have in common, and there need be no item of its id",
    )

    def item(self) -> Item:
        """It as it is stored."""
        return Item(
            self.id, self.title, self.text, self.metadata, self.available, self.variant_of
        )  # fmt: skip


class ItemsRequest(Body):
    """Items to put into the catalogue."""

    items: list[ItemBody] = Field(min_length=1, max_length=1000)


class ItemsImport(Body):
    """A table of items."""

    text: Text = Field(
        min_length=1,
        examples=["id,title,text,price\noak-desk,Oak desk,A desk of solid oak,390"],
        description="rows with `id` and `title`, perhaps `text`, `available` and `variant_of`; "
        "other columns are metadata",
    )
    format: Format = "csv"


class ItemsStored(BaseModel):
    """How many items were put."""

    stored: int


class ItemDetail(BaseModel):
    """An item of the catalogue."""

    id: str
    title: str
    text: str
    metadata: dict[str, Any]
    available: bool
    variant_of: str | None

    @classmethod
    def of(cls, item: Item) -> ItemDetail:
        """Make one from an item that is stored."""
        return cls(
            id=item.id, title=item.title, text=item.text, metadata=dict(item.metadata),
            available=item.available, variant_of=item.variant_of,
        )  # fmt: skip


class ItemList(BaseModel):
    """Items, the last put first."""

    items: list[ItemDetail]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class EventBody(Body):
    """Something that a customer did with an item."""

    item: ItemId
    kind: Did = Field(description="what was only viewed or asked about may be recommended again")
    at: Past | None = Field(None, description="null: now", examples=["2026-05-04T09:30:00Z"])
    id: Name | None = Field(None, description="yours: sent again with it, it is stored once")

    def event(self) -> Event:
        """It as it is stored."""
        given: dict[str, Any] = self.model_dump(exclude_none=True)
        return Event(**given)


class EventsRequest(Body):
    """What a customer did."""

    customer: Name
    events: list[EventBody] = Field(min_length=1, max_length=1000)


class EventsStored(BaseModel):
    """What became of events."""

    stored: int = Field(description="those whose id was there already are not counted")
    unknown: list[str] = Field(
        description="ids of items that are not in the catalogue; they count once they are"
    )


class EventItem(BaseModel):
    """An event that is stored."""

    id: str
    item: str
    title: str | None = Field(description="the item's; null: it is not in the catalogue")
    kind: Did
    at: datetime


class EventList(BaseModel):
    """A customer's events, the last stored first."""

    events: list[EventItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class RecommendationRequest(Body):
    """For whom, and how many."""

    customer: Name
    limit: Whole = Field(10, ge=1, le=100)
    where: dict[str, Plain] = Field(
        default_factory=dict, max_length=20, examples=[{"category": "desks"}],
        description="only items whose metadata has these values",
    )  # fmt: skip
    diversity: Number = Field(
        0.3, ge=0, le=1, description="how far each is to be unlike those before it"
    )
    language: Language | None = Field(
        None, description="of the reasons; null: as the header Accept-Language asks"
    )


class BecauseItem(BaseModel):
    """What a recommendation rests on."""

    kind: Kind
    item: str | None = Field(description="the id of the item that it was done with")
    title: str | None = Field(description="that item's; of what was said, the words")
    message: str | None = Field(description="the id of the message, of what was said")
    at: datetime | None


class RecommendationItem(BaseModel):
    """An item that fits, with the reason."""

    item: ItemDetail
    score: float
    why: str = Field(description="in words for the customer")
    because: BecauseItem

    @classmethod
    def of(cls, one: Recommendation) -> RecommendationItem:
        """Make one from what the chain recommends."""
        return cls(
            item=ItemDetail.of(one.item), score=round(one.score, 4), why=one.why,
            because=BecauseItem(**one.because._asdict()),
        )  # fmt: skip


class RecommendationResponse(BaseModel):
    """What is recommended, the best first."""

    recommendations: list[RecommendationItem]
