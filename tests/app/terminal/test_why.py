"""Why something was recalled: the terminal's words are the page's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import app
from app.terminal.why import REASONS, in_words
from app.translation import speak

APP = Path(app.__file__).parent
WHY = (APP / "web/why.js").read_text()
TERMINAL = (APP / "terminal/why.py").read_text()
CHINESE: dict[str, str] = json.loads((APP / "texts/zh.json").read_text())
TOLD = [
    (
        "lexical #1 (messag, tri, 4417-xz), dense #2 (cosine 0.61); replaces 14 Heron Close, "
        "Ashmere TB7 2LW of 2026-11-16",
        "Your messages say that I try 4417-XZ.",
        "it says “messages, try, 4417-xz” · close in meaning (0.61) · "
        "replaces 14 Heron Close, Ashmere TB7 2LW of 2026-11-16",
    ),
    (
        "context #3; outdated: e-mail is now a@b.example; 3 newer records searched by words only",
        "",
        "said near words that fit · outdated: e-mail is now a@b.example · "
        "newer memories were searched by words only",
    ),
    ("fills {order_number} and {name}", "", "the answer’s order number, name"),
    (
        "second hop #2 (sofa, corran)",
        "The Corran sofa.",
        "shares “sofa, corran” with what fits best",
    ),
    ("second hop #1", "", "related to what fits best"),
    ("among what is nearest", "", "among what is nearest"),
    ("lexical #1 (退款), dense #4, said by ada", "我要退款。", "it says “退款” · said by ada"),
    ("a way of somebody's own", "", "a way of somebody's own"),
    ("", "", ""),
]


@pytest.mark.parametrize(("why", "text", "said"), TOLD)
def test_why_is_said_in_words(why: str, text: str, said: str) -> None:
    """Whole words in place of stems, values with commas whole, and no raw name of a slot."""
    assert in_words(why, text) == said


def test_why_is_said_in_the_terminals_language() -> None:
    """With a slot's name in it too; what was said stays as it was."""
    speak("zh")
    try:
        assert in_words("fills {order_number}") == "用作回答中的订单号"
        said = in_words("lexical #1 (late); outdated: name is now Ada", "It is late.")
        assert said == "提到“late” · 已过时：姓名现为 Ada"
    finally:
        speak("en")


def test_the_page_knows_the_same_reasons() -> None:
    """The same forms in the same order, in the same words in both languages."""
    assert re.findall(r"^  \[/(.+?)/s?, ", WHY, re.M) == list(REASONS)
    tables = [(APP / f"web/{tag}.js").read_text() for tag in ("en", "zh")]
    english, chinese = (dict(re.findall(r'^  (why\w+): "(.+)",$', one, re.M)) for one in tables)
    assert len(english) > 10
    for name, text in english.items():
        fields = re.findall(r"\{\w+\}", text)
        numbered, translated = text, chinese[name]
        for place, field in enumerate(fields):
            numbered = numbered.replace(field, f"{{{place}}}")
            translated = translated.replace(field, f"{{{place}}}")
        assert f'"{numbered}"' in TERMINAL, name
        assert CHINESE[numbered] == translated, name
