"""The name by which a speaker presents himself, or greets another, in English and Chinese."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from memory.rereading import once

_HAN = "\u4e00-\u9fff"

_WORD = r"[A-ZÀ-ÖØ-ÞĀ-Ž][a-zA-ZÀ-ÖØ-öø-ž'’-]+\.?"  # Zoë and Łukasz too
_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀ-Ž](?=[a-zß-öø-ž'’])[a-zA-ZÀ-ÖØ-öø-ž'’-]+"  # no code, nor a shout
_FULL = rf"{_WORD}(?:\s(?:van|von|de|der|da|di|al|bin)\b)?(?:\s{_WORD}){{0,2}}"
_NAMED = re.compile(
    rf"\b(?i:my (?:full )?name['’]?s|my (?:full )?name is|name:)\s(?P<name>{_FULL})"
)
_NAMED_SMALL = re.compile(
    r"\b(?:my (?:full )?name['’]?s|my (?:full )?name is"
    r"|name:)\s(?P<name>[a-z][a-z'’-]+(?: [a-z][a-z'’-]+)?)"
    r"\s*(?:[.,!?;]|$|and\b)",
    re.IGNORECASE,
)
_PRESENTED = re.compile(
    rf"(?:^|\b(?i:hi|hello|hey|good \w+|dear \w+)(?: there)?[,.!]?\s)(?i:this is|i['’]m|i am"
    rf"|it['’]s)\s"
    rf"(?P<name>{_WORD}(?:\s{_WORD}){{0,2}})(?=[.,!?;]|\s(?:here|from|speaking|calling|and)\b|$)"
)
_CALL_ME = re.compile(
    rf"\b(?i:(?:you can|please) call me|i am called|i['’]m called)\s(?P<name>{_FULL})"
)
_NO_NAME = frozenset(
    "not in on the a an no wrong incorrect misspelled spelled still very so just really also "
    "sorry glad happy sure here calling looking trying having interested afraid back done good "
    "fine ok okay new monday tuesday wednesday thursday friday saturday sunday ridiculous "
    "unacceptable terrible great awful amazing wonderful perfect urgent british english american "
    "chinese german french spanish already yes sure why what who how maybe later none nothing it "
    "oh ah ha haha uh um hmm yeah yep yup nope well actually old let some mr mrs ms miss dr prof "
    "that this wait thanks thank hello hi hey please my "
    "tired furious angry upset annoyed frustrated disappointed outraged shocked disgusted "
    "confused worried desperate stuck lost sick broken damaged late missing crazy insane mad "
    "outrageous unbelievable disgraceful stupid livid fuming hopeless helpless "
    "pregnant disabled deaf blind vegan vegetarian married retired jewish muslim christmas easter "
    "irish scottish welsh canadian australian indian italian portuguese dutch polish swedish "
    "turkish russian japanese korean mexican brazilian platinum gold silver premium unhappy "
    "look listen gosh duh wow bye goodbye nevermind now never i i'm i’m it's it’s".split()
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶"
    "程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾"
    "毛郝龚邵万钱严覃武戴莫孔向汤章施殷童洪柳葛岳庞倪俞鲁柯翟詹耿祝柴"
)
_ZH_NAMED = re.compile(
    rf"(?:我叫|我的?(?:名字|姓名)[是叫：:]*|姓名[是：:]+)(?P<name>[{_HAN}·]{{2,12}})"
)
_ZH_AM = re.compile(rf"我是(?P<name>[{_SURNAMES}][{_HAN}]{{1,2}})(?=[，。！,!\s]|$)")
_ZH_SURNAME = re.compile(rf"(?:我姓|免贵姓)(?P<name>[{_HAN}])")
_ANSWER_NAME = re.compile(
    r"(?:(?i:yes|sure|it['’]?s|it is|of course|i['’]?m|i am)[\s,.!]+){0,3}"
    rf"(?P<name>{_FULL})(?=\s*[.,!;:–-]|\s*$)"
    rf"|(?P<zh>[{_SURNAMES}][{_HAN}]{{1,3}})[。！]?$"
    r"|(?P<small>[a-z]{2,20}(?: [a-z]{2,20})?)[.!]?$"
)

_RENAMED = re.compile(
    r"(?:(?P<link>\b(?i:is|it['’]s|be|spell?ed|spelt|written|called|wait|no|oops|actually|typo"
    r"|meant?)\b)|^|[,:;–-])"
    rf"[\s,:\"“']*(?P<name>{_FULL})[\"”']?"
    r"(?:,? (?i:please|not\b.*|with\b[^:,]*|instead))?\s*[.!]*$"
    rf"|(?P<zh_link>[是为叫作成：:])?(?:^|[，,\s]|(?<=[是为叫作成：:]))"
    rf"\s*(?P<zh>[{_SURNAMES}][{_HAN}]{{1,2}})[吧啊]?[。！!]?$"
)
# What stands behind a greeting as a name would, and is what somebody wants.
_WANTED = frozenset(
    "order orders refund refunds invoice delivery parcel package account password login payment "
    "subscription return returns exchange warranty replacement complaint cancel cancellation "
    "booking reservation appointment price shipping tracking status question help problem issue "
    "error update where when which whose whom can could would will do does did is are was were has "
    "have had need want tell show give find check track send call today tomorrow january february "
    "july august september october november december".split()
)
_GREETING = (
    r"\b(?:hi|hiya|hello|hey|dear|greetings|welcome|good (?:morning|afternoon|evening|day|night)"
    r"|thanks(?: (?:so much|a lot|again|very much))?|thank you(?: (?:so much|again|very much))?|thx"
    r"|cheers|(?:good)?bye|see you)"
)
_CALLED = rf"(?:(?i:mrs?|ms|miss|dr|prof)\b\.?\s)?(?P<name>{_CAPITAL}(?:\s{_CAPITAL})?)"
_ROLE = r"(?:team|all|everyone|everybody|guys|folks|sir|madam|ma['’]am|mate|support)\b"
_GREETED = re.compile(rf"((?i:{_GREETING}),?\s)(?:(?i:{_ROLE})|{_CALLED}\b)(?!\s*\?)")
_ZH_GREETING = (
    r"(?:你好|您好|谢谢您?|感谢|多谢|再见|拜拜|早上好|晚上好|ありがとう(?:ございます)?|こんにちは)"
)
_ZH_CALLED = (
    rf"(?:[{_SURNAMES}][{_HAN}]{{0,2}}(?:先生|女士|小姐|老师|经理|师傅)|小[{_SURNAMES}]|客服|老板|亲"
    rf"|[{_HAN}\u3040-\u30ff]{{1,6}}(?:さん|様)|{_CAPITAL})"
)
_ZH_GREETED = re.compile(
    rf"^\s*{_ZH_CALLED}[，,、\s]*(?={_ZH_GREETING})"
    rf"|(?P<greeting>{_ZH_GREETING}[，,、\s]*){_ZH_CALLED}(?=\s*(?:[，。！,.!~～、]|$))"
)
_SPELLED = 0.75  # of the letters in common: Jon Smith and John Smythe


@once
def renamed(text: str, known: str | None, *, corrects: bool) -> str | None:
    """The name that puts right a known one: "actually it's spelled John Smythe".

    Args:
        text: a sentence.
        known: the name that was given before.
        corrects: whether the sentence is known to put the name right; else, and where nothing
            links it ("it's ..."), the name has to be like the known one.
    """
    found = _RENAMED.search(text.strip())
    said = (found["zh"] or found["name"]).rstrip(".") if found else ""
    if not found or not said or said.split()[0].lower().rstrip(".") in _NO_NAME:
        return None
    linked = corrects and bool(found["link"] or found["zh_link"])
    return said if linked or (known is not None and like(known, said)) else None


def like(one: str, other: str) -> bool:
    """Whether two names are one, spelled in two ways."""
    if not one.isascii():
        return one != other and len(one) == len(other) and one[0] == other[0]
    one, other = one.lower(), other.lower()
    return one != other and SequenceMatcher(None, one, other).ratio() >= _SPELLED


def without_greeted(text: str) -> str:
    """``text`` without the name of whom it greets, thanks or leaves: "Hi Mara"."""

    def kept(found: re.Match[str]) -> str:
        words = re.split(r"\s", (found["name"] or "").lower())
        return found[1] if (_WANTED | _NO_NAME).isdisjoint(words) else found[0]

    text = _GREETED.sub(kept, text)
    return _ZH_GREETED.sub(lambda found: found["greeting"] or "", text)


@once
def name(text: str, *, asked: bool = False) -> str | None:
    """The name by which the speaker presents himself; alone if it was ``asked`` for."""
    for pattern in (_NAMED, _CALL_ME, _PRESENTED, _NAMED_SMALL):
        if found := pattern.search(text):
            said = found["name"].rstrip(".")
            words = said.split()
            if words[0].lower() in _NO_NAME:
                continue
            if pattern is _PRESENTED and words[0].isupper():
                continue  # "I AM FURIOUS": who shouts, or means a company, says no name
            if pattern is _NAMED_SMALL:
                words = [w for w in words if w.lower() not in _NO_NAME]
                return " ".join(w[0].upper() + w[1:] for w in words)
            return said
    if found := _ZH_NAMED.search(text):
        said = found["name"]
        if len(said) > 4 and "·" not in said:
            said = said[:3] if said[0] in _SURNAMES else ""
        return None if not said or said[0] in "什啥不" else said
    if found := _ZH_AM.search(text) or _ZH_SURNAME.search(text):
        return found["name"]
    if asked and (found := _ANSWER_NAME.match(text.strip())):
        said = (found["zh"] or found["name"] or found["small"].title()).rstrip(".")
        return None if said.split()[0].lower().rstrip(".") in _NO_NAME else said
    return None
