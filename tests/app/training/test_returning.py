"""Made-up customers who come back: what they ask for was said, and the last of it is answered."""

from __future__ import annotations

import re
from random import Random

from app.training.particulars import told
from app.training.returning import questions, returning
from app.training.scores import contains

_CORRECTS = "Sorry, I was|I made a mis|That has ch"


def test_the_same_for_the_same_seed() -> None:
    """And others for another; more of them begin with the fewer."""
    assert list(returning(20, 1)) == list(returning(20, 1))
    assert list(returning(20, 1)) != list(returning(20, 2))
    assert list(returning(20, 1))[:5] == list(returning(5, 1))


def test_what_is_answered_was_said_or_is_admitted() -> None:
    """Every code, address and number in an answer stands in what was said in the first session."""
    answered = admitted = 0
    for customer in returning(300):
        first, second = customer.sessions()
        said = " ".join(text for exchange in first for text in exchange)
        for _, answer in second:
            codes = re.findall(r"\S*\d\S*\w", answer)
            answered += bool(codes)
            admitted += "do not have" in answer or "not told me" in answer
            assert all(code in said for code in codes), (said, answer)
    assert answered > 200
    assert 50 < admitted < 200


def test_what_is_told_has_one_place_for_its_value() -> None:
    """It is said once, not repeated at once, not given away by the question, and answered."""
    assert len(told()) >= 300
    assert len({particular.said for particular in told()}) == len(told())
    for particular in told():
        assert (particular.reply is None) is (particular.before is not None)
        assert all(text.count("{}") == 1 for text in particular.said + particular.answered)
        apart = (*particular.asked, particular.called, particular.reply or particular.before or "")
        assert all(apart)
        assert not any("{" in text for text in apart)
        assert len({particular.draw(Random(seed)) for seed in range(40)}) >= 4


def test_what_is_asked_to_measure_was_said_last_or_never() -> None:
    """The fact stands in what the customer said; a value that was corrected is not the fact."""
    made = list(questions(40, 8, "seed"))
    assert [fact is None for _, fact in made] == [False] * 40 + [True] * 8
    assert made == list(questions(40, 8, "seed"))
    assert {customer.turns for customer, _ in made}.isdisjoint(
        {customer.turns for customer in returning(240)}
    )
    for customer, fact in made:
        first, second = customer.sessions()
        ((_, answer),) = second
        if fact is None:
            assert "do not have" in answer or "not told me" in answer
            continue
        assert contains(answer, fact), (fact, answer)
        assert contains(" ".join(f"{question} {answer}" for question, answer in first), fact)


def test_a_corrected_value_is_not_answered() -> None:
    """After "Sorry, I was wrong" only the new one counts."""
    corrected = 0
    for customer in returning(3_000):
        first, second = customer.sessions()
        place = next((i for i, (q, _) in enumerate(first) if re.match(_CORRECTS, q)), None)
        if place != 1:  # else it may be of any of what was said before
            continue
        (old,), (new,) = (re.findall(r"[A-Z]{2,3}-?\d{4,6}", first[i][0]) or [""] for i in (0, 1))
        if new and old:
            corrected += 1
            told = " ".join(answer for _, answer in second)
            assert new in told
            assert old not in told
    assert corrected > 5
