"""What opening a database promises, over both kinds: one schema, one embedding model."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from langchain_core.embeddings import DeterministicFakeEmbedding

from memory import (
    ConversationMemory,
    EmbeddingMismatch,
    MemoryStore,
    NotADatabase,
    SchemaTooNew,
    Scope,
    VectorMemory,
    open_store,
)
from memory.migrations import MIGRATIONS
from tests.contracts.memories import rows
from tests.doubles import WordEncoder

ADA = Scope("ada", "s1")


def vectors(store: MemoryStore, encoder: WordEncoder) -> VectorMemory:
    """A vector memory of ada's."""
    return VectorMemory(store=store, scope=ADA, embeddings=encoder, background=False)


def test_many_that_open_a_new_database_at_once_make_it_once(url: str) -> None:
    """Eight threads open one empty database: all succeed, and the schema is there once."""
    barrier = Barrier(8)

    def opened(n: int) -> str | None:
        barrier.wait()
        with open_store(url) as store:
            store.set_meta(f"thread {n}", "was here")
            return store.get_meta("schema_version")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened, range(8))) == [str(len(MIGRATIONS))] * 8
    with open_store(url) as store:
        assert [store.get_meta(f"thread {n}") for n in range(8)] == ["was here"] * 8


def open_and_leave_a_mark(url: str, n: int, barrier: Any) -> None:
    """What each process does."""
    barrier.wait()
    with open_store(url) as store:
        store.set_meta(f"process {n}", "was here")


