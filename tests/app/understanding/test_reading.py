"""Reading a message beside its turn: in time, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.understanding import reading
from app.understanding.opening import open_understanding
from app.understanding.reading import MessageReader
from memory import InvalidInput, Label, Labels, Understanding
from tests.doubles import WordReader


def read(understanding: Understanding | None, text: str, *waits: float) -> list[Labels | None]:
    """What is known of a text after each of some waits."""

    async def begin() -> list[Labels | None]:
        begun = MessageReader(understanding).begin(text)
        return [await begun.within(seconds) for seconds in waits]

    return asyncio.run(begin())


def test_what_is_known_comes_as_soon_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits longer than he says, and who asks later gets it."""
    reader = WordReader()
    reader.free.clear()

    async def begin() -> list[Labels | None]:
        begun = MessageReader(reader).begin("where is it")
        early = [await begun.within(seconds) for seconds in (0, 0.05)]
        reader.free.set()
        return [*early, await begun.within(3600), await begun.within(0)]

    known = asyncio.run(begin())
    assert known[:2] == [None, None]
    assert known[2] == known[3] == {
        "intent": Label("track_order", 0.9),
        "topic": Label(None, 0.8),
        "sentiment": Label("neutral", 0.9),
    }  # fmt: skip
    assert caplog.text == ""


def test_the_shipped_classifier_says_nothing_of_what_it_cannot_read() -> None:
    """It has learnt English: of other languages it has no label, and no guess; numbers it reads."""
    heads = open_understanding("embedded:")
    assert heads is not None
    texts = [
        "你们的服务太差了，我非常生气！",
        "Where is my order?",
        "¿Dónde está mi pedido?",
        "4417-XZ",
    ]
    angry, order, spanish, number = heads.read(texts)
    assert angry == spanish == {}
    assert order["intent"].name == "track_order"
    assert set(number) == set(order)
    assert heads.read(texts[:1]) == [{}]


def test_without_a_classifier_nothing_is_known() -> None:
    """And nothing is waited for."""
    assert read(None, "hello", 0, 60) == [None, None]


class _Odd:
    """A classifier that says what it was made with."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def read(self, texts: Any) -> Any:
        return self.said


@pytest.mark.parametrize(
    "wrong",
    [
        WordReader(fails=True), _Odd([]), _Odd(None), _Odd([{}, {}]), _Odd(["x"]),
        _Odd([{"intent": {"label": "my secret", "confidence": 1.0}}]),
        _Odd([{"intent": "x"}]), _Odd([{"intent": ("x", float("nan"))}]),
        _Odd([{"intent": ("x", 1.5)}]), _Odd([{"intent": ("\ud800", 0.5)}]), _Odd([{1: ("x", 1)}]),
    ],
)  # fmt: skip
def test_a_classifier_that_fails_costs_the_labels_only(
    wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that says what is no labels; the log says so, without the message."""
    assert read(wrong, "my secret", 60) == [None]
    assert "the classifier failed" in caplog.text
    assert "secret" not in caplog.text
    assert ('is to give labels by their heads, {"intent": Label(' in caplog.text) == (
        not isinstance(wrong, WordReader)
    )


def test_what_any_classifier_says_is_made_ours() -> None:
    """Pairs will do, and numpy's numbers."""
    (known,) = read(_Odd([{"intent": ("x", np.float32(0.5))}]), "hello", 60)
    assert known == {"intent": Label("x", 0.5)}
    assert type(known["intent"].confidence) is float


def test_a_classifier_that_hangs_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only so many messages are with it at a time; the others are not read."""
    monkeypatch.setattr(reading, "_AT_A_TIME", 2)
    slow = WordReader(after=0.2)

    async def begin() -> list[Labels | None]:
        reader = MessageReader(slow)
        begun = [reader.begin(f"{n}") for n in range(4)]
        known = [await one.within(60) for one in begun]
        return [*known, await reader.begin("again").within(60)]

    known = asyncio.run(begin())
    assert [one is not None for one in known] == [True, True, False, False, True]
    assert len(slow.asked) == 3
    assert "the classifier is still busy with 2" in caplog.text


def test_a_setting_names_the_classifier(tmp_path: Path) -> None:
    """None, or one in a folder; another folder is told."""
    assert open_understanding("off") is None
    with pytest.raises(InvalidInput, match="is no classifier's folder"):
        open_understanding(str(tmp_path))


def test_a_machine_without_threads_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be begun is not read, and takes nobody's place."""

    def refuse(_: object) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(reading, "_AT_A_TIME", 1)
    words = WordReader()

    async def begin() -> list[Labels | None]:
        reader = MessageReader(words)
        with monkeypatch.context() as patched:
            patched.setattr("threading.Thread.start", refuse)
            first = reader.begin("hello")
        return [await first.within(0), await reader.begin("hello").within(60)]

    assert [one is not None for one in asyncio.run(begin())] == [False, True]
