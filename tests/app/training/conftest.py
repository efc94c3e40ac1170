"""A tiny base model, converted once for all tests that train it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.training.base import Base, open_base
from tests.app.training.tiny import tiny_gguf


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model's GGUF file; what is made of it lies beside it."""
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMORY_SERVICE_MODELS_DIR", str(folder / "models"))
        path = tiny_gguf(folder / "tiny.gguf", seed=1, sure=True)
        open_base(str(path))
    return path


@pytest.fixture
def base(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    """The tiny model as a base."""
    monkeypatch.setenv("MEMORY_SERVICE_MODELS_DIR", str(tiny.parent / "models"))
    return open_base(str(tiny))
