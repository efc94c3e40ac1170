"""What a sentence of an answer claims, and whether anything that was said or written supports it.

A model says what agents say: that it has cancelled an order, what a delivery costs, that there is
no such thing. Here a sentence is taken at its word: manners and questions claim nothing, and all
else has to be found again, in what the customer said, or, where it is of what the firm does, in
what the firm has written, and of what was done in what a person of it has said. English and
Chinese, by rule.
"""

from __future__ import annotations

import re
from typing import Literal

from memory.grounds import Grounds, figures_of
from memory.indexes.lexical import terms
from memory.language import language_of
from memory.questions import asks, kind

Claim = Literal["manners", "asks", "supported", "unsupported"]

_CITED = re.compile(r"\s*\[\d{1,2}\]")
_NAME = re.compile(r"(?<![.!?:“\"] )(?<!^)\b[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")
_NO = re.compile(r"\b(?:not|never)\b|n['’]t\b", re.IGNORECASE)
_YES = re.compile(
    r"\W*(?:(?:yes|yeah|yep|no|nope|sure|certainly|absolutely|definitely|correct|indeed|exactly"
    r"|of course|no problem|done|right)\b|(?:是的|可以|没问题|没有|当然|好的|不是|不可以|对))",
    re.IGNORECASE,
)
_BABBLES = re.compile(r"([^\w\s])\1{3,}|\b([^\W\d]{2,12}\W+)\2{3,}")
# What is said of oneself without a claim: "I am sorry", "we understand", "I do not know".
_HARMLESS = frozenset(
    "sorry afraid glad happy pleased delighted here hope understand see know appreciate apologise "
    "apologize wish thank noted note remember help assist need ask like love unsure sure"
    .split()
)  # fmt: skip
_AUXILIARY = (
    "am|are|is|was|were|be|been|being|have|has|had|will|would|can|could|may|might|shall|should|do"
    "|did|does|not|cannot|just|also|now|already|really|very|so|then|only|always|still|truly|fully"
    "|completely|certainly|definitely|gladly|sincerely|deeply|successfully|more than|to|best"
)
_OURS = re.compile(
    rf"\b(i|we)\b(['’](?:m|re|ve|ll|d)\b)?((?:\s+(?:{_AUXILIARY})(?:n['’]t)?\b)*)\s+(\w+)",
    re.IGNORECASE,
)
# Of "we" it may be a rule; "I" and the past is what somebody has done.
_RULE = re.compile(r"^(?:\s+(?:do|can|not|only|always|also|are|cannot)\b|n['’]t)*$", re.IGNORECASE)
_OF_US = re.compile(
    r"\b(?:our|us)\b|\bthe (?:shop|company|store|team|bank|clinic|driver|courier)\b"
    r"|\b(?:warrant|refund|discount|pric|deliver|shipp|fee|charg|cost|voucher|credit|compensat"
    r"|entitl|guarant|return|status|free)\w*",
    re.IGNORECASE,
)
# What of the other is taken to be so: "I understand that your order is late".
_GRASPS = frozenset("understand see know note noted remember".split())
_YOU_ARE = re.compile(r"\byou(?:['’]re| are)\b", re.IGNORECASE)
_OF_YOU = re.compile(r"\W*(?:you|your|it|that|this)\b", re.IGNORECASE)
# Done by somebody who is not named, and to be done.
_DONE = re.compile(
    r"\b(?:ha(?:s|ve|d)|is|are|was|were|be|been|being|gets?|got|now)"
    r"(?: (?:now|already|just|also|being|been|not|\w+ly))* "
    r"(?:\w{2,}ed|sent|set up|paid|put|made|done|given|taken|held|found|lost|bought|sold|spoken"
    r"|on its way|on the way|ready|successful)\b",
    re.IGNORECASE,
)
_WILL = re.compile(r"\b(?:will|going to|about to|shall)\b|['’]ll\b", re.IGNORECASE)
_YOU_MAY = re.compile(r"\byou (?:can|may|could|should|need|must|have to|are able)\b", re.IGNORECASE)
_YOU_SAID = re.compile(
    r"\W*(?:[\w ]{0,30}, )?you(?:['’]ve| have| had)? (?:said|told|wrote|mentioned|asked|gave)\b"
    r"|\W*(?:您|你)(?:之前|刚才)?(?:说|提到|告诉)",
    re.IGNORECASE,
)
# Words that claim nothing in a sentence of manners.
_COURTEOUS = frozenset(
    terms(
        "thank thanks many you very much welcome hello hi hey dear again good morning afternoon "
        "evening day night weekend nice great lovely wonderful have bye goodbye take care sorry "
        "apologise apologies apologize apology inconvenience trouble frustration frustrating "
        "difficult concern concerns problem issue hear hearing please let me us know feel free "
        "pleasure glad happy okay ok right alright see oh how can may what help assist today "
        "anything else further question questions there nice meet patience contact contacting "
        "message reaching reach out using use feedback time waiting wait visit visiting choose "
        "choosing telling tell letting sharing share providing provide giving give information "
        "info details understanding understand help support reply response kind words back be to "
        "for your the our my and all so is it this that with of ask asking look forward soon "
        "joining join update updating updated keep keeping describe repeat send could would like "
        "need am are is was were been i i'm number order name email e-mail mail address phone "
        "date customer"
    )
)
_MANNERS = re.compile(
    r"\W*(?:thank|thanks|many thanks|you(?:['’]re| are) (?:very |most )?welcome|welcome|hello|hi"
    r"|hey|dear|good (?:morning|afternoon|evening|day)|good ?bye|bye|have an?|take care"
    r"|(?:i(?:['’]m| am) )?(?:so |very |really )?sorry|apolog|let (?:me|us) know|feel free"
    r"|(?:could you )?please (?:tell|let|provide|give|share|send me|repeat|describe)"
    r"|my pleasure|glad|happy|great|okay|ok|all right|alright|i see|oh"
    r"|how (?:can|may) (?:i|we)|what (?:can|may) (?:i|we)|is there anything"
    r"|anything else|nice to)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:!?.—–]+\s+|\s[-—–]+\s|\s+but\s+", re.IGNORECASE)
