"""Which sentence takes the place of an earlier one: the same thing said with another value.

Two ways of putting something right are known. A sentence may be said again with another number
or name in it ("I need 3 chairs", "I need 4 chairs"), or it may say that it corrects ("it is 14
Main Street, not 12").
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from memory.rereading import once
from memory.sentences import UNSPACED, facts, terms

_LETTER = rf"[^\W_{UNSPACED}]"
_WORD = re.compile(rf"[{UNSPACED}]|{_LETTER}+(?:['’.,:/-]{_LETTER}+)*")
_CODE = re.compile(r"(?=.*\d)(?=.*[^\W\d_])")  # letters and digits: it names a thing
_CUE = re.compile(
    # "not 12", "not on Main Street"; but not "has not come"
    r"\bnot\s+(?:(?:an?|the|on|at|in|for|to|of|my|it|its|number)\s+){0,2}(?=\S*\d|(?-i:[A-Z]))"
    r"|\b(?:instead of|rather than|actually|correction|i mean[t]?|sorry|no longer)\b"
    r"|不是|而是|更正|改成|改为|じゃなく|ではなく|訂正",
    re.IGNORECASE,
)
_CUE_TERMS = terms("actually correction mean meant sorry instead rather longer make change")
_LEAST_FRAME = 2  # words that stay the same, or a list of numbers would correct itself
_LEAST_SHARED = 2  # terms
_MOST_OTHERS = 2  # terms of the old that the new leaves out: with more it says more than that
_REMEMBERED = 8  # sentences in which a term is looked up, the last ones


class _Seen(NamedTuple):
    role: str
    terms: frozenset[str]
    values: frozenset[str]
    identifiers: frozenset[str]
    frame: tuple[str, ...]
    slots: tuple[str, ...]  # the values in their order


def corrections(said: Sequence[tuple[str, str]]) -> dict[int, int]:
    """Return which sentences are corrected, each with the place of the one that does it.

    A sentence is corrected only by its own side, and one that names a thing or a person only by
    one that names it too: two orders are two orders.

    Args:
        said: role and text of each sentence, in the order said.
    """
    corrected: dict[int, int] = {}
    framed: dict[tuple[str, tuple[str, ...]], int] = {}
    holding: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    seen: list[_Seen] = []
    for place, (role, text) in enumerate(said):
        new = _looked_at(role, text)
        seen.append(new)
        old = framed.get((role, new.frame))
        if old is not None and _one_changed(seen[old], new) and _covers(new, seen[old]):
            corrected[old] = place
        if new.values and len([word for word in new.frame if word]) >= _LEAST_FRAME:
            framed[role, new.frame] = place
        if new.values and _CUE.search(text):
            corrected.update((old, place) for old in _put_right(new, seen, holding))
        for term in new.terms:
            places = holding[role, term]
            places.append(place)
            del places[:-_REMEMBERED]
    return corrected


@once
def _looked_at(role: str, text: str) -> _Seen:
    frame: list[str] = []
    values: set[str] = set()
    slots: list[str] = []
    identifiers = {fact for fact, much in facts(text).items() if much == 1}
    for match in _WORD.finditer(text):
        word = match[0]
        if any(map(str.isdigit, word)) or _named(word, text[: match.start()]):
            frame.append("")
            slots.append(word.lower())
            values.update(terms(word))
            if _CODE.match(word):
                identifiers.add(word.lower())
        else:
            frame.append(word.lower())
    return _Seen(
        role, terms(text), frozenset(values), frozenset(identifiers), tuple(frame), tuple(slots)
    )


def _named(word: str, before: str) -> bool:
    """Whether a word has a capital that is not the sentence's first."""
    return word[0].isupper() and word[:2] not in {"I", "I'", "I’"} and before.strip() != ""


def _put_right(
    new: _Seen, seen: Sequence[_Seen], holding: dict[tuple[str, str], list[int]]
) -> list[int]:
    """The sentences that one with a cue puts right: they share most of their terms with it."""
    shared = Counter(old for term in new.terms for old in holding.get((new.role, term), ()))
    return [
        old
        for old, count in shared.items()
        if count >= _LEAST_SHARED
        and len(seen[old].terms) - count <= _MOST_OTHERS
        and seen[old].values
        and new.terms - seen[old].terms - _CUE_TERMS
        and new.terms - seen[old].terms - _CUE_TERMS <= new.values
        and _covers(new, seen[old])
    ]


def _one_changed(old: _Seen, new: _Seen) -> bool:
    """With two changed it speaks of something else: parcel 4 to street 5, parcel 6 to street 7."""
    return sum(a != b for a, b in zip(old.slots, new.slots, strict=True)) == 1


def _covers(new: _Seen, old: _Seen) -> bool:
    return old.identifiers <= new.identifiers
