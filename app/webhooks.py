"""Webhooks: what is sent to the addresses that the service's owner has set, and to no other.

As Standard Webhooks says (https://www.standardwebhooks.com): the headers ``webhook-id``, by which
a receiver drops what it has had already, ``webhook-timestamp`` and ``webhook-signature``, an HMAC
of both and the body under a secret that sender and receiver share.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

import httpx

from app.settings import Settings
from memory import InvalidInput

_SECONDS = 10.0  # that a receiver may take
_PREFIX = "whsec_"
_NO_MORE = 410  # a receiver wants no more of it
_HOW = f"{_PREFIX} and 24 to 64 random bytes in base64: echo {_PREFIX}$(openssl rand -base64 32)"


class Sent(NamedTuple):
    """What came of a try: what went wrong, if anything did, and whether that is for good."""

    fault: str | None = None
    for_good: bool = False


class Webhooks:
    """The receivers, by names that say nothing of their addresses, which may have secrets."""

    def __init__(self, addresses: str | None, secret: str | None) -> None:
        """Take the addresses, parted by commas, and the secret.

        Raises:
            InvalidInput: an address or the secret cannot be used, or one is there without the
                other.
        """
        self._addresses = {_name(one): one for one in map(_checked, _parted(addresses))}
        if self._addresses and secret is None:
            msg = f"MEMORY_SERVICE_WEBHOOKS needs MEMORY_SERVICE_WEBHOOK_SECRET: {_HOW}"
            raise InvalidInput(msg)
        self._key = b"" if secret is None else _key(secret)

    @classmethod
    def of(cls, settings: Settings) -> Webhooks:
        """Those of the settings."""
        given = settings.webhook_secret
        return cls(settings.webhooks, None if given is None else given.get_secret_value())

    @property
    def targets(self) -> frozenset[str]:
        """The receivers' names."""
        return frozenset(self._addresses)

    def signed(self, event: str, body: bytes, at: int) -> dict[str, str]:
        """The headers of a request.

        Args:
            event: the id of what is sent.
            body: what is sent.
            at: when, in seconds since 1970.
        """
        made = hmac.new(self._key, f"{event}.{at}.".encode() + body, hashlib.sha256).digest()
        return {
            "content-type": "application/json",
            "webhook-id": event,
            "webhook-timestamp": str(at),
            "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
        }

    def send(self, target: str, event: str, body: bytes, at: int) -> Sent:
        """Send it to a receiver; what it answers beside its status is not looked at.

        A redirect is not followed: it may lead anywhere.
        """
        headers: Mapping[str, str] = self.signed(event, body, at)
        try:
            with (
                httpx.Client(timeout=_SECONDS, follow_redirects=False) as client,
                client.stream(
                    "POST", self._addresses[target], content=body, headers=headers
                ) as answer,
            ):
                status = answer.status_code
        except httpx.TimeoutException:
            return Sent(f"no answer in {_SECONDS:g} seconds")
        except (httpx.HTTPError, OSError) as error:  # its text may have the address
            return Sent(f"it cannot be reached: {type(error).__name__}")
        if 200 <= status < 300:
            return Sent()
        return Sent(f"it answered {status}", for_good=status == _NO_MORE)


# --- inside --------------------------------------------------------------------------------


def _parted(addresses: str | None) -> list[str]:
    return [one.strip() for one in (addresses or "").split(",") if one.strip()]


def _checked(address: str) -> str:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.fragment:
        # Not the address itself: it may have a secret.
        msg = "MEMORY_SERVICE_WEBHOOKS: give addresses such as https://ops.example/alerts"
        raise InvalidInput(msg)
    return address


def _name(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        msg = f"MEMORY_SERVICE_WEBHOOK_SECRET is none: it is {_HOW}"
        raise InvalidInput(msg)
    return key
