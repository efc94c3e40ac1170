"""What two sentences have in common for a translation memory, and what is put in for the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.normal_form import carried, fill, form, forms, known_form, slots

words = st.text("abc XYZ 019-.,!?'’中文。 ", max_size=60)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I do n't want it .", "I don't want it"),
        ("Where 's my ORDER ?", "where's my order?"),
        ("Yes, please!", "Yes please."),
        ("好的 ，谢谢 ！", "好的，谢谢。"),
        ("Ｗｉｆｉ ok", "wifi OK"),
        ("It costs $ 5", "It costs $5."),
    ],
)
def test_case_spaces_and_punctuation_make_no_other_sentence(one: str, other: str) -> None:
    """Tokenised text, full-width signs and apostrophes included."""
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It is late?", "It is late."),
        ("5%", "$5"),
        ("My order is 4417-XZ", "My order is 5518-AB"),
        ("Ask Ada", "Ask Bob"),
    ],
)
def test_a_question_a_unit_a_number_and_a_name_do(one: str, other: str) -> None:
    """What is asked and what is said are two sentences."""
    assert form(one) != form(other)


def test_a_sentence_is_known_with_other_numbers_where_these_carry_over() -> None:
    """Each has to stand in the translation as it does in the source, and as often."""
    assert known_form("6 seats on TR1149", "6张TR1149次的票") in forms("2 seats on TR2222")
    assert known_form("A 3 star hotel", "三星级酒店") not in forms("A 4 star hotel")
    assert known_form("2 tickets for us", "2张票，2个人") not in forms("3 tickets for us")
    assert carried("Thank you, Ada.", "谢谢你，Ada。") == ["name"]
    assert carried("We are in Cambridge", "我们在剑桥") == []


def test_numbers_and_names_are_put_right_all_at_once() -> None:
    """Two that change places do, and nothing inside a longer number is touched."""
    made = fill("From 3 to 5, Ada", "Ada，从3到5", "From 5 to 3, Bob")
    assert made.text == "Bob，从3到5"  # the same numbers in another order say nothing
    made = fill("Room 1 or 12 ?", "1号房还是12号房？", "Room 12 or 7 ?")
    assert (made.text, made.left) == ("12号房还是7号房？", [])
    made = fill("Mail a@b.de by 17:17", "Escreva a a@b.de até 17:17", "Mail c@d.de by 09:05")
    assert made.text == "Escreva a c@d.de até 09:05"


def test_what_has_no_place_is_said_to_be_left() -> None:
    """Nothing is put where it may be wrong."""
    made = fill("A 3 star hotel", "三星级酒店", "A 4 star hotel")
    assert (made.text, made.changed, made.left) == ("三星级酒店", {}, ["4", "3"])
    made = fill("It is late", "它晚了", "It is 3 days late")
    assert made.left == ["3"]


@given(words)
def test_a_sentence_is_known_by_its_own_form(text: str) -> None:
    """Whatever its translation is, and its own numbers stay."""
    for translation in (text, "x", f"{text} {text}"):
        assert known_form(text, translation) in forms(text)
        assert fill(text, translation, text).text == translation


@given(words, words)
def test_slots_stand_where_they_say(text: str, other: str) -> None:
    """And what is filled in is the other's, or is left."""
    for slot in slots(text):
        assert text[slot.start : slot.end] == slot.text
    filled = fill(text, text, other)
    assert set(filled.changed.values()) <= {slot.text for slot in slots(other)}


def test_a_long_run_of_letters_takes_no_long_time() -> None:
    """The patterns are bounded: this would take minutes otherwise."""
    for text in ("a" * 4000, "a-" * 2000, "1." * 2000, "A " * 2000, "@" * 4000, "http://" * 500):
        forms(text)
        fill(text, text, text + " 7")
