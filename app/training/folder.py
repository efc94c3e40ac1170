"""The folder of a training, before and while something is trained in it."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from app.training.checkpoints import whole
from memory import InvalidInput
from memory.weights import written

_WAIT_SECONDS = 60.0  # of the others for the first process
_SEED = "redaction-seed"
# What a start that came to no checkpoint leaves: nothing is lost when another begins there.
_TRACES = (_SEED, "run.json", "logs", "checkpoints", "search")


def check_out(out: Path, *, resume: bool) -> None:
    """Make the folder, and see that nothing in it is in the way of a training.

    Raises:
        InvalidInput: it cannot be made, or has something else in it than what is to be resumed.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if first() and not resume and _begun(out):
            msg = f"{out} is not empty: go on with --resume, or give another --out"
            raise InvalidInput(msg)
    except OSError as error:
        msg = f"--out {out} cannot be written ({error.strerror}): give another folder"
        raise InvalidInput(msg) from error


def redaction_seed(out: Path) -> str:
    """A secret that stays with the training, so that resumed it has the same stand-ins."""
    path = out / _SEED
    until = time.monotonic() + _WAIT_SECONDS
    while not first() and not path.exists() and time.monotonic() < until:
        time.sleep(0.1)
    if not path.exists():
        with written(path, mode=0o600) as part:
            part.write_text(secrets.token_hex(16))
    return path.read_text()


def first() -> bool:
    """Whether this is the first, or the only one, of the processes that train together."""
    return int(os.environ.get("RANK", "0")) == 0


def _begun(out: Path) -> bool:
    """Whether there is anything in a folder that a new training would spoil."""
    for path in out.iterdir():
        name = path.name
        if name not in _TRACES and not name.startswith(tuple(f".{trace}." for trace in _TRACES)):
            return True
    return bool(whole(out / "checkpoints"))
