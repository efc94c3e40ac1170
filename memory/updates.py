"""Update mechanisms: what a new record does to the old ones that resemble it.

``similar`` holds the customer's current records nearest in meaning to the new one, the nearest
first, each with a cosine of at least ``SIMILAR``. For a fact, which fills a slot, it holds the
current facts of that slot instead, the oldest first, and for what is said again word for word
what was said before: neither needs vectors, so they are decided about when they are written.
Bind other limits with ``functools.partial``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from memory import sentences
from memory.codes import codes_in
from memory.slots import FREE, ONE, alike, within
from memory.types import Add, Change, Forget, Record, Replace, Supersede, Update

SIMILAR = 0.9  # cosine; all-MiniLM-L6-v2 puts rewordings of one sentence above it
AGAIN = timedelta(hours=1)
LATELY = 200  # what was said before so many other records is not looked at
_TELLING = 20  # bytes: so many letters in Latin script, seven characters of Chinese
_SAME_WORDS = 0.6  # shared of all terms; one promise, said twice, has so many in common


def append(new: Record, similar: list[Record]) -> list[Change]:  # noqa: ARG001
    """Keep everything."""
    return [Add(new)]


def replace_similar(new: Record, similar: list[Record]) -> list[Change]:
    """Keep one record of what the same person says again: the newer, with all its sources."""
    for old in similar:
        if old.role == new.role and same(old, new):
            return [Replace(old.id, new)]
    return [Add(new)]


def forget(
    new: Record, similar: list[Record], *, after: timedelta = timedelta(days=365)
) -> list[Change]:
    """Keep the new record and drop those it resembles that are older than it by ``after``."""
    outdated = [old for old in similar if new.at - old.at > after and same(old, new)]
    return [Add(new), *(Forget(old.id) for old in outdated)]


def supersede(new: Record, similar: list[Record]) -> list[Change]:
    """Keep what holds: a fact takes the place of older ones where its slot holds one value.

    Where a slot holds many, a fact takes back only what it ``corrects``. The same said again is
    not stored twice, nor is a poorer form of it. What a person has put right stays, whatever older
    messages say; what the customer says later holds. What fills no slot is kept beside the old.
    """
    if new.slot is None:
        return [] if any(said_again(old, new) for old in similar) else [Add(new)]
    outdated = [old for old in _taken_back(new, similar) if _may_replace(old, new)]
    if new.value is None:
        return [Supersede(old.id, new) for old in outdated]
    again = [old for old in similar if same(old, new) or _poorer(new, old)]
    if again:
        return [Supersede(old.id, again[-1]) for old in outdated if old not in again]
    if outdated:
        return [Supersede(old.id, new) for old in outdated]
    if new.slot not in ONE:
        return [Add(new)]
    if not any(_elsewhere(old, new) and old.value is not None for old in similar):
        return [Add(new)]
    newer = similar[-1]  # said later than this, or put right by a person: this is history
    if newer.source == "person":
        return []
    return [Add(replace(new, superseded_by=newer.id, valid_to=newer.at))]


def same(old: Record, new: Record) -> bool:
    """Whether two records, if they are facts, say the same."""
    if old.slot != new.slot or old.value is None or new.value is None:
        return old.slot is None and new.slot is None
    if old.slot not in FREE or old.value == new.value:
        return alike(old.slot or "", old.value, new.value)
    ours, theirs = sentences.terms(old.value), sentences.terms(new.value)
    return len(ours & theirs) >= _SAME_WORDS * max(len(ours | theirs), 1)


def _poorer(new: Record, old: Record) -> bool:
    """Whether a fact says less of what another does, and does not say that the other is wrong."""
    if new.slot not in ONE or new.slot != old.slot or new.value is None or old.value is None:
        return False
    if new.corrects or (new.slot == "name" and new.corrects is not None):
        return False
    return within(new.slot, new.value, old.value)


def said_again(old: Record, new: Record) -> bool:
    """Whether the same person says the same words again within an hour, in one session.

    Later it is news (the parcel still has not come); and a short answer, "yes, please", means
    something else each time. Marks, spaces and capitals make no difference.
    """
    return (
        (old.session, old.role) == (new.session, new.role)
        and abs(new.at - old.at) <= AGAIN
        and len((said := letters(new.text)).encode()) >= _TELLING
        and said == letters(old.text)
    )


def _kind(record: Record) -> tuple[str, ...]:
    """What a record has in common with those that it may have something to do with."""
    return (record.slot,) if record.slot is not None else (record.session, letters(record.text))


def letters(text: str) -> str:
    """A text's letters and digits alone, in small letters."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _taken_back(new: Record, similar: list[Record]) -> list[Record]:
    """The facts that a new one takes the place of."""
    held = [old for old in similar if old.value is not None and not same(old, new)]
    if new.corrects:
        named = [old for old in held if _names(new.corrects, old)]
        if named or new.value is None or new.slot not in ONE:
            return named
    if new.slot in ONE:
        # Two at once, "ring me on A or on B", are no correction.
        return [old for old in similar if old.value is None or _elsewhere(old, new)]
    if new.corrects == ():
        held = [old for old in held if _elsewhere(old, new)]
        here = [old for old in held if old.session == new.session]
        here = here or (held if new.value is None else [])
        return _meant(new, here) if new.slot in FREE else here[-1:]
    return []


