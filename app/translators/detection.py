"""In which language somebody writes, as far as that can be told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from memory.language import language_of, spoken

_MOST = 2000  # characters that are read, the last
_FEWEST = 4  # letters that tell anything
_SURE = 0.4  # of more than a hundred languages
_NONE = {"und", "zxx"}  # what is called no language


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


@cache
def _identifier() -> Any:
    """The model, which takes some 100 MB; None where it is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
