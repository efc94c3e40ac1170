"""What is taken away is gone from the very next prompt, wherever it stood, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread, current_thread
from typing import Any

import pytest
from sqlalchemy import text

from memory import (
    ConversationMemory,
    Forget,
    MemoryStore,
    Message,
    Record,
    Replace,
    Scope,
    SummaryMemory,
    Supersede,
    open_store,
    replace_similar,
    verbatim,
)
from memory.clock import from_then
from memory.types import Floats
from tests.contracts.memories import TABLES, rows
from tests.doubles import ScriptedChat, WordEncoder, count_words

EARLIER, NOW = Scope("ada", "earlier"), Scope("ada", "now")
FACT = "My order number is A-1001."
ASKED = "What is my order number?"


def conversation(store: MemoryStore, encoder: WordEncoder, scope: Scope = NOW, **more: Any) -> Any:
    """A conversation with a window of some 150 words and a digest that waits to be asked."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=encoder, count_tokens=count_words, background=False,
        max_tokens=400, summary_tokens=100, recall_tokens=50, **more,
    )  # fmt: skip


def shown(memory: ConversationMemory, question: str = ASKED) -> str:
    """The whole of the next prompt, its question aside, and what LangChain's way would load."""
    messages = [message.text for message in memory.prompt(question)]
    loaded = memory.load_memory_variables({"input": question})
    assert messages[-1].endswith(question)
    return "\n".join([*messages, str(loaded)])


def found(memory: ConversationMemory, text: str = FACT) -> str:
    """The id of the record that says a text."""
    return next(r.id for r in memory.recall(text) if r.text == text)


def new(text: str, **more: Any) -> Record:
    """A record that a person makes."""
    at = datetime.now(UTC)
    return Record(f"by hand: {text}", text, (), NOW.session, "human", at, **more)


def forget(memory: ConversationMemory) -> None:
    """A person has a record forgotten."""
    memory.vector.apply([Forget(found(memory))])


def supersede(memory: ConversationMemory) -> None:
    """A person corrects a record and keeps the old as history."""
    memory.vector.apply([Supersede(found(memory), new("My order number is B-2002."))])


def correct(memory: ConversationMemory) -> None:
    """A person corrects a record."""
    memory.vector.apply([Replace(found(memory), new("My order number is B-2002."))])


def erase(memory: ConversationMemory) -> None:
    """A customer is erased."""
    memory.store.erase(memory.scope.owner)


WAYS = [forget, supersede, correct, erase]


@pytest.fixture(params=["same process", "another process"])
def elsewhere(
    request: pytest.FixtureRequest, url: str, store: MemoryStore
) -> Iterator[MemoryStore]:
    """The store through which something is taken away: the reader's own, or another process's."""
    if request.param == "same process":
        yield store
    else:
        with open_store(url) as other:
            yield other


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("digested", [True, False], ids=["digested", "fresh"])
def test_it_leaves_what_is_recalled(
    store: MemoryStore, elsewhere: MemoryStore, encoder: WordEncoder,
    way: Callable[[ConversationMemory], None], digested: bool,
) -> None:  # fmt: skip
    """A fact from an earlier session was in this prompt; in the next it is neither recalled nor in
    the block that stands beside the earlier question, before any digest as after it.
    """
    conversation(store, encoder, EARLIER).save_context({"input": FACT}, {"output": "Noted."})
    memory = conversation(store, encoder)
    if digested:
        memory.digest()
    assert "A-1001" in shown(memory)
    memory.save_context({"input": ASKED}, {"output": "It is in your papers."})
    assert "A-1001" in memory.prompt("Thanks, so?")[0].text

    way(conversation(elsewhere, encoder))

    assert "A-1001" not in shown(memory)
    assert "A-1001" not in memory.prompt("Thanks, so?")[0].text
    memory.digest()
    assert "A-1001" not in shown(memory)
    if way in (supersede, correct):
        assert "B-2002" in shown(memory)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["window", "summary"])
