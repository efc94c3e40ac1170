"""What every memory class keeps, what it deletes, and whose memory it is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from memory import (
    ConversationMemory,
    InvalidInput,
    MemoryStore,
    Scope,
    SummaryMemory,
    VectorMemory,
    open_store,
)
from tests.contracts.memories import (
    ANSWERED,
    OTHERS,
    SAID,
    TABLES,
    Kind,
    Make,
    loaded,
    rows,
    said,
)
from tests.doubles import WordEncoder, count_words
from tests.older import begun


def test_a_restart_changes_nothing(kind: Kind, url: str, encoder: WordEncoder) -> None:
    """What a second process reads from the database is what the first one read."""
    more: dict[str, Any] = {"embeddings": encoder} if kind.embeds else {}
    if "window_tokens" in kind.of.model_fields:
        more["window_tokens"] = 60
    if kind.of is ConversationMemory:
        more |= {"max_tokens": 400, "summary_tokens": 60, "recall_tokens": 60}
    found = []
    for run in range(2):
        with open_store(url) as store:
            memory = kind.of(
                store=store, scope=Scope("ada", "s1"), count_tokens=count_words,
                background=False, **more,
            )  # fmt: skip
            if run == 0:
                for n in range(30):
                    memory.save_context(
                        {"input": f"My parcel number {n} to street {n} has not come."},
                        {"output": f"Parcel {n} is in the depot of street {n}, be patient."},
                    )
                    memory.digest()
            found.append((loaded(memory, "parcel 3?"), loaded(memory, "depot"), rows(store)))
    assert found[0] == found[1]
    assert len(found[0][2]["messages"]) == 60


def test_clear_leaves_no_row(make: Make, store: MemoryStore) -> None:
    """After ``clear`` no table has a row of the session: vectors and summaries went too."""
    memory = make()
    everything = VectorMemory(
        store=store, scope=memory.scope, embeddings=WordEncoder(), background=False
    )
    folding = SummaryMemory(store=store, scope=memory.scope, window_tokens=40, background=False)
    for n in range(10):
        memory.save_context(
            {"input": f"Order A-{n} is late, where is it?"}, {"output": f"A-{n} is under way."}
        )
    everything.digest()
    folding.digest()
    turn = store.turns.start(memory.scope, memory._message("human", "And now?"))
    store.turns.finish(memory.scope, turn, None, "failed")
    before = rows(store)
    assert all(before[table] for table in TABLES), "the test must have something in every table"

    assert store.database.path is None or SAID_HERE in _bytes(store)

    memory.clear()

    assert rows(store, but=OTHERS) == {table: [] for table in TABLES}
    assert "A-1" not in loaded(memory, "order A-1")
    assert store.database.path is None or SAID_HERE not in _bytes(store)


def _bytes(store: MemoryStore) -> bytes:
    """The database file, after the write-ahead log went into it."""
    store.wait()  # two who empty the log at once are in each other's way
    with closing(sqlite3.connect(str(store.database.path))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert store.database.path is not None
    return store.database.path.read_bytes()


def test_clear_leaves_other_sessions_alone(make: Make, store: MemoryStore) -> None:
    """Clearing one session takes nothing of the customer's other one."""
    for session in ("s1", "s2"):
        make(session=session).save_context({"input": f"My order is {session}-1001."}, ANSWERED)
        make(session=session).digest()
    make().clear()
    assert said(store, "s1") == []
    assert said(store, "s2") == [("human", "My order is s2-1001."), ("ai", ANSWERED["output"])]
    assert "s2-1001" in loaded(make(session="s2"), "order s2-1001")
    assert "s1" not in loaded(make(session="s2"), "order s1-1001")


def test_a_cleared_memory_can_be_used_again(make: Make, store: MemoryStore) -> None:
    """After ``clear`` a conversation begins anew, with nothing of the old one."""
    memory = make()
    memory.save_context(SAID, ANSWERED)
    memory.digest()
    memory.clear()
    memory.save_context({"input": "The invoice INV-77 is wrong."}, {"output": "Which one?"})
    memory.digest()
    assert "invoice" in loaded(memory, "invoice")
    assert "A-1001" not in loaded(memory, "A-1001 invoice")
    assert len(said(store)) == 2


def test_clearing_twice_or_nothing_is_no_error(make: Make) -> None:
    """``clear`` of what is not there does nothing."""
    memory = make()
    memory.clear()
    memory.save_context(SAID, ANSWERED)
    memory.clear()
    memory.clear()
    assert "A-1001" not in loaded(memory)


SAID_HERE = b"A-7 is under way"
NAMES = [
    "ada", "Ada", "ada ", " ada", "a_a", "aXa", "a%", "a%a", "ada/s1", "ad", "ada\u200b", "áda",
    "a\u0301da", "ada' OR '1'='1", "*", "ada\\", "../ada", "..%2fada", '"ada"', "阿达", "💬",
    "x" * 200,
]  # fmt: skip


def test_customers_never_see_each_other(make: Make, store: MemoryStore) -> None:
    """Names that a pattern, a fold of case or a trimmed space would confuse are kept apart, as
    customers and as tenants, before the digest and after it.
    """
    for n, name in enumerate(NAMES):
        begun(store, Scope(name, "s1"))
        make(customer=name).save_context({"input": f"My order S{n}-1001 is late."}, ANSWERED)
        make(tenant=name).save_context({"input": f"My order T{n}-1001 is late."}, ANSWERED)
    for _ in range(2):
        for n, name in enumerate(NAMES):
            for memory, own in ((make(customer=name), f"S{n}"), (make(tenant=name), f"T{n}")):
                given = loaded(memory, f"Which order is late, S{n}-1001 or T{n}-1001?")
                assert re.findall(r"order (\w+)-1001", given) == [own]
                memory.digest()


def test_a_session_s_own_words_stay_in_it(make: Make, kind: Kind, store: MemoryStore) -> None:
    """Sessions of one customer share what is recalled and nothing else."""
    for n, name in enumerate(NAMES):
        begun(store, Scope("ada", name))
        make(session=name).save_context({"input": f"I say code {n}-1001."}, {"output": "Yes."})
    for n, name in enumerate(NAMES):
        memory = make(session=name)
        if kind.of is ConversationMemory:
            memory = make(session=name, recall_tokens=0)
        given = loaded(memory, f"code {n}-1001?")
        assert f"code {n}-1001" in given
        if kind.of is not VectorMemory:
            assert given.count("I say") == 1


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b", "a\nb", "\ud800", "\x7f", ".", ".."])
def test_names_that_are_no_keys_are_refused(name: str) -> None:
    """What a database or a URL could not carry is refused before anything is stored."""
    for part in ({"customer": name}, {"customer": "a", "session": name}):
        with pytest.raises(InvalidInput):
            Scope(**part)
    with pytest.raises(InvalidInput):
        Scope("ada", tenant=name)


def test_a_memory_stays_with_its_customer(make: Make) -> None:
    """A memory's scope cannot be exchanged; a copy with another scope reads only the other's."""
    memory = make()
    memory.save_context(SAID, ANSWERED)
    assert "A-1001" in loaded(memory)
    with pytest.raises(ValueError, match="frozen"):
        memory.scope = Scope("eve")
    assert "A-1001" not in loaded(memory.model_copy(update={"scope": Scope("eve")}))
    assert "A-1001" in loaded(memory)
