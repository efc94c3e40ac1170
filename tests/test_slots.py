"""When two values of a slot are one, and when one says less than the other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.slots import alike, plain_code, within, written

_RUNS = st.lists(st.from_regex(r"[A-Z]{1,4}|[0-9]{1,6}", fullmatch=True), min_size=1, max_size=5)
_MARKS = st.sampled_from(["", "-", " ", "_", "/"])


@given(_RUNS, st.data())
def test_a_code_is_one_however_it_is_written(runs: list[str], data: st.DataObject) -> None:
    """Marks, spaces and small letters make no other code, and its pattern finds it with them."""
    code = "-".join(runs)
    marks = [data.draw(_MARKS) for _ in runs[1:]]
    other = runs[0] + "".join(mark + run for mark, run in zip(marks, runs[1:], strict=True))
    assert alike("order_number", code, other.lower())
    assert re.fullmatch(written(code), other, re.IGNORECASE)


@given(_RUNS, _RUNS)
def test_other_letters_or_digits_are_another_code(one: list[str], other: list[str]) -> None:
    """Codes are alike only if their letters and digits are the same, in the same order."""
    assert alike("order_number", "-".join(one), "-".join(other)) == ("".join(one) == "".join(other))
    assert plain_code("-".join(one)) == "".join(one)


@given(st.from_regex(r"[1-9][0-9]{6,9}", fullmatch=True), st.sampled_from(["+49", "+1", "+86"]))
def test_a_local_number_is_part_of_the_whole(local: str, country: str) -> None:
    """With or without its trunk prefix; never the other way round, and of no other number."""
    for said in (local, f"0{local}"):
        assert within("phone", said, country + local)
        assert not within("phone", country + local, said)
    other = local[:-1] + str((int(local[-1]) + 1) % 10)
    assert not within("phone", local, country + other)


@pytest.mark.parametrize(
    ("slot", "poorer", "fuller"),
    [
        ("address", "12 Mill Lane", "12 Mill Lane, Cambridge CB2 1RX"),
        ("address", "12 Mill Lane, CB2 1RX", "12 Mill Lane, Cambridge CB2 1RX"),
        ("address", "12 mill lane", "Flat 3, 12 Mill Lane"),
        ("address", "中关村大街1号", "北京市海淀区中关村大街1号"),
        ("address", "北京中关村大街1号", "北京市海淀区中关村大街1号"),
        ("name", "Ada", "Ada Lovelace"),
    ],
)
def test_a_poorer_form_says_less(slot: str, poorer: str, fuller: str) -> None:
    """It is part of the fuller one, which is no part of it."""
    assert within(slot, poorer, fuller)
    assert not within(slot, fuller, poorer)


@pytest.mark.parametrize(
    ("slot", "one", "other"),
    [
        ("address", "2 Mill Lane", "12 Mill Lane, Cambridge"),
        ("address", "12 York Road", "12 Mill Lane, York Road Estate"),
        ("address", "南京西路20号", "上海市静安区南京西路200号"),
        ("address", "朝阳路1号", "朝阳区北路1号"),
        ("name", "Ad", "Ada Lovelace"),
        ("phone", "5550132", "+14155550133"),
        ("phone", "0132", "+14155550132"),
        ("email", "a@b.example", "aa@b.example"),
        ("order_number", "4417", "4417-XZ"),
    ],
)
def test_another_place_or_number_is_no_part(slot: str, one: str, other: str) -> None:
    """What only shares some of its letters or digits is another value."""
    assert not within(slot, one, other)
    assert not alike(slot, one, other)


_WORDS = st.lists(
    st.sampled_from(["12", "mill", "lane", "york", "北", "京", "市", "路", "1", "号"]), max_size=6
).map(" ".join)


@given(st.sampled_from(["address", "name", "phone"]), _WORDS, _WORDS, _WORDS)
def test_of_two_values_only_one_says_less(slot: str, before: str, value: str, after: str) -> None:
    """Never each of the other, and none of itself."""
    fuller = f"{before} {value} {after}"
    assert not (within(slot, value, fuller) and within(slot, fuller, value))
    assert not (within(slot, before, after) and within(slot, after, before))
    assert not within(slot, value, value)
