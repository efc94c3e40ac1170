"""What goes over the wire: requests, answers and server-sent events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, field_validator

from app.knowledge.documents import Format
from app.training.card import Card as AdapterCard
from memory import (
    NAME_LIMIT,
    SLOTS,
    Article,
    Evidence,
    Labels,
    Mood,
    Policy,
    Recalled,
    Receipt,
    Record,
    check_name,
    check_text,
)
from memory.articles import SOURCE_LIMIT, TITLE_LIMIT
from memory.mood import MOST
from memory.transcript import Rating, Said

Name = Annotated[
    str,
    Field(min_length=1, max_length=NAME_LIMIT, examples=["ada"]),
    AfterValidator(lambda name: check_name("", name)),
]
Text = Annotated[str, AfterValidator(check_text)]


def _known(slot: str) -> str:
    if slot not in SLOTS:
        msg = f"there is no such slot: use one of {', '.join(SLOTS)}"
        raise ValueError(msg)
    return slot


SlotName = Annotated[
    str, AfterValidator(_known), Field(json_schema_extra={"enum": list(SLOTS)})
]  # fmt: skip
# In a body "yes", "5" and 1 are slips: nobody is to pin, forget or keep by them.
Truth = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Status = Literal["complete", "stopped", "failed", "running"]
_ROLE = "who said it: human or ai; note: nobody, a person added it by hand"


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChatRequest(_Request):
    """A customer's message."""

    customer: Name | None = Field(
        None, description="who says it; to be left out only with the customer's own token"
    )
    session: Name = "default"
    message: Text = Field(min_length=1, examples=["Where is my order 4417-XZ?"])
    stream: Truth = False
    idempotency_key: Name | None = Field(
        None,
        description="the same key with the same message never makes a second turn: an answered "
        "one comes again, one that broke off is answered, unless the session has gone on since",
    )


class PromptRequest(_Request):
    """A question to lay out a prompt for."""

    customer: Name
    session: Name = "default"
    message: Text = Field(min_length=1, examples=["Where is my order?"])


class RatingRequest(_Request):
    """How well the agent did in a session."""

    rating: Rating | None = Field(description="null: take it back", examples=["good"])


class RecallRequest(_Request):
    """What to look for in a customer's memory."""

    query: Text = Field(min_length=1, examples=["which order was late?"])
    max_tokens: Whole = Field(1000, ge=1, le=100_000)


class RecalledItem(BaseModel):
    """A remembered thing that was found, and why."""

    id: str
    text: str = Field(examples=["My order number is 4417-XZ"])
    score: float
    why: str = Field(examples=["lexical #1 (order, number), dense #2 (cosine 0.61)"])
    at: datetime
    messages: list[str] = Field(description="ids of the messages it comes from")
    role: str = Field(description=_ROLE)
    session: str

    @classmethod
    def of(cls, recalled: Recalled) -> RecalledItem:
        """Make one from what the memory found."""
        return cls(
            id=recalled.id, text=recalled.text, score=recalled.score, why=recalled.why,
            at=recalled.at, messages=list(recalled.messages), role=recalled.role,
            session=recalled.session,
        )  # fmt: skip


class EvidenceItem(BaseModel):
    """A passage that was found, and why."""

    source: str = Field(description="its article's, or what a second source calls it")
    title: str
    text: str = Field(examples=["Returns\nWithin 30 days."])
    score: float
    why: str = Field(examples=["words (lamp), cosine 0.61"])

    @classmethod
    def of(cls, evidence: Evidence) -> EvidenceItem:
        """Make one from what was found."""
        return cls.model_validate({name: getattr(evidence, name) for name in cls.model_fields})


class CitedItem(EvidenceItem):
    """A passage that the model was given."""

    number: int = Field(description="the answer may cite it by this, as in [1]")


Found = Annotated[
    Literal["found", "none"] | None,
    Field(
        description="whether any passage bears on the message; null: there is none to find, or "
        "none was found for a message that asks nothing"
    ),
]


def cited(found: Sequence[tuple[int, Evidence]] | None) -> list[CitedItem]:
    """Passages with the numbers that they have in the prompt."""
    return [
        CitedItem(number=number, **EvidenceItem.of(one).model_dump()) for number, one in found or ()
    ]


def evidence(found: Sequence[object] | None) -> Literal["found", "none"] | None:
    """Whether any passage was found; None if none were looked for."""
    return None if found is None else "found" if found else "none"


