"""What a message wants, by its words, and by what a classifier reads in it."""

from __future__ import annotations

import pytest

from app.templates.wishes import Wish, wish_of
from memory import Label, Labels


def labels(intent: str | None = None, mood: str = "neutral", sure: float = 0.9) -> Labels:
    """What a classifier says."""
    return {"intent": Label(intent, sure), "sentiment": Label(mood, sure)}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("person", "Can I speak to a human?"), ("person", "is this a bot? give me a real adviser"),
        ("person", "Put me through to a manager"), ("person", "agent please"),
        ("person", "我想转人工"), ("person", "Who is there? I want someone on the phone"),
        ("deed", "Please cancel my order"), ("deed", "Cancel the second one"),
        ("deed", "Can you call me back?"), ("deed", "I'd like my money back"),
        ("deed", "send a technician pls"), ("deed", "麻烦给我换一台新的吧。"),
        ("deed", "Don't send a new one, I only want my money back."),
        ("knowledge", "Do you ship to Norway?"), ("knowledge", "how do i make an account"),
        ("knowledge", "Please explain how Pay in 3 works."), ("knowledge", "who says that?"),
        ("knowledge", "Can I return an opened tin of oil?"), ("knowledge", "结果出来了没有"),
        ("knowledge", "Tell me your phone number please."), ("knowledge", "do u open on saturdays"),
        ("trouble", "My parcel says delivered but I don't have it"),
        ("trouble", "My parcel is three weeks late."), ("trouble", "The code does not work."),
        ("trouble", "收到以后插上电完全没反应。"), ("trouble", "You are useless"),
        ("unread", "Ich möchte mit einem Menschen sprechen"),
        ("unread", "Quiero hablar con una persona de la tienda"),
        (None, "My order number is 4417-XZ."), (None, "Hello"), (None, "Thanks, bye"),
        (None, "I ordered a teak bench last week."), (None, "when i get home i write again"),
        (None, "No need for a person any more, it is solved"), (None, "never mind"),
        (None, "Let me try that and I'll get back to you."), (None, "我的订单号是 5521-AB。"),
        (None, "Do not change my address."), (None, "yes please"),
    ],
)  # fmt: skip
def test_what_a_message_wants_by_its_words(wish: Wish | None, message: str) -> None:
    """Where no classifier has read it."""
    assert wish_of(message, None) == wish


def test_what_a_classifier_is_sure_of_counts() -> None:
    """An intent of who wants something done, or is in trouble, and a bad mood; a person surely."""
    told = "the blue one, size 42"
    assert wish_of(told, labels("change_order")) == "deed"
    assert wish_of(told, labels("payment_issue")) == "trouble"
    assert wish_of(told, labels(mood="negative")) == "trouble"
    assert wish_of(told, labels("contact_human_agent")) == "person"
    for unsure in (
        labels("change_order", sure=0.6), labels(mood="negative", sure=0.6),
        labels("contact_human_agent", sure=0.8), labels("track_order"), labels(),
    ):  # fmt: skip
        assert wish_of(told, unsure) is None
