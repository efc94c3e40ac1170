"""The lexical index: BM25 over stemmed words, or character pairs in scripts without spaces.

BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), with the
idf that stays positive (Lucene's).
"""

from __future__ import annotations

import re
import threading
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import Stemmer

from memory.indexes.base import Mask, nothing
from memory.rereading import once
from memory.types import Floats, Positions

K1 = 1.2
B = 0.75

# Written without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(
    # words; numbers and codes keep their inner marks ("AB-1234", "12.50", "a@b.com")
    rf"(?P<run>[{_UNSPACED}]+)|(?P<word>[^\W_{_UNSPACED}]+(?:[-_.@'’/:+][^\W_{_UNSPACED}]+)*)"
)
_PART = re.compile(r"[^\W_]+")
# Function words say little, and in a small memory even BM25's idf does not see it.
_STOP = frozenset(
    "a an and are as at be been but by can could d did do does for from had has have he her him "
    "his how i if in is it its just ll m me my no not of on or our out re s she so t than that "
    "the their them then there they this to too up us ve was we were what when where which who "
    "why will with would you your".split()
)
# The same in Chinese: lone characters, and pairs that end one word and begin the next.
_STOP_CHARACTERS = frozenset(
    "的了是在我你他她它们这那个有和与就都而及着或一不也很吗呢吧啊呀嘛哪谁么什怎样几多少为把被给对从到来去上下之其"
    "还又要会能可以想说请问叫啥儿哦嗯诶额哎人您咱"
)
_STOP_PAIRS = frozenset(
    "什么 怎么 那个 这个 来着 我的 你的 他的 她的 是什 么样 怎样 我们 你们 他们 哪个 哪里 哪儿 "
    "多少 几个 为什 名字 字叫 叫什 是哪 人是 的人 另外 请问 告诉 诉我 知道".split()
)
_local = threading.local()  # a stemmer holds state: one a thread


@once
def terms(text: str) -> list[str]:
    """The terms that ``text`` is found by, in order, repeats kept."""
    stem = _stemmer().stemWord
    found: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        if run := match["run"]:
            # Pairs find words of two and more characters; a lone character stands for itself.
            pairs = (run[i : i + 2] for i in range(len(run) - 1))
            found.extend(pair for pair in pairs if not _says_nothing(pair))
            found.extend(c for c in run if c not in _STOP_CHARACTERS)
            continue
        word = match["word"]
        parts = _PART.findall(word)
        if len(parts) > 1:
            numbered = any(c.isdigit() for c in word)
            if numbered or "@" in word:
                found.append(word)  # a code, an amount, an address: findable whole
            if numbered and "@" not in word and any(c.isalpha() for c in word):
                found.append(stem("".join(parts)))  # a code, also where it is written in one
            found.extend(stem(part) for part in parts if part not in _STOP)
        elif word not in _STOP:
            found.append(stem(word))
    return found


def _says_nothing(pair: str) -> bool:
    return pair in _STOP_PAIRS or (pair[0] in _STOP_CHARACTERS and pair[1] in _STOP_CHARACTERS)


def _stemmer() -> Stemmer.Stemmer:
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        stemmer = _local.stemmer = Stemmer.Stemmer("english")
    return stemmer


class LexicalIndex:
    """Postings of one customer; items are lists of terms."""

    def __init__(self) -> None:
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        self._lengths: array[float] = array("f")

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._lengths)

    def add(self, items: Sequence[Sequence[str]]) -> None:
        """Append documents, each the terms of one."""
        for item in items:
            position = len(self._lengths)
            for term in item:
                entry = self._postings.get(term)
                if entry is None:
                    self._postings[term] = (array("i", (position,)), array("f", (1.0,)))
                elif entry[0][-1] == position:
                    entry[1][-1] += 1.0
                else:
                    entry[0].append(position)
                    entry[1].append(1.0)
            self._lengths.append(len(item))

    def df(self, term: str) -> int:
        """In how many items a term stands."""
        entry = self._postings.get(term)
        return 0 if entry is None else len(entry[0])

    def counts(self, term: str) -> tuple[Positions, Floats]:
        """The positions of a term, and how often it stands there."""
        entry = self._postings.get(term)
        if entry is None:
            return nothing()
        return np.array(entry[0], np.int64), np.array(entry[1], np.float32)

    def lengths(self) -> Floats:
        """How many terms each item has."""
        return np.array(self._lengths, np.float32)

    def search(
        self, query: Sequence[str], k: int, allowed: Mask | None = None
    ) -> tuple[Positions, Floats]:
        """The k best by BM25; what shares no term with the query is not found."""
        n = len(self)
        if n == 0 or k <= 0:
            return nothing()
        scores = np.zeros(n, np.float32)
        norms = norm(self.lengths())
        for term in set(query):
            entry = self._postings.get(term)
            if entry is None:
                continue
            positions = np.array(entry[0], dtype=np.int64)
            counts = np.array(entry[1], dtype=np.float32)
            idf = np.log1p((n - len(positions) + 0.5) / (len(positions) + 0.5))
            scores[positions] += idf * counts * (K1 + 1) / (counts + norms[positions])
        if allowed is not None:
            scores[~allowed[:n]] = 0
        return best(scores, k)

    def matched(self, query: Sequence[str], position: int) -> list[str]:
        """Which terms of the query stand at a position, in the query's order."""
        found = []
        for term in dict.fromkeys(query):
            entry = self._postings.get(term)
            if entry is not None:
                at = bisect_left(entry[0], position)
                if at < len(entry[0]) and entry[0][at] == position:
                    found.append(term)
        return found


def norm(lengths: Floats) -> Floats:
    """What BM25 holds against long documents."""
    return K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))


def best(scores: Floats, k: int) -> tuple[Positions, Floats]:
    """The k highest positive scores, best first; of equal ones the newest first."""
    positive = np.flatnonzero(scores > 0)
    if len(positive) > k:
        cut = np.partition(scores[positive], len(positive) - k)[len(positive) - k]
        positive = positive[scores[positive] >= cut]
    order = np.lexsort((-positive, -scores[positive]))[:k]
    positions = positive[order].astype(np.int64)
    return positions, scores[positions]
