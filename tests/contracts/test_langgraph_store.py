"""What an agent keeps is the customer's memory, and the customer's memory is the agent's."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from io import BytesIO
from typing import Any, TypedDict

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import DeterministicFakeEmbedding
from langgraph.store.base import BaseStore, InvalidNamespaceError, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from memory import (
    ConversationMemory,
    EmbeddingMismatch,
    InvalidInput,
    LangGraphStore,
    MemoryStore,
    Policy,
    Scope,
    VectorMemory,
    open_store,
)
from memory.clock import from_then, now
from memory.items import item_id
from memory.testing import WordEmbeddings
from tests.contracts.memories import OTHERS, rows
from tests.doubles import count_words

_CALM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

MEMORIES = ("memories",)
ADA = Scope("ada", "s1")


def conversation(store: MemoryStore, scope: Scope = ADA, **more: Any) -> ConversationMemory:
    """A conversation whose digest does not begin by itself."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=more.pop("embeddings", WordEmbeddings()),
        count_tokens=count_words, background=False, **more,
    )  # fmt: skip


def agent(store: MemoryStore, scope: Scope = ADA, **more: Any) -> LangGraphStore:
    """What the customer's agent has."""
    return LangGraphStore(conversation(store, scope), **more)


# --- one memory behind both doors ----------------------------------------------------------------


def test_what_an_agent_remembers_other_doors_recall(store: MemoryStore) -> None:
    """A put under ("memories",) is recalled and stands in the next prompt, until it is deleted."""
    agents = agent(store)
    agents.put(MEMORIES, "tea", {"text": "Likes green tea in the morning"})
    memory = conversation(store)
    (found,) = memory.recall("green tea")
    assert (found.id, found.text, found.role) == ("tea", "Likes green tea in the morning", "note")
    assert "green tea in the morning" in str(memory.prompt("Which green tea?"))
    agents.delete(MEMORIES, "tea")
    assert memory.recall("green tea") == []
    assert "in the morning" not in str(conversation(store).prompt("Which green tea?"))


def test_what_was_said_an_agent_finds(store: MemoryStore) -> None:
    """A turn of another door is an item at once, with who said it where, found by meaning and by
    its fields; and what a person has added by hand is one.
    """
    memory = conversation(store)
    memory.save_context({"input": "My order A-1001 is late"}, {"output": "I will look it up"})
    note = memory.vector.remember("Prefers letters")
    agents = agent(store)
    found = agents.search(MEMORIES, query="My order A-1001 is late")
    assert found[0].value == {"text": "My order A-1001 is late", "role": "human", "session": "s1"}
    assert (found[0].score or 0) > 0.99
    assert len(found) == 3
    same = agents.get(MEMORIES, found[0].key)
    assert same is not None
    assert same.value == found[0].value
    mine = agents.search(MEMORIES, filter={"role": "ai"})
    assert [item.value["text"] for item in mine] == ["I will look it up"]
    by_hand = agents.get(MEMORIES, note.id)
    assert by_hand is not None
    assert by_hand.value == {"text": "Prefers letters"}
    assert agents.list_namespaces() == [MEMORIES]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"content": "Likes tea"}, "Likes tea"),
        ({"text": "Likes tea", "sure": 0.5, "tags": ["a"]}, "Likes tea"),
        ({"likes": "tea", "hates": "coffee"}, '{"likes": "tea", "hates": "coffee"}'),
        ({"cups": 3}, '{"cups": 3}'),
    ],
)
def test_a_memory_may_be_any_json(store: MemoryStore, value: dict[str, Any], said: str) -> None:
    """It comes back as it was put; recalled is its text, its only string, or all of it."""
    agents = agent(store)
    agents.put((*MEMORIES, "tastes"), "k", value)
    item = agents.get((*MEMORIES, "tastes"), "k")
    assert item is not None
    assert item.value == value
    assert [r.text for r in conversation(store).recall(said)] == [said]
    assert agents.list_namespaces() == [(*MEMORIES, "tastes")]
    assert agents.get(MEMORIES, "k") is None


