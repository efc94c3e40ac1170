"""Documents filed by FaissVectorStore: records of the customer's, on every database."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage

from memory import (
    ConversationMemory,
    FaissVectorStore,
    InvalidInput,
    MemoryStore,
    Scope,
    embedded,
    open_store,
)
from tests.doubles import WordEncoder, count_words

HANDBOOK = ["the lamp has a warranty of two years", "parcels leave the depot at noon"]


def filed(store: MemoryStore, encoder: WordEncoder, customer: str = "ada", session: str = "files"):
    """An empty vector store of a customer's session."""
    return FaissVectorStore(store, Scope(customer, session), encoder)


def remembering(store: MemoryStore, encoder: WordEncoder, session: str = "s1", **more: Any):
    """Ada's conversation memory."""
    return ConversationMemory(
        store=store, scope=Scope("ada", session), embeddings=encoder, background=False,
        count_tokens=count_words, **more,
    )  # fmt: skip


def test_a_document_is_found_by_the_customer_s_memory(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """What is filed stands in the next prompt that it bears on, and nobody else's."""
    filed(store, encoder).add_texts(HANDBOOK)
    told = remembering(store, encoder).prompt("how long is the warranty of the lamp?")
    assert "Document on" in told[-1].text
    assert HANDBOOK[0] in told[-1].text
    other = ConversationMemory(
        store=store, scope=Scope("bob"), embeddings=encoder, background=False
    )  # fmt: skip
    assert HANDBOOK[0] not in str(other.prompt("how long is the warranty of the lamp?"))
    assert filed(store, encoder, "bob").similarity_search("warranty") == []


def test_what_was_said_in_the_session_is_found_and_can_be_deleted(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The store is a view of the session: messages are in it with who said them, and deleting one
    takes it out of prompts.
    """
    memory = remembering(store, encoder)
    memory.save_context({"input": "my parcel is at Bergen harbour"}, {"output": "thank you"})
    memory.save_context({"input": "and the lamp flickers"}, {"output": "that is a pity"})
    view = filed(store, encoder, session="s1")
    (found,) = view.similarity_search("parcel harbour", k=1)
    assert found.page_content == "my parcel is at Bergen harbour"
    assert (found.metadata["role"], found.metadata["session"]) == ("human", "s1")
    assert view.get_by_ids([str(found.id)]) == [found]
    assert filed(store, encoder).get_by_ids([str(found.id)]) == [], "of another session"
    view.delete([str(found.id)])
    assert "Bergen" not in str(memory.prompt("where is my parcel?"))
    assert "flickers" in str(memory.prompt("where is my parcel?"))


def test_a_document_s_id_is_known_within_its_session(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The same id in two sessions and of two customers is three documents."""
    views = [filed(store, encoder), filed(store, encoder, session="b"), filed(store, encoder, "bo")]
    for number, view in enumerate(views):
        view.add_texts([f"text {number}"], ids=["1"])
    for number, view in enumerate(views):
        assert [d.page_content for d in view.get_by_ids(["1"])] == [f"text {number}"]
        assert [d.page_content for d in view.similarity_search("text", k=9)] == [f"text {number}"]
    views[0].delete(["1"])
    assert [len(view.similarity_search("text")) for view in views] == [0, 1, 1]


def test_a_text_filed_again_takes_the_place_of_the_one_before(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Under its id, with its metadata; and what is filed unchanged is not embedded again."""
    view = filed(store, encoder)
    view.add_texts(HANDBOOK, [{"page": 1}, {"page": 2}], ids=["a", "b"])
    before = len(encoder.asked)
    assert view.add_texts(HANDBOOK, [{"page": 1}, {"page": 2}], ids=["a", "b"]) == ["a", "b"]
    assert len(encoder.asked) == before
    view.add_texts(["the lamp has a warranty of five years"], [{"page": 3}], ids=["a"])
    found = view.similarity_search("warranty of the lamp", k=9)
    assert [(d.id, d.metadata) for d in found] == [("a", {"page": 3}), ("b", {"page": 2})]
    assert "five" in found[0].page_content
    assert "two years" not in str(remembering(store, encoder).prompt("warranty of the lamp?"))


def test_a_filter_is_applied_before_the_search(store: MemoryStore, encoder: WordEncoder) -> None:
    """There are k where k fit, however many others are nearer; by values or by a function."""
    view = filed(store, encoder)
    view.add_texts(
        [f"warranty of lamp {n}" for n in range(60)], [{"shelf": n % 20} for n in range(60)]
    )
    for wanted in ({"shelf": 3}, lambda metadata: metadata["shelf"] == 3):
        found = view.similarity_search("warranty of lamp 4", k=3, filter=wanted)
        assert [d.metadata["shelf"] for d in found] == [3, 3, 3]
    assert view.similarity_search("lamp", filter={"row": None}) == [], "it has no row"
    various = view.max_marginal_relevance_search("lamp 4", k=3, filter={"shelf": 3})
    assert len({d.id for d in various}) == 3


def test_scores_are_cosines_and_relevance_is_between_0_and_1(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """By text or by a vector of any length; as a retriever with a threshold."""
    view = filed(store, encoder)
    view.add_texts(HANDBOOK)
    query = "a warranty of two years"
    (vector,) = encoder.encode([query])
    found = view.similarity_search_with_score(query, k=2)
    expected = encoder.encode([d.page_content for d, _ in found]) @ vector
    assert [score for _, score in found] == pytest.approx(expected.tolist(), abs=1e-3)
    assert view.similarity_search_by_vector(7 * vector, k=2) == [d for d, _ in found]
    scores = [s for _, s in view.similarity_search_with_relevance_scores(query, k=2)]
    assert all(0 <= score <= 1 for score in scores)
    retriever = view.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.5}
    )
    assert [d.page_content for d in retriever.invoke(query)] == [HANDBOOK[0]]


def test_marginal_relevance_passes_over_what_says_the_same(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """With a low lambda the second find is another thing, not the same again."""
    view = filed(store, encoder)
    view.add_texts(["lamp warranty two years", "lamp warranty two years long", "depot lamp"])
    plain = view.similarity_search("lamp warranty two years", k=2)
    various = view.max_marginal_relevance_search("lamp warranty two years", k=2, lambda_mult=0.1)
    (vector,) = encoder.encode(["lamp warranty two years"])
    assert "warranty" in plain[1].page_content
    assert [d.page_content for d in various] == ["lamp warranty two years", "depot lamp"]
    by_vector = view.max_marginal_relevance_search_by_vector(vector.tolist(), k=2, lambda_mult=0.1)
    assert by_vector == various


def test_documents_are_in_an_export_and_an_erasure_takes_them(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """With what was filed beside them, which comes back with an import; no word is left after."""
    view = filed(store, encoder)
    view.add_documents([Document(page_content=HANDBOOK[0], metadata={"pages": [1, 2]}, id="a/1")])
    out = io.BytesIO()
    store.exports.write(("default", "ada"), out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    (line,) = [line for line in lines if line["kind"] == "record"]
    assert line["document"] == {"id": "a/1", "metadata": {"pages": [1, 2]}}
    assert store.erase(("default", "ada")) is not None
    assert view.similarity_search("lamp") == []
    store.exports.read("default", iter([(str(n), row) for n, row in enumerate(lines)]))
    (again,) = filed(store, encoder).similarity_search("warranty lamp")
    assert again == Document(page_content=HANDBOOK[0], metadata={"pages": [1, 2]}, id="a/1")


def test_an_import_with_a_broken_document_is_refused(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """It says which line, and nothing is stored."""
    filed(store, encoder).add_texts(HANDBOOK[:1])
    out = io.BytesIO()
    store.exports.write(("default", "ada"), out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    for line in lines:
        if line["kind"] == "record":
            line["document"] = {"metadata": {}}
    with pytest.raises(InvalidInput, match='"document"'):
        store.exports.read("other", iter([(str(n), row) for n, row in enumerate(lines)]))


def test_deleting_without_ids_deletes_the_session(store: MemoryStore, encoder: WordEncoder) -> None:
    """And no other; what is not there is deleted already."""
    view, other = filed(store, encoder), filed(store, encoder, session="other")
    view.add_texts(HANDBOOK)
    other.add_texts(HANDBOOK)
    assert view.delete(["nothing"])
    assert len(view.similarity_search("lamp")) == 2
    assert view.delete()
    assert view.similarity_search("lamp") == []
    assert len(other.similarity_search("lamp")) == 2


def test_filing_leaves_a_digest_nothing_to_do_and_takes_none_away(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Of a customer with nothing to digest there is nothing after it; messages still wait for it,
    and their records get vectors of their own, by which they are found with the documents.
    """
    view = filed(store, encoder, session="s1")
    view.add_texts(HANDBOOK)
    assert store.lagging() == []
    memory = remembering(store, encoder)
    memory.save_context({"input": "the parcel is blue"}, {"output": "I see"})
    view.add_texts(["parcels are insured"])
    assert store.lagging() == [("default", "ada")]
    near = [d.page_content for d in view.similarity_search("the parcel is blue", k=9)]
    assert near[0] == "the parcel is blue"
    assert len(near) == 5
    memory.digest()
    assert store.lagging() == []
    view.add_texts(["one more"])
    assert store.lagging() == []
    with store.database.read() as connection:
        count = connection.exec_driver_sql("SELECT COUNT(*) FROM vectors").scalar()
    assert count == 6


def test_bad_input_is_told_and_nothing_is_stored(store: MemoryStore, encoder: WordEncoder) -> None:
    """Texts without as many ids, metadata that is no JSON, an id or a text no database can hold."""
    view = filed(store, encoder)
    for texts, metadatas, ids, what in (
        (["a", "b"], None, ["1"], "one each"),
        (["a", "b"], [{}], None, "one each"),
        (["a", "b"], [{}, {"at": object()}], None, "as JSON"),
        (["a", "b"], [{}, {"n": float("nan")}], None, "as JSON"),
        (["a", "b"], None, ["1", "\n"], "control characters"),
        (["a", "b\0"], None, None, "NUL"),
    ):
        with pytest.raises(InvalidInput, match=what):
            view.add_texts(texts, metadatas, ids=ids)
    assert view.similarity_search("a") == []


def test_it_is_there_when_the_database_is_opened_again(tmp_path: Path) -> None:
    """Rows are the truth: with the embedded model, from_texts, closed, opened, found."""
    url = f"sqlite:///{tmp_path / 'files.db'}"
    with open_store(url) as first:
        FaissVectorStore.from_texts(
            HANDBOOK, embedded(), [{"page": 1}, {"page": 2}], ids=["a", "b"], store=first,
            scope=Scope("ada", "files"),
        )  # fmt: skip
    with open_store(url) as second:
        view = FaissVectorStore(second, Scope("ada", "files"))
        (found,) = view.similarity_search("When are shipments sent off?", k=1)
        assert (found.id, found.metadata) == ("b", {"page": 2})
        assert view.embeddings is embedded()


_WORDS = st.sampled_from("lamp depot parcel order".split())
_STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "delete"]), st.sampled_from("abc"), _WORDS), max_size=8
)


