"""An adapter's card: where it is from, what it can do, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from memory import InvalidInput

BASE = "base"  # what the base without an adapter is called in comparisons
CARD, GGUF = "card.json", "adapter.gguf"
OWN_SESSIONS = "the service's own sessions"  # what they are called among an adapter's data
LEARNT = "learnt"  # the kind of the pseudonyms by which cards name customers
Taught = Literal["reply", "summary"]  # what an adapter has learnt to write
LEAST = 10  # dialogues kept apart, and answers compared, that figures are to rest on

T = TypeVar("T")


class Refused(InvalidInput):
    """An adapter that is not put into service; the message says why."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a model answers on the part of the data that was kept apart.

    ``perplexity`` is of the agents' answers, or of people's summaries, by their tokens, and better
    when lower; ``rouge_l`` is the F-measure of written ones, 0 to 1, and better when higher.
    ``recalled`` is the share of the facts that made-up customers come back and ask for which the
    answers contain, and ``admitted`` the share of answers that say so where nothing was ever said;
    None where nobody was let ask.
    """

    perplexity: float
    rouge_l: float
    recalled: float | None = None
    admitted: float | None = None

    def beats(self, other: Figures) -> bool:
        """Whether it is better in perplexity and ROUGE-L, and recalls no less."""
        better = self.perplexity < other.perplexity and self.rouge_l > other.rouge_l
        if self.recalled is None or other.recalled is None:
            return better  # a card from before that was measured is judged by the other two
        return better and self.recalled >= other.recalled

    def __str__(self) -> str:
        shown = f"perplexity {self.perplexity:.2f}, ROUGE-L {self.rouge_l:.3f}"
        return shown if self.recalled is None else f"{shown}, recalled {self.recalled:.2f}"


@dataclass(frozen=True, slots=True)
class Card:
    """Where an adapter is from, and what it can do."""

    id: str
    date: str  # ISO 8601, UTC
    base: dict[str, str]  # name and sha256
    data: list[dict[str, Any]]  # of each file: name, sha256, dialogues, licence
    # Dialogues, sequences and tokens of each part, and the answers that were compared.
    counts: dict[str, int]
    held_out: str  # sha256 of all that it was measured on
    options: dict[str, Any]
    figures: Figures
    compared: dict[str, Figures]  # others on the same: the base, what was in service
    training: dict[str, Any] = field(default_factory=dict)  # steps, seconds, losses
    task: Taught = "reply"
    commit: str | None = None  # of the program that made it
    # Whose sessions of the service's own it saw, by pseudonyms; a card from before has none.
    customers: list[str] | None = None
    weights: dict[str, str] = field(default_factory=dict)  # sha256 of each file beside the card

    def against(self, adapter: str | None, other: Card | None) -> Figures | None:
        """The figures of another adapter on what this one was measured on, if they are known.

        Args:
            adapter: its id; None is the base.
            other: its card, if there is one.
        """
        if other is not None and other.held_out == self.held_out:
            return other.figures
        return self.compared.get(BASE if adapter is None else adapter)


def thin(counts: Mapping[str, int]) -> str | None:
    """What an adapter's figures rest on by its card's counts, if that is too little; else None."""
    few = [
        f"{counts[name]} {called}"
        for name, called in (
            ("test_dialogues", "dialogues kept apart"),
            ("answers", "answers compared"),
        )
        if counts.get(name, LEAST) < LEAST  # a card from before says less
    ]
    return " and ".join(few) or None


_CARDS = TypeAdapter(Card)


def document(kind: TypeAdapter[T], path: Path) -> T:
    """What is in a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not of the kind; one line says where.
    """
    try:
        return kind.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from error


def read_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        Refused: it cannot be read, or it is another adapter's than the folder's.
    """
    adapter = path.parent.name
    try:
        card = document(_CARDS, path)
        datetime.fromisoformat(card.date)
    except (OSError, ValueError) as error:
        msg = f"the adapter {adapter} is refused: its card cannot be read ({error})"
        raise Refused(msg) from error
    if card.id != adapter or not card.weights or not {"name", "sha256"} <= card.base.keys():
        msg = f"the adapter {adapter} is refused: its card is another's, or incomplete"
        raise Refused(msg)
    return card