def test_what_is_not_to_be_found_is_no_memory(store: MemoryStore) -> None:
    """With ``index=False``, or without a word, it is an item like any other: nobody recalls it."""
    agents = agent(store)
    agents.put(MEMORIES, "a", {"text": "green tea"})
    agents.put(MEMORIES, "a", {"text": "green tea"}, index=False)
    agents.put(MEMORIES, "b", {})
    agents.put(MEMORIES, "c", {"text": "green", "more": "blue"}, index=["nothing"])
    assert {item.key for item in agents.search(MEMORIES)} == set("abc")
    assert conversation(store).recall("green tea blue") == []
    agents.put(MEMORIES, "a", {"text": "green tea"})
    assert [r.id for r in conversation(store).recall("green tea")] == ["a"]
    assert len(agents.search(MEMORIES)) == 3


def test_a_person_s_correction_is_the_item_s(store: MemoryStore) -> None:
    """A memory that a person corrects says the new under its key, and nothing of the old; deleted
    by a person, it is no item.
    """
    agents, memory = agent(store), conversation(store)
    place = (*MEMORIES, "tastes")
    agents.put(place, "tea", {"content": "Likes oolong", "why": "oolong oolong"}, index=["content"])
    (found,) = memory.recall("oolong")
    memory.vector.correct(found.id, text="Likes sencha")
    item = agents.get(place, "tea")
    assert item is not None
    assert item.value == {"text": "Likes sencha"}
    assert "oolong" not in str(rows(store))
    assert memory.vector.delete(found.id) is not None
    assert agents.search(()) == []


def test_an_agent_corrects_what_was_said(store: MemoryStore) -> None:
    """Other words under the key of what stems from a message are a correction: the message leaves
    prompts; a deletion takes it along too.
    """
    memory = conversation(store)
    for said in ("My parcel is PX-4417", "My cat is called Tibbles McTavish"):
        memory.save_context({"input": said}, {"output": "I see."})
    agents = agent(store)
    (parcel,) = [i for i in agents.search(MEMORIES) if "PX-4417" in i.value["text"]]
    (cat,) = [i for i in agents.search(MEMORIES) if "Tibbles" in i.value["text"]]
    agents.put(MEMORIES, parcel.key, {**parcel.value, "text": "The parcel is PX-5518"})
    agents.delete(MEMORIES, cat.key)
    prompt = str(conversation(store).prompt("What is with my parcel and my cat?"))
    assert "PX-5518" in prompt
    assert "PX-4417" not in prompt
    assert "Tibbles" not in prompt
    item = agents.get(MEMORIES, parcel.key)
    assert item is not None
    assert item.value["text"] == "The parcel is PX-5518"


def test_what_a_policy_forgets_is_no_item(store: MemoryStore) -> None:
    """What recall leaves out by its age is left out here too; what was put is a person's, and
    stays.
    """
    with from_then(now() - timedelta(days=9)):
        memory = conversation(store)
        memory.save_context({"input": "an old order"}, {"output": "yes"})
        agent(store).put(MEMORIES, "k", {"text": "an old note"})
    young = conversation(store, policy=Policy(max_age=timedelta(days=5)))
    assert [i.key for i in LangGraphStore(young).search(MEMORIES)] == ["k"]
    assert len(agent(store).search(MEMORIES)) == 3


def test_a_memory_has_a_time_to_live(store: MemoryStore) -> None:
    """It is recalled by nobody once it is over; a look at it counts anew, for every door."""
    agents = agent(store)
    agents.put(MEMORIES, "short", {"text": "green tea"}, ttl=1)
    agents.put(MEMORIES, "looked at", {"text": "green tea too"}, ttl=3)
    later = now() + timedelta(minutes=2)
    memory = conversation(store)
    assert len(memory.recall("green tea")) == 2
    with from_then(later):
        assert agents.get(MEMORIES, "short") is None
        assert agents.get(MEMORIES, "looked at") is not None
    with from_then(later + timedelta(minutes=2)):
        assert [r.id for r in memory.recall("green tea")] == ["looked at"]
        assert agents.search(MEMORIES, refresh_ttl=False)
    with from_then(later + timedelta(minutes=4)):
        assert agents.search(MEMORIES) == []
        assert agents.sweep_ttl() == 0
    assert rows(store)["records"] == []


