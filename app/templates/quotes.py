"""The form in which something is quoted: what stands around it, and the quote without that."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.templates.template import QUOTED
from memory import Recalled
from memory.cards import masked
from memory.language import Language
from memory.marks import on_one_line


@dataclass(frozen=True, slots=True)
class Words:
    """What stands around a quote, in a language."""

    customer: str
    agent: str
    noted: str
    day: str
    hour: str

    def lines(self, quoted: Sequence[tuple[Recalled, str]], session: str) -> str:
        """What was said, by whom and when, the oldest first; of the same session when is clear."""
        said = sorted(quoted, key=lambda each: each[0].at)
        days = {one.at.date() for one, _ in said}
        return "\n".join(
            self._line(one, text, session, hour=len(days) < len(said)) for one, text in said
        )

    def _line(self, one: Recalled, text: str, session: str, *, hour: bool) -> str:
        said = self.customer if one.role == "human" else self.agent
        said = self.noted if one.slot is not None else said
        at = {"d": one.at.day, "m": one.at.strftime("%B"), "n": one.at.month, "y": one.at.year}
        when = "" if one.session == session else self.day.format(**at)
        if when and hour:
            when += self.hour.format(t=one.at.strftime("%H:%M"))
        # What ends a quote stands in none.
        text = masked(on_one_line(text)).replace("“", '"').replace("”", '"')
        return said.format(when=when, text=text)


WORDS: dict[Language, Words] = {
    "en": Words(
        "You wrote{when}: “{text}”", "We wrote{when}: “{text}”", "Noted{when}: {text}",
        " on {d} {m} {y}", " at {t} (UTC)",
    ),
    "zh": Words(
        "您{when}写道：“{text}”", "我们{when}写道：“{text}”", "{when}已记录：{text}",
        "在{y}年{n}月{d}日", " {t}（UTC）",
    ),
}  # fmt: skip
_WHEN = r"[^“”\n]{0,60}?"  # a day, and an hour


def _led(form: str, said: str) -> str:
    return re.escape(form).replace(r"\{when\}", _WHEN).replace(said, f"({said})")


_TEXT = r"\{text\}"


def _form(of: Callable[[Words], tuple[str, str]]) -> re.Pattern[str]:
    return re.compile("|".join(_led(*of(words)) for words in WORDS.values()).replace(_TEXT, ".*"))


_WROTE = _form(lambda words: (words.customer, f"“{_TEXT}”"))
_ANSWERED = _form(lambda words: (words.agent, _TEXT))
_NOTED = _form(lambda words: (words.noted, _TEXT))


def whose(line: str) -> Literal["customer", "agent", "article"]:
    """Whose words a line of such an answer quotes."""
    if _WROTE.fullmatch(line) or _NOTED.fullmatch(line):
        return "customer"
    return "agent" if _ANSWERED.fullmatch(line) else "article"


def retold(template: str, answer: str) -> str:
    """An answer as a model reads it later: of what was quoted, without who said it, and when.

    A small model that reads quotes writes some itself, also of what nobody said. What the customer
    wrote stays in its marks: else a model goes on in the customer's name.

    Args:
        template: what answered.
        answer: that was given.
    """
    return "\n".join(map(_bare, answer.split("\n"))) if template == QUOTED else answer


def _bare(line: str) -> str:
    found = (form.fullmatch(line) for form in (_WROTE, _ANSWERED, _NOTED))
    return next((next(filter(None, one.groups()), line) for one in found if one), line)
