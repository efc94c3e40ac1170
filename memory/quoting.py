"""What somebody said or wrote that answers a question, in the words in which it was said.

A small model that has the right message before it seldom says what stands in it; the message itself
does. It is chosen by its best sentence: by meaning and shared words, and by whether it names what
is asked for, a number or a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from memory.cues import manners_only
from memory.embeddings import Encoder, trust
from memory.indexes.lexical import terms
from memory.questions import asks, recollects
from memory.sentences import pieces
from memory.slots import FREE
from memory.types import Evidence, Recalled

_SENTENCES = FREE | {"date"}  # slots whose facts have a sentence of their message in them
_PARAGRAPH = 500  # characters of an article that are quoted together
_WHOLE = 240  # characters of a message that is quoted whole; of a longer one it is a sentence
# Set on made-up customers (`app.training.returning`), and measured on others, `.reading --quoting`.
_NAMED = 0.3  # for a sentence that names what is asked for, and less for one that asks itself
_BESIDE = 0.3  # how far below the best another is quoted beside it

_THE_SAME = 1.6  # likeness of a question that asks for the same

_FIGURE_ASKED = re.compile(
    r"\b(?:when|what time|(?:which|what) (?:day|date)|how (?:much|many|long|tall|big|heavy|old|far)"
    r"|number|code|price|cost|amount|date|reg(?:istration)?|ref(?:erence)?|serial|id|pin|size|phone"
    r"|total|reading|figure|dose|strength|bill|paid|pay|plate|due|postcode|version)\b"
    r"|多少|几|什么时候|何时|号|日期|价格|金额|电话",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|noon"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b|[一二三四五六七八九十]",
    re.IGNORECASE,
)
_NAME_ASKED = re.compile(r"\b(?:who|whose|name|called)\b|谁|名字|姓名", re.IGNORECASE)
_NAME = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][a-z]+|[\u4e00-\u9fff]")


_BREAK = re.compile(r"\n\s*\n")
_HEADING = re.compile(r"#+ .*|\*\*[^*\n]+\*\*|[^\n.!?:;。！？]{1,80}")
_LED = r"\W*(?:(?:and|so|but|hi|hello|hey|please|sorry|ok)\b\W*)*"
_ASKS = re.compile(rf"{_LED}(?:what|which|who|whose|when|where|why|how)s?\b", re.IGNORECASE)
_ASKS_BACK = re.compile(
    rf"{_LED}(?:do|does|did|can|could|is|are|was|were|have|remind|tell)\b", re.IGNORECASE
)
_REQUESTS = re.compile(r"\b(?:can|could|will|would) you\b", re.IGNORECASE)
_ROW = re.compile(r"\w+: .*(?:\n\w+: .*){2,}")  # of a table: what a name or a number is of


class Quote(NamedTuple):
    """What is quoted of a record, and how near it is to the question: about 0 to 2."""

    recalled: Recalled
    text: str
    likeness: float


class Excerpt(NamedTuple):
    """A paragraph of a passage, or of a long one a sentence, and how near it is."""

    passage: Evidence
    text: str
    likeness: float


class _Sentence(NamedTuple):
    text: str
    of: Recalled


class _Score(NamedTuple):
    score: float  # what is ranked by
    likeness: float


def quotes(
    question: str, found: Sequence[Recalled], encoder: Encoder, most: int = 2
) -> list[Quote]:
    """What of what was found answers a question best, best first, each message once.

    Args:
        question: what is asked.
        found: records that bear on it; what only asks itself, or greets, is passed over.
        encoder: of the question and the sentences.
        most: how many are quoted; all but the first only where they are nearly as good.
    """
    messages = {(one.session, one.messages) for one in found if one.slot is None}
    said = [
        _Sentence(piece, one)
        for one in found
        if not (one.slot in _SENTENCES and (one.session, one.messages) in messages)
        and tells(one.text)
        for piece in pieces(one.text)
        if not manners_only(piece)
    ]
    if not said:
        return []
    best: dict[tuple[str, tuple[str, ...]], tuple[_Score, _Sentence]] = {}
    for sentence, score in zip(
        said, _scores(question, [s.text for s in said], encoder), strict=True
    ):
        source = (sentence.of.session, sentence.of.messages)
        if source not in best or score > best[source][0]:
            best[source] = (score, sentence)
    ranked = sorted(best.values(), key=lambda each: each[0], reverse=True)[:most]
    least = ranked[0][0].score - _BESIDE
    return [
        Quote(of, of.text if len(of.text) <= _WHOLE else text, likeness)
        for (score, likeness), (text, of) in ranked
        if score >= least
    ]


def excerpt(question: str, passages: Sequence[Evidence], encoder: Encoder) -> Excerpt | None:
    """The paragraph that answers a question best; headings, questions and tables are passed over.

    It is chosen by its best sentence and by all of it, the question before an answer included.

    Args:
        question: what is asked.
        passages: that are taken to answer it.
        encoder: of the question and the sentences.
    """
    paragraphs = [
        (paragraph, passage)
        for passage in passages
        for paragraph in _paragraphs(passage.text)
        if not _HEADING.fullmatch(paragraph) and not _ROW.match(paragraph)
    ]
    said = [
        (piece, place)
        for place, (paragraph, _) in enumerate(paragraphs)
        for piece in pieces(paragraph)
        if not asks(piece)
    ]
    if not said:
        return None
    scores = _scores(question, [piece for piece, _ in said], encoder)
    whole = _scores(question, [paragraph for paragraph, _ in paragraphs], encoder)
    best = max(range(len(said)), key=lambda n: scores[n].score + whole[said[n][1]].likeness)
    piece, place = said[best]
    paragraph, passage = paragraphs[place]
    first, _, rest = paragraph.partition("\n")
    told = rest if rest and (asks(first) or _HEADING.fullmatch(first)) else paragraph
    return Excerpt(passage, told if len(told) <= _PARAGRAPH else piece, scores[best].likeness)


def answered(question: str, passages: Sequence[Evidence], encoder: Encoder) -> Excerpt | None:
    """The answer to a question that stands in a passage itself, as in a list of them.

    Args:
        question: what is asked.
        passages: that may have it, each in its first line.
        encoder: of the questions.
    """
    pairs = [
        (first, rest, passage)
        for passage in passages
        for first, _, rest in [passage.text.strip().partition("\n")]
        if rest and asks(first)
    ]
    if not pairs:
        return None
    scores = _scores(question, [first for first, _, _ in pairs], encoder)
    best = max(range(len(pairs)), key=lambda n: scores[n].likeness)
    if scores[best].likeness < _THE_SAME:
        return None
    _, rest, passage = pairs[best]
    return Excerpt(passage, rest.strip(), scores[best].likeness)


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of a text; one that ends in a colon goes on with the next."""
    found: list[str] = []
    for paragraph in map(str.strip, _BREAK.split(text)):
        if found and found[-1].endswith((":", "：")):
            found[-1] += f"\n{paragraph}"
        elif paragraph:
            found.append(paragraph)
    return found


