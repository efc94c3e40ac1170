"""``memory-service finetune``: what cannot be done is told in a line, and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.training.registry import Registry
from tests.app.test_cli import run
from tests.app.training.test_loop import written
from tests.forked import console

ROOT = Path(__file__).parents[3]
_SIDE = {"turns": [{"role": "customer", "text": "Where is it?"}]}
_ROLE = {"turns": [{"role": "customer", "text": "Where?"}, {"role": "oracle", "text": "Here."}]}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 61"),
        ('{"turns": []}', "line 61: the dialogue is empty"),
        (json.dumps(_SIDE), "line 61: the agent says nothing"),
        (json.dumps(_ROLE), "line 61: turn 2 has the role 'oracle'"),
        ('{"id": "\\ud800", "text": "a", "response": "b"}', "line 61: the text has a lone"),
        ('{"x": "' + "y" * 5_000_000 + '"}', "line 61 is longer"),
    ],
    ids=["json", "empty", "side", "role", "surrogate", "long"],
)
def test_bad_data_is_told_with_its_line(line: str, why: str, tmp_path: Path) -> None:
    """One line on stderr; no adapter, and no model was loaded for it."""
    data = written(tmp_path / "desk.jsonl")
    with data.open("a") as file:
        file.write("\n" + line + "\n")
    done = run("finetune", "--data", str(data), data=tmp_path)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "training").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--learning-rate", "nan"], "'--learning-rate'"),
        (["--learning-rate", "-1"], "'--learning-rate'"),
        (["--epochs", "inf"], "'--epochs'"),
        (["--epochs", "0"], "'--epochs'"),
        (["--seed", "9" * 30], "'--seed'"),
        (["--weight-decay", "inf"], "'--weight-decay'"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(given: list[str], why: str, tmp_path: Path) -> None:
    """No number that is none; and no traceback."""
    done = run("finetune", "--data", str(written(tmp_path / "desk.jsonl")), *given, data=tmp_path)
    assert done.returncode == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_learn_is_told_before_torch_is_loaded(tmp_path: Path) -> None:
    """An empty file, and one with too little in it, take a second and leave nothing."""
    environment = {**os.environ, "MEMORY_SERVICE_DATA_DIR": str(tmp_path)}
    for count, why in ((0, "no dialogue to learn from"), (3, "part would be empty")):
        data = written(tmp_path / "desk.jsonl", count)
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "app", "finetune", "--data", str(data)],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert why in done.stderr
        assert not re.search(r"\| +torch$", done.stderr, re.MULTILINE)
        assert not (tmp_path / "training").exists()


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of a program that was interrupted, and where what was learnt is."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.training.finetune.finetune", interrupted)
    data, out = written(tmp_path / "desk.jsonl"), tmp_path / "out"
    done = CliRunner().invoke(app, ["finetune", "--data", str(data), "--out", str(out)])
    assert done.exit_code == 130
    assert f"is kept in {out}. Go on with the same command and --resume" in done.stderr


def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    """A mistyped folder is no service without sessions."""
    done = run("finetune", "--from-service", "all", data=tmp_path / "mistyped")
    assert done.returncode == 1
    assert "there is no database" in done.stderr
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_goes_from_data_to_an_adapter_in_pieces(tiny: Path, tmp_path: Path) -> None:
    """Without time it says how to go on; resumed with time it keeps an adapter with its card."""
    data = written(tmp_path / "desk.jsonl", 40)
    command = ["finetune", "--data", str(data), "--base", str(tiny), "--steps", "3"]
    command += ["--examples", "2", "--returning", "0"]
    assert "what is to be learnt?" in run("finetune", data=tmp_path).stderr
    begun = run(*command, "--minutes", "0", data=tmp_path, timeout=180)
    assert "--resume" in begun.stdout, begun.stderr
    done = run(*command, "--resume", data=tmp_path, timeout=180)
    assert done.returncode == 0, done.stderr
    (card,) = [one for one in Registry(tmp_path / "models").cards() if one.base["name"] == "tiny"]
    assert card.id in done.stdout
    assert card.training["steps"] == 3
    again = run(*command, "--resume", data=tmp_path)
    assert f"finished, and became the adapter {card.id}" in again.stdout, again.stderr
    anew = run(*command, data=tmp_path)
    assert anew.returncode == 1
    assert "Give another --out" in anew.stderr
    assert len(list((tmp_path / "models").glob("2*"))) == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_several_processes_train_together(tiny: Path, tmp_path: Path) -> None:
    """As on several GPUs: they read the same, share the steps, and keep one adapter."""
    data = written(tmp_path / "desk.jsonl", 40)
    launch = [
        "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "-m", "app",
    ]  # fmt: skip
    command = ["finetune", "--data", str(data), "--base", str(tiny), "--steps", "3"]
    command += ["--examples", "2", "--returning", "0", "--batch", "4", "--check", "1"]
    done = subprocess.run(
        [sys.executable, "-m", *launch, *command],
        env={**os.environ, "MEMORY_SERVICE_DATA_DIR": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (card,) = [one for one in Registry(tmp_path / "models").cards() if one.base["name"] == "tiny"]
    assert done.stdout.count(f"{card.id}: perplexity") == 1  # told by one of them
    assert card.training["steps"] == 3
    environment = {**os.environ, "MEMORY_SERVICE_DATA_DIR": str(tmp_path), "WORLD_SIZE": "2"}
    command += ["--out", str(tmp_path / "x"), "--search", "2"]
    searched = console(*command, environment=environment, timeout=300)
    assert "without `accelerate launch`" in searched.stderr
