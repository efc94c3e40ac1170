"""Which checkpoints are whole, and what is gone on from when one is not."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.training.checkpoints import WHOLE, mark, newest, remove_after, whole

RUN = {"options": {"rank": 8}}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder with three checkpoints, the last with a folder in it."""
    for step in (20, 40, 100):
        checkpoint = tmp_path / f"checkpoint-{step}"
        (checkpoint / "inner").mkdir(parents=True)
        (checkpoint / "weights").write_bytes(bytes([step]) * 100)
        (checkpoint / "inner" / "state").write_text(str(step))
        mark(checkpoint, RUN)
    return tmp_path


def test_the_newest_is_taken_by_its_step(three: Path) -> None:
    """A hundred comes after forty; what its training is comes with it."""
    assert newest(three) == (three / "checkpoint-100", RUN)
    assert [path.name for path in whole(three)] == [f"checkpoint-{n}" for n in (100, 40, 20)]
    assert newest(three / "none") is None


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("weights", b"\0" * 100),  # as after a power cut
        ("weights", b"d" * 99),
        ("inner/state", None),
        (WHOLE, b"\0\0"),
        (WHOLE, b"[]"),
    ],
)
def test_a_damaged_one_is_passed_over_with_a_warning(
    three: Path, caplog: pytest.LogCaptureFixture, file: str, content: bytes | None
) -> None:
    """The one before it is taken; what is newer goes, and then it is as if it had never been."""
    damaged = three / "checkpoint-100" / file
    damaged.unlink() if content is None else damaged.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        found = newest(three)
    assert found == (three / "checkpoint-40", RUN)
    assert file in caplog.text
    remove_after(three, three / "checkpoint-40")
    assert sorted(path.name for path in three.iterdir()) == ["checkpoint-20", "checkpoint-40"]


def test_one_that_was_cut_off_is_none(three: Path) -> None:
    """It has no marker; and when all are damaged there is none."""
    (three / "checkpoint-120").mkdir()
    assert newest(three) == (three / "checkpoint-100", RUN)
    for step in (20, 40, 100):
        (three / f"checkpoint-{step}" / "weights").unlink()
    assert newest(three) is None
    remove_after(three, None)
    assert list(three.iterdir()) == []


def test_a_marker_from_before_there_were_checksums_holds(three: Path) -> None:
    """It was empty: the checkpoint is whole, and does not say of what."""
    (three / "checkpoint-100" / WHOLE).write_text("")
    assert newest(three) == (three / "checkpoint-100", {})
