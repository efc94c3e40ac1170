"""What is somebody's own is replaced, and the dialogue still reads."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.dialogues import Dialogue, Said
from app.training.occurrences import Occurrences, Value, in_runs
from app.training.redaction import redact
from app.training.standins import iban
from memory.cards import luhn

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


def alone(text: str) -> str:
    """What a customer says, redacted."""
    turns = (Said("customer", text), Said("agent", "Thank you."))
    return redact(Dialogue("d", turns, ""), "seed").turns[0].text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("my name is ada lovelace and i wait", "ada lovelace"),
        ("hi this is ada, where is it?", "ada"),
        ("ada here, any news?", "ada"),
        ("this is priya raman speaking", "priya raman"),
        ("The account holder is chidi okafor.", "chidi okafor"),
        ("account holder ada lovelace", "ada lovelace"),
        ("Where is it?\nregards,\npriya raman", "priya raman"),
        ("Where is it? Regards, zoë", "zoë"),
        ("my pin is 442 and the order late", "442"),
        ("PIN: 0042", "0042"),
        ("the cvv on the back is 987", "987"),
        ("my password is swordfish.", "swordfish"),
        ("my password is Hunter2!", "Hunter2"),
        ("password: correcthorse", "correcthorse"),
        ("my plate is ab12 cde", "ab12 cde"),
        ("licence plate AB12 CDE", "AB12 CDE"),
        ("it is registration 7XYZ123", "7XYZ123"),
        ("iban GB82 WEST 1234 5698 7654 32 and thanks", "GB82 WEST 1234 5698 7654 32"),
        ("de89370400440532013000 is it", "de89370400440532013000"),
        ("my iban is DE00 3704 0044 0532 0130 00", "DE00 3704 0044 0532 0130 00"),
        ("write to ada (at) fjord.org", "ada (at) fjord.org"),
        ("write to ada.l at fjord dot co dot uk", "ada.l at fjord dot co dot uk"),
    ],
)
def test_what_follows_the_words_for_it_is_somebody_s_own(text: str, secret: str) -> None:
    """It is gone, word by word, and what is around it stays."""
    before, _, after = text.partition(secret)
    made = alone(text)
    assert made.startswith(before)
    assert made.endswith(after)
    for word in re.findall(r"\w+", secret):
        if word not in ("at", "dot"):
            assert word not in re.findall(r"\w+", made), made


@pytest.mark.parametrize(
    "text",
    [
        "this is ridiculous, call me back",
        "my name is misspelled, and wrong on the card",
        "i am here. nobody here knows. cheers mate. regards to the team",
        "we sincerely appreciate it. Their name is Grafton Hotel.",
        "choose a password to protect it",
        "my password is wrong, the password is not working and it is being reset",
        "the registration is closed and my plate is empty",
        "meet me at example.com, i am at home",
        "thanks grace, i may hope and will mark it",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    """A word that says how a thing is names nobody, and opens nothing."""
    assert alone(text) == text


def test_a_name_that_is_a_word_goes_only_where_it_is_given() -> None:
    """In small letters, elsewhere it is the word."""
    found = re.fullmatch(
        r"my name is (\w+) and i will wait", alone("my name is will and i will wait")
    )
    assert found
    assert found[1] != "will"


def test_an_account_has_right_check_digits_and_one_stand_in() -> None:
    """However it is spaced and written, and of the same country."""
    made = alone("GB82 WEST 1234 5698 7654 32, so gb82west12345698765432")
    found = re.fullmatch(r"(GB\d\d(?: \w{4}){4} \w\w), so (gb\w{20})", made)
    assert found, made
    assert iban(found[1])
    assert found[2] == found[1].replace(" ", "").lower()


def test_an_address_in_words_is_the_one_in_letters() -> None:
    """Whoever says it in both ways has one stand-in."""
    made = alone("ada@fjord.org, that is ada at fjord dot org")
    found = re.fullmatch(r"(\w+)@example\.com, that is (\w+) at example dot com", made)
    assert found, made
    assert found[1] == found[2]


def test_a_password_that_was_asked_for_is_one() -> None:
    """A word alone after the question; not one that says how it is with it."""
    for answer, private in (("swordfish", True), ("forgotten", False), ("expired", False)):
        turns = (Said("agent", "What is your password?"), Said("customer", answer))
        made = redact(Dialogue("d", (Said("customer", "Hi."), *turns), "")).turns[2].text
        assert (made != answer) == private


def test_a_long_message_takes_little_more_than_its_length() -> None:
    """As many values as words: each is looked for once, not in all of it."""

    def steps(orders: int) -> int:
        """Lines of Python that are run: they do not depend on the machine."""
        count = 0

        def trace(*_: Any) -> Any:
            nonlocal count
            count += 1
            return trace

        values = Occurrences(
            Value(f"{4000 + i}-XZ", str.lower, in_runs(f"{4000 + i}-XZ")) for i in range(orders)
        )
        text = " ".join(f"order {4000 + i}XZ," for i in range(orders))
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            made = values.replaced(text, text)
        finally:
            sys.settrace(before)
        assert made == text.lower()
        return count

    assert steps(400) < 5 * steps(100)


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
