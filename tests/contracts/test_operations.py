"""How a service goes, told from the rows of both databases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import count, pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from memory import ConversationMemory, MemoryStore, Scope, Turn
from memory.clock import from_then, now
from memory.operations import Lag, Operations, percentile
from memory.types import Label, Labels, Pace
from tests.doubles import WordEncoder, count_words

MINUTE = timedelta(minutes=1)
NUMBERS = count()


def conversation(
    store: MemoryStore, encoder: WordEncoder, customer: str = "ada", tenant: str = "default"
) -> ConversationMemory:
    """A conversation whose digest does not run by itself."""
    return ConversationMemory(
        store=store, scope=Scope(customer, "s1", tenant), embeddings=encoder,
        count_tokens=count_words, background=False,
    )  # fmt: skip


def felt(name: str | None) -> Labels:
    """What a classifier has read in a message: its mood."""
    return {"sentiment": Label(name, 0.9)}


def said(
    memory: ConversationMemory,
    ago: timedelta,
    status: str | None = "complete",
    mood: str | None = "neutral",
    pace: Pace | None = None,
) -> Turn:
    """A turn that began so long ago; with no status it is still being answered."""
    with from_then(now() - ago):
        turn = memory.start(f"Where is order {next(NUMBERS)}?")
        if status is not None:
            answer = "" if status == "failed" else "It is on its way."
            memory.finish(turn, answer, status, labels=felt(mood), pace=pace)
    return turn


def test_turns_are_counted_by_when_they_began(store: MemoryStore, encoder: WordEncoder) -> None:
    """By their status, with how long answers took, of one tenant; a stretch with none is there."""
    memory = conversation(store, encoder)
    for status, pace in (
        ("complete", Pace(120, 900)),
        ("complete", Pace(12_345, 98_765)),
        ("failed", Pace(None, 60_000)),
        ("stopped", Pace(80, 100)),
    ):
        said(memory, 10 * MINUTE, status, pace=pace)
    said(memory, 5 * MINUTE)
    said(memory, 90 * MINUTE)
    said(conversation(store, encoder, tenant="other"), 10 * MINUTE)
    found = store.operations.stretches("default", MINUTE, 60)
    assert len(found) == 60
    assert all(after[0] - before[0] == MINUTE for before, after in pairwise(found))
    assert found[-1][0] <= now() < found[-1][0] + 2 * MINUTE
    whole = sum((stretch.turns for _, stretch in found), Counter())
    assert whole == {"complete": 3, "failed": 1, "stopped": 1}
    first = sum((stretch.first for _, stretch in found), Counter())
    assert first == {120: 1, 12_300: 1, 80: 1}
    took = sum((stretch.took for _, stretch in found), Counter())
    assert took == {900: 1, 98_700: 1, 60_000: 1, 100: 1}
    assert (
        sum((s.turns for _, s in store.operations.stretches("default", MINUTE, 120)), Counter())[
            "complete"
        ]
        == 4
    )


def test_what_is_over_is_asked_for_once_and_what_is_not_again(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A stretch that is long over is kept for a while; a new turn is counted at once."""
    memory = conversation(store, encoder)
    said(memory, 40 * MINUTE)
    told = store.operations

    def turns() -> int:
        return sum(one.turns.total() for _, one in told.stretches("default", MINUTE, 60))

    assert turns() == 1
    said(memory, 0 * MINUTE)
    assert turns() == 2
    with store.database.write() as connection:
        connection.execute(sa.text("DELETE FROM turns"))
    assert turns() == 1, "the one that is over"
    assert sum(o.turns.total() for _, o in Operations(store.database, store.labelling).stretches(
        "default", MINUTE, 60)) == 0  # fmt: skip


def test_rate_and_what_is_being_answered(store: MemoryStore, encoder: WordEncoder) -> None:
    """The turns of the last minute, and those that have no end yet."""
    said(conversation(store, encoder, "ada"), timedelta(seconds=20), None)
    said(conversation(store, encoder, "bo"), timedelta(seconds=20))
    said(conversation(store, encoder, "cy"), 2 * MINUTE)
    said(conversation(store, encoder, "di", "other"), timedelta(seconds=20), None)
    assert store.operations.begun("default", MINUTE) == 2
    assert store.operations.running("default") == 1