class Usage(BaseModel):
    """Tokens read and written by the model, as far as its server says."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class LabelItem(BaseModel):
    """What a message is, as a head of the classifier says."""

    label: str | None = Field(description="null: none that the head knows (out of scope)")
    confidence: float = Field(description="0 to 1")


Understood = Annotated[
    dict[str, LabelItem] | None,
    Field(
        description="what a customer's message is, by the classifier's heads: intent, topic, "
        "sentiment; null: it was not read"
    ),
]


def understood(labels: Labels | None) -> dict[str, LabelItem] | None:
    """What was read in a message."""
    if labels is None:
        return None
    return {
        head: LabelItem(label=said.name, confidence=said.confidence)
        for head, said in labels.items()
    }


class ChatResponse(BaseModel):
    """The answer to a message."""

    reply: str
    turn: str
    session: str
    recalled: list[RecalledItem]
    knowledge: list[CitedItem]
    evidence: Found
    template: str | None = Field(
        description="the answer template that answered, `unknown` where nothing is known of what "
        "was asked; null: the model did"
    )
    understanding: Understood
    usage: Usage
    status: Status


class RecalledEvent(BaseModel):
    """What the model was given beside the question, and what the question is, if known by then."""

    turn: str
    recalled: list[RecalledItem]
    knowledge: list[CitedItem]
    evidence: Found
    understanding: Understood


class TokenEvent(BaseModel):
    """A piece of the answer."""

    text: str


class PromptMessage(BaseModel):
    """A message in the OpenAI form."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Any


class PromptResponse(BaseModel):
    """A finished prompt; no model was asked and nothing was stored."""

    messages: list[PromptMessage]
    recalled: list[RecalledItem]
    knowledge: list[CitedItem]
    evidence: Found
    summary: str
    tokens: int


class RecallResponse(BaseModel):
    """What was found, best first."""

    recalled: list[RecalledItem]


class CustomerItem(BaseModel):
    """A customer who has a session."""

    customer: str
    at: datetime = Field(description="when something was last said")


class CustomerList(BaseModel):
    """Customers, the last heard first; ``next`` asks for those after them."""

    customers: list[CustomerItem]
    next: str | None = Field(description="give it as `after` to get the next; null: none left")


class SessionItem(BaseModel):
    """A session of a customer."""

    session: str
    messages: int
    created_at: datetime
    updated_at: datetime
    rating: Rating | None = Field(description="how well the agent did; null: not rated")


class SessionList(BaseModel):
    """A customer's sessions, the last used first."""

    sessions: list[SessionItem]


class SummaryItem(BaseModel):
    """The summary in force."""

    text: str
    version: int


class SessionDetail(SessionItem):
    """A session with its summary and the customer's mood in it."""

    summary: SummaryItem | None
    mood: Mood | None = Field(
        description=f"by the last {MOST} messages of the customer; null: none of them was read"
    )


class GivenCount(BaseModel):
    """How much the model was given beside a message; some of it may have been forgotten since."""

    recalled: int
    knowledge: int

    @classmethod
    def of(cls, said: Said) -> GivenCount | None:
        """What was kept with a message's turn; None for an answer, and where there is no turn."""
        if said.status in (None, "running") or said.message.role != "human":
            return None
        kept = said.recalled or {}
        return cls(recalled=len(kept.get("records", ())), knowledge=len(kept.get("evidence") or ()))


class MessageItem(BaseModel):
    """A message as it was said."""

    id: str
    role: str
    text: str
    at: datetime
    turn: str | None
    status: str | None = Field(description="of its turn: running, complete, stopped or failed")
    template: str | None = Field(description="the template that gave this answer, if one did")
    given: GivenCount | None = Field(
        description="beside a customer's message, for its answer; null: an answer, one that was "
        "imported or is being answered, or for a customer's own token"
    )
    evidence: Found
    understanding: Understood