@settings(max_examples=25)
@given(steps=_STEPS)
def test_it_holds_what_a_dictionary_would_hold(steps: list[tuple[str, str, str]]) -> None:
    """After any additions and deletions by id, by ids and by search alike, and each once."""
    encoder = WordEncoder()
    with open_store() as store:
        view, known = filed(store, encoder), dict[str, str]()
        for step, name, word in steps:
            if step == "add":
                view.add_texts([word], ids=[name])
                known[name] = word
            else:
                view.delete([name])
                known.pop(name, None)
            found = view.similarity_search(word, k=9)
            assert {d.id: d.page_content for d in found} == known
            assert len(found) == len(known)
        assert {d.id: d.page_content for d in view.get_by_ids("abc")} == known


def test_a_customer_s_messages_are_no_documents_of_the_window(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A document is no message: the session's transcript and window do not have it."""
    memory = remembering(store, encoder)
    memory.add_messages([HumanMessage("hello"), AIMessage("hello, Ada")])
    filed(store, encoder, session="s1").add_texts(HANDBOOK)
    memory.digest()
    assert [s.message.text for s in store.transcript.window(Scope("ada", "s1"))] == [
        "hello", "hello, Ada",
    ]  # fmt: skip
    assert np.isfinite([r.score for r in memory.recall("lamp warranty")]).all()
