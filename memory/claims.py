"""What a sentence of an answer claims, and whether anything that was said or written supports it.

A model says what agents say: that it has cancelled an order, what a delivery costs, that there is
no such thing. Here a sentence is taken at its word: manners and questions claim nothing, and all
else has to be found again, in what the customer said, or, where it is of what the firm does, in
what the firm has written or a person of it has said. English and Chinese, by rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from memory.cues import manners_only
from memory.indexes.lexical import terms
from memory.language import language_of
from memory.questions import asks, kind
from memory.sentences import pieces

Claim = Literal["manners", "asks", "supported", "unsupported"]

# Of a claim's words, that stand in one sentence which supports it; less of one with a number, which
# has to stand there too.
_SHARE, _WITH_FIGURE = 0.6, 0.5

_CITED = re.compile(r"\s*\[\d{1,2}\]")
_FIGURE = re.compile(r"\w*\d[\w./:-]*\w|\d|\S+@\S+|(?:https?://|www\.)\S+", re.IGNORECASE)
_NAME = re.compile(r"(?<![.!?:“\"] )(?<!^)\b[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")
_NO = re.compile(
    r"\b(?:no|not|never|none|nothing|without|cannot|neither|unable)\b|n['’]t\b|[不没无未]",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\W*(?:(?:yes|yeah|yep|no|nope|sure|certainly|absolutely|definitely|correct|indeed|exactly"
    r"|of course|no problem|done|right)\b|(?:是的|可以|没问题|没有|当然|好的|不是|不可以|对))",
    re.IGNORECASE,
)
# What is said of oneself without a claim: "I am sorry", "we understand", "I do not know".
_HARMLESS = frozenset(
    "sorry afraid glad happy pleased delighted here hope understand see know appreciate apologise "
    "apologize wish thank noted note remember help assist need ask like love unsure sure able"
    .split()
)  # fmt: skip
_AUXILIARY = (
    "am|are|is|was|were|be|been|being|have|has|had|will|would|can|could|may|might|shall|should|do"
    "|did|does|not|cannot|just|also|now|already|really|very|so|then|only|always|still|truly|fully"
    "|completely|certainly|definitely|gladly|sincerely|deeply|successfully|more than|to|best"
)
_OURS = re.compile(
    rf"\b(?:i|we)\b(?:['’](?:m|re|ve|ll|d)\b)?(?:\s+(?:{_AUXILIARY})(?:n['’]t)?\b)*\s+(\w+)",
    re.IGNORECASE,
)
_OF_US = re.compile(
    r"\b(?:our|us)\b|\bthe (?:shop|company|store|team|bank|clinic)\b", re.IGNORECASE
)
# What of the other is taken to be so: "I understand that your order is late".
_GRASPS = frozenset("understand see know note noted remember".split())
# Done, or to be done, by somebody who is not named.
_DONE = re.compile(
    r"\b(?:ha(?:s|ve|d)|is|are|was|were|be|been|being|gets?|got|now)"
    r"(?: (?:now|already|just|also|being|been|\w+ly))* "
    r"(?:\w{2,}ed|sent|set up|paid|put|made|done|given|taken|held|found|lost|bought|sold|on its way"
    r"|on the way)\b|\b(?:will|going to|about to)\b|['’]ll\b",
    re.IGNORECASE,
)
_YOU_MAY = re.compile(r"\byou (?:can|may|could|should|need|must|have to|are able)\b", re.IGNORECASE)
_YOU_SAID = re.compile(
    r"\W*(?:[\w ]{0,30}, )?you(?:['’]ve| have| had)? (?:said|told|wrote|mentioned|asked|gave)\b"
    r"|\W*(?:您|你)(?:之前|刚才)?(?:说|提到|告诉)",
    re.IGNORECASE,
)
# That it was said says nothing of what was said.
_SAYS = frozenset(terms("said told wrote mentioned asked gave say tell yes noted note customer"))
_MANNERS = re.compile(
    r"\W*(?:thank|thanks|many thanks|you(?:['’]re| are) (?:very |most )?welcome|welcome|hello|hi"
    r"|hey|dear|good (?:morning|afternoon|evening|day)|good ?bye|bye|have an?|take care"
    r"|(?:i(?:['’]m| am) )?(?:so |very |really )?sorry|apolog|let (?:me|us) know|feel free"
    r"|(?:could you )?please (?:tell|let|provide|give|share|send me|repeat|describe)"
    r"|my pleasure|glad|happy|great|okay|ok|all right|alright|i see|oh"
    r"|how (?:can|may) (?:i|we)|what (?:can|may) (?:i|we)|is there anything"
    r"|anything else|nice to)\b"
    r"|\W*(?:您好|你好|谢谢|感谢|抱歉|很抱歉|非常抱歉|对不起|不客气|再见|祝您|欢迎|不好意思|我理解|我明白)"
    r"[^，。！？]{0,12}[，。！？]?$|\W*(?:请问)?(?:还)?有什么(?:可以|能)帮您的?[吗？]*$",
    re.IGNORECASE,
)
_OURS_ZH = re.compile(
    r"(?:我|我们|本店|这边|客服)[^，。！？]{0,8}(?:已|会|将|马上|立即|正在|帮您|为您|给您|可以)"
    r"|(?:已经?|正在|即将)(?:为您|帮您|给您|被)?[取退发寄更修安处联预下换补开登]"
)
_SECRET = re.compile(
    r"\b(?:password|passcode|pin|cvv|cvc|security code|card number|card details|social security)\b"
    r"|密码|验证码|卡号",
    re.IGNORECASE,
)
_HELPS = re.compile(
    r"\b(?:how|what) (?:else )?(?:can|may) (?:i|we)\b|\banything else\b",
    re.IGNORECASE,
)
_OFFERS = re.compile(
    r"\b(?:would|do) you (?:like|want|prefer)\b|\b(?:shall|should|may|can|could) (?:i|we)\b",
    re.IGNORECASE,
)
# Said as a wish, it is not so yet.
_WANTED = re.compile(
    r"\b(?:please|can (?:you|i|we)|could (?:you|i|we)|would you|will you|i(?:['’]d| would) (?:like"
    r"|love)|(?:i|we) (?:want|need|wish)|let me|help me|how (?:do|can) i|if)\b"
    r"|请|帮我|我想|我要|能否",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Grounds:
    """What a claim may rest on.

    Args:
        own: what the customer said, and what is noted of them.
        firm: what the firm has written, and what its people have said.
    """

    own: tuple[str, ...] = ()
    firm: tuple[str, ...] = ()

    @cached_property
    def figures(self) -> frozenset[str]:
        """All numbers, codes and addresses that were named by anybody."""
        return frozenset().union(*(_figures(text) for text in (*self.own, *self.firm)))

    @cached_property
    def words(self) -> str:
        """All that was said, in lower case."""
        return "\n".join((*self.own, *self.firm)).casefold()

    @cached_property
    def said(self) -> frozenset[str]:
        """The customer's sentences as they are: to say them again is no answer."""
        return frozenset(_plain(piece) for text in self.own for piece in pieces(text))

    @cached_property
    def told(self) -> list[_Ground]:
        """What the customer has stated: a question states nothing, and a wish no deed."""
        return [_Ground.of(piece) for piece in _stated(self.own) if not _WANTED.search(piece)]

    @cached_property
    def wished(self) -> list[_Ground]:
        """What the customer has said in any form, to be told that he said it."""
        return [_Ground.of(piece) for text in self.own for piece in pieces(text)]

    @cached_property
    def written(self) -> list[_Ground]:
        """What the firm has stated."""
        return [_Ground.of(piece) for piece in _stated(self.firm)]


