"""Our memory classes and our history against the published contracts, over both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest

from memory import (
    BufferMemory,
    ChatHistory,
    ConversationMemory,
    Scope,
    SummaryMemory,
    VectorMemory,
    open_store,
)
from memory.base import StoredMemory
from memory.testing import HistoryContract, MemoryContract, WordEmbeddings
from tests.doubles import count_words


@pytest.fixture
def stores(url: str) -> Iterator[Any]:
    """Opens the same database again, as another process does."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_store(url))


class OnSqlite:
    """Not on Postgres too: what differs there is tried with ConversationMemory."""

    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        """Where an empty database is."""
        return sqlite_url


class Ours(MemoryContract):
    """A memory class of ours."""

    of: type[StoredMemory] = BufferMemory
    more: ClassVar[dict[str, Any]] = {"max_tokens": 100}
    limit = 1200

    @pytest.fixture
    def opened(self, stores: Any) -> Any:
        """One customer's sessions."""

        def memory(session: str, **more: Any) -> StoredMemory:
            return self.of(
                store=stores(), scope=Scope(self.customer(session), session),
                count_tokens=count_words, background=False, **self.more, **more,
            )  # fmt: skip

        return memory

    def customer(self, session: str) -> str:
        """Whose a session is."""
        return "ada"


class TestBufferMemory(OnSqlite, Ours):
    """Recent messages."""


class TestConversationMemory(Ours):
    """All three."""

    of = ConversationMemory
    more: ClassVar[dict[str, Any]] = {
        "embeddings": WordEmbeddings(), "max_tokens": 1000, "summary_tokens": 60,
        "recall_tokens": 60,
    }  # fmt: skip
    limit = 5000

    def customer(self, session: str) -> str:
        """Recall is over all of a customer's sessions: others are other customers'."""
        return session


class TestVectorMemory(OnSqlite, TestConversationMemory):
    """What is recalled."""

    of = VectorMemory
    more: ClassVar[dict[str, Any]] = {"embeddings": WordEmbeddings(), "max_tokens": 300}
    recent = 0
    recalls = True


class TestSummaryMemory(OnSqlite, Ours):
    """The summary, with what it has not folded yet."""

    of = SummaryMemory
    more: ClassVar[dict[str, Any]] = {"window_tokens": 100, "max_tokens": 100}
    recent = 0


class TestChatHistory(HistoryContract):
    """A session's messages."""

    @pytest.fixture
    def opened(self, stores: Any) -> Any:
        """One customer's sessions."""
        return lambda session: ChatHistory(
            BufferMemory(store=stores(), scope=Scope("ada", session), count_tokens=count_words)
        )
