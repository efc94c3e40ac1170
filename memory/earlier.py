"""What stood beside earlier questions: as it was written then, less what is gone since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from memory.clock import now
from memory.forgetting import Policy
from memory.indexes.customer import CustomerIndex
from memory.knowledge import Knowledge
from memory.layout import Beside
from memory.outdated import Outdated
from memory.types import Evidence, Recalled


def beside_again(
    index: CustomerIndex, policy: Policy, knowledge: Knowledge | None = None
) -> Callable[[dict[str, Any]], Beside]:
    """Gives what stood beside an earlier question, as it was written then, less what is gone."""
    at, outdated = now(), Outdated(index.superseded_facts(), index.get)

    def beside(rows: dict[str, Any]) -> Beside:
        known = ((index.get(row["id"]), row) for row in rows["records"])
        recalled = [
            Recalled.of(record, row["score"], row["why"])
            for record, row in known
            if record is not None
            and record.current(at)
            and not policy.outlives(record, at)
            and outdated.by(record) is None
        ]
        return Beside(recalled, passages_again(knowledge, rows.get("evidence") or []))

    return beside


def passages_again(
    knowledge: Knowledge | None, kept: Sequence[dict[str, Any]]
) -> list[tuple[int, Evidence]]:
    """The passages that were kept with a turn, by their numbers, less those that are gone."""
    ours = [row for row in kept if "id" in row]
    there = knowledge.again(ours) if knowledge is not None and ours else []
    found = {row["number"]: e for row, e in zip(ours, there, strict=False) if e is not None}
    for row in kept:
        if "id" not in row:
            found[row["number"]] = Evidence(
                "", row["source"], row["title"], row["text"], row["score"], row["why"]
            )
    return sorted(found.items())
