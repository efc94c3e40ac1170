"""What fills a template: one value a slot, of the message or in force; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.templates.answering import AnswerTemplates
from app.templates.choosing import Declined
from app.templates.filling import Known, Missing
from app.templates.template import FILLABLE, Template, Templates
from memory import ConversationMemory, Label, Scope, joined, open_store, supersede, verbatim
from memory import facts as facts_of
from memory.clock import end_of
from memory.fact_writer import fact
from memory.transcript import make_message
from tests.doubles import WordEncoder, count_words

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PLANNED = Template("track_order", "Hello {name}, {order_number} comes on {delivery_day}.")
CANCEL = Template("cancel_order", "We cancel order {order_number}.")
SURE = {"intent": Label("track_order", 0.95)}
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="{}\0"), max_size=20)


def held(
    slot: str, value: str, *, days: int = 1, session: str = "s", due: int | None = None
) -> Any:
    """A fact said so many days ago; a promise due in so many."""
    message = make_message("human", value, 0, at=NOW - timedelta(days=days))
    made = fact(replace(message, session=session), slot, value, value)
    return made if due is None else replace(made, valid_to=end_of(NOW.date() + timedelta(days=due)))


NAME = held("name", "Ada Reyes", days=90)
OLD = held("order_number", "KX-39517", days=60, session="old")
OPEN = held("order_number", "KX-48213", days=4, session="open")
BENCH = held("promise", "Your bench will be delivered on Tuesday.", days=4, session="open", due=3)
CODES = {"old": frozenset({"KX39517"}), "open": frozenset({"KX48213"})}


def filled(template: Template, message: str, *facts: Any, session: str = "new") -> str | Missing:
    """The text with its slots filled, or what is missing."""

    def held(slot: str) -> list[Any]:
        return [one for one in facts if one.slot == slot]

    known = Known(message, held, NOW, session, lambda name: CODES.get(name, frozenset()))
    values = known.fill(template)
    if isinstance(values, Missing):
        return values
    return template.filled({slot: value.text for slot, value in values.items()})


def test_the_order_of_an_open_delivery_is_meant() -> None:
    """Of two orders that of which a delivery is promised, in words, for the day it is due."""
    said = "Hello Ada Reyes, KX-48213 comes on Tuesday 1 December 2026."
    assert filled(PLANNED, "Where is my order?", NAME, OLD, OPEN, BENCH) == said
    assert filled(PLANNED, "Where is KX-48213?", NAME, OLD, OPEN, BENCH) == said


def test_of_a_card_that_was_taken_for_an_order_the_last_digits_are_said() -> None:
    """It is none of the shop's orders, and everybody may read an answer."""
    order = Template("where", "{order_number} is on its way.")
    assert filled(order, "My order number is 5500005555555559") == "•••• 5559 is on its way."


def test_another_order_has_no_promised_day() -> None:
    """The message names one that was not promised, or one that nobody knows."""
    for message in ("Where is KX-39517?", "Where is order KX-99999?"):
        assert filled(PLANNED, message, NAME, OLD, OPEN, BENCH) == Missing("delivery_day")


def test_nothing_is_guessed_of_two_orders() -> None:
    """Two with a delivery each, one named since the promise, or no promise at all."""
    other = held("promise", "It will be delivered on Friday.", days=3, session="old", due=6)
    both = Missing("order_number", ("KX-39517", "KX-48213"))
    assert filled(PLANNED, "Where is it?", NAME, OLD, OPEN, BENCH, other) == Missing(
        "order_number", ("KX-48213", "KX-39517")
    )
    newer = held("order_number", "KX-50001", days=1, session="x")
    assert filled(PLANNED, "Where is it?", NAME, OPEN, BENCH, newer) == Missing(
        "order_number", ("KX-48213", "KX-50001")
    )
    assert filled(CANCEL, "Cancel my order", OLD, OPEN) == both


def test_what_is_named_now_or_in_the_session_is_meant() -> None:
    """A number in the message first, however it is written; else the one talked of before."""
    assert filled(CANCEL, "Cancel kx48213 please", OLD, OPEN) == "We cancel order KX-48213."
    assert filled(CANCEL, "Cancel my order", OLD, OPEN, session="old") == (
        "We cancel order KX-39517."
    )
    assert filled(CANCEL, "Cancel order KX-39517", OLD, OPEN, session="open") == (
        "We cancel order KX-39517."
    )
    assert filled(CANCEL, "Cancel order AB-77001") == "We cancel order AB-77001."


def test_an_unknown_slot_is_told() -> None:
    """By its name, as a person reads it."""
    assert str(filled(PLANNED, "Where is it?", OPEN, BENCH)) == "slot name is not known"
    assert str(filled(CANCEL, "Cancel it", OLD, OPEN)) == (
        "slot order_number has 2 values: KX-39517, KX-48213"
    )


@pytest.mark.parametrize(
    "promise",
    [
        held("promise", "Your bench will be delivered on Friday.", session="open", due=-1),
        held("promise", "I will call you on Friday.", session="open", due=3),
        held("promise", "We will refund it by Friday.", session="open", due=3),
        held("promise", "Your bench will be delivered soon.", session="open"),
    ],
    ids=["overdue", "a call", "a refund", "no day"],
)
def test_only_a_delivery_that_is_still_to_come_has_a_day(promise: Any) -> None:
    """What was promised otherwise, or for a day that is past, is not the delivery's day."""
    assert filled(PLANNED, "Where is it?", NAME, OPEN, promise) == Missing("delivery_day")


