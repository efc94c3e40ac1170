"""Texts to translate, and what is remembered of translations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from app.chains.translate import Made, Segment, Translated
from app.schemas.fields import Body, Name, Text, Truth, Whole
from memory.bitexts import FileFormat
from memory.translation_memory import Match
from memory.translations import LONGEST, Origin, Pair, Translation

_TAG = {"pattern": r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$"}


def _language(tag: str) -> str:
    return Pair(tag, "en" if not tag.lower().startswith("en") else "zh").source


LanguageTag = Annotated[
    str,
    Field(min_length=2, max_length=40, examples=["en"], json_schema_extra=_TAG),
    AfterValidator(_language),
]
Side = Annotated[Text, Field(min_length=1, max_length=LONGEST)]


class Between(Body):
    """From which language into which."""

    source: LanguageTag = Field(description="a language tag: en, pt-br, zh")
    target: LanguageTag = Field(description="another one")

    @property
    def pair(self) -> Pair:
        """Both."""
        return Pair(self.source, self.target)


class TranslateRequest(Body):
    """A text to translate."""

    source: LanguageTag | None = Field(
        None, description="a language tag: en, pt-br, zh; null: told from the text"
    )
    target: LanguageTag = Field(description="another one")
    text: Text = Field(min_length=1, examples=["Where is my order 4417-XZ?"])
    customer: Name | None = Field(
        None,
        description="whose text it is: it is looked up and remembered in their own scope first; "
        "null: nobody's, remembered for all",
    )
    remember: Truth = Field(True, description="false: keep nothing of what a translator makes")


class MatchItem(BaseModel):
    """A translation that is known, with the text's own numbers and names put in."""

    id: str
    source: str = Field(description="what was translated then")
    target: str
    score: float = Field(description="1: the same but for numbers, names, case and spaces")
    origin: Origin = Field(description="who translated it")
    changed: dict[str, str] = Field(description="numbers and names put in the place of others")
    left: list[str] = Field(description="numbers and names in which it still differs")
    own: bool = Field(description="the customer's own, and not everybody's")

    @classmethod
    def of(cls, match: Match) -> MatchItem:
        """Make one from what the memory found."""
        return cls.model_validate({name: getattr(match, name) for name in cls.model_fields})


class SegmentItem(BaseModel):
    """A sentence with its translation."""

    source: str
    target: str = Field(description="of one that nobody could translate: the source")
    origin: Made = Field(
        description="memory: known; glossary: a term; fuzzy: something close, as no translator is "
        "set; model: the translator; same: numbers and signs alone, or in that language already; "
        "none: not translated"
    )
    score: float | None
    matches: list[MatchItem] = Field(description="what is known that is close, the closest first")
    terms: dict[str, str] = Field(description="the terms in it, with their fixed translations")
    missing: list[str] = Field(
        description="numbers, addresses and terms that should stand in the translation and do "
        "not; then it is not remembered"
    )

    @classmethod
    def of(cls, segment: Segment) -> SegmentItem:
        """Make one from what was translated."""
        return cls(
            source=segment.source, target=segment.target, origin=segment.origin,
            score=segment.score, matches=[MatchItem.of(one) for one in segment.matches],
            terms=dict(segment.terms), missing=list(segment.missing),
        )  # fmt: skip


class TranslateResponse(BaseModel):
    """A text's translation, and where each part of it is from."""

    translation: str = Field(examples=["我的订单4417-XZ在哪里？"])
    source: str = Field(description="the language of the text, as given or told")
    looks_like: str | None = Field(
        description="the language that the text surely seems to be in, where another one was "
        "given; then nothing of it is remembered"
    )
    segments: list[SegmentItem]
    complete: bool = Field(description="false: some of it is not translated, or by something close")
    translator: str | None = Field(description="who was asked; null: nobody was needed, or is set")

    @classmethod
    def of(cls, made: Translated, source: str, looks_like: str | None = None) -> TranslateResponse:
        """Make one from what was translated."""
        return cls(
            translation=made.text, source=source, looks_like=looks_like,
            segments=[SegmentItem.of(one) for one in made.segments],
            complete=made.complete, translator=made.by,
        )  # fmt: skip


class TranslatorItem(BaseModel):
    """Who translates what no memory knows."""

    name: str
    pairs: list[tuple[str, str]] | None = Field(
        description="from and into which languages; null: all that it is asked for"
    )


class TranslatorList(BaseModel):
    """Those that are set, in the order in which they are asked."""

    translators: list[TranslatorItem] = Field(
        description="empty: none is set, by MEMORY_SERVICE_TRANSLATOR"
    )


class NewUnit(Body):
    """A text with its translation, to be remembered."""

    source: Side = Field(examples=["Where is my order 4417-XZ?"])
    target: Side = Field(examples=["我的订单4417-XZ在哪里？"])
    term: Truth = Field(False, description="a term of the glossary: always translated so")


class ImportRequest(Between):
    """Translations to remember: a file, or some that are listed."""

    format: FileFormat | None = Field(None, description="of `text`")
    text: Text | None = Field(
        None,
        min_length=1,
        description="a TMX file, or CSV (, ; or tab) with the columns source and target, or a "
        "glossary of these two alone",
    )
    units: list[NewUnit] | None = Field(None, min_length=1, max_length=1000)
    terms: Truth = Field(False, description="all of them are terms of the glossary")
    customer: Name | None = Field(None, description="whose they are; null: everybody's")


class LeftOutCount(BaseModel):
    """How many units or rows of a file were not taken, by why."""

    empty: int = Field(0, description="a side has no text")
    languages: int = Field(0, description="it is not in both languages that were asked for")
    long: int = Field(0, description="a side has more letters than a translation, or a term, may")


class ImportResponse(BaseModel):
    """What was imported."""

    read: int = Field(description="translations in the file, or in the list")
    added: int = Field(description="that are new; long texts count by sentence")
    replaced: int = Field(description="that took the place of another translation of the same")
    left_out: LeftOutCount


class TranslationSearch(Between):
    """What to look for among translations."""

    text: Text = Field(min_length=1, max_length=LONGEST, examples=["Where is my order?"])
    customer: Name | None = Field(None, description="look in their own too")
    limit: Whole = Field(10, ge=1, le=100)
    floor: float = Field(0.4, ge=0, le=1, description="the lowest score that is shown")


class TranslationSearchResponse(BaseModel):
    """What was found, the closest first."""

    found: list[MatchItem]
    terms: dict[str, str] = Field(description="the glossary's terms in the text")


class TranslationItem(BaseModel):
    """A remembered translation, or a term."""

    id: str
    source_language: str
    target_language: str
    source: str
    target: str
    origin: Origin
    term: bool
    seq: int = Field(description="orders them by their last change")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, one: Translation) -> TranslationItem:
        """Make one from a translation that is stored."""
        assert one.created_at is not None
        assert one.updated_at is not None
        return cls(
            id=one.id, source_language=one.pair.source, target_language=one.pair.target,
            source=one.source, target=one.target, origin=one.origin, term=one.term, seq=one.seq,
            created_at=one.created_at, updated_at=one.updated_at,
        )  # fmt: skip


class TranslationPage(BaseModel):
    """Translations, the last changed first."""

    translations: list[TranslationItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class TranslationFile(BaseModel):
    """Translations as a file."""

    format: FileFormat
    text: str = Field(description="of the file")
    translations: int = Field(description="how many are in it")


class Correction(Body):
    """Another translation."""

    target: Side
    customer: Name | None = Field(None, description="whose it is; null: everybody's")
