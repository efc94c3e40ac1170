"""What a person's correction takes along: whatever else still says what is no longer so.

A fact stands in more places than its record: in the message it was taken from, in the answer
that repeated it, in the records and summaries made of both. When a person corrects or deletes
a record, every message that says the old leaves prompts and summaries *whole*, since nothing
can be cut out of what somebody said without changing it; the transcript keeps it. What such a
message said beyond that stays remembered: its record keeps the sentences that do not say the
old, and the facts of other slots that were taken from it stay, with the new value where they
had the old one.

Which messages say the old: those that a fact was taken from, however they put it; the ones of
the same turns that have its value, and of the same session where the value is one that is
written in more than one way (a phone number, a date, an amount; see ``memory.forms``); and in
all the customer's sessions those that have a value that can mean nothing else (an order number,
an address; not a first name or a round amount).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from memory import customers, sentences
from memory.clock import end_of, from_stamp, to_stamp
from memory.customers import WHERE, Owner, key
from memory.dates import dates
from memory.forms import WRITTEN_OTHERWISE, Finder, finder
from memory.indexes.lexical import terms
from memory.summaries import hide_message
from memory.types import Record

_MESSAGES = text(
    f"SELECT seq, session, id, turn, text, at FROM messages {WHERE} AND forgotten = 0 ORDER BY seq"
)
_RECORDS = text(
    "SELECT seq, id, session, text, messages, slot, value, source, at, valid_to FROM records "
    f"{WHERE} AND superseded_by IS NULL AND id <> :id ORDER BY seq"
)
_REWRITE = text(
    "UPDATE records SET seq = :seq, text = :text, terms = :terms, value = :value, valid_to = :due "
    f"{WHERE} AND seq = :old"
)
_DELETE = text(f"DELETE FROM records {WHERE} AND seq = :seq")
_DELETE_VECTOR = text(f"DELETE FROM vectors {WHERE} AND seq = :seq")

_MARKS = re.compile(r"[\W_]+")
# A letter or digit that is part of a word; not so in scripts that are written without spaces.
_LETTER = rf"[^\W_{sentences.UNSPACED}]"
_TELLING = 12  # letters and digits after which words alone are no coincidence


def plain(said: str) -> str:
    """Words as they are compared: their letters and digits, in small letters."""
    return _MARKS.sub("", said.lower())


class Withdrawal(NamedTuple):
    """What a person's deletion or correction took along.

    ``records`` are the ids of the records that are gone, ``shortened`` of those that keep what
    else they say, and ``messages`` is how many messages leave prompts (the transcript keeps them).
    """

    records: list[str]
    shortened: list[str]
    messages: int


def withdraw(connection: Connection, owner: Owner, old: Record, new: Record | None) -> Withdrawal:
    """Take what ``old`` said, and ``new`` does not say, out of every prompt to come.

    ``old`` is no current record any more; ``new`` is None when it was deleted.
    """
    withdrawn = _Withdrawn(old, new)
    hidden = withdrawn.find(connection.execute(_MESSAGES, key(owner)).all())
    for message in hidden:
        hide_message(connection, owner, message.session, message.seq)
    along = Withdrawal([], [], len(hidden))
    for row in connection.execute(_RECORDS, key(owner, id=new.id if new else "")).all():
        left = withdrawn.left(row)
        if row.source == "person" or left == (row.text, row.value):
            continue
        connection.execute(_DELETE_VECTOR, key(owner, seq=row.seq))
        if left is None:
            connection.execute(_DELETE, key(owner, seq=row.seq))
            along.records.append(row.id)
            continue
        said, value = left
        along.shortened.append(row.id)
        seq, _ = customers.allocate(connection, owner, 1)  # a new number is embedded again
        connection.execute(
            _REWRITE,
            key(owner, old=row.seq, seq=seq, text=said, terms=" ".join(terms(said)), value=value,
                due=withdrawn.due(row)),
        )  # fmt: skip
    return along


class _Withdrawn:
    """What an old record said and a new one does not, and where that stands."""

    def __init__(self, old: Record, new: Record | None) -> None:
        self._old = old
        self._new = new
        said = [old.text, old.value or ""]
        if new is not None and old.slot is None:
            # A wording is corrected for the particulars in it: they are wrong wherever they are.
            said += sentences.facts(old.text)
        self._forms: Finder = finder(old.slot, old.value or "")
        still = new is not None and bool(self._forms(new.text, new.at, False))
        wrong = [
            one
            for one in said
            if plain(one)
            and not (new and holds(one, new))
            and not (still and one == old.value)  # the same number, written otherwise
        ]
        self._words = _says(wrong)
        sure = [one for one in wrong if _telling(old.slot, one)]
        self._words_surely = _says(sure)
        self._value = old.value if old.value in wrong else None
        self._sure = self._value in sure
        # Messages out of prompts, by (session, id): those the old was taken from, and all.
        self._sources: set[tuple[str, str]] = set()
        self._hidden: set[tuple[str, str]] = set()

    def find(self, messages: Sequence[Row[Any]]) -> list[Row[Any]]:
        """The messages that say the old."""
        old = self._old
        quotes = _says([old.text])
        # Of a fact whose value stays only the wording is wrong.
        taken = old.slot is not None and (self._new is None or self._value is not None)
        sources = [
            m
            for m in messages
            if m.id in old.messages
            and ((taken and m.session == old.session) or quotes(m.text) or self._says(m.text, m.at))
        ]
        turns = {m.turn for m in sources} - {None}
        near = {m.session for m in sources} if old.slot in WRITTEN_OTHERWISE else set()
        others = [
            m
            for m in messages
            if self._says_surely(m.text, m.at)
            or ((m.turn in turns or m.session in near) and self._says(m.text, m.at))
        ]
        self._sources = {(m.session, m.id) for m in sources}
        self._hidden = self._sources | {(m.session, m.id) for m in others}
        return list({m.seq: m for m in (*sources, *others)}.values())

    def due(self, row: Row[Any]) -> int | None:
        """Until when a record holds: a promise for a day that was wrong, until the right one."""
        until: int | None = row.valid_to
        if until is None or from_stamp(until).date().isoformat() != self._value:
            return until
        new = self._new
        days = dates(new.value, new.at.date()) if new is not None and new.value else []
        return to_stamp(end_of(days[0].day)) if days else None

    def _says(self, said: str, at: int) -> bool:
        return self._words(said) or bool(self._spans(said, at))

    def _says_surely(self, said: str, at: int) -> bool:
        return self._words_surely(said) or (self._sure and bool(self._spans(said, at, sure=True)))

    def _spans(self, said: str, at: int, *, sure: bool = False) -> list[tuple[int, int]]:
        """Where a text says the old value in another form."""
        return self._forms(said, from_stamp(at), sure) if self._value is not None else []

    def _put_right(self, said: str, at: int, corrected: str) -> str:
        """A text with the new value where it has the old."""
        spans = self._spans(said, at)
        spans += [m.span() for m in pattern(self._value or "").finditer(said)]
        end = len(said)
        for start, stop in sorted(set(spans), reverse=True):
            if stop <= end:
                said = f"{said[:start]}{corrected}{said[stop:]}"
                end = start
        return said

    def left(self, row: Row[Any]) -> tuple[str, str | None] | None:
        """What is left of a record's text and value; None if nothing is."""
        whole = row.text, row.value
        said_in = {(row.session, message) for message in json.loads(row.messages)}
        taken = bool(said_in) and said_in <= self._sources
        if row.slot is None:
            says = self._says if said_in & self._hidden else self._says_surely
            if says(row.text, row.at):
                kept = (one for one in sentences.split(row.text) if not says(one, row.at))
                rest = " ".join(kept)
                return (rest, row.value) if rest else None
            return None if taken else whole  # it says the old in words of its own
        if self._old.slot is None:
            value = row.value or row.text
            stays = not taken or (self._new is not None and holds(value, self._new))
            return whole if stays and not self._says_surely(value, row.at) else None
        if self._value is None:
            return whole
        if row.slot == self._old.slot and plain(row.value or "") == plain(self._value):
            return None
        if not self._says_surely(f"{row.text}\n{row.value or ''}", row.at):
            return whole
        if self._new is None or self._new.value is None:
            return None
        corrected = self._new.value
        value = row.value and self._put_right(row.value, row.at, corrected)
        return self._put_right(row.text, row.at, corrected), value


