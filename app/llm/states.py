"""What a model has read of a conversation, kept in files outside the model.

The state of attention over a conversation (its keys and values) is read back in milliseconds,
where reading the conversation again takes seconds. A server uses of it what the next prompt
begins with, token for token, and nothing else: a file that does not fit costs time only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from anyio.to_thread import run_sync

from memory import MemoryServiceError, MemoryStore
from memory.customers import Owner

_logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0
_PART_SECONDS = 60.0  # after which what is being written was given up


class Conversation(NamedTuple):
    """A session as its prompt was laid out, in one generation of its customer.

    A generation ends when anything that was said or remembered is changed or taken away.
    """

    owner: Owner
    session: str
    generation: int


class States:
    """Files in a folder, a conversation each; those unused for longest go when it is full.

    A state of a generation that has ended is neither kept nor found.
    """

    def __init__(self, folder: Path, most: int, store: MemoryStore) -> None:
        """Use a folder, which is made when the first state is kept.

        Args:
            folder: nothing else is in it.
            most: bytes that all states may take together.
            store: knows the customers' generations.
        """
        self.folder = folder
        self._most = most
        self._store = store
        self._owners: dict[str, Owner] = {}  # by what the names of their files begin with

    def find(self, conversation: Conversation, reader: str) -> str | None:
        """The name of a conversation's file in the folder; None if none is kept.

        Args:
            conversation: whose state.
            reader: what can read it: the model with all that its states depend on.
        """
        path = self.folder / _name(conversation, reader)
        if not path.is_file() or self._now(conversation.owner) != conversation.generation:
            return None
        with contextlib.suppress(OSError):  # another process has just removed it
            path.touch()  # those unused for longest go first
        return path.name

    def keep(self, conversation: Conversation, reader: str, write: Callable[[str], None]) -> None:
        """Keep what a server writes; what cannot be written is not kept, and the log says so.

        Args:
            conversation: whose state it is.
            reader: what can read it.
            write: writes it to a name in the folder; raises OSError.
        """
        if self._now(conversation.owner) != conversation.generation:
            return
        path = self.folder / _name(conversation, reader)
        part = path.with_suffix(".part")
        self._owners[_hashed(*conversation.owner)] = conversation.owner
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write(part.name)
            part.chmod(0o600)
            part.replace(path)
            self._make_room()
        except OSError as error:
            _logger.warning("what was read of a conversation could not be kept: %s", error)
            part.unlink(missing_ok=True)
        if self._now(conversation.owner) != conversation.generation:  # changed while it was written
            self.drop(conversation.owner)

    def remove(self, name: str) -> None:
        """Remove a state that could not be read."""
        (self.folder / name).unlink(missing_ok=True)

    def drop(self, owner: Owner) -> None:
        """Remove all states of a customer."""
        for path in self.folder.glob(f"{_hashed(*owner)}.*"):
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove the states of generations that have ended, whoever ended them."""
        found = [path for path in self.folder.glob("*.*") if path.suffix in {".state", ".part"}]
        if any(path.name.partition(".")[0] not in self._owners for path in found):
            self._owners = {_hashed(*owner): owner for owner in self._store.owners()}
        for path in found:
            owner = self._owners.get(path.name.partition(".")[0])
            holds = owner is not None and path.name.split(".")[1] == f"{self._now(owner):x}"
            with contextlib.suppress(OSError):
                late = path.suffix == ".part" and time.time() - path.stat().st_mtime > _PART_SECONDS
                if late or not holds:
                    path.unlink()

    async def follow(self) -> None:
        """Sweep now and every minute."""
        while True:
            try:
                await run_sync(self.sweep)
            except MemoryServiceError:
                _logger.warning("old states could not be looked for", exc_info=True)
            await asyncio.sleep(_SWEEP_SECONDS)

    def _now(self, owner: Owner) -> int:
        return self._store.records.state(owner).generation

    def _make_room(self) -> None:
        kept = []
        for path in self.folder.glob("*.state"):
            with contextlib.suppress(OSError):
                found = path.stat()
                kept.append((found.st_mtime_ns, found.st_size, path))
        over = sum(size for _, size, _ in kept) - self._most
        for _, size, path in sorted(kept):
            if over <= 0:
                return
            path.unlink(missing_ok=True)
            over -= size


def _name(conversation: Conversation, reader: str) -> str:
    generation = f"{conversation.generation:x}"
    return (
        f"{_hashed(*conversation.owner)}.{generation}.{_hashed(conversation.session, reader)}.state"
    )


def _hashed(*names: str) -> str:
    # No name holds a control character, so that two lists of names are never the same text.
    return hashlib.sha256("\x1f".join(names).encode(errors="surrogatepass")).hexdigest()[:32]