def _names(values: Iterable[str], old: Record) -> bool:
    return any(alike(old.slot or "", old.value or "", value) for value in values)


def _meant(new: Record, held: Sequence[Record]) -> list[Record]:
    """Of troubles the one that is over, or partly: it shares most words; of equals the last.

    One that has more numbers of things than are over is still open.
    """
    said = new.text.partition(": ")[2]
    ours = codes_in(said)
    best: list[Record] = []
    most = 0 if new.value is None or not ours else 1
    for old in held:
        theirs = codes_in(old.value or "")
        if ours and theirs and (not ours & theirs or (new.value is None and theirs - ours)):
            continue
        shared = len(sentences.terms(said) & sentences.terms(old.value or ""))
        if shared >= most:
            most, best = shared, [old]
    return best


def _elsewhere(old: Record, new: Record) -> bool:
    return (old.session, old.messages) != (new.session, new.messages)


def _may_replace(old: Record, new: Record) -> bool:
    if old.source == "person":
        return new.source == "person" or (new.at > old.at and new.role == "human")
    return new.at >= old.at


def settle(fresh: Sequence[Record], known: Iterable[Record], update: Update) -> list[Change]:
    """What an update mechanism does about new records that it can decide about at once.

    Args:
        fresh: oldest first.
        known: the customer's records, superseded ones too, in the slots that ``fresh`` fills; and
            what was said in its sessions since an hour before it.
        update: the mechanism.
    """
    held: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in sorted(known, key=lambda r: (r.at, r.seq)):
        held.setdefault(_kind(record), {})[record.id] = record
    changes: list[Change] = []
    for record in fresh:
        slot = held.setdefault(_kind(record), {})
        if record.slot is None:
            before = [
                old for old in slot.values() if old.id != record.id and said_again(old, record)
            ]
            made = update(record, before) if before else [Add(record)]
            for change in made:
                _follow(change, slot)
            changes += made
            continue
        if record.superseded_by is not None:  # a person had put it right before it was written
            changes.append(Add(record))
            slot[record.id] = record
            continue
        if record.id in slot or _heard_before(record, slot.values()):
            continue
        made = update(record, [old for old in slot.values() if old.superseded_by is None])
        for change in made:
            _follow(change, slot)
        changes += made
    return changes


def _heard_before(new: Record, known: Iterable[Record]) -> bool:
    """Whether it is known: to an agent who was given it, or as what a person put right since."""
    by_id = {old.id: old for old in known}
    for old in by_id.values():
        if new.source == "model" and new.slot in ONE and not _elsewhere(old, new):
            return True  # the rules have read it there
        if not same(old, new):
            continue
        if new.role == "ai":
            return True
        by = by_id.get(old.superseded_by or "")
        if by is not None and by.source == "person" and new.at <= by.at:
            return True
    return False


def _follow(change: Change, slot: dict[str, Record]) -> None:
    """Make a change among the records of a slot."""
    if isinstance(change, Forget):
        slot.pop(change.id, None)
        return
    if isinstance(change, Replace):
        slot.pop(change.old, None)
    elif isinstance(change, Supersede) and change.old in slot:
        slot[change.old] = superseded(slot[change.old], change.record)
    slot[change.record.id] = change.record


def superseded(old: Record, by: Record) -> Record:
    """A record as history: it held until the other did."""
    return replace(old, superseded_by=by.id, valid_to=by.at)
