"""The abstractive summary: what a model is asked for one, and what of its answers is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from memory.marks import on_one_line
from memory.sentences import UNSPACED
from memory.types import CountTokens, Message
from memory.wording import Wording

# A number stands in the middle of a sentence in scripts without spaces.
_WORD = re.compile(rf"(?:[^\W{UNSPACED}]|[@%+#=&?./:-])+")
_NOT_A_SUMMARY = re.compile(
    r"^\W*(error\b|exception\b|traceback\b|http\s*\d{3}|\{\s*\"error|internal server error"
    r"|rate limit|service unavailable|as an ai\b|i('| a)m sorry|i can(no|')t (help|assist)"
    r"|(很?抱歉|对不起|作为(一个)?(AI|人工智能)|我(无法|不能)|错误[:：]))",
    re.IGNORECASE,
)


class Task(NamedTuple):
    """What a model is asked: what to do, and with which conversation."""

    told: str
    content: str


def task(messages: Sequence[Message], max_tokens: int, words: Wording, before: str = "") -> Task:
    """Ask for a summary of ``messages`` and of what ``before`` has in few words already."""
    # A line a message: with a line break of his own a customer could write the agent's.
    said = "\n".join(f"{words.speaker(m.role)}{words.colon}{on_one_line(m.text)}" for m in messages)
    told = words.task.format(length=int(max_tokens / words.tokens_a_word))
    return Task(told, f"{before}\n\n{said}" if before else said)


def plain(text: str) -> str:
    """A model's answer without empty lines.

    Past one, what was summed up could look like another instruction.
    """
    return "\n".join(filter(None, map(str.strip, text.splitlines())))


def fault(text: str, asked: Task, max_tokens: int, count_tokens: CountTokens) -> str | None:
    """Why an answer is no summary, or names what it was not made of; None if it is good."""
    if not text:
        return "empty"
    if count_tokens(text) > max_tokens:
        return "too long"
    if _NOT_A_SUMMARY.search(text):
        return "an error text"
    if asked.told[:40].lower() in text.lower():
        return "the prompt itself"
    return None if named(text) <= named(asked.content) else "of numbers or addresses not said"


def named(text: str) -> set[str]:
    """The numbers of three digits and more, e-mail and web addresses in a text."""
    return {
        word.strip(".:-?#/")
        for word in _WORD.findall(text.casefold())
        if "@" in word or "://" in word or "www." in word or sum(map(str.isdigit, word)) >= 3
    }
