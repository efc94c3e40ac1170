"""A training's folder: what is in the way of a training there, and what is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.training.card import Figures
from app.training.checkpoints import mark
from app.training.folder import check_out, claimed, finished, note_end, redaction_seed
from app.training.registry import Registry
from memory import InvalidInput
from tests.app.training.cards import card

ROOT = Path(__file__).parents[3]


def test_what_a_failed_start_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    """Its secret, its note and its logs are taken over; a checkpoint cut off is nothing yet."""
    out = tmp_path / "out"
    check_out(out, resume=False)
    seed = redaction_seed(out)
    (out / "run.json").write_text("{")
    (out / ".run.json.x1").touch()
    (out / "logs").mkdir()
    (out / "checkpoints" / "checkpoint-20").mkdir(parents=True)
    check_out(out, resume=False)
    assert redaction_seed(out) == seed
    assert (out / "redaction-seed").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["diary.txt", ".git", "adapter", "search.json"])
def test_what_is_more_than_that_is_left_alone(tmp_path: Path, name: str) -> None:
    """Somebody's own files, and what a training came to: only --resume goes on there."""
    (tmp_path / name).touch()
    with pytest.raises(InvalidInput, match="not empty: go on with --resume"):
        check_out(tmp_path, resume=False)
    check_out(tmp_path, resume=True)


def test_a_checkpoint_is_to_be_resumed(tmp_path: Path) -> None:
    """A whole one is work that another training would spoil."""
    checkpoint = tmp_path / "checkpoints" / "checkpoint-20"
    checkpoint.mkdir(parents=True)
    mark(checkpoint, {})
    with pytest.raises(InvalidInput, match="not empty: go on with --resume"):
        check_out(tmp_path, resume=False)


_HOLD = """
import sys
from pathlib import Path
from app.training.folder import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_trainings_are_not_let_into_one_folder(tmp_path: Path) -> None:
    """The second is told; when the first is killed the folder is free, and nothing is left."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InvalidInput, match="another training is under way"), claimed(tmp_path):
            pass
        holder.kill()
    with claimed(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_those_that_train_together_share_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of them has it for all."""
    with claimed(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with claimed(tmp_path):
            pass


def test_a_finished_training_says_what_it_became(tmp_path: Path) -> None:
    """Until its adapter is gone, or is to be measured beside another that is in service."""
    registry, out = Registry(tmp_path / "models", shipped=tmp_path / "none"), tmp_path / "out"
    out.mkdir()
    assert finished(out, registry) is None
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    mine = registry.add([weights], card("mine", Figures(9.0, 0.2)))
    note_end(out, mine)
    told = finished(out, registry)
    assert told is not None
    assert "became the adapter mine (perplexity 9.00, ROUGE-L 0.200)" in told
    registry.add([weights], card("other", Figures(8.0, 0.3)))
    registry.promote("other", mine.base["sha256"])
    assert finished(out, registry) is None
    registry.rollback(mine.base["sha256"])
    assert finished(out, registry) == told
    shutil.rmtree(tmp_path / "models" / "mine")
    assert finished(out, registry) is None
    (out / "model").mkdir()
    assert "huggingface:" in str(finished(out, registry))
