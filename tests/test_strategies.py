"""What each retrieval strategy finds, in which order, and the reason it gives."""

from __future__ import annotations

import math
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from memory import (
    Query,
    Record,
    attention,
    dense,
    embedded,
    hops,
    hybrid,
    lexical,
    mmr,
    recency_weighted,
)
from memory.indexes.customer import CustomerIndex
from tests.candidates import NOW, WORDS, index, query, texts, view

# --- dense and attention -----------------------------------------------------------------------


def test_dense_ranks_by_the_cosine_and_says_it() -> None:
    """The score is the cosine, and the reason gives rank and cosine."""
    said = ["late order", "late parcel", "blue sky"]
    found = dense(query("late order"), view(said))
    cosines = WORDS.encode(said) @ WORDS.encode(["late order"])[0]
    assert [r.score for r in found] == pytest.approx(sorted(cosines, reverse=True), abs=1e-5)
    assert found[0].why == "dense #1 (cosine 1.00)"
    assert found[1].why == f"dense #2 (cosine {cosines[1]:.2f})"


def test_dense_finds_other_words_for_the_same() -> None:
    """With the embedded model a paraphrase without a common word is the nearest."""
    said = [
        "The invoice shows the wrong amount.",
        "My package has still not been delivered.",
        "How can I change my password?",
    ]
    candidates = view(said, encoder=embedded())
    for asked, best in (
        ("the parcel didn't arrive", 1), ("I was billed too much", 0), ("reset login", 2),
    ):  # fmt: skip
        assert texts(dense(query(asked, embedded()), candidates))[0] == said[best]
        assert texts(hybrid(query(asked, embedded()), candidates))[0] == said[best]


def test_attention_is_a_softmax_over_all_records() -> None:
    """The weights are softmax(q·kᵀ/√d), add up to 1, and each is the reason that is given."""
    said = [f"order {n} is {'late' if n % 3 else 'here'}" for n in range(40)]
    asked = query("order 7 is late")
    found = attention(asked, view(said))
    logits = WORDS.encode(said) @ asked.vector / math.sqrt(WORDS.dimension)
    weights = np.exp(logits) / np.exp(logits).sum()
    assert sum(r.score for r in found) == pytest.approx(1, abs=1e-5)
    assert [r.score for r in found] == pytest.approx(sorted(weights, reverse=True), abs=1e-6)
    assert found[0].text == "order 7 is late"
    assert found[0].why == f"attention #1 (weight {weights.max():.4f} of 40)"


def test_attention_weighs_only_what_is_allowed() -> None:
    """What is shut out takes no weight: the rest still adds up to 1."""
    whole = index([f"order {n}" for n in range(10)])
    found = attention(query("order 3"), whole.view(NOW, without=[("s1", "m3"), ("s1", "m4")]))
    assert sum(r.score for r in found) == pytest.approx(1, abs=1e-5)
    assert len(found) == 8


def test_attention_is_sharper_with_a_smaller_scale() -> None:
    """``scale`` in the place of √d moves the weight towards the best."""
    candidates = view(["late order", "late parcel", "blue sky"])
    soft, sharp = (attention(query("late order"), candidates, scale=s) for s in (8.0, 0.1))
    assert sharp[0].score > 0.95 > soft[0].score
    assert texts(sharp) == texts(soft)


# --- lexical -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("The order AB-1234 is late", "ab-1234"),
        ("The order AB-1234 is late", "where is 1234"),
        ("Write to ada.b@example.com please", "ada.b@example.com"),
        ("It cost 12.50 in all", "12.50"),
        ("My deliveries were delayed", "delivery delay"),
        ("Ich wohne in der Königstraße", "KÖNIGSTRASSE"),
        ("ＡＢ－１２ is the code", "AB-12"),
        ("我的订单还没有到", "订单"),
        ("请问发票号码是多少", "发票号码"),
        ("注文番号は8812です", "注文番号"),
        ("荷物がまだ届きません", "届き"),
        ("東京タワーの近くです", "東京タワー"),
        ("พัสดุของฉันยังไม่มา", "พัสดุ"),
        ("Мой заказ опаздывает", "заказ"),
        ("أين طلبي رقم 42", "طلبي"),
        ("c'est l'été à Nîmes", "nîmes"),
    ],
)
def test_words_are_found_in_many_scripts(said: str, asked: str) -> None:
    """Codes, amounts, addresses, inflected words and scripts without spaces are found by words,
    and what shares none is not found.
    """
    candidates = view(["the weather is fine today", said, "天気がいい", "我喜欢茶"])
    found = lexical(query(asked), candidates)
    assert texts(found) == [said]


def test_a_lexical_find_says_which_words() -> None:
    """The reason names the terms that the record shares with the question."""
    found = lexical(query("is order 4711 late?"), view(["order 4711 came", "the parcel is late"]))
    assert {r.text: r.why.split(" ", 2)[2] for r in found} == {
        "order 4711 came": "(order, 4711)",
        "the parcel is late": "(late)",
    }


def test_function_words_find_nothing() -> None:
    """What every sentence has is no reason to recall one."""
    assert lexical(query("and what is it that you will do?"), view(["it is what it is"])) == []


# --- hybrid ------------------------------------------------------------------------------------


