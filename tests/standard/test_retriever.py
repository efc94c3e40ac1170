"""LangChain's suite for retrievers over ours, on SQLite and on Postgres, and what ours adds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from memory import (
    Article,
    ConversationMemory,
    ConversationRetriever,
    Knowledge,
    MemoryStore,
    Scope,
    VectorMemory,
    facts,
    joined,
    open_store,
    supersede,
    verbatim,
)
from tests.doubles import WordEncoder

pytestmark = pytest.mark.anyio

SAID = [
    ("my order is 4417-XZ", "thank you, I see the order"),
    ("the lamp of the order is broken", "I am sorry, we send another lamp"),
]


def told(memory: ConversationMemory) -> ConversationMemory:
    """The memory after a conversation."""
    for question, answer in SAID:
        memory.save_context({"input": question}, {"output": answer})
    return memory


class TestConversationRetriever(RetrieversIntegrationTests):
    """All of it, on either database."""

    memory: ConversationMemory

    @pytest.fixture(autouse=True)
    def _told(self, store: MemoryStore, encoder: WordEncoder) -> None:
        self.memory = told(
            ConversationMemory(
                store=store, scope=Scope("ada"), embeddings=encoder, background=False
            )
        )

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        """Ours."""
        return ConversationRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """Over a customer's memory."""
        return {"memory": self.memory}

    @property
    def retriever_query_example(self) -> str:
        """What they have spoken of."""
        return "what about the order and the lamp?"


@pytest.fixture
def small(tmp_path: Any) -> Iterator[MemoryStore]:
    """A SQLite store."""
    with open_store(f"sqlite:///{tmp_path / 'm.db'}") as opened:
        yield opened


def test_a_find_says_who_when_how_well_and_why(small: MemoryStore, encoder: WordEncoder) -> None:
    """In its metadata; the score is the strategy's, the best first."""
    memory = told(
        ConversationMemory(store=small, scope=Scope("ada"), embeddings=encoder, background=False)
    )
    found = ConversationRetriever(memory=memory, k=3).invoke("which order?")
    assert found[0].metadata["role"] in {"human", "ai"}
    assert found[0].metadata["why"]
    assert found[0].metadata["at"].endswith("+00:00")
    scores = [d.metadata["score"] for d in found]
    assert scores == sorted(scores, reverse=True)
    assert found[0].id == memory.vector.ranked("which order?")[0].id


def test_it_finds_nobody_else_s(small: MemoryStore, encoder: WordEncoder) -> None:
    """A retriever is of one customer; the vector memory alone does as well."""
    for name in ("ada", "bob"):
        memory = VectorMemory(store=small, scope=Scope(name), embeddings=encoder, background=False)
        memory.save_context({"input": f"{name} likes tea"}, {"output": "noted"})
    bob = VectorMemory(store=small, scope=Scope("bob"), embeddings=encoder, background=False)
    found = ConversationRetriever(memory=bob, k=9).invoke("who likes tea?")
    assert {d.page_content for d in found} == {"bob likes tea", "noted"}


def test_what_holds_no_longer_is_not_found(small: MemoryStore, encoder: WordEncoder) -> None:
    """As in prompts: a corrected fact, and the message that said it."""
    memory = ConversationMemory(
        store=small, scope=Scope("ada"), embeddings=encoder, background=False,
        writer=joined(verbatim, facts), update=supersede,
    )  # fmt: skip
    memory.save_context({"input": "My e-mail is ada@old.example"}, {"output": "Noted."})
    memory.save_context({"input": "My e-mail is ada@new.example now"}, {"output": "Noted."})
    memory.digest()
    found = ConversationRetriever(memory=memory, k=9).invoke("what is my e-mail?")
    said = [d.page_content for d in found]
    assert "E-mail: ada@new.example" in said
    assert not [one for one in said if "ada@old.example" in one]


def test_passages_of_articles_come_by_turns_with_memories(
    small: MemoryStore, encoder: WordEncoder
) -> None:
    """Where the memory has knowledge, k in all, each with where it is from."""
    knowledge = Knowledge(small, encoder)
    knowledge.put([Article("help/lamp.md", "Lamps", ("a broken lamp is replaced for free",))])
    memory = ConversationMemory(
        store=small, scope=Scope("ada"), embeddings=encoder, background=False, knowledge=knowledge
    )
    told(memory)
    found = ConversationRetriever(memory=memory, k=3).invoke("the lamp is broken")
    assert [d.metadata.get("source") for d in found] == [None, "help/lamp.md", None]
    assert found[1].metadata["title"] == "Lamps"


def test_k_is_above_zero(small: MemoryStore, encoder: WordEncoder) -> None:
    """Nothing is no search, and a field that does not exist is told."""
    memory = VectorMemory(store=small, scope=Scope("ada"), embeddings=encoder)
    with pytest.raises(ValidationError, match="greater than 0"):
        ConversationRetriever(memory=memory, k=0)
    with pytest.raises(ValidationError, match="Extra inputs"):
        ConversationRetriever(memory=memory, top=3)