def test_the_only_order_is_that_of_the_promise() -> None:
    """Also where another session gave the promise; two days for it are not certain."""
    promise = held("promise", "It will be delivered on Friday.", days=2, session="call", due=6)
    assert filled(PLANNED, "Where is it?", NAME, OPEN, promise) == (
        "Hello Ada Reyes, KX-48213 comes on Friday 4 December 2026."
    )
    assert filled(PLANNED, "Where is it?", NAME, OPEN, BENCH, promise) == Missing(
        "delivery_day", ("Tuesday 1 December 2026", "Friday 4 December 2026")
    )


@given(
    st.lists(st.one_of(WORDS, st.sampled_from(FILLABLE).map("{{{}}}".format)), min_size=1),
    st.fixed_dictionaries(dict.fromkeys(FILLABLE, WORDS)),
)
def test_filling_leaves_no_brace_and_invents_nothing(
    pieces: list[str], values: dict[str, str]
) -> None:
    """The text is its own words and the values, in order, and no more."""
    text = Template("a", "".join(pieces)).filled(values)
    assert text == "".join(values[p[1:-1]] if p.startswith("{") else p for p in pieces)
    assert not set(text) & set("{}")


@pytest.mark.parametrize("value", ["{name}", "{name.__class__}", "{}", "%s", "\\1", "$name", "{"])
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    """It stands in the text as it is, whatever it looks like."""
    assert Template("a", "So: {problem}.").filled({"problem": value}) == f"So: {value}."


# --- in a conversation -----------------------------------------------------------------------


@pytest.fixture
def remembered() -> Iterator[Callable[..., ConversationMemory]]:
    """Makes memories of a customer who has said things, a session each."""
    with open_store() as store:

        def make(*sessions: tuple[str, ...]) -> ConversationMemory:
            for number, said in enumerate((*sessions, ())):
                memory = ConversationMemory(
                    store=store, scope=Scope("ada", f"s{number}"), embeddings=WordEncoder(),
                    writer=joined(verbatim, facts_of), update=supersede, background=False,
                    count_tokens=count_words,
                )  # fmt: skip
                for question, answer in zip(said[::2], said[1::2], strict=True):
                    memory.save_context({"input": question}, {"output": answer})
            return memory

        yield make


def answer(memory: ConversationMemory, message: str, *texts: str, sure: Any = SURE) -> Any:
    """What templates for one intent make of a message."""
    made = tuple(Template("track_order", text) for text in texts)
    templates = AnswerTemplates(Templates(made), WordEncoder())
    return templates.answer(memory, message, sure, memory.layout(message))


def test_memory_fills_a_template(remembered: Callable[..., ConversationMemory]) -> None:
    """With the facts that did it, and why, in place of what else was recalled."""
    memory = remembered(("Hi, my name is Ada Reyes. My order number is KX-48213", "Thank you."))
    ready = answer(memory, "Where is it?", "Hello {name}, {order_number} is on its way.")
    assert ready.text == "Hello Ada Reyes, KX-48213 is on its way."
    assert [(r.text, r.why) for r in ready.layout.recalled] == [
        ("Name: Ada Reyes", "fills {name}"),
        ("Order number: KX-48213", "fills {order_number}"),
    ]
    assert (ready.layout.template, ready.layout.evidence) == ("track_order", None)


def test_what_holds_no_longer_fills_nothing(
    remembered: Callable[..., ConversationMemory],
) -> None:
    """A corrected value gives the new one; a deleted one none."""
    memory = remembered(
        ("My email is old@a.example", "Noted."), ("My new email is new@a.example", "Noted.")
    )
    assert answer(memory, "Where?", "To {email}.").text == "To new@a.example."
    (fact,) = (one for one in memory.known() if one.slot == "email")
    memory.vector.delete(fact.id)
    assert isinstance(answer(memory, "Where?", "To {email}."), Declined)


def test_the_next_template_of_the_intent_may_do(
    remembered: Callable[..., ConversationMemory],
) -> None:
    """Where the first cannot be filled; and nobody is told the same twice in a row."""
    memory = remembered()
    texts = ("It comes on {delivery_day}.", "Which order is it?")
    ready = answer(memory, "Where is my parcel?", *texts)
    assert ready.text == texts[1]
    memory.save_context({"input": "Where is my parcel?"}, {"output": ready.text})
    assert answer(memory, "Where is my parcel?", texts[1]).why == "it has just been answered so"


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (None, "not read by a classifier"),
        ({}, "no head 'intent'"),
        ({"intent": Label(None, 0.9)}, "out of scope"),
        ({"intent": Label("track_order", 0.89)}, "uncertain .0.89, below 0.9."),
        ({"intent": Label("refund", 0.9)}, "no template for refund"),
    ],
)
def test_the_intent_has_to_be_certain(
    remembered: Callable[..., ConversationMemory], labels: Any, why: str
) -> None:
    """Else the model answers, and a person is told why."""
    declined = answer(remembered(), "Where is it?", "Soon.", sure=labels)
    assert re.search(why, declined.why)


def test_a_number_that_the_template_does_not_say_is_the_models(
    remembered: Callable[..., ConversationMemory],
) -> None:
    """What the message names is what it asks for."""
    declined = answer(remembered(), "Where is KX-48213?", "Orders come within 5 days.")
    assert declined.why == "the template does not say KX48213 of the message"
