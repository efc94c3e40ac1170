"""What is read in messages, over both databases: kept with their rows, gone with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from memory import ConversationMemory, Label, Labels, MemoryStore, Policy, Scope, open_store
from memory.labels import Labelling
from memory.migrations import MIGRATIONS
from tests.doubles import WordEncoder, WordReader, count_words

ADA = Scope("ada", "s1")
LABELS = {"intent": Label("track_order", 0.9301), "topic": Label(None, 1 / 3)}
DAY = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def reader() -> WordReader:
    """A classifier."""
    return WordReader()


def conversation(
    store: MemoryStore, scope: Scope = ADA, understanding: WordReader | None = None, **more: Any
) -> ConversationMemory:
    """A conversation whose digest does not run by itself."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=WordEncoder(), count_tokens=count_words,
        background=False, understanding=understanding, **more,
    )  # fmt: skip


def known(store: MemoryStore, scope: Scope = ADA) -> list[tuple[str, Labels | None]]:
    """What was said, and what is known of it."""
    return [
        (said.message.text, said.message.labels) for said in store.transcript.newest(scope, 999)
    ]


def intents(store: MemoryStore, scope: Scope = ADA) -> list[str | None]:
    """The intents of the messages that were read, "-" for the others."""
    return [labels["intent"].name if labels else "-" for _, labels in known(store, scope)]


# --- turns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["complete", "stopped", "failed"])
@pytest.mark.parametrize("answer", ["On its way.", ""])
def test_labels_are_kept_with_the_question(store: MemoryStore, status: str, answer: str) -> None:
    """In the answer's transaction, however the turn ends; the answer has none."""
    memory = conversation(store)
    turn = memory.start("Where is it?")
    assert turn.question.labels is None
    finished = memory.finish(turn, answer, status, labels=LABELS)
    assert finished is not None
    assert finished.question.labels == LABELS
    found = store.turns.get(ADA, turn.id)
    assert found is not None
    assert (found.question, found.status) == (finished.question, status)
    assert known(store)[0] == ("Where is it?", LABELS)
    assert [labels for _, labels in known(store)[1:]] == [None] * bool(answer)


def test_a_turn_that_comes_again_has_its_labels(store: MemoryStore) -> None:
    """By its key; one that was not read has none, and one that is answered again may get them."""
    memory = conversation(store)
    memory.finish(memory.start("Where is it?", "k1"), "There.", "complete", labels=LABELS)
    assert memory.start("Where is it?", "k1").question.labels == LABELS
    turn = memory.start("And now?", "k2")
    memory.finish(turn, "", "failed", labels=LABELS)
    again = memory.start("And now?", "k2")
    assert (again.id, again.status, again.question.labels) == (turn.id, "running", LABELS)
    finished = memory.finish(again, "There.", "complete")
    assert finished is not None
    assert finished.question.labels == LABELS
    assert known(store)[2] == ("And now?", LABELS)


def test_a_turn_that_was_deleted_keeps_no_labels(store: MemoryStore) -> None:
    """The session was erased while it was answered: nothing is stored."""
    memory = conversation(store)
    turn = memory.start("Where is it?")
    store.erase(ADA.owner)
    assert memory.finish(turn, "There.", "complete", labels=LABELS) is None
    assert known(store) == []


# --- the digest --------------------------------------------------------------------------------


def test_a_digest_reads_what_nobody_has_read(store: MemoryStore, reader: WordReader) -> None:
    """Imports and turns without labels, of all sessions, once; what a turn has stays as it is."""
    memory = conversation(store, understanding=reader)
    past = [HumanMessage("Hello"), AIMessage("hello, where to?"), SystemMessage("refund"),
            HumanMessage("Where is it?")]  # fmt: skip
    conversation(store, Scope("ada", "s0")).add_messages(past)
    conversation(store, Scope("bob")).add_messages([HumanMessage("Refund!")])
    memory.finish(memory.start("Where is it?"), "There.", "complete", labels={})
    memory.finish(memory.start("A refund then"), "No.", "complete")
    for _ in range(2):
        memory.digest()
        assert intents(store, Scope("ada", "s0")) == ["greet", "-", "-", "track_order"]
        assert [labels for _, labels in known(store)][:2] == [{}, None]
        assert intents(store)[2:] == ["get_refund", "-"]
        assert intents(store, Scope("bob")) == ["-"]
        assert reader.asked == [["Hello", "Where is it?", "A refund then"]]


