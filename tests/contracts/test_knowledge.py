"""What knowledge promises, over every database: versions, one transaction, a scope of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from memory import (
    Article,
    ConversationMemory,
    EmbeddingMismatch,
    InvalidInput,
    Knowledge,
    MemoryStore,
    Scope,
    check_name,
    open_store,
)
from memory.customers import KNOWLEDGE
from tests.contracts import memories
from tests.doubles import WordEncoder

RETURNS = Article("returns.md", "Returns", ("Send it back within 30 days.", "Refunds take a week."))
DELIVERY = Article("delivery.md", "Delivery", ("Parcels leave the depot on Monday.",))


@pytest.fixture
def knowledge(store: MemoryStore, encoder: WordEncoder) -> Knowledge:
    """The knowledge of a tenant, empty."""
    return Knowledge(store, encoder)


def rows(store: MemoryStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    with store.database.read() as connection:
        articles = connection.execute(sa.text("SELECT * FROM articles ORDER BY seq"))
        return {**memories.rows(store), "articles": [tuple(row) for row in articles]}


def found(knowledge: Knowledge, text: str) -> list[tuple[str, str]]:
    """The sources and texts that a search finds."""
    return [(e.source, e.text) for e in knowledge.search(text)]


def test_an_article_is_found_by_its_passages(knowledge: Knowledge) -> None:
    """The passage that bears on the text comes first, with its article's source and title."""
    assert not knowledge
    assert knowledge.search("refunds") == []
    stored = knowledge.put([RETURNS, DELIVERY])
    assert knowledge
    assert [(a.source, a.version) for a in stored] == [("returns.md", 1), ("delivery.md", 1)]
    best, *_ = knowledge.search("when do the parcels leave?")
    assert (best.source, best.title, best.text) == ("delivery.md", "Delivery", DELIVERY.passages[0])
    assert "parcel" in best.why


def test_a_title_finds_its_passages(knowledge: Knowledge) -> None:
    """What a passage is about often stands in its title only, and a customer may have said it
    before.
    """
    rooms = [Article(n, n, ("Pets are welcome.",)) for n in ("Harbour House", "Mill Lodge")]
    knowledge.put(rooms)
    assert knowledge.search("pets at the Mill Lodge?")[0].source == "Mill Lodge"
    for name in ("Harbour House", "Mill Lodge"):
        best, *_ = knowledge.search("Are pets welcome?", about=f"I would like to stay at {name}.")
        assert best.source == name


def test_a_search_can_be_of_some_sources_only(knowledge: Knowledge) -> None:
    """However well others fit, only they are found, and as many as there are."""
    knowledge.put([RETURNS, DELIVERY])
    assert {e.source for e in knowledge.search("parcels", sources=["returns.md"])} <= {"returns.md"}
    assert knowledge.search("send parcels back", sources=["returns.md"])


def test_the_same_content_again_changes_nothing(knowledge: Knowledge, store: MemoryStore) -> None:
    """Not a row, and nothing is embedded."""
    knowledge.put([RETURNS])
    before = {name: rows(store)[name] for name in ("articles", "records", "vectors")}
    (again,) = knowledge.put([replace(RETURNS, hash="")])
    assert again.version == 1
    assert {name: rows(store)[name] for name in before} == before


def test_other_content_is_a_new_version(
    knowledge: Knowledge, store: MemoryStore, encoder: WordEncoder
) -> None:
    """The old is found no more and stays in the history; what was left as it was is the same
    record and is not embedded again.
    """
    knowledge.put([RETURNS, DELIVERY])
    (kept,) = [e.id for e in knowledge.search("refunds take a week") if "week" in e.text]
    encoder.asked.clear()
    said = ("Send it back within 14 days.", "Refunds take a week.")
    (second,) = knowledge.put([Article("returns.md", "Returns", said)])
    assert second.version == 2
    assert encoder.asked == ["Returns\nSend it back within 14 days."]
    texts = {text for _, text in found(knowledge, "send it back within days, refunds week")}
    assert "Send it back within 30 days." not in texts
    assert set(said) <= texts
    assert kept in {e.id for e in knowledge.search("refunds take a week")}
    versions = store.articles.versions("default", "returns.md")
    assert [(a.version, a.passages, a.replaced_at is None) for a in versions] == [
        (2, said, True),
        (1, RETURNS.passages, False),
    ]


def test_going_back_to_an_old_text_is_a_version_too(knowledge: Knowledge) -> None:
    """The third version may say what the first said."""
    changed = Article("returns.md", "Returns", ("No returns.",))
    versions = [knowledge.put([a])[0].version for a in (RETURNS, changed, RETURNS)]
    assert versions == [1, 2, 3]
    assert ("returns.md", RETURNS.passages[0]) in found(knowledge, "send back within 30 days")


def test_a_removed_article_is_gone(knowledge: Knowledge, store: MemoryStore) -> None:
    """With every version, passage and vector; another's stay."""
    knowledge.put([RETURNS, DELIVERY])
    knowledge.put([Article("returns.md", "Returns", ("No returns.",))])
    gone = knowledge.remove("returns.md")
    assert gone is not None
    assert gone.version == 2
    assert knowledge.remove("returns.md") is None
    assert {source for source, _ in found(knowledge, "returns parcels depot")} == {"delivery.md"}
    assert [len(rows(store)[name]) for name in ("articles", "records", "vectors")] == [1, 1, 1]


