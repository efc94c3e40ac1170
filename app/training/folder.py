"""The folder of a training, before and while something is trained in it."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.training.checkpoints import whole
from memory import InvalidInput
from memory.weights import written

if TYPE_CHECKING:
    from app.training.card import Card
from app.training.registry import Registry

_WAIT_SECONDS = 60.0  # of the others for the first process
_FULL = re.compile(r"os error \d|No space left|unexpected pos \d|PytorchStreamWriter failed")
_SEED, _BECAME = "redaction-seed", "became"
# What a start that came to no checkpoint leaves: nothing is lost when another begins there.
_TRACES = (_SEED, "run.json", "logs", "checkpoints", "search")

_logger = logging.getLogger(__name__)


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


@contextmanager
def writing(out: Path, remedy: str) -> Iterator[None]:
    """Say what to do where a training cannot write into its folder.

    Raises:
        InvalidInput: the disk is full, or something else is in the way.
    """
    try:
        yield
    except InvalidInput:
        raise
    except Exception as error:
        # torch, safetensors and tokenizers have errors of their own for a full disk.
        if not isinstance(error, OSError) and not _FULL.search(str(error)):
            raise
        msg = f"cannot write to {out}: {error}. {remedy}"
        raise InvalidInput(msg) from error


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Keep a folder to this process (with those that train with it) until the block ends.

    The lock is the system's: it ends with the process, however that ends.

    Raises:
        InvalidInput: another has it.
    """
    if not first():
        yield
        return
    # The folder itself is locked, so nothing is left in it.
    handle = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another training is under way in {out}: wait for it, or give another --out"
            raise InvalidInput(msg) from error
        except OSError:
            _logger.warning("%s cannot be locked: let no other training write there", out)
        yield
    finally:
        os.close(handle)


def note_end(out: Path, card: Card) -> None:
    """Note what the training in a folder became."""
    with written(out / _BECAME) as part:
        part.write_text(card.id)


def became(out: Path) -> str | None:
    """What the training in a folder became before, if it was finished."""
    file = out / _BECAME
    return file.read_text() if file.is_file() else None


def finished(out: Path, registry: Registry) -> str | None:
    """What the finished training in a folder became, to tell; None if it is to go on.

    It goes on too where its adapter was not measured beside what is in service now: the gate
    asks for that.
    """
    try:
        became = (out / _BECAME).read_text()
        if (out / "model").is_dir():
            return f"it is finished: serve it with --llm huggingface:{out / 'model'}"
        card = registry.card(became)
        now = registry.in_service(card.base["sha256"])
        if card.task == "reply" and now not in (None, card.id, *card.compared):
            return None
    except (OSError, ValueError, InvalidInput):
        return None  # not ended, or its adapter is gone
    return f"it is finished, and became the adapter {card.id} ({card.figures})"


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
