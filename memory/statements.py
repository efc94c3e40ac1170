"""What a sentence states: a preference, a trouble, a promise.

By rule, in English and Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memory.codes import codes
from memory.rereading import once

# --- preferences -----------------------------------------------------------------------------

_PREFERS = re.compile(
    r"\bi(?:['’]d| would)? (?:\w+ )?prefer\b|\bi(?:['’]d| would) (?:much )?rather\b"
    r"|\bmy preference\b"
    r"|\bi(?:['’]m| am) (?:\w+ )?(?:allergic|vegetarian|vegan|lactose)|\bi (?:do not|don['’]t"
    r"|really don['’]t) like\b"
    r"|\bplease (?:do not|don['’]t|never|only|always) (?:\w+ )?(?:call|contact|ring|phone"
    r"|e-?mail|text|write|send|disturb|deliver|leave|use)"
    r"|\bi (?:only|always) (?:want|use|take|eat|drink|wear|fly|pay)\b|\bi hate\b"
    r"|我(?:更|比较|最|还是)?(?:喜欢|偏好|倾向)|更愿意|宁愿|宁可|对[^，。]{1,8}过敏|我吃素"
    r"|我不(?:喜欢|吃|喝)"
    r"|请?(?:不要|别|勿)(?:在|再)?[^，。]{0,8}(?:打|联系|发|送|敲|放)|请(?:只|务必|尽量)"
    r"|最好(?:是|用)",
    re.IGNORECASE,
)


@once
def prefers(text: str) -> bool:
    """Whether a sentence says how its speaker would have things."""
    return not _ASKS.search(text) and bool(_PREFERS.search(text))


# --- troubles --------------------------------------------------------------------------------

_ASKS = re.compile(r"[?？]\s*$|[吗呢]\s*[。？?]?$")
_NOT = r"(?:not|n['’]t|never)"
_TROUBLE = re.compile(
    r"\b(?:is|are|was|were|got|came|arrived|seems|screen|it['’]s|['’]s) (?:\w+ )?(?:broken"
    r"|damaged|defective|faulty|cracked|dead|stuck|torn|scratched|late|delayed|missing|lost"
    r"|incomplete)\b"
    r"|\b(?:broke down|broken down|stopped (?:\w+ing)|(?<!you )keeps? (?:\w+ing)|crash(?:es|ed"
    r"|ing)"
    r"|leak(?:s|ed|ing)|overheat\w*|fail(?:s|ed) to|malfunction\w*|smok(?:es|ing)|blinks red)\b"
    r"|\b(?:do|does|did|wo|would|is|are|was)(?: not|n['’]t) (?:\w+ )?(?:work|connect|turn|switch"
    r"|load|start|open|charg|heat|respond|fit|print|play|sync|boot|cool|arriv|come|show|ring"
    r"|deliver|go through|let me|accept|recogni)\w*"
    r"|\bnot working\b|\b(?:has|have|['’]s|['’]ve|had)(?: not|n['’]t| never|n['’]t ever"
    r"| still not) (?:\w+ )?(?:arrived|come|been|received|got|gotten|shown|shipped|left|worked)\b"
    r"|\bnever (?:arrived|came|received|got|worked|delivered|showed)\b|\bstill (?:waiting|not"
    r"|haven['’]t|hasn['’]t|no)\b"
    r"|\b(?:i|we) (?:can['’]?t|can ?not|couldn['’]t|am unable to|['’]m unable to"
    r"|are unable to) (?!(?:wait|believe|remember|hear|complain|thank|recall|say|tell|think"
    r"|decide|afford|find out))\w+"
    r"|\bcharged\b.{0,40}\b(?:twice|wrong\w*|too much|again|double|extra)\b|\b(?:double"
    r"|over)[- ]?charged\b"
    r"|\b(?:shows?|has|have|with|sent me|got|received|delivered|in) (?:me )?(?:the|a|an) wrong\b"
    r"|\bwrong (?:item|size|colou?r|product|amount|article|model|address on)\b"
    r"|\b(?:have|has|having|had|is|there['’]s|got) (?:a|an|some|another) (?:\w+ )?(?:problem"
    r"|issue|trouble|fault|error|defect|complaint)s?\b|\berror (?:message|code)\b"
    r"|\bgot no (?:answer|reply|response|confirmation|refund)\b|\bwas (?:declined|rejected"
    r"|refused)\b|\b(?:is|are) missing\b"
    r"|\b(?:neither|none)\b.*\b(?:arrived|come|came|works?|working)\b"
    r"|坏了|坏的|碎了|裂了|破了|破损|损坏|断了|漏水|漏[发液电]|故障|卡(?:住|顿|死)|死机|黑屏"
    r"|蓝屏|闪退|报错|少了|缺了|丢了|丢失"
    r"|没有?(?:收到|到货|到账|发货|反应|声音|信号|人回复|人理)|没有?到(?:$|[，。！了,])|还没(?:到|有到|收|发|送|退)"
    r"|(?:东西|商品|货物?|颜色|尺[寸码]|数量)(?:都)?(?:不对|错了)"
    r"|一直(?:没|不)|收不到|连不上|打不开|登不上|登录不了|用不了|充不(?:上|了)电|开不了机|查不到"
    r"|(?:无法|不能)(?:正常)?(?:登录|使用|打开|连接|开机|支付|付款|充电|启动|显示|下单)|多扣"
    r"|重复扣|扣了两次|(?<!别)(?<!不要)写错|发错|送错|寄错|不工作|不制冷|不加热|有问题|出问题|质量问题|异味",
    re.IGNORECASE,
)
_UNREAL = re.compile(
    r"\b(?:what|what happens) if\b|^if\b|^(?:can|could|do|does|is|are|did|will)\b.*\?\s*$"
    r"|^如果|[吗]",
    re.IGNORECASE,
)
_AND_THE = re.compile(r",?\s+and\s+(?=(?:the|my|our)\b)", re.IGNORECASE)
_SOLVED = re.compile(
    r"\b(?:it|that|this|everything|all|which|\w+) (?:(?!else)\w+ )?works? (?:now|again|fine"
    r"|perfectly"
    r"|well now)\b|\bworking (?:now|again)\b"
    r"|\b(?:is|are|was|been|got|it['’]s|that['’]s) (?:now |all |already |finally )?(?:fixed"
    r"|solved|resolved|sorted(?: out)?|repaired)\b|\bproblem is gone\b"
    r"|\b(?:has|have|['’]s) (?:just |now |finally |already )*(?:arrived|come)\b(?! (?:broken"
    r"|damaged|late))|\b(?:just|finally) (?:arrived|came)\b(?! (?:broken|damaged|late))"
    r"|\b(?:that|this|it) (?:fixed|solved|resolved|did) (?:it|the)\b|\bno longer (?:a problem"
    r"|an issue|broken)\b|\ball good now\b|\bfine now\b"
    r"|(?:现在|已经|终于|都)(?:又)?(?:好了|可以了|能用了|正常了|解决了|收到了|恢复了|修好了|到了"
    r"|行了)|问题(?:已经)?解决了?|搞定了|修好了|恢复正常",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\s*(?:[,;，；。]\s*(?:but|only|and|while|yet)?|\b(?:but|while)\b|但是?|不过|可是)\s*"
)
_OVER = re.compile(
    r"\b(?:came|arrived|turned up|showed up|got|received|works?|is (?:here|fine|fixed)|has come)\b"
    r"|[收拿找]?到了|好了|解决了",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(?:first|second|third|other|one|only|latter|former|rest)\b"
    r"|第[一二三]|另|其[中他]|只有|[一两]个|剩",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:did|has|have|was|were|is|are|does)(?: not|n['’]t)(?: yet)?[\s.!]*$"
    r"|还?没有?\w{0,3}[。！]?$",
    re.IGNORECASE,
)
_UNSOLVED = re.compile(
    rf"\b{_NOT}\b(?! mind)|n['’]t\b|\b(?:if|neither|nor|none|nothing|hope|hoping)\b|[没未不]|如果",
    re.IGNORECASE,
)


@once
def troubles(text: str) -> list[str]:
    """What a sentence says is not as it should be: itself, or its parts if they are several."""
    if not _TROUBLE.search(text) or _UNREAL.search(text):
        return []
    parts = _AND_THE.split(text)
    return parts if len(parts) > 1 and all(map(_TROUBLE.search, parts)) else [text]


@once
def solved(text: str) -> bool:
    """Whether a sentence says that a trouble is over."""
    found = _SOLVED.search(text)
    return (
        found is not None and not _ASKS.search(text) and not _UNSOLVED.search(text[: found.end()])
    )


def half(sentences: Sequence[str]) -> tuple[str, str] | None:
    """What is still amiss where something else is not: the clause, and its sentence.

    "The first one came, but AB-2000 is still missing."
    """
    said = [s for s in sentences if not _ASKS.search(s)]
    if len(codes(" ".join(said))) < 2:
        said = [s for s in said if _SEVERAL.search(s)][:1]
    clauses = [(clause, s) for s in said for clause in _CLAUSE.split(s) if clause]
    amiss = [bool(_TROUBLE.search(c) or _OPEN.search(c)) for c, _ in clauses]
    over = [
        bool(_OVER.search(c) or _SOLVED.search(c)) and not _UNSOLVED.search(c) for c, _ in clauses
    ]
    found = (
        c
        for c, is_amiss, is_over in zip(clauses, amiss, over, strict=True)
        if is_amiss and not is_over
    )
    return next(found, None) if any(over) else None


# --- promises --------------------------------------------------------------------------------

_DEED = (
    r"(?:send|ship|refund|replace|call|phone|ring|contact|e-?mail|get back|let you know|update"
    r"|issue|deliver"
    r"|arrive|come|collect|pick|repair|fix|cancel|change|reimburse|credit|escalate|arrange|book"
    r"|process"
    r"|receive|get|hear|check|look into|investigate|follow|forward|pass|notify|inform|transfer"
    r"|visit|ask"
    r"|reply|answer|return|extend|remove|correct|waive|open|dispatch|provide|have (?:it|this"
    r"|that)|make sure)"
)
_PROMISES = re.compile(
    r"\b(?:i|we|you|someone|somebody|it|they|(?:a|an|the|our|your|my) (?:\w+ ){0,2}\w+)"
    rf"(?:['’]ll| will| shall| (?:am|are|is) going to) (?:\w+ly )?(?:(?:also|then|now|just"
    rf"|personally) )?(?:{_DEED}\b|be (?:\w+ly )?(?:sent|shipped"
    r"|refunded|delivered|replaced|credited|issued|collected|contacted|repaired|cancelled"
    r"|processed|there|with you|in touch|back))"
    r"|\bi promise\b|\b(?:courier|technician|engineer|driver|parcel|package|order|refund"
    r"|delivery|replacement)\b[^.?!]{0,30}"
    r"\b(?:comes|arrives|is (?:due|scheduled|expected|set))\b",
    re.IGNORECASE,
)
_NO_PROMISE = re.compile(
    r"[?？]\s*$|^\s*(?:if|once|when|after|unless|to)\b"
    r"|^\s*(?:yes, |as )?you (?:have )?(?:said|told|wrote|mentioned|asked)\b"
    r"|^\s*(?:please|just|make sure|confirm|let me know)\b[^.]*\band (?:i|we)\b|\b(?:will"
    r"|shall) (?:not|need|have to)\b"
    r"|\bwon['’]t\b"
    r"|\byou(?:['’]ll| will) (?:need|have to|be asked)\b|\bhappy to\b|\bglad to\b"
    r"|\bnot\b[^,;]{0,12}\b(?:send|refund|replace)\b"
    r"|[吗呢]|不会|无法|不能|如果|需要您",
    re.IGNORECASE,
)
_ZH_DEED = (
    "(?:补发|退款|退还|退|回电|回复|回访|联系|安排|寄|发货|发送|发出|处理|更换|换新|派|送达|送|到账|维修|上门|通知|跟进"
    "|核实|核查|反馈|取消|补偿|赔付|打电话|回电话|开具|送货|到达)"
)
_ZH_PROMISES = re.compile(
    rf"(?:会|将|马上|立即|立刻|尽快|稍后|预计)[^，。！？]{{0,20}}{_ZH_DEED}"
    rf"|(?:我|我们|工作人员|师傅|专员|客服|快递员)[^，。！？]{{0,12}}(?:给您|为您|帮您|跟您"
    rf"|与您)[^，。！？]{{0,12}}{_ZH_DEED}"
)
_ZH_DONE = re.compile(
    r"已经?(?:为您|给您|帮您)?[^，。]{0,8}(?:登记|处理|提交|发货|取消|完成)了?[，。]?$"
)


@once
def promises(text: str) -> bool:
    """Whether a sentence of an agent says what will be done."""
    if _NO_PROMISE.search(text):
        return False
    if _ZH_PROMISES.search(text) and not _ZH_DONE.search(text):
        return True
    return bool(_PROMISES.search(text))
