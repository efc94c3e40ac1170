"""The slots of llama.cpp's server, and what is kept of the conversations in them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.llm.states import Conversation, States
from memory import MemoryServiceError

_logger = logging.getLogger(__name__)

_SECONDS = 10.0  # for what takes milliseconds
# What is read in a fraction of a second is not worth a file of megabytes.
_LEAST_TOKENS = 128


class Slots:
    """Saves, loads and empties the slots of a server that has the folder of ``states``."""

    def __init__(self, client: httpx.Client, states: States, reader: Callable[[], str]) -> None:
        """Speak to a server.

        Args:
            client: sends requests to it, whichever it is just now.
            states: where states are kept.
            reader: says what can read its states.
        """
        self._client = client
        self._states = states
        self._reader = reader

    def save(self, slot: int, conversation: Conversation, tokens: int) -> None:
        """Keep what is in a slot, if reading it again would take long."""
        if tokens < _LEAST_TOKENS:
            return

        def write(name: str) -> None:
            self._act(slot, "save", filename=name)

        with _without_the_database():
            self._states.keep(conversation, self._reader(), write)

    def load(self, slot: int, conversation: Conversation) -> None:
        """Put into a slot what was kept of a conversation, if anything was."""
        name = None
        with _without_the_database():
            name = self._states.find(conversation, self._reader())
        if name is None:
            return
        try:
            self._act(slot, "restore", filename=name)
        except OSError as error:
            _logger.warning("what was read of a conversation is read again: %s", error)
            self._states.remove(name)
            self.empty(slot)  # whatever the server has put there

    def empty(self, slot: int) -> None:
        """Give the tokens in a slot back."""
        try:
            self._act(slot, "erase")
        except OSError as error:  # the server makes room by itself, whatever it takes
            _logger.warning("a slot could not be emptied: %s", error)

    def _act(self, slot: int, action: str, **more: Any) -> None:
        """Let the server do something with a slot; OSError says what went wrong."""
        try:
            response = self._client.post(
                f"/slots/{slot}", params={"action": action}, json=more, timeout=_SECONDS
            )
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: it is closed
            msg = f"the model's server does not answer ({type(error).__name__})"
            raise OSError(msg) from error
        if response.is_error:
            raise OSError(f"the model's server says {response.text[:200]}")


@contextmanager
def _without_the_database() -> Iterator[None]:
    """Where it cannot say whether a state still holds, none is kept or read: it costs time only."""
    try:
        yield
    except MemoryServiceError as error:
        _logger.warning("what was read of a conversation is left as it is: %s", error)
