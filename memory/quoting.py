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
_ASKS = re.compile(
    r"\W*(?:(?:and|so|but|hi|hello|hey|please|sorry|ok)\b\W*)*(?:what|which|who|whose|when|where|how"
    r"|do|does|did|can|could|is|are|was|were|have|remind|tell)\b",
    re.IGNORECASE,
)


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
        and not all(_says_nothing(piece) for piece in pieces(one.text))
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
    """The paragraph that answers a question best; headings and questions are passed over.

    Args:
        question: what is asked.
        passages: that are taken to answer it.
        encoder: of the question and the sentences.
    """
    said = [
        (piece, paragraph, passage)
        for passage in passages
        for paragraph in _BREAK.split(passage.text)
        if not _HEADING.fullmatch(paragraph.strip()) and paragraph.strip() != passage.title
        for piece in pieces(paragraph)
        if not asks(piece)
    ]
    if not said:
        return None
    scores = _scores(question, [piece for piece, _, _ in said], encoder)
    best = max(range(len(said)), key=scores.__getitem__)
    piece, paragraph, passage = said[best]
    first, _, rest = paragraph.strip().partition("\n")
    headed = rest and (asks(first) or _HEADING.fullmatch(first))
    whole = rest if headed else paragraph.strip()
    text = whole if len(whole) <= _PARAGRAPH else piece
    return Excerpt(passage, text, scores[best].likeness)


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
    asked = asks(piece) or (recollects(piece) and _ASKS.match(piece) is not None)
    return asked or manners_only(piece)