def holds(said: str, record: Record) -> bool:
    """Whether a record says these very words, or has them as its value."""
    return plain(said) == plain(record.value or "") or _says([said])(record.text)


def _telling(slot: str | None, said: str) -> bool:
    """Whether these words mean the same thing wherever they stand."""
    bare = plain(said)
    digits = sum(c.isdigit() for c in bare)
    if slot is not None and (slot.endswith("_number") or slot in {"email", "phone"}):
        return len(bare) >= 3
    if slot == "amount" and len(bare) < _TELLING:
        return digits >= 5  # a round one may well be the price of something else
    return digits >= 5 or (0 < digits < len(bare) >= 4) or len(bare) >= _TELLING


def _says(words: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text says one of these, however they are parted by marks and spaces."""
    known = [(plain(one), pattern(one)) for one in words]

    def says(said: str) -> bool:
        bare = plain(said)  # quicker to look through than the text by its pattern
        return any(one in bare and found.search(said) for one, found in known)

    return says


def pattern(said: str) -> re.Pattern[str]:
    """Finds these words in a text, with whatever marks and spaces between their letters."""
    bare = plain(said)
    before = f"(?<!{_LETTER})" if re.match(_LETTER, bare) else ""
    after = f"(?!{_LETTER})" if re.match(_LETTER, bare[-1:]) else ""
    return re.compile(before + r"[\W_]*".join(map(re.escape, bare)) + after, re.IGNORECASE)
