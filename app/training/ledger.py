"""What is in service with each base, and what was before it, written down.

A file is there whole or as it was before: a full disk or a kill leaves nothing half written.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from app.training.card import document
from memory import InvalidInput
from memory.weights import to_disk

T = TypeVar("T")


class State(TypedDict):
    """Of a base: the adapter in service, and those before it, the last one last; None: none."""

    in_service: str | None
    before: list[str | None]


class Trouble(TypedDict):
    """The adapter that a service could not take up, and why."""

    adapter: str
    why: str


_STATES, _TROUBLES = TypeAdapter(dict[str, State]), TypeAdapter(dict[str, Trouble])


class Ledger:
    """Two files in a folder: ``state.json`` and ``trouble.json``, both by the bases' sha256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state, self._trouble = folder / "state.json", folder / "trouble.json"

    def states(self) -> dict[str, State]:
        """What is in service with each base of which anything was ever promoted.

        Raises:
            InvalidInput: it cannot be read.
        """
        return _read(_STATES, self._state)

    @contextmanager
    def changing(self) -> Iterator[dict[str, State]]:
        """What ``states`` gives, written down when the block ends well; one changes it at a time.

        Raises:
            InvalidInput: it cannot be read or written; then nothing has changed.
        """
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                states = self.states()
                yield states
                write_json(self._state, states)

    def trouble(self, base_sha256: str) -> Trouble | None:
        """What a service noted last of a base."""
        return _read(_TROUBLES, self._trouble).get(base_sha256)

    def note(self, base_sha256: str, trouble: Trouble | None) -> None:
        """Let others know of trouble with a base, or that it is over."""
        before = _read(_TROUBLES, self._trouble)
        after = {base: one for base, one in before.items() if base != base_sha256}
        if trouble is not None:
            after[base_sha256] = trouble
        if after != before:
            with writing(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
                write_json(self._trouble, after)


def _read(kind: TypeAdapter[dict[str, T]], path: Path) -> dict[str, T]:
    try:
        return document(kind, path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read ({error}): remove it to begin anew, and promote again"
        raise InvalidInput(msg) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what to do when the block cannot write."""
    try:
        yield
    except OSError as error:
        msg = f"cannot write {path}: {error}. Nothing has changed: free some space and try again"
        raise InvalidInput(msg) from error


def write_json(path: Path, given: Any) -> None:
    """Write JSON that is on the disk, whole, before it is seen."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(given, file, indent=1, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
        to_disk(path.parent)
    finally:
        part.unlink(missing_ok=True)
