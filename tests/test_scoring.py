"""The default strategy: words, context and meaning together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import Query, Record, contextual
from memory.embeddings import embedded, trust
from memory.indexes.context import REACH, SITTING, ContextIndex
from memory.indexes.customer import CustomerIndex, View
from tests.candidates import NOW, WORDS, query, texts
from tests.doubles import WordEncoder

FILLER = [f"note {n} about topic {n * 7 % 31}" for n in range(40)]


def talk(
    *said: str, apart: timedelta = timedelta(minutes=1), speakers: Sequence[str | None] = (None,)
) -> View:
    """What was said in one session, one message after the other."""
    made = CustomerIndex(WORDS.dimension)
    made.add(
        [
            Record(
                f"r{n}", text, (f"m{n}",), "s1", "human", NOW - (len(said) - n) * apart, n + 1,
                speaker=speakers[n % len(speakers)],
            )
            for n, text in enumerate(said)
        ]
    )  # fmt: skip
    made.add_vectors(WORDS.encode(list(said)))
    return made.view(NOW)


# --- context -----------------------------------------------------------------------------------


def test_an_answer_is_found_by_the_words_of_the_question_before_it() -> None:
    """The answer has no word of the query, but it follows on the message that has them all."""
    said = [*FILLER[:20], "Which colour do you want the armchair in?", "Burgundy!", *FILLER[20:]]
    found = texts(contextual(query("the colour of the armchair"), talk(*said)))
    assert found[0] == "Which colour do you want the armchair in?"
    assert "Burgundy!" in found[1:3]  # as near as the message before


def test_what_was_said_at_another_sitting_is_no_context() -> None:
    """The next message of the session, but a day later, says nothing about the one before."""
    said = [*FILLER[:20], "Which colour do you want the armchair in?", "Burgundy!", *FILLER[20:]]
    found = contextual(
        query("the colour of the armchair"), talk(*said, apart=timedelta(days=1))
    )  # fmt: skip
    assert "Burgundy!" not in texts(found)


def test_the_speaker_whom_the_query_names_comes_first() -> None:
    """Two say the same; the one who is asked about is preferred, and the reason says so."""
    said = [*FILLER, "I adore hiking", "I adore hiking"]
    found = contextual(
        query("what does Caroline adore?"), talk(*said, speakers=["Melanie", "Caroline"])
    )
    assert found[0].text == "I adore hiking"
    assert found[0].why.endswith("said by Caroline")
    both = contextual(
        query("do Caroline and Melanie adore hiking?"),
        talk(*said, speakers=["Melanie", "Caroline"]),
    )
    assert "said by" not in both[0].why


def test_a_second_hop_finds_what_the_first_find_names() -> None:
    """Nothing connects the query with the answer but a number in a third message."""
    said = [*FILLER, "Anna opened complaint KX-77", *FILLER, "KX-77 is handled by Robert"]
    found = contextual(query("the complaint that Anna opened"), talk(*said, apart=2 * SITTING))
    assert texts(found)[:2] == ["Anna opened complaint KX-77", "KX-77 is handled by Robert"]
    assert "second hop #1 (kx-77)" in found[1].why
    assert "second hop" not in found[0].why, "it is what was read first"


def test_the_reason_names_what_found_it_and_its_rank() -> None:
    """Words, context and meaning, each with the rank that it gives."""
    best, *_ = contextual(query("late armchair"), talk(*FILLER, "the armchair is late"))
    assert best.why.startswith("lexical #1 (late, armchair), context #1, dense #1 (cosine 0.")


def test_a_date_that_is_asked_for_is_matched_with_when_it_was_said() -> None:
    """The message says nothing of May, but it was said then."""
    view = talk(*FILLER, "the armchair came", apart=timedelta(days=1))
    said = view[40].at
    asked = f"what came in {said:%B %Y}?"
    assert texts(contextual(query(asked), view))[0] == "the armchair came"


# --- languages ---------------------------------------------------------------------------------


def test_function_words_of_chinese_find_nothing() -> None:
    """'What is my' is in all of them; only what is asked about counts."""
    said = ["我的同事叫陈梦瑶", "我的上司的生日是十月", "我的电话号码是什么来着"]
    found = contextual(query("我的上司的生日是什么"), talk(*said, apart=2 * SITTING))
    assert texts(found)[0] == "我的上司的生日是十月"
    assert found[0].why.startswith("lexical #1 (上司")


def test_a_vector_is_trusted_as_far_as_the_model_knows_the_script() -> None:
    """The embedded model knows Latin script; of other models it is not known what they know."""
    model = embedded()
    assert trust(model, "Where is my order?") == 1
    assert trust(model, "我的订单在哪里") == 0
    assert 0 < trust(model, "我的 order 在哪里") < 1
    assert trust(model, "123 !?") == 1
    assert trust(WordEncoder(), "我的订单在哪里") == 1


def test_an_untrusted_vector_decides_nothing() -> None:
    """With no trust the order is that of the words alone, whatever the vectors say."""
    view = talk("blue armchair", "late order", "armchair late")
    misled = Query("armchair", WORDS.encode(["late order"])[0], NOW, trust=0.0)
    told = Query("armchair", WORDS.encode(["armchair"])[0], NOW, trust=0.0)
    assert texts(contextual(misled, view)) == texts(contextual(told, view))
    assert "dense" not in contextual(misled, view)[0].why


# --- invariants --------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from("order late blue armchair parcel 7 refund ?".split()),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(
        ["late order", "refund 7", "armchair?", "nothing of this", "blue. late parcel"]
    ),
)
def test_scores_fall_from_below_one_and_nothing_is_found_twice(said: list[str], asked: str) -> None:
    """Scores are between 0 and 1, the best first; each record is there at most once."""
    found = contextual(query(asked), talk(*said))
    scores = [r.score for r in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert len({r.id for r in found}) == len(found)


def test_nothing_is_found_among_nothing() -> None:
    """No records, or none wanted: an empty answer."""
    assert contextual(query("order"), talk()) == []
    assert contextual(query("order"), talk("order"), k=0) == []


def test_no_more_is_found_than_is_wanted() -> None:
    """With a limit the first of the same ranking come, explained alike."""
    view = talk(*(f"order {n}" for n in range(30)))
    some = replace(query("order 7"), limit=5)
    assert contextual(some, view) == contextual(query("order 7"), view)[:5]


# --- the context index -------------------------------------------------------------------------

sessions = st.lists(
    st.tuples(st.sampled_from(["s1", "s2"]), st.integers(0, 200), st.booleans()),
    min_size=1, max_size=25,
)  # fmt: skip


def neighbours(records: list[Record]) -> list[list[int]]:
    """Each message's sitting, spelt out: the chain of messages that it is part of, in order."""
    chains: list[list[int]] = []
    last: dict[str, int] = {}
    of: dict[int, list[int]] = {}
    for p, record in enumerate(records):
        if record.slot is not None:
            of[p] = [p]
            continue
        before = last.get(record.session)
        if before is not None and abs(record.at - records[before].at) <= SITTING:
            of[p] = of[before]
            of[p].append(p)
        else:
            of[p] = [p]
            chains.append(of[p])
        last[record.session] = p
    return [of[p] for p in range(len(records))]


