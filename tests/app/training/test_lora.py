"""Training: it learns, it is the same when it was killed, and it refuses what it cannot do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.training.base import Base
from app.training.buckets import Buckets
from app.training.lora import train
from memory import InvalidInput
from tests.app.training.lessons import IGNORED, Lesson, lessons, options

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("method", ["lora", "adalora", "full"])
def test_it_learns(method: str, base: Base, tmp_path: Path) -> None:
    """The validation loss falls, and what is written loads and answers so."""
    import torch

    out = tmp_path / "out"
    chosen = (
        options(method, learning_rate=1e-2, epochs=1, check=1)
        if method == "full"
        else options(method, learning_rate=5e-2, check=2)
    )
    trained = train(lessons(40), lessons(6, 1), base, out, chosen)
    measured = [one["eval_loss"] for one in trained.losses if "eval_loss" in one]
    assert trained.steps == (10 if method == "full" else 30)
    assert trained.best_loss == min(measured) < 0.95 * measured[0]
    assert json.loads((out / "losses.json").read_text()) == trained.losses
    assert list((out / "logs").glob("events.*"))
    folder = trained.folder
    assert folder is not None
    if method == "full":
        model = Base("tuned", folder, "").model()
        assert Base("tuned", folder, "").tokenizer().chat_template
    else:
        model = base.model(folder)
    one = lessons(1, 2)[0]
    ids, labels = torch.tensor([one.ids]), torch.tensor([one.labels])
    with torch.no_grad():
        assert float(model(ids, labels=labels).loss) < measured[0]


def test_an_only_step_learns(base: Base, tmp_path: Path) -> None:
    """It is no part of a warm-up, whose first step has a learning rate of nothing."""
    for name, some in (("one", options(steps=1)), ("part", options(epochs=0.1, check=1))):
        trained = train(lessons(8), lessons(2, 1), base, tmp_path / name, some)
        assert trained.steps == 1
        assert max(one.get("learning_rate", 0) for one in trained.losses) == some.learning_rate


def names_of(weights: Any) -> list[str]:
    """The names of a safetensors file's tensors."""
    return list(weights.keys())


def test_only_the_upper_layers_are_tuned(base: Base, tmp_path: Path) -> None:
    """With one layer of two, the lower has no weights in the adapter."""
    from safetensors import safe_open

    trained = train(
        lessons(8), lessons(2, 1), base, tmp_path / "out", options(top_layers=1, epochs=1)
    )
    assert trained.folder is not None
    with safe_open(trained.folder / "adapter_model.safetensors", "np") as weights:
        names = names_of(weights)
    assert names
    assert all(".layers.1." in name for name in names)
    with safe_open(base.folder / "model.safetensors", "pt") as before:
        full = options("full", top_layers=1, epochs=1)
        tuned = train(lessons(8), lessons(2, 1), base, tmp_path / "full", full).folder
        assert tuned is not None
        with safe_open(tuned / "model.safetensors", "pt") as after:
            changed = [
                n for n in names_of(before) if (before.get_tensor(n) != after.get_tensor(n)).any()
            ]
    assert changed
    assert all(".layers.1." in name for name in changed)


