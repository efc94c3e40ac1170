"""What holds for every retrieval strategy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import (
    Recalled,
    Record,
    Retriever,
    attention,
    dense,
    hybrid,
    lexical,
    mmr,
    recency_weighted,
)
from memory.indexes.customer import CustomerIndex
from tests.candidates import NOW, STRATEGIES, WORDS, index, query, texts, view

each = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
SAID = st.lists(
    st.lists(st.sampled_from("late order refund parcel A-1 café 订单 42".split()), max_size=5).map(
        " ".join
    ),
    min_size=1,
    max_size=20,
)


@each
@given(said=SAID, asked=SAID, data=st.data())
@settings(max_examples=25)
def test_only_what_is_allowed_is_found_and_nothing_twice(
    strategy: Retriever, said: list[str], asked: list[str], data: st.DataObject
) -> None:
    """However many records are shut out, superseded, expired or not embedded yet, what comes back
    is allowed, is there once, carries a reason, and stands in the order of its score.
    """
    records = len(said)
    out = data.draw(st.sets(st.integers(0, records - 1)))
    over = data.draw(st.sets(st.integers(0, records - 1)))
    whole = CustomerIndex(WORDS.dimension)
    whole.add(
        [
            Record(
                f"r{n}", text, (f"m{n}",), "s1", "human", NOW, n + 1,
                superseded_by="other" if n in over and n % 2 else None,
                expires_at=NOW if n in over and not n % 2 else None,
            )
            for n, text in enumerate(said)
        ]
    )  # fmt: skip
    whole.add_vectors(WORDS.encode(said[: data.draw(st.integers(0, records))]))
    may = {f"r{n}" for n in range(records) if n not in out | over}
    candidates = whole.view(NOW, without={("s1", f"m{n}") for n in out})

    found = strategy(query(" ".join(asked)), candidates)

    assert {r.id for r in found} <= may
    assert len({r.id for r in found}) == len(found)
    assert all(r.why and math.isfinite(r.score) for r in found)
    if strategy is not mmr:  # whose order is that of what each adds
        assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)
    assert found == strategy(query(" ".join(asked)), candidates), "asked again, found again"


@pytest.mark.parametrize(
    "name",
    # A hop reads the first of equals, and context is the order in which things were said.
    [name for name in STRATEGIES if "hops" not in name and name != "contextual"],
)
@given(said=SAID, asked=SAID, data=st.data())
@settings(max_examples=25)
def test_the_order_of_insertion_does_not_change_what_is_found(
    name: str, said: list[str], asked: list[str], data: st.DataObject
) -> None:
    """The same records in another order give the same finds (ties may stand otherwise)."""
    shuffled = data.draw(st.permutations(said))
    one, other = (STRATEGIES[name](query(" ".join(asked)), view(t)) for t in (said, shuffled))
    assert sorted(texts(one)) == sorted(texts(other))


@pytest.mark.parametrize("strategy", [dense, lexical, hybrid, recency_weighted, mmr, attention])
@pytest.mark.parametrize("k", [1, 3])
def test_no_more_than_k_are_found(strategy: Callable[..., list[Recalled]], k: int) -> None:
    """``k`` bounds the finds, and they are the best of the longer list."""
    candidates = view([f"late order {n}" for n in range(9)])
    few, many = strategy(query("late"), candidates, k=k), strategy(query("late"), candidates)
    assert few == many[:k]
    assert len(many) == 9


@each
def test_an_empty_memory_gives_nothing(strategy: Retriever) -> None:
    """Nothing remembered, nothing found; the same when nothing is allowed."""
    assert strategy(query("late order"), view([])) == []
    shut = index(["late order"] * 3).view(NOW, without=[("s1", f"m{n}") for n in range(3)])
    assert strategy(query("late order"), shut) == []


@each
def test_a_fact_is_found_among_a_hundred(strategy: Retriever) -> None:
    """The one record that shares the question's words comes first."""
    noise = [f"parcel {n} went to street {n * 7} on day {n * 3}" for n in range(100)]
    said = [*noise[:60], "my contract number is ZX-99", *noise[60:]]
    assert texts(strategy(query("what was the contract number"), view(said)))[0] == said[60]


@each
def test_a_find_carries_its_record(strategy: Retriever) -> None:
    """Sources, session, speaker and time come along."""
    (found,) = strategy(query("late order"), view(["late order"], days_old=[3]))
    assert (found.id, found.messages, found.session, found.role, found.at) == (
        "r0", ("m0",), "s1", "human", NOW - timedelta(days=3),
    )  # fmt: skip


def test_a_reason_gives_numbers() -> None:
    """Each strategy's reason names its rank, so that a person can follow it."""
    for name, strategy in STRATEGIES.items():
        for r in strategy(query("order 4711"), view(["order 4711 is late", "order 12 came"])):
            assert re.search(r"#\d", r.why), name
