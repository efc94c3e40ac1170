"""Where a client's own history of a conversation stands in what is stored.

Clients of chat protocols send all that was said with each message. What of it is stored already
is found by a chain of hashes: a message's is over its role, its text and the hash of the one
before it, so that two histories are the same up to a message exactly where their hashes are.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """A stored message as it is compared.

    A client may know nothing of an ``unsure`` one, whose turn broke off, or which a person
    answered or said: then it is passed over.
    """

    id: str
    mark: str
    unsure: bool = False


class Alignment(NamedTuple):
    """How much of a history is stored in a session: its first ``known`` messages.

    ``ids`` are those of the stored messages; with ``last`` nothing was said after them.
    """

    known: int
    ids: list[str]
    last: bool


def mark(role: str, text: str) -> str:
    """What a message is compared by: its role, and its text whatever its spaces at the ends."""
    plain = unicodedata.normalize("NFC", "\n".join(text.split("\r\n"))).strip()
    return hashlib.sha256(f"{role}\0{plain}".encode(errors="surrogatepass")).hexdigest()


def chain(marks: Iterable[str]) -> list[str]:
    """Each message's hash over its mark and the hash of the one before it."""
    hashes, before = [], ""
    for one in marks:
        before = hashlib.sha256(f"{before}{one}".encode()).hexdigest()
        hashes.append(before)
    return hashes


def align(history: Sequence[str], lines: Sequence[Line]) -> Alignment:
    """Find the beginning of a history in a session, as much of it as is there.

    It may begin anywhere: a session may have held other conversations before. Of two places that
    have as much of it the later one is taken.

    Args:
        history: the marks of a client's messages, the oldest first.
        lines: the session's messages, the oldest first.
    """
    if not history:
        return Alignment(0, [], True)
    best = Alignment(0, [], not lines)
    for start in range(len(lines) - 1, -1, -1):
        if len(lines) - start < best.known or best.known == len(history):
            break
        if lines[start].mark == history[0]:
            found = _from(history, lines, start)
            if found.known > best.known:
                best = found
    return best


def _from(history: Sequence[str], lines: Sequence[Line], start: int) -> Alignment:
    ids: list[str] = []
    place = start
    while place < len(lines) and len(ids) < len(history):
        line = lines[place]
        if line.mark == history[len(ids)]:
            ids.append(line.id)
        elif not line.unsure:
            break
        place += 1
    return Alignment(len(ids), ids, all(line.unsure for line in lines[place:]))
