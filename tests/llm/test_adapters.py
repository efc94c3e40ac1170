"""An adapter is put on and off while the embedded server answers."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from app.llm import Model, UnusableModel, open_llm
from app.llm.embedded import EmbeddedModel
from tests.app.training.tiny import tiny_adapter, tiny_gguf

ENDLESS = {"max_tokens": 400, "extra_body": {"ignore_eos": True}}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A tiny model."""
    return tiny_gguf(tmp_path / "tiny.gguf", seed=1)


def said(model: Model) -> str:
    """What it answers, always the likeliest."""
    return model.chat.invoke("Where is my parcel?", max_tokens=12).text


def test_an_adapter_changes_what_is_said_and_goes_again(tiny: Path, tmp_path: Path) -> None:
    """With it, without it, and from the start with it."""
    adapter = tiny_adapter(tmp_path / "adapter.gguf", seed=2)
    model = open_llm(f"embedded:{tiny}", context=1024, temperature=0.0, timeout=600)
    plain = said(model)
    model.adapt(adapter)
    tuned = said(model)
    assert tuned != plain
    model.adapt(None)
    assert said(model) == plain
    model.close()
    asked = []

    def find(base: str) -> Path:
        asked.append(base)
        return adapter

    model = open_llm(f"embedded:{tiny}", context=1024, temperature=0.0, timeout=600, adapter=find)
    assert said(model) == tuned
    assert asked == [model.base]
    model.close()


def test_streams_under_way_end_as_they_began(tiny: Path, tmp_path: Path) -> None:
    """A stream and a task's stream go on over two swaps; then the old servers are gone."""
    first = tiny_adapter(tmp_path / "first.gguf", seed=2)
    second = tiny_adapter(tmp_path / "second.gguf", seed=3)
    model = open_llm(f"embedded:{tiny}", context=2048, temperature=0.0, timeout=600)
    assert isinstance(model, EmbeddedModel)
    whole = "".join(c.text for c in model.chat.stream("Hello", **ENDLESS))  # type: ignore[arg-type]

    async def listen(heard: threading.Event) -> str:
        pieces = []
        async for chunk in model.chat.astream("Hello", **ENDLESS):
            pieces.append(chunk.text)
            heard.set()
        return "".join(pieces)

    results: list[str] = []
    heard = threading.Event()
    task = threading.Thread(target=lambda: results.append(asyncio.run(listen(heard))))
    task.start()
    assert heard.wait(30)
    stream = model.chat.stream("Hello", **ENDLESS)  # type: ignore[arg-type]
    pieces = [next(stream).text]
    model.adapt(first)
    between = said(model)
    model.adapt(second)
    after = said(model)
    assert between != after
    pieces += [chunk.text for chunk in stream]
    task.join(60)
    assert "".join(pieces) == whole
    assert results == [whole]
    deadline = time.monotonic() + 60
    while any(t.name == "close-replaced-model" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert model._relay.answering == 0
    assert model.check() is None
    model.close()
    assert model.check() == "the embedded model is closed"


def test_what_is_no_adapter_is_refused_and_the_model_stays(tiny: Path, tmp_path: Path) -> None:
    """A file of something else, and an adapter for a model of other shapes."""
    model = open_llm(f"embedded:{tiny}", context=1024, temperature=0.0, timeout=600)
    before = said(model)
    wrong = tmp_path / "wrong.gguf"
    wrong.write_text("no adapter")
    with pytest.raises(UnusableModel, match=r"wrong\.gguf"):
        model.adapt(wrong)
    other = tiny_adapter(tmp_path / "other.gguf", seed=2, hidden=96)
    with pytest.raises(UnusableModel, match=r"other\.gguf"):
        model.adapt(other)
    assert said(model) == before
    model.close()


def test_other_models_take_none() -> None:
    """The message says which do."""
    model = open_llm("fake:echo")
    assert model.base is None
    with pytest.raises(UnusableModel, match="takes no adapters"):
        model.adapt(Path("adapter.gguf"))
