"""LangChain's FAISS store: each test shows the failure there, and that ours does not have it.

How it does in LangChain's own suite is in ``tests/standard/test_vectorstore.py``.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from memory import MemoryStore, Scope, VectorMemory, open_store
from tests.doubles import WordEncoder
from tests.peers.langchain import FAISS, WordEmbeddings, quiet

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
