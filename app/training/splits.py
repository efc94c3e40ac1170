"""Which dialogues a model is trained on, and which are kept apart to measure it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

from app.training.dialogues import Dialogue
from memory import InvalidInput

Part = Literal["train", "dev", "test"]


class Splits(NamedTuple):
    """Dialogues to train on, to stop by, and to be measured on; ``duplicates`` are left out."""

    train: list[Dialogue]
    dev: list[Dialogue]
    test: list[Dialogue]
    duplicates: int


def part_of(dialogue_id: str, seed: int = 0, *, dev: float = 0.1, test: float = 0.1) -> Part:
    """The part of a dialogue, by its id alone: what is added moves no dialogue.

    Args:
        dialogue_id: as it was read; redacted dialogues have others.
        seed: another one splits otherwise.
        dev: the share that is kept apart to stop by.
        test: the share that is kept apart to be measured on.
    """
    drawn = int.from_bytes(blake2b(f"{seed}\0{dialogue_id}".encode(), digest_size=8).digest())
    place = drawn / 2**64
    return "test" if place < test else "dev" if place < test + dev else "train"


def split(
    dialogues: Iterable[Dialogue], seed: int = 0, *, dev: float = 0.1, test: float = 0.1
) -> Splits:
    """Split dialogues by conversation.

    Of dialogues with the same words, however they are spaced and capitalised, only the first
    is kept, so that none is both learnt and measured on.
    """
    parts: dict[Part, list[Dialogue]] = {"train": [], "dev": [], "test": []}
    seen: set[bytes] = set()
    duplicates = 0
    for dialogue in dialogues:
        words = _words(dialogue)
        if words in seen:
            duplicates += 1
        else:
            seen.add(words)
            parts[part_of(dialogue.id, seed, dev=dev, test=test)].append(dialogue)
    return Splits(**parts, duplicates=duplicates)


def check_parts(parts: Splits) -> None:
    """Raise InvalidInput, with what to do, if there is nothing to learn, stop by or measure on."""
    if not any(parts[:3]):
        msg = "there is no dialogue to learn from: give some thirty, at least"
        raise InvalidInput(msg)
    for name, part in zip(("train", "dev", "test"), parts[:3], strict=True):
        if not part:
            msg = f"the {name} part would be empty: give more dialogues (some thirty, at least)"
            raise InvalidInput(msg)


def sample(dialogues: Sequence[Dialogue], limit: int | None, seed: int = 0) -> list[Dialogue]:
    """At most ``limit`` of the dialogues, drawn at random, in their order."""
    if limit is None or limit >= len(dialogues):
        return list(dialogues)
    drawn = random.Random(seed).sample(range(len(dialogues)), limit)  # noqa: S311 - no secret
    return [dialogues[i] for i in sorted(drawn)]


def _words(dialogue: Dialogue) -> bytes:
    said = "\0".join(f"{turn.role}:{turn.text}" for turn in dialogue.turns)
    plain = re.sub(r"\s+", " ", said).casefold()
    return blake2b(plain.encode(), digest_size=16).digest()
