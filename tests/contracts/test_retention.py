"""What is older than it may be is deleted, with all that was made of it, over both databases."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import (
    ApiKey,
    Article,
    ConversationMemory,
    InvalidInput,
    LangGraphStore,
    MemoryStore,
    Retention,
    Scope,
    facts,
    joined,
    open_store,
    supersede,
    verbatim,
)
from memory.clock import from_then, now
from memory.deeds import Deed
from memory.forgetting import Policy
from memory.retention import _meta
from memory.transcript import make_message
from tests.contracts.memories import rows
from tests.doubles import WordEncoder, count_words

LONG_AGO = datetime.now(UTC) - timedelta(days=400)
LATELY = datetime.now(UTC) - timedelta(days=2)
YEAR = Retention.days(messages=365)
WRITER = joined(verbatim, facts)


def conversation(store: MemoryStore, customer: str = "ada", session: str = "s1") -> Any:
    """A conversation that folds every few turns, and takes facts."""
    return ConversationMemory(
        store=store, scope=Scope(customer, session), embeddings=WordEncoder(), writer=WRITER,
        update=supersede, count_tokens=count_words, max_tokens=200, summary_tokens=50,
        recall_tokens=40, background=False,
    )  # fmt: skip


def keep(store: MemoryStore, at: datetime, word: str) -> None:
    """An agent's item with a word, put at a time."""
    with from_then(at):
        LangGraphStore(conversation(store)).put(("drafts",), word, {"about": word})


def talk(memory: Any, at: datetime, *words: str) -> None:
    """Turns that were said at a time, each with a word that is in no other."""
    with from_then(at):
        for word in words:
            said = f"The {word} came broken {'and I am waiting for help with it ' * 3}"
            turn = memory.start(said)
            layout = memory.layout(said, turn)
            memory.finish(turn, f"I am sorry about the {word}.", "complete", layout)
            memory.digest()


def swept(store: MemoryStore, policy: Retention) -> Counter[str]:
    """What a sweep took, as its steps say."""
    taken: Counter[str] = Counter()
    for step in store.retain(policy):
        taken += step.deleted
    store.wait()
    return taken


def words_in(store: MemoryStore, *words: str) -> set[str]:
    """Which of the words stand in a row of any table, or in a file."""
    held = str(rows(store)) + str(store.receipts.all())
    if store.database.path is not None:
        folder = Path(store.database.path).parent
        files = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
        held += files.decode("utf-8", "replace")
    return {word for word in words if word in held}


OLD = ("xylophone", "marmalade", "gooseberry", "trombone", "bassoon", "piccolo")
NEW = ("kettle", "lantern")


def test_old_messages_go_with_all_that_was_made_of_them(store: MemoryStore) -> None:
    """Rows and, on SQLite, files have no word of them: not in memories, summaries, or what stood
    beside later questions; what is younger stays, and the conversation goes on.
    """
    memory = conversation(store)
    talk(memory, LONG_AGO, *OLD)
    assert store.summaries.segments(memory.scope), "something was folded"
    talk(memory, LATELY, *NEW)
    talk(conversation(store, "bob"), LONG_AGO, "ocarina")
    talk(conversation(store, "eve"), LATELY, "teapot")
    keep(store, LONG_AGO, "sousaphone")
    keep(store, LATELY, "doorbell")
    assert words_in(store, *OLD, "ocarina", "sousaphone") == {*OLD, "ocarina", "sousaphone"}
    taken = swept(store, YEAR)
    assert (taken["messages"], taken["turns"], taken["customers"]) == (14, 7, 1)
    assert words_in(store, *OLD, "ocarina", "bob", "sousaphone") == set()
    assert words_in(store, *NEW, "teapot", "doorbell") == {*NEW, "teapot", "doorbell"}
    assert store.owners() == [("default", "ada"), ("default", "eve")]
    (session,) = store.transcript.sessions(memory.scope.owner)
    assert session.messages == 4
    said = store.transcript.window(memory.scope)
    assert session.tokens == sum(one.message.tokens for one in said)
    again = conversation(store)
    prompt = str(again.prompt("kettle?"))
    assert "kettle" in prompt
    assert not any(word in prompt for word in OLD)
    talk(again, LATELY + timedelta(days=1), *(f"thing{n}" for n in range(6)))
    assert words_in(store, *OLD) == set()
    assert swept(store, YEAR) == Counter(), "there is nothing left to do"