class MessageList(BaseModel):
    """Messages, oldest first; ``next`` asks for those before them."""

    messages: list[MessageItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class MemoryItem(BaseModel):
    """A record of the external memory."""

    id: str
    text: str = Field(examples=["Order number: 4417-XZ"])
    at: datetime
    role: str = Field(description=_ROLE)
    session: str = Field(description="where it was said; empty: added by hand")
    messages: list[str] = Field(description="ids of the messages it comes from")
    superseded_by: str | None = Field(
        description="the memory that took its place; it may have been deleted since"
    )
    valid_to: datetime | None = Field(description="it held until then, or is promised by then")
    expires_at: datetime | None
    slot: str | None = Field(description="what a fact is about; null: no fact")
    value: str | None = Field(description="what the fact says of it")
    source: Literal["message", "model", "person"] = Field(description="who made it")
    pinned: bool = Field(description="no policy forgets it")

    @classmethod
    def of(cls, record: Record) -> MemoryItem:
        """Make one from a record."""
        fields = {name: getattr(record, name) for name in cls.model_fields}
        return cls.model_validate({**fields, "messages": list(record.messages)})


class MemoryList(BaseModel):
    """Records, newest first."""

    memories: list[MemoryItem]
    next: int | None


class _Change(_Request):
    value: Text | None = Field(
        None, min_length=1, max_length=1000, description="of a fact", examples=["4418-XZ"]
    )
    pinned: Truth | None = Field(None, description="no policy forgets it")
    expires_at: datetime | None = Field(
        None, description="when it is forgotten; null: never", examples=["2027-01-31T00:00:00Z"]
    )

    @field_validator("text", "value", "pinned", mode="after", check_fields=False)
    @classmethod
    def _not_null(cls, given: Any) -> Any:
        if given is None:
            msg = "null is no change: leave it out"
            raise ValueError(msg)
        return given


class MemoryChange(_Change):
    """What a person changes of a memory; what is left out stays as it is."""

    text: Text | None = Field(
        None, min_length=1, max_length=32_768, examples=["Order number: 4418-XZ"]
    )


class NewMemory(_Change):
    """A memory that a person adds; with a slot and a value it is a fact."""

    text: Text = Field(min_length=1, max_length=32_768, examples=["Prefers to be called."])
    slot: SlotName | None = Field(None, description="what a fact is about", examples=["preference"])


class PolicyItem(_Request):
    """How long and how much is remembered; what is left out sets no limit.

    With no limit at all only what has expired goes.
    """

    max_age_days: Number | None = Field(None, gt=0, le=36_500, examples=[365])
    unrecalled_days: Number | None = Field(
        None, gt=0, le=36_500, description="since it was said or recalled", examples=[90]
    )
    max_records: Whole | None = Field(None, ge=1, examples=[1000])

    def policy(self) -> Policy:
        """The policy."""
        return Policy.days(self.max_age_days, self.unrecalled_days, self.max_records)


class ForgetRequest(_Request):
    """What is to be forgotten of a customer."""

    policy: PolicyItem | None = Field(
        None, description="null: the service's own; without one only what has expired goes"
    )
    dry_run: Truth = Field(False, description="say what would go, and keep it", examples=[True])


class ForgottenItem(BaseModel):
    """A memory that goes, or a message of which none was left, and why."""

    kind: Literal["memory", "message"] = Field(
        description="message: one that is too old and of which no memory was left"
    )
    id: str
    text: str
    at: datetime
    reason: Literal["expired", "age", "unrecalled", "count"]


class ForgetResponse(BaseModel):
    """What went, or would go in a dry run."""

    dry_run: bool
    forgotten: list[ForgottenItem]


class Deleted(BaseModel):
    """How many rows of each table were deleted."""

    deleted: dict[str, int]


class Erased(Deleted):
    """The receipt of an erasure, which is kept without the customer's name."""

    receipt: str = Field(description="its id, which is random")
    number: int = Field(description="of the receipt, in the chain")
    at: datetime
    elsewhere: list[str] = Field(
        description="adapters that were tuned on the service's own sessions while the customer "
        "was there, and may have learnt from them: tune anew, and roll back"
    )
    previous: str = Field(description="the hash of the receipt before")
    hash: str = Field(description="SHA-256 of this receipt with `previous`")

    @classmethod
    def of(cls, receipt: Receipt) -> Erased:
        """As it goes over the wire."""
        given = receipt._asdict()
        return cls(receipt=given.pop("id"), **given)


class DeletedMemory(Deleted):
    """What went with a memory that was deleted."""

    memories: list[str] = Field(
        description="ids of the memories that went: this one, what it said before it was "
        "corrected, and others that said the same"
    )
    shortened: list[str] = Field(description="ids of memories that keep what else they say")
    messages: int = Field(description="how many messages leave prompts; the transcript keeps them")


ArticleSource = Annotated[
    str,
    Field(min_length=1, max_length=SOURCE_LIMIT, examples=["returns.md"]),
    AfterValidator(lambda source: check_name("source", source, SOURCE_LIMIT)),
]


class NewArticle(_Request):
    """An article, whole: what was there of its source before is replaced."""

    source: ArticleSource = Field(description="names it: a path, a URL, an id")
    title: Text | None = Field(
        None,
        min_length=1,
        max_length=TITLE_LIMIT,
        description="null: the text's own, else the source",
        examples=["Returns"],
    )
    text: Text = Field(min_length=1, examples=["# Returns\n\nWithin 30 days."])
    format: Format = Field(
        "markdown", description="csv and jsonl: a passage a row; with question and answer it is FAQ"
    )


class ArticleItem(BaseModel):
    """A version of an article."""

    source: str
    title: str
    version: int
    hash: str = Field(description="of title and text: the same content has the same")
    passages: int
    added_at: datetime
    replaced_at: datetime | None = Field(description="when the next version came; null: in force")

    @classmethod
    def of(cls, article: Article) -> ArticleItem:
        """Make one from an article that is stored."""
        assert article.added_at is not None
        return cls(
            source=article.source, title=article.title, version=article.version,
            hash=article.hash, passages=len(article.passages), added_at=article.added_at,
            replaced_at=article.replaced_at,
        )  # fmt: skip


class ArticleList(BaseModel):
    """Articles in force, the last added first."""

    articles: list[ArticleItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class ArticleDetail(ArticleItem):
    """An article with what it says and its history."""

    text: list[str] = Field(description="its passages, in order")
    versions: list[ArticleItem] = Field(description="the one in force first")


class KnowledgeSearch(_Request):
    """What to look for in the articles."""

    query: Text = Field(min_length=1, max_length=8192, examples=["can I send a lamp back?"])
    limit: Whole = Field(5, ge=1, le=100)
    sources: list[ArticleSource] | None = Field(
        None, max_length=1000, description="only in these articles"
    )
    about: Text = Field(
        "", max_length=8192, description="what was said before: it may name what it is about"
    )


class KnowledgeSearchResponse(BaseModel):
    """What was found, best first."""

    found: list[EvidenceItem]


class Health(BaseModel):
    """The service is there, and ready if that was asked."""

    status: Literal["ok"]
    model: str | None = Field(None, description="the model that answers; only if it was tried")


class ModelFigures(BaseModel):
    """How well a model answers on the part of the data that was kept apart."""

    perplexity: float = Field(description="of the agents' answers; better when lower")
    rouge_l: float = Field(description="of written answers, 0 to 1; better when higher")
    recalled: float | None = Field(
        None, description="share of the facts asked for that answers contain, if it was measured"
    )
    admitted: float | None = Field(
        None, description="share of answers that admit that something was never said"
    )


class TunedModel(BaseModel):
    """A tuned adapter."""

    id: str
    date: datetime
    base: str = Field(description="the model that it is of")
    base_sha256: str
    data: list[str] = Field(description="the names of the files that it learnt from")
    figures: ModelFigures
    compared: dict[str, ModelFigures] = Field(description="others on the same part")
    in_service: bool

    @classmethod
    def of(cls, card: AdapterCard, *, in_service: bool) -> TunedModel:
        """As it is shown."""
        return cls(
            id=card.id,
            date=datetime.fromisoformat(card.date),
            base=card.base["name"],
            base_sha256=card.base["sha256"],
            data=[str(one["name"]) for one in card.data],
            figures=ModelFigures(**asdict(card.figures)),
            compared={name: ModelFigures(**asdict(one)) for name, one in card.compared.items()},
            in_service=in_service,
        )


class TunedModels(BaseModel):
    """The adapters of this machine."""

    in_service: str | None = Field(description="the one that answers; null is the base")
    promoted: str | None = Field(description="the one that is to answer; null is the base")
    trouble: str | None = Field(description="why what was promoted does not answer")
    base: str | None = Field(description="sha256 of the served base; null if it takes no adapters")
    models: list[TunedModel]
    faults: dict[str, str] = Field(
        description="what is wrong with adapters that have no readable card, by their ids"
    )


class RolledBack(TunedModels):
    """What is in service again."""

    passed_over: dict[str, str] = Field(
        description="what was there before and cannot be served, and why"
    )
