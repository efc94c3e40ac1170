"""In which language somebody writes, as far as that can be told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from app.translators.translator import primary
from memory.language import language_of, spoken

_MOST = 2000  # characters that are read, the last
_FEWEST = 4  # letters that tell anything
_SURE = 0.4  # of more than a hundred languages
_NONE = {"und", "zxx"}  # what is called no language
_SURELY = 0.95
_ENOUGH = 20  # letters that tell surely, but for Chinese
_ALIKE = ("no nb nn da", "hr sr bs sl", "id ms", "pt gl es", "cs sk")  # of which one may be another


def detect(texts: Sequence[str]) -> str | None:
    """The language of what somebody wrote, the last last, as a tag; None if it cannot be told.

    English and Chinese by rule, as conversations are held in them; the rest by py3langid, with
    ``pip install 'langchain-memory-service[translate]'``.
    """
    told = spoken(texts)
    if told in ("en", "zh"):
        return told
    # A number or a name may stand between what is in the language.
    rest = [text for text in texts if language_of(text) not in ("en", "zh")]
    said = "\n".join(rest)[-_MOST:]
    if sum(map(str.isalpha, said)) < _FEWEST or (identifier := _identifier()) is None:
        return None
    tag, sure = identifier.classify(said)
    return str(tag) if sure >= _SURE and tag not in _NONE else None


def unlike(text: str, language: str) -> str | None:
    """The language that a text surely is in, where that is not the one it is said to be in."""
    told, given = language_of(text), primary(language)
    if told == given:
        return None
    if told == "zh":
        return told
    if sum(map(str.isalpha, text)) < _ENOUGH or (identifier := _identifier()) is None:
        return None
    tag, sure = identifier.classify(text[-_MOST:])
    if sure < _SURELY or tag in _NONE or (told is not None and (told == "en") != (tag == "en")):
        return None
    alike = any({tag, given} <= set(some.split()) for some in _ALIKE)
    return None if alike or tag == given else str(tag)


@cache
def _identifier() -> Any:
    """The model, which takes some 100 MB; None where it is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
