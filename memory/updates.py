"""Update mechanisms: what a new record does to the old ones that resemble it.

``similar`` holds the customer's current records nearest in meaning to the new one, the nearest
first, each with a cosine of at least ``SIMILAR``. Bind other limits with ``functools.partial``.
"""

from __future__ import annotations

from datetime import timedelta

from memory.types import Add, Change, Forget, Record, Replace

SIMILAR = 0.9  # cosine; all-MiniLM-L6-v2 puts rewordings of one sentence above it


def append(new: Record, similar: list[Record]) -> list[Change]:  # noqa: ARG001
    """Keep everything."""
    return [Add(new)]


def replace_similar(new: Record, similar: list[Record]) -> list[Change]:
    """Keep one record of what the same person says again: the newer, with all its sources."""
    for old in similar:
        if old.role == new.role:
            return [Replace(old.id, new)]
    return [Add(new)]


def forget(
    new: Record, similar: list[Record], *, after: timedelta = timedelta(days=365)
) -> list[Change]:
    """Keep the new record and drop those it resembles that are older than it by ``after``."""
    outdated = [old for old in similar if new.at - old.at > after]
    return [Add(new), *(Forget(old.id) for old in outdated)]
