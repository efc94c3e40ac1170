"""Numbers of things that stand in a text: of orders, invoices, tickets, parcels.

Found by form and by what stands before them, in English and Chinese.
"""

from __future__ import annotations

import re

from memory.mentions import Mention
from memory.slots import plain_code

_CODE = (
    r"(?<![A-Za-z0-9@.+_-])#?(?P<code>(?=[A-Za-z_-]{0,12}\d)[A-Za-z0-9]{1,40}"
    r"(?:[-_/][A-Za-z0-9]{1,20}){0,5})(?![A-Za-z0-9@%_]|-\d|[.:]\d|\.[A-Za-z]|\s?(?:[元块%€£$]"
    r"|[ap]m\b))"
)
_NO_CODE = re.compile(
    r"\d+(?:-(?:hour|minute|day|week|month|year)s?|-?inch(?:es)?|st|nd|rd|th|am|pm|x|kg|g|cm|mm|m|km|gb|mb|tb|w|v|mah|k|d|h|hrs?|mins?"
    r"|pcs|days?)"
    r"|(?:19|20)\d\d-\d\d?-\d\d?|\d{1,2}/\d{1,2}(?:/\d{2,4})?",
    re.IGNORECASE,
)
# "4417 XZ", "AB 1234": capitals that belong to the code.
_APART = r"(?!(?:OK|US|UK|EU|TV|PC|AM|PM|DHL|UPS|DPD|GLS|EMS|USD|EUR|GBP|CNY)\b)[A-Z]{2,3}"
_SPACED = re.compile(rf"\s{_APART}(?![\w-])")
_BEFORE_CODE = rf"(?P<apart>(?-i:{_APART})\s(?=\d{{3}}))?{_CODE}"
_EN_LABELS = {
    "order_number": r"(?:orders?|purchase)",
    "invoice_number": r"(?:invoices?|receipt)",
    "tracking_number": r"(?:tracking|parcel|package|shipment|waybill|consignment)",
    "ticket_number": r"(?:(?:support |service )?tickets?|cases?|references?|ref"
    r"|confirmation|booking|reservation|claim|complaint|incident)",
}
_ZH_LABELS = {
    "order_number": "订单|订货|訂單|訂貨",
    "invoice_number": "发票|账单|發票|帳單",
    "tracking_number": "快递|运单|物流|追踪|包裹|快遞|運單|追蹤",
    "ticket_number": "工单|受理|报修|案件|预约|投诉|预订|服务单|确认|工單|報修|預約|投訴|預訂|確認",
}
_NUMBER_WORD = r"(?:numbers?|nos?\.?|nr\.?|ids?|codes?|references?|ref\.?|\#)"
_LINK = (
    # "the order number for that is ..."
    r"(?P<link>(?:\s(?:for|of|on)\s(?:\w+\s){0,2}\w+(?=\s(?:is|was|are)\s))?"
    r"(?:\s*(?:[:：#=,(\"“']|\b(?:is|was|are|were|it['’]?s|will\sbe|now|actually"
    r"|should\sbe|called"
    rf"|has\schanged\sto|(?:is|was)n['’]t|(?:is|was)\snot|not|please|{_NUMBER_WORD})(?![A-Za-z]))"
    r"){0,4}\s*)"
)
_EN_NUMBERED = {
    slot: re.compile(
        rf"(?<![A-Za-z-])(?P<label>{label})(?P<word>\s?(?:{_NUMBER_WORD}(?![A-Za-z])))?{_LINK}"
        rf"{_BEFORE_CODE}",
        re.IGNORECASE | re.ASCII,
    )
    for slot, label in _EN_LABELS.items()
}
_EN_CALLED = {
    slot: re.compile(
        rf"{_CODE}\s(?:is|was)(?:\snot|n['’]t|\sno\slonger)?\s(?:my|our|your|the)\s{label}"
        rf"(?:\s{_NUMBER_WORD})?(?![A-Za-z])",
        re.IGNORECASE | re.ASCII,
    )
    for slot, label in _EN_LABELS.items()
}
_ZH_NUMBERED = {
    slot: re.compile(
        rf"(?P<label>{label})(?P<word>[单單]?(?:[编編][号號]|[号號][码碼]|[号號]|代[码碼]|[码碼])?)(?:分[别別])?"
        rf"(?P<link>(?:不是|应该是|應該是|[是为為叫：:\s,，]){{0,3}}){_BEFORE_CODE}",
        re.ASCII,
    )
    for slot, label in _ZH_LABELS.items()
}
_AND_CODE = re.compile(
    r"\s*(?:,\s*and|，|,|、|;|；|和|与|及|跟|以及|还有|and(?: also)?|as well as|plus|&|/|n?or)\s*"
    rf"{_BEFORE_CODE}",
    re.ASCII,
)
_BARE = re.compile(_CODE, re.ASCII)
_VERB = re.compile(r"\b(?:to|i|we|you|they|can|could|please|cannot)\s$", re.IGNORECASE)
_VERB_LENGTH = 12  # characters that it may take: all before would be quadratic


