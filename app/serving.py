"""Which adapter answers: what the registry says, put to the model while it serves."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from anyio.to_thread import run_sync

from app.llm import Model, UnusableModel
from app.training.card import GGUF, Card, Refused
from app.training.ledger import Trouble
from app.training.registry import Back, Registry
from memory import MemoryServiceError

_LOOK_SECONDS = 2.0  # how often another process's promotion is looked for
_RETRY_SECONDS = 60.0  # until what could not be loaded is tried again

Finds = Callable[[str], Path | None]  # an adapter's file, by the sha256 of its base

_logger = logging.getLogger(__name__)


class Serving:
    """The registry's adapters and the model that answers with one of them."""

    def __init__(self, registry: Registry, model: Model) -> None:
        self.registry = registry
        self._model = model
        self._changing = threading.Lock()
        self._failed: str | None = None  # what was promoted and could not be taken up
        self._retry = 0.0  # when it is tried again, on the monotonic clock
        self._told = False  # whether the registry knows that all is well

    @property
    def base(self) -> str | None:
        """The sha256 of the base that is served; None if it takes no adapters."""
        return self._model.base

    def cards(self) -> list[Card]:
        """The adapters that are here."""
        return self.registry.cards()

    def faults(self) -> dict[str, str]:
        """What is wrong with those that are here and have no card, by their ids."""
        return self.registry.faults()

    def answering(self) -> str | None:
        """The adapter that answers, whatever was promoted; None is the base."""
        return None if self._model.adapter is None else self._model.adapter.parent.name

    def promoted(self) -> str | None:
        """The adapter that is to answer; None is the base, or a model that takes none."""
        return self.registry.in_service(self.base) if self.base is not None else None

    def trouble(self) -> str | None:
        """Why what was promoted does not answer; None if it does, or is about to."""
        if self.base is None or self.promoted() == self.answering():
            return None
        return self.registry.trouble(self.base)

    def promote(self, adapter: str) -> None:
        """Answer with an adapter from now on, if the gate lets it.

        Raises:
            Refused: the gate does not let it; nothing has changed.
            UnusableModel: the model cannot take it; nothing has changed.
            InvalidInput: it could not be written down; nothing has changed.
        """
        with self._changing:
            base, before = self._base(), self._model.adapter
            self._model.adapt(_file(self.registry.gate(adapter, base)))
            try:
                self.registry.promote(adapter, base)
            except BaseException:
                self._model.adapt(before)
                raise

    def rollback(self) -> Back:
        """Answer again with what was in service before; what cannot be served is passed over.

        Raises what ``promote`` does.
        """
        with self._changing:
            base, before = self._base(), self._model.adapter
            unfit: dict[str, str] = {}
            while (found := self.registry.back(base, unfit).adapter) is not None:
                try:
                    self._model.adapt(_file(self.registry.whole(found)))
                    break
                except (Refused, UnusableModel) as error:
                    unfit[found] = str(error)
            else:
                self._model.adapt(None)
            try:
                return self.registry.rollback(base, unfit)
            except BaseException:
                self._model.adapt(before)
                raise

    async def follow(self) -> None:
        """Take up what the console, or another process, puts into service."""
        while self.base is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            await run_sync(self.catch_up)

    def catch_up(self) -> None:
        """Answer with what the registry says is in service; if that cannot be, go on as before.

        What could not be taken up is tried again after a while.
        """
        with self._changing:
            try:
                promoted = self.promoted()
            except MemoryServiceError:
                _logger.exception("which adapter is in service cannot be read")
                return
            if self.base is None:
                return
            if promoted == self.answering():
                self._well(self.base)
                return
            if promoted == self._failed and time.monotonic() < self._retry:
                return
            try:
                whole = None if promoted is None else self.registry.whole(promoted)
                self._model.adapt(None if whole is None else _file(whole))
                _logger.info("%s is in service", promoted or "the base")
                self._well(self.base)
            except MemoryServiceError as error:
                self._ill(self.base, promoted, error)

    def _ill(self, base: str, promoted: str | None, error: MemoryServiceError) -> None:
        goes_on = f"{self.answering() or 'the base'} goes on answering"
        # With its trace the first time only: it is tried for as long as it is in service.
        traced = error if promoted != self._failed else None
        _logger.error("%s cannot be served, %s: %s", promoted, goes_on, error, exc_info=traced)
        self._failed, self._retry = promoted, time.monotonic() + _RETRY_SECONDS
        self._told = False
        if promoted is not None:
            with suppress(MemoryServiceError):
                self.registry.note(base, Trouble(adapter=promoted, why=f"{error}; {goes_on}"))

    def _well(self, base: str) -> None:
        self._failed = None
        if not self._told:
            with suppress(MemoryServiceError):
                self.registry.note(base, None)
        self._told = True

    def _base(self) -> str:
        if self.base is None:
            self._model.adapt(None)  # says why not
        assert self.base is not None
        return self.base


def open_served(opened: Callable[[Finds], Model], registry: Registry) -> Model:
    """Open the model with the adapter that is in service, or else without.

    Args:
        opened: opens it, given what finds the adapter's file for the base's sha256.
        registry: says which that is. One that is damaged, or that llama.cpp cannot load, is not
            served: the log says so, and the base is.

    Raises:
        MemoryServiceError: the model cannot be opened.
    """
    asked = False

    def found(base: str) -> Path | None:
        nonlocal asked
        try:
            adapter = registry.in_service(base)
            file = None if adapter is None else _file(registry.whole(adapter))
        except MemoryServiceError:
            _logger.exception("the base is served without the adapter that was promoted")
            return None
        asked = file is not None
        return file

    try:
        return opened(found)
    except UnusableModel:
        if not asked:
            raise
        _logger.exception("the base is served without the adapter that was promoted")
        return opened(lambda _: None)


def for_summaries(adapter: str | None, registry: Registry) -> Finds:
    """Finds the file of the adapter that is to write summaries; None: there is to be none.

    What it finds raises Refused where that is not there, or may not.
    """

    def found(base: str) -> Path | None:
        return None if adapter is None else _file(registry.for_summaries(adapter, base))

    return found


def _file(folder: Path) -> Path:
    """What llama.cpp loads of an adapter."""
    file = folder / GGUF
    if not file.is_file():
        msg = f"the adapter {folder.name} has no {GGUF}: its base cannot be served by llama.cpp"
        raise Refused(msg)
    return file