def tells(text: str) -> bool:
    """Whether a message says something, beside what it asks and courtesies."""
    return not all(_says_nothing(piece) for piece in pieces(text))


def _scores(question: str, sentences: Sequence[str], encoder: Encoder) -> list[_Score]:
    asked, trusted = set(terms(question)), trust(encoder, question)
    vectors = encoder.encode([question, *sentences])
    near = np.nan_to_num(vectors[1:] @ vectors[0]) * trusted
    figure, name = bool(_FIGURE_ASKED.search(question)), bool(_NAME_ASKED.search(question))
    scores = []
    for meant, text in zip(near.tolist(), sentences, strict=True):
        likeness = meant + len(asked.intersection(terms(text))) / max(len(asked), 1)
        named = figure and _FIGURE.search(text), name and _NAME.search(text), not asks(text)
        scores.append(_Score(likeness + _NAMED * (sum(map(bool, named)) - 1), likeness))
    return scores


def _says_nothing(piece: str) -> bool:
    if _REQUESTS.search(piece) and _FIGURE.search(piece):
        return False  # "Can you call me at 5 pm?" tells when
    asked = asks(piece) or _ASKS.match(piece) is not None
    back = recollects(piece) and _ASKS_BACK.match(piece) is not None
    return asked or back or manners_only(piece)