@pytest.mark.parametrize("method", ["lora", "adalora"])
def test_a_killed_training_ends_with_the_same_losses(
    method: str, base: Base, tiny: Path, tmp_path: Path
) -> None:
    """Killed after its first checkpoint and resumed, it measures what one that ran through does."""
    whole = train(lessons(40), lessons(6, 1), base, tmp_path / "whole", options(method))
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.training.lessons", str(tiny), str(out), method],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not list(out.glob("checkpoints/*/whole")):
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (out / "adapter").exists()
    torn = out / "checkpoints" / "checkpoint-29"
    torn.mkdir()  # as if it had been killed while it wrote one
    (torn / "trainer_state.json").write_text('{"log_his')
    (out / "run.json").write_text("")  # the checkpoints say it too
    resumed = train(lessons(40), lessons(6, 1), base, out, options(method), resume=True)
    assert [one["step"] for one in resumed.losses] == [one["step"] for one in whole.losses]
    for ours, theirs in zip(resumed.losses, whole.losses, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("method", ["lora", "adalora"])
def test_it_goes_on_in_pieces(method: str, base: Base, tmp_path: Path) -> None:
    """With no time at all each piece is a step; together they are one training."""
    chosen = options(method, epochs=1, batch=8)  # five steps
    whole = train(lessons(40), lessons(6, 1), base, tmp_path / "whole", chosen)
    for piece in range(5):
        trained = train(
            lessons(40), lessons(6, 1), base, tmp_path / "out", chosen, resume=True, minutes=0
        )
        assert trained.steps == piece + 1
        assert (trained.folder is None) == (piece < 4)
    assert [one["step"] for one in trained.losses] == [one["step"] for one in whole.losses]
    for ours, theirs in zip(trained.losses, whole.losses, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_it_stops_when_nothing_gets_better(base: Base, tmp_path: Path) -> None:
    """With weights that are torn about, it ends early and keeps the best."""
    chosen = options(learning_rate=5.0, check=1, patience=2)
    trained = train(lessons(40), lessons(6, 1), base, tmp_path / "out", chosen)
    measured = [one["eval_loss"] for one in trained.losses if "eval_loss" in one]
    assert len(measured) < 30
    assert trained.best_loss == min(measured)


def test_what_cannot_be_trained_is_refused(base: Base, tmp_path: Path) -> None:
    """Nothing to learn, a folder in use, another training, a full disk: what to do is said."""
    nothing = [Lesson([1, 2, 3], [IGNORED] * 3)]
    with pytest.raises(InvalidInput, match="no answer"):
        train(nothing, lessons(2), base, tmp_path / "out", options())
    with pytest.raises(InvalidInput, match="dev part"):
        train(lessons(2), [], base, tmp_path / "out", options())
    assert not (tmp_path / "out").exists()
    for wide, why in (
        (options(rank=65), "rank is 65, more than the 64"),
        (options(top_layers=3), "top_layers is 3, more than the 2"),
    ):
        with pytest.raises(InvalidInput, match=why):
            train(lessons(2), lessons(2), base, tmp_path / "wide", wide)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="--resume"):
        train(lessons(2), lessons(2), base, tmp_path / "out", options())
    run = tmp_path / "run"
    short = options(epochs=1)
    train(lessons(4), lessons(2), base, run, short)
    with pytest.raises(InvalidInput, match="other sequences"):
        train(lessons(5), lessons(2), base, run, short, resume=True)
    with pytest.raises(InvalidInput, match="other options"):
        train(lessons(4), lessons(2), base, run, options(rank=2, epochs=1), resume=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["diary.txt"]


_FULL = """
import resource, signal, sys
from pathlib import Path
from app.training.base import open_base
from app.training.lora import train
from tests.app.training.lessons import lessons, options
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
base = open_base(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    train(lessons(8), lessons(2, 1), base, Path(sys.argv[2]), options(epochs=1))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("most", [20_000, 200_000])
def test_a_full_disk_is_told_and_nothing_is_lost(
    most: int, base: Base, tiny: Path, tmp_path: Path
) -> None:
    """Whichever file no longer fits; with room again it goes on to the same losses."""
    whole = train(lessons(8), lessons(2, 1), base, tmp_path / "whole", options(epochs=1))
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tiny), str(tmp_path / "out"), str(most)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "InvalidInput" in done.stdout, done.stdout + done.stderr
    assert "Free some space" in done.stdout
    resumed = train(
        lessons(8), lessons(2, 1), base, tmp_path / "out", options(epochs=1), resume=True
    )
    assert resumed.folder is not None
    for ours, theirs in zip(resumed.losses, whole.losses, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_batches_hold_little_padding_and_every_sequence_once() -> None:
    """Whatever the lengths: a permutation, the same when asked again, another each epoch."""
    lengths = [len(one.ids) for one in lessons(1_003)]
    order = Buckets(lengths, 8, seed=3)
    first = list(order)
    assert sorted(first) == list(range(1_003))
    assert list(order) == first
    order.set_epoch(1)
    assert sorted(order) == sorted(first)
    assert list(order) != first

    def padding(indices: list[int]) -> int:
        batches = [[lengths[i] for i in indices[k : k + 8]] for k in range(0, len(indices), 8)]
        return sum(max(batch) * len(batch) - sum(batch) for batch in batches)

    assert padding(first) < 0.05 * sum(lengths) < padding(list(range(1_003)))
