"""Whether a speaker puts right what he said before: self-repair, as conversation analysis calls it.

What is put right need not be named: a cue and one new value are enough, and the value's kind is
that of what was said last (Schegloff, Jefferson and Sacks, "The preference for self-correction
in the organization of repair in conversation", 1977). In English and Chinese.
"""

from __future__ import annotations

import re

from memory.rereading import once

# "wrong" of the thing itself is a trouble.
_WRONG_THING = re.compile(
    r"\b(?:received?|got|get|gets|sent (?:me|us)|deliver\w*|shipp?\w*|charged|shows?|has|have|came"
    r"|arrived|with|in|to|on|at) (?:me |us )?(?:the |a |an )?(?:\w+ )?wrong\b"
    r"|\bmistakes? (?:on|in|with) (?:the|my|your|this|our) (?:bill|invoice|order|receipt)\b"
    r"|\bwrong (?:item|size|colou?r|product|amount|article|model|parcel|package|place|door"
    r"|order(?! (?:number|id|no\b|code)))",
    re.IGNORECASE,
)
# It says that something said was not right, ...
_SAID_WRONG = re.compile(
    r"\b(?:typos?|mistake|mistyped|mis-?spel\w+|misread|mis-?spoke|misheard|wrong|correction"
    r"|please (?:ignore|disregard)|i (?:\w+ )?(?:mixed|swapped|confused)|my bad"
    r"|(?:scrap|strike|scratch) (?:that|it|this)"
    r"|(?:forget|ignore|disregard|delete) (?:that|it|this|(?:the|my) (?:last|previous|first|old"
    r"|other|earlier)|what i))\b"
    r"|更正|纠正|笔误|口误|(?:^|[，。！,\s我才号码箱话址字名位哦啊呀好])[说写打弄记搞输填看念读发报]?错"
    r"[字行位]?(?:了|[，。！：:]|$)|作废|算错|说反",
    re.IGNORECASE,
)
# ... or what is right, ...
_RIGHT = re.compile(
    r"\b(?:i (?:really )?meant?|should (?:be|have been|read)|has changed|let me correct"
    r"|(?:i )?stand corrected|spel(?:led|t)"
    r"|(?:right|correct|current|actual|real|proper|valid|new) (?:\w+ ){0,2}(?:is|below|follows)"
    r"|is (?:the )?(?:right|correct))\b"
    r"|应该是|改成|换成|改为|正确的|为准|才对|才是|对的是",
    re.IGNORECASE,
)
# ... or it may: a value has to follow at once.
_WEAK = re.compile(
    r"\b(?:sorry(?! (?:for|to|if)\b)|actually|oops|whoops|hang on|hold on|apologies|not it)\b"
    r"|(?:^|[,.!–-]\s?|\boh |\bno )wait\b|不好意思|(?:^|[，。！,\s啊哦])(?:不对|等等|抱歉)",
    re.IGNORECASE,
)
# A "no" puts right what the other has repeated, and answers what he asks.
_NO = re.compile(r"^\s*(?:oh[,\s]+)?(?:no\b|nope\b|不[，,\s不]|不是[，,\s])", re.IGNORECASE)
_ALSO = re.compile(
    r"\b(?:also|too(?! \w)|as well|another|(?:my|a) (?:second|other)|both|in addition)\b|另外|还有"
    r"|也(?!许)|以及",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    r"^[\s,，.–-]*(?:no|oh|wait|sorry|oops|i mean|i meant|or rather|make that|不对|不|错了"
    r"|说错了|不好意思)"
    r"(?:[\s,，:：.]*(?:no|wait|sorry|it['’]s|i mean|i meant|是|应该是))*[\s,，:：]*$",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"(?:\b(?:is|was|it['’]s|that['’]s|be|been|meant?|to|but|now)|[:：是为成])[\s\"“']*$",
    re.IGNORECASE,
)
_CUES_ONLY = re.compile(r"^[\s,，.。!！:：–-]*$")


@once
def says_wrong(text: str) -> bool:
    """Whether a text says that what was said before was wrong."""
    return bool(_SAID_WRONG.search(_WRONG_THING.sub(" ", text))) and not _ALSO.search(text)


@once
def cue(text: str, *, repeated: bool) -> bool:
    """Whether a text may put right what was said before.

    Args:
        text: what the speaker says.
        repeated: whether it follows on what he said, or on its repetition, and not on a question
            that a "no" would answer.
    """
    if _ALSO.search(text):
        return False
    rest = _WRONG_THING.sub(" ", text)
    cues = (_SAID_WRONG, _RIGHT, _WEAK, *([_NO] if repeated else ()))
    return any(pattern.search(rest) for pattern in cues)


@once
def firm(text: str) -> bool:
    """Whether a text says that something was wrong, or what is right."""
    return says_wrong(text) or bool(_RIGHT.search(text))


@once
def adds(text: str) -> bool:
    """Whether a text adds to what was said before: "also", "another"."""
    return bool(_ALSO.search(text))


def within(between: str) -> bool:
    """Whether what stands between two values lets the second correct the first."""
    return bool(_WITHIN.match(between))


def stated(before: str) -> bool:
    """Whether a value is what is said to be right: "it is ...", or it stands right after a cue."""
    return bool(_STATED.search(before) or _CUES_ONLY.match(without_cues(before)))


def without_cues(sentence: str) -> str:
    """A sentence with its cues blanked out, of the same length."""
    for pattern in (_SAID_WRONG, _RIGHT, _WEAK, _NO):
        sentence = pattern.sub(lambda m: " " * len(m[0]), sentence)
    return sentence
