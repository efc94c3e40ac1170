"""Values that stand in a text: ways to reach somebody, amounts, places.

Found by form and by what stands before them, in English and Chinese; whose they are, and whether
they hold, is not decided here (see ``memory.assertions``). Numbers of things are in
``memory.codes``. Telephone numbers are read by Google's libphonenumber, amounts by price-parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import phonenumbers
from price_parser import Price

from memory.cards import Card
from memory.numerals import NUMERAL, number

_HAN = "\u4e00-\u9fff"
HAN = re.compile(rf"[{_HAN}]")
_FULL_WIDTH = {
    full: full - 0xFEE0
    for full in range(0xFF01, 0xFF5F)
    if chr(full - 0xFEE0).isalnum() or chr(full - 0xFEE0) in "#+-./@$%"
}


class Mention(NamedTuple):
    """A value of a slot at [start, end) of a text; ``said`` is what stands there."""

    slot: str
    value: str
    start: int
    end: int
    said: str
    named: bool = True  # the words around it name its slot


def narrow(text: str) -> str:
    """``text`` with full-width letters and digits made narrow; of the same length."""
    return text.translate(_FULL_WIDTH)


# --- ways to reach somebody ------------------------------------------------------------------

# Repetitions are bounded, or a long run of letters would take quadratic time.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.IGNORECASE | re.ASCII
)
_URL = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_PHONE = re.compile(r"(?<![A-Za-z0-9.@#-])[+(]{0,2}\d(?:[ ()/.-]{0,2}\d){6,14}(?![A-Za-z0-9@]|-\d)")
_ZH_MOBILE = re.compile(r"(?:\+?86[\s-]?)?1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}")
_PHONE_CUE = re.compile(
    r"\b(?:tele)?phone\b|\bmobile\b|\bcell\b|\bcall\b|\breach\b|\btel\b|\bring\b|whats ?app"
    r"|\b(?:contact|new|my) number\b|电话|手机|号码|联系方式|热线|致电|拨打",
    re.IGNORECASE,
)


def emails(text: str) -> list[Mention]:
    """E-mail addresses, in small letters."""
    return [
        Mention("email", m[0].lower().rstrip("."), m.start(), m.end(), m[0])
        for m in _EMAIL.finditer(text)
    ]


def phones(text: str, region: str, *, asked: bool = False) -> list[Mention]:
    """Telephone numbers, as E.164 where they can be dialled, else their digits.

    Args:
        text: where mobile numbers of China are, they are read as such.
        region: of national numbers ("US").
        asked: whether a number was asked for; else it has to look like one or be called one.
    """
    cue = asked or bool(_PHONE_CUE.search(text))
    han = bool(HAN.search(text))
    found = []
    for match in _PHONE.finditer(text):
        said = match[0]
        chinese = han or bool(_ZH_MOBILE.fullmatch(said))
        value = _e164(said, "CN" if chinese else region)
        formed = said[0] in "+(" or bool(_ZH_MOBILE.fullmatch(said)) or re.search(r"\d[ -]\d", said)
        if value is None and (cue or formed):
            value = "".join(c for c in said if c.isdigit())
        if value is not None and (cue or formed):
            found.append(Mention("phone", value, match.start(), match.end(), said, cue))
    return found


def _e164(said: str, region: str) -> str | None:
    try:
        read = phonenumbers.parse(said, region)
    except phonenumbers.NumberParseException:
        return None
    # Without a country code it may be a local part, or have the trunk prefix of another country.
    whole = phonenumbers.is_valid_number if said[0] != "+" else phonenumbers.is_possible_number
    if not whole(read):
        return None
    return str(phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164))


# --- places ----------------------------------------------------------------------------------

_STREET = (
    r"(?:Street|St\b\.?|Road|Rd\b\.?|Avenue|Ave\b\.?|Lane|Ln\b\.?|Drive|Dr\b\.?|Boulevard"
    r"|Blvd\b\.?"
    r"|Court|Ct\b\.?|Place|Pl\b\.?|Square|Sq\b\.?|Way|Terrace|Close|Crescent|Highway|Hwy\b|Parkway"
    r"|Parade|Row|Walk|Hill|Gardens?|Park|Broadway|Quay|Circle|Passage|Yard|Green|Grove|Mews)"
)
_LITTLE = (
    r"(?:of|the|a|an|and|or|in|on|at|by|to|from|for|with|is|are|was|more|less|minutes?|hours?"
    r"|days?"
    r"|people|miles?|times?|items?|pieces?|hotels?|restaurants?|places?|options?)\b"
)
_ADDRESS = re.compile(
    rf"(?<![\w#-])(?P<house>(?:(?:Apt|Apartment|Suite|Unit|Flat)\.?\s#?\w{{1,5}},?\s)?\d{{1,5}}[A-Za-z]?(?:\s?[-–/]\s?\d{{1,5}}[A-Za-z]?)?,?\s)"
    # A street's name in small letters is short, and has no little words in it.
    rf"(?:(?:[A-Z][\w'’.-]*\s){{0,5}}?{_STREET}|(?:(?!{_LITTLE})[a-z][\w'’.-]*\s){{1,3}}?"
    r"(?:street|st\b\.?|road|rd\b\.?|avenue|ave\b\.?|lane|drive|boulevard|court|square|way"
    r"|terrace|close|crescent))(?![a-z])"
    r"(?:\s(?:North|South|East|West|[NSEW]\b))?"
    r"(?:,?\s(?:(?:Apt|Apartment|Suite|Unit|Flat|Floor|No)\.?\s#?\w+|[A-Z][\w'’-]*|\d[\w-]{2,9}"
    r"|\d[A-Z]{2}\b)){0,8}"
)
_ZH_AFTER = (  # what follows an address
    "(?:也可以|就可以|可以吗|谢谢|就行|就好|即可|[行好]吗|[寄送发](?:[了吧就]|$)|的?地址|电话|门票|周边|没有"
    "|就是)"
)
_ZH_ADDRESS = re.compile(
    rf"(?:(?!我|住|于|址|为|(?<=[改换])成|地址|发到|送|寄|往|位于|在|是|到|：)[{_HAN}]){{2,12}}?"
    rf"(?:省|市|自治区|区|县|镇|乡|路|街|大道|村|胡同)"
    rf"(?:(?!{_ZH_AFTER})[{_HAN}A-Za-z0-9()（）\-－#]){{0,50}}"
)
_ZH_ROAD = re.compile(r"路|街|大道|巷|弄|村|镇|胡同|小区|大厦|广场|条")
_ZH_HOUSE = re.compile(r"\d+[-\d]*\s?(?:号|弄|栋|幢|楼|室|单元|层)")
_ZH_PLACE = re.compile(r"地址(?:现在)?(?:在|是|为|：|:)+\s?(?:在|位于)?([^，。！？,!?\s]{4,60})")


def addresses(text: str) -> list[Mention]:
    """Postal addresses: a house in a street, with what follows of town and code."""
    found = [
        Mention("address", " ".join(m[0].split()).rstrip(",."), m.start(), m.end(), m[0])
        for m in _ADDRESS.finditer(text)
    ]
    if HAN.search(text):
        for m in _ZH_ADDRESS.finditer(text):
            said = _without_tail(m[0])
            if _ZH_ROAD.search(said) and _ZH_HOUSE.search(said):
                found.append(Mention("address", said, m.start(), m.start() + len(said), said))
        for m in _ZH_PLACE.finditer(text):
            taken = any(a.start < m.end(1) and m.start(1) < a.end for a in found)
            if not taken and re.search(r"[省市区县镇乡路街村]|大道", m[1]):
                found.append(Mention("address", m[1], m.start(1), m.end(1), m[1]))
    return found


def _without_tail(said: str) -> str:
    return re.sub(r"[的了吧呢吗啊哦哈]+$", "", said)


# --- amounts ---------------------------------------------------------------------------------

_FIGURE = r"\d{1,3}(?:[,.\s]\d{3})+(?:[.,]\d{1,2})?|\d{1,12}(?:[.,]\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?P<before>US\$|AU\$|CA\$|HK\$|NZ\$|[$€£¥￥₹])\s?(?P<after_sign>{_FIGURE})(?![\d])"
    rf"|(?<![\d.,A-Za-z-])(?P<figure>{_FIGURE})\s?(?P<unit>(?:usd|eur|gbp|cny|rmb|jpy|chf|aud|cad"
    r"|(?:us )?dollars?|euros?|pounds?(?: sterling)?|bucks|quid|yuan)\b|[€£$¥￥]|美元|欧元|英镑"
    r"|日元|港币|人民币|元|块)"
    rf"|(?P<han>(?!\d){NUMERAL})(?P<han_unit>美元|欧元|英镑|元|块钱)",
    re.IGNORECASE,
)
_CURRENCIES = {
    "$": "USD", "us$": "USD", "au$": "AUD", "ca$": "CAD", "hk$": "HKD", "nz$": "NZD",
    "€": "EUR", "£": "GBP", "¥": "CNY", "￥": "CNY", "₹": "INR",
    "dollar": "USD", "us dollar": "USD", "bucks": "USD", "euro": "EUR", "pound": "GBP",
    "pound sterling": "GBP", "pounds sterling": "GBP", "quid": "GBP", "yuan": "CNY",
    "rmb": "CNY", "美元": "USD", "欧元": "EUR", "英镑": "GBP", "日元": "JPY", "港币": "HKD",
    "人民币": "CNY", "元": "CNY", "块": "CNY", "块钱": "CNY",
}  # fmt: skip


def amounts(text: str) -> Iterator[Mention]:
    """Amounts of money, as "12.50 EUR"; ¥ is taken as yuan."""
    for m in _AMOUNT.finditer(text):
        unit = (m["before"] or m["unit"] or m["han_unit"]).lower()
        code = _CURRENCIES.get(unit) or _CURRENCIES.get(unit.removesuffix("s")) or unit.upper()
        if m["han"]:
            amount = str(number(m["han"]))
        else:
            read = Price.fromstring(m["after_sign"] or m["figure"]).amount
            if read is None:
                continue
            amount = f"{read:.2f}".removesuffix(".00")
        yield Mention("amount", f"{amount} {code}", m.start(), m.end(), m[0])


def blank(text: str, mentions: Sequence[Mention | Card]) -> str:
    """``text`` with what is mentioned blanked out, of the same length."""
    for mention in mentions:
        text = text[: mention.start] + "\0" * (mention.end - mention.start) + text[mention.end :]
    return text


def without_links(text: str) -> str:
    """``text`` with web addresses blanked out, of the same length."""
    return _URL.sub(lambda m: "\0" * len(m[0]), text)
