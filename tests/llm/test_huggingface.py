"""A model of transformers in the process: streamed, stopped, and with an adapter."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from app.llm import UnusableModel, open_llm
from app.training.base import Base, as_peft_asks
from tests.app.training.conftest import base, tiny  # noqa: F401

ASKED = [SystemMessage("Be brief."), HumanMessage("Where is my parcel?")]


@pytest.fixture
def adapter(base: Base, tmp_path: Path) -> Path:  # noqa: F811
    """A peft adapter, far from nothing."""
    import torch
    from peft import LoraConfig, get_peft_model

    shape = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    with as_peft_asks():
        model = get_peft_model(base.model(), shape)
    torch.manual_seed(0)
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
