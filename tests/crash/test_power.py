"""The power cut in short, and that it would be seen if something were not synced."""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.disk import Change, Disk
from tests.crash.power import Recorded, cut, record


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What one service did to its files."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("what writes down a process's changes of files is built by Linux's C compiler")
    return record(tmp_path_factory.mktemp("recorded"), turns=6)


def test_a_power_cut_loses_nothing_that_was_acknowledged(
    recorded: Recorded, tmp_path: Path
) -> None:
    """Whatever part of what was not synced is on the disk, in whole sectors or none: the database
    opens whole, each acknowledged turn is there once, exact and in order, and of a customer whose
    receipt was given nothing is in any file. ``python -m tests.crash --power 5000`` cuts more.
    """
    found = cut(recorded, tmp_path, cuts=50)
    assert found["faults"] == {}, found["details"]
    assert found["acknowledged"] > 10
    assert found["cuts"] == 50


@pytest.mark.parametrize(
    ("name", "faults"),
    [("memory.db-wal", {"losses", "erased is back"}), (".", {"losses"})],
)
def test_a_sync_that_is_left_out_is_seen(
    recorded: Recorded, tmp_path: Path, name: str, faults: set[str]
) -> None:
    """Of the write-ahead log: acknowledged turns are lost and erased customers come back; of the
    folder: the files may be gone.
    """
    kept = [one for one in recorded.changes if one.kind != "S" or one.name != name]
    assert len(kept) < len(recorded.changes)
    found = cut(replace(recorded, changes=kept), tmp_path, cuts=150)
    assert faults <= found["faults"].keys(), found


def test_a_disk_keeps_what_was_synced_and_any_part_of_the_rest() -> None:
    """A file's content and name after a cut: what was synced is always there, of what was not
    every sector is there sometimes, and a file is removed for certain once its folder is synced.
    """

    def at(kind: str, name: str = "f", offset: int = 0, data: bytes = b"") -> Change:
        return Change(kind, 0.0, name, offset, data)

    disk = Disk()
    for change in (
        at("C"), at("W", data=b"a" * 1024), at("S"), at("S", "."), at("W", data=b"b" * 1024),
        at("C", "g"), at("W", "g", data=b"c"),
    ):  # fmt: skip
        disk.apply(change)
    chance = random.Random(1)
    left = [disk.after_a_cut(chance) for _ in range(200)]
    assert {one["f"] for one in left} == {
        first * 512 + second * 512 for first in (b"a", b"b") for second in (b"a", b"b")
    }
    assert {one.get("g") for one in left} == {None, b"", b"c"}
    disk.apply(at("U"))
    assert {"f" in disk.after_a_cut(chance) for _ in range(50)} == {True, False}
    disk.apply(at("S", "."))
    assert {"f" in disk.after_a_cut(chance) for _ in range(50)} == {False}
