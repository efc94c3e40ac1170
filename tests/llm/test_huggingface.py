"""A model of transformers in the process: streamed, stopped, and with an adapter."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from app.llm import UnusableModel, open_llm
from app.llm.huggingface import HuggingFaceChat, _until
from app.training.base import Base, as_peft_asks
from tests.app.training.conftest import base, tiny  # noqa: F401

pytestmark = pytest.mark.anyio  # of the official suites

ASKED = [SystemMessage("Be brief."), HumanMessage("Where is my parcel?")]


@pytest.fixture
def adapter(base: Base, tmp_path: Path) -> Path:  # noqa: F811
    """A peft adapter, far from nothing."""
    import torch
    from peft import LoraConfig, get_peft_model

    shape = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(0)  # half of an adapter begins at random
    with as_peft_asks():
        model = get_peft_model(base.model(), shape)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn_like(weight)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_it_streams_what_it_says(base: Base) -> None:  # noqa: F811
    """Piece by piece, with the counts of tokens; at once it says the same."""
    model = open_llm(f"huggingface:{base.folder}", max_tokens=12, temperature=0.0)
    chunks = list(model.chat.stream(ASKED))
    assert len([chunk for chunk in chunks if chunk.text]) > 1
    whole = model.chat.invoke(ASKED)
    assert whole.text == "".join(chunk.text for chunk in chunks)
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == 12
    assert whole.usage_metadata["input_tokens"] > 10
    assert model.name == base.folder.name


def test_each_request_says_how_words_are_chosen(base: Base) -> None:  # noqa: F811
    """A seed makes an answer once more and another seed another; without warmth none matters; the
    end is where the longest answer, or a word that was named, is.
    """
    model = open_llm(f"huggingface:{base.folder}", max_tokens=24, temperature=0.0)

    def said(**asked: Any) -> str:
        return str(model.chat.invoke(ASKED, **asked).text)

    plain = said()
    assert said(seed=1) == plain
    warm = [said(temperature=2.0, seed=seed) for seed in (1, 1, 2)]
    assert warm[0] == warm[1] != warm[2]
    assert said(temperature=2.0, top_p=1e-6, seed=3) == plain
    drawn = {"temperature": 2.0, "seed": 1}
    halfway = warm[0][8:14]
    assert said(**drawn, stop=["no such word", halfway]) == warm[0][: warm[0].index(halfway)]
    cut, ended = (model.chat.invoke(ASKED, **drawn, stop=stop) for stop in ([], [halfway]))
    assert [one.response_metadata["finish_reason"] for one in (cut, ended)] == ["length", "stop"]


@given(text=st.text("ab", max_size=12), stops=st.lists(st.text("ab", max_size=3)), data=st.data())
def test_a_word_ends_an_answer_however_it_comes(
    text: str, stops: list[str], data: st.DataObject
) -> None:
    """Whatever pieces a text comes in, what is told ends before the first word to be complete."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    ends = [(text.find(one) + len(one), text.find(one)) for one in stops if one and one in text]
    assert "".join(_until(pieces, stops)) == text[: min(ends, default=(0, len(text)))[1]]


def test_an_adapter_changes_what_it_says(base: Base, adapter: Path) -> None:  # noqa: F811
    """BASE#ADAPTER is another model than BASE."""
    plain = open_llm(f"huggingface:{base.folder}", max_tokens=12, temperature=0.0)
    tuned = open_llm(f"huggingface:{base.folder}#{adapter}", max_tokens=12, temperature=0.0)
    assert tuned.chat.invoke(ASKED).text != plain.chat.invoke(ASKED).text
    assert tuned.name.endswith("#adapter")


def test_who_leaves_stops_it(base: Base) -> None:  # noqa: F811
    """A stream that is closed is not written to its end, and the next is answered."""
    model = open_llm(f"huggingface:{base.folder}", max_tokens=1_500, temperature=0.0)
    stream = model.chat.stream(ASKED)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name == "huggingface"]
    assert model.chat.invoke(ASKED, max_tokens=2).text


def test_what_is_no_model_is_refused(base: Base, adapter: Path, tmp_path: Path) -> None:  # noqa: F811
    """The message says what is wrong with the address."""
    for url, why in (
        ("huggingface:", "names no model"),
        (f"huggingface:{tmp_path}", "cannot be loaded"),
        (f"huggingface:{base.folder}#{tmp_path}", "no folder of a peft adapter"),
    ):
        with pytest.raises(UnusableModel, match=why):
            open_llm(url)
    (adapter / "card.json").write_text(json.dumps({"id": "adapter"}))
    with pytest.raises(UnusableModel, match="card cannot be read"):
        open_llm(f"huggingface:{base.folder}#{adapter}")


class _HuggingFace:
    """A small network of random weights in the process, whose context ends its answers soon."""

    params: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _opened(self, base: Base) -> None:  # noqa: F811
        if not self.params:
            chat = open_llm(f"huggingface:{base.folder}", context=160).chat
            assert isinstance(chat, HuggingFaceChat)
            names = ("model", "tokenizer", "context", "model_name", "timeout")
            self.params.update({name: getattr(chat, name) for name in names})

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """Ours."""
        return HuggingFaceChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """What it was opened with."""
        return self.params


class TestHuggingFaceUnit(_HuggingFace, ChatModelUnitTests):
    """LangChain's suite; it calls no tools, gives no structured output, reads no pictures."""


class TestHuggingFace(_HuggingFace, ChatModelIntegrationTests):
    """LangChain's suite; the model is the one that was loaded."""

    @property
    def supports_model_override(self) -> bool:
        """Another model is another object."""
        return False
