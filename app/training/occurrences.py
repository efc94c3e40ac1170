"""Where the values of a dialogue stand in a text, however they are written there.

A text is read as words: runs of Latin letters and digits, and every other letter by itself. A
value stands where words in a row have its letters and digits, and where it says that what is
between and around them fits. So a text is read once, however many values there are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

_LATIN = "0-9A-Za-zÀ-ɏ"  # between them and Chinese characters a word ends without a space
_WORD = re.compile(rf"[{_LATIN}]+|[^\W_]")
_BETWEEN = re.compile(r"[\s()./_-]{0,2}")
_BETWEEN_RUNS = re.compile(r"[\s_/-]*")

Fits = Callable[[str, int, int], bool]  # whether it is the value that is at [start, end) of a text


class Value(NamedTuple):
    """A value as it is said somewhere, what makes its stand-in, and where it fits."""

    said: str
    stand_in: Callable[[str], str]
    fits: Fits


def exactly(*shapes: str) -> Fits:
    """Only as it is written in one of these shapes."""
    written = {_core(shape) for shape in shapes}
    return lambda text, start, end: text[start:end] in written


def anyhow(said: str) -> Fits:
    """With other marks and spaces between its letters and digits, in any case."""
    if "@" in said:
        address = _core(said).lower()
        return lambda text, start, end: text[start:end].lower() == address
    return lambda text, start, end: all(
        _BETWEEN.fullmatch(gap) for _, gap in _gaps(text, start, end)
    )


def in_runs(code: str) -> Fits:
    """With or without marks and spaces where its letters meet digits, in any case."""
    places = {0}
    for run in re.findall(r"[^\W\d_]+|\d+", code):
        places.add(max(places) + len(run))
    return lambda text, start, end: all(
        place in places and _BETWEEN_RUNS.fullmatch(gap) for place, gap in _gaps(text, start, end)
    )


def _core(said: str) -> str:
    """A value without the marks around it."""
    words = list(_WORD.finditer(said))
    return said[words[0].start() : words[-1].end()] if words else ""


def _gaps(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """What is between the words of a part of a text, and after how many letters and digits."""
    read, last = 0, start
    for word in _WORD.finditer(text, start, end):
        if word.start() > last:
            yield read, text[last : word.start()]
        read, last = read + len(word[0]), word.end()


class Marks:
    """The places of a text that are taken."""

    def __init__(self, length: int) -> None:
        self._taken = bytearray(length)

    def free(self, start: int, end: int) -> bool:
        """Whether nothing of [start, end) is taken."""
        return not any(self._taken[start:end])

    def take(self, start: int, end: int) -> bool:
        """Take [start, end), if all of it is free."""
        free = self.free(start, end)
        if free:
            self._taken[start:end] = b"\1" * (end - start)
        return free


class Occurrences:
    """Values in the order in which they have the first claim to a place."""

    def __init__(self, values: Iterable[Value]) -> None:
        self._values: dict[str, list[tuple[int, Value]]] = defaultdict(list)
        self._beginnings: set[str] = set()
        for rank, value in enumerate(values):
            key = "".join(_WORD.findall(value.said)).lower()
            if key:
                self._values[key].append((rank, value))
                self._beginnings.update(key[:length] for length in range(1, len(key) + 1))

    def replaced(self, said: str, text: str) -> str:
        """``said`` with stand-ins for the values; they are found in ``text``, which is as long."""
        marks, found = Marks(len(text)), []
        for _, start, end, value in sorted(self._found(text), key=lambda one: one[:2]):
            if marks.take(start, end):
                found.append((start, end, value.stand_in(text[start:end])))
        parts, last = [], 0
        for start, end, by in sorted(found):
            parts += [said[last:start], by]
            last = end
        return "".join((*parts, said[last:]))

    def _found(self, text: str) -> Iterator[tuple[int, int, int, Value]]:
        words = [(word[0].lower(), *word.span()) for word in _WORD.finditer(text)]
        for place, (key, start, end) in enumerate(words):
            following = place
            while key in self._beginnings:
                for rank, value in self._values.get(key, ()):
                    if value.fits(text, start, end):
                        yield rank, start - _front(value.said, text, start), end, value
                following += 1
                if following == len(words):
                    break
                word, _, end = words[following]
                key += word


def _front(said: str, text: str, start: int) -> int:
    """Whether the plus or bracket with which a value begins stands there too."""
    before = text[max(0, start - 2) : start]
    return int(said[0] in "+(" and before.endswith(said[0]) and not _WORD.match(before))
