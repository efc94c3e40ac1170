"""Whether a message asks for what nobody knows, so that to say so is the best answer.

A wrong "I do not know that" is worse than a model's answer, so all of this has to be so: the
message asks something, in English, and for more than a courtesy; it surely has no intent; nothing
is found in articles, templates or a second source; it is not about the customer or what was said;
and nothing that the customer ever said bears on it.
"""

from __future__ import annotations

import re
from functools import partial

from app.templates.choosing import INTENT
from memory import ConversationMemory, Labels, Layout, Turn
from memory.evidence import evident
from memory.indexes.lexical import terms
from memory.language import language_of
from memory.questions import asks, kind
from memory.sentences import pieces

_STRICT = partial(evident, strict=True)
_LOOKED_AT = 5  # records that bear on a message
_FEWEST = 2  # words that say what is asked for
_OUTSIDE = 0.75  # how sure it has to be that a message has no intent

_START = (
    r"^(?:(?:and|so|but|also|hi|hello|hey|please|sorry|quick question|question|ok|okay|well|wait"
    r"|hang on|hold on|actually)\b[,:!.]?\s+)*"
)
_QUESTION = re.compile(
    rf"{_START}(?:(?:who|whom|whose|whos|which|where|wheres|when|why|whats)\b|what\b(?! an?\b)"
    r"|how (?:much|many|long|far|often|old|big|heavy|tall|wide|high|deep|hot|soon|late|early|fast"
    r"|quick|quickly|do|does|did|can|could|is|are|about|to|will|would|should|come|i|you|we)\b"
    r"|any\b|(?:is|are|was|were|does|did|can|could|will|would|may|has|should|shall)(?:n['’]?t)? \w"
    r"|(?:do|have) (?:i|you|u|we|they|the|any|your|ur|my)\b)",
    re.IGNORECASE,
)
# A question that is no question by its form.
_REQUEST = re.compile(
    r"\b(?:tell|show|explain to) (?:me|us)\b|\b(?:like|love|want|need|curious) to know\b"
    r"|\bi(?:['’]m| am)? wonder(?:ing)?\b"
    r"|什么|怎么|怎样|多少|哪|如何|为何|是否|想知道|[了有]没有?$|有没有",
    re.IGNORECASE,
)
# What is said to somebody, not asked for.
_COURTESIES = frozenset(
    terms(
        "hi hello hey dear good morning evening day please thank thanks help question ask mean "
        "say tell know understand explain repeat talk speak more else sorry sure ok okay yes "
        "anybody anyone somebody someone nobody really actually thing something anything lol doing "
        "going today now real"
    )
)
_BEFORE = re.compile(
    r"\b(?:remember|recall|earlier|before|previous(?:ly)?|again|already|just now|last (?:time|week"
    r"|month|year|session))\b"
    r"|\b(?:did|have|had|was|were|am|are) (?:i|we)\b|\b(?:did|have|had|are) you\b|\byou know\b"
    r"|\bi(?:['’]ve| have| had)? (?:said|told|asked|mentioned|wrote|ordered|bought|sent|gave|got"
    r"|paid|returned)\b|\byou(?:['’]ve| have)? (?:said|told|promised|wrote|mentioned|meant)\b"
    r"|\babout me\b|\bof mine\b",
    re.IGNORECASE,
)
# Something is to be done, not known.
_DEED = re.compile(r"\b(?:can|could|will|would) you\b.*\b(?:me|us)\b", re.IGNORECASE)
# What was spoken of is meant.
_IT = re.compile(
    r"\b(?:it|its|that|this|those|these|them|they|their|he|she|ones?|same|others?|another|then)\b"
    r"|^(?:and|or|but|then)\b",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:i|i['’]\w+|me|my|mine|we|our|ours|us)\b", re.IGNORECASE)


def asks_unknown(
    memory: ConversationMemory,
    message: str,
    labels: Labels | None,
    layout: Layout,
    turn: Turn | None = None,
) -> bool:
    """Whether nothing is known of what a message asks.

    Args:
        memory: of the message's session.
        message: what the customer says.
        labels: what a classifier says of it, if one has read it.
        layout: the prompt for it, with what was found.
        turn: if it was started.
    """
    intent = (labels or {}).get(INTENT)
    return (
        (intent is None or (intent.name is None and intent.confidence >= _OUTSIDE))
        and layout.evidence == []
        and asks_something(message)
        and not _remembered(memory, message, layout, turn)
    )


def asks_something(message: str) -> bool:
    """Whether a message asks for a thing that it names, and not of what was said before."""
    said = pieces(message)
    return (
        language_of(message) == "en"
        and any(_QUESTION.search(one) and len(_words(one)) >= _FEWEST for one in said)
        and not any(kind(one) for one in said)
        and not any(of.search(one) for one in said for of in (_BEFORE, _DEED, _IT))
    )


def asks_anything(message: str) -> bool:
    """Whether a message asks for more than a courtesy, in any words; a wish is told, not asked."""
    return any(
        (asks(one) or _QUESTION.search(one) or _REQUEST.search(one)) and _words(one)
        for one in pieces(message)
    )


def _words(text: str) -> set[str]:
    return set(terms(text)) - _COURTESIES


def _remembered(
    memory: ConversationMemory, message: str, layout: Layout, turn: Turn | None
) -> bool:
    """Whether anything bears on a message that was said before; to have asked it says nothing."""
    words = _words(message)
    shared = (r for r in layout.recalled if words & _words(r.text) and not _asked(r.text))
    if _OWN.search(message) and any(shared):  # of the customer's own a word is enough
        return True
    found = memory.vector.ranked(
        message, without=[turn.question.source] if turn else (), limit=_LOOKED_AT, retriever=_STRICT
    )
    return any(not _asked(record.text) for record in found)


def _asked(text: str) -> bool:
    return all(asks(said) or _QUESTION.search(said) for said in pieces(text))