def test_a_session_is_unanswered_after_a_minute_until_it_is_answered(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Failed, stopped or running; not if something was said since, nor in another tenant, nor
    after seven days. The last comes first, and the limit holds.
    """
    failed = conversation(store, encoder, "failed")
    said(failed, 4 * MINUTE, "failed")
    said(conversation(store, encoder, "stopped"), 3 * MINUTE, "stopped")
    said(conversation(store, encoder, "running"), 2 * MINUTE, None)
    said(conversation(store, encoder, "just now"), timedelta(seconds=30), None)
    said(conversation(store, encoder, "answered"), 2 * MINUTE)
    said(conversation(store, encoder, "elsewhere", "other"), 2 * MINUTE, "failed")
    said(conversation(store, encoder, "long ago"), timedelta(days=8), "failed")
    found = store.operations.unanswered("default", 9)
    assert [(one.customer, one.status) for one in found] == [
        ("running", "running"), ("stopped", "stopped"), ("failed", "failed"),
    ]  # fmt: skip
    assert [one.session for one in found] == ["s1"] * 3
    assert [one.customer for one in store.operations.unanswered("default", 1)] == ["running"]
    said(failed, timedelta(seconds=1))
    assert "failed" not in [one.customer for one in store.operations.unanswered("default", 9)]


def test_a_session_is_unhappy_while_its_mood_is_negative(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """As the session's own mood says: kind words end it, and one angry word among many does not
    make it.
    """
    moods = {
        "angry": ["neutral", "negative", "negative"],
        "content again": ["negative", "positive", "positive"],
        "once": ["positive"] * 6 + ["negative"],
        "plain": ["neutral", None],
    }
    for customer, felts in moods.items():
        memory = conversation(store, encoder, customer)
        for place, mood in enumerate(felts):
            said(memory, (20 - place) * MINUTE, mood=mood)
    said(conversation(store, encoder, "elsewhere", "other"), MINUTE, mood="negative")
    (one,) = store.operations.unhappy("default", 9)
    assert (one.customer, one.session, one.mood.trend) == ("angry", "s1", "falling")
    assert one.mood == store.labelling.mood(("default", "angry"), "s1")
    assert store.operations.unhappy("default", 0) == []


def test_the_lag_is_what_no_digest_has_seen(store: MemoryStore, encoder: WordEncoder) -> None:
    """Since the oldest message came; nothing once all are digested."""
    assert store.operations.lag("default") == Lag()
    ada, bo = conversation(store, encoder, "ada"), conversation(store, encoder, "bo")
    turn = said(ada, 3 * MINUTE)
    said(bo, 1 * MINUTE)
    said(conversation(store, encoder, tenant="other"), 9 * MINUTE)
    lag = store.operations.lag("default")
    assert lag.customers == 2
    assert lag.since is not None
    assert abs(lag.since - turn.question.at) < timedelta(seconds=1)
    ada.digest()
    assert store.operations.lag("default").customers == 1
    bo.digest()
    assert store.operations.lag("default") == Lag()


def test_a_turn_s_pace_goes_with_it(store: MemoryStore, encoder: WordEncoder) -> None:
    """It is of the answer that stands: a turn that is taken up again has none until its end."""
    memory = conversation(store, encoder)
    turn = memory.start("Hello?", "k1")
    memory.finish(turn, "", "failed", pace=Pace(None, 5))

    def pace() -> tuple[int | None, int | None]:
        with store.database.read() as connection:
            ((first, took),) = connection.execute(sa.text("SELECT first_ms, took_ms FROM turns"))
        return first, took

    assert pace() == (None, 5)
    again = memory.start("Hello?", "k1")
    assert pace() == (None, None)
    memory.finish(again, "Hi.", "complete", pace=Pace(7, 9))
    assert pace() == (7, 9)


@given(st.lists(st.integers(0, 50), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_a_share_is_not_above(
    values: list[int], share: float
) -> None:
    """Of any values: by their counts as by themselves."""
    found = percentile(Counter(values), share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_nothing_has_no_percentile() -> None:
    """None, not nought."""
    assert percentile(Counter(), 0.5) is None


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("_UNDIGESTED_OF_TENANT", "customers_undigested"),
        ("_UNDIGESTED_OF_ALL", "customers_undigested"),
        ("_UNHAPPY", "messages_negative"),
        ("_UNANSWERED", "turns_unfinished"),
        ("_UNDONE", "audit_undone"),
        ("_FIRST", "turns_by_time"),
    ],
)
def test_each_question_goes_by_an_index_of_its_own(name: str, index: str) -> None:
    """On SQLite, without statistics: as the plan says, however many rows there are."""
    import memory.operations

    statement = getattr(memory.operations, name).text
    values = {"span": 1, "since": 0, "until": 1, "limit": 1, "tenant": "default"}
    asked = {key: value for key, value in values.items() if f":{key}" in statement}
    with memory.open_store() as store, store.database.read() as connection:
        plan = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {statement}"), asked).all()
    assert any(index in row.detail for row in plan), plan
