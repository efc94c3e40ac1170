"""What a service can be asked about translations, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from memory.client.call import Call, named, of_session
from memory.client.results import Deleted, Result

FileFormat = Literal["tmx", "csv"]
_MEMORY = "/v1/translation-memory"


class Match(Result):
    """A translation that is known, with the text's own numbers and names in it."""

    id: str
    source: str
    target: str
    score: float
    origin: str
    changed: dict[str, str]
    left: list[str]
    own: bool


class Segment(Result):
    """A sentence with its translation, and where that is from."""

    source: str
    target: str
    origin: str
    score: float | None
    matches: list[Match]
    terms: dict[str, str]
    missing: list[str]


class Translated(Result):
    """A text's translation; not ``complete``: some of it is as it was."""

    translation: str
    source: str  # the language of the text, as given or told
    looks_like: str | None  # the one that it surely seems to be in, where another was given
    segments: list[Segment]
    complete: bool
    translator: str | None


class TranslatorOf(Result):
    """Who translates, from and into which languages; ``pairs`` of None: all that are asked for."""

    name: str
    pairs: list[tuple[str, str]] | None


class Translators(Result):
    """Those that are set, in the order in which they are asked."""

    translators: list[TranslatorOf]


class TranslatedMessage(Result):
    """A message with its translation; None: it needs none, or its language cannot be told."""

    id: str
    role: str
    text: str
    at: datetime
    by_person: bool
    source: str | None
    translation: str | None
    complete: bool
    missing: list[str]


class Transcript(Result):
    """Messages with their translations, oldest first; ``source`` is the customer's language."""

    source: str | None
    target: str
    messages: list[TranslatedMessage]
    next: int | None


class LeftOut(Result):
    """What a file had without text on a side, not in both languages, and too long."""

    empty: int
    languages: int
    long: int


class Imported(Result):
    """How many translations were read, are new, and took another's place; and what was not read."""

    read: int
    added: int
    replaced: int
    left_out: LeftOut


class TranslationUnit(Result):
    """A remembered translation, or a term."""

    id: str
    source_language: str
    target_language: str
    source: str
    target: str
    origin: str
    term: bool
    seq: int
    created_at: datetime
    updated_at: datetime


class TranslationPage(Result):
    """Translations, the last changed first."""

    translations: list[TranslationUnit]
    next: int | None


class TranslationFile(Result):
    """Translations as a file."""

    format: str
    text: str
    translations: int


class FoundTranslations(Result):
    """The translations of texts that are close, and the terms in the text."""

    found: list[Match]
    terms: dict[str, str]


def translate(
    text: str,
    source: str | None,
    target: str,
    *,
    customer: str | None = None,
    remember: bool = True,
) -> Call[Translated]:
    """Translate a text from one language into another.

    Args:
        text: what.
        source: from which language, as ``en`` or ``pt-br``; None: told from the text.
        target: into which.
        customer: whose text it is, if it is one's.
        remember: whether what a translator makes of it is kept.
    """
    body = {
        "text": text, "source": source, "target": target, "customer": customer,
        "remember": remember,
    }  # fmt: skip
    return Call("POST", "/v1/translate", Translated.model_validate_json, body=body)


def translators() -> Call[Translators]:
    """Who translates what no memory knows."""
    return Call("GET", "/v1/translate", Translators.model_validate_json)


def translate_session(
    customer: str,
    session: str,
    target: str,
    *,
    source: str | None = None,
    limit: int = 20,
    before: int | None = None,
) -> Call[Transcript]:
    """A session's last messages for who reads another language than its customer.

    Args:
        customer: who.
        session: which.
        target: the reader's language.
        source: the customer's; None: told from what they say.
        limit: messages, to 100.
        before: a page's ``next``.
    """
    path = f"{of_session(customer, session)}/translations"
    body = {"target": target, "source": source, "limit": limit, "before": before}
    return Call("POST", path, Transcript.model_validate_json, body=body)


def import_translations(
    given: str | Sequence[Mapping[str, str | bool]],
    source: str,
    target: str,
    *,
    format: FileFormat = "tmx",  # noqa: A002 - as the API calls it
    terms: bool = False,
    customer: str | None = None,
) -> Call[Imported]:
    """Remember translations.

    Args:
        given: the text of a file, or ``{"source", "target"}`` each, with ``"term"`` of a term.
        source: from which language.
        target: into which.
        format: of the file.
        terms: all of them are terms of the glossary.
        customer: whose they are; None: everybody's.
    """
    said = (
        {"format": format, "text": given, "units": None}
        if isinstance(given, str)
        else {"format": None, "text": None, "units": [dict(one) for one in given]}
    )
    body = {"source": source, "target": target, "terms": terms, "customer": customer, **said}
    return Call("POST", _MEMORY, Imported.model_validate_json, body=body)


def translations(
    *,
    source: str | None = None,
    target: str | None = None,
    customer: str | None = None,
    terms: bool = False,
    limit: int = 100,
    before: int | None = None,
    may_be_new: bool = False,
) -> Call[TranslationPage]:
    """What is remembered, the last changed first.

    Args:
        source: one of two languages.
        target: the other one.
        customer: whose; None: everybody's.
        terms: only those of the glossary.
        limit: of the page, to 1000.
        before: a page's ``next``.
        may_be_new: a customer of whom nothing is stored has none, which is no problem then.
    """
    query = {
        "source": source, "target": target, "customer": customer, "may_be_new": may_be_new,
        "terms": "true" if terms else "false", "limit": limit, "before": before,
    }  # fmt: skip
    return Call("GET", _MEMORY, TranslationPage.model_validate_json, query)


def export_translations(
    *,
    format: FileFormat = "tmx",  # noqa: A002 - as the API calls it
    source: str | None = None,
    target: str | None = None,
    customer: str | None = None,
) -> Call[TranslationFile]:
    """All that is remembered, or all of two languages, as a file."""
    query = {"format": format, "source": source, "target": target, "customer": customer}
    return Call("GET", f"{_MEMORY}/export", TranslationFile.model_validate_json, query)


def search_translations(
    text: str,
    source: str,
    target: str,
    *,
    customer: str | None = None,
    limit: int = 10,
    floor: float = 0.4,
) -> Call[FoundTranslations]:
    """The translations of texts like this one, the closest first, from the score ``floor`` on."""
    body = {
        "text": text, "source": source, "target": target, "customer": customer, "limit": limit,
        "floor": floor,
    }  # fmt: skip
    return Call("POST", f"{_MEMORY}/search", FoundTranslations.model_validate_json, body=body)


def correct_translation(
    unit: str, target: str, *, customer: str | None = None
) -> Call[TranslationUnit]:
    """Put another translation in a translation's place; it may get another id."""
    body = {"target": target, "customer": customer}
    return Call("PUT", _unit(unit), TranslationUnit.model_validate_json, body=body)


def delete_translation(unit: str, *, customer: str | None = None) -> Call[Deleted]:
    """Forget a translation."""
    query = {"customer": customer}
    return Call("DELETE", _unit(unit), Deleted.model_validate_json, query, again=False)


def _unit(unit: str) -> str:
    return f"{_MEMORY}/{named('translation', unit)}"
