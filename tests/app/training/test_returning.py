"""Made-up customers who come back: what they ask for was said, and the last of it is answered."""

from __future__ import annotations

import re

from app.training.returning import returning

_CORRECTS = "Sorry, I was|I made a mis|That has ch"


def test_the_same_for_the_same_seed() -> None:
    """And others for another; more of them begin with the fewer."""
    assert list(returning(20, 1)) == list(returning(20, 1))
    assert list(returning(20, 1)) != list(returning(20, 2))
    assert list(returning(20, 1))[:5] == list(returning(5, 1))


def test_what_is_answered_was_said_or_is_admitted() -> None:
    """Every code, address and number in an answer stands in what the customer said before."""
    answered = admitted = 0
    for customer in returning(300):
        first, second = customer.sessions()
        said = " ".join(question for question, _ in first)
        for _, answer in second:
            codes = re.findall(r"\S*\d\S*\w", answer)
            answered += bool(codes)
            admitted += "do not have" in answer or "not told me" in answer
            assert all(code in said for code in codes), (said, answer)
    assert answered > 200
    assert 50 < admitted < 200


def test_a_corrected_value_is_not_answered() -> None:
    """After "Sorry, I was wrong" only the new one counts."""
    corrected = 0
    for customer in returning(1_000):
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
