"""The extractive summary: what a conversation comes to, in its own words, without a model.

A *segment* is what is kept of the messages that leave the prompt (``extract``); the *summary*
is what is kept of these (``condense``). Both choose alike: greedily, the sentence that
adds most first, until the rest adds nothing or the token budget is full. What a sentence adds is
a weighted sum of a few cues (who says it, where it stands, what it holds) less what the chosen
ones have said already. Nearly every cue is the sentence's own, whatever stands around it, so
condensing again changes next to nothing and a fact survives any number of folds, each of which
chooses among what the last has chosen and what is new.

Greedy choice by relevance less redundancy: Carbonell and Goldstein, "The use of MMR,
diversity-based reranking for reordering documents and producing summaries", SIGIR 1998.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from memory.corrections import corrections
from memory.cues import courtesy, promises, stock, turns, wishes, without_filler
from memory.rereading import once
from memory.sentences import facts, pieces, size, terms, unspaced
from memory.types import CountTokens, Message
from memory.wording import ENGLISH, Wording

_ELLIPSIS = "…"
_NEAR, _FAR = 6, 16  # places between messages that still, and no longer, stand for each other
_LEAST_CONTENT, _MOST_CONTENT = 3, 12  # words: fewer are thin, more say no more
_LEAST_TROUBLE = 2  # words that can name a trouble
_MOST_FACTS = 1.5
_MISFITS = 12  # sentences in a row that do not fit, after which the budget counts as full


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it was said: who said it, in which message, and where that message stands.

    A ``correction`` has taken the place of an earlier sentence, which is not kept.
    """

    text: str
    role: str
    message: str
    position: int  # the message's ``seq``: distances between sentences are taken from it
    correction: bool = False


class Weights(NamedTuple):
    """What each cue adds to a sentence. Set by hand and by search on human summaries."""

    base: float = -1.5
    human: float = -1.5  # the customer says it
    opening: float = 2.8  # in the customer's first message of substance: the problem
    opening_first: float = 2.0  # ... and its first sentence of substance
    closing: float = 1.0  # in the agent's last message of substance: the outcome
    closing_first: float = 1.5
    content: float = 0.9  # for each square root of a word that is no function word
    thin: float = -0.9  # too few such words
    courtesy: float = -0.8  # manners and little else
    stock: float = -1.0  # an agent's phrase that fits any conversation
    wish: float = 0.6  # the customer names a trouble or a wish
    turn: float = 2.0  # the customer goes on to another subject
    promise: float = 0.3  # the agent says what is, can or will be done
    size: float = -0.1  # for each word
    fact: float = 5.0  # for each new identifier from the customer; lesser facts add less
    agent_fact: float = 1.5
    correction: float = 5.0  # it stands for an earlier sentence too
    overlap: float = -2.0  # all that it says was said in one chosen sentence
    apart: float = 3.5  # the customer says it, and nothing alike, far from any chosen sentence
    agent_apart: float = 1.5


WEIGHTS = Weights()


class _Candidate(NamedTuple):
    sentence: Sentence
    terms: frozenset[str]
    facts: dict[str, float]
    substance: bool  # neither thin nor manners nor a stock phrase
    worth: float  # what it adds by itself, its facts aside

    @property
    def human(self) -> bool:
        return self.sentence.role == "human"

    @property
    def said_in(self) -> tuple[str, str]:
        return self.sentence.role, self.sentence.message


def extract(
    messages: Sequence[Message],
    budget: int,
    count_tokens: CountTokens,
    before: Sequence[Sentence] = (),
    words: Wording = ENGLISH,
) -> list[Sentence]:
    """Return the sentences of ``messages`` worth keeping, in the order said.

    Args:
        messages: in order; system messages are no part of the conversation and are left out.
        budget: tokens that ``render`` of the result takes at most; less is taken where the rest
            adds nothing. If not one sentence fits, the best one is cut short.
        count_tokens: how many tokens a text has.
        before: what is kept of earlier messages; what corrects one of these is worth keeping.
        words: what ``render`` writes around them.
    """
    said = [
        Sentence(without_filler(text), message.role, message.id, message.seq or place)
        for place, message in enumerate(messages, 1)
        if message.role != "system"
        for text in pieces(message.text)
    ]
    return condense(said, budget, count_tokens, before, words)


def condense(
    sentences: Sequence[Sentence],
    budget: int,
    count_tokens: CountTokens,
    before: Sequence[Sentence] = (),
    words: Wording = ENGLISH,
) -> list[Sentence]:
    """Return the best of ``sentences`` (given in the order said), as ``extract`` does."""
    sentences = _corrected(sentences, before)
    candidates = _candidates(sentences)
    chosen: list[int] = []
    known: set[str] = set()
    misfits = 0
    # What a sentence adds only falls as others are chosen, so an old gain is an upper bound, and
    # a sentence whose gain is still above the others' bounds is the best.
    bounds = [(-_gain(candidate, [], known), i) for i, candidate in enumerate(candidates)]
    heapify(bounds)
    best = bounds[0][1] if bounds else None
    while bounds and misfits < _MISFITS:
        i = heappop(bounds)[1]
        gain = _gain(candidates[i], [candidates[other] for other in chosen], known)
        if bounds and (-gain, i) > bounds[0]:
            heappush(bounds, (-gain, i))
            continue
        if gain <= 0 and (chosen or misfits):
            break
        trial = sorted([*chosen, i])
        if count_tokens(render((sentences[place] for place in trial), words)) > budget:
            misfits += 1
            continue
        chosen, misfits = trial, 0
        known.update(candidates[i].facts)
    if not chosen and best is not None:
        return _cut(sentences[best], budget, count_tokens, words)
    return [sentences[place] for place in chosen]


