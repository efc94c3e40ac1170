"""What becomes of a question's vector: it is made once, and is not kept after an erasure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from memory import ConversationMemory, MemoryStore, Scope, lexical, open_store
from memory.types import Floats
from tests.contracts.memories import rows
from tests.doubles import WordEncoder

ADA = Scope("ada", "s1")


@pytest.fixture
def store(sqlite_url: str) -> Iterator[MemoryStore]:
    """A SQLite store."""
    with open_store(sqlite_url) as opened:
        yield opened


class _Breaking(WordEncoder):
    """An encoder that can be broken."""

    broken = False

    def encode(self, texts: Sequence[str]) -> Floats:
        if self.broken:
            msg = "the model is broken"
            raise RuntimeError(msg)
        return super().encode(texts)


def conversation(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """A conversation whose digest waits to be asked."""
    return ConversationMemory(store=store, scope=ADA, embeddings=encoder, background=False)


@pytest.mark.parametrize("retriever", [lexical, None], ids=["words only", "default"])
def test_what_is_wrong_with_the_model_reaches_who_asks(
    store: MemoryStore, retriever: object
) -> None:
    """The encoder's own error is raised, also where the retriever wants no vector; the next
    question is answered again.
    """
    encoder = _Breaking()
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
    memory.vector.embedding("where is my parcel?")[:] = 0
    memory.load_memory_variables({"input": "where is my parcel?"})
    assert encoder.asked == ["where is my parcel?", "in Lisbon"]
    assert len(rows(store)["vectors"]) == 2
    again = memory.vector.embedding("where is my parcel?")
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
