"""LangChain's FAISS store: each test shows the failure there, and that ours does not have it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage

from memory import Forget, MemoryStore, Replace, Scope, VectorMemory, open_store
from tests.doubles import WordEncoder
from tests.peers.langchain import FAISS, WordEmbeddings, empty_faiss, quiet

pytestmark = quiet


@pytest.fixture
def store(sqlite_url: str) -> Any:
    """A SQLite store."""
    with open_store(sqlite_url) as opened:
        yield opened


def remembering(store: MemoryStore, encoder: WordEncoder, customer: str) -> VectorMemory:
    """A customer's memory of ours."""
    return VectorMemory(store=store, scope=Scope(customer), embeddings=encoder, background=False)


def test_an_id_that_exists_brings_back_another_user_s_document(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Theirs: adding a document under an id that is there raises after its vector went into the
    index, which is one ahead of its ids from then on, so that a search for what was added next
    gives another user's document. Ours, ``VectorMemory`` with ``add_messages``: the id is stored
    once, and each search gives what it found.
    """
    theirs = FAISS.from_texts(
        ["ada likes tea"], WordEmbeddings(), ids=["1"], metadatas=[{"user": "ada"}]
    )
    with pytest.raises(ValueError, match="already exist"):
        theirs.add_texts(["ada likes cake"], ids=["1"], metadatas=[{"user": "ada"}])
    assert theirs.index.ntotal == 2, "the vector is in"
    assert len(theirs.index_to_docstore_id) == 1, "and belongs to no document"
    theirs.add_texts(["bob has a secret"], ids=["2"], metadatas=[{"user": "bob"}])
    (found,) = theirs.similarity_search("ada likes cake", k=1)
    assert found.metadata["user"] == "bob", "asked for ada's cake, given bob's secret"

    ada, bob = (remembering(store, encoder, name) for name in ("ada", "bob"))
    assert ada.add_messages([HumanMessage("ada likes tea", id="1")]) == 1
    assert ada.add_messages([HumanMessage("ada likes cake", id="1")]) == 0
    ada.add_messages([HumanMessage("ada likes pie", id="2")])
    bob.add_messages([HumanMessage("bob has a secret", id="1")])
    for memory in (ada, bob):
        memory.digest()
    assert ada.recall("ada likes pie")[0].text == "ada likes pie"
    found = {r.text for r in ada.recall("what has ada? a secret? likes cake? likes tea?")}
    assert found == {"ada likes tea", "ada likes pie"}


def test_a_filter_after_the_search_leaves_a_small_user_with_nothing(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Theirs: of 505 documents five are the user's; with a filter and k=4 most of 200 searches come
    back with nothing, because the filter is applied to the 20 nearest of everybody. Ours,
    ``VectorMemory``: every search finds the user's own, however many others there are.
    """
    words = "order parcel late refund invoice lamp chair street depot address".split()

    def text(n: int) -> str:
        return f"{words[n % 10]} {words[n // 10 % 10]} number {n}"

    queries = [f"where is the {words[n % 10]} with number {n}" for n in range(200)]
    theirs = FAISS.from_texts(
        [text(n) for n in range(505)], WordEmbeddings(),
        metadatas=[{"user": "small" if n < 5 else "large"} for n in range(505)],
    )  # fmt: skip
    empty = [q for q in queries if not theirs.similarity_search(q, k=4, filter={"user": "small"})]
    assert len(empty) > 100

    for name, numbers in (("small", range(5)), ("large", range(5, 505))):
        memory = remembering(store, encoder, name)
        memory.add_messages([HumanMessage(text(n)) for n in numbers])
        memory.digest()
    small = remembering(store, encoder, "small")
    mine = {text(n) for n in range(5)}
    for q in queries:
        found = {r.text for r in small.recall(q)}
        assert len(found) >= 4
        assert found <= mine


# --- the contract of LangChain's vector stores ---------------------------------------------------
# The three promises of langchain-tests' VectorStoreIntegrationTests that the store breaks, sync
# and async: 6 of its 25 tests. They are said again here, because the package brings seven pytest
# plugins along.

DOCUMENTS = [
    Document(page_content="foo", metadata={"id": 1}),
    Document(page_content="bar", metadata={"id": 2}),
]


async def delete_what_is_not_there(store: FAISS, run: str) -> None:
    """test_delete_missing_content."""
    store.delete(["1"]) if run == "sync" else await store.adelete(["1"])


async def add_twice(store: FAISS, run: str) -> None:
    """test_add_documents_with_ids_is_idempotent."""
    for _ in range(2):
        if run == "sync":
            store.add_documents(DOCUMENTS, ids=["1", "2"])
        else:
            await store.aadd_documents(DOCUMENTS, ids=["1", "2"])


async def add_another_text(store: FAISS, run: str) -> None:
    """test_add_documents_by_id_with_mutation."""
    other = [Document(page_content="new foo", metadata={"id": 1})]
    if run == "sync":
        store.add_documents(DOCUMENTS, ids=["1", "2"])
        store.add_documents(other, ids=["1"])
    else:
        await store.aadd_documents(DOCUMENTS, ids=["1", "2"])
        await store.aadd_documents(other, ids=["1"])


@pytest.mark.parametrize("run", ["sync", "async"])
@pytest.mark.parametrize("promise", [delete_what_is_not_there, add_twice, add_another_text])
def test_the_vector_store_breaks_its_own_contract(
    store: MemoryStore, encoder: WordEncoder, promise: Callable[..., Any], run: str
) -> None:
    """Theirs: deleting what is not there, adding the same twice and adding another text under an id
    all raise. Ours, ``VectorMemory``: nothing happens, it is there once, and the new text is found
    in the place of the old.
    """
    with pytest.raises(ValueError, match="ids"):
        asyncio.run(promise(empty_faiss(), run))

    memory = remembering(store, encoder, "ada")
    messages = [HumanMessage("foo", id="1"), HumanMessage("bar", id="2")]
    memory.apply([Forget("1"), Forget("2")])
    assert (memory.add_messages(messages), memory.add_messages(messages)) == (2, 0)
    memory.digest()
    assert sorted(r.text for r in memory.recall("foo bar")) == ["bar", "foo"]
    (foo,) = [r for r in store.records.newest(memory.scope.owner, 9) if r.text == "foo"]
    memory.apply([Replace(foo.id, replace(foo, text="new foo", terms=()))])
    memory.digest()
    assert sorted(r.text for r in memory.recall("new foo bar")) == ["bar", "new foo"]