@given(sessions, st.lists(st.integers(0, 24), max_size=10, unique=True), st.integers(1, REACH + 1))
def test_spreading_is_adding_up_over_the_neighbours_of_a_sitting(
    said: list[tuple[str, int, bool]], where: list[int], reach: int
) -> None:
    """Against the definition, written as loops: sums, the nearest, and smoothed values."""
    minutes = 0
    records = []
    for n, (session, pause, fact) in enumerate(said):
        minutes += pause
        records.append(
            Record(
                f"r{n}", f"text {n}", (f"m{n}",), session, "human",
                NOW + timedelta(minutes=minutes), slot="name" if fact else None,
            )
        )  # fmt: skip
    index = ContextIndex()
    for record in records:
        index.add(record, ())
    n = len(records)
    positions = np.array([p for p in where if p < n], np.int64)
    counts = np.arange(1, len(positions) + 1, dtype=np.float32)
    values = np.arange(n, dtype=np.float32)
    weights = [1.0, 0.7, 0.4, 0.2, 0.1][:reach]
    chains = neighbours(records)
    places = [(positions, counts), (positions[::2], counts[::2] * 3)]
    sums, nearest, smoothed = np.zeros((2, n)), np.zeros((2, n)), np.zeros(n)
    for p in range(n):
        at = chains[p].index(p)
        for distance, weight in enumerate(weights):
            for q in {at - distance, at + distance}:
                if 0 <= q < len(chains[p]):
                    near = chains[p][q]
                    smoothed[p] += weight * values[near]
                    for thing, (where_it_is, how_often) in enumerate(places):
                        for position, count in zip(where_it_is, how_often, strict=True):
                            if position == near:
                                sums[thing, p] += weight * count
                                nearest[thing, p] = max(nearest[thing, p], weight)
    spread = index.spread(places)
    for _ in range(2):  # one use leaves nothing for the next
        assert spread.sums(weights) == pytest.approx(sums, abs=1e-4)
        assert spread.nearest(weights) == pytest.approx(nearest, abs=1e-6)
    assert index.smoothed(values, weights) == pytest.approx(smoothed, abs=1e-4)
