"""Reading a message beside the rest of its turn, which never waits long for it."""

from __future__ import annotations

import asyncio
from functools import partial

from app.aside import Aside
from memory import Labels, Understanding
from memory.labels import read_labels

_AT_A_TIME = 32  # messages that may be with the classifier


class Reading:
    """A message that a classifier reads."""

    def __init__(self, begun: asyncio.Future[Labels | None] | None) -> None:
        self._begun = begun

    async def within(self, seconds: float) -> Labels | None:
        """What is known of it, waited for so long; None if nothing is, or not yet."""
        if self._begun is None:
            return None
        if seconds and not self._begun.done():
            await asyncio.wait([self._begun], timeout=seconds)
        return self._begun.result() if self._begun.done() else None


class MessageReader:
    """A classifier, or none; it is never trusted to answer, nor to answer in time."""

    def __init__(self, understanding: Understanding | None) -> None:
        self._understanding = understanding
        self._aside = Aside("classifier", _AT_A_TIME)

    def begin(self, text: str) -> Reading:
        """Begin to read a message."""
        if self._understanding is None:
            return Reading(None)
        return Reading(self._aside.begin(partial(_read, self._understanding, text)))


def _read(understanding: Understanding, text: str) -> Labels | None:
    read = read_labels(understanding, [text])
    return read[0] if read is not None else None