def _corrected(sentences: Sequence[Sentence], before: Sequence[Sentence]) -> list[Sentence]:
    """The sentences without those that a later one corrects, and these marked as such."""
    found = corrections([(s.role, s.text) for s in (*before, *sentences)])
    new = set(found.values())
    return [
        replace(sentence, correction=True) if place in new else sentence
        for place, sentence in enumerate(sentences, len(before))
        if place not in found
    ]


def render(sentences: Iterable[Sentence], words: Wording = ENGLISH) -> str:
    """Return the sentences as text: what one side says in a row is one line with its label."""
    lines: list[str] = []
    role = None
    for sentence in sentences:
        if sentence.role == role:
            lines[-1] = _joined(lines[-1], sentence.text)
        else:
            role = sentence.role
            lines.append(f"{words.speaker(role)}{words.colon}{sentence.text}")
    return "\n".join(lines)


def _joined(line: str, text: str) -> str:
    if line[-1].isalnum():
        line += "。" if unspaced(line[-1]) else "."
    return line + text if line[-1] in "。！？，；、：" else f"{line} {text}"


def _gain(candidate: _Candidate, chosen: Sequence[_Candidate], known: Collection[str]) -> float:
    """What a candidate adds to the chosen ones, whose facts are ``known``."""
    human = candidate.human
    new = sum(much for fact, much in candidate.facts.items() if fact not in known)
    overlap = max((_shared(candidate, other) for other in chosen), default=0.0)
    apart = min((_apart(candidate, other) for other in chosen), default=1.0)
    distinct = apart * (1 - overlap) * candidate.substance
    return (
        candidate.worth
        + (WEIGHTS.fact if human else WEIGHTS.agent_fact) * min(new, _MOST_FACTS)
        + WEIGHTS.overlap * overlap
        + (WEIGHTS.apart if human else WEIGHTS.agent_apart) * distinct
    )


def _candidates(sentences: Sequence[Sentence]) -> list[_Candidate]:
    """The sentences with what each adds by itself, its new facts aside."""
    found = [_candidate(sentence) for sentence in sentences]
    said = [c.said_in for c in found if c.substance]
    opening = next((said_in for said_in in said if said_in[0] == "human"), None)
    closing = next((said_in for said_in in reversed(said) if said_in[0] == "ai"), None)
    begun: set[tuple[str, str]] = set()
    for place, c in enumerate(found):
        first = c.substance and c.said_in not in begun
        if first:
            begun.add(c.said_in)
        found[place] = c._replace(
            worth=c.worth
            + (WEIGHTS.opening + WEIGHTS.opening_first * first) * (c.said_in == opening)
            + (WEIGHTS.closing + WEIGHTS.closing_first * first) * (c.said_in == closing)
        )
    return found


@once
def _candidate(sentence: Sentence) -> _Candidate:
    text, human = sentence.text, sentence.role == "human"
    about, found, words = terms(text), facts(text), size(text)
    content = min(len(about), words)  # an unspaced script has two terms a word
    few = 5 if unspaced(text) else 4  # polite endings count there
    manners = content <= few and not found and courtesy(text)
    standing = not human and stock(text)
    worth = (
        WEIGHTS.base
        + WEIGHTS.human * human
        + WEIGHTS.content * min(content, _MOST_CONTENT) ** 0.5
        + WEIGHTS.thin * (content < _LEAST_CONTENT)
        + WEIGHTS.courtesy * manners
        + WEIGHTS.stock * standing
        + WEIGHTS.wish * (human and wishes(text))
        + WEIGHTS.turn * (human and turns(text))
        + WEIGHTS.promise * (not human and promises(text))
        + WEIGHTS.correction * sentence.correction
        + WEIGHTS.size * words
    )
    # "My heater is broken" is short, and yet it is what all the rest is about.
    trouble = human and content >= _LEAST_TROUBLE and wishes(text) and not courtesy(text)
    substance = (content >= _LEAST_CONTENT or trouble) and not manners and not standing
    return _Candidate(sentence, about, found, substance, worth)


def _shared(one: _Candidate, other: _Candidate) -> float:
    """How much of the shorter of two sentences the same side says in the other too, 0 to 1."""
    if one.human != other.human:
        return 0.0
    return len(one.terms & other.terms) / (min(len(one.terms), len(other.terms)) or 1)


def _apart(one: _Candidate, other: _Candidate) -> float:
    """How little two sentences stand for each other by where they stand, 0 to 1."""
    gap = abs(one.sentence.position - other.sentence.position)
    return min(max((gap - _NEAR) / (_FAR - _NEAR), 0.0), 1.0)


def _cut(
    sentence: Sentence, budget: int, count_tokens: CountTokens, words: Wording
) -> list[Sentence]:
    """The longest beginning of a sentence that fits, with an ellipsis; nothing if none does."""
    text = sentence.text
    whole = [i for i in range(1, len(text)) if text[i].isspace() or unspaced(text[i])]
    for ends in (whole, range(1, len(text))):
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high + 1) // 2
            shorter = replace(sentence, text=text[: ends[middle - 1]].rstrip() + _ELLIPSIS)
            if count_tokens(render([shorter], words)) <= budget:
                low = middle
            else:
                high = middle - 1
        if low:
            return [replace(sentence, text=text[: ends[low - 1]].rstrip() + _ELLIPSIS)]
    return []
