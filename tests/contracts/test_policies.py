"""Forgetting by policy, over both databases: at once at read, and for good at the digest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from langchain_core.messages import AIMessage, HumanMessage
from sqlalchemy import text

from memory import ConversationMemory, MemoryStore, Policy, Scope
from memory.clock import to_stamp
from tests.contracts.memories import rows, said
from tests.contracts.test_corrections import conversation, fact, shown
from tests.doubles import WordEncoder

EARLIER, NOW = Scope("ada", "earlier"), Scope("ada", "now")
DAY = timedelta(days=1)
YEAR = Policy(max_age=365 * DAY)
ASKED = "What is my order number?"


def told(store: MemoryStore, encoder: WordEncoder, **more: Any) -> ConversationMemory:
    """Two years ago an order was named, last week a lamp."""
    now = datetime.now(UTC)
    memory = conversation(store, encoder, EARLIER, **more)
    memory.add_messages(
        [HumanMessage("My order number is A-1001."), AIMessage("A-1001, I see."),
         HumanMessage("The lamp is cracked."), AIMessage("Which lamp?")],
        [now - 730 * DAY, now - 730 * DAY, now - 7 * DAY, now - 7 * DAY],
    )  # fmt: skip
    return memory


def texts(store: MemoryStore) -> list[str]:
    """What is remembered, newest first."""
    return [r.text for r in store.records.newest(NOW.owner, 1000)]


@pytest.mark.parametrize("digested", [True, False], ids=["digested", "fresh"])
def test_what_is_too_old_is_seen_nowhere_before_any_sweep(
    store: MemoryStore, encoder: WordEncoder, digested: bool
) -> None:
    """Neither recalled, nor beside an earlier question, nor in the window of its own session,
    nor in a turn that is read again; its rows are still there.
    """
    before = told(store, encoder)
    if digested:
        before.digest()
    asking = conversation(store, encoder)
    asking.prompt(ASKED)
    asking.save_context({"input": ASKED}, {"output": "It is in your papers."})
    assert "A-1001" in shown(asking)
    for scope in (EARLIER, NOW, Scope("ada", "new")):
        memory = conversation(store, encoder, scope, policy=YEAR)
        assert "A-1001" not in shown(memory)
        assert "A-1001" not in str(memory.beginning())
        assert "lamp" in shown(memory, "What of the lamp?")
        assert not [r for r in memory.recall(ASKED) if "A-1001" in r.text]
    with store.database.read() as connection:
        turn_id = connection.execute(text("SELECT id FROM turns")).scalar()
    turn = store.turns.get(NOW, str(turn_id))
    assert turn is not None
    assert [r.text for r in asking.recalled_for(turn) if "A-1001" in r.text]
    aged = conversation(store, encoder, policy=YEAR)
    assert not [r for r in aged.recalled_for(turn) if "A-1001" in r.text]
    assert len(said(store, "earlier")) == 4


def test_pinned_and_corrected_records_outlive_the_policy(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Age does not take what a person has pinned or put right."""
    memory = told(store, encoder, policy=YEAR)
    memory.digest()  # the daily look has been had, the old is gone
    assert not [t for t in texts(store) if "A-1001" in t]
    store.erase(NOW.owner)
    memory = told(store, encoder)
    memory.digest()
    memory.vector.correct(fact(store).id, pinned=True)
    memory = conversation(store, encoder, policy=YEAR)
    assert "order_number: A-1001" in shown(memory)
    assert {f.reason for f in memory.forget()} == {"age"}
    assert [t for t in texts(store) if "A-1001" in t] == ["order_number: A-1001"]
    assert "order_number: A-1001" in shown(memory)


