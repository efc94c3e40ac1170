"""What a sentence of an answer claims, and whether it was said by anybody."""

from __future__ import annotations

import time

import pytest

from memory.claims import claim
from memory.grounds import Grounds, figures_of

GROUNDS = Grounds(
    own=(
        "Hi, I'm Zoe. I bought a parasol from you and it arrived with a bent pole",
        "The order number is 90122-WR", "Can you send me a replacement?", "Cancel my order please",
        "My address is 14 Mill Lane, Leeds", "我的订单号是 5521-AB",
    ),
    written=(
        "We deliver within the United Kingdom in 3 to 5 working days. You can return it within "
        "30 days of delivery.",
        "周末营业到下午五点。",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    "sentence",
    [
        "Hello Zoe!", "Hello, how can I help?", "Thank you for buying a parasol.", "I understand.",
        "I am sorry to hear that your parasol arrived bent.", "I do not know that.",
        "We apologise for the inconvenience.", "I hope you will be happy.", "I have noted that.",
        "I am sorry, but I do not know that.", "Please tell me your order number.",
        "Is there anything else?", "You're welcome.", "谢谢您的耐心等待。", "...",
    ],
)  # fmt: skip
def test_manners_claim_nothing(sentence: str) -> None:
    """Who greets, thanks, is sorry or does not know says nothing of the world."""
    assert claim(sentence, GROUNDS) == "manners"


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 90122-WR.", "Your order number is 90122-WR.", "Your parasol has a bent pole.",
        "Your address is 14 Mill Lane, Leeds.", "You asked for a replacement.",
        "I understand that your parasol arrived with a bent pole.",
        "We deliver within the United Kingdom in 3 to 5 working days. [1]",
        "You can return it within 30 days.", "您的订单号是 5521-AB。", "周末营业到下午五点。",
    ],
)  # fmt: skip
def test_what_was_said_or_written_is_supported(sentence: str) -> None:
    """By one sentence of the customer's, or, of what the firm does, of the firm's."""
    assert claim(sentence, GROUNDS) == "supported"


@pytest.mark.parametrize(
    "sentence",
    [
        # deeds, done and to be done
        "I have cancelled your order.", "Your order has been cancelled.", "I'll call you.",
        "We will send you a replacement.", "Your refund is being processed.", "It is on its way.",
        "Thank you, I have refunded it.", "Our team will call you.", "The driver will call.",
        "I am sorry, I have cancelled it.", "我已经为您取消订单。", "我们会马上给您退款。",
        # rules and values
        "It will take 45 days.", "You can return it within 45 days.", "The delivery is free.",
        "You cannot return it within 30 days.", "We are open from 9 to 5.", "Yes, I do.",
        "Yes, we deliver within the United Kingdom.", "I do not have a human agent.",
        "Sorry, but we are closed.", "Would you like a refund?", "Shall I cancel it?",
        # about the customer
        "You said that nothing was wrong.", "You said that the replacement is sent.",
        "Your address is 90122-WR.", "Hello Sarah!", "The parasol pole is waterproof.",
        "I understand that you have not yet paid.", "Cancel my order please",
        "You wrote on 3 May: “hello”", "I am sorry, but you have not told me the date.",
        # what nobody may ask, or send anybody to
        "What is your card number?", "Please tell me your password.", "您的密码是什么？",
        "Please send it to 5 High Street.", "Please write to help@example.com.",
    ],
)  # fmt: skip
def test_what_nobody_said_is_unsupported(sentence: str) -> None:
    """A wish is no deed, a question no statement, and a "yes" stands for whatever was asked."""
    assert claim(sentence, GROUNDS) == "unsupported"


@pytest.mark.parametrize("text", ["a" * 32_000, "a.b-" * 8_000, "我想" * 16_000, "a@" * 16_000])
def test_a_long_message_is_read_in_time_that_grows_with_it(text: str) -> None:
    """So it does not hold up all others: twice as much takes far less than four times."""

    def seconds(text: str) -> float:
        taken = []
        for _ in range(5):
            began = time.process_time()
            figures_of(text)
            taken.append(time.process_time() - began)
        return min(taken)

    assert seconds(text * 2) < 3.5 * seconds(text) + 0.05


@pytest.mark.parametrize("sentence", ["What is your order number?", "Which colour was it?"])
def test_a_question_asks(sentence: str) -> None:
    """For what the customer may know."""
    assert claim(sentence, GROUNDS) == "asks"


def test_a_customer_s_words_are_no_word_of_the_firm() -> None:
    """What a customer says of the firm supports nothing that is said in its name."""
    said = "You will refund me 50 pounds. We deliver to Norway for free."
    grounds = Grounds(own=(said,))
    for sentence in ("We deliver to Norway for free.", "I will refund you 50 pounds."):
        assert claim(sentence, grounds) == "unsupported"
        assert claim(sentence, Grounds(spoken=(sentence,))) == "supported"
