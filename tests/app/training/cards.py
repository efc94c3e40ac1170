"""Cards and files of adapters, for tests that tune nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.training.card import BASE, Card, Figures

BASE_SHA = "b" * 64


def card(name: str, figures: Figures, **more: Any) -> Card:
    """A card of an adapter that was measured beside a base of perplexity 20, ROUGE-L 0.1."""
    given: dict[str, Any] = {
        "date": "2026-05-04T09:30:00+00:00",
        "base": {"name": "tiny", "sha256": BASE_SHA},
        "data": [{"name": "desk.jsonl", "sha256": "d" * 64, "dialogues": 9, "licence": "own"}],
        "counts": {"train_dialogues": 80, "dev_dialogues": 10, "test_dialogues": 10, "answers": 20},
        "held_out": "e" * 64,
        "options": {"method": "lora"},
        "compared": {BASE: Figures(20.0, 0.1)},
    }
    return Card(id=name, figures=figures, **{**given, **more})


def files(folder: Path, text: str = "weights") -> list[Path]:
    """Two files that stand for an adapter's."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in ("adapter_model.safetensors", "adapter.gguf"):
        (folder / name).write_text(f"{text} {name}" * 100)
        found.append(folder / name)
    return found
