"""Who asks: keys, kept as hashes, each of a tenant and a role; and customers by their tokens."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.roles import TENANT, KeyRole, Principal
from app.settings import Settings
from memory import ApiKey, InvalidInput, MemoryStore, StoreUnavailable, check_name
from memory.clock import now
from memory.lookalikes import check_new

if TYPE_CHECKING:
    from app.customer_tokens import CustomerTokens

_logger = logging.getLogger(__name__)

FIRST = "first"  # the id of the key that is made at the first start
_USED = timedelta(minutes=10)  # how exactly the last use of a key is known


class Identity:
    """Says who asks, by what they carry.

    The first key is the settings', or else made at the first start; it is an admin's of the
    tenant "default". All others are made by ``create_key``. Customers carry tokens, where
    ``tokens`` are taken. ``fresh`` is the first key itself, only when this object has just made
    it.
    """

    def __init__(
        self, store: MemoryStore, given: str | None = None, tokens: CustomerTokens | None = None
    ) -> None:
        self._store = store
        self._given = None if given is None else _hashed(given)
        self._tokens = tokens
        self._scrapers: dict[str, ApiKey] = {}  # keys that read metrics, by their hashes
        self.fresh: str | None = None
        if given is None and not store.keys.all():
            key = secrets.token_urlsafe(32)
            if store.keys.add(_first(), _hashed(key)):  # else another process was quicker
                self.fresh = key

    def first(self, carried: str) -> bool:
        """Whether this is the settings' key, as can be said without looking anything up."""
        return self._given is not None and hmac.compare_digest(_hashed(carried), self._given)

    def of(self, carried: str) -> Principal | None:
        """Who carries this; None if it lets nobody in, for whatever reason.

        Raises:
            IdentityUnavailable, StoreUnavailable: that cannot be said now.
        """
        hashed = _hashed(carried)
        if self._given is not None and hmac.compare_digest(hashed, self._given):
            return Principal(TENANT, "admin", key=FIRST)
        if self._tokens is not None and carried.count(".") == 2:  # no key that is made has any
            return self._tokens.of(carried)
        # What is compared here is a hash, of 32 random bytes: how long it takes tells nothing.
        key = self._find(hashed)
        if key is None or (key.id == FIRST and self._given is not None):
            return None
        at = now()
        if (ended := ended_at(key)) is not None and ended <= at:
            _logger.info("the key %s was tried, which fits no longer", key.id)
            return None
        if key.used is None or at - key.used > _USED:
            note = partial(self._store.keys.note_use, key.id, at)
            self._store.in_background(("key", key.id), note)
        return Principal(key.tenant, cast(KeyRole, key.role), key=key.id)

    def _find(self, hashed: str) -> ApiKey | None:
        """A key; one that has read metrics is known also while the database is away.

        What goes on is to be seen then of all times, and such a key reads nothing else.
        """
        try:
            key = self._store.keys.find(hashed)
        except StoreUnavailable:
            if (known := self._scrapers.get(hashed)) is None:
                raise
            return known._replace(used=now())  # which nobody could write down
        if key is not None and key.role == "metrics":
            self._scrapers[hashed] = key
        else:
            self._scrapers.pop(hashed, None)
        return key


def open_tokens(settings: Settings) -> CustomerTokens | None:
    """What takes customers' own tokens; None where the settings say nothing of any.

    Raises:
        InvalidInput: the settings cannot be followed; the message says what to do.
    """
    if settings.token_secret is None and settings.token_jwks is None:
        return None
    try:
        from app.customer_tokens import CustomerTokens
        from app.jwks import KeySet
    except ModuleNotFoundError as error:
        msg = "customers' tokens need PyJWT: pip install 'langchain-memory-service[tokens]'"
        raise InvalidInput(msg) from error
    return CustomerTokens(
        None if settings.token_secret is None else settings.token_secret.get_secret_value(),
        None if settings.token_jwks is None else KeySet(settings.token_jwks),
        settings.token_audience,
        settings.token_issuer,
        settings.token_leeway,
    )


def ended_at(key: ApiKey) -> datetime | None:
    """From when on a key does not fit any more; None if it does for ever."""
    return min((at for at in (key.expires, key.revoked) if at is not None), default=None)


def create_key(
    store: MemoryStore,
    role: KeyRole,
    tenant: str = TENANT,
    name: str = "",
    lasts: timedelta | None = None,
) -> tuple[str, ApiKey]:
    """Make a key; it is kept as a hash, so this is the only time that it is seen.

    Args:
        store: where it is to be known.
        role: what it may.
        tenant: whose customers it may ask for.
        name: what it is for.
        lasts: how long it fits; for ever if not given.

    Raises:
        InvalidInput: the tenant cannot be one, or is new and its name looks like another.
    """
    check_name("tenant", tenant)
    if all(one.tenant != tenant for one in store.keys.all()):
        check_new("tenant", tenant)
    if name:
        check_name("name", name)
    key, at = secrets.token_urlsafe(32), now()
    made = ApiKey(
        id=secrets.token_hex(6), tenant=tenant, role=role, name=name, created=at,
        expires=None if lasts is None else at + lasts,
    )  # fmt: skip
    if not store.keys.add(made, _hashed(key)):
        msg = f"there is a key {made.id} already: try again"
        raise InvalidInput(msg)
    return key, made


def reset_key(store: MemoryStore) -> str:
    """Make the first key anew: the old one fits no longer, from now on."""
    fresh = secrets.token_urlsafe(32)
    store.keys.replace(_first(), _hashed(fresh))
    return fresh


def write_private(path: Path, key: str) -> None:
    """Write the key to a file that only this user can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(key + "\n")


def _first() -> ApiKey:
    return ApiKey(FIRST, TENANT, "admin", "the first key", now())


def _hashed(key: str) -> str:
    # A fast hash is enough: the key is 32 random bytes, there is nothing to guess.
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
