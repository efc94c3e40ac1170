"""Labelled texts, from JSONL: ``{"text": "where is my parcel", "label": "track_order"}`` a line."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from app.jsonl import lines
from memory import InvalidInput

OUT_OF_SCOPE = frozenset({"oos", "out_of_scope"})  # labels that mean none of the others

_MOST_BYTES = 64 * 1024  # of a line: the model reads 256 tokens


class Example(NamedTuple):
    """A text and what it is."""

    text: str
    label: str


class Parts(NamedTuple):
    """Examples to learn from and to stop by."""

    train: list[Example]
    dev: list[Example]


def read_examples(file: Path, head: str | None = None) -> list[Example]:
    """The labelled texts of a JSONL file (or .gz), in their order; other keys are passed over.

    Args:
        file: lines of ``{"text", "label"}``.
        head: for which head; a line may give its label under that name, beside others.

    Raises:
        InvalidInput: the file cannot be read or is empty, or a line is no JSON object, is longer
            than 64 KiB, or has no text or no label; with the number of the line.
    """
    found = []
    for place, given in lines(file, _MOST_BYTES):
        key = head if head is not None and head in given else "label"
        text, label = (_said(place, given, one) for one in ("text", key))
        found.append(Example(text, label.strip()))
    if not found:
        msg = f'{file} is empty: give lines of {{"text": "...", "label": "..."}}'
        raise InvalidInput(msg)
    return found


def once(examples: Iterable[Example]) -> list[Example]:
    """Of texts that are the same, however spaced and capitalised, only the first.

    Raises InvalidInput if a label has no text then, because all of its texts have another too.
    """
    found: dict[str, Example] = {}
    twice: dict[str, Example] = {}  # those that have another label than the first
    for one in examples:
        if found.setdefault(_plain(one.text), one).label != one.label:
            twice[_plain(one.text)] = one
    kept = {one.label for one in found.values()}
    if lost := next((one for one in twice.values() if one.label not in kept), None):
        msg = (
            f"texts with two labels: {len(twice)}, such as {lost.text[:80]!r}, which is "
            f"{found[_plain(lost.text)].label!r} and {lost.label!r}, and {lost.label!r} has no "
            "other: give each text one label"
        )
        raise InvalidInput(msg)
    return list(found.values())


def divide(examples: Sequence[Example], seed: int = 0, share: float = 0.1) -> Parts:
    """Keep a share of each label's examples apart to stop by, drawn by their texts and the seed.

    Raises InvalidInput if there are too few for both parts.
    """
    of_label: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        of_label[one.label].append(one)
    train: list[Example] = []
    dev: list[Example] = []
    for many in of_label.values():
        many.sort(key=lambda one: _drawn(one.text, seed))
        apart = round(len(many) * share)
        dev += many[:apart]
        train += many[apart:]
    if len({one.label for one in dev}) < 2:
        msg = f"{len(examples)} examples are too few to keep some apart: give more, or a --dev file"
        raise InvalidInput(msg)
    return Parts(train, dev)


def labels_of(examples: Iterable[Example], oos: str | None = None) -> tuple[list[str], str | None]:
    """The labels in order, and which of them means out of scope (it stands last), if one does.

    Args:
        examples: what is learnt.
        oos: the label that means it; None: "oos" or "out_of_scope", where there is such a one.

    Raises InvalidInput if there are not two labels to tell apart, or ``oos`` is none of them.
    """
    counts = Counter(one.label for one in examples)
    if oos is not None and oos not in counts:
        msg = f"no example has the label {oos!r} that is to mean out of scope"
        raise InvalidInput(msg)
    beside = oos or next((label for label in sorted(counts) if label in OUT_OF_SCOPE), None)
    labels = sorted(label for label in counts if label != beside)
    if len(labels) < 2:
        msg = f"there is one label only ({', '.join(labels)}): give examples of two or more"
        raise InvalidInput(msg)
    return [*labels, *([beside] if beside else [])], beside


def _said(place: str, given: dict[str, Any], key: str) -> str:
    one = given.get(key)
    if one is not None and not isinstance(one, str):
        msg = f'{place}: "{key}" is {json.dumps(one)[:40]}, which is not text: put it in quotes'
        raise InvalidInput(msg)
    if one is None:
        msg = f'{place} has no "{key}": a line is {{"text": "...", "label": "..."}}'
        raise InvalidInput(msg)
    if not one.strip():
        msg = f'{place}: "{key}" is empty: write something there, or leave the line out'
        raise InvalidInput(msg)
    return one


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _drawn(text: str, seed: int) -> bytes:
    return blake2b(f"{seed}\0{_plain(text)}".encode("utf-8", "replace"), digest_size=8).digest()
