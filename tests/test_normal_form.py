"""What two sentences have in common for a translation memory, and what is put in for the rest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.normal_form import carried, fill, form, forms, known_form, lost, slots

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
    assert made.text == "Bob，从5到3"
    made = fill("We need 3 or 5", "我们要3或5", "It is 5 or 3 that we need")
    assert made.text == "我们要3或5"  # where the sentence is another their order says nothing
    made = fill("Room 1 or 12 ?", "1号房还是12号房？", "Room 12 or 7 ?")
    assert (made.text, made.left) == ("12号房还是7号房？", [])
    made = fill("Mail a@b.de by 17:17", "Escreva a a@b.de até 17:17", "Mail c@d.de by 09:05")
    assert made.text == "Escreva a c@d.de até 09:05"


@pytest.mark.parametrize(
    ("source", "target", "asked", "made"),
    [
        (
            "Ship it to Berlin, not to Paris.", "Schicken Sie es nach Berlin, nicht nach Paris.",
            "Ship it to Paris, not to Berlin.", "Schicken Sie es nach Paris, nicht nach Berlin.",
        ),
        (
            "We need 2 chairs and 3 tables.", "3 Tische und 2 Stühle brauchen wir.",
            "We need 3 chairs and 2 tables.", "2 Tische und 3 Stühle brauchen wir.",
        ),
        (
            "You paid 20 and owe 30.", "Bezahlt: 20, offen: 30.",
            "You paid 30 and owe 20.", "Bezahlt: 30, offen: 20.",
        ),
        ("3 of 3-5", "von 3-5 sind es 3", "4 of 3-5", "von 3-5 sind es 4"),
    ],
)  # fmt: skip
def test_values_change_places(source: str, target: str, asked: str, made: str) -> None:
    """A sentence's own in another order are no less other values than new ones."""
    filled = fill(source, target, asked)
    assert (filled.text, filled.left) == (made, [])


@pytest.mark.parametrize(
    ("source", "target", "asked", "between", "made"),
    [
        ("It costs 15.", "Es kostet 15.", "It costs 1,299.50.", "en de", "Es kostet 1.299,50."),
        ("Es kostet 15.", "It costs 15.", "Es kostet 1.299,50.", "de en", "It costs 1,299.50."),
        ("It is 1,299.50", "Es ist 1.299,50", "It is -2,450.5", "en de", "Es ist -2.450,5"),
        ("It is 1,299.50", "Es ist 1.299,50", "It is 15", "en de", "Es ist 15"),
        ("It is 15", "C’est 15", "It is 1,299.50", "en fr", "C’est 1\u202f299,50"),
        ("C’est 15", "It is 15", "C’est 1\xa0299,50", "fr en", "It is 1,299.50"),
        ("It is 15", "Es ist 15", "It is 1,299.5kg", "en de-ch", "Es ist 1'299.5kg"),
        ("It is 15", "Es 15", "It is 1,299.50", "en es-mx", "Es 1,299.50"),
        ("It is 15", "qaStaH 15", "It is 1,299.50", "en tlh", "qaStaH 1,299.50"),
        # As the translation that is known writes them, whatever the language's way is.
        ("It is 1,299.50", "Es ist 1,299.50", "It is 2,450.75", "en de", "Es ist 2,450.75"),
        ("It is 1,299.50", "Es ist 1299,50", "It is 2,450.75", "en de", "Es ist 2450,75"),
        ("Take plan 2.5", "Nimm Plan 2.5", "Take plan 1,299.5", "en de", "Nimm Plan 1,299.5"),
    ],
)
def test_numbers_are_written_as_the_translation_s_language_does(
    source: str, target: str, asked: str, between: str, made: str
) -> None:
    """Or as the known translation does, and nothing of what was asked is lost by that."""
    here, there = between.split()
    filled = fill(source, target, asked, (here, there))
    assert (filled.text, filled.left) == (made, [])
    assert lost(asked, filled.text) == []


