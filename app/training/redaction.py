"""What is somebody's own in a dialogue, replaced before a model learns it.

Found are e-mail addresses ("ada (at) fjord dot org" too), cards and IBANs (by their check digits),
telephone numbers, postal addresses, numbers of orders and the like, PINs, passwords and licence
plates after the words for them, and names: those that a speaker gives as his own, in small letters
too, that stand after a title or a greeting, and first names in general. Most are found by the
same rules as the memory's facts, and all are replaced wherever they stand in the dialogue, however
they are written.

Not found: a third person's unusual name, a name that is an ordinary word ("Will"), dates of
birth, what somebody spells out in words. Who has such data should look at a sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b

from app.training.dialogues import Dialogue, Said
from app.training.occurrences import Marks, Occurrences, Value, anyhow, exactly, in_runs
from app.training.private import (
    FIRST,
    ORDINARY,
    ibans,
    plates,
    presented,
    secrets,
    small_names,
    spelled_emails,
)
from app.training.standins import LAST, StandIns
from memory import Message, facts
from memory.cards import luhn
from memory.codes import codes, numbered
from memory.mentions import Mention, addresses, amounts, emails, narrow, phones
from memory.names import name as stated_name

_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b", re.IGNORECASE)
_LAST_DIGITS = re.compile(
    r"\b(?:end(?:s|ing)?|last (?:four|4|three|3)(?: digits)?)\b[^\d.?!]{0,25}(?P<code>\d{3,6})\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_ORDINAL = re.compile(r"\d(?:st|nd|rd|th)\b", re.IGNORECASE)
_ASKS_PHONE = re.compile(r"\b(?:phone|mobile|cell|telephone)\b[^.?!]*\?|电话|手机", re.IGNORECASE)
_ASKS_CODE = re.compile(r"\b(?:number|pin|code|id|digits|password)\b", re.IGNORECASE)

_ASKS_PASSWORD = re.compile(r"\b(?:pass ?(?:word|phrase)|secret word)\b", re.IGNORECASE)

_NAME = r"[A-Z][a-z]+(?:['’-][A-Z]?[a-z]+)*"
_TITLED = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Doctor|Prof)\b\.?\s(?P<name>{_NAME}(?:\s{_NAME})?)"
)
_GREETED = re.compile(
    rf"\b(?:[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear|[Tt]hanks?|[Tt]hank you|[Bb]ye|[Gg]oodbye|[Ss]orry"
    rf"|[Oo]kay|[Ww]elcome(?: back)?),?\s(?P<name>{_NAME})"
)
_RELATED = re.compile(
    r"\b(?:friend|colleague|co-?worker|wife|husband|partner|brother|sister|mother|father|mom|mum|dad"
    r"|son|daughter|boss|neighbou?r|assistant|manager|named|called)(?:'s name is)?,? "
    rf"(?P<name>{_NAME}(?:\s{_NAME})?)"
)
_CAPITALISED = re.compile(rf"(?P<before>\S?\s?)\b(?P<name>{_NAME}(?:\s{_NAME})?)\b")
_STREET_WORD = re.compile(
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq"
    r"|way|terrace|close|crescent|highway|hwy|parkway|parade|row|walk|hill|gardens?|park|broadway"
    r"|quay|circle|passage|yard|green|grove|mews|north|south|east|west|apt|apartment|suite|unit"
    r"|flat|floor|no|of|the|and|in|n|s|e|w|main|high|city|town|county|new|old|upper|lower)",
    re.IGNORECASE,
)
_PARTICLES = frozenset("van von de der da di al bin".split())
_HAN = re.compile(r"[\u4e00-\u9fff]")


def redact(dialogue: Dialogue, seed: str = "", region: str = "US") -> Dialogue:
    """The dialogue with stand-ins; its id, which may be a customer's name, is replaced too.

    So split before: a dialogue's part goes by its own id.

    Args:
        dialogue: any.
        seed: the same gives the same stand-ins. Whoever knows it can try values until one gives
            a stand-in that he sees, so keep it as the data themselves are kept.
        region: of telephone numbers without a country code.
    """
    name = blake2b(f"{seed}\0{dialogue.id}".encode(), digest_size=16).hexdigest()
    # What was written of it has the same in it, and in the same words.
    written = [Said("agent", text) for text in dialogue.summaries]
    dialogue = replace(dialogue, turns=(*dialogue.turns, *written))
    texts = [narrow(said.text) for said in dialogue.turns]
    words = {word for text in texts for word in re.findall(r"\w+", text.casefold())}
    stand_ins = StandIns(f"{seed}\0{dialogue.id}", words)
    values = Occurrences(_values(dialogue, texts, stand_ins, region))
    turns = tuple(
        replace(said, text=values.replaced(said.text, text))
        for said, text in zip(dialogue.turns, texts, strict=True)
    )
    said = len(turns) - len(written)
    summaries = tuple(one.text for one in turns[said:])
    return replace(dialogue, id=name, turns=turns[:said], summaries=summaries)


# --- what is to be replaced, the surest first ----------------------------------------------------


def _values(
    dialogue: Dialogue, texts: list[str], stand_ins: StandIns, region: str
) -> Iterator[Value]:
    marks = [Marks(len(text)) for text in texts]

    def fresh(number: int, start: int, end: int) -> bool:
        """Whether nothing was found there yet; it is found now."""
        return marks[number].take(start, end)

    kinds: list[tuple[Callable[[int], Iterable[Mention]], Callable[[str], str]]] = [
        (lambda i: emails(texts[i]), stand_ins.email),
        (lambda i: ibans(texts[i]), stand_ins.iban),
        (lambda i: _cards(texts[i]), stand_ins.card),
        (lambda i: _phones(texts, i, region), stand_ins.phone),
        (lambda i: plates(texts[i]), stand_ins.code),
    ]
    for number, text in enumerate(texts):
        asked = number > 0 and bool(_ASKS_PASSWORD.search(texts[number - 1]))
        for mention in secrets(text, asked=asked):
            if fresh(number, mention.start, mention.end):
                yield Value(mention.said, stand_ins.code, exactly(mention.said))
        for mention in spelled_emails(text):
            if fresh(number, mention.start, mention.end):
                made = partial(stand_ins.spelled_email, mention.value)
                yield Value(mention.said, made, exactly(mention.said))
    for find, stand_in in kinds:
        values: dict[str, None] = {}
        for number in range(len(texts)):
            for mention in find(number):
                if fresh(number, mention.start, mention.end):
                    values[mention.said] = None
        for value in sorted(values, key=len, reverse=True):
            yield Value(value, stand_in, anyhow(value))
        if stand_in == stand_ins.card:
            yield from _last_digits(list(values), stand_in)
    names = list(_names(dialogue, texts))
    yield from _places(texts, fresh, stand_ins)
    yield from _codes(texts, fresh, stand_ins)
    yield from _named(names, stand_ins)


def _cards(text: str) -> Iterator[Mention]:
    for match in _CARD.finditer(text):
        if luhn(match[0]):
            yield Mention("card", match[0], match.start(), match.end(), match[0])


def _last_digits(cards: list[str], card: Callable[[str], str]) -> Iterator[Value]:
    """The end of a card's number goes with the card's stand-in."""
    for value in cards:
        ending = re.sub(r"\D", "", value)[-4:]
        made = re.sub(r"\D", "", card(value))[-4:]
        yield Value(ending, lambda _, made=made: made, exactly(ending))  # type: ignore[misc]


def _phones(texts: list[str], number: int, region: str) -> list[Mention]:
    asked = number > 0 and bool(_ASKS_PHONE.search(texts[number - 1]))
    return phones(texts[number], region, asked=asked)


def _places(
    texts: list[str], fresh: Callable[[int, int, int], bool], stand_ins: StandIns
) -> Iterator[Value]:
    """Addresses, and their streets and towns wherever these stand alone."""
    words: dict[str, None] = {}
    for number, text in enumerate(texts):
        for mention in (*addresses(text), *_postcodes(text)):
            if not fresh(number, mention.start, mention.end):
                continue
            yield Value(mention.said, _in_address(stand_ins), exactly(mention.said))
            words.update(dict.fromkeys(_places_in(mention.said)))
    for word in words:
        yield Value(word, stand_ins.place, exactly(word))


def _postcodes(text: str) -> Iterator[Mention]:
    for match in _POSTCODE.finditer(text):
        yield Mention("address", match[0], match.start(), match.end(), match[0])


def _in_address(stand_ins: StandIns) -> Callable[[str], str]:
    def made(said: str) -> str:
        if _HAN.search(said):
            return "".join(stand_ins.code(part) for part in re.split(r"(\d+)", _moved(said)))
        words = (
            word if _STREET_WORD.fullmatch(word)
            else stand_ins.code(word) if any(c.isdigit() for c in word)
            else stand_ins.place(word)
            for word in re.findall(r"\w[\w'’-]*", said)
        )  # fmt: skip
        return re.sub(r"\w[\w'’-]*", lambda _: next(words), said)

    return made


def _moved(said: str) -> str:
    """A Chinese address in another street and town."""
    named = re.compile(r"[\u4e00-\u9fff]{2,8}?(?=省|市|区|县|镇|乡|路|街|大道|村|胡同|小区|大厦)")
    fillers = iter(("东海", "长安", "新华", "和平", "建设", "人民", "中山", "解放") * 8)
    return named.sub(lambda _: next(fillers), said)


def _places_in(said: str) -> Iterator[str]:
    """The words of an address that say where it is."""
    for word in re.findall(r"[^\W\d_][\w'’-]*", said):
        if word[0].isupper() and len(word) > 2 and not _STREET_WORD.fullmatch(word):
            yield word


def _codes(
    texts: list[str], fresh: Callable[[int, int, int], bool], stand_ins: StandIns
) -> Iterator[Value]:
    """Numbers of things: those that are called so, and whatever looks like one."""
    values: dict[str, None] = {}
    for number, text in enumerate(texts):
        money = Marks(len(text))
        for amount in amounts(text):
            money.take(amount.start, amount.end)
        asked = number > 0 and bool(_ASKS_CODE.search(texts[number - 1]))
        named = [(m.said, m.start, m.end) for m in numbered(text)]
        ends = [(m["code"], *m.span("code")) for m in _LAST_DIGITS.finditer(text)]
        bare = [(m.said, m.start, m.end) for m in codes(text) if _private(m.said, asked=asked)]
        for said, start, end in (*named, *ends, *bare):
            if money.free(start, end) and fresh(number, start, end):
                values[said] = None
    for value in sorted(values, key=len, reverse=True):
        yield Value(value, stand_ins.code, in_runs(value))


def _private(code: str, *, asked: bool) -> bool:
    """Whether a code of which nothing is said is long enough to be somebody's."""
    if (_YEAR.fullmatch(code) and not asked) or _ORDINAL.search(code):
        return False
    digits = sum(c.isdigit() for c in code)
    letters = sum(c.isalpha() for c in code)
    return digits >= (3 if asked else 5) or (digits >= 2 and letters >= 2 and len(code) >= 5)


