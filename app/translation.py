"""The service's errors in the language of who asks: English, where they are written, or Chinese.

What fails says so in English: that is what the log has, and what programs of their own get that
use ``memory``. Only what is answered is translated, by the catalogues in ``app/texts``: an English
text, with what is put into it numbered, and the same in the other language. Machines' parts, such
as a problem's type, stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple, get_args

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_LONGEST = 4000  # characters of a text that is looked up
_DEEP = 3  # parts within parts
_ANY_WORD = re.compile(r"[^\W\d_]{2}")
_FIELD = re.compile(r"\{\d+\}")
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?"
)

_asked: ContextVar[Language] = ContextVar("language", default="en")


class Asked:
    """Note in which language who asks wants the service's own texts."""

    def __init__(self, app: ASGIApp, default: Language) -> None:
        self._app = app
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = ",".join(Headers(scope=scope).getlist("accept-language"))
        before = _asked.set(preferred(given, self._default))
        try:
            await self._app(scope, receive, send)
        finally:
            _asked.reset(before)


def asked() -> Language:
    """The language of the request that is being answered here."""
    return _asked.get()


def speak(language: Language) -> None:
    """Say everything in a language from now on; for a program that one person has to itself."""
    _asked.set(language)


def preferred(accepted: str, default: Language) -> Language:
    """The language that an ``Accept-Language`` (RFC 9110) likes best of those there are.

    Of a language all kinds are one: ``zh-TW`` gets what there is for ``zh``.
    """
    best, most = default, 0.0
    for given in accepted.split(","):
        found = _RANGE.fullmatch(given)
        if found is None:
            continue
        named, weight = found[1].lower(), float(found[2] or 1)
        language = next((one for one in LANGUAGES if one == named), None)
        if named == "*":
            language = default
        if language is not None and weight > most:
            best, most = language, weight
    return best


def translated(text: str, language: Language | None = None) -> str:
    """A text of the service's in the language that is asked for; unknown texts stay as they are."""
    language = asked() if language is None else language
    if language == "en" or len(text) > _LONGEST:
        return text
    return _catalogue(language).find(text) or text


def worded(text: str, *values: object) -> str:
    """One of the program's own texts, with values for its numbered parts, as it is asked for."""
    known = {} if asked() == "en" else _catalogue(asked()).texts
    return known.get(text, text).format(*values)


class _Pattern(NamedTuple):
    matches: Callable[[str], re.Match[str] | None]
    translation: str
    loose: bool  # it has no words of its own


class _Catalogue:
    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self._whole = {text: said for text, said in texts.items() if not _FIELD.search(text)}
        # The most particular first: "{0}: {1}" fits a good deal.
        self._patterns = [
            _pattern(text, texts[text])
            for text in sorted(texts, key=lambda text: -len(_FIELD.sub("", text)))
            if _FIELD.search(text)
        ]

    def find(self, text: str, deep: int = 0) -> str | None:
        """The translation of a text, and of its parts that have one."""
        if (said := self._whole.get(text)) is not None:
            return said
        for pattern in self._patterns:
            # A part may be somebody's own words, which are not to be taken apart.
            if (deep and pattern.loose) or (found := pattern.matches(text)) is None:
                continue
            return pattern.translation.format(*(self._part(part, deep) for part in found.groups()))
        return None

    def _part(self, part: str, deep: int) -> str:
        return part if deep == _DEEP else self.find(part, deep + 1) or part


def _pattern(text: str, translation: str) -> _Pattern:
    own = _FIELD.split(text)
    matches = re.compile("(.+?)".join(map(re.escape, own)), re.DOTALL).fullmatch
    return _Pattern(matches, translation, not any(map(_ANY_WORD.search, own)))


@cache
def _catalogue(language: Language) -> _Catalogue:
    given = files("app").joinpath("texts", f"{language}.json").read_text("utf-8")
    return _Catalogue(json.loads(given))
