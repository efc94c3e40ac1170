"""What a terminal asks of a service, wherever that is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from memory.client import Event
from memory.client.results import Adapters, DeletedMemory, Memory, Recalled, Session


class Desk(Protocol):
    """A customer's place before a service; ``session`` is the conversation under way.

    Its methods raise a ``MemoryServiceError`` that says what is wrong.
    """

    customer: str
    session: str

    def say(self, text: str) -> Generator[Event, None, None]:
        """Say something; closing what is returned stops the answer, which is kept so far."""

    def recall(self, query: str) -> Sequence[Recalled]:
        """What bears on a query, best first."""

    def memories(self, slot: str | None) -> Sequence[Memory]:
        """What is remembered, newest first; with a slot one kind of fact."""

    def forget(self, memory: str) -> DeletedMemory:
        """Forget a memory by its id."""

    def sessions(self) -> Sequence[Session]:
        """The customer's sessions, the last used first."""

    def model(self) -> str:
        """The name of the model that answers."""

    def adapters(self) -> Adapters:
        """The tuned adapters with their figures."""

    def promote(self, adapter: str) -> Adapters:
        """Answer with an adapter from now on."""

    def close(self) -> None:
        """Leave."""
