"""What was learnt of what a tenant's customers do next, in the data folder.

    interest/
      1f3870be274f6c49/      of a tenant, by the beginning of the sha256 of its name
        card.json            whose it is, of which encoder, figures, sha256 of the weights
        5d41402a.safetensors the projection; named by the beginning of its sha256

Weights over all customers: no text, no item and no customer's name is in it. A new card takes the
place of the one before at once or not at all.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from memory import Encoder, InvalidInput
from memory.interest import Projection
from memory.weights import sha256, to_disk, written

CARD = "card.json"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    """Where a projection is from, and what it can do.

    ``alone`` is what texts count with it where nobody knows what others did, ``beside`` where
    somebody does; None: there they count as they are.
    """

    tenant: str
    date: str  # ISO 8601, UTC
    encoder: str  # whose vectors it projects, by its name
    dimension: int  # of these
    alone: float
    beside: float | None
    customers: int  # of whom something was kept apart, on which the figures rest
    figures: dict[str, dict[str, float]]  # HR@10 and NDCG@10 of each way of ranking
    options: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    weights: str = ""  # the sha256 of their file


class Trained(NamedTuple):
    """A projection with its card."""

    card: Card
    projection: Projection

    def share(self, *, beside: bool) -> float | None:
        """What texts count as learnt, beside what others did or without; None: as they are."""
        return self.card.beside if beside else self.card.alone


_CARD = TypeAdapter(Card)


class Interests:
    """What was learnt for the tenants of a data folder. Safe to share between threads.

    What ``train interest`` keeps is taken up with the next question. What does not fit the encoder,
    or is damaged, is not used, and the log says so once.
    """

    def __init__(self, data_dir: Path, encoder: Encoder) -> None:
        self._data_dir = data_dir
        self._encoder = encoder
        self._held: dict[str, tuple[int, Trained | None]] = {}

    def of(self, tenant: str) -> Trained | None:
        """What was learnt for a tenant."""
        card = folder_of(self._data_dir, tenant) / CARD
        try:
            made = card.stat().st_mtime_ns
        except OSError:
            self._held.pop(tenant, None)
            return None
        held = self._held.get(tenant)
        if held is None or held[0] != made:
            try:
                found = load(card.parent, self._encoder)
            except InvalidInput as error:
                _logger.warning(
                    "%s: texts count as they are until `memory-service train interest`", error
                )
                found = None
            held = self._held[tenant] = made, found
        return held[1]


def folder_of(data_dir: Path, tenant: str) -> Path:
    """Where a tenant's is, whether or not there is one."""
    return data_dir / "interest" / _of(tenant)


def keep(projection: Projection, card: Card, folder: Path) -> Card:
    """Keep a projection in the place of the one before.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".keeping-", dir=folder) as scratch:
            part = Path(scratch, "weights")
            save_file(projection._asdict(), part)
            to_disk(part)
            card = replace(card, weights=sha256(part))
            part.rename(folder / _file(card))
        with written(folder / CARD) as new:
            new.write_text(json.dumps(asdict(card), indent=1, ensure_ascii=False) + "\n", "utf-8")
        for old in folder.glob("*.safetensors"):
            if old.name != _file(card):
                with suppress(OSError):
                    old.unlink()
    except OSError as error:
        msg = f"{folder} cannot be written ({error.strerror}): what was learnt is not kept"
        raise InvalidInput(msg) from error
    return card


def load(folder: Path, encoder: Encoder) -> Trained:
    """What is kept in a folder.

    Raises:
        InvalidInput: there is none, it is damaged, another tenant's, or another encoder's.
    """
    try:
        card = _CARD.validate_json((folder / CARD).read_bytes())
        weights = folder / _file(card)
        if sha256(weights) != card.weights:
            raise ValueError(f"{weights.name} is not what its card says")
        projection = Projection(**load_file(weights))
        width, rank = projection.down.shape
        if projection.up.shape != (width, rank) or width != card.dimension:
            raise ValueError(f"{weights.name} has other shapes than its card says")
    except (OSError, ValueError, TypeError, SafetensorError, ValidationError) as error:
        msg = f"what was learnt of customers' interest in {folder} is damaged ({error})"
        raise InvalidInput(msg) from error
    if folder.name != _of(card.tenant):
        msg = f"what was learnt in {folder} is of the tenant {card.tenant!r}: it has another folder"
        raise InvalidInput(msg)
    if (card.encoder, card.dimension) != (encoder.name, encoder.dimension):
        msg = (
            f"what was learnt of customers' interest is for the embedding model {card.encoder} "
            f"({card.dimension} numbers), and {encoder.name} ({encoder.dimension}) is in use"
        )
        raise InvalidInput(msg)
    return Trained(card, projection)


def _of(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()[:16]


def _file(card: Card) -> str:
    return f"{card.weights[:8]}.safetensors"