def test_a_dry_run_says_what_goes_and_changes_nothing(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The same list, with reasons, as the run after it, and not a row is another."""
    memory = told(store, encoder)
    memory.digest()
    before = rows(store)
    policy = Policy(max_age=365 * DAY, max_records=1)
    planned = memory.forget(policy, dry_run=True)
    assert rows(store) == before
    assert [(f.text, f.reason) for f in planned] == [
        ("My order number is A-1001.", "age"),
        ("A-1001, I see.", "age"),
        ("order_number: A-1001", "age"),
        ("The lamp is cracked.", "count"),
    ]
    assert memory.forget(policy) == planned
    assert texts(store) == ["Which lamp?"]
    assert memory.forget(policy) == []
    assert len(rows(store)["vectors"]) == 1
    memory.digest()
    assert texts(store) == ["Which lamp?"], "no digest learns it again"


def test_age_takes_the_messages_along_and_the_count_does_not(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """What is too old leaves the conversation it was said in; what is too much leaves recall."""
    told(store, encoder).digest()
    memory = conversation(store, encoder, EARLIER)
    memory.forget(Policy(max_records=1))
    assert len(said(store, "earlier")) == 4
    store.erase(NOW.owner)
    told(store, encoder).digest()
    memory.forget(YEAR)
    assert [t for _, t in said(store, "earlier")] == ["The lamp is cracked.", "Which lamp?"]
    assert len(rows(store)["messages"]) == 4, "the transcript keeps them"


def test_age_takes_messages_of_which_no_record_is_left(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The count had taken the records of all messages: those that are too old still leave, and
    the dry run names them; the younger ones, and one that is pinned, stay.
    """
    told(store, encoder).digest()
    memory = conversation(store, encoder, EARLIER)
    pinned = next(
        r for r in store.records.newest(NOW.owner, 9) if r.text == "My order number is A-1001."
    )
    memory.vector.correct(pinned.id, pinned=True)
    memory.forget(Policy(max_records=1))
    assert texts(store) == ["My order number is A-1001."]
    assert len(said(store, "earlier")) == 4
    before = rows(store)
    planned = memory.forget(YEAR, dry_run=True)
    assert [(f.text, f.reason, f.kind) for f in planned] == [("A-1001, I see.", "age", "message")]
    assert rows(store) == before
    assert memory.forget(YEAR) == planned
    assert [t for _, t in said(store, "earlier")] == [
        "My order number is A-1001.", "The lamp is cracked.", "Which lamp?",
    ]  # fmt: skip
    assert memory.forget(YEAR) == []
    memory.vector.correct(pinned.id, pinned=False)
    assert [(f.text, f.kind) for f in memory.forget(YEAR)] == [(pinned.text, "memory")]
    assert [t for _, t in said(store, "earlier")] == ["The lamp is cracked.", "Which lamp?"]
    assert len(rows(store)["messages"]) == 4, "the transcript keeps them"


def test_what_was_recalled_lately_stays(store: MemoryStore, encoder: WordEncoder) -> None:
    """The turns say what was recalled and when; it counts from the last time."""
    told(store, encoder).digest()
    asking = conversation(store, encoder)
    asking.prompt(ASKED)
    asking.save_context({"input": ASKED}, {"output": "It is in your papers."})
    policy = Policy(unrecalled_for=30 * DAY)
    assert not [f for f in asking.forget(policy, dry_run=True) if "order number" in f.text]
    with store.database.write() as connection:
        long_ago = to_stamp(datetime.now(UTC) - 31 * DAY)
        connection.execute(text("UPDATE turns SET at = :at"), {"at": long_ago})
    found = asking.forget(policy, dry_run=True)
    assert ("My order number is A-1001.", "unrecalled") in [(f.text, f.reason) for f in found]
    assert "The lamp is cracked." not in [f.text for f in found]


def test_the_digest_looks_once_a_day(store: MemoryStore, encoder: WordEncoder) -> None:
    """The first digest of a day forgets; another, by whatever process, does not look again."""
    memory = told(store, encoder, policy=YEAR)
    memory.digest()
    assert "The lamp is cracked." in texts(store)
    assert not [t for t in texts(store) if "A-1001" in t]
    old = datetime.now(UTC) - 400 * DAY
    memory.add_messages([HumanMessage("Once I had a dog.")], [old])
    conversation(store, encoder, policy=YEAR).digest()
    assert "Once I had a dog." in texts(store)
    assert "dog" not in shown(memory, "Had I a dog once?"), "it is not seen, for all that"
    with store.database.write() as connection:
        yesterday = to_stamp(datetime.now(UTC) - DAY)
        connection.execute(text("UPDATE customers SET swept = :at"), {"at": yesterday})
    conversation(store, encoder, policy=YEAR).digest()
    assert "Once I had a dog." not in texts(store)


def test_without_a_policy_nothing_is_looked_for(store: MemoryStore, encoder: WordEncoder) -> None:
    """A memory that has none keeps everything and writes nothing for it."""
    told(store, encoder).digest()
    with store.database.read() as connection:
        swept = connection.execute(sa.text("SELECT swept FROM customers")).scalars().all()
    assert swept == [0]
    assert len(texts(store)) == 5


def test_a_summary_forgets_what_is_too_old(store: MemoryStore, encoder: WordEncoder) -> None:
    """It is made again from what is left."""
    memory = told(store, encoder)
    for n in range(12):
        memory.save_context(
            {"input": f"The {n}th street has had no lamp light for {n} days."},
            {"output": f"The {n}th street gets lamps in {n} days."},
        )
        memory.digest()
    assert "A-1001" in memory.summary.current().text
    memory.forget(YEAR)
    assert memory.summary.current().text
    assert "A-1001" not in memory.summary.current().text


@pytest.mark.parametrize(
    "protect",
    [
        lambda m, r: m.vector.correct(r, pinned=True),
        lambda m, r: m.vector.correct(r, value="B-2002"),
    ],
    ids=["pin", "correct"],
)
def test_what_a_person_saves_meanwhile_stays(
    store: MemoryStore, encoder: WordEncoder, protect: Callable[[Any, str], Any]
) -> None:
    """A pin or a correction between the look and the forgetting is respected."""
    memory = told(store, encoder)
    memory.digest()
    found = store.forgetting.outlived(NOW.owner, YEAR, datetime.now(UTC))
    record = fact(store).id
    protect(memory, record)
    store.forgetting.forget(NOW.owner, found)
    assert fact(store).id == record


def test_forgetting_and_erasing_at_once_leave_nothing(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A sweep brings no erased customer back."""
    memory = told(store, encoder)
    memory.digest()
    found = store.forgetting.outlived(NOW.owner, YEAR, datetime.now(UTC))
    threads = [
        Thread(target=lambda: store.erase(NOW.owner)),
        Thread(target=lambda: store.forgetting.forget(NOW.owner, found)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    store.forgetting.forget(NOW.owner, found)
    assert not any(rows(store).values())
