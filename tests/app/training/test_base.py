"""The base model as a folder: converted once, exactly, and refused when it is none."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore

import pytest

from app.llm.embedded import WEIGHTS
from app.training import base as base_module
from app.training.base import Base, open_base
from memory import InvalidInput, count_tokens
from tests.app.training.tiny import tiny_gguf

SAID = "Order 4417-XZ is late, 客户 said on 2024-05-04."


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder of the test's own."""
    folder = tmp_path / "models"
    monkeypatch.setenv("MEMORY_SERVICE_MODELS_DIR", str(folder))
    return folder


def test_a_gguf_becomes_a_folder_with_the_same_numbers(models: Path, tmp_path: Path) -> None:
    """Every weight comes back as it was written; the tokenizer and the template too."""
    import torch
    from gguf import GGUFReader

    gguf = tiny_gguf(tmp_path / "tiny.gguf", seed=1)
    base = open_base(str(gguf))
    model, tokenizer = base.model(), base.tokenizer()
    written = {tensor.name: tensor.data for tensor in GGUFReader(gguf).tensors}
    assert torch.equal(model.model.embed_tokens.weight, torch.tensor(written["token_embd.weight"]))
    assert torch.equal(
        model.model.layers[1].mlp.down_proj.weight, torch.tensor(written["blk.1.ffn_down.weight"])
    )
    assert tokenizer.decode(tokenizer(SAID).input_ids) == SAID
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert (
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert tokenizer.eos_token == "<|im_end|>"


def test_it_is_converted_once_and_again_when_damaged(models: Path, tmp_path: Path) -> None:
    """A second opening changes nothing; a flipped byte is noticed and mended."""
    gguf = tiny_gguf(tmp_path / "tiny.gguf", seed=1)
    weights = open_base(str(gguf)).folder / "model.safetensors"
    before = weights.stat()
    assert open_base(str(gguf)).folder / "model.safetensors" == weights
    assert weights.stat().st_mtime_ns == before.st_mtime_ns
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    open_base(str(gguf))
    assert weights.read_bytes() == whole
    assert [path.name for path in models.iterdir()] == [weights.parent.name]  # no leftovers


def test_two_who_want_it_at_once_convert_it_once(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits for the first, whose folder nobody takes away again."""
    gguf = tiny_gguf(tmp_path / "tiny.gguf", seed=1)
    convert, begun, go_on = base_module._convert, Semaphore(0), Event()

    def slowly(source: Path, to: Path) -> None:
        begun.release()
        assert go_on.wait(60)
        convert(source, to)

    monkeypatch.setattr(base_module, "_convert", slowly)
    with ThreadPoolExecutor() as at_once:
        first = at_once.submit(open_base, str(gguf))
        assert begun.acquire(timeout=60)
        second = at_once.submit(open_base, str(gguf))
        converts_too = begun.acquire(timeout=0.5)
        go_on.set()
        assert first.result(60) == second.result(60)
    assert not converts_too
    assert not begun.acquire(blocking=False)
    assert [path.name for path in models.iterdir()] == [first.result().folder.name]


def test_another_file_is_another_base(models: Path, tmp_path: Path) -> None:
    """What a base is called by follows its weights, not its name."""
    one = open_base(str(tiny_gguf(tmp_path / "a" / "tiny.gguf", seed=1)))
    other = open_base(str(tiny_gguf(tmp_path / "b" / "tiny.gguf", seed=2)))
    assert one.name == other.name
    assert one.sha256 != other.sha256
    assert one.folder != other.folder


def test_a_folder_is_a_base_as_it_is(models: Path, tmp_path: Path) -> None:
    """A folder of transformers is used where it lies; changed weights are another base."""
    folder = open_base(str(tiny_gguf(tmp_path / "tiny.gguf", seed=1))).folder
    base = open_base(str(folder))
    assert base == Base(folder.name, folder, base.sha256)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.5}))
    assert open_base(str(folder)).sha256 != base.sha256


@pytest.mark.parametrize("name", ["missing.gguf", "no such model", "folder"])
def test_what_is_no_base_is_refused(
    name: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what was given and what can be."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=name):
        open_base(name)


@pytest.mark.slow
def test_the_embedded_model_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called by the checksum of what is pulled, so that it is the same on every machine.

    Its tokens are those that the service counts.
    """
    base = open_base()
    tokenizer = base.tokenizer()
    assert len(tokenizer(SAID).input_ids) == count_tokens(SAID)
    assert tokenizer.decode(tokenizer(SAID).input_ids) == SAID
    assert base.sha256 == WEIGHTS.sha256
    config = json.loads((base.folder / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"]) == ("llama", 30)


def test_what_is_no_gguf_is_refused(tmp_path: Path) -> None:
    """Whatever it is called."""
    fake = tmp_path / "fake.gguf"
    fake.write_text("GGUF?")
    with pytest.raises(InvalidInput, match="is no whole GGUF file"):
        open_base(str(fake))
