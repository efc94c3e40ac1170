"""Numbers of payment cards in a text: 13 to 19 digits as issuers give them, with a check digit.

Numbers of devices (IMEI), of SIM cards and of articles have check digits as well, and begin or
are as long as no card's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_APART = r"(?:\s{1,2}|\s?[-.–—－]\s?)"
_RUN = re.compile(rf"(?<![A-Za-z\d_+])\d+(?:{_APART}\d+)*(?![A-Za-z\d_])")
_GROUP = re.compile(r"\d+")
_ISSUED = re.compile(
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}(?:\d{2})?|35\d{14}|4\d{12}(?:\d{3}){0,2}|[56]\d{12,18}"
    r"|2[2-7]\d{14}|8[12]\d{14}|9792\d{12}"
)
_GROUPED = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (6, 13), *((4, 4, 4, 4, n) for n in (1, 2, 3))}
_MOST = 19  # digits


class Card(NamedTuple):
    """The number of a card at [start, end) of a text."""

    start: int
    end: int
    digits: str


def cards(text: str) -> list[Card]:
    """The numbers of cards in a text, in their order."""
    found: list[Card] = []
    for run in _RUN.finditer(text):
        groups = [match.span() for match in _GROUP.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            card, after = _card(text, groups, first)
            found += [card] if card else []
            first = after
    return found


def masked(text: str) -> str:
    """``text`` with the last four digits of the cards in it."""
    for card in reversed(cards(text)):
        text = f"{text[: card.start]}•••• {card.digits[-4:]}{text[card.end :]}"
    return text


def luhn(number: str) -> bool:
    """Whether a card's digits have the right check digit."""
    digits = [int(c) for c in number if c.isdigit()]
    doubled = (sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _card(text: str, groups: list[tuple[int, int]], first: int) -> tuple[Card | None, int]:
    """The card that begins with a group of digits, and the group behind it or to look at next.

    What stands behind a number, its day of expiry or its code, looks as if it went on.
    """
    digits = ""
    for last in range(first, len(groups)):
        digits += "".join(str(int(c)) for c in text[slice(*groups[last])])
        if len(digits) > _MOST:
            break
        sizes = tuple(end - start for start, end in groups[first : last + 1])
        whole = first == 0 and last == len(groups) - 1
        as_written = len(sizes) == 1 or sizes in _GROUPED or whole
        if as_written and _ISSUED.fullmatch(digits) and luhn(digits):
            return Card(groups[first][0], groups[last][1], digits), last + 1
    return None, first + 1