def test_sweeping_deletes_what_has_expired(store: MemoryStore) -> None:
    """``sweep_ttl`` counts them, every put sweeps the customer's, and the configured time is
    the default.
    """
    agents = agent(store, ttl={"default_ttl": 1, "refresh_on_read": False})
    agents.put(("a",), "k", {"n": 1})
    agents.put(("a",), "ever", {"n": 2}, ttl=None)
    agents.put(("b",), "k", {"n": 3})
    with from_then(now() + timedelta(minutes=2)):
        assert agents.sweep_ttl() == 2
        agents.put(("c",), "k", {"n": 4})
    with from_then(now() + timedelta(minutes=4)):
        agents.put(("c",), "ever", {"n": 5}, ttl=None)
        assert agents.sweep_ttl() == 0
    assert len(rows(store)["items"]) == 2


# --- whose it is ---------------------------------------------------------------------------------


def test_nobody_finds_another_s(store: MemoryStore) -> None:
    """Customers, and customers of that name of other tenants, have stores of their own."""
    twins = [Scope("ada"), Scope("Ada"), Scope("ada", tenant="other"), Scope("ad%")]
    for n, scope in enumerate(twins):
        stored = agent(store, scope)
        stored.put(("a",), "k", {"text": f"tea {n}"})
        stored.put(MEMORIES, "k", {"text": f"tea {n}"})
    for n, scope in enumerate(twins):
        stored = agent(store, scope)
        assert {i.value["text"] for i in stored.search(())} == {f"tea {n}"}
        assert {i.value["text"] for i in stored.search((), query="tea 0")} == {f"tea {n}"}
    agent(store, twins[0]).delete(MEMORIES, "k")
    agent(store, twins[0]).delete(("a",), "k")
    assert all(len(agent(store, scope).search(())) == 2 for scope in twins[1:])


@pytest.mark.parametrize("label", [0, 1])
def test_a_label_may_name_the_customer(store: MemoryStore, label: int) -> None:
    """One store of a graph is everybody's: each namespace leads to one customer's own, which is
    what that customer's other doors see; what names no customer is refused.
    """
    shared = agent(store, Scope("nobody"), customer_label=label)

    def of(name: str, *others: str) -> tuple[str, ...]:
        return (*others[:label], name, *others[label:])

    shared.put(of("ada", "memories"), "k", {"text": "green tea"})
    shared.put(of("bob", "memories"), "k", {"text": "red car"})
    shared.batch([PutOp(of("ada", "a", "b"), "k", {"n": 1}), PutOp(of("bob", "a"), "k", {"n": 2})])
    assert [r.text for r in conversation(store).recall("green tea red car")] == ["green tea"]
    found = shared.search(of("ada", "memories"), query="red car")
    assert [(i.namespace, i.value["text"]) for i in found] == [(of("ada", "memories"), "green tea")]
    listed = shared.list_namespaces(prefix=of("ada", "a"))
    assert listed == [of("ada", "a", "b")]
    assert agent(store).list_namespaces() == [("a", "b"), MEMORIES]
    assert shared.search(of("eve", "a")) == []
    nameless = ("memories",)[:label]
    for wrong in (
        lambda: shared.search(nameless),
        lambda: shared.get(nameless, "k"),
        lambda: shared.put(nameless or ("ada",), "k", {"n": 1}),
        lambda: shared.list_namespaces(),
        lambda: shared.list_namespaces(prefix=("*", "*")),
        lambda: shared.list_namespaces(suffix=("ada", "ada")),
    ):
        with pytest.raises(InvalidNamespaceError):
            wrong()
    with pytest.raises(InvalidInput, match="200"):
        shared.put(of("x" * 201, "a"), "k", {"n": 1})
    assert store.owners() == [("default", "ada"), ("default", "bob")]
    with from_then(now() + timedelta(minutes=2)):
        shared.put(of("ada", "a"), "k", {"n": 1}, ttl=1e-9)
        shared.put(of("bob", "a"), "k", {"n": 1}, ttl=1e-9)
        assert shared.sweep_ttl() == 2


