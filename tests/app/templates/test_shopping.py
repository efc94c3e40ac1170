"""What a message asks a shop for: things to buy, and nothing else."""

from __future__ import annotations

import time

import pytest

from app.templates.shopping import Thing, beyond, things_in


@pytest.mark.parametrize(
    ("message", "things"),
    [
        ("Do you sell covers for parasols?", ["covers"]),
        ("Have you got a green kettle?", ["green kettle"]),
        ("What does the teak bench cost?", ["teak bench"]),
        ("Which plants would you recommend?", ["plants"]),
        ("I'm looking for a bench for two", ["bench"]),
        ("Hi! We have a new flat. Any nice rugs or curtains, please?", ["rugs", "curtains"]),
        ("How much is the Linnet wool rug 160 x 230?", ["Linnet wool rug 160 x 230"]),
        ("Is the raised bed 180 back in stock again?", ["raised bed 180"]),
        ("Sandling folding chair - how much?", ["Sandling folding chair"]),
        ("I'd like a pair of secateurs. How much are they?", ["secateurs"]),
        ("My wife would love some lavender, do you have that?", ["lavender"]),
        ("We need a shed, not too big", ["shed"]),
        ("Can you recommend something like a hedge trimmer?", ["hedge trimmer"]),
        ("我想买一张适合两人的长椅", ["长椅"]),
        ("你们有没有绿色的水壶？", ["水壶"]),
        ("柚木长椅多少钱？", ["柚木长椅"]),
        ("有什么植物推荐？", ["植物"]),
        ("你们卖 Monstera 吗？", ["Monstera"]),
    ],
)
def test_a_thing_is_called_by_its_name(message: str, things: list[str]) -> None:
    """Without what it is for, in either language."""
    assert [thing.text for thing in things_in(message)] == things


@pytest.mark.parametrize(
    "message",
    [
        "How do I care for my teak bench?", "Can I return the bench?", "Where is my order?", "Hi",
        "What did you say the bench costs?", "Which bench did I order?", "How much is it?",
        "I want a new bench, mine is broken.", "I want the lamp in blue, please.",
        "I do not want a bench.", "Do you have my address?", "How much is my order?",
        "Do you sell benches? And where is my parcel?", "What would you recommend?",
        "Do you have anything for birds?", "I would like to cancel my order",
        "I'd like a raised bed. My address is 14 Heron Close, Ashmere.",
        "Got the bench today, thanks", "The bench is out of stock.",
        "What does it cost to return it?", "How much is the sofa and when can you deliver it?",
        "我的订单多少钱？", "我的台灯坏了，想买新的。", "你好",
    ],
)  # fmt: skip
def test_all_else_asks_for_nothing_to_buy(message: str) -> None:
    """What is theirs, was said before, is troubled, ordered or named by nothing; and half of it."""
    assert things_in(message) == []


def test_what_it_is_and_what_else_is_asked() -> None:
    """The head is what a thing is, whatever number is behind it."""
    assert Thing(("raised", "bed", "180")).head == "bed"
    assert Thing(("180",)).head == ""
    message = "Do you have raised beds with a warranty?"
    assert beyond(message, things_in(message)) == {"warranti"}
    assert beyond("What do benches cost?", things_in("What do benches cost?")) == set()


def test_a_long_message_is_read_as_fast() -> None:
    """It asks for nothing: whoever asks for something needs fewer words."""
    began = time.monotonic()
    assert things_in("what a bench " * 5_000 + "costs?") == []
    assert things_in("Do you sell benches? " * 2_000) == [Thing(("benches",))]
    assert things_in("Do you sell pots, beds, rugs, pans, saws or benches?") == []
    assert time.monotonic() - began < 5
