"""Whether a value that stands in a sentence is asserted there, and of whom.

A value can be denied ("not 12", "don't send it to ..."), supposed ("something like AB-1234") or
another person's ("my wife's number is ..."). These are the three questions of the ConText
algorithm (Harkema et al., "ConText: an algorithm for determining negation, experiencer, and
temporal status from clinical reports", 2009): by a cue before or after the value, within its
clause. In English and Chinese.
"""

from __future__ import annotations

import re

from memory.mentions import Mention
from memory.rereading import once

_LOOKED_BACK = 80  # characters before a value
_CONTACTS = frozenset({"email", "phone", "address"})

# --- supposed --------------------------------------------------------------------------------

_KIND = (
    r"(?:e-?mail|mail|phone|mobile|cell|telephone|number|address|order|invoice|ticket|parcel"
    r"|package|tracking|shipment|booking|code|id)"
)
_EXAMPLE = re.compile(
    r"\bfor (?:example|instance)\b|\be\.g\.|\bsuch as\b"
    r"|\blooks? like\b(?! (?:my|the|your|it|that|you|we|i|order)\b)"
    r"|\b(?:something )?like #?[A-Za-z]{0,4}-?\d"
    # Asked of the kind, not of the thing: "is 998877 a valid order number?"
    rf"|\b(?:is|was|would|could)\s(?:[\w-]+\s){{0,2}}\S*[\d@]\S*\s(?:be\s)?an?\s(?:[\w-]+\s){{0,2}}"
    rf"{_KIND}\b.*\?|\bvalid\s(?:\w+\s)?{_KIND}\b.*\?"
    r"|比如|例如|譬如|什么样|类似|像[^，。]*(?:这样|那样|这种|一样)|格式",
    re.IGNORECASE,
)
_HYPOTHESIS = re.compile(
    r"\bif (?:my|the|an?) [\w -]{1,30} (?:were|was)\b"
    r"|\bif (?:i|we) (?:had|gave) (?:you |an? |the )?order\b|(?<!\bi )\bsuppose\b"
    r"|(?:^|[.,!?] ?)imagine (?:that )?(?:my (?!surprise|shock)|an?\b|if\b|i\b|order\b)"
    r"|\blet['’]?s (?:say|assume|pretend|suppose)\b|\bhypothetically\b"
    r"|\bsay,? (?:my|an?|that) [\w -]{1,20} (?:is|was|were)\b"
    r"|假如|假设|假使|比方|(?:如果|万一|要是|倘若)[^，。]{0,8}[单号][^，。]{0,4}是",
    re.IGNORECASE,
)


@once
def hypothetical(sentence: str) -> bool:
    """Whether a sentence supposes what it says."""
    return bool(_HYPOTHESIS.search(sentence))


@once
def supposed(sentence: str) -> bool:
    """Whether the values in a sentence are only supposed, or examples."""
    return bool(_EXAMPLE.search(sentence)) or hypothetical(sentence)


# --- denied ----------------------------------------------------------------------------------

_NOT_BEFORE = re.compile(
    r"(?:\bnot|n['’]t|\binstead of|\brather than|\bno longer(?: at)?|不是|并非|不再是)\s*"
    r"(?:(?:my|the|order|invoice|ticket|number|it['’]s|on|at|订单号?|[寄送发]到|在|住在?|#|[\"“'])\s*)*$",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"^[\s,，\"”']*(?:(?:that|which|it|this) )?(?:"
    r"(?:is|was|['’]s)(?: not|n['’]t| no longer)(?: my| our| mine| the (?:right|correct)| right"
    r"| correct| valid| in use)|(?:is|was) (?:wrong|incorrect|a typo|outdated)"
    r"|(?:这个)?(?:已经)?(?:不是|不再是)我|(?:已经)?(?:不用了|不再使用|作废|停用))",
    re.IGNORECASE,
)
# What is not to be done with it, or is done no longer.
_NOT_TO_BE = re.compile(
    r"(?:\b(?:do not|don['’]?t|never|must not)\s(?:ever\s|please\s)?"
    r"(?:send|ship|deliver|post|forward|call|ring|phone|text|contact|e-?mail|write|use|mail)"
    r"\b|(?:\bno longer|\bnot|n['’]t)\s(?:any ?more\s)?(?:live|living|reside|use|using)\b"
    r"|\b(?:moved|moving)\s(?:away\s|out\s)?(?:from|of)\b)[^,;.，。]{0,30}$"
    r"|(?:不要|(?<!特)别(?!人)|勿|不用|不必|不想)(?:再)?[^，。！？,]{0,8}?(?:[送寄发打拨用]|联系)"
    r"[^，。！？,\d]{0,6}$|(?:不要|(?<!特)别|勿)再?[往给向]$|不住(?:在)?$",
    re.IGNORECASE,
)
# What was so once.
_ONCE = re.compile(
    r"\b(?:used to (?:live|be|stay)|(?:old|previous|former|last)"
    r" (?:e-?mail|phone|number|address))\b[^,;.]{0,20}$"
    r"|(?:以前|之前|原来|原先|曾经|过去|旧)(?:的?(?:地址|电话|手机|邮箱|号码)|住)[^，。！？,]{0,4}$",
    re.IGNORECASE,
)
# Only at some time or in some way not: then it is in use.
_RESTRICTED = re.compile(
    r"^[^,;.，。]{0,24}\b(?:before|after|until|till|between|during|while|at|on|in the|unless"
    r"|without|except)\b|^[^，。]{0,6}(?:之?[前后]|时候)",
    re.IGNORECASE,
)
_WHEN_ZH = re.compile(r"[早晚中上下午夜][上午间里]|周末|[点时]|以?[前后](?!面)")
_MOVED = re.compile(r"\b(?:moved|moving)\b.*\bto\s$", re.IGNORECASE)


