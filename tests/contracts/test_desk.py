"""Who waits for a person, told from the rows of both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

import memory.desk
from memory import ConversationMemory, MemoryStore, Scope, Turn
from memory.clock import from_then, now
from memory.desk import PASSED_ON
from memory.types import Label
from tests.doubles import WordEncoder, count_words

HOUR = timedelta(hours=1)


def conversation(
    store: MemoryStore, encoder: WordEncoder, customer: str, tenant: str = "default"
) -> ConversationMemory:
    """A conversation whose digest does not run by itself."""
    return ConversationMemory(
        store=store, scope=Scope(customer, "s1", tenant), embeddings=encoder,
        count_tokens=count_words, background=False,
    )  # fmt: skip


def said(memory: ConversationMemory, text: str, ago: timedelta, intent: str = "greet") -> None:
    """A turn that began so long ago; it waits where the session was handed over."""
    with from_then(now() - ago):
        turn = memory.start(text)
        if turn.status == "running":
            labels = {"intent": Label(intent, 0.9)}
            memory.finish(turn, "Let me see.", "complete", labels=labels)


def passed_on(
    memory: ConversationMemory, text: str, ago: timedelta, template: str = PASSED_ON
) -> Turn:
    """A turn whose answer says that a person is asked."""
    with from_then(now() - ago):
        turn = memory.start(text)
        layout = replace(memory.layout(text, turn), template=template)
        finished = memory.finish(turn, "I have passed it on.", "complete", layout)
    assert finished is not None
    return finished


def asked(memory: ConversationMemory, ago: timedelta) -> None:
    """A customer asks for a person."""
    said(memory, "I want to talk to a person.", ago, "contact_human_agent")


def test_who_has_waited_longest_comes_first(store: MemoryStore, encoder: WordEncoder) -> None:
    """Who asked and who waits, by when that began; then what a person holds; nobody else, and
    nobody of another tenant.
    """
    asked(conversation(store, encoder, "ada"), 2 * HOUR)
    asked(conversation(store, encoder, "ada", "other"), 2 * HOUR)
    for customer in ("bo", "cy", "di"):
        said(conversation(store, encoder, customer), "Hello", 5 * HOUR)
    with from_then(now() - 4 * HOUR):
        assert store.transcript.hand_over(Scope("bo", "s1"))
        assert store.transcript.hand_over(Scope("cy", "s1"))
    said(conversation(store, encoder, "bo"), "Is somebody there?", 3 * HOUR)
    said(conversation(store, encoder, "bo"), "Hello??", HOUR)
    found = store.desk.awaited("default", 10)
    assert [(one.customer, one.session, one.why, one.messages, one.text) for one in found] == [
        ("bo", "s1", "waiting", 2, "Hello??"),
        ("ada", "s1", "asked", 1, "I want to talk to a person."),
        ("cy", "s1", "held", 0, "Hello"),
    ]
    hours = [round((now() - one.since) / HOUR) for one in found]
    assert hours == [3, 2, 4]
    assert [one.handed_over_at is None for one in found] == [False, True, False]
    assert [one.customer for one in store.desk.awaited("default", 1)] == ["bo"]
    assert conversation(store, encoder, "bo").reply("I am.") is not None
    assert [(one.customer, one.why) for one in store.desk.awaited("default", 10)] == [
        ("ada", "asked"), ("bo", "held"), ("cy", "held"),
    ]  # fmt: skip


def test_who_asked_waits_for_a_day_or_until_a_person_has_answered(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Whatever else they say to the model; taken over they are held, given back after an answer
    they wait no longer, and may ask again.
    """
    memory = conversation(store, encoder, "ada")
    asked(memory, 25 * HOUR)
    assert store.desk.awaited("default", 10) == []
    asked(memory, HOUR)
    said(memory, "Hello?", timedelta(0))
    (waits,) = store.desk.awaited("default", 10)
    assert (waits.why, waits.messages, waits.text) == ("asked", 1, "Hello?")
    ada = Scope("ada", "s1")
    store.transcript.hand_over(ada)
    assert [one.why for one in store.desk.awaited("default", 10)] == ["held"]
    memory.reply("Here I am.")
    store.transcript.give_back(ada)
    assert store.desk.awaited("default", 10) == []
    asked(memory, timedelta(0))
    assert [one.why for one in store.desk.awaited("default", 10)] == ["asked"]
    store.delete_session(ada)
    assert store.desk.awaited("default", 10) == []


def test_what_was_passed_on_waits_for_a_person(store: MemoryStore, encoder: WordEncoder) -> None:
    """As often as an answer said so, for a day or until a person has answered; who also asked for
    one stands there once, and other templates pass nothing on.
    """
    memory = conversation(store, encoder, "ada")
    passed_on(memory, "Cancel my order", 25 * HOUR)
    other = passed_on(conversation(store, encoder, "bo"), "Hello", HOUR, template="noted")
    assert other.template == "noted"
    assert store.desk.awaited("default", 10) == []
    passed_on(memory, "Cancel my order", 2 * HOUR)
    passed_on(memory, "And refund me", HOUR)
    (waits,) = store.desk.awaited("default", 10)
    assert (waits.why, waits.messages, waits.text) == ("passed", 2, "And refund me")
    assert round((now() - waits.since) / HOUR) == 2
    asked(memory, timedelta(0))
    assert [(one.customer, one.why) for one in store.desk.awaited("default", 10)] == [
        ("ada", "asked")
    ]
    ada = Scope("ada", "s1")
    store.transcript.hand_over(ada)
    memory.reply("It is cancelled.")
    store.transcript.give_back(ada)
    assert store.desk.awaited("default", 10) == []
    passed_on(memory, "And the other one", timedelta(0))
    assert [one.why for one in store.desk.awaited("default", 10)] == ["passed"]
    assert store.desk.awaited("other", 10) == []
    store.delete_session(ada)
    assert store.desk.awaited("default", 10) == []


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("_HANDED_OVER", "sessions_handed_over"),
        ("_ASKED", "messages_asking"),
        ("_PASSED", "turns_passed_on"),
    ],
)
def test_a_look_goes_by_an_index_of_what_waits(name: str, index: str) -> None:
    """On SQLite, without statistics: it costs what waits, however many rows there are."""
    statement = getattr(memory.desk, name).text
    asked = {"tenant": "default", "limit": 1} | ({"since": 0} if ":since" in statement else {})
    with memory.open_store() as store, store.database.read() as connection:
        plan = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {statement}"), asked).all()
    assert index in plan[0].detail, plan
