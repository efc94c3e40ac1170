"""What a sentence is and what it holds: its terms and its facts, in any script, by rule.

A sentence ends at a line's end, at CJK end marks, and at ``.``, ``!`` or ``?`` before white
space, unless that dot belongs to an abbreviation, an initial or a list number. A dot inside a
word (``a.b@c.com``, ``3.14``, ``https://x.y/z``) is never an end: no white space follows it.
"""

from __future__ import annotations

import re

from memory.rereading import once

_LINE = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_CLOSERS = r"[\"'”’»)\]}）】」』〉》]*"
_END = re.compile(
    rf"[。！？｡][.!?…。！？｡]*{_CLOSERS}"  # CJK: no white space needed
    rf"|(?<![.!?…؟।])[.!?…؟।]++{_CLOSERS}(?=\s)"
)

# A dot after these ends nothing, ...
_BEFORE_ANYTHING = frozenset(
    "mr mrs ms mx dr prof st sr jr messrs rev gen col lt sgt capt hon mme mlle "
    "vs e.g i.e eg ie viz incl excl approx z.b d.h bzw inkl p.ej".split()
)
# ... after these nothing if a number follows, ...
_BEFORE_NUMBER = frozenset("no nr nos art fig ch vol p pp ext tel ref cf ca".split())
# ... and after these something only if a capital follows.
_BEFORE_SMALL = frozenset(
    "etc a.m p.m am pm inc ltd corp co llc u.s u.k u.s.a e.u ph.d jan feb mar apr jun jul aug "
    "sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun ave rd blvd dept est min "
    "max hr hrs".split()
)
_INITIAL = re.compile(r"(?:^|\b[A-Z]\w*\.?\s|\.)[A-Z]$")
_NUMBER = re.compile(r"\s*(?:[#№]|[A-Za-z-]{0,4}\d)")  # also "A1001"
_LIST_NUMBER = re.compile(r"\s*\(?\d{1,3}")
_WORD_BEFORE = 24  # characters looked at: longer than any abbreviation


def split(text: str) -> list[str]:
    """Return the sentences of ``text`` in order; together they hold all but its white space."""
    return [sentence for line in _LINE.split(text) for sentence in _split_line(line)]


def _split_line(line: str) -> list[str]:
    found = []
    start = 0
    for mark in _END.finditer(line):
        if _ends(line, start, mark):
            found.append(line[start : mark.end()].strip())
            start = mark.end()
    found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends(line: str, start: int, mark: re.Match[str]) -> bool:
    """Whether ``mark`` ends the sentence that began at ``start``."""
    before = line[max(start, mark.start() - _WORD_BEFORE) : mark.start()]
    following = line[mark.end() : mark.end() + _WORD_BEFORE].lstrip()[:1]
    if mark[0][0] in "。！？｡":
        return not (mark[0][-1] in "」』”" and following in tuple("とって、，,"))
    if mark[0][0] == "…" or mark[0].startswith(".."):
        return not following.islower()
    if mark[0][0] != ".":
        return True
    word = before.rsplit(maxsplit=1)[-1].lstrip("(\"'“‘[").lower() if before.strip() else ""
    if word in _BEFORE_ANYTHING or _INITIAL.search(before):
        return False
    if word in _BEFORE_NUMBER and _NUMBER.match(line, mark.end()):
        return False
    if word in _BEFORE_SMALL and not following.isupper():
        return False
    return not _LIST_NUMBER.fullmatch(line[start : mark.start()])


LONGEST = 240  # characters of a piece
_BREAK = re.compile(r"[,;:]\s+|[，；：、]\s*|\s[-–—]+\s+|\s+")


@once
def pieces(text: str) -> list[str]:
    """Return the sentences of ``text``, those over ``LONGEST`` broken at a clause or a word."""
    return [piece for sentence in split(text) for piece in _broken(sentence)]