@once
def denied(sentence: str, mention: Mention) -> bool:
    """Whether a value is said not to hold, or not to be used."""
    before, after = _around(sentence, mention)
    if _NOT_BEFORE.search(before) or _NOT_AFTER.match(after):
        return True
    if mention.slot not in _CONTACTS:
        return False
    if _ONCE.search(before):
        return True
    found = _NOT_TO_BE.search(before)
    if found is None:
        return before.endswith("从") and after.startswith("搬")
    return not (_RESTRICTED.match(after) or _WHEN_ZH.search(found[0]) or _MOVED.search(found[0]))


# --- another's -------------------------------------------------------------------------------

_PERSON = (
    r"(?:(?:boy|girl)?friend|wife|husband|spouse|mother|mom|mum|father|dad|parents?|brother|sister"
    r"|son|daughter|child|kids?|cousin|uncle|aunt|nephew|niece|(?:grand|step)\w+|\w+-in-law|partner"
    r"|fianc[eé]e?|neighbou?r|colleague|co-?worker|boss|manager|flat-?mate|room-?mate|house-?mate"
    r"|landlord|tenant|mate|buddy|assistant|secretary|somebody else|someone else|somebody|someone"
    r"|another (?:person|customer))"
)
_OWNER = rf"(?:{_PERSON}s?['’]s?|his|her)"
_NAMED_OWNER = (
    r"(?-i:(?!(?:It|That|What|Here|There|This|Who|Where|How|Let|He|She|Name|Today|Tomorrow|My|Phone"
    r"|Email|Order|Everything|Which)\b)[A-Z][a-z]+)['’]s"
)
# "mine" or "my" after the owner speaks of the speaker again
_OWN_AGAIN = r"(?:(?!\b(?:mine|my|our|ours|i|but)\b)[^;.])"
_ZH_PERSON = (
    r"(?:(?:男|女)?朋友|同事|老婆|老公|妻子|丈夫|太太|爱人|妈妈?|爸爸?|母亲|父亲|父母|爸妈|儿子|女儿"
    r"|孩子|哥哥?|姐姐?|弟弟?|妹妹?|室友|邻居|同学|老板|领导|对象|亲戚|爷爷|奶奶|外婆|外公|姥姥|姥爷"
    r"|叔叔?|阿姨|舅舅?|[表堂][哥姐弟妹]|别人|人家|(?<!其)他们?|她们?)"
)
_ANOTHERS_BEFORE = re.compile(
    rf"\b{_OWNER}\s(?:[\w-]+\s){{0,2}}?{_KIND}\b{_OWN_AGAIN}{{0,40}}$"
    rf"|\bof (?:my|a|our|the|an)\s(?:\w+\s)?{_PERSON}\b{_OWN_AGAIN}{{0,20}}$"
    rf"|\b(?:reach|call|ring|text|e-?mail|contact|write to)\s(?:my|our)\s(?:\w+\s)?{_PERSON}\b"
    rf"{_OWN_AGAIN}{{0,20}}$"
    rf"|\b(?:my|our)\s(?:\w+\s)?{_PERSON}\s(?:can be reached|is reachable|lives|is|uses|has)\s"
    r"(?:(?:at|on|in|under)\s)?$"
    rf"|{_ZH_PERSON}(?:家|自己|(?!和|跟|我)\w{{1,3}}?)?(?:的|(?=电话|手机|邮箱|地址|号码))[^，。！？,我]{{0,14}}$",
    re.IGNORECASE,
)
_ANOTHERS_AFTER = re.compile(
    r"^[\s,\"”']*(?:(?:that|which|it|this)\s?)?(?:is|was|['’]s|belongs to|belonged to)\s"
    r"(?:actually\s|really\s)?"
    rf"(?:(?:my|our|a|the)\s(?:\w+\s)?{_PERSON}(?:s?['’]s?)?|{_OWNER}|{_NAMED_OWNER}|hers|theirs"
    rf"|(?:some(?:body|one) else|another)(?:['’]s)?)(?=\s?(?:[.,;!]|$|and\b|not\b|but\b|{_KIND}\b))"
    rf"|^[\s，,]*[那这]?个?(?:就)?(?:是|属于)我?们?{_ZH_PERSON}(?:的|$|[，。！])",
    re.IGNORECASE,
)
# Of ways to reach somebody also: the shop's, or those that the customer has tried.
_NOT_OWN = re.compile(
    rf"\b{_NAMED_OWNER}\s(?:[\w-]+\s){{0,2}}?{_KIND}\b{_OWN_AGAIN}{{0,40}}$"
    r"|\b(?:your|yours|his|her|their|its)\b[^,;，。]{0,40}$"
    r"|\b(?:wrote|emailed|e-mailed|called|rang|phoned|dial+ed|tried|contacted|messaged)\b(?! me)"
    r"[^,;，。]{0,30}$|(?:你们|您们|贵司|客服|店铺|商家|他的|她的)[^，。]{0,20}$",
    re.IGNORECASE,
)


@once
def anothers(sentence: str, mention: Mention) -> bool:
    """Whether a value is said to be somebody else's."""
    before, after = _around(sentence, mention)
    if _ANOTHERS_BEFORE.search(before) or _ANOTHERS_AFTER.match(after):
        return True
    # "DHL's tracking number" is nobody else's.
    return mention.slot in _CONTACTS and bool(_NOT_OWN.search(before))


def _around(sentence: str, mention: Mention) -> tuple[str, str]:
    before = sentence[max(0, mention.start - _LOOKED_BACK) : mention.start]
    return before, sentence[mention.end :]
