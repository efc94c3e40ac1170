"""Whether what is said has happened or is to come, in English and Chinese.

Told by the verbs and a few words beside them. Where neither is sure, it may be to come.
"""

from __future__ import annotations

import re

_PAST = re.compile(
    r"\b(?:ordered|bought|purchased|paid|received|came|arrived|called|sent|was|were|got|had|did"
    r"|happened|broke|stopped|since|placed|wrote|told|promised|said)\b|[了过]",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\b(?:will|can|could|would|should|shall|want|need|please|by|until|before|going)\b|['’]ll\b"
    r"|[能想要请将会]|可以",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[.!?;:。！？；\n]|\b(?:and|but|so|because|which|that|when|while)\b(?=\s(?:i|it|you|we|they|he|she"
    r"|there|this|my|your)\b)|\b(?:but|because|which|that)\b|[，,](?!\s?(?:19|20)\d\d)",
    re.IGNORECASE,
)
# Said of what is over. Not what is said, booked or moved on a day for another.
_HAPPENED = re.compile(
    r"\b(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bgets )(?<!['’]s )(?<!\bif i )(?<!\bif we )"
    r"(?:ordered|re-?ordered|bought|purchased|paid|received|came|arrived|called|phoned|rang"
    r"|sent|posted|mailed|e-?mailed|wrote|texted|was|were|wasn['’]?t|weren['’]?t|got|had|did|didn['’]?t"
    r"|happened|occurred|broke|stopped|placed|visited|returned|collected|picked|dropped|delivered"
    r"|shipped|dispatched|cancelled|canceled|charged|debited|billed|invoiced|refunded|signed|joined"
    r"|subscribed|registered|started|began|failed|died|went|left|met|spoke|talked|saw|tried"
    r"|submitted|uploaded|reported|complained|opened|closed|installed|repaired|fixed|replaced"
    r"|stayed|flew|travell?ed|lost|found|noticed|made|took|gave|used|ate|drank|worked|fell|hurt"
    r"|crashed|leaked|upgraded|downgraded|renewed|withdrew|transferred|deposited|since)\b",
    re.IGNORECASE,
)
# Between such a word and the day: the day is of something else, or to come.
_OF_ANOTHER = re.compile(
    r"\b(?:for|by|until|till|from|is|are|am|be|due|valid|expected|supposed|meant|scheduled"
    r"|rescheduled|booked|reserved|planned|planning|hoping|expecting|thinking|asking|wondering"
    r"|looking|trying|going|about|postponed|delayed|pushed|moved|changed|promised|said|saying|told"
    r"|confirmed|offered|agreed|arranged|appointments?|bookings?|reservations?|flights?|trips?|trains?"
    r"|tickets?|rooms?|tables?|seats?|slots?|concerts?|shows?|events?|deadline)\b"
    r"|\bto (?:come|go|fly|travel|arrive|be|get|have|pay|do|start|return|collect|visit)\b|\bto\s*$",
    re.IGNORECASE,
)
_NEAR = 200  # characters before and after a day that may tell of it
_COMMA = re.compile(r"^\s?[,，]\s?")
_OPENS = re.compile(
    r"\W*(?:(?:so|and|back|early|late|then|first|also)\b\W*)*(?:on|since)?\W*", re.I
)
_ZH_HAPPENED = re.compile(
    r"(?<![为除忘])了(?!解)|过(?![来去期年节生])|(?:买|订|下|收到|付|寄|发|到|来|去|退|换|修|签收|送到|购买|注册|下单|申请)的(?!话)"
    r"|收到|下单|下的单"
)
_ZH_OF_ANOTHER = re.compile(
    r"^的|改|推迟|预计|应该|原定|答应|承诺|之前|以前|前|到期|约"
    r"|如果|就|吧|不"
)


def looks_ahead(text: str) -> bool:
    """Whether a sentence is about what is to come, and does not tell of the past."""
    return not _PAST.search(text) or bool(_AHEAD.search(text))


def happened(text: str, start: int, end: int) -> bool:
    """Whether something is said to have happened on the day that stands in a text.

    It is where its clause says so before the day ("I was here on 2 January"), or after a day that
    it begins with; "my flight on 2 January was cancelled" does not say when the flight is.

    Args:
        text: of one or more sentences.
        start: where the day begins.
        end: and where it ends.
    """
    near = text[max(0, start - _NEAR) : start]
    before = _CLAUSE.split(near)[-1]
    opens = _OPENS.fullmatch(before)
    end -= text[end - 1] == "."  # it may be the sentence's
    after = text[end : end + _NEAR]
    after = _CLAUSE.split(_COMMA.sub("", after) if opens else after, maxsplit=1)[0]
    if _AHEAD.search(before) or _AHEAD.search(after):
        return False
    if _ZH_HAPPENED.search(after) and not _ZH_OF_ANOTHER.search(after):
        return True
    if verbs := list(_HAPPENED.finditer(before)):
        return not _OF_ANOTHER.search(before, verbs[-1].end())
    verb = _HAPPENED.search(after) if opens else None
    return verb is not None and not _OF_ANOTHER.search(after, 0, verb.start())
