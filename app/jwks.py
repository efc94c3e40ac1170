"""The public keys of who signs customers' tokens: a JWKS (RFC 7517) in a file or at an address."""

from __future__ import annotations

import json
import logging
import threading
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWKSet
from jwt.exceptions import PyJWTError

from app.roles import IdentityUnavailable
from memory import InvalidInput

_KEEP_SECONDS = 600.0  # until they are read again
_AGAIN_SECONDS = 30.0  # until they are, for a key that is not among them, or after a failure
_TIMEOUT = 3.0  # seconds that an address may take in all
_LARGEST = 256 * 1024  # bytes
_SHORTEST_KEY = 2048  # bits

_logger = logging.getLogger(__name__)


class KeySet:
    """RSA keys for RS256, by their ids. Safe to share between threads."""

    def __init__(self, place: str) -> None:
        """Find them at ``place``: a file, read now, or an address, asked when a token comes.

        Raises:
            InvalidInput: it cannot be used; the message says what can.
        """
        self._place = place
        self._remote = "://" in place
        self._reading = threading.Lock()
        self._keys: dict[str | None, RSAPublicKey] = {}
        self._old_at = self._again_at = 0.0  # on the monotonic clock
        if self._remote:
            _check_address(place)
            return
        try:
            self._read()
        except (OSError, ValueError, PyJWTError) as error:
            msg = f"the keys of customers' tokens, {place}, cannot be read: {_said(error)}"
            raise InvalidInput(msg) from error

    def find(self, key_id: str | None) -> RSAPublicKey | None:
        """The key with an id; without one, the only key there is.

        Raises:
            IdentityUnavailable: no keys could be had yet.
        """
        if self._is_due(key_id):
            # One thread reads them anew. Others wait for the first, and else use what is there.
            if self._reading.acquire(blocking=not self._keys):
                try:
                    if self._is_due(key_id):
                        self._read_anew()
                finally:
                    self._reading.release()
            elif not self._knows(key_id):
                msg = "the keys that customers' tokens are signed with are being read: try again"
                raise IdentityUnavailable(msg)
        keys = self._keys
        if not keys:
            msg = "the keys that customers' tokens are signed with cannot be had now: try again"
            raise IdentityUnavailable(msg)
        if key_id is None:
            return next(iter(keys.values())) if len(keys) == 1 else None
        return keys.get(key_id)

    def _knows(self, key_id: str | None) -> bool:
        return key_id in self._keys or (key_id is None and bool(self._keys))

    def _is_due(self, key_id: str | None) -> bool:
        at = time.monotonic()
        return at >= self._again_at and (at >= self._old_at or not self._knows(key_id))

    def _read_anew(self) -> None:
        try:
            self._read()
        except (OSError, ValueError, PyJWTError, httpx.HTTPError) as error:
            _logger.warning("cannot read the keys at %s: %s", self._place, _said(error))
        # Not before it was tried, or who comes meanwhile would not wait for the first ones.
        self._again_at = time.monotonic() + _AGAIN_SECONDS

    def _read(self) -> None:
        given = _fetched(self._place) if self._remote else Path(self._place).read_bytes()
        self._keys = _keys_in(json.loads(given))
        self._old_at = time.monotonic() + _KEEP_SECONDS


def _keys_in(given: Any) -> dict[str | None, RSAPublicKey]:
    """The keys for RS256 of a JWKS; others may stand beside them."""
    if not isinstance(given, dict):
        msg = 'a JWKS is a JSON object with "keys"'
        raise ValueError(msg)
    found = {
        key.key_id: key.key
        for key in PyJWKSet.from_dict(given).keys
        if key.algorithm_name == "RS256"
        and key.public_key_use in (None, "sig")
        and isinstance(key.key, RSAPublicKey)
        and key.key.key_size >= _SHORTEST_KEY
    }
    if not found:
        msg = f"it has no public RSA key of at least {_SHORTEST_KEY} bits for RS256"
        raise ValueError(msg)
    return found


def _fetched(address: str) -> bytes:
    """What an address answers, at once and not too much of it; it leads nowhere else."""
    until, content = time.monotonic() + _TIMEOUT, b""
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=False) as client:  # noqa: SIM117
        with client.stream("GET", address) as answer:
            answer.raise_for_status()  # for a redirect too
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _LARGEST or time.monotonic() > until:
                    msg = "it answers too much, or too slowly"
                    raise ValueError(msg)
    return content


def _check_address(place: str) -> None:
    try:
        url = httpx.URL(place)
        local = url.host == "localhost" or (url.host != "" and ip_address(url.host).is_loopback)
    except httpx.InvalidURL as error:
        msg = f"{place} is no address: {error}"
        raise InvalidInput(msg) from error
    except ValueError:  # a name, and no number
        local = False
    if not url.host or url.scheme not in {"https", "http"} or (url.scheme == "http" and not local):
        msg = f"keys are not to be had safely from {place}: give an https:// address, or a file"
        raise InvalidInput(msg)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
