"""What is said without a model: that a person is asked, or a courtesy.

A person is asked for who wants something done, asks for what nobody here knows, is in trouble, or
wants a person. The session is then in the queue (``memory.desk``), so that it is so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from app.templates.answering import Ready
from app.templates.choosing import INTENT
from app.templates.template import CERTAIN, NOTED, PASSED_ON, UNKNOWN
from app.templates.unknown import asks_anything
from memory import ConversationMemory, Labels, Layout, Turn
from memory.cues import manners_only
from memory.labels import PERSON
from memory.language import Language, language_of
from memory.mood import HEAD
from memory.questions import asks

Wish = Literal["person", "deed", "knowledge", "trouble"]

_LIKELY = 0.5  # how sure a label has to be that says how a message is taken

_PERSON = re.compile(
    r"\b(?:speak|talk|chat|connect\w*|transfer\w*|put)\b.{0,20}\b(?:to|with|through to)\b.{0,15}"
    r"\b(?:human|person|agent|someone|somebody|representative|rep|manager|supervisor|operator"
    r"|adviser|advisor|colleague)\b"
    r"|\b(?:a |real |actual |live )(?:human|person|agent)(?: being)?,? please\b"
    r"|\b(?:someone|somebody)\b.{0,30}\b(?:on the (?:line|phone)|in person)\b"
    r"|\b(?:real|actual|live) (?:human|person|agent)\b|转人工|人工客服|真人",
    re.IGNORECASE,
)
_DEED = re.compile(
    r"\b(?:can|could|would|will) (?:you|u|someone|somebody)\b|\bplease\b|\bpl[sz]\b|\bkindly\b"
    r"|\bi(?:['’]d| would) (?:like|love|rather|prefer)\b|\bid (?:like|rather|prefer)\b"
    r"|\b(?:i|we) (?:want|need|wish|demand|request)\b"
    r"|\bcan (?:i|we) (?:get|have|change|cancel|return|book|move|add|swap|exchange)\b"
    r"|^\W*(?:(?:and|so|then|ok|also|just|actually)\W+)*(?:cancel|send|refund|change|call|book|stop"
    r"|close|delete|remove|add|update|replace|move|ship|give|make|put|renew|extend|reset|fix|check"
    r"|escalate|resend|forward|reserve|rebook|arrange|leave|store|lower|raise|block|unblock|transfer"
    r"|schedule|set|switch|take|upgrade|downgrade|deliver|collect|keep|hold|correct|confirm|register"
    r"|sign|unsubscribe|freeze|pause|have it|(?:let|get|help|tell|show) me"
    r"|order (?:me|an?|the|another|some|one|two))\b"
    r"|请|帮我|想|我要|能不能|能否|可以.{0,10}吗|麻烦",
    re.IGNORECASE,
)
# What is told, although it begins as a question does.
_WHEN = re.compile(
    r"\W*(?:when|where|while|if|what) (?:i|we|you|the|my|our|it|he|she|they)\b[^?]*$", re.IGNORECASE
)
# What a classifier that reads English does not see.
_TROUBLE = re.compile(
    "坏|没反应|没收到|还没|破损|故障|投诉|扣了|漏发|发错|失望|生气|太慢|不能用|无法|打不开|失败"
)
_YES = re.compile(r"\W*(?:yes|yeah|yep|sure|ok|okay|please|go ahead)\b|\W*(?:好|是|可以|要)", re.I)
_GREETS = re.compile(
    r"\b(?:hi|hiya|hello|hey|good (?:morning|afternoon|evening|day)|greetings)\b|[你您]好|早",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\b(?:thank|thanks|thx|ty|cheers|bye|goodbye)\b|谢|再见|拜拜", re.IGNORECASE)
# Intents of who has something to be done, or put right.
_DEEDS = frozenset(
    "cancel_order change_order change_shipping_address create_account delete_account edit_account "
    "get_invoice get_refund newsletter_subscription place_order recover_password "
    "set_up_shipping_address switch_account".split()
)
_TROUBLES = frozenset("complaint payment_issue registration_problems report_problem".split())


@dataclass(frozen=True, slots=True)
class _Words:
    said: dict[Wish, str]
    again: str
    not_known: str  # again
    noted: str
    greeted: str
    thanked: str
    heard: str


_HERE = "a person will read this conversation and answer you here."
_HERE_ZH = "会有人工客服查看这段对话，并在这里回复您。"
_ENGLISH = _Words(
    {
        "person": f"I have passed this on: {_HERE}",
        "deed": f"I cannot do that myself, so I have passed it on: {_HERE}",
        "knowledge": f"I am sorry, I do not know that. I have passed your question on: {_HERE}",
        "trouble": f"I am sorry about that. I have passed it on: {_HERE}",
    },
    "I have passed that on too.",
    "I do not know that either, and have passed it on too.",
    "Thank you, I have noted that.",
    "Hello, how can I help you?",
    "You are welcome.",
    "All right.",
)
_WORDS: dict[Language | None, _Words] = {
    "zh": _Words(
        {
            "person": f"我已为您转告：{_HERE_ZH}",
            "deed": f"这件事我自己无法办理，已为您转告：{_HERE_ZH}",
            "knowledge": f"这一点我不清楚，已把您的问题转告：{_HERE_ZH}",
            "trouble": f"很抱歉给您带来不便。我已转告：{_HERE_ZH}",
        },
        "这件事我也转告了。",
        "这一点我也不清楚，同样转告了。",
        "谢谢，我记下了。",
        "您好，请问有什么可以帮您？",
        "不客气。",
        "好的。",
    ),
}  # fmt: skip


def wish_of(message: str, labels: Labels | None) -> Wish | None:
    """What a message wants that takes more than an answer by rule; None where it tells or greets.

    Args:
        message: what the customer says.
        labels: what a classifier says of it; None where it was not read.
    """
    intent, mood = ((labels or {}).get(head) for head in (INTENT, HEAD))
    named = intent.name if intent is not None and intent.confidence >= _LIKELY else None
    if wants_person(message, labels):
        return "person"
    if named in _DEEDS or wants_done(message):
        return "deed"
    if asks_anything(message) and not _WHEN.match(message):
        return "knowledge"
    negative = mood is not None and mood.name == "negative" and mood.confidence >= _LIKELY
    return "trouble" if named in _TROUBLES or negative or _TROUBLE.search(message) else None


def wants_person(message: str, labels: Labels | None) -> bool:
    """Whether a message asks for a person."""
    intent = (labels or {}).get(INTENT)
    certain = intent is not None and intent.name == PERSON and intent.confidence >= CERTAIN
    return certain or _PERSON.search(message) is not None


def wants_done(message: str) -> bool:
    """Whether a message says that something is to be done."""
    return _DEED.search(message) is not None


def passed_on(message: str, wish: Wish, layout: Layout, told: str | None = None) -> str:
    """What is said to a message that is passed on, and in short where the session was just told.

    Args:
        message: what the customer says.
        wish: what it wants.
        layout: the prompt for it, with what was said before.
        told: the shop's own words, if it has some.
    """
    words = _words(message)
    if wish != "person" and _waits(layout):
        return words.not_known if wish == "knowledge" else words.again
    return told or words.said[wish]


def noted(message: str) -> str:
    """What is said to who tells something, greets, thanks or agrees."""
    words = _words(message)
    if not manners_only(message):
        return words.noted
    if _THANKS.search(message):
        return words.thanked
    return words.greeted if _GREETS.search(message) else words.heard


def _words(message: str) -> _Words:
    return _WORDS.get(language_of(message), _ENGLISH)


def _waits(layout: Layout) -> bool:
    """Whether something was passed on that no person has answered yet."""
    for said in reversed(layout.window):
        if said.message.by_person:
            return False
        if said.template == PASSED_ON:
            return True
    return False


class Passing:
    """Answers who asks for a person, greets or thanks. Safe to share between threads.

    Args:
        told: what a tenant says where something is passed on, if it has words of its own.
    """

    def __init__(self, told: Callable[[str], str | None]) -> None:
        self._told = told

    def answer(
        self,
        memory: ConversationMemory,
        message: str,
        labels: Labels | None,
        layout: Layout,
        turn: Turn | None = None,  # noqa: ARG002
    ) -> Ready | None:
        """The answer to a message; None where it is no courtesy, and asks for no person."""
        last = next((one for one in reversed(layout.window) if one.message.role == "ai"), None)
        offered = last is not None and last.template == UNKNOWN and _YES.match(message) is not None
        if wants_person(message, labels) or (offered and manners_only(message)):
            told = self._told(memory.scope.tenant)
            return _ready(passed_on(message, "person", layout, told), layout, PASSED_ON)
        # It may say "yes" to what was asked.
        answers = last is not None and last.template != NOTED and asks(last.message.text)
        if manners_only(message) and (not answers or _THANKS.search(message)):
            return _ready(noted(message), layout, NOTED)
        return None


def _ready(text: str, layout: Layout, template: str) -> Ready:
    return Ready(text, replace(layout, recalled=[], evidence=None, template=template))
