"""What two sentences that a translation memory takes for one have in common, and where they differ.

Numbers, codes, addresses and names are *slots*: a sentence of a form that is known, with other
ones, is translated by putting these in their places. That is done only where each stands in the
translation exactly as it stands in the source, and as often: "3 stars" is no "三星".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from memory.sentences import UNSPACED

Kind = Literal["number", "name"]
KINDS: tuple[Kind, ...] = ("number", "name")
_MARK: dict[Kind, str] = {
    "number": "\ue000",
    "name": "\ue001",
}  # for private use: nobody types them

# Repetitions are bounded, or a long run of letters would take quadratic time.
_SLOT = re.compile(
    r"(?P<number>https?://[!-~]{1,400}[\w/]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|(?<![A-Za-z0-9])(?=[A-Za-z-]{0,20}\d)[A-Za-z0-9]{1,40}(?:[-./:,_][A-Za-z0-9]{1,40}){0,8})"
    r"|(?P<name>(?<![\w'’])[A-Z][A-Za-z'’]{1,40}(?:[ -][A-Z][A-Za-z'’]{1,40}){0,3}(?![A-Za-z]))",
    re.ASCII,
)
_NO_NAMES = re.compile(r"I['’]\w+|OK", re.ASCII)
_TOKENISED = re.compile(r"\s+(?=(?:n['’]t|['’](?:s|m|re|ve|ll|d))\b)")
_APOSTROPHE = re.compile("['’`´]")
# Signs that say something of a number stay.
_PUNCTUATION = re.compile(
    r"[.,!?;:\"“”„«»()\[\]{}。，、！？；：（）【】《》「」…—–\-_/|~\u200b-\u200f\ufeff]+"
)
_SPACES = re.compile(r"\s+")
_BESIDE_UNSPACED = re.compile(rf"(?<=[{UNSPACED}])\s+|\s+(?=[{UNSPACED}])")
_ASKS = re.compile(r"[?？][\s.!。！\"'”’)）]*$")


class Slot(NamedTuple):
    """A number or a name in a text, from ``start`` to ``end``."""

    start: int
    end: int
    text: str
    kind: Kind

    @property
    def value(self) -> str:
        """What two mentions of it have in common."""
        return self.text.casefold()


def slots(text: str) -> list[Slot]:
    """The numbers and names in a text, in order.

    A name is words with capitals that do not begin the text: where a sentence begins they say
    nothing, unless it is in a script that has none.
    """
    found = []
    unspaced = re.search(f"[{UNSPACED}]", text) is not None
    for match in _SLOT.finditer(text):
        kind: Kind = "number" if match["number"] else "name"
        begins = not text[: match.start()].strip("\"'“‘¿¡( ")
        if kind == "name" and ((begins and not unspaced) or _NO_NAMES.fullmatch(match[0])):
            continue
        found.append(Slot(match.start(), match.end(), match[0], kind))
    return found


def form(text: str, open_slots: Sequence[Kind] = ()) -> str:
    """The text without what makes no other sentence of it: case, spaces, most punctuation.

    Of the kinds in ``open_slots`` each slot is a mark; the others stand as they are.
    """
    parts, end = [], 0
    for slot in slots(text):
        parts.append(_plain(text[end : slot.start]))
        parts.append(_MARK[slot.kind] if slot.kind in open_slots else slot.value)
        end = slot.end
    parts.append(_plain(text[end:]))
    joined = _SPACES.sub(" ", " ".join(filter(None, parts)))
    made = _BESIDE_UNSPACED.sub("", joined)
    if not made:
        return text.strip()
    return f"{made}?" if _ASKS.search(text) else made


def forms(text: str) -> list[str]:
    """The forms under which a sentence like this may be known, the closest first."""
    each: list[tuple[Kind, ...]] = [(), ("number",), ("name",), KINDS]
    return list(dict.fromkeys(form(text, kinds) for kinds in each))


def known_form(source: str, translation: str) -> str:
    """The form under which a translation is known: open where it can be filled with others."""
    return form(source, carried(source, translation))


def carried(source: str, translation: str) -> list[Kind]:
    """The kinds of slots that all stand in the translation as they do in the source."""
    here, there = slots(source), slots(translation)
    found: list[Kind] = []
    for kind in KINDS:
        asked = Counter(slot.value for slot in here if slot.kind == kind)
        # Of whatever kind there: where a sentence begins a name is not seen to be one.
        given = Counter(slot.value for slot in there)
        if asked and all(_times(translation, given, value) == n for value, n in asked.items()):
            found.append(kind)
    return found


class Filled(NamedTuple):
    """A translation with other numbers and names in it.

    ``changed`` says which were put in the place of which, ``left`` which one of the two lacks.
    """

    text: str
    changed: dict[str, str]
    left: list[str]


def fill(source: str, translation: str, asked: str) -> Filled:
    """The translation of ``source``, for ``asked``, which differs from it in numbers and names."""
    changed: dict[str, str] = {}
    left: list[str] = []
    can = carried(source, translation)
    for kind in KINDS:
        old = [slot for slot in slots(source) if slot.kind == kind]
        new = [slot for slot in slots(asked) if slot.kind == kind]
        if Counter(s.value for s in old) == Counter(s.value for s in new):
            continue
        pairs = {(was.value, is_.text) for was, is_ in zip(old, new, strict=False)}
        if kind in can and len(old) == len(new) and len(pairs) == len({was for was, _ in pairs}):
            changed |= {was: is_ for was, is_ in pairs if was != is_.casefold()}
        else:
            here, there = {slot.value for slot in old}, {slot.value for slot in new}
            left += [slot.text for slot in new if slot.value not in here]
            left += [slot.text for slot in old if slot.value not in there]
    return Filled(_replaced(translation, changed), changed, left)


def _replaced(text: str, changed: dict[str, str]) -> str:
    if not changed:
        return text
    each = "|".join(re.escape(old) for old in sorted(changed, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{each})(?![A-Za-z0-9])", re.IGNORECASE)
    return pattern.sub(lambda found: changed[found[0].casefold()], text)


def _times(text: str, given: Counter[str], value: str) -> int:
    """How often a value stands in a text, as a slot or where it begins."""
    if value in given:
        return given[value]
    pattern = rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"
    return len(re.findall(pattern, text, re.IGNORECASE))


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _APOSTROPHE.sub("", _TOKENISED.sub("", text))
    return _PUNCTUATION.sub(" ", text).strip()