def test_hybrid_says_by_which_way_each_was_found() -> None:
    """The reason names the rank in each ranking that found it, with words and cosine."""
    found = hybrid(query("late order"), view(["late order", "blue sky"]))
    assert found[0].why == "lexical #1 (late, order), dense #1 (cosine 1.00)"


def test_hybrid_finds_what_either_finds() -> None:
    """Found by meaning alone and found by words alone are both there; what neither holds near is
    not.
    """
    said = ["My package never came.", "ticket QX-7731 was opened", "Bananas are yellow."]
    candidates = view(said, encoder=embedded())
    found = texts(hybrid(query("QX-7731: is the parcel delivered?", embedded()), candidates))
    assert set(found) == set(said[:2])


def test_hybrid_finds_by_words_what_has_no_vector_yet() -> None:
    """A record is found before it is embedded."""
    found = hybrid(query("contract ZX-99"), view(["blue sky", "my contract is ZX-99"], embedded=1))
    assert texts(found)[0] == "my contract is ZX-99"
    assert found[0].why.startswith("lexical #1 (contract, zx-99")


# --- recency, MMR, hops --------------------------------------------------------------------------


def test_of_two_that_say_the_same_the_newer_comes_first() -> None:
    """Half the worth for every half-life: the weight is in the score and in the reason."""
    whole = view(["late order"] * 3, days_old=[60, 0, 30])
    plain = {r.id: r.score for r in hybrid(query("late order"), whole)}
    found = recency_weighted(query("late order"), whole)
    assert [r.id for r in found] == ["r1", "r2", "r0"]
    for r, weight in zip(found, (1, 0.5, 0.25), strict=True):
        assert r.score == pytest.approx(plain[r.id] * weight)
        assert r.why.endswith(f"age × {weight:.2f}")


def test_the_future_weighs_no_more_than_now() -> None:
    """A clock that runs ahead gains nothing."""
    found = recency_weighted(query("late order"), view(["late order"] * 2, days_old=[-400, 0]))
    assert all(r.why.endswith("age × 1.00") for r in found)


def test_recency_weighs_any_strategy_with_any_half_life() -> None:
    """``retriever`` and ``half_life`` are what they say."""
    strategy = partial(recency_weighted, retriever=dense, half_life=timedelta(days=1))
    (found,) = strategy(query("late order"), view(["late order"], days_old=[3]))
    assert found.score == pytest.approx(1 / 8, abs=1e-4)
    assert found.why == "dense #1 (cosine 1.00), age × 0.12"


def test_mmr_brings_something_new_before_the_same_again() -> None:
    """Of five equal records only one is among the first two, and the reason of each says how near
    it is to those before.
    """
    other = "late order refund money wanted"
    said = [*["late order A"] * 5, other, *(f"late {n} days by now" for n in range(20))]
    plain, diverse = (s(query("late order A"), view(said)) for s in (hybrid, mmr))
    assert texts(plain)[:6] == [*["late order A"] * 5, other]
    assert texts(diverse)[0] == "late order A"
    assert texts(diverse)[1] != "late order A"
    assert sorted(texts(diverse)) == sorted(texts(plain))
    (again,) = [r for r in diverse if r.id == plain[1].id]
    assert "mmr: cosine 1.00 to those before" in again.why


def test_mmr_for_relevance_alone_changes_nothing() -> None:
    """With ``relevance=1`` the order is the strategy's own."""
    said = ["late order A", "late order", "late", "late order A"]
    plain = hybrid(query("late order A"), view(said))
    assert texts(mmr(query("late order A"), view(said), relevance=1.0)) == texts(plain)


CASE = [
    "Anna opened complaint KX-7.",
    "The weather is fine.",
    "Complaint KX-7 is handled by Robert.",
    "Tea is served at five.",
]


def test_two_hops_find_a_fact_by_way_of_another() -> None:
    """Who handles Anna's complaint stands in a record that shares no word with the question; the
    record between them leads to it, and the reason says so.
    """
    asked = query("Anna?")
    assert texts(lexical(asked, view(CASE))) == [CASE[0]]
    found = hops(lexical, 2)(asked, view(CASE))
    assert texts(found)[:2] == [CASE[0], CASE[2]] or set(texts(found)) == {CASE[0], CASE[2]}
    (second,) = [r for r in found if r.text == CASE[2]]
    assert second.why.startswith("hop 2: lexical #")
    assert "kx-7" in second.why


def test_one_hop_is_the_strategy_itself() -> None:
    """``hops(f, 1)`` finds what ``f`` finds."""
    asked = query("Anna?")
    assert hops(lexical, 1)(asked, view(CASE)) == lexical(asked, view(CASE))


def test_hops_move_the_vector_too() -> None:
    """By meaning alone, too: what was read is added to the question's vector, and what lies near
    the first find but far from the question is found.
    """
    directions = np.array([[1, 1, 0], [0.2, 0, 1], [0, 1, 0.1]], np.float32)
    whole = CustomerIndex(3)
    whole.add([Record(f"r{n}", "", (), "s1", "human", NOW, n + 1) for n in range(3)])
    whole.add_vectors(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    asked = Query("", np.array([1, 0, 0], np.float32), NOW)
    twice = partial(dense, k=2)
    assert [r.id for r in twice(asked, whole.view(NOW))] == ["r0", "r1"]
    found = {r.id: r.why for r in hops(twice, 2, read=1)(asked, whole.view(NOW))}
    assert found["r2"].startswith("hop 2: dense #2")
