"""Facts that say little which the message they were taken from does not say.

Where both are found the message stands for both, at the better place: it says more, and the fact
beside it would take tokens from something else. What a fact adds keeps it: a number in its full
form, a value that has replaced another. A day that the message calls "next Friday" comes right
after it, where a reader needs no more than the day (``readers.line``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from memory.outdated import Outdated
from memory.types import Recalled, Record
from memory.updates import letters


def without_echoes(
    found: Sequence[Recalled],
    get: Callable[[str], Record | None],
    no_longer: Outdated,
) -> list[Recalled]:
    """What was found, best first, without the facts that echo a message among it.

    The one day that such a message means stands behind it.

    Args:
        found: best first.
        get: gives a record by its id.
        no_longer: the facts that hold no longer; what says them stands for nothing else.
    """
    records = [(place, get(recalled.id)) for place, recalled in enumerate(found)]
    single = [(p, r) for p, r in records if r is not None and len(r.messages) == 1]
    said = {(r.session, r.messages[0]): (p, r) for p, r in single if r.slot is None}
    # By the place of a message: those of the facts that echo it, and of the days that it means.
    echoes: dict[int, list[int]] = {}
    days: dict[int, list[int]] = {}
    for place, fact in single:
        source = said.get((fact.session, fact.messages[0]))
        if fact.slot is None or source is None or no_longer.replaces(fact):
            continue
        if no_longer.by(source[1]) is not None:
            continue
        if _stands_in(source[1].text, fact):
            echoes.setdefault(source[0], []).append(place)
        elif fact.slot == "date":
            days.setdefault(source[0], []).append(place)
    # Behind its message a day is not said at length: of several it would not be clear which is it.
    behind = {places[0]: message for message, places in days.items() if len(places) == 1}
    if not echoes and not behind:
        return list(found)
    dropped = {place for places in echoes.values() for place in places}
    best = {message: min(message, *places) for message, places in echoes.items()}
    for day, message in behind.items():
        best[message] = min(best.get(message, message), day)
    kept: list[tuple[int, bool, Recalled]] = []
    for place, recalled in enumerate(found):
        if place not in dropped:
            message = behind.get(place, place)
            at = best.get(message, place)
            moved = recalled if at == place else recalled.because(recalled.why, found[at].score)
            kept.append((at, message != place, moved))
    return [recalled for _, _, recalled in sorted(kept, key=lambda each: each[:2])]


def _stands_in(text: str, fact: Record) -> bool:
    """Whether a message has a fact's value as it stands there."""
    if fact.value is None or fact.valid_to is not None:  # what is over, and when something is due
        return False
    if fact.slot == "date":
        day = fact.value.rpartition("-")[2].lstrip("0")
        return bool(re.search(rf"(?<!\d)0?{re.escape(day)}(?!\d)", text))
    if fact.slot == "amount":
        return re.sub(r"\D", "", fact.value) in re.sub(r"\D", "", text)
    return letters(fact.value) in letters(text)