def test_the_receipts_say_what_went_by_which_policy_and_what_is_left(store: MemoryStore) -> None:
    """One for each tenant that lost something, in the chain of erasures; the audit log names it."""
    talk(conversation(store), LONG_AGO, "xylophone")
    talk(conversation(store), LATELY, "kettle")
    store.transcript.add(Scope("x", tenant="other"), [make_message("human", "hi", 1, at=LATELY)])
    preview = store.retaining.preview(YEAR)
    before = rows(store)
    assert store.retaining.due(YEAR)
    taken = swept(store, YEAR)
    assert before != rows(store)
    (receipt,) = store.receipts.all()
    assert receipt.tenant == "default"
    assert receipt.deleted == dict(taken) == preview.deleted["default"]
    assert receipt.report is not None
    assert receipt.report["days"] == {"messages": 365.0}
    oldest = datetime.fromisoformat(receipt.report["oldest"]["messages"])
    assert oldest == preview.oldest["default"]["messages"]
    assert LATELY <= oldest < LATELY + timedelta(minutes=1)
    assert preview.oldest["other"]["messages"] == LATELY
    assert store.receipts.fault() is None
    (entry,) = store.audit.entries(10)
    assert (entry.action, entry.what) == ("erase.retention", receipt.hash)
    assert not store.retaining.due(YEAR)
    assert store.retaining.due(Retention.days(messages=30)), "another policy is due at once"
    swept(store, YEAR)
    assert len(store.receipts.all()) == 1, "nothing went, nothing is written"


def test_of_several_processes_one_sweeps(url: str, store: MemoryStore) -> None:
    """A sweep is whose claim it is until it is over; one whose claim is not renewed has died. On
    SQLite there is one process.
    """
    talk(conversation(store), LONG_AGO, "xylophone")
    with open_store(url) as other:
        assert store.retaining.claim(YEAR)
        assert other.retaining.claim(YEAR) == (store.database.dialect == "sqlite")
        steps = store.retain(YEAR)
        next(steps)
        assert other.retaining.due(YEAR)
        with store.database.write() as connection:  # as if ten minutes had passed
            connection.execute(sa.text("UPDATE meta SET value = '{\"until\": 1}' "
                                       "WHERE name = 'retention claimed'"))  # fmt: skip
        assert other.retaining.claim(YEAR)
        list(steps)
        assert not other.retaining.claim(YEAR)
        assert not store.retaining.claim(YEAR)


def test_a_preview_changes_nothing(store: MemoryStore) -> None:
    """It says what a sweep would take, and that is what the sweep takes."""
    talk(conversation(store), LONG_AGO, *OLD)
    before = rows(store)
    report = store.retaining.preview(YEAR)
    assert rows(store) == before
    assert store.receipts.all() == []
    assert report.deleted == {"default": dict(swept(store, YEAR))}


@pytest.mark.parametrize(
    ("policy", "left", "gone"),
    [
        (Retention.days(memories=365), {"messages", "turns", "segments"}, {"records", "vectors"}),
        (Retention.days(summaries=365), {"messages", "turns", "records"}, {"segments"}),
        (Retention.days(recalled=365), {"messages", "turns", "records", "segments"}, set()),
        (
            Retention.days(messages=365, memories=1000),
            {"records", "vectors"},
            {"messages", "turns", "segments", "sessions", "summaries"},
        ),
        (
            Retention.days(messages=365, summaries=1000),
            {"segments", "summaries", "sessions"},
            {"messages", "turns", "records"},
        ),
        (Retention.days(messages=1000), {"messages", "records", "segments"}, set()),
    ],
)  # fmt: skip
def test_each_kind_has_its_own_time(
    sqlite_url: str, policy: Retention, left: set[str], gone: set[str]
) -> None:
    """What is not stated for a derived kind is that of messages; stated, it holds."""
    with open_store(sqlite_url) as store:
        memory = conversation(store)
        talk(memory, LONG_AGO, *OLD)
        assert store.summaries.latest(memory.scope).text
        recalled = "SELECT count(*) FROM turns WHERE recalled IS NOT NULL"
        with store.database.read() as connection:
            assert connection.execute(sa.text(recalled)).scalar()
        swept(store, policy)
        table = rows(store)
        assert {name for name in left if not table[name]} == set()
        assert {name for name in gone if table[name]} == set()
        with store.database.read() as connection:
            kept = connection.execute(sa.text(recalled)).scalar()
        assert bool(kept) == (policy.recalled is None and policy.messages != YEAR.messages)
        if gone == {"segments"}:
            summary = conversation(store).summary.current()
            assert (summary.text, summary.source) == ("", "extractive")
        if "summaries" in left:
            assert store.summaries.latest(memory.scope).text, "what may stay does"