def _is_code(code: str, least: int) -> bool:
    if _NO_CODE.fullmatch(code):
        return False
    letters = any(c.isalpha() for c in code)
    return len(code) >= (2 if letters else least)


def numbered(text: str) -> list[Mention]:
    """Codes whose kind is said beside them: "order 4417-XZ", "订单号1001和1002"."""
    found: dict[int, Mention] = {}
    for patterns in (_EN_NUMBERED, _ZH_NUMBERED):
        for slot, pattern in patterns.items():
            for match in pattern.finditer(text):
                named = bool(match["word"]) or match["label"][-1] in "s" or "#" in match["link"]
                verb = match["label"].lower() == "order" and _VERB.search(
                    text, max(0, match.start() - _VERB_LENGTH), match.start()
                )
                if verb and not match["word"]:
                    continue
                least = 3 if named else 4
                while _is_code(match["code"], least):
                    mention = _code(slot, match)
                    found.setdefault(mention.start, mention)
                    following = _AND_CODE.match(text, mention.end)
                    if following is None:
                        break
                    match = following
    for slot, pattern in _EN_CALLED.items():
        for match in pattern.finditer(text):
            if _is_code(match["code"], 3):
                found.setdefault(match.start("code"), _code(slot, match))
    return [found[start] for start in sorted(found)]


def codes(text: str) -> list[Mention]:
    """Whatever could be the number of a thing; what kind of thing is not said."""
    return [_code("", m, named=False) for m in _BARE.finditer(text) if _is_code(m["code"], 3)]


def codes_in(text: str) -> frozenset[str]:
    """The codes in a text, as they compare."""
    return frozenset(plain_code(mention.value) for mention in codes(text))


def shape(code: str) -> str | None:
    """What codes of one series share, if it has letters: AB-1000 and AB-2000 are "AB-9999"."""
    return re.sub(r"\d", "9", code) if code[:1].isalpha() and code[-1:].isdigit() else None


def transposed(one: str, other: str) -> bool:
    """Whether two codes have the same digits in another order: one is a slip of the other."""
    one, other = plain_code(one), plain_code(other)
    frames = (re.sub(r"\d", "9", code) for code in (one, other))
    return one != other and sorted(one) == sorted(other) and len(set(frames)) == 1


def comparable(one: str, other: str) -> bool:
    """Whether one code may have been meant for another: both are as long, and have letters."""
    one, other = plain_code(one), plain_code(other)
    lettered = [any(c.isalpha() for c in code) for code in (one, other)]
    near = abs(len(one) - len(other)) <= 2 and lettered[0] == lettered[1]
    return near or one in other or other in one


def _code(slot: str, match: re.Match[str], *, named: bool = True) -> Mention:
    start, end = match.span("code")
    text = match.string
    if (named and any(c.islower() for c in text)) or not text.isascii():
        start = match.start("apart") if match.groupdict().get("apart") else start
        after = _SPACED.match(text, end)
        end = after.end() if after else end
    return Mention(slot, text[start:end].upper(), start, end, text[start:end], named)
