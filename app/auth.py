"""The service's key: made once, kept hashed, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from memory import MemoryStore

_NAME = "api_key_sha256"


class Key:
    """The key that every request carries.

    Given by the settings, or else made at the first start and kept with the database as a
    hash. ``fresh`` is the key itself, only when this object has just made it.
    """

    def __init__(self, store: MemoryStore, given: str | None = None) -> None:
        self.fresh: str | None = None
        if given is not None:
            self._hash = _hashed(given)
            return
        known = store.get_meta(_NAME)
        if known is None:
            self.fresh = reset_key(store)
            known = _hashed(self.fresh)
        self._hash = known

    def fits(self, given: str) -> bool:
        """Whether it is the key."""
        return hmac.compare_digest(_hashed(given), self._hash)


def reset_key(store: MemoryStore) -> str:
    """Make a new key; the old one no longer fits after the next start."""
    fresh = secrets.token_urlsafe(32)
    store.set_meta(_NAME, _hashed(fresh))
    return fresh


def write_private(path: Path, key: str) -> None:
    """Write the key to a file that only this user can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(key + "\n")


def _hashed(key: str) -> str:
    # A fast hash is enough: the key is 32 random bytes, there is nothing to guess.
    return hashlib.sha256(key.encode()).hexdigest()
