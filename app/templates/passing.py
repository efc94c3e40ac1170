"""What is said without a model: that a person is asked, or a courtesy.

A person is asked for who wants something done, asks for what nobody here knows, is in trouble, or
wants a person. The session is then in the queue (``memory.desk``), so that it is so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.templates.answering import Ready
from app.templates.template import NOTED, PASSED_ON, UNKNOWN
from app.templates.wishes import Wish, asks_whether_program, wants_person
from memory import ConversationMemory, Labels, Layout, Turn
from memory.cues import manners_only
from memory.language import Language, language_of
from memory.questions import asks

_YES = re.compile(r"\W*(?:yes|yeah|yep|sure|ok|okay|please|go ahead)\b|\W*(?:好|是|可以|要)", re.I)
_GREETS = re.compile(
    r"\b(?:hi|hiya|hello|hey|good (?:morning|afternoon|evening|day)|greetings)\b|[你您]好|早",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\b(?:thank|thanks|thx|ty|cheers|bye|goodbye)\b|谢|再见|拜拜", re.IGNORECASE)
_SORRY = re.compile(r"\b(?:sorry|apologi\w+|not know)\b|抱歉|对不起|不清楚", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Words:
    said: dict[Wish, str]
    again: str
    not_known: str  # again
    noted: str
    greeted: str
    thanked: str
    heard: str
    program: str


_HERE = "a person will read this conversation and answer you here."
_HERE_ZH = "会有人工客服查看这段对话，并在这里回复您。"
_ENGLISH = _Words(
    {
        "person": f"I have passed this on: {_HERE}",
        "deed": f"I cannot do that myself, so I have passed it on: {_HERE}",
        "knowledge": f"I am sorry, I do not know that. I have passed your question on: {_HERE}",
        "trouble": f"I am sorry about that. I have passed it on: {_HERE}",
        "unread": f"I have passed this on: {_HERE}",
    },
    "I have passed that on too.",
    "I do not know that, and have passed it on too.",
    "Thank you, I have noted that.",
    "Hello, how can I help you?",
    "You are welcome.",
    "All right.",
    "I am a program, not a person. If you want a person to answer, say so.",
)
_WORDS: dict[Language | None, _Words] = {
    "zh": _Words(
        {
            "person": f"我已为您转告：{_HERE_ZH}",
            "deed": f"这件事我自己无法办理，已为您转告：{_HERE_ZH}",
            "knowledge": f"这一点我不清楚，已把您的问题转告：{_HERE_ZH}",
            "trouble": f"很抱歉给您带来不便。我已转告：{_HERE_ZH}",
            "unread": f"我已为您转告：{_HERE_ZH}",
        },
        "这件事我也转告了。",
        "这一点我不清楚，也转告了。",
        "谢谢，我记下了。",
        "您好，请问有什么可以帮您？",
        "不客气。",
        "好的。",
        "我是程序，不是真人。如果需要人工客服，请告诉我。",
    ),
}  # fmt: skip


def passed_on(
    message: str, wish: Wish, layout: Layout, told: str | None = None, before: str = ""
) -> str:
    """What is said to a message that is passed on, and in short where the session was just told.

    Args:
        message: what the customer says.
        wish: what it wants.
        layout: the prompt for it, with what was said before.
        told: the shop's own words, if it has some.
        before: what this answer says already: nobody is told twice that one is sorry.
    """
    words = _words(message)
    sorry = _SORRY.search(before) is not None
    if wish != "person" and _waits(layout):
        return words.not_known if wish == "knowledge" and not sorry else words.again
    # Who writes Chinese is told in Chinese.
    if told is not None and (language_of(message) != "zh" or language_of(told) == "zh"):
        return told
    return words.said["person" if sorry else wish]


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
        if asks_whether_program(message):
            return _ready(_words(message).program, layout, NOTED)
        # It may say "yes" to what was asked.
        answers = last is not None and last.template != NOTED and asks(last.message.text)
        if manners_only(message) and (not answers or _THANKS.search(message)):
            return _ready(noted(message), layout, NOTED)
        return None


def _ready(text: str, layout: Layout, template: str) -> Ready:
    return Ready(text, replace(layout, recalled=[], evidence=None, template=template))