@dataclass(frozen=True)
class _Ground:
    terms: frozenset[str]
    figures: frozenset[str]
    denies: bool

    @classmethod
    def of(cls, text: str) -> _Ground:
        words = frozenset(terms(_FIGURE.sub(" ", text)))
        return cls(words, _figures(text), bool(_NO.search(text)))


def claim(sentence: str, grounds: Grounds) -> Claim:
    """What a sentence of an answer claims.

    ``manners`` claim nothing, nor does what ``asks``; what else it says is ``supported`` by
    ``grounds``, or ``unsupported``. "Yes" by itself, a number that nobody named, a name that nobody
    has, the customer's own words, an offer, and a request for a password are unsupported.
    """
    text = _CITED.sub("", sentence).strip()
    if not any(map(str.isalnum, text)):
        return "manners"
    if not _figures(text) <= grounds.figures or _SECRET.search(text):
        return "unsupported"
    if _YES.match(text) or _plain(text) in grounds.said:
        return "unsupported"
    if _is_ours(text):
        return _by(text, grounds.written)
    if any(name.casefold() not in grounds.words for name in _names(text)):
        return "unsupported"
    if language_of(text) == "zh":
        return "manners" if _MANNERS.match(text) else _by(text, [*grounds.told, *grounds.written])
    if asks(text):
        return _of_question(text)
    if manners_only(text) or _MANNERS.match(text):
        *_, more = text.rpartition(" but ")
        return claim(more, grounds) if more != text else "manners"
    if (first := _OURS.match(text)) is not None:
        return _of_oneself(text, first, grounds)
    if _YOU_SAID.match(text):
        return _by(text, grounds.wished)
    if _DONE.search(text) or _YOU_MAY.search(text) or _OF_US.search(text):
        return _by(text, grounds.written)
    return _by(text, [*grounds.told, *grounds.written])


