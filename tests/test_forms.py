"""In which forms a stored value is found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memory.forms import finder

AT = datetime(2026, 11, 25, tzinfo=UTC)
PHONE, GERMAN, DATE, AMOUNT = "+14155552671", "+493012345678", "2027-05-03", "129.99 USD"


@pytest.mark.parametrize(
    ("slot", "value", "said"),
    [
        *(("phone", PHONE, said) for said in (
            "415-555-2671", "(415) 555 2671", "1-415-555-2671", "555-2671", "00 1 415 555 2671",
            "+1 (415) 555.2671", "4155552671", "＋１４１５５５５２６７１",
        )),
        *(("phone", GERMAN, said) for said in ("+49 (0)30 12345678", "030/123 456 78")),
        *(("date", DATE, said) for said in (
            "03/05/2027", "5/3/2027", "3rd of May 2027", "2027年5月3日", "3-May-2027", "May 3",
        )),
        *(("amount", AMOUNT, said) for said in (
            "$129.99", "USD 129.99", "129,99 USD", "US$129.99", "129.99美元", "usd129.99",
        )),
    ],
)  # fmt: skip
def test_a_value_is_found_where_it_is_said(slot: str, value: str, said: str) -> None:
    """However it is written, between other words and after another number, the whole of it."""
    for before, after in (("", ""), ("So it is ", ", yes 12."), ("Take ", "。")):
        ((start, end),) = finder(slot, value)(f"{before}{said}{after}", AT, True)
        assert len(before) <= start + (said[0] == "0") * 2
        assert f"{before}{said}{after}"[end:] == after
    if slot == "phone" and len(said) >= 10:
        assert finder(slot, value)(f"order 3 {said}", AT, True)


@pytest.mark.parametrize(
    ("slot", "value", "said"),
    [
        ("phone", PHONE, "212 555 2671"), ("phone", PHONE, "2125552671"),
        ("phone", PHONE, "415 555 26711"), ("phone", PHONE, "A4155552671"),
        ("phone", "12345", "12345"), ("date", DATE, "3 June 2027"), ("date", DATE, "in 3 days"),
        ("amount", AMOUNT, "$1129.99"), ("amount", AMOUNT, "129.99 EUR"),
        ("amount", AMOUNT, "USD 129.995"), ("order_number", "A-1", "A-1"),
    ],
)  # fmt: skip
def test_another_value_is_not_found(slot: str, value: str, said: str) -> None:
    """A longer number, another area, another day, another currency."""
    assert finder(slot, value)(said, AT, True) == []


def test_what_depends_on_the_time_is_not_sure() -> None:
    """Tomorrow is the day only when it was said; an amount without currency may be another."""
    for slot, value, said in (("date", "2026-11-26", "tomorrow"), ("amount", AMOUNT, "129.99")):
        assert finder(slot, value)(f"It is {said}.", AT, False) == [(6, 6 + len(said))]
        assert finder(slot, value)(f"It is {said}.", AT, True) == []
