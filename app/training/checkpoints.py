"""The checkpoints of a training: which of them are whole, and of what training they are.

A checkpoint is whole when it has a marker, written when all else of it is on the disk, with the
checksums of its files. So one that was cut off by a kill, a full disk or a power cut, or that
was damaged later, is known before it is loaded, and the one before it is taken.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from memory.weights import sha256, to_disk, written

WHOLE = "whole"  # the marker: {"run": ..., "files": {name: sha256}}; empty in older ones

_logger = logging.getLogger(__name__)


def mark(folder: Path, run: dict[str, Any]) -> None:
    """Say that all of a checkpoint is written; then it is on the disk.

    Args:
        folder: the checkpoint's.
        run: what the training is.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != WHOLE]
    for path in files:
        to_disk(path)
    sums = {str(path.relative_to(folder)): sha256(path) for path in files}
    with written(folder / WHOLE) as part:
        part.write_text(json.dumps({"run": run, "files": sums}, indent=1))


def whole(checkpoints: Path) -> list[Path]:
    """The checkpoints in a folder that were written to their end, the newest first."""
    return [folder for folder in _all(checkpoints) if (folder / WHOLE).is_file()]


def newest(checkpoints: Path) -> tuple[Path, dict[str, Any]] | None:
    """The last checkpoint that can be gone on from, with what its training is ({}: not known).

    Those that are damaged are passed over with a warning.
    """
    for folder in whole(checkpoints):
        try:
            marker = json.loads((folder / WHOLE).read_text() or "{}")
            run, files = marker.get("run", {}), marker.get("files", {})
            damaged = [name for name, expected in files.items() if _sum(folder / name) != expected]
        except (OSError, ValueError, AttributeError) as error:
            damaged, run = [f"{WHOLE}: {error}"], {}
        if not damaged:
            return folder, run
        _logger.warning("%s is damaged (%s): going on from before it", folder, ", ".join(damaged))
    return None


def remove_after(checkpoints: Path, last: Path | None) -> None:
    """Remove what is newer than a checkpoint, and what was cut off while it was written."""
    good = whole(checkpoints)
    good = [] if last is None else good[good.index(last) :]
    for folder in _all(checkpoints):
        if folder not in good:
            shutil.rmtree(folder)


def _all(checkpoints: Path) -> list[Path]:
    """The newest first."""
    found = [path for path in checkpoints.glob("checkpoint-*") if _step(path) is not None]
    return sorted(found, key=lambda path: _step(path) or 0, reverse=True)


def _step(folder: Path) -> int | None:
    step = folder.name.rpartition("-")[2]
    return int(step) if step.isdecimal() and folder.is_dir() else None


def _sum(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None