@pytest.mark.parametrize(
    "number",
    ["2024", "10:30", "4417-XZ", "555.123.4567", "192.168.178.100", "3.14.2", "12.05.2024", "v2.5",
     "030.123", "5.30pm", "5.30 p.m.", "1,2,3", "+49-30-12345", "a1.5@b.de"],
)  # fmt: skip
def test_what_is_no_amount_stays_as_it_is(number: str) -> None:
    """Years, times, dates, codes, addresses and versions."""
    said, kept = f"Ask {number}", number.partition(" ")[0]
    assert kept in fill("Ask 15", "Frag 15", said, ("en", "de")).text
    assert "17.2" in fill("On macOS 15", "Auf macOS 15", "On macOS 17.2", ("en", "de")).text


@given(st.decimals(0, 10**9, places=2), st.sampled_from(["de", "fr", "de-ch", "pl", "pt-br"]))
def test_a_number_comes_back_as_it_was(amount: Decimal, language: str) -> None:
    """Written in another language and read from there."""
    there = fill("x 15", "y 15", f"x {amount:,}", ("en", language)).text
    assert fill("y 15", "x 15", there, (language, "en")).text == f"x {amount:,}"


@pytest.mark.parametrize("said", ["Mr Jones", "Mr. Müller", "Mr José Łuk-Smith"])
def test_a_title_is_no_part_of_a_name(said: str) -> None:
    """It is translated as it was; the name is put in, with letters of all of Europe."""
    source, target = "Thank you, Mr Smith.", "Danke, Herr Smith."
    assert known_form(source, target) in forms(f"Thank you, {said}.")
    made = fill(source, target, f"Thank you, {said}.").text
    assert made == f"Danke, Herr {said.partition(' ')[2]}."
    assert known_form("Hi Ada, welcome", "Hallo Ada, willkommen") in forms("Hi José, welcome")


def test_equal_values_that_become_different_have_no_place() -> None:
    """It cannot be told which of the two is which in the translation."""
    assert fill("2 boys and 2 girls", "2 Mädchen, 2 Jungen", "2 boys and 3 girls").left == ["3"]
    assert fill("2 boys and 3 girls", "zwei Jungen, 3", "3 boys and 2 girls").left == ["3", "2"]


@pytest.mark.parametrize("sign", ["-", "~", "−", "+", "±", "－"])
def test_a_sign_is_part_of_its_number(sign: str) -> None:
    """It is neither dropped nor invented."""
    cold, warm = f"It is {sign}5 degrees.", "It is 5 degrees."
    assert form(cold) != form(warm)
    assert fill(warm, "Es sind 5 Grad.", cold).text == f"Es sind {sign}5 Grad."
    assert fill(cold, f"Es sind {sign}5 Grad.", warm).text == "Es sind 5 Grad."
    assert fill(cold, "Es sind minus 5 Grad.", warm).left == ["5", f"{sign}5"]
    assert [slot.text for slot in slots("pages 3-5, 3 - 5")] == ["3-5", "3", "5"]


@pytest.mark.parametrize(
    ("source", "target", "missing"),
    [
        ("We leave at 7 with 12 people.", "我们8点和21人出发。", ["7", "12"]),
        ("20 paid, 20 owed", "20 pagos, 30 devidos", ["20"]),
        ("It is -5 degrees", "São 5 graus", ["-5"]),
        ("It costs 1,299.50 for 1,234.", "Custa 1.299,50 por 1.234.", []),
        ("It costs 1,299.50.", "Custa 1.299,05.", ["1,299.50"]),
        ("It costs 1,299.50.", "Cela coûte 1 299,50 €.", []),
        ("Cela coûte 1\u202f299,50 €.", "It costs €1'299.50.", []),
        ("3 100 W lamps", "3 Lampen mit 10 W", ["100"]),
        ("2.5 kg at 5pm, the 3rd", "2,5 kg 17 h", ["5pm", "3rd"]),
        ("10kg by 5pm", "10 kg, 5 da tarde", []),
        ("The code is 990-ABC at a@b.de", "O código é 990-ABD", ["990-abc", "a@b.de"]),
        ("See www.abc.de", "Veja www.abd.de", ["www.abc.de"]),
    ],
)
def test_numbers_that_a_translation_lacks(source: str, target: str, missing: list[str]) -> None:
    """Small ones too; as another country writes them they are the same."""
    assert lost(source, target) == missing


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
