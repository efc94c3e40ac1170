"""What fills the slots of a template: what the message says, else the customer's memory.

Nothing is guessed: where a slot has several values, or none, it is not filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from app.templates.template import DELIVERY_DAY, Template
from memory import Record, facts
from memory.codes import codes_in
from memory.mentions import narrow
from memory.slots import alike, plain_code
from memory.transcript import make_message

_DELIVERS = re.compile(
    r"\bdeliver|\barriv|\b(?:with|reach) you\b|\b(?:it|parcel|package|order)(?: \w+)? comes?\b"
    r"|送达|送货|送到|到货|到达|派送",
    re.IGNORECASE,
)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Value(NamedTuple):
    """What stands in a slot, and the fact it comes from; None if it was given by hand."""

    text: str
    fact: Record | None = None


class Missing(NamedTuple):
    """A slot that cannot be filled: of nothing it is known, or of so many values."""

    slot: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is told."""
        if not self.values:
            return f"slot {self.slot} is not known"
        return f"slot {self.slot} has {len(self.values)} values: {', '.join(self.values)}"


@dataclass
class Known:
    """What is known at the moment of a message.

    Args:
        message: what the customer says.
        held: gives the customer's facts of a slot that hold (see ``ConversationMemory.known``).
        at: when it is said.
        session: of the message.
        named_in: the codes that a session's messages have, as they compare.
        given: values by slots that stand in place of what is remembered, to try templates with.
    """

    message: str
    held: Callable[[str], Sequence[Record]]
    at: datetime
    session: str = ""
    named_in: Callable[[str], frozenset[str]] = field(default=lambda _: frozenset())
    given: Mapping[str, str] = field(default_factory=dict)

    def fill(self, template: Template) -> dict[str, Value] | Missing:
        """The values of a template's slots, or one that has not one value.

        An order and the day of its delivery belong together: of several orders it is the one of
        which a delivery is promised, if there is no more than one and none was named since.
        """
        filled: dict[str, Value] = {}
        if DELIVERY_DAY in self.given:
            filled[DELIVERY_DAY] = Value(self.given[DELIVERY_DAY])
        elif DELIVERY_DAY in template.slots:
            delivery = self._delivery()
            if isinstance(delivery, Missing):
                return delivery
            filled |= delivery
        for slot in template.slots:
            if slot not in filled:
                values = self.values(slot)
                if len(values) != 1:
                    return Missing(slot, tuple(value.text for value in values))
                filled[slot] = values[0]
        return {slot: filled[slot] for slot in template.slots}

    def values(self, slot: str) -> list[Value]:
        """The values that a slot may have: of the message, else the session, else all that hold."""
        values = self._held(slot)
        said = _distinct((_value(fact) for fact in self._said if fact.slot == slot), slot)
        if said:
            # The fact that is stored of it, if there is one.
            return [
                next((v for v in values if alike(slot, v.text, own.text)), Value(own.text))
                for own in said
            ]
        if slot in self.given:
            return [Value(self.given[slot])]
        if slot.endswith("_number") and len(values) > 1:
            values = _named(values, codes_in(narrow(self.message))) or values
        if slot.endswith("_number") and len(values) > 1:
            values = _named(values, self.named_in(self.session)) or values
        return values

    def unanswered(self, filled: Iterable[Value]) -> frozenset[str]:
        """The codes that the message names and that are none of these values."""
        return codes_in(narrow(self.message)) - {plain_code(value.text) for value in filled}

    def _held(self, slot: str) -> list[Value]:
        """The values of a slot that hold."""
        return _distinct(map(_value, self.held(slot)), slot)

    @cached_property
    def _said(self) -> list[Record]:
        """The facts in the message itself."""
        return facts([make_message("human", self.message, 0, at=self.at)])

    def _delivery(self) -> dict[str, Value] | Missing:
        """The one delivery that is promised and not overdue: its day, and its order if known."""
        known = self._held("order_number")
        meant = self.values("order_number")
        found: list[tuple[Value, Value | None]] = []
        for promise in self._promises():
            day = Value(_written(promise.valid_to), promise)
            orders = [v for v in self._orders(promise, known) if _among(v, meant)]
            found += [(day, order) for order in orders]
            if not known and not meant:
                found.append((day, None))
        orders = _distinct((order for _, order in found if order is not None), "order_number")
        days = _distinct(day for day, _ in found)
        if len(orders) <= 1 and len(days) != 1:
            return Missing(DELIVERY_DAY, tuple(day.text for day in days))
        since = [v for v in meant if _at(v) > _at(days[0]) and not _among(v, orders)]
        if len(orders) + len(since) > 1:
            return Missing("order_number", tuple(v.text for v in (*orders, *since)))
        return {DELIVERY_DAY: days[0]} | ({"order_number": orders[0]} if orders else {})

    def _promises(self) -> list[Record]:
        """The promises of a delivery that are open."""
        return [
            fact for fact in self.held("promise")
            if fact.value and fact.valid_to and fact.valid_to >= self.at
            and _DELIVERS.search(fact.value)
        ]  # fmt: skip

    def _orders(self, promise: Record, known: list[Value]) -> list[Value]:
        """The orders that a promise may be of: named in it, else beside it, else the only one."""
        return (
            _named(known, codes_in(promise.value or ""))
            or _named(known, self.named_in(promise.session))
            or (known if len(known) == 1 else [])
        )


def _named(values: list[Value], codes: frozenset[str]) -> list[Value]:
    """Those of some numbers that are among codes."""
    return [value for value in values if plain_code(value.text) in codes]


def _value(fact: Record) -> Value:
    return Value(fact.value or "", fact)


def _at(value: Value) -> datetime:
    return value.fact.at if value.fact is not None else _NEVER


def _among(value: Value, others: Iterable[Value]) -> bool:
    return any(alike("order_number", value.text, other.text) for other in others)


def _written(due: datetime | None) -> str:
    assert due is not None
    return f"{due:%A} {due.day} {due:%B %Y}"


def _distinct(values: Iterable[Value], slot: str = "") -> list[Value]:
    """The values that are not alike, each once."""
    found: list[Value] = []
    for value in values:
        if not any(alike(slot, value.text, other.text) for other in found):
            found.append(value)
    return found