def test_a_summary_keeps_what_is_young(store: MemoryStore) -> None:
    """Of its parts those go in which anything is too old; messages may be gone before."""
    memory = conversation(store)
    talk(memory, LONG_AGO, *OLD)
    talk(memory, LATELY, *(f"{word}{n}" for n in range(4) for word in NEW))
    assert any(word in memory.summary.current().text for word in OLD)
    swept(store, Retention.days(summaries=365))
    summary = memory.summary.current()
    assert not any(word in summary.text for word in OLD)
    assert any(word in summary.text for word in NEW)
    assert summary.source == "extractive"
    assert all(not any(word in str(segment) for word in OLD)
               for segment in store.summaries.segments(memory.scope))  # fmt: skip


def test_a_summary_from_before_its_parts_had_times_goes_with_its_messages(
    store: MemoryStore,
) -> None:
    """They had the time when they were folded."""
    memory = conversation(store)
    talk(memory, LONG_AGO, *OLD)
    talk(memory, LATELY, *NEW)
    with store.database.write() as connection:
        connection.execute(sa.text("UPDATE segments SET at = 2000000000000000"))
    swept(store, YEAR)
    assert words_in(store, *OLD) == set()
    assert not any(word in memory.summary.current().text for word in OLD)


def test_pins_and_persons_notes_have_an_end_too(store: MemoryStore) -> None:
    """Forgetting leaves them, retention does not."""
    memory = conversation(store)
    with from_then(LONG_AGO):
        note = memory.vector.remember("They like marmalade", pinned=True)
    memory.forget(Policy(max_age=timedelta(days=1)))
    assert store.records.get(memory.scope.owner, note.id) is not None
    swept(store, YEAR)
    assert store.records.get(memory.scope.owner, note.id) is None
    assert store.owners() == []


def test_what_is_being_answered_is_left(store: MemoryStore) -> None:
    """It can end as ever, and goes with the next sweep."""
    memory = conversation(store)
    talk(memory, LONG_AGO, "xylophone")
    with from_then(LONG_AGO):
        turn = memory.start("Is anybody there?")
    assert swept(store, YEAR)["messages"] == 2
    assert memory.finish(turn, "Yes.", "complete") is not None
    assert [one.message.text for one in store.transcript.window(memory.scope)] == [
        "Is anybody there?", "Yes.",
    ]  # fmt: skip
    assert swept(store, YEAR)["messages"] == 2
    assert store.owners() == []


def test_a_replaced_value_does_not_stand_beside_a_young_question(store: MemoryStore) -> None:
    """Why the new value was recalled may name the old one."""
    memory = conversation(store)
    with from_then(LONG_AGO):
        memory.save_context({"input": "My email is old.zebra@example.com."}, {"output": "Thanks."})
        memory.digest()
    with from_then(LATELY):
        memory.save_context({"input": "My email is new.lynx@example.com."}, {"output": "Thanks."})
        memory.digest()
        other = conversation(store, session="s2")
        asked = "Which email do you have of me?"
        turn = other.start(asked)
        other.finish(turn, "Let me see.", "complete", other.layout(asked, turn))
    assert "replaces old.zebra@example.com" in str(rows(store)["turns"])
    swept(store, YEAR)
    assert words_in(store, "old.zebra") == set()
    assert "new.lynx" in str(rows(store)["records"])


def test_a_digest_under_way_brings_nothing_back(store: MemoryStore) -> None:
    """Records and summaries that were made from what is gone are not written."""
    memory = conversation(store)
    with from_then(LONG_AGO):
        for word in OLD:
            memory.save_context({"input": f"The {word} is late {'x ' * 20}"}, {"output": "Sorry."})
    memory.save_context({"input": "The kettle is late"}, {"output": "Sorry."})
    owner = memory.scope.owner
    state, earlier, messages, _ = store.records.undone(owner, 100)
    made = WRITER(messages)
    summary = store.summaries.latest(memory.scope)
    swept(store, YEAR)
    assert not store.records.write(owner, made, messages[-1].seq, state)
    after = summary._replace(version=1, text="xylophone")
    assert not store.summaries.add(memory.scope, summary, [], after, [], state.generation)
    assert words_in(store, *OLD) == set()
    assert earlier == []
    memory.digest()
    assert words_in(store, *OLD, "kettle") == {"kettle"}