def test_it_leaves_window_and_summary(
    store: MemoryStore, elsewhere: MemoryStore, encoder: WordEncoder,
    way: Callable[[ConversationMemory], None], place: str,
) -> None:  # fmt: skip
    """A fact of this session is gone from the messages and from the summary it was folded into,
    and from the summary's old versions.
    """
    memory = conversation(store, encoder)
    memory.save_context({"input": FACT}, {"output": "Noted, I will look into it."})
    for n in range(12 if place == "summary" else 1):
        memory.save_context(
            {"input": f"Parcel {n} to street {n} has not come for {n} days now."},
            {"output": f"Parcel {n} is in the depot, it will come in {n} days."},
        )
        memory.digest()
    summary = memory.summary.current()
    assert ("A-1001" in summary.text) == (place == "summary")
    assert "A-1001" in shown(memory)

    way(conversation(elsewhere, encoder))

    assert "A-1001" not in shown(memory)
    assert "A-1001" not in str(rows(store)["summaries"])
    assert not [s for s in store.summaries.segments(NOW) if "A-1001" in str(s)]
    if way is not erase and place == "summary":
        again = memory.summary.current()
        assert again.watermark == summary.watermark
        assert again.version > summary.version
        assert "Parcel 0" in again.text, "the summary is made again from what is left"


def test_it_leaves_when_its_time_is_over(store: MemoryStore, encoder: WordEncoder) -> None:
    """A record that expires is gone from recall, from an earlier turn's block, from the messages
    that quote it and from the summary, with nobody sweeping.
    """
    ends = datetime.now(UTC) + timedelta(hours=1)

    def passing(messages: Sequence[Message]) -> list[Record]:
        return [
            replace(record, expires_at=ends if "A-1001" in record.text else None)
            for record in verbatim(messages)
        ]

    for scope in (EARLIER, NOW):
        conversation(store, encoder, scope, writer=passing).save_context(
            {"input": FACT}, {"output": "Noted, I will look into it."}
        )
    for n in range(12):
        conversation(store, encoder, writer=passing).save_context(
            {"input": f"Parcel {n} to street {n} has not come for {n} days now."},
            {"output": f"Parcel {n} is in the depot, it will come in {n} days."},
        )
    memory = conversation(store, encoder, writer=passing)
    memory.digest()
    assert "A-1001" in memory.summary.current().text
    memory.prompt(ASKED)
    memory.save_context({"input": ASKED}, {"output": "It is in your papers."})
    assert shown(memory).count("A-1001") >= 2

    with from_then(ends):
        assert "A-1001" not in shown(memory)
        assert "A-1001" not in str(memory.prompt("Thanks, so?"))
        assert "Parcel 0" in memory.summary.current().text


def test_a_session_takes_its_records_along(
    store: MemoryStore, elsewhere: MemoryStore, encoder: WordEncoder
) -> None:
    """Deleting the session in which a fact was said takes it from the other session's prompts."""
    conversation(store, encoder, EARLIER).save_context({"input": FACT}, {"output": "Noted."})
    memory = conversation(store, encoder)
    memory.digest()
    assert "A-1001" in shown(memory)
    memory.save_context({"input": ASKED}, {"output": "It is in your papers."})
    memory.digest()

    counts = elsewhere.delete_session(EARLIER)

    assert counts["messages"] == counts["records"] == counts["vectors"] == 2
    assert "A-1001" not in shown(memory)
    assert "your papers" in shown(memory)
    assert elsewhere.delete_session(EARLIER) == {}


