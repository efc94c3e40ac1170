"""A classifier's folder: what lies in it, and the card that says where it is from.

NAME/
  card.json            heads with their labels, data, options, figures, sha256 of the others
  model.safetensors    the encoder as memory.minilm reads it, and the heads beside it
  model.onnx           the graph over it, which is what is run
  tokenizer.json
  confusion-HEAD.png   which labels are taken for which, on the dev part

Tuned by LoRA it has, in place of encoder, graph and tokenizer, lora.safetensors: what was changed,
and the heads. It is put together with the embedded encoder when it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memory import InvalidInput
from memory.weights import sha256

CARD, WEIGHTS, GRAPH, TOKENIZER = "card.json", "model.safetensors", "model.onnx", "tokenizer.json"
LORA = "lora.safetensors"
_RUN = ({WEIGHTS, GRAPH, TOKENIZER}, {LORA})  # what is run: the one, or the other


@dataclass(frozen=True, slots=True)
class Head:
    """What a head says, and when it is believed.

    ``labels`` are its classes in their order; ``oos``, the last of them, means none of the others.
    Scores are divided by ``temperature`` before softmax, so that confidence is the share of
    answers that are right. What is believed less than ``threshold`` (``heads.belief``) is out of
    scope; None where the head knows of no such texts.
    """

    labels: list[str]
    oos: str | None
    temperature: float
    threshold: float | None

    @property
    def inside(self) -> list[str]:
        """The labels in scope."""
        return self.labels if self.oos is None else self.labels[:-1]


@dataclass(frozen=True, slots=True)
class Card:
    """Where a classifier is from, and what it can do."""

    name: str
    date: str  # ISO 8601, UTC
    base: dict[str, str]  # name and sha256
    data: list[dict[str, Any]]  # of each file: head, part, name, sha256, examples, licence
    options: dict[str, Any]
    heads: dict[str, Head]
    figures: dict[str, Any]  # of each head: the report on the dev part, which it was stopped by
    history: list[dict[str, float]]  # losses and dev figures, by epoch
    weights: dict[str, str]  # sha256 of each file that is run


def write_card(folder: Path, **given: Any) -> Card:
    """Write the card of what lies in a folder, with the files' checksums."""
    run = sorted({file.name for file in folder.iterdir()} & set().union(*_RUN))
    card = Card(**given, weights={name: sha256(folder / name) for name in run})
    text = json.dumps(asdict(card), indent=1, ensure_ascii=False) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")
    return card


def read_card(folder: Path) -> Card:
    """The card of a classifier whose files are what it says.

    Raises:
        InvalidInput: the folder is none, or has no classifier or a damaged one.
    """
    if not (folder / CARD).is_file():
        msg = f"{folder} is no classifier's folder, it has no {CARD}: `train classifier` makes one"
        raise InvalidInput(msg)
    try:
        found = json.loads((folder / CARD).read_text("utf-8"))
        found["heads"] = {name: Head(**one) for name, one in found["heads"].items()}
        card = Card(**found)
        if {*card.weights} not in _RUN:
            raise ValueError("it names no weights")
        sums = {name: sha256(folder / name) for name in card.weights}
    except FileNotFoundError as error:
        msg = (
            f"{folder} is not whole, it has no {Path(error.filename).name}: copy or train it again"
        )
        raise InvalidInput(msg) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{folder / CARD} cannot be read ({error}): it is no classifier's card"
        raise InvalidInput(msg) from error
    if others := [name for name, sum_ in sums.items() if card.weights.get(name) != sum_]:
        msg = f"{' and '.join(others)} in {folder} do not match its card: copy or train it again"
        raise InvalidInput(msg)
    return card


def head_of(heads: Mapping[str, Head], name: str | None) -> str:
    """The name of the head that is asked for; the only one if none is named.

    Raises InvalidInput if there is none of the name, or it is not clear which is meant.
    """
    if name is None and len(heads) == 1:
        return next(iter(heads))
    if name is None or name not in heads:
        asked = "which head? " if name is None else f"there is no head {name!r}: "
        msg = f"{asked}give --head, one of {', '.join(heads)}"
        raise InvalidInput(msg)
    return name
