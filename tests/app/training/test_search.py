"""The search for hyperparameters: it takes the best, within its time, once."""

from __future__ import annotations

import json
from pathlib import Path

from app.training.base import Base
from app.training.search import search
from tests.app.training.lessons import lessons, options


def test_the_best_trial_says_how(base: Base, tmp_path: Path) -> None:
    """The loss of the choice is the least of all; a second search takes what was found."""
    given = options(epochs=1, learning_rate=2e-4)
    parts = lessons(16), lessons(4, 1)
    chosen = search(*parts, base, tmp_path, given, trials=3)
    found = json.loads((tmp_path / "search.json").read_text())
    assert len(found["trials"]) == 3
    assert found["trials"][0]["learning_rate"] == 2e-4  # the options as they are
    best = min(found["trials"], key=lambda trial: trial["loss"])
    assert (chosen.learning_rate, chosen.rank) == (best["learning_rate"], best["rank"])
    assert (chosen.epochs, chosen.seed, chosen.steps) == (given.epochs, given.seed, None)
    assert [path.name for path in tmp_path.iterdir()] == ["search.json"]
    assert search(*parts, base, tmp_path, given, trials=50) == chosen


def test_it_ends_when_the_time_is_up(base: Base, tmp_path: Path) -> None:
    """With no time at all there is one trial, which is measured once."""
    search(lessons(16), lessons(4, 1), base, tmp_path, options(epochs=2), trials=50, minutes=1e-9)
    found = json.loads((tmp_path / "search.json").read_text())
    assert len(found["trials"]) == 1