_MANNERS_ZH = re.compile(
    r"\W*(?:您好|你好|谢谢|感谢|抱歉|很抱歉|非常抱歉|对不起|不客气|再见|祝您|欢迎|不好意思|我理解|我明白)"
    r"[^，。！？]{0,12}[，。！？]?$|\W*(?:请问)?(?:还)?有什么(?:可以|能)帮您的?[吗？]*$"
)
_OURS_ZH = re.compile(
    r"(?:我|我们|本店|这边|客服)[^，。！？]{0,8}(?:已|会|将|马上|立即|正在|帮您|为您|给您|可以|了)"
    r"|(?:已经?|正在|即将)(?:为您|帮您|给您|被)?[取退发寄更修安处联预下换补开登]"
)
_SECRET = re.compile(
    r"\b(?:password|passcode|pin|cvv|cvc|(?:security|sort|one-time|access) code|iban"
    r"|card (?:number|details)|(?:number|digits) on the (?:front|back)|social security"
    r"|maiden name)\b|密码|验证码|卡号",
    re.IGNORECASE,
)
_HELPS = re.compile(
    r"\b(?:how|what) (?:else )?(?:can|may) (?:i|we)\b|\banything else\b", re.IGNORECASE
)
_OFFERS = re.compile(
    r"\b(?:would|do) you (?:like|want|prefer)\b|\b(?:shall|should|may|can|could) (?:i|we)\b",
    re.IGNORECASE,
)


