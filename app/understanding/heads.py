"""What a text is, by every head of a classifier in one pass of its encoder; without PyTorch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from app.understanding.card import GRAPH, LORA, Card, Head, read_card
from app.understanding.lora import merged
from memory import InvalidInput
from memory.embeddings import WEIGHTS, Network
from memory.language import Language, language_of
from memory.minilm import HEAD, graph
from memory.types import Floats, Label, Labels
from memory.weights import sha256

_LEAST = 0.2  # a label that is less sure is hardly better than none


class Heads:
    """A trained classifier. Safe to share between threads.

    Args:
        folder: as ``train classifier`` makes it.
        base: the model.safetensors of the encoder that LoRA tuned; None is the embedded one.
        language: the only one that it has learnt; of a text in another it says nothing.

    Raises InvalidInput if the folder has no classifier, or one that is not what its card says.
    """

    def __init__(
        self, folder: Path | str, base: Path | str | None = None, language: Language | None = None
    ) -> None:
        folder = Path(folder)
        self._language = language
        self.card = read_card(folder)
        if LORA in self.card.weights:
            base = Path(base) if base is not None else WEIGHTS.installed()
            self._network = Network(_graph(folder, self.card, base), base.parent)
        else:
            self._network = Network((folder / GRAPH).read_bytes(), folder)

    def read(self, texts: Sequence[str], among: Collection[str] | None = None) -> list[Labels]:
        """What each text is, by each head's name; of the labels ``among`` only, if it is given.

        A text without a letter or a digit says nothing: that is out of every scope. One in another
        language than the classifier's has no labels.
        """
        if self._language is not None:
            known = [language_of(text) in (None, self._language) for text in texts]
            if not all(known):
                rest = iter(self._read([t for t, k in zip(texts, known, strict=True) if k], among))
                return [next(rest) if k else {} for k in known]
        return self._read(texts, among)

    def _read(self, texts: Sequence[str], among: Collection[str] | None) -> list[Labels]:
        if not texts:
            return []
        scores = self._network.run(texts)
        columns = {
            name: [_if_any(head, label) for label in readings(head, scores[HEAD + name], among)]
            for name, head in self.card.heads.items()
        }
        return [
            dict(zip(columns, row, strict=True))
            if any(map(str.isalnum, text))
            else dict.fromkeys(columns, Label(None, 1.0))
            for text, row in zip(texts, zip(*columns.values(), strict=True), strict=True)
        ]


def _if_any(head: Head, label: Label) -> Label:
    """What a head has read; none of its labels, if it is hardly sure and knows of texts outside."""
    if head.threshold is None or label.name is None or label.confidence >= _LEAST:
        return label
    return Label(None, 1 - label.confidence)


def _graph(folder: Path, card: Card, base: Path) -> bytes:
    if (found := sha256(base)) != card.base["sha256"]:
        msg = (
            f"{folder} was tuned on another encoder than {base}: its sha256 is {found}, the card "
            f"says {card.base['sha256']}. Train it again"
        )
        raise InvalidInput(msg)
    return graph(base, merged(base, folder / LORA))


def probabilities(head: Head, scores: Floats) -> Floats:
    """The classes' probabilities, (n, classes), of their scores."""
    scaled = scores / head.temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    made: Floats = powers / powers.sum(1, keepdims=True)
    return made


def belief(head: Head, scores: Floats) -> Floats:
    """How far the likeliest label in scope stands out, (n,): what a threshold is held against.

    It is the distance to the score of "out of scope" and the one to the mean of all together.
    """
    likeliest = scores[:, : len(head.inside)].max(1)
    made: Floats = 2 * likeliest - scores[:, -1] - scores.mean(1)
    return made


def readings(head: Head, scores: Floats, among: Collection[str] | None = None) -> list[Label]:
    """What a head says of texts with these scores, (n, classes)."""
    inside = probabilities(head, scores)[:, : len(head.inside)]
    if among is not None:
        inside = np.where([label in among for label in head.inside], inside, 0)
    believed = np.full(len(scores), True)
    if head.threshold is not None:
        believed = belief(head, scores) >= head.threshold
    return [
        Label(head.labels[place], sure) if yes else Label(None, 1 - sure)
        for place, sure, yes in zip(
            inside.argmax(1).tolist(), inside.max(1).tolist(), believed.tolist(), strict=True
        )
    ]
