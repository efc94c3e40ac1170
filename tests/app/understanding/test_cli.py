"""The commands, with the embedded encoder as it is and heads on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.understanding.labelled import Example
from memory import InvalidInput
from tests.app.understanding.conftest import said

Write = Callable[[str, list[Example]], Path]


def run(*words: object) -> str:
    """What a command prints; its errors are raised."""
    done = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_classifier_is_trained_and_measured(tmp_path: Path, written: Write) -> None:
    """In the data folder, by its name; the figures come as a table, as JSON and as a picture."""
    data = written("train.jsonl", said(60, seed=1, outside=60))
    shown = run(
        "train", "classifier", "--data", data, "--name", "desk", "--tune", "head",
        "--data-dir", tmp_path, "--licence", "own",
    )  # fmt: skip
    folder = tmp_path / "classifiers" / "desk"
    assert f"--model {folder}" in shown
    assert json.loads((folder / "card.json").read_text())["data"][0]["licence"] == "own"
    test = written("test.jsonl", said(10, seed=2, outside=10))
    picture = tmp_path / "confusion.png"
    asked = ("evaluate", "classifier", "--model", folder, "--data", test)
    made = json.loads(run(*asked, "--json", "--plot", picture))
    assert made["out_of_scope"]["in_scope_accuracy"] > 0.9
    assert made["out_of_scope"]["recall"] > 0.8
    assert f"accuracy {made['accuracy']:.4f}" in run(*asked)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--name", "Desk!"], "--name 'Desk!': use small letters"),
        (["--name", "desk", "--tune", "half"], "--tune 'half' is not known"),
        (["--name", "desk", "--dev", "mood=x.jsonl"], "there is no head 'mood'"),
        (["--name", "desk", "--data", "y.jsonl"], "--data is given twice for one head"),
        (["--name", "desk", "--licence", "a", "--licence", "b"], "there are 2 --licence for 1"),
        (["--name", "desk", "--oos", "none"], "'none' that is to mean out of scope"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    words: list[str], fault: str, tmp_path: Path, written: Write
) -> None:
    """Before anything is trained, and nothing is made."""
    data = written("train.jsonl", said(20, seed=1))
    with pytest.raises(InvalidInput, match=fault):
        run("train", "classifier", "--data", data, "--data-dir", tmp_path, *words)
    assert [file.name for file in tmp_path.iterdir()] == ["train.jsonl"]