def claim(sentence: str, grounds: Grounds) -> Claim:
    """What a sentence of an answer claims.

    ``manners`` claim nothing, nor does what ``asks``; what else it says is ``supported`` by
    ``grounds``, or ``unsupported``. "Yes" by itself, a number that nobody named, a name that nobody
    has, the customer's own words, an offer, and a request for a password are unsupported.
    """
    text = _CITED.sub("", sentence).strip()
    if _BABBLES.search(text):
        return "unsupported"
    if not any(map(str.isalnum, text)):
        return "manners"
    if not figures_of(text) <= grounds.figures or _SECRET.search(text):
        return "unsupported"
    if _YES.match(text) or grounds.repeated(text):
        return "unsupported"
    if language_of(text) == "zh":
        return _chinese(text, grounds)
    if (who := _acts(text)) is not None:
        return _if(grounds.ruled(text) if who == "we" else grounds.done(text))
    if any(name.casefold() not in grounds.words for name in _names(text)):
        return "unsupported"
    if asks(text):
        return _of_question(text, grounds)
    if _MANNERS.match(text):
        return _of_manners(text, grounds)
    if (first := _OURS.match(text)) is not None:
        return _of_oneself(text, first, grounds)
    if _YOU_SAID.match(text):  # "you said that it is booked" is more than that he wants it so
        return _if(grounds.told(text) if _DONE.search(text) else grounds.heard(text))
    if _DONE.search(text):
        return _if(grounds.done(text))
    if _WILL.search(text) or _YOU_MAY.search(text) or _OF_US.search(text):
        return _if(grounds.ruled(text))
    return _if(grounds.told(text, whole=not _OF_YOU.match(text)) or grounds.ruled(text))


def _if(supported: bool) -> Claim:
    return "supported" if supported else "unsupported"


def _acts(text: str) -> Literal["we", "I"] | None:
    """Of whom a sentence says something, as of a rule ("we"), or as a deed ("I"); None if of none.

    What "we" do may be a rule; what "I" do, and what was or will be done, is a deed.
    """
    for who, short, auxiliary, verb in _OURS.findall(text):
        said = verb.casefold()
        if said not in _HARMLESS:
            rule = who.casefold() == "we" and not short and _RULE.match(auxiliary)
            return "we" if rule and not said.endswith(("ed", "ing")) else "I"
    return None


def _chinese(text: str, grounds: Grounds) -> Claim:
    if _MANNERS_ZH.match(text):
        return "manners"
    told = not _OURS_ZH.search(text) and grounds.told(text, whole=True)
    return _if(told or grounds.ruled(text))


def _of_question(text: str, grounds: Grounds) -> Claim:
    """Whether a question asks for something, or offers what nobody may have."""
    *before, _ = _CLAUSE.split(text)
    if any(claim(clause, grounds) == "unsupported" for clause in before):
        return "unsupported"
    if _HELPS.search(text):
        return "manners"
    return "unsupported" if _OFFERS.search(text) and kind(text) is None else "asks"


def _of_manners(text: str, grounds: Grounds) -> Claim:
    """Whether a sentence that begins with manners claims something beside them."""
    for clause in filter(None, map(str.strip, _CLAUSE.split(text))):
        words = frozenset(terms(clause)) - _COURTEOUS
        if not words and not figures_of(clause):
            continue
        if any(of.search(clause) for of in (_DONE, _WILL, _OF_US)):
            return "unsupported"
        if _MANNERS.match(clause):
            if not grounds.named(clause, words):
                return "unsupported"
        elif claim(clause, grounds) == "unsupported":
            return "unsupported"
    return "manners"


def _of_oneself(text: str, first: re.Match[str], grounds: Grounds) -> Claim:
    """What a sentence claims that says how who speaks feels, or what he understands."""
    verb, rest = first[4].casefold(), text[first.end() :]
    if verb in ("hope", "wish"):
        return "manners"
    grasps = verb in _GRASPS and not _NO.search(first[0])
    if grasps and _YOU_ARE.search(rest):
        return "unsupported"
    if _DONE.search(rest) or _WILL.search(rest):
        return _if(grounds.told(rest) or grounds.done(rest))
    if grasps and len(set(terms(rest))) > 1:
        return _if(grounds.heard(rest))
    return "manners"


def _names(text: str) -> list[str]:
    return [name for name in _NAME.findall(text) if name not in ("I", "OK")]
