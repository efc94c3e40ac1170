"""Messages of a session for who reads another language."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from app.chains.bilingual import Read
from app.schemas.fields import Body, Cursor, Whole
from app.schemas.translations import LanguageTag


class TranscriptRequest(Body):
    """Which messages, and for whom."""

    target: LanguageTag = Field(description="the language of who reads them")
    source: LanguageTag | None = Field(
        None, description="in which the session is held; null: told from what the customer says"
    )
    limit: Whole = Field(20, ge=1, le=100, description="messages, the last")
    before: Cursor | None = Field(None, description="the `next` of the page before")


class TranslatedMessage(BaseModel):
    """A message with its translation."""

    id: str
    role: str
    text: str = Field(description="as it was said, or as the customer read it")
    at: datetime
    by_person: bool
    source: str | None = Field(description="the language that it is in; null: it cannot be told")
    translation: str | None = Field(
        description="of what a person wrote in `target`: their own words; null: it needs none, or "
        "its language cannot be told"
    )
    complete: bool = Field(description="false: some of it could not be translated")
    missing: list[str] = Field(
        description="numbers, addresses and terms that should stand in the translation and do not"
    )

    @classmethod
    def of(cls, read: Read) -> TranslatedMessage:
        """Make one from what was read."""
        said = read.message
        return cls(
            id=said.id, role=said.role, text=said.text, at=said.at, by_person=said.by_person,
            source=read.source, translation=read.translation, complete=read.complete,
            missing=list(read.missing),
        )  # fmt: skip


class Transcript(BaseModel):
    """Messages of a session with their translations, oldest first."""

    source: str | None = Field(
        description="the customer's language, as given or told; null: it cannot be told"
    )
    target: str
    messages: list[TranslatedMessage]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")
