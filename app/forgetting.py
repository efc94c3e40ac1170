"""Forgetting by policy from the console."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from app.conversation import conversation_memory, policy_of
from app.embeddings import open_embeddings
from app.recording import at_console
from app.settings import Settings
from memory import Forgotten, InvalidInput, MemoryStore, Policy, Scope

_SPAN = re.compile(r"(\d{1,6})\s?([hdw]?)")
_UNITS = {"h": "hours", "d": "days", "": "days", "w": "weeks"}
_SHOWN = 10  # memories a customer that a dry run shows


def policy_from(
    settings: Settings, older_than: str | None, unrecalled: str | None, keep: int | None
) -> Policy:
    """The policy of the options, or of the settings where there is none of them.

    Raises:
        InvalidInput: an option cannot be read, or there is no policy at all.
    """
    policy = Policy(span("--older-than", older_than), span("--unrecalled", unrecalled), keep)
    policy = policy or policy_of(settings)
    if not policy:
        msg = "forget what? Say --older-than 365d, --unrecalled 90d or --keep 1000"
        raise InvalidInput(msg)
    return policy


def forget_by(
    store: MemoryStore,
    settings: Settings,
    policy: Policy,
    tenant: str,
    customer: str | None,
    *,
    dry_run: bool,
) -> Iterator[str]:
    """Forget, of one customer of a tenant or all, and say what went; nothing goes in a dry run.

    Raises:
        InvalidInput: there is no such customer.
    """
    names = [
        name
        for whose, name in store.owners()
        if whose == tenant and (customer is None or name == customer)
    ]
    if customer is not None and not names:
        msg = f"there is no customer {customer!r}"
        raise InvalidInput(msg)
    encoder = open_embeddings(settings.embeddings)
    total: list[Forgotten] = []
    for name in names:
        scope = Scope(tenant=tenant, customer=name)
        memory = conversation_memory(store, scope, settings, encoder)
        with at_console(store, tenant, "erase.memories", name):
            found = memory.forget(policy, dry_run=dry_run)
        total += found
        if found:
            counted = Counter(one.reason for one in found)
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counted.items()))
            yield f"{name}: {_counted(found)} ({reasons})"
        for one in found[:_SHOWN] if dry_run else ():
            yield f"  {one.at:%Y-%m-%d} {one.reason}: {' '.join(one.text.split())[:80]}"
        if dry_run and len(found) > _SHOWN:
            yield f"  and {len(found) - _SHOWN} more"
    gone = "would go" if dry_run else "are gone"
    yield f"{_counted(total)} of {len(names)} customers {gone}."


def _counted(found: Sequence[Forgotten]) -> str:
    messages = sum(one.kind == "message" for one in found)
    besides = f" and {messages} messages" if messages else ""
    return f"{len(found) - messages} memories{besides}"


def span(option: str, given: str | None) -> timedelta | None:
    """How long an option says; None where it was not given.

    Raises:
        InvalidInput: it cannot be read as a time.
    """
    if given is None:
        return None
    found = _SPAN.fullmatch(given.strip().lower())
    if found is None or int(found[1]) == 0:
        msg = f"{option} {given!r} is no time: give 365d, 8w or 12h"
        raise InvalidInput(msg)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
