"""What every index promises, held against plain loops: one more index is one more ``Backend``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.indexes.base import Index
from memory.indexes.faiss import FaissIndex
from memory.indexes.lexical import LexicalIndex, terms

DIMENSION = 6


@dataclass(frozen=True)
class Backend:
    """An index, items for it, and what each item should score for a query."""

    make: Callable[[], Index[Any]]
    items: st.SearchStrategy[Any]
    scores: Callable[[Sequence[Any], Any], list[float]]
    found: Callable[[float], bool]  # whether a score counts as a find at all


def unit(numbers: list[int]) -> np.ndarray:
    """A unit vector; small whole numbers make equal scores and parallel vectors likely."""
    vector = np.array([*numbers, 1], np.float32)
    return vector / np.linalg.norm(vector)


def cosines(items: Sequence[np.ndarray], query: np.ndarray) -> list[float]:
    """Inner products by hand."""
    return [float(sum(a * b for a, b in zip(item, query, strict=True))) for item in items]


def bm25(items: Sequence[list[str]], query: list[str]) -> list[float]:
    """Okapi BM25 (k1 1.2, b 0.75) with Lucene's idf, from its definition."""
    mean = max(sum(map(len, items)) / len(items), 1.0)
    scores = []
    for item in items:
        total = 0.0
        for term in set(query):
            having = sum(term in other for other in items)
            count = Counter(item)[term]
            idf = math.log(1 + (len(items) - having + 0.5) / (having + 0.5))
            total += idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(item) / mean))
        scores.append(total)
    return scores


BACKENDS = {
    "faiss": Backend(
        lambda: FaissIndex(DIMENSION),
        st.lists(st.integers(-3, 3), min_size=DIMENSION - 1, max_size=DIMENSION - 1).map(unit),
        cosines,
        lambda score: True,
    ),
    "lexical": Backend(
        LexicalIndex,
        st.lists(st.sampled_from("red green blue late order refund".split()), max_size=6),
        bm25,
        lambda score: score > 0,
    ),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each index in turn."""
    return BACKENDS[request.param]


@pytest.mark.parametrize("name", BACKENDS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_search_gives_what_looking_at_every_item_gives(name: str, data: st.DataObject) -> None:
    """The k best of the allowed items come back, best first, with the scores of a plain loop."""
    backend = BACKENDS[name]
    items = data.draw(st.lists(backend.items, min_size=1, max_size=25))
    query = data.draw(backend.items)
    k = data.draw(st.integers(1, 30))
    mask = data.draw(
        st.none() | st.lists(st.booleans(), min_size=len(items) + 3, max_size=len(items) + 3)
    )
    allowed = None if mask is None else np.array(mask)
    index = backend.make()
    index.add(items)

    positions, scores = index.search(query, k, allowed)

    every = backend.scores(items, query)
    may = [
        score
        for position, score in enumerate(every)
        if (mask is None or mask[position]) and backend.found(score)
    ]
    assert scores.tolist() == pytest.approx(sorted(may, reverse=True)[:k], abs=1e-4)
    assert len(set(positions.tolist())) == len(positions)
    assert scores.tolist() == pytest.approx([every[p] for p in positions], abs=1e-4)
    assert mask is None or all(mask[p] for p in positions)


@pytest.mark.parametrize("name", BACKENDS)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_adding_in_parts_is_adding_at_once(name: str, data: st.DataObject) -> None:
    """Items take the next positions, however many come at a time."""
    backend = BACKENDS[name]
    parts = data.draw(st.lists(st.lists(backend.items, max_size=5), max_size=5))
    query = data.draw(backend.items)
    together, apart = backend.make(), backend.make()
    together.add([item for part in parts for item in part])
    for part in parts:
        apart.add(part)

    assert len(together) == len(apart) == sum(map(len, parts))
    for one, other in zip(together.search(query, 40), apart.search(query, 40), strict=True):
        assert one.tolist() == pytest.approx(other.tolist())


@pytest.mark.parametrize("k", [0, 1, 5])
def test_an_empty_index_finds_nothing(backend: Backend, k: int) -> None:
    """Nothing was added: nothing is found, and nothing is raised."""
    query = np.ones(DIMENSION, np.float32) if backend is BACKENDS["faiss"] else ["red"]
    positions, scores = backend.make().search(query, k)
    assert len(positions) == len(scores) == 0


def test_nothing_allowed_finds_nothing(backend: Backend) -> None:
    """A mask that excludes every item leaves no find, and no placeholder for one."""
    item = np.ones(DIMENSION, np.float32) if backend is BACKENDS["faiss"] else ["red"]
    index = backend.make()
    index.add([item] * 9)
    positions, scores = index.search(item, 4, np.zeros(9, bool))
    assert len(positions) == len(scores) == 0


def test_what_is_excluded_takes_no_place(backend: Backend) -> None:
    """One allowed item among a thousand nearer ones is found with k = 1: no filter after top-k."""
    if backend is BACKENDS["faiss"]:
        near, far = unit([3, 0, 0, 0, 0]), unit([0, 3, 0, 0, 0])
        query = near
    else:
        near, far, query = ["late", "late"], ["late", "order", "red", "green"], ["late"]
    index = backend.make()
    index.add([*[near] * 700, far, *[near] * 300])
    allowed = np.zeros(1001, bool)
    allowed[700] = True
    positions, _ = index.search(query, 1, allowed)
    assert positions.tolist() == [700]


def test_of_equal_texts_the_newest_comes_first() -> None:
    """A lexical tie goes to what was said last, so that rankings do not depend on chance."""
    index = LexicalIndex()
    index.add([["late", "order"]] * 5)
    assert index.search(["late"], 3)[0].tolist() == [4, 3, 2]


@pytest.mark.parametrize("written", ["4417-XZ", "4417XZ", "4417-xz", "4417/XZ"])
@pytest.mark.parametrize("asked", ["4417XZ", "4417-XZ", "4417xz"])
def test_a_code_is_found_with_and_without_its_marks(written: str, asked: str) -> None:
    """Among like codes it comes first; a date or an amount is not taken for one."""
    index = LexicalIndex()
    index.add([terms(f"order {code} is late") for code in (written, "4418-XZ", "4417-XY", "XZ-44")])
    positions, _ = index.search(terms(f"where is {asked}?"), 4)
    assert positions[0] == 0
    assert not {"20240506", "1250"} & set(terms("2024-05-06 for 12.50"))


def test_a_vector_comes_back_as_it_was_added() -> None:
    """What the dense index holds can be read by position."""
    index = FaissIndex(DIMENSION)
    vectors = np.array([unit([i, 1, 2, 3, 4]) for i in range(5)])
    index.add(vectors)
    np.testing.assert_array_equal(index.vector(3), vectors[3])