def _broken(sentence: str) -> list[str]:
    found = []
    while len(sentence) > LONGEST:
        breaks = list(_BREAK.finditer(sentence, LONGEST // 2, LONGEST))
        clause = [m for m in breaks if m[0].strip()]
        end = (clause or breaks)[-1].end() if breaks else LONGEST
        found.append(sentence[:end].strip())
        sentence = sentence[end:].strip()
    return [*found, sentence] if sentence else found


# Scripts that are written without spaces: a term there is two characters side by side.
UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_BEGINS_UNSPACED = re.compile(rf"[{UNSPACED}]")
_RUN = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+(?:['’][^\W_{UNSPACED}]+)*")
_STEM = 6  # characters of a word that are compared, so that "delayed" meets "delays"
_FUNCTION_WORDS = frozenset(
    "a an the and or but if so of to in on at by for from with as is are was were be been "
    "being am i im ive id ill me my mine we weve were our us you youre your u ur he him his "
    "she her it its they them their this that these those there here what which who how when "
    "where why do does did have has had having can could will would shall should may might "
    "must not no dont doesnt didnt cant wont isnt just also very too more most some any all "
    "than then now up out about into over again only get got please thanks thank hi hello hey "
    "ok okay yes yeah "
    "我的 你的 您的 我们 你们 这个 那个 一个 可以 什么 怎么 请问 谢谢 您好 你好 "
    "です ます した して ください".split()
)


def size(text: str) -> float:
    """Return the length of ``text`` in words, two characters of an unspaced script being one."""
    return sum(len(run) / 2 if unspaced(run) else 1.0 for run in _RUN.findall(text))


@once
def terms(text: str) -> frozenset[str]:
    """Return what ``text`` is about, for counting what two texts share: no function words."""
    found: set[str] = set()
    for run in _RUN.findall(text.lower()):
        if unspaced(run):
            found.update(run[i : i + 2] for i in range(max(1, len(run) - 1)))
        else:
            found.add(run.replace("'", "").replace("’", ""))
    return frozenset(term[:_STEM] for term in found - _FUNCTION_WORDS)


def unspaced(text: str) -> bool:
    """Whether ``text`` begins in a script that is written without spaces."""
    return bool(_BEGINS_UNSPACED.match(text))


_URL = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]{0,6}\.?"
_CURRENCY = r"(?:usd|eur|gbp|dollars?|euros?|pounds?|bucks)\b|[元块円]"
_QUANTITY = re.compile(
    rf"[$€£¥₹]\s?\d[\d.,]{{0,20}}|(?<![\d.,])\d[\d.,]{{0,20}}\s?(?:[$€£¥₹%]|{_CURRENCY})"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?![a-z])|\b{_MONTH}\s\d{{1,2}}(?!\d)"
    r"|(?<![\w.-])\d{1,4}([-/.])\d{1,2}\1\d{2,4}(?![\w-])|\d{1,2}月\d{1,2}[日号]"
    r"|(?<!\d)\d{1,2}(?::\d{2}(?!\d)|\s?[ap]\.?m\b)",
    re.IGNORECASE | re.ASCII,
)
# Repetitions are bounded, or a long run of letters would take quadratic time.
_IDENTIFIER = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"  # an e-mail address
    r"|(?:\b(?:order|ticket|case|claim|account|booking|ref(?:erence)?|tracking|number|no\.?|flight)"
    r"|[单编]?号码?|番号)[是为は:：#\s]{0,3}(?:is\s)?(?P<number>(?=[a-z-]{0,9}\d)[a-z\d-]{2,40})"
    r"|(?<![\w.])\+?\d(?:[ ()./-]{0,2}\d){6,24}"  # a phone number
    r"|(?<!\w)#\s?[a-z-]{0,9}\d[\w-]{0,40}"
    r"|(?<![a-z\d.])(?:\d{5,40}|(?!\d+[a-z]+\b)(?=[a-z]{1,20}\d{1,20}[a-z]|\d{1,20}[a-z]{1,20}\d"
    r"|(?:[a-z-]{0,20}\d){3})[a-z\d-]{5,40})(?![a-z\d])",  # a code
    re.IGNORECASE | re.ASCII,
)
_NAME = re.compile(
    r"(?:my name(?:['’]s| is)|i(?:['’]m| am) called|me llamo|mein name ist|je m['’]appelle)\s\w+"
    r"|(?:我叫|我姓|我的名字[是叫]|姓名[是:：]?)\w{1,4}|\w{1,6}と申します|名前は\w{1,6}",
    re.IGNORECASE,
)
_PROPER = re.compile(r"(?<=[^\s.!?:,] )[A-Z][\w&'’-]{1,30}(?: [A-Z][\w&'’-]{1,30}){1,4}")
_IDENTIFIES, _QUANTIFIES, _NAMES = 1.0, 0.3, 0.2


@once
def facts(text: str) -> dict[str, float]:
    """Return the particulars in ``text``, each with how much hangs on it, 0 to 1.

    Numbers of things, addresses to reach somebody and names weigh most; amounts, dates and times
    less. Two mentions of one fact have one key, however they are written.
    """
    bare = _URL.sub(" ", text)
    found = {_plain(m[0]): _QUANTIFIES for m in _QUANTITY.finditer(bare)}
    found |= {_plain(m[0]): _NAMES for m in _PROPER.finditer(bare)}
    found |= {_plain(m[0]): _IDENTIFIES for m in _NAME.finditer(bare)}
    rest = _QUANTITY.sub(" ", bare)
    return found | {_plain(m["number"] or m[0]): _IDENTIFIES for m in _IDENTIFIER.finditer(rest)}


def _plain(fact: str) -> str:
    return re.sub(r"[^\w@]", "", fact).lower()
