"""Who asks: everybody whom the service knows, and everybody whom it has to refuse."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import NamedTuple

import jwt

from app.auth import create_key
from app.roles import TENANT, Principal
from memory import MemoryStore
from memory.clock import now

SECRET = "a secret that signs customers' tokens"
CUSTOMER = "ada"  # whose own token is tried


class Asking(NamedTuple):
    """Somebody who asks: what they are called, what they carry, and who that makes them."""

    name: str
    carries: str | None  # the header Authorization
    who: Principal | None = None  # None: nobody, to be refused


def everybody(store: MemoryStore) -> list[Asking]:
    """One of each kind, those whom the service knows first."""
    made = [
        Asking(f"{role} of {tenant}", f"Bearer {key}", Principal(tenant, role))
        for role, tenant in (
            ("admin", TENANT), ("agent", TENANT), ("service", TENANT), ("admin", "northern"),
        )
        for key, _ in (create_key(store, role, tenant),)
    ]  # fmt: skip
    expired, _ = create_key(store, "admin", lasts=timedelta(microseconds=1))
    revoked, key = create_key(store, "admin")
    store.keys.revoke(key.id, now())
    return [
        *made,
        Asking("a customer", _token(SECRET), Principal(TENANT, "customer", CUSTOMER)),
        Asking("no key", None),
        Asking("a wrong key", "Bearer wrong"),
        Asking("an expired key", f"Bearer {expired}"),
        Asking("a revoked key", f"Bearer {revoked}"),
        Asking("a forged token", _token("another secret, with which nothing is signed")),
        Asking("an expired token", _token(SECRET, exp=time.time() - 3600)),
        Asking("no scheme", revoked),
        Asking("another scheme", "Basic YTpi"),
        Asking("a scheme alone", "Bearer"),
    ]


def _token(secret: str, **claims: float) -> str:
    said = {"sub": CUSTOMER, "exp": time.time() + 7 * 86_400, **claims}
    return f"Bearer {jwt.encode(said, secret, 'HS256')}"