def test_a_digest_reads_in_batches(
    store: MemoryStore, reader: WordReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much was imported; what comes later is read later."""
    monkeypatch.setattr("memory.labels._BATCH", 3)
    memory = conversation(store, understanding=reader)
    memory.add_messages([HumanMessage(f"hello {n}") for n in range(7)])
    memory.digest()
    assert [len(texts) for texts in reader.asked] == [3, 3, 1]
    memory.add_messages([HumanMessage("Where is it?")])
    memory.digest()
    assert reader.asked[3:] == [["Where is it?"]]
    assert intents(store) == ["greet"] * 7 + ["track_order"]


def test_what_was_said_before_there_was_a_classifier_is_read_late(
    store: MemoryStore, reader: WordReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the first digest that has one; and where nothing is to be read little is written."""
    monkeypatch.setattr("memory.labels._LAG", 10)
    marks = []
    for n in range(9):
        memory = conversation(store, understanding=reader if n else None)
        memory.finish(memory.start("hello"), "", "complete", labels={} if n else None)
        memory.digest()
        with store.database.read() as connection:
            marks.append(connection.execute(sa.text("SELECT understood FROM customers")).scalar())
    assert intents(store)[0] == "greet"
    assert reader.asked == [["hello"]]
    assert marks[0] == 0
    assert len(set(marks)) in {3, 4}
    assert marks == sorted(marks)


@pytest.mark.parametrize("wrong", ["fails", "says too little", "says what is no label"])
def test_a_classifier_that_fails_is_asked_again(
    store: MemoryStore, wrong: str, caplog: pytest.LogCaptureFixture, reader: WordReader
) -> None:
    """By the next digest; this one does all the rest, and the log has no message."""

    class Wrong(WordReader):
        def read(self, texts: Any) -> Any:
            said = super().read(texts)
            return said[1:] if wrong == "says too little" else [{"intent": ("x", 2)} for _ in said]

    failing = WordReader(fails=True) if wrong == "fails" else Wrong()
    memory = conversation(store, understanding=failing)
    memory.add_messages([HumanMessage("hello, my secret")])
    memory.digest()
    assert "the classifier failed" in caplog.text
    assert "secret" not in caplog.text
    assert intents(store) == ["-"]
    assert [r.text for r in memory.recall("secret")] == ["hello, my secret"]
    conversation(store, understanding=reader).digest()
    assert intents(store) == ["greet"]


def test_a_late_reading_brings_nothing_back(store: MemoryStore, reader: WordReader) -> None:
    """The customer was erased, and has come back, while the messages were read."""
    memory = conversation(store, understanding=reader)
    memory.add_messages([HumanMessage("hello")])

    class Late(Labelling):
        def keep(self, *given: Any) -> bool:
            store.erase(ADA.owner)
            memory.add_messages([HumanMessage("And you are?"), HumanMessage("hello")])
            return super().keep(*given)

    store.labelling = Late(store.database)
    memory.digest()
    assert [labels for _, labels in known(store)] == [None, None]
    store.labelling = Labelling(store.database)
    memory.digest()
    assert intents(store) == [None, "greet"]


def test_what_was_forgotten_is_not_read(store: MemoryStore, reader: WordReader) -> None:
    """It has left prompts, and the classifier does not see it either."""
    memory = conversation(store, policy=Policy.days(30, None, None))
    memory.add_messages([HumanMessage("hello"), HumanMessage("Where is it?")],
                        [DAY - timedelta(days=99), datetime.now(UTC)])  # fmt: skip
    memory.forget()
    conversation(store, understanding=reader).digest()
    assert reader.asked == [["Where is it?"]]


# --- with the rows -----------------------------------------------------------------------------


def test_labels_go_with_their_rows(store: MemoryStore, reader: WordReader) -> None:
    """A session's, a customer's; nothing of them is left in any column."""
    for session in ("s1", "s2"):
        memory = conversation(store, Scope("ada", session), understanding=reader)
        memory.add_messages([HumanMessage("hello")])
        memory.digest()
    store.delete_session(ADA)
    assert intents(store, Scope("ada", "s2")) == ["greet"]
    assert store.labelling.mood(ADA.owner, "s1") is None
    store.erase(ADA.owner)
    with store.database.read() as connection:
        assert connection.execute(sa.text("SELECT labels FROM messages")).all() == []
    assert store.labelling.mood(ADA.owner) is None


def test_a_backup_has_the_labels(sqlite_url: str, tmp_path: Path) -> None:
    """They are rows as all else is."""
    with open_store(sqlite_url) as store:
        memory = conversation(store)
        memory.finish(memory.start("Where is it?"), "", "stopped", labels=LABELS)
        store.backup(tmp_path / "copy.db")
    with open_store(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert known(copy) == [("Where is it?", LABELS)]


def test_an_older_database_gets_labels(
    url: str, reader: WordReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said before the schema had them is read by the next digest."""
    with monkeypatch.context() as older:
        older.setattr("memory.migrations.MIGRATIONS", MIGRATIONS[:8])
        with open_store(url) as store, store.database.write() as connection:
            for statement in (
                "INSERT INTO customers (tenant, customer, seq, generation, written, embedded) "
                "VALUES ('default', 'ada', 2, 7, 0, 0)",
                "INSERT INTO sessions (tenant, customer, session, created, updated, messages, "
                "tokens) VALUES ('default', 'ada', 's1', 1, 1, 2, 2)",
                "INSERT INTO messages (tenant, customer, seq, session, id, role, text, at, tokens) "
                "VALUES ('default', 'ada', 1, 's1', 'm1', 'human', 'hello', 1, 1), "
                "('default', 'ada', 2, 's1', 'm2', 'human', 'Where is it?', 1, 1)",
            ):
                connection.execute(sa.text(statement))
    with open_store(url) as store:
        assert [labels for _, labels in known(store)] == [None, None]
        conversation(store, understanding=reader).digest()
        assert intents(store) == ["greet", "track_order"]


# --- the mood ----------------------------------------------------------------------------------


def test_a_mood_is_of_a_session_or_of_all(store: MemoryStore, reader: WordReader) -> None:
    """Over the customer's messages by their times, the agent's left out."""
    later = conversation(store, Scope("ada", "s2"), understanding=reader)
    later.add_messages([HumanMessage("thanks")], [DAY + timedelta(days=1)])
    first = conversation(store, understanding=reader)
    first.add_messages(
        [HumanMessage("It is late", id="m1"), AIMessage("thanks"), HumanMessage("So angry")],
        [DAY] * 3,
    )
    assert store.labelling.mood(ADA.owner) is None
    first.digest()
    one, other, of_all = (store.labelling.mood(ADA.owner, name) for name in ("s1", "s2", None))
    assert one is not None
    assert other is not None
    assert of_all is not None
    assert (one.score, one.label, len(one.points)) == (-0.9, "negative", 2)
    assert (one.points[0].at, one.points[0].message) == (DAY, "m1")
    assert (other.score, other.label) == (0.9, "positive")
    assert [p.at for p in of_all.points] == [DAY, DAY, DAY + timedelta(days=1)]
    assert of_all.trend == "rising"
    card = first.card()
    assert card is not None
    assert card.mood == of_all


def test_a_mood_names_no_message_that_was_forgotten(store: MemoryStore, reader: WordReader) -> None:
    """It counts, by when it was said."""
    memory = conversation(store, understanding=reader, policy=Policy.days(30, None, None))
    memory.add_messages([HumanMessage("So angry", id="m1")], [DAY - timedelta(days=99)])
    conversation(store, understanding=reader).digest()
    memory.forget()
    mood = store.labelling.mood(ADA.owner)
    assert mood is not None
    assert [(p.message, p.score) for p in mood.points] == [(None, -0.9)]


def test_a_mood_looks_at_the_last_messages(store: MemoryStore, reader: WordReader) -> None:
    """Fifty of them, read or not."""
    memory = conversation(store, understanding=reader)
    memory.add_messages([HumanMessage(f"So angry {n}", id=f"m{n}") for n in range(60)])
    memory.digest()
    memory.add_messages([HumanMessage("later") for n in range(10)])
    mood = store.labelling.mood(ADA.owner)
    assert mood is not None
    assert [p.message for p in mood.points] == [f"m{n}" for n in range(20, 60)]