def test_all_of_a_put_is_stored_or_nothing(
    knowledge: Knowledge, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second article cannot be written, the new version of the first is undone."""
    knowledge.put([RETURNS])
    before = rows(store)
    real = __import__("memory.articles", fromlist=["insert"]).insert

    def full(connection: object, owner: object, records: list[object]) -> None:
        if any(r.session == "delivery.md" for r in records):  # type: ignore[attr-defined]
            msg = "disk full"
            raise OSError(msg)
        real(connection, owner, records)

    monkeypatch.setattr("memory.articles.insert", full)
    with pytest.raises(OSError, match="disk full"):
        knowledge.put([Article("returns.md", "Returns", ("No returns.",)), DELIVERY])
    assert rows(store) == before
    assert found(knowledge, "send back within 30 days")[0] == ("returns.md", RETURNS.passages[0])


def test_many_that_add_at_once_lose_nothing(knowledge: Knowledge, store: MemoryStore) -> None:
    """Eight threads add an article of their own and one of all of them: one version each."""
    same = Article("same", "Same", ("What all of them say.",))

    def add(n: int) -> None:
        knowledge.put([Article(f"a{n}", f"Title {n}", (f"Passage number {n}.",)), same])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    known = store.articles.newest("default", 100)
    assert sorted(a.source for a in known) == [*(f"a{n}" for n in range(8)), "same"]
    assert {a.version for a in known} == {1}
    for n in range(8):
        assert found(knowledge, f"passage number {n}")
    assert len(rows(store)["vectors"]) == 9


def test_another_process_finds_what_was_added(url: str, encoder: WordEncoder) -> None:
    """A store that has read before finds what another adds, changes and removes."""
    with open_store(url) as one, open_store(url) as other:
        mine, theirs = Knowledge(one, encoder), Knowledge(other, encoder)
        mine.put([RETURNS])
        assert found(theirs, "refunds")
        mine.put([DELIVERY])
        assert found(theirs, "parcels depot")[0][0] == "delivery.md"
        mine.remove("delivery.md")
        assert "delivery.md" not in {source for source, _ in found(theirs, "parcels depot")}


def test_no_customer_has_the_scope_of_knowledge(
    knowledge: Knowledge, store: MemoryStore, encoder: WordEncoder
) -> None:
    """Its name is none that a customer can have; lists of customers do not show it, and erasing
    every customer leaves it.
    """
    with pytest.raises(InvalidInput, match="control characters"):
        check_name("customer", KNOWLEDGE)
    with pytest.raises(InvalidInput, match="control characters"):
        Scope(KNOWLEDGE)
    knowledge.put([RETURNS])
    memory = ConversationMemory(
        store=store, scope=Scope("ada"), embeddings=encoder, background=False
    )
    memory.save_context({"input": "Refunds, please"}, {"output": "Noted."})
    assert store.owners() == [("default", "ada")]
    assert store.lagging() == [("default", "ada")]
    assert store.knowing() == ["default"]
    assert {r.text for r in memory.recall("refunds take a week")} == {"Refunds, please", "Noted."}
    for owner in store.owners():
        store.erase(owner)
    assert found(knowledge, "refunds take a week")


def test_tenants_do_not_share(store: MemoryStore, encoder: WordEncoder) -> None:
    """A source names an article within its tenant."""
    ours, theirs = (Knowledge(store, encoder, tenant) for tenant in ("ours", "theirs"))
    ours.put([RETURNS])
    theirs.put([replace(DELIVERY, source="returns.md", hash="")])
    assert found(ours, "parcels refunds")[0][1] in RETURNS.passages
    assert ours.remove("returns.md")
    assert found(theirs, "parcels")


def test_another_model_is_refused_until_all_is_embedded_anew(url: str) -> None:
    """As with customers' memories; then every passage has a vector of it, with its title."""
    old, new = WordEncoder(), WordEncoder(name="other")
    with open_store(url) as store:
        Knowledge(store, old).put([RETURNS, DELIVERY])
        with pytest.raises(EmbeddingMismatch):
            Knowledge(store, new).put([Article("x", "X", ("y",))])
        store.forget_vectors()
        knowledge = Knowledge(store, new)
        assert found(knowledge, "refunds")
        knowledge.put([Article("x", "X", ("Spare parts.",))])
        knowledge.embed()
        assert "Returns\nRefunds take a week." in new.asked
        assert len(rows(store)["vectors"]) == 4
        (best, *_) = knowledge.search("Returns\nRefunds take a week.")
        assert "cosine 1.00" in best.why


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"source": ""}, "1 to 400"),
        ({"source": "a\x1fb"}, "control characters"),
        ({"title": "t" * 301}, "1 to 300"),
        ({"passages": ()}, "no text"),
        ({"passages": ("\x00",)}, "NUL"),
        ({"passages": ("a",) * 20_001}, "split it"),
    ],
    ids=lambda v: str(v)[:20],
)
def test_what_cannot_be_an_article_is_refused(given: dict[str, object], said: str) -> None:
    """Before anything is stored, with what to do."""
    with pytest.raises(InvalidInput, match=said):
        Article(**{"source": "s", "title": "t", "passages": ("p",), **given})  # type: ignore[arg-type]


def test_two_articles_of_one_source_are_refused(knowledge: Knowledge) -> None:
    """It would be by chance which of them holds."""
    with pytest.raises(InvalidInput, match="one source"):
        knowledge.put([RETURNS, replace(RETURNS, title="Other", hash="")])
