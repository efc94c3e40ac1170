"""What is not wanted, and what is another's."""

from __future__ import annotations

import pytest

from app.templates.meaning import not_wanted, of_others


@pytest.mark.parametrize(
    "message",
    [
        "I do NOT want to cancel my order, I just want it sooner",
        "Do NOT delete my account",
        "please don't close it",
        "dont cancel it",
        "I never asked you to cancel my order",
        "My account should not be\ndeleted.",
        "I didn't mean to change the order",
    ],
)
def test_what_is_not_to_be_done_is_seen(message: str) -> None:
    """However it is put, in the words of what is done at a desk."""
    assert not_wanted(message)


@pytest.mark.parametrize(
    "message",
    [
        "I don't want it any more, please cancel",
        "I want to cancel my order.",
        "I can't track my order",
        "don't know how to close my account",
        "why can't I cancel my order?",
        "not what I ordered; change it please",
        "it has not come yet",
        "I have not been refunded",
    ],
)
def test_what_is_wanted_is_not_taken_for_its_contrary(message: str) -> None:
    """A word of denial elsewhere denies something else."""
    assert not not_wanted(message)


@pytest.mark.parametrize(
    "message",
    [
        "Where is my mother's order?",
        "my neighbour\u2019s parcel has not come",
        "and the refund of my sister",
        "my friend Bob's order",
        "our younger daughter's bed, where is it",
        "my parents' address",
    ],
)
def test_what_is_somebody_elses_is_seen(message: str) -> None:
    """A relation of the customer's, and what they have."""
    assert of_others(message)


@pytest.mark.parametrize(
    "message",
    ["Where is my order?", "it's late", "the shop's opening hours", "my order's number is KX-1"],
)
def test_what_is_the_customers_own_is_not(message: str) -> None:
    """An apostrophe alone makes nobody else."""
    assert not of_others(message)
