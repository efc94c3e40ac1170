"""What a service can be asked for of a customer's memory, and what it answers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter

from memory.card import Card
from memory.client.call import Call, named, of_customer, stamp, without_none, word
from memory.client.results import Deleted, Recalled, Result
from memory.forgetting import Policy

_CARD = TypeAdapter(Card)
_DAY = timedelta(days=1)


class RecallAnswer(Result):
    """What was found, best first."""

    recalled: list[Recalled]


class Memory(Result):
    """A record of the external memory; with a ``slot`` it is a fact, and says its ``value``."""

    id: str
    text: str
    at: datetime
    role: str
    session: str  # empty: added by hand
    messages: list[str]  # ids of those that it comes from
    superseded_by: str | None
    valid_to: datetime | None
    expires_at: datetime | None
    slot: str | None
    value: str | None
    source: str  # who made it: message, model or person
    pinned: bool


class MemoryPage(Result):
    """Memories, newest first; ``next`` is the ``before`` that asks for older ones."""

    memories: list[Memory]
    next: int | None


class DeletedMemory(Deleted):
    """What went with a memory that was deleted.

    ``memories`` are the ids of those that went, ``shortened`` of those that keep what else they
    say; so many ``messages`` leave prompts.
    """

    memories: list[str]
    shortened: list[str]
    messages: int


class Forgotten(Result):
    """A memory, or a message of which none was left, that goes by policy, and why."""

    kind: str  # memory or message
    id: str
    text: str
    at: datetime
    reason: str  # expired, age, unrecalled or count


class ForgetAnswer(Result):
    """What went, or would go in a dry run."""

    dry_run: bool
    forgotten: list[Forgotten]


class Erased(Deleted):
    """The receipt of an erasure; ``elsewhere`` names what may have learnt from the customer."""

    receipt: str
    number: int
    at: datetime
    elsewhere: list[str]
    subject: str | None
    previous: str
    hash: str


def memories(
    customer: str,
    *,
    slot: str | None = None,
    history: bool = False,
    limit: int = 100,
    before: int | None = None,
) -> Call[MemoryPage]:
    """What is remembered of a customer, newest first.

    Args:
        customer: of whom.
        slot: only the facts of one kind, such as "order_number".
        history: also what has been replaced.
        limit: of the page, to 1000.
        before: the ``next`` of the page before.
    """
    query = {"limit": limit, "before": before, "slot": slot, "history": word(history)}
    return Call("GET", of_customer(customer, "memories"), MemoryPage.model_validate_json, query)


def memory(customer: str, memory: str) -> Call[Memory]:
    """One memory by its id, also one that has been replaced."""
    return Call("GET", _memory(customer, memory), Memory.model_validate_json)


def add_memory(
    customer: str,
    text: str,
    *,
    slot: str | None = None,
    value: str | None = None,
    pinned: bool | None = None,
    expires_at: datetime | None = None,
) -> Call[Memory]:
    """Add a memory by hand; with a ``slot`` and a ``value`` it is a fact.

    A time without a zone is local.
    """
    given = {"text": text, "slot": slot, "value": value, "pinned": pinned}
    body = without_none({**given, "expires_at": stamp(expires_at)})
    path = of_customer(customer, "memories")
    return Call("POST", path, Memory.model_validate_json, body=body, again=False)


def change_memory(
    customer: str,
    memory: str,
    *,
    text: str | None = None,
    value: str | None = None,
    pinned: bool | None = None,
    expires_at: datetime | Literal["never"] | None = None,
) -> Call[Memory]:
    """Correct, pin or date a memory; what is None stays as it is.

    Another text or value is a correction: no later prompt shows the old, wherever it stood.
    """
    body: dict[str, Any] = without_none({"text": text, "value": value, "pinned": pinned})
    if expires_at is not None:
        body["expires_at"] = None if expires_at == "never" else stamp(expires_at)
    path = _memory(customer, memory)
    return Call("PUT", path, Memory.model_validate_json, body=body)


def forget_memory(customer: str, memory: str) -> Call[DeletedMemory]:
    """Forget a memory, with all that says the same: no later prompt shows it."""
    path = _memory(customer, memory)
    return Call("DELETE", path, DeletedMemory.model_validate_json, again=False)


def forget(
    customer: str, policy: Policy | None = None, *, dry_run: bool = False
) -> Call[ForgetAnswer]:
    """Forget by policy, the service's own if none is given; a dry run says what would go."""
    limits: dict[str, Any] | None = None
    if policy is not None:
        limits = {
            "max_age_days": _days(policy.max_age),
            "unrecalled_days": _days(policy.unrecalled_for),
            "max_records": policy.max_records,
        }
    body = {"policy": limits, "dry_run": dry_run}
    path = of_customer(customer, "forget")
    return Call("POST", path, ForgetAnswer.model_validate_json, body=body, again=dry_run)


def card(customer: str, *, may_be_new: bool = False) -> Call[Card]:
    """A customer at a glance: facts, open problem, promises, last session, with sources.

    With ``may_be_new`` that of one of whom nothing is stored is empty, which is no problem then.
    """
    path, query = of_customer(customer, "card"), {"may_be_new": may_be_new}
    return Call("GET", path, _CARD.validate_json, query)


def recall(customer: str, query: str, *, max_tokens: int = 1000) -> Call[RecallAnswer]:
    """What bears on a query in a customer's memory, best first."""
    body = {"query": query, "max_tokens": max_tokens}
    path = of_customer(customer, "recall")
    return Call("POST", path, RecallAnswer.model_validate_json, body=body)


def export(customer: str) -> Call[bytes]:
    """Everything held about a customer, as the lines that ``memory-service import`` takes."""
    return Call("GET", of_customer(customer, "export"), _whole)


def erase(customer: str) -> Call[Erased]:
    """Erase everything about a customer, also in the database's files; the receipt stays."""
    return Call("DELETE", of_customer(customer), Erased.model_validate_json, again=False)


def _memory(customer: str, memory: str) -> str:
    return of_customer(customer, f"memories/{named('memory', memory)}")


def _days(span: timedelta | None) -> float | None:
    return None if span is None else span / _DAY


def _whole(body: bytes) -> bytes:
    """An export, if it has its last line, which says how many stand before it."""
    *lines, last = body.rstrip(b"\n").split(b"\n")
    end = json.loads(last)
    if not isinstance(end, dict) or end.get("kind") != "end" or end.get("lines") != len(lines) - 1:
        msg = "the export was cut off"
        raise ValueError(msg)
    return body