def test_forgetting_what_is_not_there_is_no_error(store: MemoryStore, encoder: WordEncoder) -> None:
    """Unknown ids, unknown customers: nothing happens."""
    memory = conversation(store, encoder)
    memory.vector.apply([Forget("nothing")])
    memory.save_context({"input": FACT}, {"output": "Noted."})
    memory.vector.apply([Forget("nothing"), Replace("nothing", new("My cat is Tom."))])
    assert "A-1001" in shown(memory)
    assert "Tom" in shown(memory, "What is my cat?")
    assert store.erase(("default", "nobody")) is None
    assert store.owners() == [NOW.owner]


def test_the_forgotten_stays_in_the_transcript_only(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Forgetting is not erasing: the row is kept, no reader of prompts sees it, and the digest
    does not learn it again.
    """
    memory = conversation(store, encoder)
    memory.save_context({"input": FACT}, {"output": "Noted."})
    forget(memory)
    for _ in range(2):
        memory.digest()
    store.forget_vectors()
    memory = conversation(store, encoder)
    memory.digest()
    assert "A-1001" not in shown(memory)
    assert [FACT in str(row) for row in rows(store)["messages"]].count(True) == 1
    assert not [row for row in rows(store)["records"] if FACT in str(row)]


def test_two_customers_lose_nothing_by_each_other(store: MemoryStore, encoder: WordEncoder) -> None:
    """Erasing one customer leaves each row of another, also where the names look alike."""
    others = [Scope("ada_", "now"), Scope("Ada", "now"), Scope("ada", "now", "other"),
              Scope("a%", "now")]  # fmt: skip
    for scope in (NOW, *others):
        memory = conversation(store, encoder, scope)
        memory.save_context({"input": FACT}, {"output": "Noted."})
        memory.digest()
    before = rows(store)
    store.erase(NOW.owner)
    after = rows(store)
    for table in ("sessions", "messages", "turns", "records", "vectors", "customers"):
        assert after[table] == [row for row in before[table] if row[:2] != NOW.owner]
        assert len(after[table]) == len(before[table]) * 4 / 5


# --- digests that come late --------------------------------------------------------------------


class Meddling(WordEncoder):
    """An encoder during whose work something else happens, once."""

    meddle: Callable[[], object] | None = None

    def encode(self, texts: Sequence[str]) -> Floats:
        """As ever, after the something else."""
        if self.meddle is not None:
            meddle, self.meddle = self.meddle, None
            meddle()
        return super().encode(texts)


@pytest.mark.parametrize("what", ["session", "customer"])
def test_a_late_digest_embeds_nothing_that_is_gone(store: MemoryStore, what: str) -> None:
    """What was deleted while it was being embedded leaves neither record nor vector, and the
    customer who was erased is no customer again.
    """
    encoder = Meddling()
    memory = conversation(store, encoder)
    for n in range(5):
        memory.save_context({"input": f"{FACT} {n}"}, {"output": "Noted."})
    delete = {"session": memory.clear, "customer": lambda: store.erase(NOW.owner)}[what]
    encoder.meddle = delete
    memory.digest()
    assert encoder.meddle is None
    left = rows(store, but=("customers",) if what == "session" else ())
    assert not any(left.values())


@pytest.mark.parametrize("what", ["session", "customer"])
def test_a_late_digest_writes_nothing_that_is_gone(
    store: MemoryStore, encoder: WordEncoder, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same while messages were being turned into records."""
    memory = conversation(store, encoder)
    memory.save_context({"input": FACT}, {"output": "Noted."})
    write = store.records.write

    def late(*args: Any) -> bool:
        memory.clear() if what == "session" else store.erase(NOW.owner)
        return write(*args)

    monkeypatch.setattr(store.records, "write", late)
    memory.digest()
    left = rows(store, but=("customers",) if what == "session" else ())
    assert not any(left.values())


@pytest.mark.parametrize("what", ["session", "customer"])
def test_a_late_fold_summarises_nothing_that_is_gone(store: MemoryStore, what: str) -> None:
    """The same while a model was writing the summary."""

    def answer(_: object) -> str:
        memory.clear() if what == "session" else store.erase(NOW.owner)
        return "The customer's order number is A-1001."

    memory = SummaryMemory(
        store=store, scope=NOW, background=False, window_tokens=10, count_tokens=count_words,
        llm=ScriptedChat(answer=answer),
    )  # fmt: skip
    memory.save_context({"input": FACT}, {"output": "Noted, I will look into it."})
    memory.digest()
    left = rows(store, but=("customers",) if what == "session" else ())
    assert not any(left.values())


def test_a_late_fold_does_not_undo_forgetting(store: MemoryStore, encoder: WordEncoder) -> None:
    """A fact forgotten while a model summarised it is not in the summary that is kept."""

    def answer(_: object) -> str:
        if not forgotten:
            forgotten.append(True)
            forget(memory)
        return "The customer's order number is A-1001."

    forgotten: list[bool] = []
    memory = conversation(
        store, encoder, llm=ScriptedChat(answer=answer), summarize="model", system="Be kind."
    )
    memory.save_context({"input": FACT}, {"output": "Noted, I will look into it."})
    for n in range(12):
        memory.save_context(
            {"input": f"Parcel {n} to street {n} has not come for {n} days now."},
            {"output": f"Parcel {n} is in the depot, it will come in {n} days."},
        )
    memory.digest()
    assert forgotten
    assert "A-1001" not in shown(memory)


def test_a_late_digest_does_not_undo_forgetting(store: MemoryStore) -> None:
    """A fact forgotten while it was being embedded has neither record nor vector afterwards; the
    other records of the same batch have theirs.
    """
    encoder = Meddling()
    memory = conversation(store, encoder, update=replace_similar)
    memory.save_context({"input": FACT}, {"output": "Noted."})
    encoder.meddle = lambda: forget(conversation(store, encoder))
    memory.digest()
    assert [r.text for r in store.records.newest(NOW.owner, 9)] == ["Noted."]
    assert len(rows(store)["vectors"]) == 1
    assert "A-1001" not in shown(memory)


@pytest.mark.parametrize("part", ["vector", "summary"])
def test_forgetting_waits_for_a_digest_that_is_about_to_commit(
    store: MemoryStore, encoder: WordEncoder, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fact forgotten between a digest's last statement and its commit is forgotten after that:
    the digest's vectors and its summary do not outlive it.
    """
    memory = conversation(store, encoder)
    memory.save_context({"input": FACT}, {"output": "Noted, I will look into it."})
    for n in range(12):
        memory.save_context(
            {"input": f"Parcel {n} to street {n} has not come for {n} days now."},
            {"output": f"Parcel {n} is in the depot, it will come in {n} days."},
        )
    if part == "summary":
        memory.vector.digest()
    fact = found(memory)
    whole, about_to_commit = store.database.write, Event()

    @contextmanager
    def write(**more: Any) -> Iterator[Any]:
        with whole(**more) as connection:
            yield connection
            if current_thread() is digesting:
                table = {"vector": "vectors", "summary": "segments"}[part]
                if connection.execute(text(f"SELECT count(*) FROM {table}")).scalar():
                    about_to_commit.set()
                    time.sleep(0.3)

    digesting = Thread(target=getattr(memory, part).digest)
    monkeypatch.setattr(store.database, "write", write)
    digesting.start()
    assert about_to_commit.wait(60)
    store.records.apply(NOW.owner, [Forget(fact)])
    digesting.join()
    assert "A-1001" not in shown(memory)
    memory.digest()
    assert len(rows(store)["vectors"]) == len(rows(store)["records"]) == 25
    assert "A-1001" not in shown(memory)


def test_every_table_is_of_a_customer(store: MemoryStore) -> None:
    """Each table but ``meta`` and ``customers`` is among those that a test here empties."""
    from memory.migrations import _TABLES

    made = {line.split()[2] for line in _TABLES.splitlines() if line.startswith("CREATE TABLE")}
    assert made == {*TABLES, "customers"}
