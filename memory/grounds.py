"""What an answer may rest on, and whether a sentence of it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from memory.indexes.lexical import terms
from memory.questions import asks
from memory.sentences import pieces

# Of a claim's words, that stand in one sentence which supports it: of the customer's, where it says
# that he said it, of his with the claim's numbers, and of the firm's, whose rules are others with
# one word changed.
_TOLD, _SAID, _WITH_FIGURE, _FIRM = 0.6, 0.7, 0.5, 0.8
_CODE = 4  # letters and digits of a number that names something

_NUMBERS = {
    name: str(number)
    for number, name in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split(),
        2,
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "hundred": "100"}
# Each begins where a word does: else a long run of letters would take quadratic time.
_FIGURE = re.compile(
    r"(?<!\w)[^\W\d]*\d[\w./:-]*\w|\d|(?<!\S)[^\s@]+@\S+|(?:https?://|www\.)\S+"
    rf"|\b(?:{'|'.join(_NUMBERS)}|seventy|eighty|ninety|thousand|half|free)\b",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|without|cannot|neither|unable)\b|n['’]t\b|[不没无未]",
    re.IGNORECASE,
)
# Said as a wish, it is not so yet.
_WANTED = re.compile(
    r"\b(?:please|can (?:you|i|we)|could (?:you|i|we)|would you|will you|i(?:['’]d| would) (?:like"
    r"|love)|(?:i|we) (?:want|need|wish)|let me|help me|how (?:do|can) i|if)\b"
    r"|请|帮我|我想|我要|能否",
    re.IGNORECASE,
)


# That it was said says nothing of what was said.
_SAYS = frozenset(terms("said told wrote mentioned asked gave say tell yes noted note customer"))


@dataclass(frozen=True)
class _Sentence:
    terms: frozenset[str]
    figures: frozenset[str]
    denies: bool

    @classmethod
    def of(cls, text: str) -> _Sentence:
        words = frozenset(terms(_FIGURE.sub(" ", text))) - _SAYS
        return cls(words, figures_of(text), _NO.search(text) is not None)

    def stands_in(self, others: Iterable[_Sentence], share: float) -> bool:
        """Whether another sentence has that share of its words, all its figures, and its no."""
        return bool(self.terms or self.figures) and any(
            self.figures <= other.figures
            and self.denies == other.denies
            and len(self.terms & other.terms) >= share * len(self.terms)
            for other in others
        )


@dataclass(frozen=True)
class Grounds:
    """What a claim may rest on.

    Args:
        own: what the customer said, and what is noted of them.
        written: what the firm has written: its rules.
        spoken: what people of the firm have said to the customer: also what they have done.
    """

    own: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()

    @cached_property
    def figures(self) -> frozenset[str]:
        """All numbers, codes and addresses that were named by anybody."""
        said = (*self.own, *self.written, *self.spoken)
        return frozenset().union(*(figures_of(text) for text in said))

    @cached_property
    def words(self) -> str:
        """All that was said, in lower case."""
        return "\n".join((*self.own, *self.written, *self.spoken)).casefold()

    def repeated(self, text: str) -> bool:
        """Whether a sentence is the customer's own: to say it again is no answer."""
        return _plain(text) in self._plainly

    def heard(self, text: str) -> bool:
        """Whether the customer has said what a sentence says that he said, as a wish too."""
        return _Sentence.of(text).stands_in(self._said, _share(text, _SAID))

    def named(self, text: str, words: frozenset[str]) -> bool:
        """Whether the customer has spoken of what a sentence names with these words."""
        wanted = replace(_Sentence.of(text), terms=words)
        return wanted.stands_in(self._said, _WITH_FIGURE)

    def told(self, text: str, *, whole: bool = False) -> bool:
        """Whether the customer has stated what a sentence says of them; ``whole`` nearly all of it,
        as where it is of something else.
        """
        return _Sentence.of(text).stands_in(self._told, _FIRM if whole else _share(text, _TOLD))

    def done(self, text: str) -> bool:
        """Whether people of the firm have said what a sentence says: also what was done."""
        return _particular(text) and _Sentence.of(text).stands_in(self._spoken, _FIRM)

    def ruled(self, text: str) -> bool:
        """Whether the firm has written what a sentence says, or people of it have said it."""
        written = _particular(text) and _Sentence.of(text).stands_in(self._written, _FIRM)
        return written or self.done(text)

    @cached_property
    def _plainly(self) -> frozenset[str]:
        return frozenset(_plain(piece) for text in self.own for piece in pieces(text))

    @cached_property
    def _said(self) -> list[_Sentence]:
        return [_Sentence.of(piece) for text in self.own for piece in pieces(text)]

    @cached_property
    def _told(self) -> list[_Sentence]:
        return [_Sentence.of(piece) for piece in _stated(self.own) if not _WANTED.search(piece)]

    @cached_property
    def _written(self) -> list[_Sentence]:
        return [*map(_Sentence.of, _stated(self.written))]

    @cached_property
    def _spoken(self) -> list[_Sentence]:
        return [*map(_Sentence.of, _stated(self.spoken))]


def figures_of(text: str) -> frozenset[str]:
    """The numbers, codes and addresses in a text, as they compare: "two" is "2"."""
    found = (re.sub(r"[^\w@]", "", figure).casefold() for figure in _FIGURE.findall(text))
    return frozenset(_NUMBERS.get(figure, figure) for figure in found)


def _share(text: str, otherwise: float) -> float:
    return _WITH_FIGURE if figures_of(text) else otherwise


def _particular(text: str) -> bool:
    """Whether a sentence says of what it speaks: "it is 5 days" does not."""
    said = _Sentence.of(text)
    return len(said.terms) > 1 or any(len(figure) >= _CODE for figure in said.figures)


def _stated(texts: Iterable[str]) -> Iterator[str]:
    """The sentences that state something: no question does, and no heading."""
    for text in texts:
        for line in text.splitlines():
            if not line.startswith("#"):
                yield from (piece for piece in pieces(line) if not asks(piece))


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().casefold()
