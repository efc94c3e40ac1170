"""How sure it is that what was found answers a question, and not one that is like it.

Another product, place or number than is asked for has nearly the same words and meaning. So what
a question names has to stand where its answer is taken from, and what asks for what is not so is
not answered by what is.
"""

from __future__ import annotations

import math
import re

from memory.bearing import KNOWN
from memory.indexes.lexical import terms

SURE = 0.5  # from here on it is taken to be known

# Set on half of `tests.benchmarks.near_misses`, and what a memory weighs on two conversations of
# LoCoMo; both with as many questions that have an answer as that have none.
_BIAS, _LIKE, _SHARED = -2.6, 1.6, 3.3
_BEARS = 8.0
_NAMED, _DENIED = -3.7, -2.5

_TOKEN = re.compile(r"\w[\w'’-]*")
_DENIES = re.compile(
    r"\b(?:not|no|never|cannot|without|nor|none|neither|nobody|nothing)\b|n['’]t\b", re.IGNORECASE
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
# A number with one of these is a measure or a date, which a rule may answer that names another.
_MEASURE = re.compile(
    r"[£$€¥]\s?\d[\d.,]*|\d[\d.,:]*\s?(?:%|[ap]m\b|[£$€¥]|(?:seconds?|minutes?|hours?|days?|nights?"
    r"|weeks?|months?|years?|people|persons?|pounds?|euros?|dollars?|quid|times?|items?|pieces?)\b)"
    rf"|\b(?:19|20)\d\d\b|\b\d+(?:st|nd|rd|th)\b|\b{_MONTH}\s\d{{1,2}}\b|\b\d{{1,2}}\s{_MONTH}(?!\w)",
    re.IGNORECASE,
)


def of_passage(
    question: str, sentence: str, source: str, likeness: float, trusted: float = 1.0
) -> float:
    """How sure it is that a sentence of an article answers a question, 0 to 1.

    Args:
        question: what is asked.
        sentence: of the passage.
        source: the passage with its title.
        likeness: the cosine of the question and the passage.
        trusted: how far that means something (see ``memory.embeddings.trust``); else words do.
    """
    asked, there = set(terms(question)), set(terms(source))
    shared = len(asked & there) / max(len(asked), 1)
    like = trusted * likeness + (1 - trusted) * shared
    bears = _BIAS + _LIKE * like + _SHARED * shared
    names = named(question) if not question.isupper() else set()
    return _sure(bears, question, sentence, source, names | numbers(question))


def of_memory(question: str, sentence: str, source: str, bears: float) -> float:
    """The same of what a customer's memory has; ``bears`` is as ``memory.bearing`` scores it.

    Whose names a question has may be said by nobody: they speak.
    """
    return _sure(_BEARS * (bears - KNOWN), question, sentence, source, numbers(question))


def _sure(bears: float, question: str, sentence: str, source: str, asked: set[str]) -> float:
    there, low = set(terms(source)), source.lower()
    if any(not set(terms(name)) <= there and name.lower() not in low for name in asked):
        bears += _NAMED
    if _DENIES.search(question) and not _DENIES.search(sentence):
        bears += _DENIED
    return 1 / (1 + math.exp(-bears))


def named(question: str) -> set[str]:
    """The names in a question: what is written with a capital inside of a sentence."""
    words = list(_TOKEN.finditer(question))
    inside = [
        word[0]
        for word in words
        if question[: word.start()].rstrip(" \"'“‘(")[-1:] not in ("", ".", "!", "?", ":", "\n")
    ]
    capital = {word for word in inside if word[0].isupper()}
    return set() if len(capital) > len(words) / 2 else capital  # a headline names nothing


def numbers(question: str) -> set[str]:
    """The numbers in a question that name something, and measure nothing: WH-48213, 240."""
    return {
        word[0]
        for word in _TOKEN.finditer(_MEASURE.sub(" ", question))
        if any(sign.isdigit() for sign in word[0])
    }
