"""A training's folder: what is in the way of a training there, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.training.checkpoints import mark
from app.training.folder import check_out, redaction_seed
from memory import InvalidInput


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
