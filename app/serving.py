"""Which adapter answers: what the registry says, put to the model while it serves."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from anyio.to_thread import run_sync

from app.llm import Model
from app.training.registry import GGUF, Card, Refused, Registry
from memory import MemoryServiceError

_LOOK_SECONDS = 2.0  # how often another process's promotion is looked for

_logger = logging.getLogger(__name__)


class Serving:
    """The registry's adapters and the model that answers with one of them."""

    def __init__(self, registry: Registry, model: Model) -> None:
        self._registry = registry
        self._model = model
        self._changing = threading.Lock()
        self._seen: str | None = None
        with suppress(MemoryServiceError):  # the log has said why, when the model was opened
            self._seen = self.in_service()

    @property
    def base(self) -> str | None:
        """The sha256 of the base that is served; None if it takes no adapters."""
        return self._model.base

    def cards(self) -> list[Card]:
        """The adapters that are here."""
        return self._registry.cards()

    def in_service(self) -> str | None:
        """The adapter that answers; None is the base, or a model that takes none."""
        return self._registry.in_service(self.base) if self.base is not None else None

    def promote(self, adapter: str) -> None:
        """Answer with an adapter from now on, if the gate lets it.

        Raises:
            Refused: the gate does not let it; nothing has changed.
            UnusableModel: the model cannot take it; nothing has changed.
            InvalidInput: it could not be written down; nothing has changed.
        """
        with self._changing:
            base = self._base()
            folder = self._registry.gate(adapter, base)
            self._model.adapt(_file(folder))
            try:
                self._registry.promote(adapter, base)
            except BaseException:
                self._model.adapt(self._served(base))
                raise
            self._seen = adapter

    def rollback(self) -> str | None:
        """Answer again with what was in service before; returns it, None being the base.

        Raises what ``promote`` does.
        """
        with self._changing:
            base = self._base()
            adapter = self._registry.before(base)
            self._model.adapt(None if adapter is None else _file(self._registry.whole(adapter)))
            try:
                self._registry.rollback(base)
            except BaseException:
                self._model.adapt(self._served(base))
                raise
            self._seen = adapter
            return adapter

    async def follow(self) -> None:
        """Take up what the console, or another process, puts into service."""
        while self.base is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            await run_sync(self.catch_up)

    def catch_up(self) -> None:
        """Answer with what the registry says is in service; if that cannot be, go on as before."""
        with self._changing:
            try:
                promoted = self.in_service()
            except MemoryServiceError:
                _logger.exception("which adapter is in service cannot be read")
                return
            if promoted == self._seen or self.base is None:
                return
            self._seen = promoted
            try:
                whole = None if promoted is None else self._registry.whole(promoted)
                self._model.adapt(None if whole is None else _file(whole))
                _logger.info("%s is in service", promoted or "the base")
            except MemoryServiceError:
                _logger.exception("%s was promoted and cannot be served", promoted)

    def _base(self) -> str:
        if self.base is None:
            self._model.adapt(None)  # says why not
        assert self.base is not None
        return self.base

    def _served(self, base: str) -> Path | None:
        return adapter_of(self._registry)(base)


def adapter_of(registry: Registry) -> Callable[[str], Path | None]:
    """What finds, for a base, the file of the adapter that is in service.

    One that is damaged is not served: the log says so, and the base is.
    """

    def found(base: str) -> Path | None:
        try:
            adapter = registry.in_service(base)
            return None if adapter is None else _file(registry.whole(adapter))
        except MemoryServiceError:
            _logger.exception("the base is served without the adapter that was promoted")
            return None

    return found


def _file(folder: Path) -> Path:
    """What llama.cpp loads of an adapter."""
    file = folder / GGUF
    if not file.is_file():
        msg = f"the adapter {folder.name} has no {GGUF}: its base cannot be served by llama.cpp"
        raise Refused(msg)
    return file
