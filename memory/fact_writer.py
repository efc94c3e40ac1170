"""Facts: what a service desk needs to know of what was said, taken without a model.

``facts`` is a writer. What the customer says of himself, his orders and his troubles is kept;
of what the agent says only the numbers that it gives out and what it promises, since the rest is
the customer's own repeated, or the shop's. A value is understood from its message, from the
question before it, and from what was said before in the session, as far as it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from memory import mentions as found_in
from memory import statements
from memory.clock import end_of
from memory.cues import without_filler
from memory.dates import dates
from memory.indexes.lexical import terms
from memory.mentions import Mention, blank
from memory.sentences import pieces
from memory.slots import ONE, SLOTS
from memory.types import Message, Record
from memory.writers import record_id

_CODES = ("order_number", "invoice_number", "tracking_number", "ticket_number")
GIVEN_OUT = frozenset({"ticket_number", "tracking_number"})  # by the agent
_LOOKED_BACK = 80  # characters before a value in which it is denied, or said to be another's
_QUOTED = 120  # characters of a sentence that stand beside a date or an amount

_EXAMPLE = re.compile(
    r"\bfor example\b|\be\.g\.|\bsuch as\b|\blooks? like\b|\bsomething like\b|\blike \d"
    r"|\bif (?:my|the|an?) [\w -]{1,30} (?:were|was)\b|\bsuppose\b"
    r"|比如|例如|譬如|假如|什么样|类似",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^\s*(?:and |so )?(?:is|are|was|do|does|did|can|could|may|have|has|what|which|would)\b.*\?\s*$"
    r"|[？吗]\s*$",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"(?:\b(?:serial|model|account|card|iban|customer|member(?:ship)?|part|flight|train|vin|imei"
    r"|pin"
    r"|version|sku|article|room|gate|sort|policy|contract|licen[cs]e|passport|zip|postal"
    r"|post ?code)"
    r"(?: (?:number|no\.?|id|code))?(?: on the \w+)?|序列号|型号|卡号|账号|会员号|身份证号?|邮编"
    r"|航班|车次)"
    r"(?:\s*(?:[:：#]|\bis\b|\bwas\b|是|为))?\s*[A-Za-z]{0,6}[\d -]*\d[\w-]*",
    re.IGNORECASE,
)
_NOT_BEFORE = re.compile(
    r"(?:\bnot|n['’]t|\binstead of|\brather than|\bno longer(?: at)?|不是|并非|不再是)\s*"
    r"(?:(?:my|the|order|invoice|ticket|number|it['’]s|on|at|订单号?|#|[\"“'])\s*)*$",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"^[\s,，\"”']*(?:(?:that|which|it|this) )?(?:"
    r"(?:is|was|['’]s)(?: not|n['’]t| no longer)(?: my| our| mine| the (?:right|correct)| right"
    r"| correct| valid| in use)|(?:is|was) (?:wrong|incorrect|a typo|outdated)"
    r"|(?:这个)?(?:已经)?(?:不是|不再是)我|(?:已经)?(?:不用了|不再使用|作废|停用))",
    re.IGNORECASE,
)
_SELF_CORRECTED = re.compile(
    r"^[\s,，.–-]*(?:no|oh|wait|sorry|oops|i mean|i meant|or rather|make that|不对|不|错了"
    r"|说错了|不好意思)"
    r"(?:[\s,，:：.]*(?:no|wait|sorry|it['’]s|i mean|i meant|是|应该是))*[\s,，:：]*$",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"\b(?:sorry|actually|correction|i meant?|typo|mistake|mistyped|misspelled|wrong"
    r"|should (?:be|have been|read)|has changed)\b"
    r"|不好意思|更正|(?:^|[，。！,\s我才号码箱话址字])[说写打弄记搞]?错了?|应该是|改成|换成|改为",
    re.IGNORECASE,
)
_CHANGED = re.compile(
    r"\b(?:new|now|changed?|moved|no longer|any ?more|instead|update)\b|换了?号|新的?|现在|搬家",
    re.IGNORECASE,
)
_ALSO = re.compile(
    r"\b(?:also|too|as well|another|second|both|in addition)\b|另外|还有|也(?!许)|以及",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"(?:\b(?:is|was|it['’]s|that['’]s|be|been|meant?|to|but|now)|[:：是为成])[\s\"“']*$",
    re.IGNORECASE,
)
_NOT_OWN = re.compile(
    r"\b(?:your|yours|his|her|their|its)\b[^,;，。]{0,40}$"
    r"|\b(?:wrote|emailed|e-mailed|called|rang|phoned|dial+ed|tried|contacted|messaged)\b(?! me)"
    r"[^,;，。]{0,30}$|(?:你们|您们|贵司|客服|店铺|商家|他的|她的)[^，。]{0,20}$",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"[?？]|\b(?:please|could|can|may|provide|give|need|tell|what|which)\b|请|提供|告诉|多少|麻烦",
    re.IGNORECASE,
)
_ASKED = {
    "email": r"e-?mail|邮箱|邮件地址",
    "order_number": r"order (?:number|id|no\b|code|#)|\bwhich order|number of (?:your|the) order"
    "|订单",
    "invoice_number": r"\bwhich invoice|invoice (?:number|id|no\b)|发票号|哪张发票",
    "tracking_number": r"tracking (?:number|code|id)|快递单|运单|物流单",
    "ticket_number": r"(?:ticket|case|reference|confirmation|booking|claim) (?:number|id|code|no\b)"
    "|工单",
    "phone": r"phone|mobile|\bcell\b|number .{0,20}\b(?:call|reach)|(?:call|reach) you (?:on|at)"
    "|手机|电话|联系方式",
    "address": r"\baddress|where (?:should|shall|do|can) .{0,30}(?:send|ship|deliver)|地址"
        r"|寄到哪|送到哪",
    "name": r"(?<!company )(?<!user )(?<!product )\bname\b|who am i (?:speaking|talking)|称呼"
        r"|姓名|贵姓|名字",
}  # fmt: skip
_ASKED_FOR = {slot: re.compile(pattern, re.IGNORECASE) for slot, pattern in _ASKED.items()}


@dataclass
class _Session:
    """What was said before in a session."""

    asked: str | None = None  # the slot that the last message asks for
    codes: list[tuple[str, str]] = field(default_factory=list)  # (slot, value), newest last


def facts(
    messages: Sequence[Message], *, products: Iterable[str] = (), region: str = "US"
) -> list[Record]:
    """The facts in messages, one record each.

    Args:
        messages: oldest first, of any sessions.
        products: the names of the catalogue; without one no product is found.
        region: of telephone numbers without a country code, and of the order of day and month.
    """
    catalogue = _catalogue(tuple(products))
    sessions: dict[str, _Session] = {}
    found: list[Record] = []
    for message in messages:
        before = sessions.setdefault(message.session, _Session())
        if message.role == "human":
            found += _said_by_customer(message, before, catalogue, region)
            before.asked = None
        elif message.role == "ai":
            found += _said_by_agent(message, region)
            before.asked = _asked(message.text)
    return found


@lru_cache(maxsize=8)
def _catalogue(products: tuple[str, ...]) -> Callable[[str], list[str]]:
    by_key = {" ".join(p.casefold().split()): p for p in products if p.strip()}
    if not by_key:
        return lambda _: []
    # The longest first: "Espresso Master 3000" before "Espresso Master".
    names = "|".join(
        re.escape(key).replace(r"\ ", r"\s+") for key in sorted(by_key, key=len, reverse=True)
    )
    pattern = re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z0-9])", re.IGNORECASE)
    return lambda text: [by_key[" ".join(m[0].casefold().split())] for m in pattern.finditer(text)]


def _asked(text: str) -> str | None:
    for sentence in reversed(pieces(text)):
        if _ASKING.search(sentence):
            for slot, pattern in _ASKED_FOR.items():
                if pattern.search(sentence):
                    return slot
    return None


# --- the customer ----------------------------------------------------------------------------


def _said_by_customer(
    message: Message, before: _Session, catalogue: Callable[[str], list[str]], region: str
) -> list[Record]:
    text = found_in.narrow(message.text)
    sentences = pieces(text)
    holds: list[tuple[Mention, str]] = []  # what holds, with its sentence
    taken_back: list[Mention] = []
    restated: set[str] = set()  # the sentences that say what was meant and no more
    for sentence in sentences:
        if _EXAMPLE.search(sentence):
            continue
        for mention in _mentions(sentence, message.at, before.asked, region):
            if _negated(sentence, mention):
                taken_back.append(mention)
                restated.add(sentence)
            elif mention.slot not in {"email", "phone", "address"} or not _NOT_OWN.search(
                _before(sentence, mention)
            ):
                holds.append((mention, sentence))
    correcting = bool(taken_back) or bool(_CORRECTS.search(text))
    correcting = correcting and not _ALSO.search(text)
    holds, taken_back = _understood(holds, taken_back, correcting, before)
    changed = correcting or bool(_CHANGED.search(text))

    found: list[Record] = []
    for mention, sentence in holds:
        named = tuple(m.value for m in taken_back if m.slot == mention.slot)
        corrects: tuple[str, ...] | None = named or None
        stated = not mention.named or _STATED.search(_before(sentence, mention))
        if not named and ((correcting and stated) or (changed and mention.slot in ONE)):
            corrects = ()
        if corrects is not None and correcting:
            restated.add(sentence)
        found.append(fact(message, mention.slot, mention.value, sentence, corrects))
    for slot in dict.fromkeys(m.slot for m in taken_back):
        if slot not in {mention.slot for mention, _ in holds}:
            values = tuple(m.value for m in taken_back if m.slot == slot)
            found.append(fact(message, slot, None, ", ".join(values), values))
    before.codes += [(m.slot, m.value) for m, _ in holds if m.slot in _CODES]
    for sentence in sentences:
        found += _stated(message, sentence, before.asked, catalogue, correcting=correcting,
                         restated=sentence in restated)  # fmt: skip
    return list({record.id: record for record in found}.values())


def _mentions(sentence: str, at: datetime, asked: str | None, region: str) -> list[Mention]:
    """The values in a sentence; a code whose kind is not said has the slot ''."""
    rest = found_in.without_links(sentence)
    found = found_in.emails(rest)
    rest = blank(rest, found)
    rest = _OTHER_NUMBER.sub(lambda m: "\0" * len(m[0]), rest)

    def take(more: Iterable[Mention]) -> None:
        nonlocal rest
        more = list(more)
        found.extend(more)
        rest = blank(rest, more)

    take(found_in.numbered(rest))
    take(found_in.addresses(rest))
    days = dates(rest, at.date(), day_first=region != "US")
    take(
        Mention("date", d.day.isoformat(), d.start, d.end, rest[d.start : d.end])
        for d in days
        if not d.near
    )
    take(found_in.amounts(rest))
    if asked in _CODES:
        take(found_in.codes(rest))
    take(found_in.phones(rest, region, asked=asked == "phone"))
    take(found_in.codes(rest))
    return sorted(found, key=lambda m: m.start)


def _before(sentence: str, mention: Mention) -> str:
    return sentence[max(0, mention.start - _LOOKED_BACK) : mention.start]


def _negated(sentence: str, mention: Mention) -> bool:
    return bool(
        _NOT_BEFORE.search(_before(sentence, mention)) or _NOT_AFTER.match(sentence[mention.end :])
    )


def _understood(
    holds: list[tuple[Mention, str]],
    taken_back: list[Mention],
    correcting: bool,
    before: _Session,
) -> tuple[list[tuple[Mention, str]], list[Mention]]:
    """Find out what kind of number each bare code is; those that stay unknown are left out."""
    known = {value: slot for slot, value in before.codes}
    slots = [m.slot or known.get(m.value, "") for m in taken_back]
    slot = next((s for s in slots if s in _CODES), "")
    if not slot:
        slot = next((m.slot for m, _ in holds if m.slot in _CODES), "") if taken_back else ""
    if not slot and before.asked in _CODES:
        slot = before.asked
    if not slot and correcting and before.codes:
        slot = before.codes[-1][0]
    made: list[tuple[Mention, str]] = []
    gone = [m._replace(slot=s or slot) for m, s in zip(taken_back, slots, strict=True)]
    for mention, sentence in holds:
        meant = mention._replace(slot=mention.slot or slot)
        if made and (made[-1][1] == sentence) and made[-1][0].slot in _CODES:
            last = made[-1][0]
            if _SELF_CORRECTED.match(sentence[last.end : mention.start]):
                meant = mention._replace(slot=mention.slot or last.slot)
                if meant.slot == last.slot:
                    gone.append(made.pop()[0])
        if meant.slot:
            made.append((meant, sentence))
    return made, [m for m in gone if m.slot]


def _stated(
    message: Message,
    sentence: str,
    asked: str | None,
    catalogue: Callable[[str], list[str]],
    *,
    correcting: bool,
    restated: bool,
) -> list[Record]:
    found = []
    if name := statements.name(sentence, asked=asked == "name"):
        found.append(fact(message, "name", name, sentence, () if correcting else None))
    found += [fact(message, "product", p, sentence) for p in catalogue(sentence)]
    said = " ".join(without_filler(sentence).split())
    if not restated and statements.prefers(sentence):
        found.append(fact(message, "preference", said, sentence))
    if statements.solved(sentence):
        found.append(fact(message, "problem", None, said, ()))
    elif not restated and statements.troubles(sentence):
        found.append(fact(message, "problem", said, sentence))
    return found


# --- the agent -------------------------------------------------------------------------------


def _said_by_agent(message: Message, region: str) -> list[Record]:
    found = []
    for sentence in pieces(found_in.narrow(message.text)):
        if _EXAMPLE.search(sentence) or _QUESTION.search(sentence):
            continue
        found += [
            fact(message, mention.slot, mention.value, sentence)
            for mention in found_in.numbered(sentence)
            if mention.slot in GIVEN_OUT and not _negated(sentence, mention)
        ]
        if statements.promises(sentence):
            said = " ".join(without_filler(sentence).split())
            days = [d.day for d in dates(sentence, message.at.date(), day_first=region != "US")]
            record = fact(message, "promise", said, sentence)
            if days:
                due = end_of(days[-1])
                text = f"{record.text} (due {days[-1].isoformat()})"
                record = replace(record, text=text, terms=tuple(terms(text)), valid_to=due)
            found.append(record)
    return list({record.id: record for record in found}.values())


# --- records ---------------------------------------------------------------------------------


def fact(
    message: Message,
    slot: str,
    value: str | None,
    said: str,
    corrects: tuple[str, ...] | None = None,
) -> Record:
    """A fact that a message states.

    Args:
        message: its source.
        slot: what it is about.
        value: None where something is taken back without a new value.
        said: the sentence that states it.
        corrects: what it takes back (see ``Record``).
    """
    label = SLOTS[slot]
    if value is None:
        text = f"Problem solved: {said}" if slot == "problem" else f"{label}: no longer {said}"
    elif slot in {"date", "amount"}:
        # A date alone says nothing.
        text = f"{label} {value}: {' '.join(said.split())[:_QUOTED]}"
    else:
        text = f"{label}: {value}"
    return Record(
        id=record_id("facts", (message.session, message.id), f"{slot}\0{value}\0{text}"),
        text=text,
        messages=(message.id,),
        session=message.session,
        role=message.role,
        at=message.at,
        terms=tuple(terms(text)),
        slot=slot,
        value=value,
        corrects=corrects,
    )
