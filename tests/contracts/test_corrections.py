"""What a person corrects or deletes beats everything, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from memory import (
    ConversationMemory,
    Forget,
    InvalidInput,
    MemoryStore,
    Message,
    Record,
    Replace,
    Scope,
    Supersede,
    open_store,
    verbatim,
)
from memory.clock import from_then
from memory.fact_writer import facts as extracted
from memory.types import Add, Change, Floats
from memory.withdrawals import pattern, plain
from memory.writers import record_id
from tests.contracts.memories import rows, said
from tests.doubles import WordEncoder, count_words

EARLIER, NOW = Scope("ada", "earlier"), Scope("ada", "now")
SAID = "My order number is A-1001. The lamp in it is cracked."
ASKED = "What is my order number?"
_FACTS = {
    "order_number": re.compile(r"order (?:number is )?(\w-\d+)", re.IGNORECASE),
    "name": re.compile(r"my name is (\w+)", re.IGNORECASE),
    "problem": re.compile(r"(\w-\d+ is late)", re.IGNORECASE),
}


def with_facts(messages: Sequence[Message]) -> list[Record]:
    """Every message as it was said, and the facts that the customer says in it."""
    return [
        *verbatim(messages),
        *(
            Record(
                record_id("facts", (m.session, m.id), slot), f"{slot}: {found[1]}", (m.id,),
                m.session, m.role, m.at, slot=slot, value=found[1].lower(),
            )
            for m in messages
            for slot, pattern in _FACTS.items()
            if m.role == "human" and (found := pattern.search(m.text))
        ),
    ]  # fmt: skip


def written_facts(messages: Sequence[Message]) -> list[Record]:
    """Every message as it was said, and the facts in it."""
    return [*verbatim(messages), *extracted(messages)]


def newest_fact(new: Record, similar: list[Record]) -> list[Change]:
    """The last said of a slot holds."""
    return [
        Supersede(old.id, new) for old in similar if new.slot and old.slot == new.slot
    ] or [Add(new)]  # fmt: skip


def conversation(
    store: MemoryStore, encoder: WordEncoder, scope: Scope = NOW, **more: Any
) -> ConversationMemory:
    """A conversation with a window of some 150 words and a writer of facts."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=encoder, count_tokens=count_words, background=False,
        max_tokens=400, summary_tokens=100, recall_tokens=50,
        **{"writer": with_facts, **more},
    )  # fmt: skip


def shown(memory: ConversationMemory, question: str = ASKED) -> str:
    """The whole of the next prompt, its question aside, and what LangChain's way would load."""
    messages = [message.text for message in memory.prompt(question)]
    assert messages[-1].endswith(question)
    messages[-1] = messages[-1].removesuffix(question)
    return "\n".join([*messages, str(memory.load_memory_variables({"input": question}))])


def facts(store: MemoryStore, slot: str = "order_number") -> list[Record]:
    """The current facts of a slot."""
    found = store.records.newest(NOW.owner, 1000)
    return [r for r in found if r.slot == slot and r.superseded_by is None]


def fact(store: MemoryStore, slot: str = "order_number") -> Record:
    """The one current fact of a slot."""
    (found,) = facts(store, slot)
    return found


def history(store: MemoryStore) -> list[Record]:
    """The superseded records, newest first."""
    return [r for r in store.records.newest(NOW.owner, 1000, history=True) if r.superseded_by]


def quoting(store: MemoryStore, text: str = SAID) -> Record:
    """The plain record of a text."""
    (found,) = (r for r in store.records.newest(NOW.owner, 1000) if r.text == text)
    return found