def test_erased_is_erased(store: MemoryStore) -> None:
    """Everything put about a customer goes with them, and a late look at what was there brings
    nothing back.
    """
    agents = agent(store)
    agents.put(("a",), "k", {"text": "xylophone"}, ttl=60)
    agents.put(MEMORIES, "k", {"more": "xylophone", "text": "marmalade"}, ttl=60)
    theirs = agents._items("ada")
    (late,) = [kept for kept, _ in theirs.search(SearchOp(("a",)))]
    receipt = store.erase(ADA.owner)
    assert receipt is not None
    assert receipt.deleted["items"] == 1
    theirs._refresh([late], now())
    theirs.embed()
    assert agents.search(()) == []
    agents.delete(("a",), "k")
    assert {table: rows(store)[table] for table in ("records", *OTHERS)} == {
        "records": [], "items": [], "translations": [], "events": [], "customers": [],
    }  # fmt: skip


def test_an_export_takes_it_along(store: MemoryStore) -> None:
    """Items and memories are found by meaning where the export is imported."""
    agents = agent(store)
    agents.put(("a", "b"), "k", {"text": "green tea", "n": [1, None]}, ttl=60)
    agents.put((*MEMORIES, "x"), "k", {"content": "red car", "n": 2})
    file = BytesIO()
    store.exports.write(ADA.owner, file)
    lines = (("a line", json.loads(line)) for line in file.getvalue().splitlines())
    store.exports.read("copy", lines)
    copy = agent(store, Scope("ada", tenant="copy"))
    for query in ("green tea", "red car"):
        pairs = zip(copy.search((), query=query), agents.search((), query=query), strict=True)
        for one, other in pairs:
            assert (one.namespace, one.key, one.value) == (other.namespace, other.key, other.value)
            assert one.score == pytest.approx(other.score, abs=1e-3)


# --- values and vectors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"n": float("nan")}, {"n": b"x"}, {"n": {1: 2}}, {"n": "\ud800"}, {"n": now()}, ["n"], "n"],
    ids=["nan", "bytes", "number", "surrogate", "time", "list", "string"],
)
@pytest.mark.parametrize("place", [("a",), MEMORIES])
def test_what_is_no_json_is_refused(sqlite_url: str, place: tuple[str, ...], wrong: Any) -> None:
    """The error says of which key, and nothing of the batch is stored."""
    with open_store(sqlite_url) as store:
        with pytest.raises(InvalidInput, match=r"'k'|surrogate"):
            agent(store).batch([PutOp(place, "fine", {"n": 1}), PutOp(place, "k", wrong)])
        assert agent(store).search(()) == []


@pytest.mark.parametrize("place", [("a",), MEMORIES])
@pytest.mark.parametrize("ttl", [0, -1, 1e12, float("inf"), float("nan")])
def test_a_time_to_live_is_above_zero_and_ends(
    sqlite_url: str, place: tuple[str, ...], ttl: float
) -> None:
    """Also as the default of all puts; nothing of the batch is stored. A thousand years will do,
    and can be renewed.
    """
    with open_store(sqlite_url) as store:
        for agents, more in (
            (agent(store), {"ttl": ttl}),
            (agent(store, ttl={"default_ttl": ttl}), {}),
        ):
            with pytest.raises(InvalidInput, match="ttl is "):
                agents.put(place, "k", {"text": "tea"}, **more)  # type: ignore[arg-type]
        assert agents.search(()) == []
        agents.put(place, "k", {"text": "tea"}, ttl=525_600_000)
        for _ in range(2):
            assert agents.get(place, "k", refresh_ttl=True) is not None


