"""Dates that a text names, in figures and in words, in English and Chinese.

They are resolved against the day on which the text was said. A weekday alone is the next one,
or the last one where the sentence tells of the past; after "next" and 下 it is that of the next
week from Monday to Sunday. A day without a year is the nearest one, or the last one where the
sentence says that something happened on it.

Written dates are read by dateutil. Relative ones are few and fixed, and the libraries that know
them (dateparser) take milliseconds for each and miss most of the Chinese.
"""

from __future__ import annotations

import re
from calendar import isleap
from datetime import date, datetime, timedelta
from typing import NamedTuple

from dateutil import parser
from dateutil.relativedelta import relativedelta

from memory.numerals import NUMERAL, number
from memory.tense import happened, looks_ahead

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZH_DAYS = "一二三四五六日"
_COUNT = r"(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|couple of)"
_WORDS = {
    word: n
    for n, words in enumerate("|a an one|two|three|four|five|six|seven|eight|nine|ten".split("|"))
    for word in words.split()
} | {"couple of": 2}
_ZH_COUNT = rf"(?P<zcount>{NUMERAL})"
_DATE = re.compile(
    rf"""
    (?<![\w./-])(?P<iso>(?:19|20)\d\d([-/.])\d{{1,2}}\2\d{{1,2}})(?![\w/-]|\.\d)
    |(?<![\w./-])(?P<numeric>\d{{1,2}}([/.])\d{{1,2}}\4(?:19|20)?\d\d)(?![\w/-]|\.\d)
    |(?<![\w.-])(?P<written>\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s(?:19|20)\d\d)?
        |\b{_MONTH}\s(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)?(?!\d|:|\s?[ap]m)(?:,?\s(?:19|20)\d\d)?)
    |\b(?P<which>last|past|next|this|coming)?\s?(?P<weekday>(?:{"|".join(_DAYS)}))s?\b
    |\b(?P<word>(?:the\s)?day\safter\stomorrow|tomorrow|(?:the\s)?day\sbefore\syesterday
        |yesterday|today|tonight)\b
    |\b(?P<way>in|within)\s(?:the\snext\s)?{_COUNT}(?:[-–]\d{{1,3}})?\s
        (?P<unit>(?:business|working)\sdays?|hours?|days?|weeks?|months?)\b
    |\b(?P<ago>{_COUNT.replace("count", "acount")}\s(?P<aunit>days?|weeks?|months?)\sago)\b
    |(?:(?P<zyear>(?:19|20)\d\d)年)?(?P<zmonth>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})月
        (?P<zday>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})[日号]?
    |(?<![\d月.])(?P<zonly>\d{{1,2}})[号日](?![楼线院桌码店门房机车馆床])
    |(?P<zword>大后天|后天|明天|明日|明早|明晚|大前天|前天|昨天|昨日|昨晚|今天|今日|今晚)
    |(?P<zwhich>上上|上|下下|下|这|本)?个?(?:周|星期|礼拜)(?P<zweekday>[一二三四五六日天])
    |{_ZH_COUNT}\s?(?P<zunit>个?(?:工作日|小时|星期|礼拜|月)|天|日|周)(?:之|以)?(?P<zway>前|后|内)
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_OFFSETS = {
    "tomorrow": 1, "yesterday": -1, "today": 0, "tonight": 0,
    "大后天": 3, "后天": 2, "明天": 1, "明日": 1, "明早": 1, "明晚": 1,
    "大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "昨晚": -1,
    "今天": 0, "今日": 0, "今晚": 0,
}  # fmt: skip
_LEAP = 2000  # a year that has every day


class Dated(NamedTuple):
    """A date in a text; ``near`` if it is the day itself or a time within ("in 2 hours")."""

    start: int
    end: int
    day: date
    near: bool


def dates(text: str, said: date, *, day_first: bool = False) -> list[Dated]:
    """The dates in a sentence that was said on a day, in their order.

    Args:
        text: one sentence.
        said: the day.
        day_first: whether 5/6/2024 is the fifth of June.
    """
    ahead, found = looks_ahead(text), []
    for match in _DATE.finditer(text):
        try:
            read = _read(match, said, ahead, day_first)
        except (ValueError, OverflowError):  # the 31st of April
            continue
        if read is not None:
            found.append(Dated(match.start(), match.end(), *read))
    return found


def _read(
    match: re.Match[str], said: date, ahead: bool, day_first: bool
) -> tuple[date, bool] | None:
    if written := match["iso"] or match["written"] or match["numeric"]:
        first = day_first and bool(match["numeric"])
        default = datetime(_LEAP, 1, 1)  # noqa: DTZ001 (a day has no zone)
        read = parser.parse(written, default=default, dayfirst=first).date()
        year = re.search(r"(?:19|20)\d\d", written) or match["numeric"]
        return (read if year else _day(match, said, read.month, read.day)), False
    if day := match["weekday"]:
        which = (match["which"] or "").lower()
        week = {"last": "past", "past": "past", "next": "next", "this": "this"}.get(which, "")
        return _weekday(said, _DAYS.index(day.lower()), week, ahead), False
    if day := match["zweekday"]:
        week = {"上": "last", "上上": "2 ago", "下": "next", "下下": "2 on", "这": "this",
                "本": "this"}.get(match["zwhich"] or "", "")  # fmt: skip
        return _weekday(said, _ZH_DAYS.index(day.replace("天", "日")), week, ahead), False
    if word := match["word"] or match["zword"]:
        word = " ".join(word.lower().removeprefix("the ").split())
        offset = {"day after tomorrow": 2, "day before yesterday": -2}.get(word)
        offset = _OFFSETS[word] if offset is None else offset
        return said + timedelta(offset), offset == 0
    if match["way"]:
        count = _count(match["count"])
        # Of "3-5 days" the later.
        if span := re.search(r"[-–](\d+)", match[0]):
            count = int(span[1])
        return _later(said, count, match["unit"]), match["way"].lower() == "within"
    if match["ago"]:
        return _later(said, -_count(match["acount"]), match["aunit"]), False
    if match["zmonth"]:
        month, day_of = number(match["zmonth"]), number(match["zday"])
        if match["zyear"]:
            return date(int(match["zyear"]), month, day_of), False
        return _day(match, said, month, day_of), False
    if match["zonly"]:
        day_of = int(match["zonly"])
        this = said.replace(day=day_of)
        return (this if not ahead or this >= said else this + relativedelta(months=1)), False
    count = number(match["zcount"]) * (-1 if match["zway"] == "前" else 1)
    if match["zway"] == "前" and "小时" in match["zunit"]:
        return None
    return _later(said, count, match["zunit"]), match["zway"] == "内"


def _count(word: str) -> int:
    word = word.lower()
    return int(word) if word.isdigit() else _WORDS[word]


def _day(match: re.Match[str], said: date, month: int, day: int) -> date:
    """A day without a year: the last one if something happened on it, else the nearest one."""
    date(_LEAP, month, day)  # no year has the 31st of April
    years = range(said.year - 8, said.year + 9)
    days = [date(y, month, day) for y in years if (month, day) != (2, 29) or isleap(y)]
    if happened(match.string, match.start(), match.end()):
        # Where it is said, it may be a day later than here.
        return max(found for found in days if found <= said + timedelta(1))
    return min(days, key=lambda found: abs(found - said))


def _weekday(said: date, day: int, week: str, ahead: bool) -> date:
    monday = said - timedelta(said.weekday())
    weeks = {"this": 0, "next": 1, "2 on": 2, "last": -1, "2 ago": -2}
    if week in weeks:
        return monday + timedelta(7 * weeks[week] + day)
    if week == "past" or not ahead:
        return said - timedelta((said.weekday() - day - 1) % 7 + 1)
    return said + timedelta((day - said.weekday() - 1) % 7 + 1)


def _later(said: date, count: int, unit: str) -> date:
    unit = unit.lower()
    if "小时" in unit or unit.startswith("hour"):
        return said + timedelta(-(-count // 24))
    if "工作日" in unit or unit.startswith(("business", "working")):
        while count > 0:
            said += timedelta(1)
            count -= said.weekday() < 5
        return said
    if "月" in unit or unit.startswith("month"):
        return said + relativedelta(months=count)
    weeks = unit.startswith("week") or any(w in unit for w in ("周", "星期", "礼拜"))
    return said + timedelta(count * (7 if weeks else 1))
