"""Placeholders such as ``{{Order Number}}`` in answers that were written as templates.

Left in, a model would say them. A number of a thing is the customer's own where one was said.
How to reach the company is put into words ("our support phone number"): a number made up here
would be learnt, and given to customers. What only names a button or a page stays, without its
braces. A sentence whose value cannot be known (a fee, a date, a name) is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from memory.codes import codes

_PLACEHOLDER = re.compile(r"\{\{\s*(?P<name>[^{}]{1,120}?)\s*\}\}")
# Sentences and lines, each with the white space before it; "1." begins an item and ends none.
_PIECE = re.compile(r"(?<=[^\d\s][.!?])(?=\s)|(?=\n)")

_NUMBER = re.compile(r"\b(?:number|id|code)\b", re.IGNORECASE)
_REACHED = re.compile(r"\b(?:phone|telephone|hotline|e-?mail|contact information)\b", re.IGNORECASE)
_SITE = re.compile(r"\bwebsite\b|\bapp\b|\burl\b", re.IGNORECASE)
_HOURS = re.compile(r"\bhours\b|\bavailability\b", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"\b(?:name|date|amount|percentage|fees?|penalt(?:y|ies)|price|days|timeframe|response time"
    r"|processing time|start|end time|eta|period|situations?|case|circumstances|instructions"
    r"|reason|method anonymized|weekdays|weekends|holidays|\d)\b",
    re.IGNORECASE,
)
_DETERMINED = re.compile(r"\b(?:the|our|your|an?|this|that|their|my)\s(?:\w+\s)?$", re.IGNORECASE)
# "our support number, {{Phone Number}}, or": said already.
_SAID = re.compile(r"\b(?:number|hotline|line|website|address|e-?mail)\b[,:]?\s?$", re.IGNORECASE)
_DURING = re.compile(r"\b(?:during|in|within|outside)\s(?:our\s)?$", re.IGNORECASE)
_FROM = re.compile(r"(?:\b(?:from|are|is|on|and|to)|[:;])\s?$", re.IGNORECASE)
_MOST_WORDS = 5  # of a label


def fill(texts: Sequence[str], asks: Sequence[bool], seed: str) -> list[str]:
    """A conversation's texts without placeholders; one that had nothing else is empty.

    Args:
        texts: in the order in which they were said.
        asks: of each, whether the customer says it.
        seed: the same gives the same numbers.
    """
    if not any("{{" in text for text in texts):
        return list(texts)
    filled: list[str] = []
    numbers: dict[str, str] = {}  # by what they are of
    for text, customer in zip(texts, asks, strict=True):
        if customer:
            for name in (m["name"] for m in _PLACEHOLDER.finditer(text)):
                if _NUMBER.search(name) and not _REACHED.search(name):
                    numbers.setdefault(_key(name), _number(f"{seed}/{_key(name)}"))
        kept = (_filled(piece, numbers) for piece in _PIECE.split(text))
        filled.append("".join(piece for piece in kept if piece is not None).strip())
        if customer:
            for mention in codes(filled[-1]):
                numbers.setdefault("", mention.said)
    return filled


def _filled(piece: str, numbers: dict[str, str]) -> str | None:
    """A sentence with its placeholders filled; None if one of them cannot be."""
    while (found := _PLACEHOLDER.search(piece)) is not None:
        before, after = piece[: found.start()], piece[found.end() :]
        value = _value(found["name"], before, numbers)
        if value is None:
            return None
        if not value:
            before, after = before.rstrip(" ,:"), after.removeprefix(",")
        if value.casefold().endswith("website") and after.lower().startswith(" website"):
            after = after[len(" website") :]
        piece = f"{before}{value}{after}"
    return piece


def _value(name: str, before: str, numbers: dict[str, str]) -> str | None:
    plain = re.sub(r"\s+anonymized$", "", name, flags=re.IGNORECASE).strip("\"'")
    if plain.isdigit():
        return plain
    if _HOURS.search(plain) and not _UNKNOWN.search(plain):
        if _DURING.search(before):
            return "business hours"
        return None if _FROM.search(before) else "during business hours"
    if _REACHED.search(plain) or _SITE.search(plain):
        if _SAID.search(before):
            return ""
        words = "website" if _SITE.search(plain) else plain.lower()
        return words if _DETERMINED.search(before) else f"our {words}"
    if _NUMBER.search(plain):
        return numbers.get(_key(plain)) or numbers.get("")
    if plain.lower() == "company name":
        return "our company"
    if _UNKNOWN.search(name) or len(plain.split()) > _MOST_WORDS:
        return None
    return plain


def _key(name: str) -> str:
    """The thing whose number it is: "Order Number" and "Order ID" are the same."""
    words = re.sub(r"\banonymized\b", "", name.lower())
    return " ".join(_NUMBER.sub("", words).split()) or "number"


def _number(seed: str) -> str:
    return str(10**9 + int.from_bytes(blake2b(seed.encode(), digest_size=6).digest()) % 10**9)
