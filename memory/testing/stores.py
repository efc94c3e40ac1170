"""What a LangGraph ``BaseStore`` promises.

Subclass ``StoreContract`` with a name that pytest collects, and give it the fixture ``opened``.
What a store does not do at all is said by the class attributes, and skipped.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, PutOp, SearchOp

from memory.testing.words import WordEmbeddings

Opened = Callable[..., BaseStore]
NS = ("users", "ada")
ANY_JSON: dict[str, Any] = {
    "text": "Grüße, 你好, 👋 \"quoted\" 'too' \\ \n\t", "empty": "", "none": None, "yes": True,
    "whole": 2**53, "part": -0.125, "list": [1, [2, {"three": []}], None], "object": {"a.b": {}},
    "": "no name", "it's": "a name", "$": "a sign",
}  # fmt: skip


class StoreContract:
    """A LangGraph store: put, get, delete, search, namespaces, semantic search and TTL."""

    asynchronous = True  # its async methods are there
    durable = True  # it is meant to outlive its object
    semantic = True  # it finds by meaning
    expiring = True  # it knows a time to live

    @pytest.fixture
    def opened(self) -> Opened:
        """Opens a store: called again it opens the same one, if the store is durable.

        It is given ``embeddings`` (LangChain Embeddings of 64 numbers, or None for none) and
        ``fields`` (paths that are searched).
        """
        msg = "give the fixture `opened`: a function that opens the store that is to be tested"
        raise NotImplementedError(msg)  # abstract: whoever is tested has one of their own

    @pytest.fixture
    def store(self, opened: Opened) -> BaseStore:
        """A store that does not find by meaning."""
        return opened(embeddings=None)

    @pytest.fixture
    def finding(self, opened: Opened) -> BaseStore:
        """One that does, by the field ``text``."""
        if not self.semantic:
            pytest.skip("it does not find by meaning")
        return opened(embeddings=WordEmbeddings(), fields=["text"])

    def let_pass(self, store: BaseStore, minutes: float) -> None:  # noqa: ARG002
        """Let time pass; a store with a clock that can be moved may move it."""
        time.sleep(minutes * 60)

    # --- one item --------------------------------------------------------------------------

    def test_what_was_put_is_there(self, store: BaseStore) -> None:
        """``get`` gives the value with its namespace, key and times, and None for what is not."""
        store.put(NS, "tea", {"likes": "tea"})
        item = store.get(NS, "tea")
        assert item is not None
        assert (item.namespace, item.key, item.value) == (NS, "tea", {"likes": "tea"})
        assert item.created_at <= item.updated_at
        assert store.get(NS, "coffee") is None
        assert store.get(("users",), "tea") is None

    def test_any_json_comes_back(self, store: BaseStore) -> None:
        """A value of whatever JSON is the same when it comes back, and so is an empty one."""
        store.put(NS, "any", ANY_JSON)
        store.put(NS, "empty", {})
        assert [item and item.value for item in (store.get(NS, "any"), store.get(NS, "empty"))] == [
            ANY_JSON, {},
        ]  # fmt: skip

    def test_any_key_is_its_own(self, store: BaseStore) -> None:
        """Keys are told apart to the letter, whatever is in them."""
        keys = ["a", "A", "a ", "a.b", "a/b", "a%", "a_", "ä", "ab" * 200, "1", "'; --", "*"]
        for key in keys:
            store.put(NS, key, {"is": key})
        for key in keys:
            item = store.get(NS, key)
            assert item is not None
            assert item.value == {"is": key}

    def test_another_value_takes_its_place(self, store: BaseStore) -> None:
        """What is put again is the new value, made when it was first put and changed since."""
        store.put(NS, "tea", {"likes": "tea", "cups": 1})
        first = store.get(NS, "tea")
        store.put(NS, "tea", {"likes": "green tea"})
        again = store.get(NS, "tea")
        assert first is not None
        assert again is not None
        assert again.value == {"likes": "green tea"}
        assert again.created_at == first.created_at
        assert again.updated_at >= first.updated_at
        assert len(store.search(NS)) == 1

    def test_a_deleted_item_is_gone(self, store: BaseStore) -> None:
        """``delete`` takes one item, and nothing where there is none; a value of None deletes."""
        for key in ("one", "two", "three"):
            store.put(NS, key, {"n": key})
        store.delete(NS, "one")
        store.delete(NS, "never was")
        store.batch([PutOp(NS, "two", None)])
        assert [item.key for item in store.search(NS)] == ["three"]
        assert store.get(NS, "one") is None

    def test_values_are_not_shared_with_the_caller(self, store: BaseStore) -> None:
        """A dict that is changed after it was put, or after it was given, changes nothing."""
        value = {"tags": ["a"]}
        store.put(NS, "k", value)
        value["tags"].append("changed by who put it")
        for found in (store.get(NS, "k"), store.search(NS)[0]):
            assert found is not None
            assert found.value == {"tags": ["a"]}
            found.value["tags"].append("changed by who got it")
        item = store.get(NS, "k")
        assert item is not None
        assert item.value == {"tags": ["a"]}

    # --- namespaces ------------------------------------------------------------------------

    def test_a_prefix_is_of_whole_labels(self, store: BaseStore) -> None:
        """A search under ("a",) finds ("a",) and ("a", "b"), never ("ab",)."""
        for namespace in (("a",), ("a", "b"), ("ab",), ("ab", "b"), ("b", "a")):
            store.put(namespace, "k", {"in": list(namespace)})
        found = {item.namespace for item in store.search(("a",))}
        assert found == {("a",), ("a", "b")}
        assert len(store.search(())) == 5
        assert store.list_namespaces(prefix=("a",)) == [("a",), ("a", "b")]

    @pytest.mark.parametrize("twin", ["john-doe", "johnXdoe", "JOHN_DOE", "john_doe2"])
    def test_labels_are_no_patterns(self, store: BaseStore, twin: str) -> None:
        """Nobody finds ("users", "john-doe") under ("users", "john_doe"): _ and % are letters."""
        store.put(("users", twin), "secret", {"of": twin})
        store.put(("users", twin, "more"), "secret", {"of": twin})
        for label in ("john_doe", "john%", "%", "_______"):
            assert store.search(("users", label)) == []
            assert store.list_namespaces(prefix=("users", label)) == []
            assert store.get(("users", label), "secret") is None

    def test_labels_are_not_run_together(self, store: BaseStore) -> None:
        """("a", "bc") and ("ab", "c") are two namespaces, also with a key that makes up for it."""
        store.put(("a", "bc"), "d", {"n": 1})
        store.put(("ab", "c"), "d", {"n": 2})
        store.put(("a",), "bcd", {"n": 3})
        assert [store.get(*at).value["n"] for at in (  # type: ignore[union-attr]
            (("a", "bc"), "d"), (("ab", "c"), "d"), (("a",), "bcd"),
        )] == [1, 2, 3]  # fmt: skip

    @pytest.mark.parametrize(
        "wrong", [(), ("",), ("a", ""), ("a.b",), ("langgraph",), ("a", 1)], ids=str
    )
    def test_a_namespace_that_cannot_be_is_refused(self, store: BaseStore, wrong: Any) -> None:
        """``put`` raises ValueError, and nothing is stored."""
        with pytest.raises(ValueError, match=r"[Nn]amespace"):
            store.put(wrong, "k", {"n": 1})
        assert store.search(()) == []

    def test_a_label_with_a_period_is_refused_in_a_batch_too(self, store: BaseStore) -> None:
        """``batch`` is no way around: ("a.b",) must not reach ("a", "b")."""
        store.put(("a", "b"), "k", {"n": 1})
        for op in (
            GetOp(("a.b",), "k"), SearchOp(("a.b",)), PutOp(("a.b",), "k", {"n": 2}),
        ):  # fmt: skip
            try:
                (found,) = store.batch([op])
            except ValueError:
                continue
            assert not found, op
        item = store.get(("a", "b"), "k")
        assert item is not None
        assert item.value == {"n": 1}

    def test_namespaces_are_listed(self, store: BaseStore) -> None:
        """By prefix and suffix, with * for any one label, cut to a depth, in pages, in order."""
        for namespace in ("a b c", "a b d e", "a b d i", "a b f", "a c f", "x c", "ab b"):
            store.put(tuple(namespace.split()), "k", {"n": 1})

        def listed(**given: Any) -> list[str]:
            return [" ".join(namespace) for namespace in store.list_namespaces(**given)]

        everything = ["a b c", "a b d e", "a b d i", "a b f", "a c f", "ab b", "x c"]
        assert listed() == everything
        assert listed(prefix=("a", "b"), max_depth=3) == ["a b c", "a b d", "a b f"]
        assert listed(suffix=("f",)) == ["a b f", "a c f"]
        assert listed(prefix=("a", "*", "f")) == ["a b f", "a c f"]
        assert listed(prefix=("*",), suffix=("b",)) == ["ab b"]
        assert listed(suffix=("*", "c")) == ["a b c", "x c"]
        assert listed(prefix=("a",), suffix=("c",), limit=1) == ["a b c"]
        assert listed(limit=3) + listed(limit=3, offset=3) + listed(offset=6) == everything
        assert listed(max_depth=1) == ["a", "ab", "x"]

    def test_a_namespace_is_listed_while_it_has_items(self, store: BaseStore) -> None:
        """Neither looking into one makes it, nor is an empty one left."""
        store.put(NS, "k", {"n": 1})
        store.get(("never", "was"), "k")
        store.search(("never",))
        store.put(("for a", "while"), "k", {"n": 1})
        store.delete(("for a", "while"), "k")
        assert store.list_namespaces() == [NS]

    # --- searching -------------------------------------------------------------------------

    def test_a_filter_finds_what_is_equal(self, store: BaseStore) -> None:
        """By one field, by several, and by its operators."""
        store.put(NS, "1", {"color": "red", "size": 1})
        store.put(NS, "2", {"color": "red", "size": 2})
        store.put(NS, "3", {"color": "blue", "size": 10, "note": 'it\'s 100% "new"'})

        def found(**given: Any) -> str:
            return "".join(sorted(item.key for item in store.search(NS, filter=given)))

        assert found(color="red") == "12"
        assert found(color="red", size=2) == "2"
        assert found(note='it\'s 100% "new"') == "3"
        assert found(size={"$gt": 1}) == "23"
        assert found(size={"$gte": 2, "$lt": 10}) == "2"
        assert found(size={"$lte": 2}, color={"$ne": "blue"}) == "12"
        assert found(size={"$eq": 10}) == "3"
        assert found(color="green") == ""

    def test_a_comparison_with_what_is_not_there_is_no_error(self, store: BaseStore) -> None:
        """Items that lack the field, or have words there, are left out."""
        store.put(NS, "none", {"other": 1})
        store.put(NS, "null", {"size": None})
        store.put(NS, "word", {"size": "large"})
        store.put(NS, "five", {"size": 5})
        found = store.search(NS, filter={"size": {"$gt": 3}})
        assert [item.key for item in found] == ["five"]

    @pytest.mark.parametrize("name", ["it's", 'a"b', "a b", "a-b", "a')) OR 1=1 --"])
    def test_a_field_may_have_any_name(self, store: BaseStore, name: str) -> None:
        """A filter's field is a name and never part of a statement; else it is refused."""
        store.put(NS, "yes", {name: "x"})
        store.put(NS, "no", {name: "y", "x": "x"})
        try:
            found = store.search(NS, filter={name: "x"})
        except ValueError:
            return
        assert [item.key for item in found] == ["yes"]

    def test_what_fits_is_counted_and_not_what_was_looked_at(self, store: BaseStore) -> None:
        """The limit is of items that fit: one of thirty is found with a limit of one."""
        for n in range(30):
            store.put(NS, str(n), {"n": n, "odd": n == 7})
        assert [item.key for item in store.search(NS, filter={"odd": True}, limit=1)] == ["7"]

    def test_pages_are_the_whole(self, store: BaseStore) -> None:
        """Pages by limit and offset have every item once, and a page past the end is empty."""
        for n in range(23):
            store.put((*NS, str(n % 3)), str(n), {"n": n})
        pages = [store.search(NS, limit=5, offset=at) for at in range(0, 30, 5)]
        assert [len(page) for page in pages] == [5, 5, 5, 5, 3, 0]
        assert {item.value["n"] for page in pages for item in page} == set(range(23))
        assert len(store.search(NS)) == 10, "the default limit"

    # --- batches ---------------------------------------------------------------------------

    def test_a_batch_answers_in_its_order(self, store: BaseStore) -> None:
        """Each operation's answer stands at its place; the reads see what was there before."""
        store.put(NS, "a", {"n": 1})
        answers = store.batch([
            PutOp(NS, "a", {"n": 2}), GetOp(NS, "a"), PutOp(("b",), "b", {"n": 3}),
            SearchOp(()), ListNamespacesOp(), GetOp(("b",), "b"),
        ])  # fmt: skip
        assert answers[0] is None
        assert answers[2] is None
        assert answers[5] is None
        assert [answers[1].value, *(i.value for i in answers[3])] == [{"n": 1}, {"n": 1}]  # type: ignore[union-attr]
        assert answers[4] == [NS]
        assert [i and i.value for i in (store.get(NS, "a"), store.get(("b",), "b"))] == [
            {"n": 2}, {"n": 3},
        ]  # fmt: skip

    def test_the_last_word_in_a_batch_counts(self, store: BaseStore) -> None:
        """Of several puts under one key, a deletion among them, the last is what is there."""
        store.batch([
            PutOp(NS, "a", {"n": 1}), PutOp(NS, "a", {"n": 2}),
            PutOp(NS, "b", {"n": 1}), PutOp(NS, "b", None),
            PutOp(NS, "c", None), PutOp(NS, "c", {"n": 3}),
        ])  # fmt: skip
        assert {i.key: i.value["n"] for i in store.search(NS)} == {"a": 2, "c": 3}
        assert store.batch([]) == []

    # --- many at once, and later -----------------------------------------------------------

    def test_many_at_once_lose_nothing(self, store: BaseStore) -> None:
        """Eight threads put 80 items: all are there, and of one key one whole value."""

        def put(n: int) -> None:
            for m in range(10):
                store.put(NS, f"{n}-{m}", {"n": n})
                store.put(("shared",), "one", {"n": n, "again": n})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(8)))
        assert len(store.search(NS, limit=100)) == 80
        one = store.get(("shared",), "one")
        assert one is not None
        assert one.value["n"] == one.value["again"]

    def test_it_is_there_for_the_next(self, opened: Opened) -> None:
        """What was put is there for whoever opens it next, though nobody closed it."""
        if not self.durable:
            pytest.skip("it is not meant to outlive its object")
        first = opened(embeddings=None)
        first.put(NS, "tea", {"likes": "tea"})
        second = opened(embeddings=None)
        item = second.get(NS, "tea")
        assert item is not None
        assert item.value == {"likes": "tea"}
        second.delete(NS, "tea")
        assert first.get(NS, "tea") is None

    def test_async_is_as_sync(self, store: BaseStore) -> None:
        """What is put one way is read the other, and forty at once in one loop lose nothing."""
        if not self.asynchronous:
            pytest.skip("it has no async methods")

        async def use() -> list[Any]:
            await store.aput(NS, "a", {"n": 1})
            await asyncio.gather(*(store.aput(NS, f"k{n}", {"n": n}) for n in range(40)))
            await store.adelete(NS, "k0")
            item = await store.aget(NS, "a")
            found = await store.asearch(NS, filter={"n": 7})
            return [item, found, await store.alist_namespaces()]

        item, found, listed = asyncio.run(use())
        assert (item.value, [i.key for i in found], listed) == ({"n": 1}, ["k7"], [NS])
        assert len(store.search(NS, limit=100)) == 40

    def test_the_loop_goes_on(self, opened: Opened) -> None:
        """While a text is embedded for an async search the event loop does other work."""
        if not (self.semantic and self.asynchronous):
            pytest.skip("it finds nothing by meaning, or nothing async")
        went_on, waited = threading.Event(), []
        wait = False

        def before() -> None:
            if wait:
                waited.append(went_on.wait(5))

        store = opened(embeddings=WordEmbeddings(before), fields=["text"])
        store.put(NS, "a", {"text": "green tea"})
        wait = True

        async def other_work() -> None:
            went_on.set()

        async def use() -> None:
            search = asyncio.ensure_future(store.asearch(NS, query="tea"))
            await asyncio.sleep(0)  # it has begun
            await other_work()
            await search

        asyncio.run(use())
        assert waited
        assert all(waited)

    # --- by meaning ------------------------------------------------------------------------

    def test_the_nearest_comes_first(self, finding: BaseStore) -> None:
        """A query ranks by likeness, with scores that fall; a filter and a prefix still hold."""
        finding.put(NS, "tea", {"text": "likes green tea", "kind": "drink"})
        finding.put(NS, "car", {"text": "drives a red car", "kind": "thing"})
        finding.put((*NS, "old"), "milk", {"text": "likes green tea with milk", "kind": "drink"})
        finding.put(("users", "bob"), "tea", {"text": "likes green tea", "kind": "drink"})
        found = finding.search(NS, query="likes green tea")
        assert [item.key for item in found] == ["tea", "milk", "car"]
        scores = [item.score or 0 for item in found]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 0.99
        found = finding.search(NS, query="likes green tea", filter={"kind": "thing"})
        assert [item.key for item in found] == ["car"]
        assert [item.score for item in finding.search(NS)] == [None] * 3

    def test_what_a_put_names_is_searched(self, finding: BaseStore) -> None:
        """``index`` names other paths, lists among them, each text by itself; False names none."""
        finding.put(
            NS, "title", {"text": "x", "meta": {"title": "green tea"}}, index=["meta.title"]
        )
        lines = {"lines": [{"said": "red car"}, {"said": "blue boat"}]}
        finding.put(NS, "lines", lines, index=["lines[*].said"])
        finding.put(NS, "nothing", {"text": "green tea"}, index=False)
        for query, first in (("green tea", "title"), ("red car", "lines"), ("blue boat", "lines")):
            found = finding.search(NS, query=query)
            assert found[0].key == first
            assert (found[0].score or 0) > 0.99
            assert [item.score for item in found if item.key == "nothing"] == [None]

    def test_what_was_said_before_is_not_searched(self, finding: BaseStore) -> None:
        """A new value, other paths or ``index=False`` leave nothing of the old to be found by."""
        finding.put(NS, "a", {"text": "green tea"})
        finding.put(NS, "b", {"text": "green tea"})
        finding.put(NS, "c", {"text": "green tea", "title": "blue boat"})
        assert len(finding.search(NS, query="green tea")) == 3
        finding.put(NS, "a", {"text": "red car"})
        finding.put(NS, "b", {"text": "green tea"}, index=False)
        finding.put(NS, "c", {"text": "green tea", "title": "blue boat"}, index=["title"])
        finding.put(NS, "d", {"text": "green tea"})
        finding.delete(NS, "d")
        found = {item.key: item.score for item in finding.search(NS, query="green tea")}
        assert found.keys() == {"a", "b", "c"}
        assert found["b"] is None
        assert all((found[key] or 0) < 0.9 for key in "ac")

    def test_two_items_may_say_the_same(self, finding: BaseStore) -> None:
        """Items of one batch with one text are both stored, and found alike."""
        finding.batch([PutOp(NS, key, {"text": "green tea"}) for key in "ab"])
        found = finding.search(NS, query="green tea")
        assert {item.key for item in found} == {"a", "b"}
        assert found[0].score == found[1].score

    def test_pages_of_a_query_are_the_whole(self, finding: BaseStore) -> None:
        """Each item is on one page, those that are not searched after the others."""
        for n in range(7):
            finding.put(NS, str(n), {"text": f"tea number {n}"}, index=None if n < 4 else False)
        pages = [finding.search(NS, query="tea", limit=3, offset=at) for at in (0, 3, 6, 9)]
        assert [len(page) for page in pages] == [3, 3, 1, 0]
        assert {item.key for page in pages for item in page} == set("0123456")
        scored = [item.score is not None for page in pages for item in page]
        assert scored == [True] * 4 + [False] * 3

    # --- time to live ----------------------------------------------------------------------

    def test_what_has_expired_is_found_no_more(self, store: BaseStore) -> None:
        """An item with a ``ttl`` is gone after so many minutes, also before anything sweeps it."""
        if not self.expiring:
            pytest.skip("it knows no time to live")
        store.put(NS, "short", {"n": 1}, ttl=0.1)
        store.put(NS, "long", {"n": 2}, ttl=60)
        store.put(("other",), "short", {"n": 3}, ttl=0.1)
        store.put(NS, "ever", {"n": 4})
        assert len(store.search((), limit=10, refresh_ttl=False)) == 4
        self.let_pass(store, 0.13)
        assert store.get(NS, "short") is None
        assert {item.key for item in store.search(())} == {"long", "ever"}
        assert store.list_namespaces() == [NS]

    def test_a_look_lets_it_last(self, store: BaseStore) -> None:
        """Reading, by ``get`` or ``search``, counts the time anew, unless it is asked not to."""
        if not self.expiring:
            pytest.skip("it knows no time to live")
        for key in ("got", "found", "left"):
            store.put((*NS, key), "k", {"key": key}, ttl=0.1)
        self.let_pass(store, 0.07)
        store.get((*NS, "got"), "k")
        store.search((*NS, "found"))
        store.get((*NS, "left"), "k", refresh_ttl=False)
        store.search((*NS, "left"), refresh_ttl=False)
        self.let_pass(store, 0.07)
        if (sweep := getattr(store, "sweep_ttl", None)) is not None:
            sweep()
        found = {item.value["key"] for item in store.search(NS, refresh_ttl=False)}
        assert found == {"got", "found"}
