"""A service that runs elsewhere, asked over the network."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from memory import check_name
from memory.client import Event, MemoryClient
from memory.client.models import Adapters
from memory.client.remembered import DeletedMemory, Memory
from memory.client.results import Recalled, Session


class There:
    """The desk before a service at an address; the tenant is the key's."""

    def __init__(self, url: str, key: str, customer: str | None, session: str) -> None:
        """Ask whom the key lets in: a customer's own token needs no ``customer``.

        Raises:
            MemoryServiceError: nobody answers there, the key fits nobody, or a name is none.
        """
        self.session = check_name("session", session)
        if customer is not None:
            check_name("customer", customer)
        self._client = MemoryClient(url, key)
        try:
            whose = self._client.key().customer
        except BaseException:
            self._client.close()
            raise
        self.customer = customer or whose or "me"

    def say(self, text: str) -> Generator[Event, None, None]:
        """See ``Desk``."""
        return self._client.stream(self.customer, text, session=self.session)

    def recall(self, query: str) -> Sequence[Recalled]:
        """See ``Desk``."""
        return self._client.recall(self.customer, query).recalled

    def memories(self, slot: str | None) -> Sequence[Memory]:
        """See ``Desk``."""
        return self._client.memories(self.customer, slot=slot).memories

    def forget(self, memory: str) -> DeletedMemory:
        """See ``Desk``."""
        return self._client.forget_memory(self.customer, memory)

    def sessions(self) -> Sequence[Session]:
        """See ``Desk``."""
        return self._client.sessions(self.customer).sessions

    def model(self) -> str:
        """See ``Desk``."""
        return self._client.model().id

    def adapters(self) -> Adapters:
        """See ``Desk``."""
        return self._client.adapters()

    def promote(self, adapter: str) -> Adapters:
        """See ``Desk``."""
        return self._client.promote(adapter)

    def close(self) -> None:
        """See ``Desk``."""
        self._client.close()
