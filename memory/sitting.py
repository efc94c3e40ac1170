"""A session as it is understood: the values in a message, by what was said before it.

A number alone has the kind that was asked for, that of a number like it, or that of the value
which it puts right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from memory import assertions, codes, questions, self_repair
from memory import mentions as found_in
from memory.cards import cards
from memory.dates import dates
from memory.mentions import Mention, blank
from memory.rereading import once
from memory.slots import alike, plain_code

CODES = ("order_number", "invoice_number", "tracking_number", "ticket_number")

_OTHER_NUMBER = re.compile(
    r"(?:\b(?:serial|model|account|card|iban|customer|member(?:ship)?|part|flight|train|vin|imei"
    r"|pin|version|sku|article|room|gate|sort|policy|contract|licen[cs]e|passport|zip|postal"
    r"|post ?code)"
    r"(?: (?:number|no\.?|id|code))?(?: on the \w+)?|序列号|型号|卡号|账号|会员号|身份证号?|邮编"
    r"|航班|车次)"
    r"(?:\s*(?:[:：#]|\bis\b|\bwas\b|是|为))?\s*[A-Za-z]{0,6}[\d -]*\d[\w-]*",
    re.IGNORECASE,
)
_ROOM = re.compile(
    r"\b(?:suite|apartment|apt|unit|flat|house|floor)\.?(?: (?:number|no\.?))? #?\w{1,6}\b",
    re.IGNORECASE,
)
# What befalls orders: two codes of one form of which it is said are orders.
_ORDERED = re.compile(
    r"\b(?:arriv\w+|came|come|late|delayed|missing|lost|deliver\w*|shipp?\w*|receiv\w+|got|sent"
    r"|dispatch\w*|cancel\w*|refund\w*|return\w*|order(?:s|ed)?)\b|[到收发]|退|取消|订单",
    re.IGNORECASE,
)


@dataclass
class Sitting:
    """What was said before in a session."""

    said: list[tuple[str, str]] = field(default_factory=list)  # (slot, value), newest last
    asked: str | None = None  # the slot that the last message asks for
    asks: bool = False  # the last message asks for what fills no slot
    doubted: bool = False  # the last message doubts a value
    wrong: bool = False  # the customer's last message says that a value was wrong, and no more

    def copy(self) -> Sitting:
        """The same, which goes on by itself."""
        return replace(self, said=[*self.said])

    def answered(self, text: str) -> None:
        """The agent says something."""
        self.asked = questions.asked(text)
        repeated = any(value in text.upper() for _, value in self.said)
        self.asks = questions.asks(text) and not self.asked and not repeated
        self.doubted = questions.doubts(text)

    def told(self, values: Iterable[tuple[str, str]], *, wrong: bool) -> None:
        """The customer has said these values, or only that something was wrong."""
        self.said += values
        self.wrong = wrong
        self.asked, self.asks, self.doubted = None, False, False

    def kind(self, code: str) -> str | None:
        """The slot of a code that was said before, or of one like it."""
        known = {plain_code(value): slot for slot, value in self.said if slot in CODES}
        like = {codes.shape(value): slot for slot, value in self.said if slot in CODES}
        return known.get(plain_code(code)) or (like.get(codes.shape(code) or ""))

    def slip(self, mention: Mention) -> str | None:
        """The code said before of which one has the digits in another order."""
        said = (v for s, v in reversed(self.said) if s in CODES and mention.slot in {"", s})
        return next((value for value in said if codes.transposed(value, mention.value)), None)

    def last(self, slot: str) -> str | None:
        """The value of a slot that was said last."""
        return next((value for kind, value in reversed(self.said) if kind == slot), None)

    def has(self, mention: Mention) -> bool:
        """Whether a value was said before."""
        return any(
            slot == (mention.slot or slot) and alike(slot, value, mention.value)
            for slot, value in self.said
        )


@dataclass
class Values:
    """The values in a message of the customer's; ``repairs`` if it puts something right."""

    holds: list[tuple[Mention, str]] = field(default_factory=list)  # each with its sentence
    denied: list[tuple[Mention, str]] = field(default_factory=list)
    anothers: list[Mention] = field(default_factory=list)
    taken_back: list[Mention] = field(default_factory=list)  # denied, or another's after all
    repairs: bool = False
    firmly: bool = False  # it says so, and does not only begin as if it did
    expected: str | None = None  # the slot of a value of which no kind is said


