"""Facts that say nothing which the message they were taken from does not say.

Where both are found the message stands for both, at the better place: it says more, and the fact
beside it would take tokens from something else. What a fact adds keeps it: a day that the
message calls "next Friday", a number in its full form, a value that has replaced another.
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

    Args:
        found: best first.
        get: gives a record by its id.
        no_longer: the facts that hold no longer; what says them stands for nothing else.
    """
    records = [(place, get(recalled.id)) for place, recalled in enumerate(found)]
    single = [(p, r) for p, r in records if r is not None and len(r.messages) == 1]
    said = {(r.session, r.messages[0]): (p, r) for p, r in single if r.slot is None}
    echoes: dict[int, list[int]] = {}  # places of facts, by the place of the message
    for place, fact in single:
        source = said.get((fact.session, fact.messages[0]))
        if fact.slot is None or source is None or no_longer.replaces(fact):
            continue
        if _stands_in(source[1].text, fact) and no_longer.by(source[1]) is None:
            echoes.setdefault(source[0], []).append(place)
    if not echoes:
        return list(found)
    dropped = {place for places in echoes.values() for place in places}
    kept: list[tuple[int, Recalled]] = []
    for place, recalled in enumerate(found):
        if place in dropped:
            continue
        best = min(echoes.get(place, [place]))
        if best < place:
            kept.append((best, recalled.because(recalled.why, found[best].score)))
        else:
            kept.append((place, recalled))
    return [recalled for _, recalled in sorted(kept, key=lambda each: each[0])]


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
