"""What a customer did with items, and said of them, as recommendations read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np

from memory import Catalogue, Event, Record
from memory.events import KINDS
from memory.indexes.customer import CustomerIndex
from memory.types import Floats

Kind = Literal["viewed", "asked", "liked", "bought", "said", "popular", "untried"]

_BEARS = 0.4  # cosine to an item from which a message is taken to be about items at all
_QUOTED = 80  # characters of a message in a reason


class Because(NamedTuple):
    """What a recommendation rests on: something done with an item, something said, or neither."""

    kind: Kind
    title: str | None = None  # the item's, or the words that were said
    item: str | None = None
    message: str | None = None
    at: datetime | None = None


class Did(NamedTuple):
    """Something that a customer did or said: when, how much they like it, and its vectors."""

    at: datetime
    liking: float
    text: Floats
    others: Floats
    because: Because
    position: int = -1  # of the item, if it was done with one


def done(events: Sequence[Event], index: CustomerIndex, vectors: Floats) -> list[Did]:
    """What a customer did with items that are there, the first first.

    What they liked before they sent it back, or complained about it, they like no more.
    """
    did = []
    against: set[str] = set()
    for event in reversed(events):
        position = Catalogue.position(index, event.item)
        if position is None or position >= len(index.dense):
            continue
        if KINDS[event.kind] < 0:
            against.add(event.item)
        elif event.item in against:
            continue
        title = index.records[position].speaker or event.item
        kind: Any = event.kind
        because = Because(kind, title, event.item, None, event.at)
        did.append(
            Did(event.at, KINDS[event.kind], index.dense.vector(position), vectors[position],
                 because, position)
        )  # fmt: skip
    return did[::-1]


def meant(
    said: Sequence[tuple[Record, Floats, bool]], index: CustomerIndex, width: int
) -> list[Did]:
    """What a customer said that bears on items."""
    did = []
    for record, vector, sad in said:
        if index.dense.products(vector).max(initial=0) < _BEARS:
            continue
        words = record.text if len(record.text) <= _QUOTED else record.text[: _QUOTED - 1] + "…"
        because = Because("said", words, None, record.messages[0], record.at)
        liking = KINDS["complained" if sad else "asked"]
        did.append(Did(record.at, liking, vector, np.zeros(width, np.float32), because))
    return did
