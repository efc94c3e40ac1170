"""What mem0 exports: memories.

``Memory.get_all()``, ``GET /v1/memories``, and the like: ``{"id", "memory", "user_id", "agent_id",
"run_id", "metadata", "created_at", "updated_at", "expiration_date"}``, alone, in a list, or in
``{"results": [...]}``; also in the camel case of mem0's TypeScript. What stands beside the text
(metadata, categories, agents, runs) is kept beside it here too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.sources.said import customer_of, name_of, stable_id, usable_id
from app.sources.source import Item, Memory, Options, Place, Skipped
from app.sources.times import time_of
from memory import InvalidInput, Record, check_text
from memory.documents import check_document

_ROLES = {"user": "human", "assistant": "ai"}  # with infer=False mem0 keeps what was said


def is_one(given: dict[str, Any]) -> bool:
    """Whether an object is a memory of mem0's."""
    return "memory" in given and not isinstance(given["memory"], (dict, list))


def read(given: dict[str, Any], place: Place, options: Options) -> Iterator[Item]:
    """The memory, or why it is left out."""
    if not isinstance(text := given.get("memory"), str):
        msg = f'"memory" is to be a text, not {type(text).__name__}'
        raise InvalidInput(msg)
    whose = customer_of(given, options, "user_id", "userId")
    yield made(
        str(place), whose, text, given.get("id"),
        # When it got these words; what was changed has them from then on.
        at=time_of(_either(given, "updated_at", "updatedAt"), options.zone, "updated_at")
        or time_of(_either(given, "created_at", "createdAt"), options.zone, "created_at"),
        expires=_end(_either(given, "expiration_date", "expirationDate")),
        role=given.get("role"), options=options, beside=_beside(given),
    )  # fmt: skip


def made(
    place: str,
    customer: str,
    text: str,
    own_id: Any,
    *,
    at: datetime | None,
    expires: datetime | None,
    role: Any,
    options: Options,
    beside: dict[str, Any] | None = None,
) -> Memory | Skipped:
    """A record of what mem0 remembered, with an id by which it is known when it comes again.

    A model made it of what was said, which is not here: nothing that was said is its source.
    """
    if not text.strip():
        return Skipped(place, "empty memory", bad=False)
    now = datetime.now(UTC)
    if expires is not None and expires <= now:
        return Skipped(place, "memory whose time is over", bad=False)
    check_text(text)
    kind = _ROLES.get(role, "note") if isinstance(role, str) else "note"
    record_id = stable_id("mem0", customer, name_of(own_id) or text)
    document = check_document(usable_id(own_id) or record_id, beside) if beside else None
    record = Record(
        record_id, text, (), "", kind, at or options.at or now, expires_at=expires,
        source="model", document=document,
    )  # fmt: skip
    return Memory(place, customer, record, undated=at is None)


def _beside(given: dict[str, Any]) -> dict[str, Any]:
    """What mem0 has beside a memory's text, as one: its metadata, and the names of whose it is."""
    metadata = given.get("metadata")
    own = metadata if isinstance(metadata, dict) else {}
    names = ("categories", "agent_id", "agentId", "run_id", "runId", "app_id", "actor_id")
    return {**own, **{name: given[name] for name in names if given.get(name)}}


def _either(given: dict[str, Any], snake: str, camel: str) -> Any:
    return given.get(snake) if given.get(snake) is not None else given.get(camel)


def _end(day: Any) -> datetime | None:
    """The end of the day until which mem0 shows a memory."""
    at = time_of(day, name="expiration_date")
    if at is None:
        return None
    if len(str(day)) > len("2024-05-04"):
        return at
    return at + timedelta(days=1) if at.date() < date.max else None  # that is, never
