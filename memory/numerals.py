"""Chinese numerals: 三百二十 is 320."""

from __future__ import annotations

_DIGITS = {c: n for n, cs in enumerate(("零〇", *"一二三四五六七八九")) for c in cs} | {"两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
NUMERAL = r"(?:\d{1,9}|[零〇一二两三四五六七八九十百千万]{1,12})"


def number(text: str) -> int:
    """The number that figures or Chinese numerals say."""
    if text.isdigit():
        return int(text)
    total = section = digit = 0
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c == "万":
            total, section, digit = (total + section + digit) * 10_000, 0, 0
        else:
            section += (digit or 1) * _UNITS[c]
            digit = 0
    return total + section + digit
