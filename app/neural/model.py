"""A trained network in a folder: its weights as safetensors, and its card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from app.neural.options import Options
from app.neural.sequences import Sequences
from app.neural.summaries import Example, Summaries
from app.neural.words import Vocabulary
from memory import InvalidInput
from memory.weights import written

CARD, WEIGHTS = "card.json", "model.safetensors"
Trained = Sequences | Summaries


@dataclass(frozen=True, slots=True)
class Card:
    """What a network is, how far its training got, and what it was trained on."""

    options: Options
    steps: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)  # (step, mean loss until then)
    data: list[str] = field(default_factory=list)  # names of files
    words: list[str] = field(default_factory=list)  # that a summariser knows


_CARD = TypeAdapter(Card)


def made(options: Options, examples: Sequence[Example] = ()) -> Trained:
    """A network that has learnt nothing yet."""
    if options.task == "summary":
        return Summaries(options, examples)
    return Sequences(options)


def save(trained: Trained, card: Card, folder: Path) -> None:
    """Write both, the weights first: what there is of a card was trained."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: one.contiguous() for name, one in trained.network.state_dict().items()}
    tied = {"say.weight"} & tensors.keys()  # the same numbers as the words'
    with written(folder / WEIGHTS) as part:
        save_file({name: one for name, one in tensors.items() if name not in tied}, part)
    with written(folder / CARD) as part:
        part.write_text(json.dumps(asdict(card), ensure_ascii=False), encoding="utf-8")


def load(folder: Path) -> tuple[Trained, Card]:
    """A network that was saved, with its card.

    Raises InvalidInput if there is none, or it is damaged.
    """
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            msg = f"{folder} has no {name}: give the --out of `train neural`"
            raise InvalidInput(msg)
    try:
        card = _CARD.validate_json((folder / CARD).read_text(encoding="utf-8"))
        if card.options.task == "summary":
            trained: Trained = Summaries(card.options, (), Vocabulary(card.words))
        else:
            trained = Sequences(card.options)
        tensors = load_file(folder / WEIGHTS)
        if card.options.task == "summary":
            tensors["say.weight"] = tensors["words.weight"]
        trained.network.load_state_dict(tensors)
    except (
        OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, ValidationError
    ) as error:  # fmt: skip
        msg = f"{folder} is damaged or another program's: train it again ({error})"
        raise InvalidInput(msg) from error
    return trained, card
