"""The customer at a glance: current facts, promises, the last session, each with its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from langchain_core.messages import AIMessage, HumanMessage
from sqlalchemy import text

from memory import Card, ConversationMemory, MemoryStore, Message, Policy, Record, Scope, Supersede
from memory.card import PER_SLOT
from memory.writers import record_id
from tests.contracts.test_corrections import conversation, fact, with_facts
from tests.doubles import WordEncoder

NOW = Scope("ada", "now")
DAY = timedelta(days=1)


def desk(messages: Sequence[Message]) -> list[Record]:
    """As the writer of facts, and what the agent promises by a day."""
    return [
        *with_facts(messages),
        *(
            Record(
                record_id("promise", (m.session, m.id), m.text), f"Promise: {m.text}", (m.id,),
                m.session, m.role, m.at, slot="promise", value=m.text,
                valid_to=m.at + 2 * DAY if "by Friday" in m.text else None,
            )
            for m in messages
            if m.role == "ai" and "will" in m.text
        ),
    ]  # fmt: skip


def shown(memory: ConversationMemory) -> Card:
    """The card."""
    found = memory.card()
    assert found is not None
    return found


def test_a_customer_at_a_glance(store: MemoryStore, encoder: WordEncoder) -> None:
    """Who, which order, what is wrong, what was promised and what of it is overdue, the last
    session and how many there were; with the message that each comes from, before any digest.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    conversation(store, encoder, Scope("ada", "first"), writer=desk).add_messages(
        [HumanMessage("Hello. My name is Bo, I am here for the first time.", id="m1"),
         AIMessage("We will send it by Friday.", id="m2"), AIMessage("We will see.", id="m3")],
        [now - 9 * DAY] * 3,
    )  # fmt: skip
    memory = conversation(store, encoder, Scope("ada", "second"), writer=desk)
    memory.add_messages(
        [HumanMessage("My order number is A-1001.", id="m1"), HumanMessage("A-1001 is late!"),
         AIMessage("The technician will ring you by Friday.")],
        [now - DAY, now - DAY, now],
    )  # fmt: skip
    card = shown(memory)
    assert [(f.slot, f.value, f.since) for f in card.facts] == [
        ("name", "bo", now - 9 * DAY), ("order_number", "a-1001", now - DAY),
    ]  # fmt: skip
    named, order = card.facts
    assert named.source.excerpt == "My name is Bo, I am here for the first time."
    assert (named.source.message, named.source.session) == ("m1", "first")
    assert (order.source.message, order.source.session) == ("m1", "second")
    assert (order.source.made_by, order.source.role, order.label) == (
        "message", "human", "Order number",
    )  # fmt: skip
    assert card.problem is not None
    assert card.problem.value == "a-1001 is late"
    assert [(p.fact.value, p.due, p.overdue) for p in card.promises] == [
        ("We will send it by Friday.", now - 7 * DAY, True),
        ("The technician will ring you by Friday.", now + 2 * DAY, False),
        ("We will see.", None, False),
    ]
    assert card.last_session is not None
    assert card.last_session.session == "second"
    assert "A-1001" in card.last_session.summary
    assert (card.last_contact, card.sessions, card.mood) == (now, 2, None)


def test_a_corrected_fact_says_what_it_replaced(store: MemoryStore, encoder: WordEncoder) -> None:
    """By a person, and by what the customer said later; a deleted one is gone."""
    memory = conversation(store, encoder)
    memory.save_context({"input": "My order number is A-1001."}, {"output": "A-1001, thanks."})
    memory.digest()
    memory.vector.correct(fact(store).id, value="B-2002")
    (order,) = shown(memory).facts
    assert (order.value, order.source.made_by, order.source.excerpt) == ("B-2002", "person", None)
    assert order.replaced is not None
    assert (order.replaced.value, order.replaced.until) == ("a-1001", order.since)
    last = shown(memory).last_session
    assert last is not None
    assert "1001" not in last.summary
    newer = replace(fact(store), id="later", value="C-3003", source="message", at=datetime.now(UTC))
    store.records.apply(NOW.owner, [Supersede(order.id, newer)])
    (order,) = shown(memory).facts
    assert order.replaced is not None
    assert (order.value, order.replaced.value) == ("C-3003", "B-2002")
    memory.vector.delete(order.id)
    assert shown(memory).facts == []