def test_many_processes_that_open_a_new_database_at_once_make_it_once(url: str) -> None:
    """The same with processes, which no lock of ours can queue."""
    fork = multiprocessing.get_context("fork")  # a fresh interpreter would take seconds each
    barrier = fork.Barrier(8)
    running = [fork.Process(target=open_and_leave_a_mark, args=(url, n, barrier)) for n in range(8)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * 8
    with open_store(url) as store:
        assert [store.get_meta(f"process {n}") for n in range(8)] == ["was here"] * 8


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    """It says which version it is, which it knows, and what to do; it changes nothing."""
    with open_store(url) as store:
        store.set_meta("schema_version", str(len(MIGRATIONS) + 1))
    for _ in range(2):
        with pytest.raises(SchemaTooNew, match=r"upgrade langchain-memory-service"):
            open_store(url)
    with open_store_unchecked(url).connect() as connection:
        found = connection.execute(sa.text("SELECT value FROM meta WHERE name = 'schema_version'"))
        assert found.scalar() == str(len(MIGRATIONS) + 1)


def test_an_older_schema_is_brought_up_to_date_with_its_rows(
    url: str, encoder: WordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older version stored is there after the newer steps have run, and is recalled."""
    engine = open_store_unchecked(url)
    with monkeypatch.context() as older, engine.connect() as connection:
        older.setattr("memory.migrations.MIGRATIONS", MIGRATIONS[:1])
        open_store(url).close()
        connection.execute(sa.text("INSERT INTO customers VALUES ('default', 'ada', 1, 7, 1, 0)"))
        connection.execute(
            sa.text(
                "INSERT INTO records (tenant, customer, seq, id, session, role, text, at, messages,"
                " terms) VALUES ('default', 'ada', 1, 'r1', 's1', 'human', 'Order A-1', 0, '[]',"
                " 'order a-1')"
            )
        )
        connection.commit()
    with open_store(url) as store:
        assert store.get_meta("schema_version") == str(len(MIGRATIONS))
        found = vectors(store, encoder).recall("order")
    assert [r.text for r in found] == ["Order A-1"]


def test_what_a_person_had_added_becomes_a_note(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was stored as the agent's words; what the agent did say, and corrections, stay theirs."""
    engine = open_store_unchecked(url)
    with monkeypatch.context() as older, engine.connect() as connection:
        older.setattr("memory.migrations.MIGRATIONS", MIGRATIONS[:5])
        open_store(url).close()
        said = (("human", "Order A-1!", '["m1"]'), ("ai", "Order A-2!", '["m2"]'))
        for seq, (role, words, messages) in enumerate((*said, ("ai", "Order A-3!", "[]"))):
            connection.execute(
                sa.text(
                    "INSERT INTO records (tenant, customer, seq, id, session, role, text, at, "
                    "messages, terms, source) VALUES ('default', 'ada', :seq, :text, 's1', :role, "
                    ":text, 0, :messages, '', 'person')"
                ),
                {"seq": seq, "role": role, "text": words, "messages": messages},
            )
        connection.commit()
    with open_store(url) as store:
        found = store.records.newest(ADA.owner, 9)
    roles = {"Order A-1!": "human", "Order A-2!": "ai", "Order A-3!": "note"}
    assert {r.text: r.role for r in found} == roles


def open_store_unchecked(url: str) -> sa.Engine:
    """The database without our code."""
    return sa.create_engine(url, poolclass=sa.NullPool)


def test_another_program_s_database_is_left_as_it_was(url: str) -> None:
    """A database with somebody else's table of the same name is refused, and nothing is made."""
    engine = open_store_unchecked(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE turns (theirs INTEGER)"))
    with pytest.raises(NotADatabase, match="its own turns"):
        open_store(url)
    assert sa.inspect(engine).get_table_names() == ["turns"]


def test_other_tables_are_left_alone(url: str) -> None:
    """Somebody else's tables stay beside ours, with what is in them."""
    engine = open_store_unchecked(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE theirs (number INTEGER)"))
        connection.execute(sa.text("INSERT INTO theirs VALUES (7)"))
    with open_store(url) as store:
        assert store.owners() == []
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT number FROM theirs")).scalar() == 7


# --- the embedding model -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "other", [WordEncoder(name="other"), WordEncoder(dimension=32)], ids=["name", "dimension"]
)
def test_another_embedding_model_is_refused(url: str, other: WordEncoder) -> None:
    """Vectors of two models do not compare: reading, saving and digesting say so, naming both
    models and the way out, and the stored vectors stay as they are.
    """
    with open_store(url) as store:
        memory = vectors(store, WordEncoder())
        memory.save_context({"input": "My order A-1001 is late."}, {"output": "Noted."})
        memory.digest()
        before = rows(store)["vectors"]
    with open_store(url) as store:
        memory = vectors(store, other)
        for use in (
            lambda: memory.recall("order"),
            lambda: memory.load_memory_variables({"input": "order"}),
            memory.digest,
        ):
            with pytest.raises(EmbeddingMismatch, match=r"doctor --reembed") as refused:
                use()
            assert "words (64)" in str(refused.value)
            assert f"{other.name} ({other.dimension})" in str(refused.value)
        assert rows(store)["vectors"] == before


def test_reembedding_lets_another_model_in(url: str, encoder: WordEncoder) -> None:
    """After ``forget_vectors`` each digest makes the vectors anew: every record is found by
    meaning again, and the first model is the one that is refused.
    """
    other = WordEncoder(dimension=32, name="other")
    with open_store(url) as store:
        memory = vectors(store, encoder)
        for n in range(70):
            memory.save_context({"input": f"My order A-{n} is late."}, {"output": f"Noted {n}."})
        memory.digest()
        store.forget_vectors()
        memory = vectors(store, other)
        found = memory.recall("order A-7")
        assert "searched by words only" in found[0].why
        memory.digest()
        assert len(rows(store)["vectors"]) == 140
        assert all(len(row[3]) == 64 for row in rows(store)["vectors"])  # 32 half floats
        assert "searched" not in memory.recall("order A-7")[0].why
        with pytest.raises(EmbeddingMismatch):
            vectors(store, encoder).recall("order")


def test_a_store_without_vectors_takes_any_model(url: str, encoder: WordEncoder) -> None:
    """As long as nothing is embedded there is nothing that another model could not compare to."""
    with open_store(url) as store:
        vectors(store, encoder).recall("order")
    with open_store(url) as store:
        memory = vectors(store, WordEncoder(dimension=8, name="other"))
        memory.save_context({"input": "My order A-1001 is late."}, {"output": "Noted."})
        memory.digest()
        assert memory.recall("order")


def test_any_langchain_embeddings_will_do(store: MemoryStore) -> None:
    """LangChain's own Embeddings are taken as they are, also with vectors of any length."""
    memory = ConversationMemory(
        store=store, scope=ADA, embeddings=DeterministicFakeEmbedding(size=48), background=False
    )
    memory.save_context({"input": "My order A-1001 is late."}, {"output": "Noted."})
    memory.digest()
    found, *_ = memory.recall("My order A-1001 is late.")
    assert found.text == "My order A-1001 is late."
    assert "cosine 1.00" in found.why


# --- names and values, copies ------------------------------------------------------------------


def test_a_value_is_kept_by_its_name(url: str) -> None:
    """What ``set_meta`` keeps, the next process gets, the last value of each name."""
    with open_store(url) as store:
        assert store.get_meta("colour") is None
        store.set_meta("colour", "red")
        store.set_meta("colour", "blue")
    with open_store(url) as store:
        assert store.get_meta("colour") == "blue"


def test_who_is_behind_with_the_digest_is_known(store: MemoryStore, encoder: WordEncoder) -> None:
    """A customer with undigested messages is listed until the digest is done."""
    memory = vectors(store, encoder)
    assert store.lagging() == []
    memory.save_context({"input": "My order A-1001 is late."}, {"output": "Noted."})
    assert store.lagging() == [ADA.owner]
    memory.digest()
    assert store.lagging() == []
