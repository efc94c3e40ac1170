"""What tells a message of manners alone from one that asks for something."""

from __future__ import annotations

import pytest

from memory.cues import manners_only


@pytest.mark.parametrize(
    "text",
    [
        "hi", "Hello there!", "Good morning, how are you today?", "THANKS", "ok 👍", "Thanks, bye",
        "Perfect, thank you so much for your quick help!", "No, that's all. Have a nice day!",
        "yes please", "lol", "?", "👍", "你好", "好的，谢谢您！", "明白了，非常感谢您的帮助",
        "不客气哦", "ありがとうございます",
        "Hi Mara", "Thanks Tom", "Thanks, Tom!", "Hello Mrs. O'Neil", "Good morning Zoë, hi",
        "Thank you so much Tom Becker for your help", "Hi team", "Bye Tom.",
        "Dear Dr Lee,", "Hi Lena", "Good morning Zoë, how are you?",
        "你好小王", "谢谢王先生！", "王女士您好", "您好，客服", "Tom你好", "谢谢Tom",
        "田中さん、ありがとう",
    ],
)  # fmt: skip
def test_manners_ask_for_nothing(text: str) -> None:
    """A greeting, thanks, leave, a yes or a no, in English, Chinese and Japanese."""
    assert manners_only(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hi, where is my order?", "Who am I?", "What is it?", "help", "yes, the blue one",
        "ok 4417-XZ", "Thanks, but it is broken", "is that all?", "That is not good",
        "Hi Refund", "Hello, Order 123", "Hi Lena, where is it?", "Hi Lena Where is it", "Hi Mara?",
        "Lena", "Thanks, Monday", "Yes, Tom", "Hi, I am Lena", "hi mixer", "Hi AB-12", "客服",
        "王先生",
        "你好，余额", "谢谢小王，但是还没到", "你好，订单",
        "我是谁？", "不好", "可以帮我查订单吗", "谢谢，但是还没到", "注文は？",
        "hola " * 100, "thanks " * 100,
    ],
)  # fmt: skip
def test_whatever_else_is_said_asks_for_something(text: str) -> None:
    """However little it is, and however polite; what is long is never looked at so."""
    assert not manners_only(text)
