"""What a message wants that takes more than words: a person, a deed, an answer, a hearing."""

from __future__ import annotations

import re
from typing import Literal

from app.templates.choosing import INTENT
from app.templates.template import CERTAIN
from app.templates.unknown import asks_anything
from memory import Labels
from memory.cues import manners_only
from memory.labels import PERSON
from memory.language import language_of
from memory.mood import HEAD
from memory.questions import asks
from memory.sentences import pieces

Wish = Literal["person", "deed", "knowledge", "trouble", "unread"]


_LIKELY = 0.7  # how sure a label has to be that says how a message is taken


_PERSON = re.compile(
    r"\b(?:speak|talk|chat|connect\w*|transfer\w*|put)\b.{0,20}\b(?:to|with|through to)\b.{0,15}"
    r"\b(?:human|person|agent|someone|somebody|representative|rep|manager|supervisor|operator"
    r"|adviser|advisor|colleague)\b"
    r"|\b(?:a |real |actual |live )(?:human|person|agent)(?: being)?,? please\b"
    r"|\b(?:someone|somebody)\b.{0,30}\b(?:on the (?:line|phone)|in person)\b"
    r"|\b(?:real|actual|live) (?:human|person|agent|advis[eo]r)\b"
    r"|^\W*(?:agent|human|person|operator|representative)\W*(?:please|pls)?\W*$|转人工|人工客服|真人",
    re.IGNORECASE,
)
_NOT_NEEDED = re.compile(
    r"\b(?:no need|never ?mind|(?:do|does)(?: not|n['’]t) need|no longer need|(?:is|['’]s|been|got"
    r"|it) (?:solved|resolved|sorted)|solved it|forget it)\b|不用了|没关系|解决了",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"\b(?:are|r) (?:you|u) (?:a |an )?(?:real |actual )?(?:human|person|bot|robot"
    r"|machine|ai|real)\b"
    r"|\bis (?:this|it) (?:a |an )?(?:bot|robot|machine|real person|human|ai)\b"
    r"|你是.{0,4}(?:人|机器人)吗",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"\b(?:explain|tell me|let me know|show me|(?:don['’]?t|do not) know how)\b", re.IGNORECASE
)
# Asked is how, not that it be done.
_HOW = re.compile(
    r"\bhow (?:do|can|to|does|would|should|much|long|many|is|are)\b|\bwhat (?:is|are|do|does)\b"
    r"|\bcan (?:i|we) (?!get|have)|怎么|如何",
    re.IGNORECASE,
)
_DEED = re.compile(
    r"\b(?:can|could|would|will) (?:you|u|someone|somebody)\b|\bplease\b|\bpl[sz]\b|\bkindly\b"
    r"|\bi(?:['’]d| would) (?:like|love|rather|prefer)\b|\bid (?:like|rather|prefer)\b"
    r"|\b(?:i|we) (?:(?:just|only|really|still) )?(?:want|need|wish|demand|request)\b"
    r"|\bcan (?:i|we) (?:get|have)\b"
    r"|^\W*(?:(?:and|so|then|ok|also|just|actually)\W+)*(?:cancel|send|refund|change|call|book|stop"
    r"|close|delete|remove|add|update|replace|move|ship|give|make|put|renew|extend|reset|fix|check"
    r"|escalate|resend|forward|reserve|rebook|arrange|leave|store|lower|raise|block|unblock|transfer"
    r"|schedule|set|switch|take|upgrade|downgrade|deliver|collect|keep|hold|correct|confirm|register"
    r"|sign|unsubscribe|freeze|pause|have it|(?:get|help) me|let me (?:speak|talk|have|get)"
    r"|order (?:me|an?|the|another|some|one|two))\b"
    r"|请|帮我|想|我要|能不能|能否|可以.{0,10}吗|麻烦",
    re.IGNORECASE,
)
# What is told, although it begins as a question does.
_WHEN = re.compile(
    r"\W*(?:when|where|while|if|what) (?:i|we|you|the|my|our|it|he|she|they)\b[^?]*$", re.IGNORECASE
)
# What a classifier does not see: it takes what is told calmly for neutral, and reads English alone.
_TROUBLE = re.compile(
    r"\b(?:late|missing|lost|broken|damaged|faulty|wrong|defect\w*|overcharged|stolen|leak\w*"
    r"|crash\w*|dead|stuck|useless|idiots?)\b|\bnever (?:c[ao]me|arrive[ds]?|got|received?)\b"
    r"|\bno (?:power|internet|heating|(?:hot )?water|signal|electricity|light)\b|\bbeen out\b"
    r"|\bkeeps? \w+ing\b|\bnothing is (?:here|there)\b"
    r"|\b(?:can(?:no|['’])?t|hardly|unable|swollen)\b"
    r"|\b(?:do|does|did|has|have|had|is|was|wo|would)(?: not|n['’]?t) (?:\w+ ){0,2}?"
    r"(?:work|arrived?|com(?:e|ing)|have it|turn|start|open|load|switch|charge|fit|connect"
    r"|received?|got|been|here|delivered)\b"
    r"|\bstill (?:waiting|no|not)\b|\bcharges? (?:on|for)\b"
    r"|坏|没反应|没收到|还没|破损|故障|投诉|扣了|漏发|发错|失望|生气|太慢|不能用|无法|打不开|失败|差劲|差评",
    re.IGNORECASE,
)
# Intents of who has something to be done, or put right.
_DEEDS = frozenset(
    "cancel_order change_order change_shipping_address create_account delete_account edit_account "
    "get_invoice get_refund newsletter_subscription place_order recover_password "
    "set_up_shipping_address switch_account".split()
)
_TROUBLES = frozenset("complaint payment_issue registration_problems report_problem".split())


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
    if manners_only(message) or _NOT_NEEDED.search(message):
        return None
    if language_of(message) == "other":
        return "unread"
    told = _TELLS.search(message) is not None
    asked = (told or asks_anything(message) or asks(message)) and not _WHEN.match(message)
    if asked and (told or _HOW.search(message)):
        return "knowledge"
    if named in _DEEDS or wants_done(message):
        return "deed"
    if asked:
        return "knowledge"
    negative = mood is not None and mood.name == "negative" and mood.confidence >= _LIKELY
    return "trouble" if named in _TROUBLES or negative or _TROUBLE.search(message) else None


def wants_person(message: str, labels: Labels | None) -> bool:
    """Whether a message asks for a person."""
    intent = (labels or {}).get(INTENT)
    certain = intent is not None and intent.name == PERSON and intent.confidence >= CERTAIN
    said = any(_PERSON.search(one) and not _PROGRAM.search(one) for one in pieces(message))
    return (certain or said) and not _NOT_NEEDED.search(message)


def wants_done(message: str) -> bool:
    """Whether a message says that something is to be done."""
    return _DEED.search(message) is not None


def asks_whether_program(message: str) -> bool:
    """Whether a message asks whether a person or a program answers."""
    return _PROGRAM.search(message) is not None
