"""How well the extractor finds the facts of the cases, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.fact_writer import facts
from memory.rereading import rereading
from memory.slots import SLOTS
from memory.types import Message
from tests.facts.measure import judged, known, messages_of, writer_of
from tests.facts.test_cases import AT, CASES


@pytest.mark.parametrize("one_by_one", [False, True])
def test_the_cases_are_read_well_enough(one_by_one: bool) -> None:
    """Precision of at least 0.95 and recall of at least 0.85, whether the messages come at once
    or each on its own with the few before it.
    """
    score = judged(
        CASES, lambda case: known(messages_of(case, AT), writer_of(case), one_by_one=one_by_one)
    )
    assert score.precision >= 0.95, score.errors
    assert score.recall >= 0.85, score.errors


def message(text: str, role: str = "human", n: int = 0, session: str = "s1") -> Message:
    """A message of a session."""
    return Message(f"m{n}", session, role, text, datetime(2024, 5, 6, 10, tzinfo=UTC), n + 1)


_PIECES = st.sampled_from(
    ["order", "number", "4417-XZ", "not", "sorry", "it's", "a@b.example", "+1 415 555 0132", "$5",
     "31 April", "next Friday", "订单号", "不是", "二十块钱", "我叫", "\0", "1" * 60, "@", "#",
     "12 Mill Lane", "三天前", "0/0/0000", "99日", "，", "。", "?", "١٢٣"]
)  # fmt: skip
_SAID = st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=12)


@given(_SAID, st.sampled_from(["human", "ai"]))
def test_any_text_is_read(pieces: list[str], role: str) -> None:
    """Whatever was said gives facts of known slots with their message as the source, the same
    each time; nothing is refused.
    """
    said = message(" ".join(pieces), role)
    found = facts([said], products=["Mill"])
    assert facts([said], products=["Mill"]) == found
    assert len({record.id for record in found}) == len(found)
    for record in found:
        assert record.slot in SLOTS
        assert record.messages == (said.id,)
        assert record.role == role
        assert record.value != ""


def test_reading_goes_on_where_it_was_left() -> None:
    """With the readings of a customer kept, a dialogue that grows message by message has the facts
    that it has when it is read at once, and so has another that begins as it does.
    """
    dialogues = [messages_of(case, AT) for case in CASES[:40]]
    with rereading({}):
        for said in dialogues:
            for upto in range(1, len(said) + 1):
                grown = facts(said[:upto])
            other = [*said[:-1], replace(said[-1], text="No, sorry, it is 4418-XZ.")]
            gone_on = facts(other)
            with rereading({}):
                assert grown == facts(said)
                assert gone_on == facts(other)


@pytest.mark.parametrize("name", ["Zoë Brontë", "Łukasz Żak", "Inês Duarte", "Ørjan O'Neil"])
def test_a_name_may_have_accents(name: str) -> None:
    """It is read whole, however its letters are marked."""
    for said in (f"My name is {name}.", f"Hello, I'm {name}, my order is late."):
        assert [r.value for r in facts([message(said)]) if r.slot == "name"] == [name]


@pytest.mark.parametrize(
    "said",
    ["I am Tired.", "I'm Disappointed, very disappointed", "I AM FURIOUS!", "I AM TIRED OF THIS",
     "HELLO I AM WAITING", "It's Broken", "It's UPS.", "I am Canadian."],
)  # fmt: skip
def test_what_somebody_is_is_no_name(said: str) -> None:
    """However it is written; the name that is known stays."""
    found = facts([message("My name is Tom Becker.", n=0), message(said, n=1)])
    assert [(r.value, r.superseded_by) for r in found if r.slot == "name"] == [("Tom Becker", None)]


def test_sessions_are_kept_apart() -> None:
    """A question in one session is not answered in another, nor corrected there."""
    said = [
        message("My order number is 4417.", n=0),
        message("What is your order number?", "ai", n=1, session="s2"),
        message("Sorry, it's 4418.", n=2, session="s3"),
        message("5512", n=3),
    ]
    assert [(r.slot, r.value) for r in facts(said)] == [("order_number", "4417")]


@pytest.mark.parametrize(
    "filler", ["1-", "a@", "Aa ", "号", "1 ", "12 Mill Lane, ", "order 1,", "三"]
)
def test_long_messages_take_no_more_than_their_length(filler: str) -> None:
    """A message of 32 kB that is made to mislead is read all the same (or the test times out)."""
    facts([message(filler * (32_768 // len(filler)))])


def test_what_the_customer_is_reminded_of_is_no_promise() -> None:
    """An agent who repeats what the customer said, or was told, commits to nothing by it."""
    for said in ("You said that your order will be delivered on Friday.",
                 "You told us that we will call you tomorrow."):  # fmt: skip
        assert [f for f in facts([message(said, "ai")]) if f.slot == "promise"] == []
    (found,) = facts([message("Your order will be delivered on Friday.", "ai")])
    assert found.slot == "promise"


def test_traditional_characters_are_read_too() -> None:
    """A number by its label, with a colon or a verb, and what it should have been."""
    for said, value in (
        ("發票號碼是AB-12345678", ("invoice_number", "AB-12345678")),
        ("訂單編號：4417-XZ，還沒到貨", ("order_number", "4417-XZ")),
        ("運單號為SF1029384756", ("tracking_number", "SF1029384756")),
    ):
        assert value in [(fact.slot, fact.value) for fact in facts([message(said)])]