def values(
    text: str, sentences: Sequence[str], at: datetime, before: Sitting, region: str
) -> Values:
    """The values in what a customer says.

    Args:
        text: the message, its letters narrow.
        sentences: of it.
        at: when it was said.
        before: the session until then.
        region: see ``facts``.
    """
    adds = self_repair.adds(text)
    cue = before.wrong or self_repair.cue(text, repeated=not before.asks)
    found = Values(repairs=cue and not adds)
    found.firmly = before.wrong or self_repair.firm(text)
    found.expected = before.asked
    if found.repairs and found.expected is None:
        found.expected = questions.kind(text) or (before.said[-1][0] if before.said else None)
    for sentence in sentences:
        if not assertions.supposed(sentence):
            _read(sentence, at, before, found, region)
    if not adds:
        # A doubted value is put right by another one alone.
        alone = [bool(before.asked) or not m.named for m, _ in found.holds] == [True]
        known = any(before.has(m) for m in found.anothers)
        slips = any(before.slip(m) for m, _ in found.holds)
        if found.denied or known or slips or (before.doubted and alone):
            found.repairs = found.firmly = True
    _understand(found, before)
    found.taken_back = [m for m, _ in found.denied]
    found.taken_back += [m for m in found.anothers if before.has(m)]
    return found


def _read(sentence: str, at: datetime, before: Sitting, found: Values, region: str) -> None:
    """Find the values in a sentence, and what becomes of them."""
    made = _mentions(sentence, at.date(), region, repairs=found.repairs, expected=found.expected)
    for mention in made:
        asked = before.asked and mention.slot in {before.asked, ""}
        if assertions.denied(sentence, mention):
            found.denied.append((mention, sentence))
        elif assertions.anothers(sentence, mention) and not asked:
            found.anothers.append(mention)
        else:
            found.holds.append((mention, sentence))


@once
def _mentions(
    sentence: str, day: date, region: str, *, repairs: bool, expected: str | None
) -> list[Mention]:
    """The values in a sentence; a code whose kind is not said has the slot ''."""
    rest = found_in.without_links(sentence)
    made = found_in.emails(rest)
    rest = blank(rest, made)
    rest = _OTHER_NUMBER.sub(lambda m: "\0" * len(m[0]), rest)

    def take(more: Iterable[Mention]) -> None:
        nonlocal rest
        more = list(more)
        made.extend(more)
        rest = blank(rest, more)

    # In parts it would be a number of something, and a telephone's.
    spaced = [card for card in cards(rest) if " " in rest[card.start : card.end]]
    rest = blank(rest, spaced)
    take(codes.numbered(rest))
    take(found_in.addresses(rest))
    rest = _ROOM.sub(lambda m: "\0" * len(m[0]), rest)
    said = self_repair.without_cues(rest) if repairs else rest
    days = dates(said, day, day_first=region != "US")
    take(
        Mention("date", d.day.isoformat(), d.start, d.end, rest[d.start : d.end])
        for d in days
        if not d.near
    )
    take(found_in.amounts(rest))
    if expected in CODES:
        take(codes.codes(rest))
    take(found_in.phones(rest, region, asked=expected == "phone"))
    take(codes.codes(rest))
    return sorted(made, key=lambda m: m.start)


def _understand(found: Values, before: Sitting) -> None:
    """Find out what kind of number each bare code is; those that stay unknown are left out."""
    others = [m for m, _ in found.denied] + found.anothers
    slot = next((s for m in others if (s := m.slot or before.kind(m.value)) in CODES), None)
    if slot is None and found.denied:
        slot = next((m.slot for m, _ in found.holds if m.slot in CODES), None)
    if slot is None and before.asked in CODES:
        slot = before.asked
    several = _several(found)

    def known(mention: Mention, sentence: str) -> Mention:
        kind = mention.slot or before.kind(mention.value) or several.get(mention.value) or slot
        if kind is None and found.repairs:
            kind = _repaired(mention, sentence, found, before)
        return mention._replace(slot=kind or "")

    found.denied = [(m, s) for m, s in ((known(m, s), s) for m, s in found.denied) if m.slot]
    found.anothers = [m for m in (known(m, "") for m in found.anothers) if m.slot]
    holds: list[tuple[Mention, str]] = []
    for mention, sentence in found.holds:
        meant = known(mention, sentence)
        if holds and holds[-1][1] == sentence:
            last = holds[-1][0]
            if self_repair.within(sentence[last.end : mention.start]):
                meant = mention._replace(slot=mention.slot or last.slot)
                if meant.slot == last.slot:
                    found.denied.append(holds.pop())
        if meant.slot:
            holds.append((meant, sentence))
    found.holds = holds


def _repaired(mention: Mention, sentence: str, found: Values, before: Sitting) -> str | None:
    """The slot of a bare code that puts another right, if it has the form of one."""
    if not found.firmly and not self_repair.stated(sentence[: mention.start]):
        return None
    wanted = (found.expected,) if found.expected in CODES else CODES
    last = next(((slot, value) for slot, value in reversed(before.said) if slot in wanted), None)
    if last is None:
        return found.expected if found.expected in CODES else None
    return last[0] if codes.comparable(last[1], mention.value) else None


def _several(found: Values) -> dict[str, str]:
    """The slots of bare codes of one form, of which something is said that befalls orders."""
    forms: dict[str, list[str]] = {}
    for mention, sentence in found.holds:
        form = codes.shape(mention.value)
        if not mention.slot and form and _ORDERED.search(sentence):
            forms.setdefault(form, []).append(mention.value)
    return {value: CODES[0] for values in forms.values() if len(values) > 1 for value in values}
