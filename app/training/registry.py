"""The tuned adapters of this machine: their cards, which of them is in service, and the gate.

    models/
      state.json          of each base: which adapter is in service, and which were before it
      20260504-093000-1a2b3c/
        card.json         where it is from, and what it can do
        adapter_config.json, adapter_model.safetensors     for peft and vLLM
        adapter.gguf      for llama.cpp, if its base is a Llama

What is shipped with the program (in ``app/adapters``, of the same form) is in service with its base
from the beginning, and can be rolled back and replaced as others.

An adapter's folder appears whole or not at all, and so does a new ``state.json``: a full disk or
a kill leaves what was in service in service.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memory import InvalidInput
from memory.weights import sha256

GGUF = "adapter.gguf"
BASE = "base"  # what the base without an adapter is called in comparisons
SHIPPED = Path(__file__).parents[1] / "adapters"
_CARD, _STATE = "card.json", "state.json"


class Refused(InvalidInput):
    """An adapter that is not put into service; the message says why."""


class NoSuchAdapter(Refused):
    """There is none of this id."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a model answers on the part of the data that was kept apart.

    ``perplexity`` is of the agents' answers, by their tokens, and better when lower; ``rouge_l``
    is the F-measure of written answers, 0 to 1, and better when higher.
    """

    perplexity: float
    rouge_l: float

    def beats(self, other: Figures) -> bool:
        """Whether it is better in both."""
        return self.perplexity < other.perplexity and self.rouge_l > other.rouge_l

    def __str__(self) -> str:
        return f"perplexity {self.perplexity:.2f}, ROUGE-L {self.rouge_l:.3f}"


@dataclass(frozen=True, slots=True)
class Card:
    """Where an adapter is from, and what it can do."""

    id: str
    date: str  # ISO 8601, UTC
    base: dict[str, str]  # name and sha256
    data: list[dict[str, Any]]  # of each file: name, sha256, dialogues, licence
    counts: dict[str, int]  # dialogues, sequences and tokens of each part
    held_out: str  # sha256 of the part that was kept apart to measure it
    options: dict[str, Any]
    figures: Figures
    compared: dict[str, Figures]  # others on the same part: the base, what was in service
    training: dict[str, Any] = field(default_factory=dict)  # steps, seconds, losses
    commit: str | None = None  # of the program that made it
    weights: dict[str, str] = field(default_factory=dict)  # sha256 of each file beside the card

    def against(self, other: Card | None) -> Figures | None:
        """The figures of another adapter (None: the base) on this one's held-out part, if known."""
        if other is not None and other.held_out == self.held_out:
            return other.figures
        return self.compared.get(BASE if other is None else other.id)