def test_other_facts_keep_their_source_after_a_correction(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The message that said the old value has left prompts: a fact that was taken from it still
    says which it was, and quotes the sentence if that is still remembered.
    """
    memory = conversation(store, encoder)
    memory.add_messages(
        [HumanMessage("My name is Bo. My order number is A-1001. B-7 is late.", id="m1"),
         HumanMessage("My name is Al, order C-3003.", id="m2")],
    )  # fmt: skip
    memory.digest()
    order = next(r for r in store.records.newest(NOW.owner, 9) if r.value == "a-1001")
    memory.vector.correct(order.id, value="B-2002")
    other = next(r for r in store.records.newest(NOW.owner, 9) if r.value == "c-3003")
    memory.vector.correct(other.id, value="D-4004")
    card = shown(memory)
    assert card.problem is not None
    found = {f.value: f.source for f in (*card.facts, card.problem)}
    assert found["bo"].excerpt == "My name is Bo."
    assert found["b-7 is late"].excerpt == "B-7 is late."
    assert found["al"].excerpt is None, "its sentence said the old number"
    for value, message in (("bo", "m1"), ("b-7 is late", "m1"), ("al", "m2")):
        source = found[value]
        assert (source.message, source.session, source.role) == (message, "now", "human")
        assert source.at is not None
    assert "1001" not in str([f.source for f in (*card.facts, card.problem)])


def test_it_shows_the_last_facts_of_a_slot_and_says_that_there_are_more(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A glance is short."""
    memory = conversation(store, encoder)
    for n in range(PER_SLOT + 3):
        memory.save_context({"input": f"And my order number is A-{n}000"}, {"output": "Yes."})
    card = shown(memory)
    assert [f.value for f in card.facts] == [f"a-{n}000" for n in range(PER_SLOT + 2, 2, -1)]
    assert card.more == ["order_number"]


def test_what_is_forgotten_is_not_on_it(store: MemoryStore, encoder: WordEncoder) -> None:
    """Expired facts, and those that a policy has outlived, without a sweep; pinned ones stay."""
    now = datetime.now(UTC)
    memory = conversation(store, encoder, policy=Policy(max_age=30 * DAY))
    memory.add_messages(
        [HumanMessage("My name is Bo."), HumanMessage("My order number is A-1001.")],
        [now - 31 * DAY, now - 29 * DAY],
    )
    assert [f.slot for f in shown(memory).facts] == ["order_number"]
    named = next(r for r in store.records.newest(NOW.owner, 9) if r.slot == "name")
    memory.vector.correct(named.id, pinned=True)
    assert [(f.slot, f.pinned) for f in shown(memory).facts] == [
        ("name", True), ("order_number", False),
    ]  # fmt: skip
    with store.database.write() as connection:
        connection.execute(text("UPDATE records SET expires_at = 1 WHERE slot = 'order_number'"))
    assert [f.slot for f in shown(memory).facts] == ["name"]


def test_there_is_no_card_of_nobody(store: MemoryStore, encoder: WordEncoder) -> None:
    """An unknown customer has none; one of whom no fact is known has an empty one."""
    memory = conversation(store, encoder)
    assert memory.card() is None
    memory.save_context({"input": "Hello."}, {"output": "Hello."})
    card = shown(memory)
    assert (card.facts, card.problem, card.promises, card.sessions) == ([], None, [], 1)
    assert conversation(store, encoder, Scope("eve")).card() is None
