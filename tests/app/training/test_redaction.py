"""What is somebody's own is replaced, and the dialogue still reads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.dialogues import Dialogue, Said
from app.training.redaction import redact
from app.training.standins import luhn

CALL = Dialogue(
    "ada.lindqvist/monday",
    (
        Said("customer", "Hi, my name is Ada Lindqvist and my order 4417-XZ has not come."),
        Said("agent", "Hello Ada! Is 4417XZ the one to 12 Fennimore Road, Ashwick?"),
        Said("customer", "Yes, Fennimore Road. My mail is Ada.Lindqvist@fjord.example.org"),
        Said("agent", "And which phone number can we reach you at, Ms. Lindqvist?"),
        Said("customer", "+44 1632 960983, or 01632 960983 if you call from here"),
        Said("agent", "Thank you. Paid with the card 4539 1488 0343 6467?"),
        Said("customer", "the one ending in 6467, yes. My friend Barnaby Jones paid 25 dollars"),
        Said("agent", "I have sent it to ada.lindqvist@fjord.example.org. Goodbye, Ada!"),
    ),
    "calls.jsonl",
)  # fmt: skip
SECRETS = (
    "ada lindqvist 4417 fennimore ashwick fjord 1632 960983 4539 1488 0343 6467 barnaby jones"
).split()


def said(dialogue: Dialogue) -> str:
    """All that is said in it."""
    return "\n".join(turn.text for turn in dialogue.turns)


def shape(text: str) -> str:
    """Digits as 9, letters as a or A."""
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "9", text)))


def test_nothing_of_the_original_is_left() -> None:
    """Names, order, address, mail, phone and card are gone, also from the dialogue's id."""
    redacted = redact(CALL, "seed")
    for secret in SECRETS:
        assert secret not in said(redacted).lower(), said(redacted)
        assert secret not in redacted.id.lower()
    assert [t.role for t in redacted.turns] == [t.role for t in CALL.turns]


def test_it_still_reads() -> None:
    """Around the stand-ins every word stays; a value has one stand-in, of the same shape."""
    redacted = redact(CALL, "seed")
    first, second, third, fourth, fifth, sixth, seventh, eighth = (t.text for t in redacted.turns)
    found = re.fullmatch(
        r"Hi, my name is (\w+) (\w+) and my order (\d{4})-([A-Z]{2}) has not come\.", first
    )
    assert found, first
    forename, surname, digits, letters = found.groups()
    again = re.fullmatch(r"Hello (\w+)! Is (\w+) the one to \d\d (\w+) Road, (\w+)\?", second)
    assert again, second
    assert again[1] == forename
    assert again[2] == digits + letters
    mail = re.fullmatch(rf"Yes, {again[3]} Road\. My mail is (\S+@example\.com)", third)
    assert mail, third
    assert fourth == f"And which phone number can we reach you at, Ms. {surname}?"
    phone = re.fullmatch(r"\+44 (\d{4} \d{6}), or 0(\d{4} \d{6}) if you call from here", fifth)
    assert phone, fifth
    assert phone[1] == phone[2]
    card = re.fullmatch(r"Thank you\. Paid with the card ((?:\d{4} ){3}(\d{4}))\?", sixth)
    assert card, sixth
    assert luhn(card[1])
    assert re.fullmatch(
        rf"the one ending in {card[2]}, yes\. My friend \w+ \w+ paid 25 dollars", seventh
    )
    assert eighth == f"I have sent it to {mail[1]}. Goodbye, {forename}!"


def test_a_seed_decides_and_dialogues_do_not_share_stand_ins() -> None:
    """The same again with the seed; another seed or dialogue gives other stand-ins."""
    again = redact(CALL, "seed")
    assert redact(CALL, "seed") == again
    assert said(redact(CALL, "other")) != said(again)
    other = Dialogue("another", CALL.turns, CALL.source)
    assert said(redact(other, "seed")) != said(again)


@pytest.mark.parametrize(
    "text",
    [
        "It costs 25 dollars, or 1,499.00 EUR in 2024, and takes 3 days.",
        "A table for 4 at 7 pm on the 25th, until 9:30.",
        "I will mark it. May I have a rose? The bill came in August.",
        "We are open from 9 a.m. to 6 p.m., Monday to Friday.",
        "Hi There, thank you Very much.",
    ],
)
def test_what_is_nobody_s_own_stays(text: str) -> None:
    """Amounts, times, dates, years and ordinary words are no secrets."""
    dialogue = Dialogue("d", (Said("customer", text), Said("agent", text)), "")
    assert said(redact(dialogue)) == said(dialogue)


def test_an_answer_to_a_question_for_a_number_is_one() -> None:
    """A PIN or a room alone is nothing but a number; what was asked for says what it is."""
    turns = (
        Said("agent", "What is your PIN?"), Said("customer", "2012"),
        Said("agent", "And your name?"), Said("customer", "ben"), Said("agent", "Thanks, Ben."),
    )  # fmt: skip
    redacted = redact(Dialogue("d", turns, ""))
    pin, name = redacted.turns[1].text, redacted.turns[3].text
    assert re.fullmatch(r"\d{4}", pin)
    assert pin != "2012"
    assert name != "ben"
    assert redacted.turns[4].text == f"Thanks, {name.title()}."


def test_chinese_names_and_addresses_are_replaced() -> None:
    """A name of as many characters; house and street of an address are others."""
    turns = (
        Said("customer", "我叫欧伟民，订单号是20240518，地址是北京市海淀区中关村大街27号"),
        Said("agent", "好的，欧伟民，订单20240518会寄到。"),
    )
    redacted = redact(Dialogue("d", turns, ""))
    for secret in ("欧伟民", "20240518", "海淀", "中关村", "27号"):
        assert secret not in said(redacted)
    name = redacted.turns[0].text[2:5]
    assert redacted.turns[1].text.startswith(f"好的，{name}，订单")


def _with_check_digit(body: str) -> str:
    return next(body + d for d in "0123456789" if luhn(body + d))


@given(
    st.from_regex(r"\A[A-Z]{2}[0-9]{6}\Z"),
    st.from_regex(r"\A4[0-9]{14}\Z").map(_with_check_digit),
    st.from_regex(r"\A[a-z]{5,9}\.[a-z]{5,9}@[a-z]{5,9}\.org\Z"),
    st.text("abcdef", max_size=4),
)
def test_values_of_any_kind_are_replaced_by_their_like(
    code: str, card: str, mail: str, seed: str
) -> None:
    """Everywhere the same, none the original, and of the original's shape."""
    turns = (
        Said("customer", f"order number {code}, card {card}, mail {mail}"),
        Said("agent", f"{mail}: {code.lower()}; {card}"),
    )
    redacted = redact(Dialogue("d", turns, ""), seed)
    first = re.fullmatch(r"order number (\w+), card (\d+), mail (\S+)", redacted.turns[0].text)
    assert first
    assert redacted.turns[1].text == f"{first[3]}: {first[1].lower()}; {first[2]}"
    assert shape(first[1]) == shape(code)
    assert shape(first[2]) == shape(card)
    assert luhn(first[2])
    for original, made in zip((code, card, mail), first.groups(), strict=True):
        assert original != made
