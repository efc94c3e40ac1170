"""What two sentences that a translation memory takes for one have in common, and where they differ.

Numbers, codes, addresses and names are *slots*: a sentence of a form that is known, with other
ones, is translated by putting these in their places. That is done only where each stands in the
translation as it stands in the source, and as often: "3 stars" is no "三星", but 1.299,50 is
1,299.50. A sign before a number is part of it, a title before a name is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from memory.sentences import UNSPACED
from memory.separators import THOUSANDS, is_amount, rewritten, separators, shown

Kind = Literal["number", "name"]
KINDS: tuple[Kind, ...] = ("number", "name")
_MARK: dict[Kind, str] = {
    "number": "\ue000",
    "name": "\ue001",
}  # for private use: nobody types them

_CAPITALS = "A-ZÀ-ÖØ-Þ" + "".join(c for c in map(chr, range(0x100, 0x180)) if c.isupper())
_LETTERS = "A-Za-zÀ-ÖØ-öø-ſ"
_WORD = frozenset(c for c in map(chr, range(0x180)) if c.isalpha() or c in "0123456789")
# Repetitions are bounded, or a long run of letters would take quadratic time.
_SLOT = re.compile(
    r"(?P<number>(?:https?://|www\.)[!-~]{1,400}[\w/]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|(?<![A-Za-z0-9])(?:[-+~±≈−–－～](?=[$€£¥]?\d)[$€£¥]?)?(?=[A-Za-z-]{0,20}\d)"
    rf"(?:\d{{1,3}}(?:[{THOUSANDS}]\d{{3}}){{1,4}}(?:[.,]\d{{1,40}})?(?![A-Za-z0-9])"
    r"|[A-Za-z0-9]{1,40}(?:[-./:,_][A-Za-z0-9]{1,40}){0,8}))"
    rf"|(?P<name>(?<![\w'’{_LETTERS}])[{_CAPITALS}][{_LETTERS}'’]{{1,40}}"
    rf"(?:[ -][{_CAPITALS}][{_LETTERS}'’]{{1,40}}){{0,3}}(?![{_LETTERS}]))",
    re.ASCII,
)
# Words with capitals before a name that are no part of it.
_TITLES = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Mister|Hi|Hello|Hey|Dear|Thanks|Sorry"
    r"|Herr|Herrn|Frau|Hallo|Liebe|Lieber|Monsieur|Madame|Mme|Mlle|Bonjour|Bonsoir|Cher|Chère"
    r"|Señor|Señora|Sr|Sra|Don|Doña|Hola|Senhor|Senhora|Olá|Signor|Signora|Sig|Ciao|Pan|Pani)"
    r"(?:[ -]|$))+"
)
_NO_NAMES = re.compile(r"I['’]\w+|OK", re.ASCII)
_TOKENISED = re.compile(r"\s+(?=(?:n['’]t|['’](?:s|m|re|ve|ll|d))\b)")
_APOSTROPHE = re.compile("['’`´]")
# Signs that say something of a number stay.
_PUNCTUATION = re.compile(
    r"[.,!?;:\"“”„«»()\[\]{}。，、！？；：（）【】《》「」…—–\-_/|~\u200b-\u200f\ufeff]+"
)
_SPACES = re.compile(r"\s+")
# With what stands for "about", and a short unit or ending: 5pm, 3rd, 10kg.
_NUMBER = re.compile(
    r"(?P<sign>[-+~±≈−–－～])?[$€£¥]?(?P<digits>\d+(?:[.,]\d+)*)[a-z]{0,2}", re.ASCII
)
# What parts thousands and is a number's for sure; spaces that may be.
_PARTED = re.compile(rf"(?<=\d)[{THOUSANDS}](?=\d{{3}}(?!\d))")
_SPACED = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_AMOUNT = re.compile(
    r"([-+~±≈−–－～]?[$€£¥]?)(\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)([a-z]{0,2})",
    re.ASCII,
)
_BESIDE_UNSPACED = re.compile(rf"(?<=[{UNSPACED}])\s+|\s+(?=[{UNSPACED}])")
_ASKS = re.compile(r"[?？][\s.!。！\"'”’)）]*$")


class _Mention(NamedTuple):
    """A value in a text, from ``start`` to ``end``."""

    start: int
    end: int
    value: str


class Slot(NamedTuple):
    """A number or a name in a text, from ``start`` to ``end``."""

    start: int
    end: int
    text: str
    kind: Kind

    @property
    def value(self) -> str:
        """What two mentions of it have in common."""
        return self.text.lower()


def slots(text: str) -> list[Slot]:
    """The numbers and names in a text, in order.

    A name is words with capitals that do not begin the text: where a sentence begins they say
    nothing, unless it is in a script that has none.
    """
    found = []
    unspaced = re.search(f"[{UNSPACED}]", text) is not None
    for match in _SLOT.finditer(text):
        kind: Kind = "number" if match["number"] else "name"
        start = match.start()
        if kind == "name":
            title = _TITLES.match(match[0])
            start += title.end() if title else 0
            begins = not text[:start].strip("\"'“‘¿¡( ")
            said = text[start : match.end()]
            if not said or (begins and not unspaced) or _NO_NAMES.fullmatch(said):
                continue
        found.append(Slot(start, match.end(), text[start : match.end()], kind))
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
    """The kinds of slots that all stand in the translation as they do in the source.

    A number may be parted there as another language does it.
    """
    found: list[Kind] = []
    for kind in KINDS:
        asked = [slot.value for slot in slots(source) if slot.kind == kind]
        wanted = Counter(map(_unparted, asked))
        given = Counter(_unparted(one.value) for one in _mentions(translation, asked))
        if asked and all(given[value] == n for value, n in wanted.items()):
            found.append(kind)
    return found


class Filled(NamedTuple):
    """A translation with other numbers and names in it.

    ``changed`` says which were put in the place of which, ``left`` which one of the two lacks.
    """

    text: str
    changed: dict[str, str]
    left: list[str]


def fill(
    source: str, translation: str, asked: str, between: tuple[str, str] | None = None
) -> Filled:
    """The translation of ``source``, for ``asked``, which differs from it in numbers and names.

    Args:
        source: what was translated.
        translation: of that.
        asked: what is to be translated.
        between: from which language into which, by their tags: numbers are written as the
            translation writes its own, or else as the second does; None: as they are.
    """
    if form(source) == form(asked):
        return Filled(translation, {}, [])
    places: dict[str, tuple[Slot, Slot]] = {}  # by the old value: its slot, and the new one
    left: list[str] = []
    can = carried(source, translation)
    alike = form(source, KINDS) == form(asked, KINDS)
    for kind in KINDS:
        old = [slot for slot in slots(source) if slot.kind == kind]
        new = [slot for slot in slots(asked) if slot.kind == kind]
        was_said, is_said = [s.value for s in old], [s.value for s in new]
        # In a sentence that is put otherwise, the same in another order says nothing.
        if was_said == is_said or (not alike and Counter(was_said) == Counter(is_said)):
            continue
        pairs = {(_unparted(was.value), is_.text) for was, is_ in zip(old, new, strict=False)}
        if kind in can and len(old) == len(new) and len(pairs) == len({was for was, _ in pairs}):
            places |= {
                _unparted(was.value): (was, is_)
                for was, is_ in zip(old, new, strict=True)
                if was.value != is_.value
            }
        else:
            here, there = set(was_said), set(is_said)
            apart = [slot.text for slot in new if slot.value not in here]
            apart += [slot.text for slot in old if slot.value not in there]
            # Of the same ones in other places or numbers it cannot be told which is meant.
            left += apart or list(dict.fromkeys(slot.text for slot in new))
    changed: dict[str, str] = {}
    made, end = "", 0
    for found in _mentions(translation, [was.value for was, _ in places.values()]):
        said = translation[found.start : found.end]
        if (place := places.get(_unparted(found.value))) is not None:
            was, is_ = place
            amounts = is_amount(asked[: is_.start], asked[is_.end :])
            said = _as_there(is_.text, was.text, said, between) if between and amounts else is_.text
            changed[was.value] = said
        made += translation[end : found.start] + said
        end = found.end
    return Filled(made + translation[end:], changed, left)


def lost(source: str, translation: str) -> list[str]:
    """The numbers, codes and addresses of a text that its translation lacks, each as often.

    A number may be written as another country does: 1,299.50 and 1.299,50 and 1 299,50 are the
    same.
    """
    here, there = _digits(source), _digits(translation)
    # "1 299" may be one number or two, on either side: of what that gives, what lacks least.
    return min(
        (_lost(one, other) for one in (here, _joined(here)) for other in (there, _joined(there))),
        key=len,
    )


def _lost(source: str, translation: str) -> list[str]:
    given = Counter(_written(slot.value) for slot in slots(translation))
    found: list[str] = []
    for slot in slots(source):
        if slot.kind == "number":
            written = _written(slot.value)
            given[written] -= 1
            if given[written] < 0:
                found.append(slot.value)
    return found


def crossed(sources: Sequence[str], translations: Sequence[str]) -> bool:
    """Whether sentences that are paired by their places are not each other's translations.

    One is not where each side has a number or address that the other lacks, or where one lacks
    what another one's translation has too much: a number, an address or a name.
    """
    pairs = list(zip(sources, translations, strict=True))
    missing = [_beyond(here, there) for here, there in pairs]
    added = [_beyond(there, here) for here, there in pairs]
    return any(
        missing[one] & added[other]
        for one in range(len(pairs)) for other in range(len(pairs)) if one != other
    ) or any(lost(here, there) and lost(there, here) for here, there in pairs)  # fmt: skip


def _beyond(text: str, other: str) -> set[str]:
    """The numbers, addresses and names in a text that another one lacks."""
    given = Counter(_written(slot.value) for slot in slots(_digits(text)))
    given -= Counter(_written(slot.value) for slot in slots(_digits(other)))
    said = other.casefold()  # where it begins with a name, that is no slot
    return {one for one in given if one.isnumeric() or one not in said}


def _digits(text: str) -> str:
    return unicodedata.normalize("NFKC", _PARTED.sub("", text))


def _joined(text: str) -> str:
    return _SPACED.sub("", text)


def _unparted(value: str) -> str:
    """A number without what languages part differently; anything else as it is."""
    found = _AMOUNT.fullmatch(_PARTED.sub("", value))
    return f"{found[1]}{_written(found[2])}{found[3]}" if found else value


def _as_there(number: str, was: str, written: str, between: tuple[str, str]) -> str:
    """A number as a translation writes it where ``was`` is ``written``."""
    here, there = map(separators, between)
    if here is None or there is None:
        return number
    return rewritten(number, here, shown(was, here, written, there))


def _written(value: str) -> str:
    """A number without what countries write differently; anything else as it is."""
    number = _NUMBER.fullmatch(value)
    if number is None:
        return value
    *whole, last = re.split("[.,]", number["digits"])
    sign = "-" if number["sign"] and number["sign"] in "-−–" else ""
    # Three digits after a mark are taken for thousands.
    ends = last if not whole or len(last) == 3 else f".{last}"
    return sign + "".join(whole) + ends


def _mentions(text: str, values: Iterable[str]) -> list[_Mention]:
    """Where values stand in a text, and all its numbers: a value inside another is none."""
    # No pattern: making one takes longer than a hundred looks.
    each = {*values, *(slot.value for slot in slots(text) if slot.kind == "number")}
    lower = text.lower()
    if len(lower) != len(text):  # "İ" is two letters then
        lower = "".join(c if len(c.lower()) > 1 else c.lower() for c in text)
    spans = sorted((start, -len(value)) for value in each for start in _starts(lower, value))
    found: list[_Mention] = []
    for start, less in spans:
        if not found or start >= found[-1].end:
            found.append(_Mention(start, start - less, lower[start : start - less]))
    return found


def _starts(text: str, value: str) -> Iterator[int]:
    """Where a value stands in a text apart from other letters and digits."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        if text[start - 1 : start] not in _WORD and text[end : end + 1] not in _WORD:
            yield start
        start = text.find(value, start + 1)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _APOSTROPHE.sub("", _TOKENISED.sub("", text))
    return _PUNCTUATION.sub(" ", text).strip()
