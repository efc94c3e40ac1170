"""Text as numbers of words: a vocabulary of the most frequent of a corpus."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

PADDING, BEGIN, END, UNKNOWN = range(4)
_MARKS = ("<pad>", "<begin>", "<end>", "<unknown>")
_WORD = re.compile(r"#\w+#|\w+(?:['’]\w+)?|['’]\w+|[^\w\s]")
_NO_SPACE_BEFORE = re.compile(r"\s+([.,!?;:%)\]]|['’]\w)")


def words(text: str) -> list[str]:
    """A text's words and signs in lower case; a name's placeholder (``#Person1#``) is one."""
    return _WORD.findall(text.lower())


class Vocabulary:
    """Words and their numbers; the first four are marks."""

    def __init__(self, known: Sequence[str]) -> None:
        self.known = list(known)
        self._all = [*_MARKS, *self.known]
        self._numbers = {word: number for number, word in enumerate(self._all)}

    @classmethod
    def of(cls, texts: Iterable[str], most: int) -> Vocabulary:
        """The ``most`` frequent words of texts."""
        counted = Counter(word for text in texts for word in words(text))
        return cls([word for word, _ in counted.most_common(most)])

    def __len__(self) -> int:
        return len(self._all)

    def numbers(self, text: str) -> list[int]:
        """The numbers of a text's words."""
        return [self._numbers.get(word, UNKNOWN) for word in words(text)]

    def text(self, numbers: Iterable[int]) -> str:
        """Words as a text, up to the end's mark."""
        said = []
        for number in numbers:
            if number == END:
                break
            if number > UNKNOWN:
                said.append(self._all[number])
        return _NO_SPACE_BEFORE.sub(r"\1", " ".join(said))
