"""Slots: what a fact can be about, and which of them hold one value.

A slot's name is stored with the record. Where a slot holds one value, a newer one takes the
place of the older; where it holds many they stand side by side, and only a correction that is
said to be one takes a value back.

Values have a form that compares: codes in capitals (their marks and spaces do not count), phone
numbers as E.164, e-mail addresses in small letters, dates as ISO 8601, amounts as "12.50 EUR".
What is free text is kept as it was said. The value of a record that takes something back without
a new one ("not my e-mail any more", "it works now") is None.
"""

from __future__ import annotations

import re

ONE = {
    "name": "Name",
    "email": "E-mail",
    "phone": "Phone",
    "address": "Address",
}
MANY = {
    "order_number": "Order number",
    "invoice_number": "Invoice number",
    "ticket_number": "Ticket number",  # also of a case, a reference, a booking
    "tracking_number": "Tracking number",
    "date": "Date",
    "amount": "Amount",
    "product": "Product",
    "preference": "Preference",
    "problem": "Problem",  # that is open; solved, it is superseded
    "promise": "Promise",  # of the agent; valid_to is the end of the day by which it is due
}
SLOTS = {**ONE, **MANY}  # each with its label in a record's text
FREE = frozenset({"preference", "problem", "promise"})  # in the speaker's own words

_MARKS = re.compile(r"[\W_]+")
_TOKEN = re.compile(r"[a-z'’]+|\d+[a-z]?(?![a-z])|\w")
_LOCAL = 7  # digits of a telephone number without its area code


def plain_code(code: str) -> str:
    """A code as it compares: 4417-XZ is 4417xz."""
    return _MARKS.sub("", code).upper()


def written(code: str) -> str:
    """A pattern of a code, with or without marks and spaces where letters meet digits."""
    return r"[\s_/-]*".join(re.findall(r"[^\W\d_]+|\d+", code))


def alike(slot: str, one: str, other: str) -> bool:
    """Whether two values of a slot are the same, however they are written."""
    if slot.endswith("_number"):
        return plain_code(one) == plain_code(other)
    if slot == "phone":
        return _digits(one) == _digits(other)
    return one == other


def within(slot: str, poorer: str, fuller: str) -> bool:
    """Whether a value says less of what another says.

    So does a telephone number without its area code, an address without its town, and a first
    name of a full one.
    """
    if slot == "phone":
        local, digits = _digits(poorer), _digits(fuller)
        return len(digits) > len(local) >= _LOCAL and digits.endswith(local)
    if slot not in {"address", "name"}:
        return False
    part, whole = (_TOKEN.findall(said.lower()) for said in (poorer, fuller))
    if len(part) >= len(whole):
        return False
    return _stands(part, whole) >= 0 or (slot == "address" and _left_out(part, whole))


def _stands(part: list[str], whole: list[str]) -> int:
    """Where a run of words stands among others; -1 if nowhere."""
    starts = range(len(whole) - len(part) + 1)
    return next((start for start in starts if whole[start : start + len(part)] == part), -1)


def _left_out(part: list[str], whole: list[str]) -> bool:
    """Whether an address leaves out a place within: 北京中关村大街1号 has no 海淀区."""
    for end in range(2, len(part) - 1):
        head = _stands(part[:end], whole)
        tail = _stands(part[end:], whole)
        if head >= 0 and head + end < tail:
            # A district, or a town after house and street.
            return whole[tail - 1] in set("省市区县镇乡") or (end >= 3 and part[end - 1].isascii())
    return False


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone).lstrip("0")
