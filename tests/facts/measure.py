"""What is known after a conversation, and how far it is what was expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from memory import updates
from memory.fact_writer import facts
from memory.slots import FREE
from memory.types import Message, Record, Writer

CONTEXT = 6  # messages that a writer is given again when a batch begins


class Score(NamedTuple):
    """Counts of one case or of many, and a line for each error."""

    right: int
    found: int
    expected: int
    errors: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Of what was found, how much is right."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Of what is right, how much was found."""
        return self.right / self.expected if self.expected else 1.0

    def __add__(self, other: Score) -> Score:  # type: ignore[override]
        """Both together."""
        return Score(*(a + b for a, b in zip(self, other, strict=True)))


def messages_of(case: dict[str, Any], at: str) -> list[Message]:
    """The messages of a case."""
    return [
        Message(f"m{n}", "s1", role, text, datetime.fromisoformat(when[0] if when else at), n + 1)
        for n, (role, text, *when) in enumerate(case["said"])
    ]


def writer_of(case: dict[str, Any]) -> Writer:
    """The extractor with the case's catalogue."""
    return partial(facts, products=case.get("products", ()))


def known(messages: Sequence[Message], writer: Writer, *, one_by_one: bool) -> list[Record]:
    """All records after the messages, read at once or each with the few before it."""
    batches = [messages]
    if one_by_one:
        batches = [messages[max(0, n - CONTEXT) : n + 1] for n in range(len(messages))]
    records: dict[str, Record] = {}
    for batch in batches:
        own = {batch[-1].id} if one_by_one else {m.id for m in batch}
        fresh = [r for r in writer(batch) if own.intersection(r.messages)]
        for change in updates.settle(fresh, records.values(), updates.supersede):
            updates._follow(change, records)
    return list(records.values())


def judge(name: str, case: dict[str, Any], records: Sequence[Record]) -> Score:
    """Compare; a value in the speaker's own words has to contain the expected part."""
    right = found = expected = 0
    errors: list[str] = []
    for kind, wanted in (("current", case["current"]), ("superseded", case.get("superseded", []))):
        rest = [
            r
            for r in records
            if r.value is not None and (r.superseded_by is None) == (kind == "current")
        ]
        found += len(rest)
        expected += len(wanted)
        for slot, value, *more in wanted:
            fit = next((r for r in rest if _fits(r, slot, value, *more)), None)
            if fit is None:
                errors.append(f"{name}: {kind} {slot} {value!r} {more or ''} not found")
            else:
                rest.remove(fit)
                right += 1
        errors += [f"{name}: {kind} {r.slot} {r.value!r} is wrong" for r in rest]
    return Score(right, found, expected, tuple(errors))


def judged(cases: Sequence[dict[str, Any]], see: Callable[[dict[str, Any]], list[Record]]) -> Score:
    """All cases together."""
    total = Score(0, 0, 0, ())
    for case in cases:
        total += judge(case["id"], case, see(case))
    return total


def _fits(record: Record, slot: str, value: str, more: dict[str, str] | None = None) -> bool:
    if record.slot != slot or record.value is None:
        return False
    more = more or {}
    role = more.get("role", "ai" if slot == "promise" else "human")
    due = record.valid_to.date().isoformat() if slot == "promise" and record.valid_to else None
    if record.role != role or (slot == "promise" and due != more.get("due")):
        return False
    if slot == "amount":
        (a, unit), (b, other) = record.value.split(), value.split()
        return unit == other and Decimal(a) == Decimal(b)
    said, wanted = record.value.casefold(), value.casefold()
    return wanted in said if slot in FREE else wanted == said