def new_id(now: datetime, weights: Path) -> str:
    """What an adapter is called: when it was made, and of what."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{sha256(weights)[:6]}"


class Registry:
    """The adapters in a folder, which is made when the first is added, and what is shipped."""

    def __init__(self, folder: Path, shipped: Path = SHIPPED) -> None:
        self.folder = folder
        self._shipped = shipped

    def add(self, files: list[Path], card: Card) -> Card:
        """Keep an adapter: its files and its card, with their checksums.

        Raises:
            InvalidInput: there is one of this id, or it cannot be written.
        """
        to = self.folder / card.id
        if self._where(card.id).exists():
            msg = f"there is an adapter {card.id} already in {self.folder}"
            raise InvalidInput(msg)
        with _writing(to):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".adding-", dir=self.folder) as scratch:
                part = Path(scratch, card.id)
                part.mkdir()
                sums = {}
                for file in files:
                    shutil.copyfile(file, part / file.name)
                    _to_disk(part / file.name)
                    sums[file.name] = sha256(part / file.name)
                kept = Card(**{**_fields(card), "weights": sums})
                _write(part / _CARD, asdict(kept))
                part.rename(to)
                _to_disk(self.folder)
        return kept

    def cards(self) -> list[Card]:
        """The cards of all adapters, oldest first; what has no readable card is left out."""
        found = []
        for folder in (self._shipped, self.folder):
            for path in sorted(folder.glob(f"[!.]*/{_CARD}")):
                with suppress(Refused):
                    found.append(_read_card(path))
        return found

    def card(self, adapter: str) -> Card:
        """The card of an adapter; raises Refused if there is none."""
        path = self._where(adapter) / _CARD
        if adapter in ("", ".", "..") or "/" in adapter or not path.is_file():
            msg = f"there is no adapter {adapter!r}: `memory-service model list` shows which are"
            raise NoSuchAdapter(msg)
        return _read_card(path)

    def whole(self, adapter: str) -> Path:
        """The folder of an adapter whose files are those that its card names.

        Raises:
            Refused: one is missing or another, or there is no such adapter.
        """
        card = self.card(adapter)
        folder = self._where(adapter)
        for name, expected in card.weights.items():
            path = folder / name
            if not path.is_file() or sha256(path) != expected:
                msg = (
                    f"the adapter {adapter} is refused: {name} is not what its card says (it is "
                    "damaged or was changed). Take it from a copy, or tune again"
                )
                raise Refused(msg)
        return folder

    def in_service(self, base_sha256: str) -> str | None:
        """The adapter with which a base is served; None is the base as it is."""
        adapter = self._state(base_sha256)["in_service"]
        return str(adapter) if adapter is not None else None

    def gate(self, adapter: str, base_sha256: str) -> Path:
        """The folder of an adapter that may go into service.

        It does when it is whole, of the base that is served, and better on its held-out part
        than what is in service, in perplexity and in ROUGE-L.

        Raises:
            Refused: it may not; the message says why.
        """
        folder, card = self.whole(adapter), self.card(adapter)
        now = self.in_service(base_sha256)
        if now == adapter:
            msg = f"the adapter {adapter} is in service already"
            raise Refused(msg)
        if card.base["sha256"] != base_sha256:
            msg = (
                f"the adapter {adapter} is for another base ({card.base['name']}, sha256 "
                f"{card.base['sha256'][:12]}...) than the one that is served: its weights mean "
                "nothing there"
            )
            raise Refused(msg)
        rival = None if now is None else self.card(now)
        figures = card.against(rival)
        named = "the base" if rival is None else f"the adapter in service, {rival.id},"
        if figures is None:
            msg = (
                f"it is not known how {named} does on the held-out part of {adapter}: run the "
                "same `memory-service finetune` again with --resume, which measures it"
            )
            raise Refused(msg)
        if not card.figures.beats(figures):
            msg = (
                f"the adapter {adapter} ({card.figures}) does not beat {named} ({figures}) on the "
                "held-out part in both: it is kept and not served"
            )
            raise Refused(msg)
        return folder

    def promote(self, adapter: str, base_sha256: str) -> None:
        """Put an adapter into service, if the gate lets it; what was there is remembered.

        Raises:
            Refused: the gate does not let it.
            InvalidInput: it cannot be written; then nothing has changed.
        """
        with self._changing(base_sha256) as state:
            self.gate(adapter, base_sha256)
            state["before"].append(state["in_service"])
            state["in_service"] = adapter

    def before(self, base_sha256: str) -> str | None:
        """What a rollback would put into service with a base; None is the base alone.

        Raises Refused when nothing was promoted.
        """
        earlier = self._state(base_sha256)["before"]
        if not earlier:
            msg = "nothing was promoted, so there is nothing to go back to"
            raise Refused(msg)
        return str(earlier[-1]) if earlier[-1] is not None else None

    def rollback(self, base_sha256: str) -> str | None:
        """Serve a base with what was there before; returns it, None being the base alone.

        Raises:
            Refused: there is nothing to go back to, or it is damaged.
            InvalidInput: it cannot be written; then nothing has changed.
        """
        with self._changing(base_sha256) as state:
            adapter = self.before(base_sha256)
            if adapter is not None:
                self.whole(adapter)
            state["before"].pop()
            state["in_service"] = adapter
        return adapter

    # --- inside --------------------------------------------------------------------------

    def _where(self, adapter: str) -> Path:
        """The folder of an adapter; one of the owner's before what is shipped."""
        own, shipped = self.folder / adapter, self._shipped / adapter
        return shipped if not own.exists() and shipped.exists() else own

    def _state(self, base_sha256: str) -> dict[str, Any]:
        path = self.folder / _STATE
        try:
            found = json.loads(path.read_text("utf-8"))[base_sha256]
            if not isinstance(found["before"], list):
                raise TypeError
            return {"in_service": found["in_service"], "before": found["before"]}
        except (FileNotFoundError, KeyError):
            return self._at_first(base_sha256)
        except (OSError, ValueError, TypeError) as error:
            msg = f"{path} cannot be read ({error}): remove it to begin anew, and promote again"
            raise InvalidInput(msg) from error

    def _at_first(self, base_sha256: str) -> dict[str, Any]:
        for path in sorted(self._shipped.glob(f"*/{_CARD}"), reverse=True):
            if _read_card(path).base["sha256"] == base_sha256:
                return {"in_service": path.parent.name, "before": [None]}
        return {"in_service": None, "before": []}

    @contextmanager
    def _changing(self, base_sha256: str) -> Iterator[dict[str, Any]]:
        """A base's state, written when the block ends well; one changes it at a time."""
        with _writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                state = self._state(base_sha256)
                yield state
                path = self.folder / _STATE
                others = json.loads(path.read_text("utf-8")) if path.exists() else {}
                _write(path, {**others, base_sha256: state})


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"cannot write {path}: {error}. Nothing has changed: free some space and try again"
        raise InvalidInput(msg) from error


def _write(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that is on the disk, whole, before it is seen."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(path)
        _to_disk(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fields(card: Card) -> dict[str, Any]:
    return {name: getattr(card, name) for name in Card.__dataclass_fields__}


def _read_card(path: Path) -> Card:
    try:
        found = json.loads(path.read_text("utf-8"))
        found["figures"] = Figures(**found["figures"])
        found["compared"] = {name: Figures(**one) for name, one in found["compared"].items()}
        card = Card(**found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"the adapter {path.parent.name} is refused: its card cannot be read ({error})"
        raise Refused(msg) from error
    if card.id != path.parent.name or not card.weights or "sha256" not in card.base:
        msg = f"the adapter {path.parent.name} is refused: its card is another's, or incomplete"
        raise Refused(msg)
    return card