# --- names ---------------------------------------------------------------------------------------


def _names(dialogue: Dialogue, texts: list[str]) -> Iterator[str]:
    """Names of persons, as they are said, each with its title or alone."""
    at = datetime.now(UTC)
    messages = [
        Message(str(i), "", "human" if said.role == "customer" else "ai", text, at)
        for i, (said, text) in enumerate(zip(dialogue.turns, texts, strict=True))
    ]
    for record in facts(messages):
        if record.slot == "name" and record.value:
            said = texts[int(record.messages[0])]
            yield record.value if record.value in said else record.value.lower()
    for turn, text in zip(dialogue.turns, texts, strict=True):
        if turn.role == "agent" and (own := stated_name(text)):
            yield own
        yield from small_names(text)
        for pattern in (_TITLED, _RELATED):
            for match in pattern.finditer(text):
                yield match["name"]
        for match in _GREETED.finditer(text):
            if match["name"] in FIRST or match["name"] in LAST:
                yield match["name"]
        for match in _CAPITALISED.finditer(text):
            first, _, last = match["name"].partition(" ")
            ordinary = first.lower() in ORDINARY
            if first in FIRST and last in LAST:
                yield match["name"]
            elif first in FIRST and not ordinary:
                yield first


def _named(names: Iterable[str], stand_ins: StandIns) -> Iterator[Value]:
    words: dict[str, bool] = {}  # each with whether it is a first name
    for name in dict.fromkeys(names):
        if _HAN.search(name):
            yield Value(name, stand_ins.chinese_name, exactly(name))
            continue
        parts = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", name)
        for place, part in enumerate(parts):
            if len(part) > 1 and part.lower() not in _PARTICLES:
                first = part.title() in FIRST or (place == 0 and part.title() not in LAST)
                words.setdefault(part, first)
    for word, first in words.items():
        # "mark" and "will" in small letters are no names, unless it was all that was said.
        ordinary = word.lower() in ORDINARY or len(word) < 4
        shapes = {word, word.title(), word.upper()} | (set() if ordinary else {word.lower()})
        make = stand_ins.first_name if first else stand_ins.last_name
        if word in ORDINARY:  # in small letters: "my name is will, and i will wait"
            shapes.remove(word)
            yield Value(word, make, presented)
        yield Value(word, make, exactly(*shapes))
