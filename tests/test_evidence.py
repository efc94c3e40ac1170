"""Which passages are taken to answer a question, with the embedded model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memory import Article, Knowledge, embedded, open_store

ARTICLES = [
    Article("returns", "Returns", ("Lamps can be sent back within 30 days.",)),
    Article("delivery", "Delivery", ("Parcels leave the depot on Monday.",)),
    Article("errors", "Error codes", ("E-4417: the bulb is loose. Turn it until it clicks.",)),
    Article("zh", "退货", ("灯具可以在三十天内退货，运费由客户承担。",)),
]


@pytest.fixture(scope="module")
def knowledge() -> Iterator[Knowledge]:
    """A few articles."""
    with open_store() as store:
        made = Knowledge(store, embedded())
        made.put(ARTICLES)
        yield made


@pytest.mark.parametrize(
    ("question", "source"),
    [
        ("Is it possible to return a light?", "returns"),
        ("Which day is my parcel sent off?", "delivery"),
        ("The lamp shows E-4417, what is that?", "errors"),
        ("灯具可以退货吗？", "zh"),
    ],
)
def test_a_question_is_answered_by_what_is_about_it(
    knowledge: Knowledge, question: str, source: str
) -> None:
    """In other words, by a code, and in a script that the model has not learnt."""
    found = knowledge.search(question, strict=True)
    assert found
    assert found[0].source == source
    assert {e.id for e in found} <= {e.id for e in knowledge.search(question, 50)}


@pytest.mark.parametrize(
    "question",
    [
        "Hello!",
        "Thank you, that is all.",
        "My name is Ada.",
        "Who won the football?",
        "今天天气怎么样？",
    ],
)
def test_nothing_answers_what_no_article_is_about(knowledge: Knowledge, question: str) -> None:
    """Also where a word of it stands in one; ranked anyway, it may come."""
    assert knowledge.search(question, strict=True) == []