@pytest.fixture
def memory(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """An earlier session with the fact, and this one in which it was asked for and repeated."""
    conversation(store, encoder, EARLIER).save_context(
        {"input": SAID}, {"output": "Thank you, I look for A-1001."}
    )
    memory = conversation(store, encoder)
    memory.digest()
    memory.prompt(ASKED)
    memory.save_context({"input": ASKED}, {"output": "It is a 1001. Anything else?"})
    memory.save_context({"input": "Is A-1001 late?"}, {"output": "It comes on Monday."})
    memory.digest()
    assert shown(memory).count("1001") >= 3
    return memory


WAYS: dict[str, Callable[[ConversationMemory], object]] = {
    "value": lambda m: m.vector.correct(fact(m.store).id, value="B-2002"),
    "text": lambda m: m.vector.correct(fact(m.store).id, text="order_number: B-2002"),
    "plain text": lambda m: m.vector.correct(
        quoting(m.store).id, text="My order number is B-2002."
    ),
    "deletion": lambda m: m.vector.delete(fact(m.store).id),
    "forget": lambda m: m.vector.apply([Forget(fact(m.store).id)]),
    "replace": lambda m: m.vector.apply(
        [Replace(fact(m.store).id, by_hand("order_number: B-2002", "b-2002"))]
    ),
    "supersede": lambda m: m.vector.apply(
        [Supersede(fact(m.store).id, by_hand("order_number: B-2002", "b-2002"))]
    ),
}


def by_hand(text: str, value: str) -> Record:
    """A fact that a person makes."""
    return Record(
        f"by hand {text}", text, (), "now", "human", datetime.now(UTC), slot="order_number",
        value=value, source="person",
    )  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("where", ["same process", "another process"])
def test_the_old_is_in_no_later_prompt(
    memory: ConversationMemory, url: str, encoder: WordEncoder, way: str, where: str
) -> None:
    """However it was put, whoever said it, in this session and in others, beside an earlier
    question and in the window; before the next digest and after it. The new is there.
    """
    if where == "same process":
        WAYS[way](memory)
    else:
        with open_store(url) as other:
            WAYS[way](conversation(other, encoder))
    for _ in range(2):
        given = shown(memory)
        assert "1001" not in given
        assert ("b-2002" in given.lower()) == (way not in {"deletion", "forget"})
        assert "1001" not in shown(conversation(memory.store, encoder, Scope("ada", "new")))
        memory.digest()
    assert "1001" not in " ".join(r.text for r in memory.recall("A-1001 1001 order lamp"))
    assert sum("1001" in text for _, text in said(memory.store, "now")) == 0
    kept = [text for row in rows(memory.store)["messages"] for text in row if " " in str(text)]
    assert sum("1001" in text for text in kept) == 4  # an id or a time may have it by chance


@pytest.mark.parametrize("way", WAYS)
def test_the_summary_is_made_again_without_it(
    store: MemoryStore, encoder: WordEncoder, way: str
) -> None:
    """Summaries that covered a message with the old value lose it, old versions too."""
    memory = conversation(store, encoder)
    memory.save_context({"input": SAID}, {"output": "Thank you, I look for A-1001."})
    for n in range(12):
        memory.save_context(
            {"input": f"The {n}th street has had no lamp light for {n} days."},
            {"output": f"The {n}th street gets lamps in {n} days."},
        )
        memory.digest()
    assert "1001" in memory.summary.current().text
    WAYS[way](memory)
    assert "1001" not in shown(memory)
    assert memory.summary.current().text
    # Without ids, in which it may stand by chance.
    assert "1001" not in re.sub(r"[0-9a-f]{32}", "", str(rows(store)["summaries"]))
    assert not [s for s in store.summaries.segments(NOW) if "1001" in str(s)]


def test_the_rest_of_a_message_stays_remembered(memory: ConversationMemory) -> None:
    """The sentence with the old value goes; the other one is still recalled."""
    memory.vector.correct(fact(memory.store).id, value="B-2002")
    assert "The lamp in it is cracked." in shown(memory, "What of the lamp?")
    assert next(r.text for r in memory.recall("lamp cracked")) == "The lamp in it is cracked."


def test_other_facts_of_the_message_stay_and_take_the_new_value(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A problem that names the order names the right one; who called stays who called."""
    memory = conversation(store, encoder)
    memory.save_context(
        {"input": "My name is Bo, and my order number is A-1001. A-1001 is late!"},
        {"output": "I am sorry."},
    )
    memory.digest()
    memory.vector.correct(fact(store).id, value="B-2002")
    memory.digest()
    assert fact(store, "problem").text == "problem: B-2002 is late"
    assert fact(store, "problem").value == "B-2002 is late"
    assert fact(store, "name").value == "bo"
    assert "1001" not in shown(memory)
    memory.vector.delete(fact(store).id)
    assert facts(store, "problem") == []
    assert fact(store, "name").value == "bo"


def test_a_name_takes_only_its_own_turn_along(store: MemoryStore, encoder: WordEncoder) -> None:
    """A word that may mean something else elsewhere is left alone elsewhere."""
    memory = conversation(store, encoder)
    memory.save_context({"input": "My name is May."}, {"output": "Hello May!"})
    memory.save_context({"input": "When will it come?"}, {"output": "On the second of May."})
    memory.digest()
    memory.vector.correct(fact(store, "name").id, value="Mae")
    window = [text for _, text in said(store, "now")]
    assert window == ["When will it come?", "On the second of May."]
    assert "Name: Mae" in shown(memory, "What is my name?")


WRITTEN = {
    "phone": ("我的电话是13800138000", "好的，您的电话是138 0013 8000。", "13911112222", "8000"),
    "date": ("Please deliver on 3 May 2027.", "We come on May 3rd, 2027.", "2027-05-09", "2027"),
    "amount": ("You charged me $129.99 for the lamp.", "You paid 129.99 dollars.", "99 USD", "129"),
}


@pytest.mark.parametrize("slot", WRITTEN)
@pytest.mark.parametrize("way", ["value", "deletion"])
def test_a_value_is_found_in_whatever_form_it_was_written(
    store: MemoryStore, encoder: WordEncoder, slot: str, way: str
) -> None:
    """A telephone number, a date and an amount are stored in a form in which nobody says them:
    the answer that repeats one goes too, here and in other sessions.
    """
    said_first, answer, value, old = WRITTEN[slot]
    memory = conversation(store, encoder, EARLIER, writer=written_facts)
    memory.save_context({"input": said_first}, {"output": answer})
    memory.save_context({"input": "A lamp?"}, {"output": f"One lamp. {answer}"})
    here = conversation(store, encoder, writer=written_facts)
    here.save_context({"input": "Again?"}, {"output": answer})
    memory.digest()
    assert old in shown(memory, "What was said?")
    record = fact(store, slot)
    if way == "value":
        memory.vector.correct(record.id, value=value)
    else:
        memory.vector.delete(record.id)
    for one in (memory, here, conversation(store, encoder, Scope("ada", "new"))):
        given = shown(one, "What was said of the lamp, 电话?").replace(value, "")
        assert old not in given
    assert "One lamp." in [r.text for r in store.records.newest(NOW.owner, 99)]


def test_a_promise_for_a_corrected_day_is_due_on_the_new_one(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Its words and the day by which it is due, so that the card does not call it overdue."""
    memory = conversation(store, encoder, writer=written_facts)
    memory.save_context(
        {"input": "Please deliver on 3 May 2027."}, {"output": "We will deliver on May 3rd, 2027."}
    )
    memory.digest()
    memory.vector.correct(fact(store, "date").id, value="2027-05-09")
    promise = fact(store, "promise")
    assert promise.text == "Promise: We will deliver on 2027-05-09. (due 2027-05-09)"
    assert promise.valid_to == datetime(2027, 5, 9, 23, 59, 59, tzinfo=UTC)


def test_another_number_in_the_same_form_stays(store: MemoryStore, encoder: WordEncoder) -> None:
    """A number that ends otherwise, a day that is meant elsewhere, and a round amount."""
    memory = conversation(store, encoder, EARLIER, writer=written_facts)
    memory.save_context(
        {"input": "Call me on 415 555 2671. I paid 40 dollars."}, {"output": "Yes: (415) 555-2671."}
    )
    here = conversation(store, encoder, writer=written_facts)
    others = ["Not 212 555 2671.", "Nor 415 555 26711.", "The lamp costs $40."]
    for other in others:
        here.save_context({"input": "And this?"}, {"output": other})
    here.digest()
    here.vector.delete(fact(store, "phone").id)
    here.vector.delete(fact(store, "amount").id)
    assert [text for _, text in said(store, "now") if text != "And this?"] == others
    assert said(store, "earlier") == []


@pytest.mark.parametrize(
    ("slot", "said_first", "value", "text"),
    [
        ("amount", "You charged me $129.99 for the lamp.", "99 USD", "Amount: 99 USD"),
        ("date", "Please deliver on 3 May 2027.", "2027-05-09", "Date: 2027-05-09"),
        ("phone", "Call me on +1 415 555 2671.", "+1 415 555 9999", "Phone: +1 415 555 9999"),
        ("phone", "Call me on +1 415 555 2671.", "13911112222", "Phone: 13911112222"),
    ],
)
def test_a_corrected_fact_says_the_new_value_and_no_more(
    store: MemoryStore, encoder: WordEncoder, slot: str, said_first: str, value: str, text: str
) -> None:
    """The value is shown as it was given, and the old sentence does not contradict it."""
    memory = conversation(store, encoder, writer=written_facts)
    memory.save_context({"input": said_first}, {"output": "Noted."})
    memory.digest()
    after = memory.vector.correct(fact(store, slot).id, value=value)
    assert after is not None
    assert (after.text, after.value) == (text, value)


def test_the_value_of_a_new_text_is_found_or_asked_for(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A whole sentence is no telephone number, and a text that says another value than the one
    given beside it is refused; then nothing has changed.
    """
    memory = conversation(store, encoder, writer=written_facts)
    memory.save_context({"input": "Call me on +1 415 555 2671."}, {"output": "Noted."})
    memory.digest()
    record, before = fact(store, "phone"), rows(store)
    for change, reason in (
        ({"text": "Only in the morning."}, "no phone that can be found: give the value too"),
        ({"text": "Phone: +1 415 555 9999", "value": "+14155558888"}, "does not say the value"),
    ):
        with pytest.raises(InvalidInput, match=re.escape(reason)):
            memory.vector.correct(record.id, **change)
        assert rows(store) == before
    for change, value in (
        ({"text": "Call him on +1 415 555 2671, mornings."}, "+14155552671"),
        ({"text": "Call him on +1 415 555 9999, not on +1 415 555 2671."}, "+14155559999"),
        ({"text": "Call 415 555 8888.", "value": "+14155558888"}, "+14155558888"),
    ):
        after = memory.vector.correct(record.id, **change)
        assert after is not None
        assert (after.text, after.value) == (change["text"], value)


def test_a_longer_number_is_another(store: MemoryStore, encoder: WordEncoder) -> None:
    """Neither A-10012 nor BA-1001 says A-1001."""
    memory = conversation(store, encoder)
    memory.save_context({"input": SAID}, {"output": "Noted."})
    memory.save_context({"input": "And A-10012?"}, {"output": "BA-1001 is not yours."})
    memory.digest()
    memory.vector.delete(fact(store).id)
    assert [text for _, text in said(store, "now")] == [
        "Noted.", "And A-10012?", "BA-1001 is not yours.",
    ]  # fmt: skip


def test_a_corrected_record_keeps_its_id_and_a_fact_its_history(
    memory: ConversationMemory,
) -> None:
    """The record is the person's, said now; what it replaces says so. Deleting takes both."""
    store, before = memory.store, fact(memory.store)
    after = memory.vector.correct(before.id, value="B-2002")
    assert after is not None
    assert (after.id, after.text, after.value) == (before.id, "Order number: B-2002", "B-2002")
    assert (after.source, after.messages) == ("person", before.messages)
    assert after.at > before.at
    assert store.records.get(NOW.owner, before.id) == after
    memory.vector.correct(before.id, value="C-3003")
    assert [r.value for r in history(store)] == ["B-2002", "a-1001"]
    assert all(r.valid_to for r in history(store))
    with pytest.raises(InvalidInput, match="correct the one in its place"):
        memory.vector.correct(history(store)[0].id, value="D-4004")
    assert memory.vector.delete(before.id)
    assert not [
        r for r in store.records.newest(NOW.owner, 99, history=True) if r.slot == "order_number"
    ]
    assert not memory.vector.delete(before.id)
    assert memory.vector.correct(before.id, value="B-2002") is None


def two_orders(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """Two orders of one customer, the second with a pin."""
    memory = conversation(store, encoder)
    memory.save_context({"input": "My order number is A-1001."}, {"output": "Noted."})
    memory.save_context({"input": "And my order B-2002 has no lamp."}, {"output": "I see."})
    memory.digest()
    second = next(r for r in facts(store) if r.value == "b-2002")
    memory.vector.correct(second.id, pinned=True)
    return memory


@pytest.mark.parametrize("way", ["correct", "text", "add"])
def test_two_facts_that_say_the_same_become_one(
    store: MemoryStore, encoder: WordEncoder, way: str
) -> None:
    """A value that another current fact has already: that one is history, with its pin taken on,
    and what it was taken from is outdated by nothing. Deleting the one takes the other along.
    """
    memory = two_orders(store, encoder)
    first, second = sorted(facts(store), key=lambda r: r.at)
    if way == "add":
        memory.vector.remember("order_number: B-2002", slot="order_number", value="B-2002")
    else:
        given = {"value": "B-2002"} if way == "correct" else {"text": "order_number: B-2002"}
        memory.vector.correct(first.id, **given)
    for _ in range(2):
        (one,) = (r for r in facts(store) if r.value == "B-2002")
        assert (one.source, one.pinned) == ("person", True)
        assert len(facts(store)) == (2 if way == "add" else 1)
        was = store.records.get(NOW.owner, second.id)
        assert was is not None
        assert (was.superseded_by, was.value, was.pinned) == (one.id, "b-2002", False)
        assert was.messages == second.messages
        found = {r.text: r.why for r in memory.recall("order B-2002 lamp")}
        assert "outdated" not in found["And my order B-2002 has no lamp."]
        assert shown(memory, "What lamp?").lower().count("b-2002") >= 2
        card = memory.card()
        assert card is not None
        (on_it,) = (f for f in card.facts if f.value == "B-2002")
        before = on_it.replaced and on_it.replaced.value
        assert before == (None if way == "add" else "a-1001")
        memory.digest()
    taken = memory.vector.delete(one.id)
    assert taken is not None
    assert second.id in taken.records
    assert store.records.get(NOW.owner, second.id) is None
    assert "2002" not in shown(memory, "What lamp?")


def test_a_deletion_takes_what_says_the_same_and_names_it(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The fact, what it said before it was corrected, what quotes it. Another fact, of which it
    had taken the place, stays as history, and what said that one does not hold again.
    """
    memory = conversation(store, encoder, update=newest_fact)
    memory.save_context({"input": "My order number is A-1001."}, {"output": "Noted."})
    memory.save_context({"input": "My order number is B-2002. No lamp."}, {"output": "B-2002?"})
    memory.save_context({"input": "B-2002 is late!"}, {"output": "I see."})
    memory.digest()
    assert "A-1001" not in str(memory.recall("order A-1001", 500)[0])
    order, before = fact(store), history(store)[-1]
    memory.vector.correct(order.id, value="C-3003")
    memory.vector.correct(order.id, value="D-4004")
    memory.save_context({"input": "Is D-4004 late? It is green."}, {"output": "No."})
    memory.digest()
    everything = {r.id: r for r in store.records.newest(NOW.owner, 99, history=True)}
    taken = memory.vector.delete(order.id)
    assert taken is not None
    left = {r.id: r for r in store.records.newest(NOW.owner, 99, history=True)}
    assert set(taken.records) == everything.keys() - left.keys()
    assert [everything[name].value for name in taken.records if everything[name].slot] == [
        "D-4004", "b-2002", "C-3003", "D-4004 is late",
    ]  # fmt: skip
    assert taken.messages == 1
    assert [everything[name].text for name in taken.shortened] == ["Is D-4004 late? It is green."]
    assert [left[name].text for name in taken.shortened] == ["It is green."]
    assert left[before.id] == everything[before.id], "another fact's row, not one letter changed"
    assert left[before.id].value == "a-1001"
    for _ in range(2):
        given = shown(memory)
        assert not [value for value in ("D-4004", "C-3003", "2002") if value in given]
        recalled = shown(conversation(store, encoder, Scope("ada", "new"), update=newest_fact))
        assert "A-1001" not in recalled, "it was taken back, and that stays so"
        memory.digest()
    assert memory.vector.delete(before.id) is not None
    assert history(store) == []


def test_each_row_of_history_has_an_id_of_its_own(memory: ConversationMemory) -> None:
    """By it each is read and deleted, and the others stay; one that held between two others
    leaves them their order.
    """
    store, order = memory.store, fact(memory.store)
    for value in ("B-2002", "C-3003", "D-4004"):
        memory.vector.correct(order.id, value=value)
    held = history(store)
    assert [r.value for r in held] == ["C-3003", "B-2002", "a-1001"]
    assert len({r.id for r in held} | {order.id}) == 4
    assert [store.records.get(NOW.owner, r.id) for r in held] == held
    assert memory.vector.delete(held[1].id) == ([held[1].id], [], 0)
    assert history(store) == [held[0], held[2]]
    assert fact(store).value == "D-4004"


def test_what_held_between_leaves_the_others_their_order(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Deleted, a fact that had replaced one and was replaced itself leaves the first replaced by
    the last.
    """
    memory = conversation(store, encoder, update=newest_fact)
    for value in ("A-1001", "B-2002", "C-3003"):
        memory.save_context({"input": f"My order number is {value}."}, {"output": "Noted."})
    memory.digest()
    between, first = history(store)
    assert first.superseded_by == between.id
    assert memory.vector.delete(between.id)
    (left,) = history(store)
    assert (left.id, left.superseded_by) == (first.id, fact(store).id)
    assert fact(store).value == "c-3003"


def test_pins_and_times_take_nothing_along(memory: ConversationMemory) -> None:
    """Pinning, and setting or taking back an expiry, leave every prompt as it was."""
    before, shown_before = rows(memory.store)["messages"], shown(memory)
    record = fact(memory.store)
    ends = datetime.now(UTC) + timedelta(days=1)
    pinned = memory.vector.correct(record.id, pinned=True, expires_at=ends)
    assert pinned is not None
    assert (pinned.pinned, pinned.expires_at, pinned.source) == (True, ends, "message")
    assert memory.vector.correct(record.id, expires_at=None).expires_at is None  # type: ignore[union-attr]
    assert memory.vector.correct(record.id, value=record.value) == fact(memory.store)
    assert rows(memory.store)["messages"] == before
    assert shown(memory) == shown_before


def test_an_expiry_by_hand_ends_it(memory: ConversationMemory) -> None:
    """When the time has come the record is not recalled, with nobody sweeping."""
    ended = fact(memory.store)

    def in_sight(at: datetime) -> bool:
        with memory.vector.index() as index:
            return index.get(ended.id) is not None and bool(
                index.view(at).allowed()[index.position(ended.id)]
            )

    ends = datetime.now(UTC) + timedelta(hours=1)
    memory.vector.correct(ended.id, expires_at=ends)
    assert in_sight(datetime.now(UTC))
    assert not in_sight(ends)
    with from_then(ends):
        memory.prompt("order_number")
    assert memory.store.records.get(NOW.owner, ended.id) is None


@pytest.mark.parametrize(
    "change",
    [{}, {"text": " "}, {"value": ""}, {"text": "a\0b"}, {"colour": "red"},
     {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(memory: ConversationMemory, change: Any) -> None:
    """Nothing to change, empty words, times past: an error, and nothing has changed."""
    before = rows(memory.store)
    with pytest.raises(InvalidInput):
        memory.vector.correct(fact(memory.store).id, **change)
    with pytest.raises(InvalidInput, match="no fact"):
        memory.vector.correct(quoting(memory.store).id, value="B-2002")
    assert rows(memory.store) == before


def test_what_a_person_adds_is_recalled_everywhere(memory: ConversationMemory) -> None:
    """A memory by hand, plain or a fact, is of no session and is there at once, as a note: nobody
    is said to have said it, not after a correction either.
    """
    memory.vector.remember("Speak slowly with this customer.", pinned=True)
    memory.vector.remember("Prefers letters.", slot="preference", value="letters")
    assert "Speak slowly" in shown(memory, "How do I speak with this customer?")
    assert re.search(
        r"^- Note by staff on \d{4}-\d\d-\d\d: Speak slowly with this customer\.$",
        shown(memory, "How do I speak with this customer?"), re.MULTILINE,
    )  # fmt: skip
    memory.store.delete_session(EARLIER)
    assert "Prefers letters" in shown(memory, "What letters does the customer prefer?")
    note = fact(memory.store, "preference")
    assert (note.source, note.role) == ("person", "note")
    memory.vector.correct(note.id, value="e-mail")
    given = shown(memory, "What does the customer prefer?")
    assert "Preference: e-mail" in given
    assert "said" not in given.split("Preference: e-mail")[0].splitlines()[-1]
    for wrong in ({"slot": "name"}, {"value": "x"}, {"slot": "a\nb", "value": "x"}):
        with pytest.raises(InvalidInput):
            memory.vector.remember("Something.", **wrong)  # type: ignore[arg-type]


class SlotEncoder(WordEncoder):
    """Facts of one slot are alike, whatever they say of it."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """The vectors of what stands before the colon."""
        return super().encode([text.split(":")[0] for text in texts])


# --- what comes later ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_made_again_brings_it_back(
    memory: ConversationMemory, encoder: WordEncoder, way: str
) -> None:
    """Neither new vectors, nor the same messages imported again, nor a cold cache."""
    past = [HumanMessage("Order A-1001 please.", id="m1"), AIMessage("A-1001, yes.", id="m2")]
    old = Scope("ada", "import")
    times = [datetime(2024, 5, 4, tzinfo=UTC)] * 2
    conversation(memory.store, encoder, old).add_messages(past, times)
    # No digest has seen these when the correction comes.
    WAYS[way](memory)
    for _ in range(2):
        assert conversation(memory.store, encoder, old).add_messages(past, times) == 0
        memory.store.forget_vectors()
        cold = conversation(memory.store, encoder)
        assert "1001" not in shown(cold)
        cold.digest()
        assert "1001" not in shown(cold)
    assert [f for f in facts(memory.store) if "1001" in f.text] == []


def test_what_was_said_before_a_correction_does_not_undo_it(
    memory: ConversationMemory,
) -> None:
    """An older conversation imported afterwards leaves the person's fact standing, be it with the
    corrected value or a third one; what the customer says afterwards holds.
    """
    store, encoder = memory.store, SlotEncoder()
    kept = memory.vector.correct(fact(store).id, value="B-2002")
    then = datetime.now(UTC) - timedelta(days=9)
    importing = conversation(store, encoder, Scope("ada", "import"), update=newest_fact)
    for number in ("A-1001", "Z-9009"):
        importing.add_messages([HumanMessage(f"The order number is {number}")], [then])
        importing.digest()
        assert fact(store) == kept
    assert [r.value for r in history(store)] == ["z-9009", "a-1001", "a-1001"]
    memory.save_context({"input": "No, my order number is C-3003"}, {"output": "Noted."})
    conversation(store, encoder, update=newest_fact).digest()
    assert fact(store).value == "c-3003"


# --- at the same time ---------------------------------------------------------------------------


def at_once(*works: Callable[[], object]) -> None:
    """Run these in threads that begin together; an error in one is an error here."""
    barrier, errors = Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            work()
        except Exception as error:
            errors.append(error)

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_of_two_corrections_one_holds(memory: ConversationMemory, encoder: WordEncoder) -> None:
    """Both are made, in some order; the later one is what is shown, the earlier is history."""
    record = fact(memory.store).id

    def correct(value: str) -> Callable[[], object]:
        return lambda: conversation(memory.store, encoder).vector.correct(record, value=value)

    at_once(*(correct(f"N-{n}000") for n in range(1, 5)))
    last = fact(memory.store)
    before = [r.value or "" for r in history(memory.store)]
    assert {last.value, *before} == {
        "a-1001", "N-1000", "N-2000", "N-3000", "N-4000",
    }  # fmt: skip
    memory.digest()
    given = shown(memory)
    assert str(last.value) in given
    assert not [value for value in before if value in given]


def test_a_correction_beats_digests_under_way(
    memory: ConversationMemory, encoder: WordEncoder
) -> None:
    """While others digest and say more, the old is gone after the correction, and the rows that
    are left have their vectors.
    """
    memory.store.forget_vectors()
    record = fact(memory.store).id

    def talk(n: int) -> None:
        talking = conversation(memory.store, encoder, Scope("ada", f"s{n}"))
        for i in range(3):
            talking.save_context({"input": f"Street {n} {i}?"}, {"output": "Yes."})
            talking.digest()

    at_once(
        lambda: talk(1), memory.digest, lambda: talk(2),
        lambda: conversation(memory.store, encoder).vector.correct(record, value="B-2002"),
    )  # fmt: skip
    assert "1001" not in shown(memory)
    memory.digest()
    assert "1001" not in shown(memory)
    assert fact(memory.store).value == "B-2002"
    found = rows(memory.store)
    assert {row[2] for row in found["vectors"]} == {row[2] for row in found["records"]}


@pytest.mark.parametrize("n", range(3))
def test_a_correction_does_not_bring_back_the_erased(
    memory: ConversationMemory, encoder: WordEncoder, n: int
) -> None:
    """Erased before or after it: no row of the customer is left."""
    record = fact(memory.store).id
    at_once(
        lambda: memory.store.erase(NOW.owner),
        lambda: conversation(memory.store, encoder).vector.correct(record, value="B-2002"),
        lambda: conversation(memory.store, encoder).vector.delete(record),
    )
    assert not any(rows(memory.store).values())


# --- the words ----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="AZaz09-./ éß订单", min_size=1, max_size=12).filter(lambda s: plain(s)),
    st.sampled_from(["I said {}.", "{}", "'{}', yes", "x {}, y", "订单号是 {}。"]),
)
def test_words_are_found_however_they_are_parted(said: str, around: str) -> None:
    """A value is found where it stands by itself, in capitals and not, with or without marks."""
    bare = plain(said)
    for written in (said, said.upper(), bare, "-".join(bare), " ".join(bare)):
        if plain(written) == bare:
            assert pattern(said).search(around.format(written)), written
    if bare[0].isascii() and bare[-1].isascii():
        assert not pattern(said).search(f"q{bare}q")
