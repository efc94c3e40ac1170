"""Facts that echo a message which was found too: the message stands for both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memory import Recalled, Record
from memory.echoes import without_echoes
from memory.outdated import Outdated

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def message(number: int, text: str, **more: Any) -> Record:
    """What was said in message m{number}."""
    return Record(f"v{number}", text, (f"m{number}",), "s1", "human", AT, number, **more)


def fact(number: int, slot: str, value: str, **more: Any) -> Record:
    """What was taken from message m{number}."""
    return Record(
        f"f{number}{slot}", f"{slot}: {value}", (f"m{number}",), "s1", "human", AT, 100 + number,
        slot=slot, value=value, **more,
    )  # fmt: skip


def ids(*records: Record, known: tuple[Record, ...] = ()) -> list[str]:
    """What is left of records that were found in this order."""
    by_id = {record.id: record for record in (*records, *known)}
    found = [Recalled.of(r, 1 - n / 100, "lexical #1") for n, r in enumerate(records)]
    gone = [r for r in by_id.values() if r.superseded_by]
    return [r.id for r in without_echoes(found, by_id.get, Outdated(gone, by_id.get))]


def test_the_message_takes_the_facts_place() -> None:
    """At the better of the two places, and with its score."""
    order = fact(1, "order_number", "AB-1000")
    said, other = message(1, "My order is ab 1000, and it is late"), message(2, "Where is it?")
    assert ids(order, other, said) == ["v1", "v2"]
    assert ids(other, said, order) == ["v2", "v1"]
    found = [Recalled.of(r, s, "why") for r, s in ((order, 0.9), (other, 0.5), (said, 0.4))]
    by_id = {r.id: r for r in (order, other, said)}
    kept = without_echoes(found, by_id.get, Outdated([], by_id.get))
    assert [r.score for r in kept] == [0.9, 0.5]


def test_a_fact_stays_without_its_message() -> None:
    """One that was found alone, or beside another message, is kept."""
    order = fact(1, "order_number", "AB-1000")
    assert ids(order) == [order.id]
    assert ids(order, message(2, "My order is AB-1000")) == [order.id, "v2"]


def test_what_a_fact_adds_keeps_it() -> None:
    """A day for "next Friday", a number in full, a promise's day."""
    friday = fact(1, "date", "2026-05-08")
    assert ids(friday, message(1, "It comes next Friday")) == ["v1", friday.id]
    assert ids(friday, message(1, "It comes on 8 May")) == ["v1"]
    phone = fact(1, "phone", "+49301234567")
    assert ids(phone, message(1, "Ring me on 030 1234567")) == [phone.id, "v1"]
    promise = fact(1, "promise", "We will ring you", valid_to=AT)
    assert ids(promise, message(1, "We will ring you")) == [promise.id, "v1"]
    amount = fact(1, "amount", "12.50 EUR")
    assert ids(amount, message(1, "It was €12.50")) == ["v1"]


def test_the_day_that_a_message_means_stands_behind_it() -> None:
    """At the better of their places; of two days each stays where it was found."""
    friday, said = fact(1, "date", "2026-05-08"), message(1, "It comes next Friday")
    other = message(2, "Where is it?")
    assert ids(friday, other, said) == ["v1", friday.id, "v2"]
    assert ids(said, other, friday) == ["v1", friday.id, "v2"]
    found = [Recalled.of(r, s, "why") for r, s in ((friday, 0.9), (other, 0.5), (said, 0.4))]
    by_id = {r.id: r for r in (friday, other, said)}
    kept = without_echoes(found, by_id.get, Outdated([], by_id.get))
    assert [r.score for r in kept] == [0.9, 0.9, 0.5]
    monday = replace(friday, id="f1monday", value="2026-05-11")
    assert ids(friday, other, said, monday) == [friday.id, "v2", "v1", monday.id]
    assert ids(friday, other) == [friday.id, "v2"]


def test_what_has_replaced_another_stays() -> None:
    """Recall says of it what it replaced."""
    old = fact(1, "email", "a@example.org", superseded_by="f2email", valid_to=AT)
    new = fact(2, "email", "b@example.org")
    assert ids(new, message(2, "It is b@example.org"), known=(old,)) == [new.id, "v2"]


def test_an_outdated_message_stands_for_nothing() -> None:
    """It leaves prompts, and what else it says must not go with it."""
    old = fact(1, "order_number", "AB-1000", superseded_by="f2order_number", valid_to=AT)
    new = fact(2, "order_number", "CD-2000")
    email = fact(1, "email", "a@example.org")
    both = message(1, "Order AB-1000, my address is a@example.org")
    assert ids(email, both, known=(old, new)) == [email.id, "v1"]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=12))
def test_nothing_else_is_lost_or_moved(found: list[tuple[int, bool, bool]]) -> None:
    """Messages all stay, facts only go where their message is, and no order is turned round."""
    records = list(
        {
            r.id: r
            for n, is_fact, echoes in found
            for r in [
                fact(n, "order_number", f"AB-100{n}" if echoes else "ZZ-9")
                if is_fact
                else message(n, f"order AB-100{n}")
            ]
        }.values()
    )
    left = ids(*records)
    messages = {r.id for r in records if r.slot is None}
    assert messages <= set(left)
    for record in records:
        if record.id not in left:
            assert record.slot is not None
            assert f"v{record.messages[0][1:]}" in messages
    places = {record.id: n for n, record in enumerate(records)}
    best = dict(places)
    for record in records:
        if record.id not in left:
            source = f"v{record.messages[0][1:]}"
            best[source] = min(best[source], places[record.id])
    assert left == sorted(left, key=best.__getitem__)
