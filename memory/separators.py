"""Numbers as another language writes them: 1,299.50 in English is 1.299,50 in German.

By CLDR (Babel), or as a translation that is known shows it. Only a number that its language would
write so is rewritten: no date, address, code, time or version.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from babel.core import Locale, UnknownLocaleError

_SPACES = "\u00a0\u202f\u2009"  # that part thousands, besides marks
_APOSTROPHES = "'’"
THOUSANDS = _APOSTROPHES + _SPACES  # part of a number where three digits follow
_VERSION = re.compile(
    r"(?:(?i:\b(?:v|version|release|build|firmware|chapter|section))|§|\b[a-z]+[A-Z]\w*)[.\s]*$"
)
_TIME = re.compile(r"\s*(?:[ap]\.?m\b|o['’]clock|Uhr\b)", re.IGNORECASE)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")  # of a machine
_BEFORE = r"(?P<before>[-+~±≈−–－～]?[$€£¥]?)"
_AFTER = r"(?P<after>(?![AaPp][Mm])[A-Za-z]{0,2})"


class Separators(NamedTuple):
    """What parts the thousands of a number, and what its whole from the rest."""

    group: str
    decimal: str


@cache
def separators(language: str) -> Separators | None:
    """Those of a language by its tag, of Western digits; None: it is not known."""
    try:
        found = Locale.parse(language, sep="-").number_symbols
    except (UnknownLocaleError, ValueError):
        return None
    marks = found.get("latn", found)
    return Separators(marks["group"], marks["decimal"])


@cache
def language_names(language: str) -> frozenset[str]:
    """What a language is called, in English and in itself, in small letters."""
    try:
        found = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return frozenset()
    return frozenset(str(name).lower() for name in (found.english_name, found.display_name))


def rewritten(number: str, here: Separators, there: Separators) -> str:
    """A number as others part it; what is none, and has nothing that is parted, as it is.

    Args:
        number: with its sign, currency or unit, if they are in one word with it.
        here: how it is parted.
        there: how it is to be.
    """
    found = _parts(number, here)
    if found is None:
        return number
    whole = there.group.join(re.split(r"\D", found["whole"]))
    ends = found["ends"]
    said = whole if ends is None else f"{whole}{there.decimal}{ends}"
    return f"{found['before']}{said}{found['after']}"


def shown(number: str, here: Separators, written: str, there: Separators) -> Separators:
    """How a translation parts numbers, by one of its source and what stands for it there.

    What that does not show is as ``there`` says.
    """
    found = _parts(number, here)
    marks = re.findall(r"(?<=\d)\D(?=\d)", written)
    if found is None:
        return there
    groups = len(re.findall(r"\D", found["whole"]))
    decimals = int(found["ends"] is not None)
    group, decimal = there
    if decimals and len(marks) in (decimals, groups + decimals):
        decimal = marks[-1]
        group = here.group if group == decimal else group
    if groups and len(marks) == groups + decimals:
        group = marks[0]
    elif groups and len(marks) == decimals:
        group = ""
    if group == decimal:
        decimal = here.decimal
    return Separators(group, decimal)


def is_amount(before: str, after: str) -> bool:
    """Whether a number between these texts is none of a version, of a part of a book or a time."""
    return _VERSION.search(before[-40:]) is None and _TIME.match(after) is None


def _parts(number: str, here: Separators) -> re.Match[str] | None:
    return None if _ADDRESS.fullmatch(number) else _pattern(here).fullmatch(number)


@cache
def _pattern(here: Separators) -> re.Pattern[str]:
    among = next((some for some in (_SPACES, _APOSTROPHES) if here.group in some), here.group)
    # Of hundreds and thousands India parts pairs.
    group = f"[{among}]"
    parted = rf"\d{{1,3}}(?:{group}\d{{2,3}}){{0,4}}{group}\d{{3}}"
    ends = rf"(?:[{here.decimal}](?P<ends>\d+))?"
    return re.compile(rf"{_BEFORE}(?!0\d)(?P<whole>{parted}|\d+){ends}{_AFTER}")