def test_a_sweep_that_is_cut_off_goes_on_and_its_receipt_counts_all(store: MemoryStore) -> None:
    """After any of its transactions; the next start finds it due."""
    memory = conversation(store)
    messages = [make_message("human", f"q{n}", 1, at=LONG_AGO) for n in range(450)]
    store.transcript.add(memory.scope, messages)
    assert swept(store, Retention.days(messages=1000)) == Counter()
    steps = store.retain(YEAR)
    first = next(steps)
    assert 0 < first.deleted["messages"] < 450, "a transaction takes only so many"
    steps.close()
    assert store.receipts.all() == []
    assert store.retaining.due(YEAR)
    rest = swept(store, YEAR)
    assert rest["messages"] + first.deleted["messages"] == 450
    (receipt,) = store.receipts.all()
    assert receipt.deleted["messages"] == 450
    with store.database.read() as connection:
        assert _meta(connection, "retention under way") == {}


def test_replaced_articles_ended_keys_and_old_entries_go(store: MemoryStore) -> None:
    """What is in force stays, and the first key always does; the audit log still verifies."""
    encoder = WordEncoder()

    def put(said: str) -> None:
        article = Article("faq.md", "Returns", (said,))
        vectors = {r.id: encoder.encode([r.text])[0] for r in article.records()}
        store.articles.put("default", [article], vectors)

    with from_then(LONG_AGO):
        put("Within 14 days.")
        put("Within 30 days.")
        for name in ("first", "revoked", "young"):
            store.keys.add(ApiKey(name, "default", "agent", "", now()), f"hash of {name}")
        store.keys.revoke("first", now())
        store.keys.revoke("revoked", now())
        with store.audit.doing(Deed("k", "agent", "default", "read.messages")):
            pass
        store.audit.flush()
    store.keys.add(
        ApiKey("ended", "default", "agent", "", LONG_AGO, expires=LONG_AGO), "hash of ended"
    )
    policy = Retention.days(articles=365, keys=365, audit=365)
    swept(store, policy)
    assert [a.passages for a in store.articles.versions("default", "faq.md")] == [
        ("Within 30 days.",)
    ]
    assert sorted(key.id for key in store.keys.all()) == ["first", "young"]
    (receipt,) = store.receipts.all()
    assert receipt.deleted == {"articles": 1, "keys": 2, "audit": 1}
    assert store.audit.verify().fault is None
    assert [one.action for one in store.audit.entries(9)] == ["erase.retention", "erase.audit"]


@given(
    ages=st.lists(st.integers(0, 800), min_size=1, max_size=12),
    limits=st.fixed_dictionaries(
        {name: st.none() | st.integers(1, 700) for name in ("messages", "memories")}
    ),
)
@settings(max_examples=15)
def test_nothing_too_old_is_left_and_nothing_young_goes(
    ages: list[int], limits: dict[str, int | None]
) -> None:
    """Whatever was said when, in whatever order, and whatever the policy is."""
    policy = Retention.days(**limits)
    messages, memories = limits["messages"], limits["memories"] or limits["messages"]
    with open_store() as store:
        scope, today = Scope("ada"), datetime.now(UTC)
        said = [
            make_message("human", f"said{n}.", 1, at=today - timedelta(days=age, hours=1))
            for n, age in enumerate(ages)
        ]
        store.transcript.add(scope, said)
        memory = conversation(store, session="default")
        memory.digest()
        swept(store, policy)
        for table, limit in (("messages", messages), ("records", memories)):
            with store.database.read() as connection:
                found = connection.execute(sa.text(f"SELECT text FROM {table}")).scalars().all()
            kept = {f"said{n}." for n, age in enumerate(ages) if limit is None or age < limit}
            assert set(found) == kept, table


def test_a_time_that_is_none_is_refused() -> None:
    """With the name of the kind."""
    with pytest.raises(InvalidInput, match="summaries"):
        Retention.days(summaries=0)
    assert not Retention()