def test_a_page_has_no_number_below_zero(store: MemoryStore) -> None:
    """Of a search and of a list; none at all is a page too."""
    agents = agent(store)
    agents.put(("a",), "k", {"n": 1})
    for number in ({"limit": -1}, {"offset": -1}):
        with pytest.raises(InvalidInput, match="give zero or more"):
            agents.search((), **number)
        with pytest.raises(InvalidInput, match="give zero or more"):
            agents.list_namespaces(**number)
    assert agents.search((), limit=0) == agents.list_namespaces(limit=0) == []


def test_a_batch_is_all_or_nothing(store: MemoryStore) -> None:
    """Where the second put cannot be, the first is not there either."""
    memory = conversation(store)
    memory.vector.remember("The order is A-1", slot="order_number", value="A-1")
    (fact,) = agent(store).search(MEMORIES)
    with pytest.raises(InvalidInput):
        agent(store).batch(
            [PutOp(MEMORIES, "new", {"text": "x"}), PutOp(MEMORIES, fact.key, {"text": "no code"})]
        )
    assert [item.key for item in agent(store).search(())] == [fact.key]


def test_vectors_of_another_model_are_not_compared(store: MemoryStore) -> None:
    """An item embedded by one model is not searched with another until all are made anew."""
    agent(store).put(("a",), "k", {"text": "green tea"})
    agent(store).search(("a",), query="tea")
    others = DeterministicFakeEmbedding(size=8)
    other = LangGraphStore(conversation(store, embeddings=others), fields=["text"])
    with pytest.raises(EmbeddingMismatch):
        other.search(("a",), query="tea")
    assert len(other.search(("a",))) == 1
    store.forget_vectors()
    (found,) = other.search(("a",), query='{"text": "green tea"}')
    assert (found.score or 0) > 0.99


