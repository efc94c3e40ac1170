"""Why something was recalled, in words: the service names the strategies that found it.

The page says the same in the same words (``app/web/why.js``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.translation import worded
from memory import SLOTS

_LABELS = {label.lower(): label for label in SLOTS.values()}


def _slot(name: str) -> str:
    said = name.replace("_", " ")
    return worded(_LABELS[said]).lower() if said in _LABELS else said


def _by_words(found: re.Match[str], text: str) -> str | None:
    return worded("it says “{0}”", _words(found[1], text)) if found[1] else None


def _by_hop(found: re.Match[str], text: str) -> str:
    if not found[1]:
        return worded("related to what fits best")
    return worded("shares “{0}” with what fits best", _words(found[1], text))


def _words(stems: str, text: str) -> str:
    return ", ".join(dict.fromkeys(_whole(stem, text) for stem in stems.split(", ")))


def _whole(stem: str, text: str) -> str:
    """The first word of a text that begins with a stem, by which it was found."""
    for start in (stem, re.sub("i$", "y", stem)):
        if word := re.search(rf"(?<![^\W_]){re.escape(start)}[^\W_]*", text, re.IGNORECASE):
            return word[0].lower()
    return stem


def _near_in_meaning(found: re.Match[str], _: str) -> str:
    return worded("close in meaning ({0})", found[1])


def _near(_: re.Match[str], __: str) -> str:
    return worded("said near words that fit")


def _fills(found: re.Match[str], _: str) -> str:
    slots = map(_slot, re.findall(r"\{(\w+)\}", found[1]))
    return worded("the answer’s {0}", ", ".join(slots))


def _outdated(found: re.Match[str], _: str) -> str:
    return worded("outdated: {0} is now {1}", _slot(found[1]), found[2])


def _gone(found: re.Match[str], _: str) -> str:
    return worded("outdated: {0} no longer holds", _slot(found[1]))


# What a strategy says of a find, and how a person says it; None: that is left unsaid.
REASONS: dict[str, Callable[[re.Match[str], str], str | None]] = {
    r"^(?:lexical #\d+|words)(?: \((.+)\))?$": _by_words,
    r"^(?:dense #\d+ \()?cosine (-?\d*\.?\d+)\)?$": _near_in_meaning,
    r"^dense #\d+$": lambda *_: None,
    r"^context #\d+$": _near,
    r"^in the part of the talk that bears on it$": _near,
    r"^second hop #\d+(?: \((.+)\))?$": _by_hop,
    r"^among what is nearest$": lambda *_: worded("among what is nearest"),
    r"^said by (.+)$": lambda found, _: worded("said by {0}", found[1]),
    r"^title named \(.*\)$": lambda *_: worded("its title is named"),
    r"^age × ": lambda *_: worded("older, so it counts less"),
    r"^fills (\{.+\})$": _fills,
    r"^put right by a person$": lambda *_: worded("put right by a person"),
    r"^replaces (.+) of (\d{4}-\d\d-\d\d)$": lambda found, _: worded(
        "replaces {0} of {1}", *found.groups()
    ),
    r"^outdated: (.+?) is now (.+)$": _outdated,
    r"^outdated: (.+) no longer holds$": _gone,
    r"^\d+ newer records searched by words only$": lambda *_: worded(
        "newer memories were searched by words only"
    ),
}
_FORMS = [(re.compile(form, re.DOTALL), said) for form, said in REASONS.items()]
# Values are quoted in what follows the strategies: a comma or a semicolon in one parts no reasons.
_THEN = re.compile(r"; (?=replaces |outdated: |put right by a person|\d+ newer records )")
_COMMA = re.compile(r", (?![^(]*\))")


def in_words(why: str, text: str = "") -> str:
    """The reasons for which a text was found; of a strategy of somebody's own as it says them."""
    found, *then = _THEN.split(why)
    said = [_said(one, text) for one in (*_COMMA.split(found), *then)]
    return " · ".join(dict.fromkeys(one for one in said if one))


def _said(reason: str, text: str) -> str | None:
    for form, said in _FORMS:
        if match := form.match(reason):
            return said(match, text)
    return reason
