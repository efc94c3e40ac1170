"""Where a text says a value in a form of its own: a stored value has the form that compares.

"13800138000" says "+8613800138000", "3 May 2027" says "2027-05-03" and "$129.99" says
"129.99 USD". Other values are stored as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from memory.dates import dates
from memory.mentions import amounts, narrow

Spans = list[tuple[int, int]]
# What it finds in a text that was said at a time; with ``sure`` only what reads so at any time.
Finder = Callable[[str, datetime, bool], Spans]

WRITTEN_OTHERWISE = frozenset({"phone", "date", "amount"})
_LEAST = 7  # digits of a telephone number without its area code
_WHOLE = 10  # digits after which it is one, though another number stands right before it
_PARTED = r"(?:\(0\)|[\s()./-]){0,3}"
_HYPHEN = re.compile(r"(?<=\d)-(?=[A-Za-z])|(?<=[A-Za-z])-(?=\d)")  # "3-May-2027"
_WEEK = timedelta(days=7)


def finder(slot: str | None, value: str) -> Finder:
    """Finds where a value of a slot is said, beyond its stored form."""
    if slot == "phone" and (pattern := _phone(value)) is not None:
        return partial(_matches, pattern)
    if slot == "date":
        return partial(_days, value)
    if slot == "amount":
        return partial(_amounts, value)
    return lambda _text, _at, _sure: []


def _phone(value: str) -> re.Pattern[str] | None:
    """The number with or without its country and area codes, and none that is longer."""
    digits = re.sub(r"\D", "", value)
    if len(digits) < _LEAST:
        return None
    forms = [rf"(?<!\d[ ()./-]){_ending(digits, _LEAST)}"]
    if len(digits) >= _WHOLE:
        forms.append(_ending(digits, _WHOLE))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(forms)})(?![0-9A-Za-z])")


def _ending(digits: str, least: int) -> str:
    """A pattern of the last of some digits, at least so many, and of those before them."""
    found = ""
    for digit in digits[:-least]:
        found = f"(?:{found}{digit}{_PARTED})?"
    return f"[+(0]{{0,4}}{found}{_PARTED.join(digits[-least:])}"


def _matches(pattern: re.Pattern[str], text: str, _at: datetime, _sure: bool) -> Spans:
    return [m.span() for m in pattern.finditer(narrow(text))]


def _days(value: str, text: str, at: datetime, sure: bool) -> Spans:
    text = _HYPHEN.sub(" ", narrow(text))

    def read(said: datetime) -> set[tuple[int, int]]:
        return {
            (d.start, d.end)
            for day_first in (False, True)  # the value does not say how it was read
            for d in dates(text, said.date(), day_first=day_first)
            if d.day.isoformat() == value
        }

    # Read a week later, "tomorrow" and "Monday" are other days.
    found = read(at)
    return sorted(found & read(at + _WEEK) if found and sure else found)


def _amounts(value: str, text: str, _at: datetime, sure: bool) -> Spans:
    text = narrow(text)
    figure, _, unit = value.partition(" ")
    found = [(m.start, m.end) for m in amounts(text) if m.value == value]
    before = re.compile(rf"(?<![A-Za-z]){re.escape(unit)}\s?(\d[\d.,]*)(?<!\D)", re.IGNORECASE)
    found += [
        m.span()
        for m in before.finditer(text)
        if any(read.value == value for read in amounts(f"{m[1]} {unit}"))
    ]
    if "." in figure and not sure:  # with cents, it needs no currency to be told
        bare = rf"(?<![\d.,]){re.escape(figure)}(?!\d|[.,]\d)"
        spans = (m.span() for m in re.finditer(bare, text))
        found += [one for one in spans if not any(a < one[1] and one[0] < b for a, b in found)]
    return found
