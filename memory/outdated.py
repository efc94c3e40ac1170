"""What is recalled although it holds no longer, and what has taken its place.

A superseded fact is not recalled at all. A message that says it, the customer's own or an answer
that repeats it, still may be, and so may a fact of another slot that quotes it (a problem with
the order of which the number was wrong): it comes after everything that holds, with the reason,
and stands in no prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from memory.rereading import once
from memory.slots import FREE, SLOTS, written
from memory.types import Recalled, Record
from memory.withdrawals import plain

# A date or an amount that was corrected may well be meant elsewhere.
_TELLING = frozenset(SLOTS) - FREE - {"date", "amount", "product", "name"}
# In the speaker's words, in which values of other slots may stand.
_QUOTING = FREE | {"date", "amount"}
_LEAST = 4  # letters and digits of a value that can mean nothing else


class Outdated:
    """The facts of a customer that hold no longer.

    Args:
        superseded: these facts.
        get: gives a record of the customer's by its id.
    """

    def __init__(self, superseded: Sequence[Record], get: Callable[[str], Record | None]) -> None:
        self._get = get
        # Of each fact that was superseded, the one that holds now.
        self._gone: list[tuple[Record, Record]] = []
        self._before: dict[str, list[Record]] = {}
        for old in superseded:
            now = self._latest(old)
            # Of two that said the same one is history: nothing that it says is outdated.
            if now is not None and plain(now.value or "") != plain(old.value or ""):
                self._gone.append((old, now))
                self._before.setdefault(now.id, []).append(old)

    def _latest(self, record: Record) -> Record | None:
        seen = {record.id}
        found: Record | None = record
        while found is not None and found.superseded_by is not None:
            by = found.superseded_by
            found = self._get(by)
            if found is None:  # forgotten since: the old does not hold again for that
                return replace(record, id=by, value=None, messages=(), superseded_by=None)
            if found.id in seen:
                return None
            seen.add(found.id)
        return found

    def by(self, record: Record) -> Record | None:
        """The fact that makes a record outdated: what now holds of something it says."""
        if record.slot is not None and (record.slot not in _QUOTING or record.source == "person"):
            return None
        for old, now in self._gone if record.slot is None else ():
            if old.slot not in FREE and _shared(old, record) and not _shared(now, record):
                return now
        for old, now in self._gone:
            if (
                old.slot in _TELLING
                and not _shared(now, record)
                and _says(record.text, old)
                and not _says(record.text, now)
            ):
                return now
        return None

    def replaces(self, fact: Record) -> bool:
        """Whether a fact has taken another's place, or a person has put it right."""
        return fact.source == "person" or fact.id in self._before

    def explained(self, found: Sequence[Recalled], *, keep: bool = True) -> list[Recalled]:
        """What was recalled, with what each replaces; what is outdated last, or left out."""
        if not self._gone:
            return list(found)
        holds: list[Recalled] = []
        outdated: list[Recalled] = []
        for recalled in found:
            record = self._get(recalled.id)
            if record is None:
                holds.append(recalled)
            elif now := self.by(record):
                outdated.append(recalled.because(f"{recalled.why}; outdated: {_now(now)}"))
            else:
                holds.append(recalled.because(recalled.why + self._replaces(record)))
        return [*holds, *outdated] if keep else holds

    def _replaces(self, record: Record) -> str:
        if record.source == "person":  # whatever says the old is out of sight, and so is this
            return "; put right by a person"
        return "".join(
            f"; replaces {old.value} of {old.at:%Y-%m-%d}"
            for old in self._before.get(record.id, ())
        )


def _now(fact: Record) -> str:
    label = SLOTS.get(fact.slot or "", fact.slot or "").lower()
    return f"{label} no longer holds" if fact.value is None else f"{label} is now {fact.value}"


def _shared(fact: Record, record: Record) -> bool:
    return fact.session == record.session and not set(fact.messages).isdisjoint(record.messages)


def _says(text: str, fact: Record) -> bool:
    said = None if fact.value is None else _said_as(fact.slot, fact.value)
    if said is None:
        return False
    if isinstance(said, str):
        return said in re.sub(r"[\s().-]", "", text)
    return bool(said.search(text))


@once
def _said_as(slot: str | None, value: str) -> re.Pattern[str] | str | None:
    """How a text says a value, of a telephone number the digits; None if it can mean much else."""
    if len(re.sub(r"\W", "", value)) < _LEAST:
        return None
    if slot == "phone":
        return re.sub(r"\D", "", value)[-9:]
    said = written(value) if slot is not None and slot.endswith("_number") else re.escape(value)
    return re.compile(rf"(?<![A-Za-z0-9]){said}(?![A-Za-z0-9])", re.IGNORECASE)
