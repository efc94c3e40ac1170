"""A question is embedded in another thread, while rows are read and words are looked up."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import pytest

from memory import (
    ConversationMemory,
    MemoryStore,
    Scope,
    StoreError,
    VectorMemory,
    lexical,
    open_store,
)
from memory.types import Candidates, Floats, Query, Recalled
from tests.contracts.memories import rows
from tests.doubles import WordEncoder

ADA = Scope("ada", "s1")


@pytest.fixture
def store(sqlite_url: str) -> Iterator[MemoryStore]:
    """A SQLite store."""
    with open_store(sqlite_url) as opened:
        yield opened


class _Gated(WordEncoder):
    """An encoder that embeds when it is let, and says in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.let.set()
        self.threads: list[str] = []
        self.broken = False

    def encode(self, texts: Sequence[str]) -> Floats:
        self.threads.append(threading.current_thread().name)
        assert self.let.wait(30)
        if self.broken:
            msg = "the model is broken"
            raise RuntimeError(msg)
        return super().encode(texts)


def conversation(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """A conversation whose digest waits to be asked."""
    return ConversationMemory(store=store, scope=ADA, embeddings=encoder, background=False)


def test_words_are_looked_up_while_the_question_is_embedded(store: MemoryStore) -> None:
    """A retriever has the candidates before the vector is made; reading the vector waits for it."""
    encoder = _Gated()
    seen: list[str] = []

    def words_first(query: Query, candidates: Candidates) -> list[Recalled]:
        found = lexical(query, candidates)
        seen.extend(r.text for r in found)
        encoder.let.set()  # until now nobody could embed
        assert query.vector.shape == (encoder.dimension,)
        return found

    memory = VectorMemory(
        store=store, scope=ADA, embeddings=encoder, background=False, retriever=words_first
    )
    memory.save_context({"input": "the parcel went to Lisbon"}, {"output": "thanks"})
    memory.digest()
    encoder.let.clear()
    encoder.threads.clear()
    assert memory.recall("where is the parcel?")
    assert seen == ["the parcel went to Lisbon"]
    assert [name.startswith("memory-aside") for name in encoder.threads] == [True]


@pytest.mark.parametrize("retriever", [lexical, None], ids=["words only", "default"])
def test_what_is_wrong_with_the_model_reaches_who_asks(
    store: MemoryStore, retriever: object
) -> None:
    """The encoder's own error is raised, also where the retriever wants no vector; the next
    question is answered again.
    """
    encoder = _Gated()
    more = {} if retriever is None else {"retriever": retriever}
    memory = ConversationMemory(
        store=store, scope=ADA, embeddings=encoder, background=False, **more
    )
    memory.save_context({"input": "the parcel went to Lisbon"}, {"output": "thanks"})
    memory.digest()
    encoder.broken = True
    with pytest.raises(RuntimeError, match="the model is broken"):
        memory.load_memory_variables({"input": "where is the parcel?"})
    encoder.broken = False
    assert "Lisbon" in memory.load_memory_variables({"input": "where is the parcel?"})["history"]


def test_a_question_is_embedded_once(store: MemoryStore) -> None:
    """What was asked is not embedded again by the digest of its turn, nor when it is asked again;
    its vector belongs to whoever asked.
    """
    encoder = WordEncoder()
    memory = conversation(store, encoder)
    memory.load_memory_variables({"input": "where is my parcel?"})
    memory.save_context({"input": "where is my parcel?"}, {"output": "in Lisbon"})
    memory.digest()
    memory.vector.embedding("where is my parcel?").result()[:] = 0
    memory.load_memory_variables({"input": "where is my parcel?"})
    assert encoder.asked == ["where is my parcel?", "in Lisbon"]
    assert len(rows(store)["vectors"]) == 2
    again = memory.vector.embedding("where is my parcel?").result()
    assert again == pytest.approx(encoder.encode(["where is my parcel?"])[0])


def test_an_erased_customers_questions_are_not_kept(store: MemoryStore) -> None:
    """After an erasure no vector of what was asked is left in memory."""
    encoder = WordEncoder()
    memory = conversation(store, encoder)
    memory.save_context({"input": "hello"}, {"output": "hi"})
    memory.load_memory_variables({"input": "where is my parcel?"})
    store.erase(ADA.owner)
    encoder.asked.clear()
    memory.load_memory_variables({"input": "where is my parcel?"})
    assert encoder.asked == ["where is my parcel?"]


def test_closing_ends_the_threads_and_waits_for_what_they_do(sqlite_url: str) -> None:
    """Many memories share a few threads, as many as there are cores at most; none outlives the
    store, and a closed store says that it is closed.
    """
    before = set(threading.enumerate())
    encoder = _Gated()
    store = open_store(sqlite_url)
    memories = [conversation(store, encoder) for _ in range(20)]
    for number, memory in enumerate(memories):
        memory.load_memory_variables({"input": f"question {number}"})
    begun = [t for t in set(threading.enumerate()) - before if t.name.startswith("memory-aside")]
    assert 1 <= len(begun) <= (os.cpu_count() or 1)
    encoder.let.clear()
    late = memories[0].vector.embedding("the last question")
    threading.Timer(0.05, encoder.let.set).start()
    store.close()
    assert late.done()
    assert not [t for t in begun if t.is_alive()]
    with pytest.raises(StoreError, match="closed"):
        memories[0].load_memory_variables({"input": "anything?"})


def test_the_callers_context_goes_along(store: MemoryStore) -> None:
    """An encoder sees the context variables of whoever asked, as tracing needs them."""
    request: ContextVar[str] = ContextVar("request")

    class Traced(WordEncoder):
        def encode(self, texts: Sequence[str]) -> Floats:
            seen.append(request.get("none"))
            return super().encode(texts)

    seen: list[str] = []
    request.set("r-17")
    conversation(store, Traced()).load_memory_variables({"input": "where is my parcel?"})
    assert seen == ["r-17"]
