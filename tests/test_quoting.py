"""What is quoted to answer a question: the message that says it, and nothing that asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from memory import Evidence, Recalled
from memory.embeddings import embedded
from memory.questions import recollects
from memory.quoting import answered, excerpt, quotes

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LONG = "The queue was very long and nobody at the desk had time for me. " * 5


def said(number: int, text: str, role: str = "human", **more: Any) -> Recalled:
    """What was found, best first by its number."""
    return Recalled(
        f"v{number}", text, (f"m{number}",), "s1", role, AT, 1 / number, "found", **more
    )


def quoted(question: str, *found: Recalled) -> list[str]:
    """The ids and texts that are quoted."""
    return [quote.text for quote in quotes(question, found, embedded())]


def test_the_message_that_says_it_is_quoted() -> None:
    """Wherever it was found, in its own words."""
    lamp = said(2, "Hi! I ordered a desk lamp, order LK-20417, and it arrived broken.")
    mail = said(3, "My e-mail is jo@example.com, write to me there.")
    other = said(1, "The hotel was full of people.")
    assert quoted("What was my order number?", other, mail, lamp)[0] == lamp.text
    assert quoted("Which e-mail address do you have for me?", other, lamp, mail)[0] == mail.text


def test_what_only_asks_or_greets_is_not() -> None:
    """A question that was asked before is as like to this one as can be, and says nothing."""
    lamp = said(3, "Hi! I ordered a desk lamp, order LK-20417, and it arrived broken.")
    before = said(1, "Hello. What was my order number?"), said(2, "Thanks a lot!")
    assert quoted("What was my order number?", *before, lamp) == [lamp.text]
    assert quoted("What was my order number?", *before) == []
    assert quoted("What was my order number?") == []


def test_a_request_with_a_time_says_when() -> None:
    """Although it is a question; one without says nothing."""
    call = said(1, "Can you call me tomorrow at 5 pm?")
    assert quoted("When did I ask you to call?", call) == [call.text]
    assert quoted("When did I ask you to call?", said(1, "Can you call me back?")) == []


def test_of_a_long_message_one_sentence_is() -> None:
    """The one that says it."""
    long = said(1, f"{LONG}My order is LK-20417. {LONG}")
    assert quoted("Which order number did I give you?", long) == ["My order is LK-20417."]


def test_a_message_and_a_fact_of_it_are_quoted_once() -> None:
    """And no more than two that are nearly as good."""
    lamp = said(1, "My order LK-20417 is late.")
    fact = Recalled(
        "f", "Order number: LK-20417", ("m1",), "s1", "human", AT, 1, "", "order_number"
    )
    again = said(2, "My order is LK-20417, as I said."), said(3, "It is order LK-20417.")
    found = quotes("What is my order number?", [lamp, fact, *again], embedded(), most=9)
    assert len({quote.recalled.messages for quote in found}) == len(found) >= 1
    assert [quote.text for quote in found if quote.recalled.messages == ("m1",)] == [fact.text]
    two = quotes("Is it order LK-20417?", [lamp, *again], embedded())
    assert len(two) == 2
    assert min(quote.likeness for quote in two) > 0.5


def test_of_a_passage_one_paragraph_is() -> None:
    """Without a heading or a question before it; of a long one a sentence; or nothing."""
    text = "Delivery\n\nDo you ship abroad?\nWe deliver to Norway.\n\nReturns are free of charge."
    passage = Evidence("1", "a.md", "Delivery", text, 1.0, "found")
    found = excerpt("Do you deliver to Norway?", [passage], embedded())
    assert found is not None
    assert (found.text, found.passage) == ("We deliver to Norway.", passage)
    long = replace(passage, text=f"{LONG}{LONG}We deliver to Norway.")
    found = excerpt("Do you deliver to Norway?", [long], embedded())
    assert found is not None
    assert found.text == "We deliver to Norway."
    assert (
        excerpt("Do you deliver to Norway?", [replace(passage, text="Delivery")], embedded())
        is None
    )
    assert excerpt("Do you deliver to Norway?", [], embedded()) is None


def test_a_question_that_is_written_has_its_own_answer() -> None:
    """In whatever words another passage answers it; another question has not."""
    mine = Evidence("1", "faq.csv", "faq", "When do I get my money back?\nIn 5 days.", 1.0, "")
    other = replace(mine, id="2", text="Pay in 3\n\nYou get your money back when we have it.")
    found = answered("When will I get my money back?", [other, mine], embedded())
    assert found is not None
    assert (found.text, found.passage) == ("In 5 days.", mine)
    assert answered("How do I cancel my order?", [other, mine], embedded()) is None
    assert answered("When do I get my money back?", [other], embedded()) is None


@pytest.mark.parametrize(
    ("sentence", "does"),
    [
        ("What did I tell you about my dog?", True),
        ("which number do you have down for me", True),
        ("How long did you say the refund would take?", True),
        ("I forgot what we agreed", True),
        ("我之前说的订单号是多少", True),
        ("Do you have a shop in Leeds?", False),
        ("Are you hiring?", False),
        ("How do I change my address?", False),
    ],
)
def test_a_question_for_what_was_said_is_known(sentence: str, *, does: bool) -> None:
    """By its words; other questions are not taken for one."""
    assert recollects(sentence) is does
