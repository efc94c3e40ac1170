"""What a record says when a person has corrected its text or its value: both, alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from memory.clock import now
from memory.errors import InvalidInput
from memory.forms import finder
from memory.slots import FREE, SLOTS
from memory.types import Record
from memory.withdrawals import holds


def reworded(
    old: Record,
    said: str | None,
    value: str | None,
    facts_in: Callable[[Record], list[Record]],
) -> tuple[str, str | None]:
    """The text and the value of a record of which a person gave one or both.

    Args:
        old: the record as it is.
        said: its new text, if one was given.
        value: its new value, if one was given.
        facts_in: gives the facts in a record's words.

    Raises:
        InvalidInput: it is no fact and cannot have a value, or the new text of a fact does not
            say what its value is.
    """
    if old.slot is None:
        if value is not None:
            msg = "this memory is no fact and has no value: correct its text"
            raise InvalidInput(msg)
        return said or old.text, None
    if said in (None, old.text):
        if value in (None, old.value):
            return old.text, old.value
        # Never patched into the old sentence: what else that says may be no longer so.
        return f"{_label(old.slot)}: {value}", value
    new = replace(old, text=said, value=None, at=now())
    if value is None:
        return said, _value_in(new, old, facts_in)
    if old.slot not in FREE and not _says(new, value):
        msg = f"the text does not say the value {value!r}: give both alike, or the value alone"
        raise InvalidInput(msg)
    return said, value


def _value_in(new: Record, old: Record, facts_in: Callable[[Record], list[Record]]) -> str | None:
    """The value of a fact of which only the text was given."""
    found = dict.fromkeys(
        fact.value
        for role in (old.role, "human")  # a person writes what the customer would say
        for fact in facts_in(replace(new, role=role))
        if fact.slot == old.slot and fact.value is not None
    )
    if len(found) == 1:
        return next(iter(found))
    if old.value and _says(new, old.value):
        return old.value
    label = _label(new.slot)
    if found:
        msg = f"the text says more than one {label.lower()}: give the value too"
        raise InvalidInput(msg)
    named = re.match(rf"(?:{re.escape(label)}|{re.escape(new.slot or '')}):\s*(?=\S)", new.text)
    if named:
        return new.text[named.end() :].strip()
    if new.slot in FREE:
        return new.text
    msg = f"the text says no {label.lower()} that can be found: give the value too"
    raise InvalidInput(msg)


def _says(record: Record, value: str) -> bool:
    """Whether a record's text says a value, in whatever form."""
    return holds(value, record) or bool(finder(record.slot, value)(record.text, record.at, False))


def _label(slot: str | None) -> str:
    return SLOTS.get(slot or "", (slot or "").replace("_", " ").capitalize())