def test_a_vector_is_of_what_was_put_last(store: MemoryStore) -> None:
    """One that was made of a text that has changed meanwhile is not kept."""
    agents = agent(store, fields=["text"])
    agents.put(("a",), "k", {"text": "green tea"})

    class Slow(WordEmbeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if "green tea" in texts and len(self.encoder.asked) == 0:
                agents.put(("a",), "k", {"text": "red car"})
            return super().embed_documents(texts)

    slow = LangGraphStore(conversation(store, embeddings=Slow()), fields=["text"])
    (found,) = slow.search(("a",), query="red car")
    assert (found.score or 0) > 0.99


def test_it_is_embedded_after_the_put(store: MemoryStore) -> None:
    """In the background: a search then waits for nothing but its query."""
    memory = VectorMemory(store=store, scope=ADA, embeddings=WordEmbeddings())
    agents = LangGraphStore(memory)
    agents.put(("a",), "k", {"text": "green tea"})
    agents.put(MEMORIES, "k", {"text": "green tea"})
    store.wait()
    with store.database.read() as connection:
        missing = sa.text("SELECT count(*) FROM items WHERE vectors IS NULL")
        assert connection.execute(missing).scalar() == 0
    assert len(rows(store)["vectors"]) == 1


def test_bad_settings_are_refused(store: MemoryStore) -> None:
    """What to give is said."""
    with pytest.raises(InvalidInput, match="fields are paths"):
        agent(store, fields="text")
    with pytest.raises(InvalidInput, match="customer_label is 0 or 1"):
        agent(store, customer_label=2)
    with pytest.raises(ValueError, match=r"Unsupported operator: \$in"):
        agent(store).search((), filter={"a": {"$in": [1]}})
    with pytest.raises(ValueError, match="Unknown operation"):
        agent(store).batch(["get"])  # type: ignore[list-item]


def test_a_graph_keeps_it(store: MemoryStore) -> None:
    """A LangGraph graph compiled with it reads and writes what the other doors do."""
    from langgraph.graph import START, StateGraph

    class State(TypedDict):
        said: str
        known: list[str]

    def node(state: State, *, store: BaseStore) -> dict[str, Any]:
        found = store.search(MEMORIES, query=state["said"])
        store.put(MEMORIES, f"note {len(found)}", {"text": state["said"]})
        return {"known": [item.value["text"] for item in found]}

    graph: Any = StateGraph(State).add_node(node).add_edge(START, "node")
    compiled = graph.compile(store=agent(store))
    conversation(store).save_context({"input": "I like tea"}, {"output": "Fine"})
    assert compiled.invoke({"said": "I like tea"})["known"] == ["I like tea", "Fine"]
    assert len(compiled.invoke({"said": "I like tea"})["known"]) == 3
    assert conversation(store).recall("I like tea")[0].text == "I like tea"


# --- as LangGraph's own --------------------------------------------------------------------------

PLACES = [MEMORIES, (*MEMORIES, "x"), ("a",), ("a", "b"), ("ab",), ("a_",), ("x", "memories")]
KEYS = ["k", "l", item_id((*MEMORIES, "x"), "k"), "a.b"]
WORDS = st.lists(st.sampled_from("tea milk car boat red green".split()), min_size=1, max_size=3)
VALUES = st.builds(
    lambda text, n, more: {"text": " ".join(text), "n": n, **more},
    WORDS, st.integers(0, 3), st.sampled_from([{}, {"in": {"shop": "a"}}, {"tags": ["a", None]}]),
)  # fmt: skip
AT = st.tuples(st.sampled_from(PLACES), st.sampled_from(KEYS))
CHANGES = st.one_of(
    st.tuples(st.just("put"), AT, VALUES, st.sampled_from([None, None, ["text"], False])),
    st.tuples(st.just("delete"), AT, st.none(), st.none()),
)
FILTERS = st.sampled_from(
    [None, {}, {"n": 1}, {"n": {"$gt": 1}}, {"n": {"$gte": 1, "$lt": 3}}, {"n": {"$ne": 0}},
     {"in": {"shop": "a"}}, {"tags": ["a", None]}, {"n": 2, "in": {"shop": "b"}}]
)  # fmt: skip


@given(
    changes=st.lists(CHANGES, max_size=14),
    searches=st.lists(
        st.tuples(st.sampled_from([(), *PLACES]), FILTERS, WORDS | st.none()), max_size=4
    ),
)
@settings(
    max_examples=60,
    suppress_health_check=_CALM,
    print_blob=True,
)
def test_it_answers_as_langgraph_s_own(
    changes: list[Any], searches: list[Any], shared: tuple[MemoryStore, list[int]]
) -> None:
    """Random puts and deletions, memories among them, leave what they leave in ``InMemoryStore``,
    found alike by key, namespace, filter and meaning, in the same order of scores.
    """
    store, count = shared
    count[0] += 1
    ours = agent(store, Scope(f"customer {count[0]}"), fields=["text"])
    theirs = InMemoryStore(index={"dims": 64, "embed": WordEmbeddings(), "fields": ["text"]})
    for what, (namespace, key), value, index in changes:
        theirs.delete(namespace, key)  # else it keeps vectors of what was there
        if what == "put":
            theirs.put(namespace, key, value, index=index)
            ours.put(namespace, key, value, index=index)
        else:
            ours.delete(namespace, key)
    for namespace in PLACES:
        for key in KEYS:
            one, other = ours.get(namespace, key), theirs.get(namespace, key)
            assert (one and one.value) == (other and other.value)
    empty = {namespace for namespace, items in theirs._data.items() if not items}
    listed = [one for one in theirs.list_namespaces() if one not in empty]
    assert ours.list_namespaces() == listed
    for prefix, wanted, query in searches:
        asked = " ".join(query) if query else None
        given_ = {"filter": wanted, "query": asked, "limit": 99}
        mine, its = (
            {(i.namespace, i.key): i for i in s.search(prefix, **given_)} for s in (ours, theirs)
        )
        assert {at: i.value for at, i in mine.items()} == {at: i.value for at, i in its.items()}
        for at, item in mine.items():
            assert item.score == pytest.approx(its[at].score, abs=2e-3), at
        scores = [item.score for item in mine.values() if item.score is not None]
        assert scores == sorted(scores, reverse=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One SQLite store for all examples, and how many customers it has."""
    path = tmp_path_factory.mktemp("shared") / "memory.db"
    with closing(open_store(f"sqlite:///{path}")) as opened:
        yield opened, [0]
