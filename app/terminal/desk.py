"""What a terminal asks of a service, wherever that is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from app.translation import worded
from memory import SLOTS
from memory.client import Event
from memory.client.models import Adapters
from memory.client.remembered import DeletedMemory, Memory
from memory.client.results import Recalled, Session


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


def who_says(customer: str, role: str, *, by_person: bool = False) -> str:
    """Who has said something, as the page calls them."""
    if role == "human":
        return customer
    if role == "note":
        return worded("Note by staff")
    return worded("Person at the desk") if by_person else worded("Assistant")


def remembered(slot: str | None, text: str) -> str:
    """What is remembered; a fact's label in the reader's language."""
    label, parted, value = text.partition(": ")
    if slot is None or not parted or label != SLOTS.get(slot):
        return text
    return worded("{0}: {1}", worded(label), value)