def affirms(sentence: str) -> bool:
    """Whether a sentence begins with a yes or a no."""
    return _YES.match(sentence) is not None


def _is_ours(text: str) -> bool:
    """Whether a sentence is of what the firm, or whoever answers, does, did, has or will do."""
    if language_of(text) == "zh":
        return bool(_OURS_ZH.search(text))
    return any(verb[1].casefold() not in _HARMLESS for verb in _OURS.finditer(text))


def _of_question(text: str) -> Claim:
    """Whether a question asks for something, or offers what nobody may have."""
    if _HELPS.search(text):
        return "manners"
    return "unsupported" if _OFFERS.search(text) and kind(text) is None else "asks"


def _of_oneself(text: str, first: re.Match[str], grounds: Grounds) -> Claim:
    """What a sentence claims that says how who speaks feels, or what he understands."""
    verb, rest = first[1].casefold(), text[first.end() :]
    if verb != "hope" and _DONE.search(rest):
        return _by(rest, [*grounds.told, *grounds.written])
    if verb in _GRASPS and not _NO.search(first[0]) and len(set(terms(rest))) > 1:
        return _by(rest, [*grounds.wished, *grounds.written])
    return "manners"


def _by(text: str, grounds: Iterable[_Ground]) -> Claim:
    """Whether one sentence supports another: it has most of its words, all figures, and its no."""
    wanted = _Ground.of(text)
    words = wanted.terms - _SAYS
    if not words and not wanted.figures:
        return "unsupported"
    least = len(words) * (_WITH_FIGURE if wanted.figures else _SHARE)
    for ground in grounds:
        all_there = wanted.figures <= ground.figures and wanted.denies == ground.denies
        if all_there and len(words & ground.terms) >= least:
            return "supported"
    return "unsupported"


def _stated(texts: Iterable[str]) -> list[str]:
    return [piece for text in texts for piece in pieces(text) if not asks(piece)]


def _figures(text: str) -> frozenset[str]:
    return frozenset(re.sub(r"[^\w@]", "", found).casefold() for found in _FIGURE.findall(text))


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()


def _names(text: str) -> list[str]:
    return [name for name in _NAME.findall(text) if name not in ("I", "OK")]
