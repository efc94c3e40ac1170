"""The tuned adapters of this machine: their cards, which of them is in service, and the gate.

    models/
      state.json          of each base: which adapter is in service, and which were before it
      trouble.json        of each base: why a service could not take up what was promoted
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

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from app.training.card import CARD, Card, Refused, read_card
from app.training.gate import check_gate
from app.training.ledger import Ledger, State, Trouble, write_json, writing
from memory import InvalidInput
from memory.weights import sha256, to_disk

SHIPPED = Path(__file__).parents[1] / "adapters"


class NoSuchAdapter(Refused):
    """There is none of this id."""


class Back(NamedTuple):
    """What a rollback puts into service (None: the base alone), and why not what was nearer."""

    adapter: str | None
    passed_over: dict[str, str]


def new_id(now: datetime, weights: Path) -> str:
    """What an adapter is called: when it was made, and of what."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{sha256(weights)[:6]}"


class Registry:
    """The adapters in a folder, which is made when the first is added, and what is shipped."""

    def __init__(self, folder: Path, shipped: Path = SHIPPED) -> None:
        self.folder = folder
        self._ledger = Ledger(folder)
        self._shipped = shipped

    def add(self, files: list[Path], card: Card, before: str | None = None) -> Card:
        """Keep an adapter: its files and its card, with their checksums.

        Args:
            files: of it.
            card: its card.
            before: what its training became when it was measured before. Where that has just these
                weights it gets the new card, and stays the one adapter that it is.

        Raises:
            InvalidInput: there is one of this id, or it cannot be written.
        """
        if before is not None and (known := self._kept(before, files)) is not None:
            return self._measured_again(known, card)
        to = self.folder / card.id
        if self._where(card.id).exists():
            msg = f"there is an adapter {card.id} already in {self.folder}"
            raise InvalidInput(msg)
        with writing(to):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".adding-", dir=self.folder) as scratch:
                part = Path(scratch, card.id)
                part.mkdir()
                sums = {}
                for file in files:
                    shutil.copyfile(file, part / file.name)
                    to_disk(part / file.name)
                    sums[file.name] = sha256(part / file.name)
                kept = replace(card, weights=sums)
                write_json(part / CARD, asdict(kept))
                part.rename(to)
                to_disk(self.folder)
        return kept

    def _kept(self, adapter: str, files: list[Path]) -> Card | None:
        """The card of an adapter, if it is kept here with just these weights."""
        if not (self.folder / adapter / CARD).is_file():
            return None
        with suppress(Refused):
            card = self.card(adapter)
            weights = [file for file in files if file.suffix == ".safetensors"]
            if all(card.weights.get(file.name) == sha256(file) for file in weights):
                return card
        return None

    def _measured_again(self, before: Card, card: Card) -> Card:
        compared = before.compared if before.held_out == card.held_out else {}
        kept = replace(
            card, id=before.id, date=before.date, weights=before.weights,
            compared={**compared, **card.compared},
        )  # fmt: skip
        path = self.folder / before.id / CARD
        with writing(path):
            write_json(path, asdict(kept))
        return kept

    def cards(self) -> list[Card]:
        """The cards of all adapters, oldest first; ``faults`` has those without a readable one."""
        found = []
        for folder in (self._shipped, self.folder):
            for path in sorted(folder.glob(f"[!.]*/{CARD}")):
                with suppress(Refused):
                    found.append(read_card(path))
        return found

    def faults(self) -> dict[str, str]:
        """What is wrong with adapters that are here, or in service, and have no readable card."""
        found = {}
        for folder in (self._shipped, self.folder):
            for path in sorted(folder.glob("[!.]*")):
                if path.is_dir():
                    try:
                        read_card(path / CARD)
                    except Refused as error:
                        found[path.name] = str(error)
        for adapter in self.served().values():
            if not self._where(adapter).exists():
                found[adapter] = f"the adapter {adapter} is in service and gone: roll back"
        return found

    def card(self, adapter: str) -> Card:
        """The card of an adapter; raises Refused if there is none."""
        path = self._where(adapter) / CARD
        if adapter in ("", ".", "..") or "/" in adapter or not path.is_file():
            msg = f"there is no adapter {adapter!r}: `memory-service model list` shows which are"
            raise NoSuchAdapter(msg)
        return read_card(path)

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
        return self._state(base_sha256)["in_service"]

    def served(self) -> dict[str, str]:
        """Of each base that has one, by its sha256, the adapter in service."""
        bases = {card.base["sha256"] for card in self.cards()} | self._ledger.states().keys()
        return {base: found for base in bases if (found := self.in_service(base)) is not None}

    def trouble(self, base_sha256: str) -> str | None:
        """Why the adapter in service does not answer, as far as is known here; None if it may."""
        adapter = self.in_service(base_sha256)
        if adapter is None:
            return None
        if (why := self._unfit(adapter)) is not None:
            return why
        noted = self._ledger.trouble(base_sha256)
        return noted["why"] if noted is not None and noted["adapter"] == adapter else None

    def note(self, base_sha256: str, trouble: Trouble | None) -> None:
        """Let others know why a service could not take up what was promoted, or that it could."""
        self._ledger.note(base_sha256, trouble)

    def gate(self, adapter: str, base_sha256: str) -> Path:
        """The folder of an adapter that may go into service with a base.

        Raises:
            Refused: it is not whole, writes summaries, or ``check_gate`` says why it may not.
        """
        folder, card = self.whole(adapter), self.card(adapter)
        if card.task != "reply":
            msg = (
                f"the adapter {adapter} has learnt to write summaries, and no replies: start the "
                f"service with MEMORY_SERVICE_SUMMARY_ADAPTER={adapter}"
            )
            raise Refused(msg)
        now, rival = self.in_service(base_sha256), None
        if now is not None:
            with suppress(Refused):
                rival = self.card(now)
        check_gate(card, folder, base_sha256, now, rival)
        return folder

    def for_summaries(self, adapter: str, base_sha256: str) -> Path:
        """The folder of an adapter that may write the summaries of a service with a base.

        Raises:
            Refused: it is not whole, writes replies, or ``check_gate`` says why it may not.
        """
        folder, card = self.whole(adapter), self.card(adapter)
        if card.task != "summary":
            msg = (
                f"the adapter {adapter} has learnt to reply, and no summaries: `memory-service "
                "finetune --task summary` makes one that has"
            )
            raise Refused(msg)
        check_gate(card, folder, base_sha256, None, None)
        return folder

    def promote(self, adapter: str, base_sha256: str) -> None:
        """Put an adapter into service, if the gate lets it; what was there is remembered.

        Raises:
            Refused: the gate does not let it.
            InvalidInput: it cannot be written; then nothing has changed.
        """
        with self._ledger.changing() as states:
            self.gate(adapter, base_sha256)
            now = states.get(base_sha256) or self._at_first(base_sha256)
            before = [*now["before"], now["in_service"]]
            states[base_sha256] = State(in_service=adapter, before=before)

    def back(self, base_sha256: str, unfit: Mapping[str, str] | None = None) -> Back:
        """What a rollback would put into service with a base.

        What is gone or damaged is passed over for what was before it; so is what is ``unfit``,
        for the reason given. Raises Refused when nothing was promoted.
        """
        return self._back(self._state(base_sha256), unfit or {})[0]

    def rollback(self, base_sha256: str, unfit: Mapping[str, str] | None = None) -> Back:
        """Serve a base with what was there before, as ``back`` finds it.

        Raises:
            Refused: there is nothing to go back to.
            InvalidInput: it cannot be written; then nothing has changed.
        """
        with self._ledger.changing() as states:
            now = states.get(base_sha256) or self._at_first(base_sha256)
            found, left = self._back(now, unfit or {})
            states[base_sha256] = State(in_service=found.adapter, before=left)
        return found

    # --- inside --------------------------------------------------------------------------

    def _where(self, adapter: str) -> Path:
        """The folder of an adapter; one of the owner's before what is shipped."""
        own, shipped = self.folder / adapter, self._shipped / adapter
        return shipped if not own.exists() and shipped.exists() else own

    def _back(self, state: State, unfit: Mapping[str, str]) -> tuple[Back, list[str | None]]:
        """What a rollback finds, and what is left before it."""
        left = list(state["before"])
        if not left:
            msg = "nothing was promoted, so there is nothing to go back to"
            raise Refused(msg)
        passed_over: dict[str, str] = {}
        while left:
            adapter = left.pop()
            if adapter is None:
                break
            if (why := unfit.get(adapter) or self._unfit(adapter)) is None:
                return Back(adapter, passed_over), left
            passed_over[adapter] = why
        return Back(None, passed_over), left

    def _unfit(self, adapter: str) -> str | None:
        """Why an adapter cannot be served; None if it is whole."""
        try:
            self.whole(adapter)
        except NoSuchAdapter:
            return f"the adapter {adapter} is gone"
        except Refused as error:
            return str(error)
        return None

    def _state(self, base_sha256: str) -> State:
        return self._ledger.states().get(base_sha256) or self._at_first(base_sha256)

    def _at_first(self, base_sha256: str) -> State:
        for path in sorted(self._shipped.glob(f"*/{CARD}"), reverse=True):
            with suppress(Refused):
                if read_card(path).base["sha256"] == base_sha256:
                    return {"in_service": path.parent.name, "before": [None]}
        return {"in_service": None, "before": []}
