"""LangChain's and LangGraph's own classes, and ours, against the published contracts.

Run by ``python -m tests.peers``, which tells what each of them fails. Not part of the suite: most
of these fail something.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore

from memory import (
    BufferMemory,
    ChatHistory,
    ConversationMemory,
    LangGraphStore,
    Scope,
    VectorMemory,
    open_store,
)
from memory.testing import HistoryContract, MemoryContract, StoreContract, WordEmbeddings
from tests.doubles import count_words
from tests.peers.langchain import (
    CombinedMemory,
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationSummaryBufferMemory,
    ConversationTokenBufferMemory,
    CountingChat,
    FileChatMessageHistory,
    SQLChatMessageHistory,
    VectorStoreRetrieverMemory,
    quiet,
)

pytestmark = quiet
TURN = 70  # characters of a turn, at most


def model() -> CountingChat:
    """A model whose summaries are short."""
    return CountingChat(answer=lambda _: "They have parcels.")


def recalling(key: str = "history") -> Any:
    """LangChain's memory over a vector store, its nearest four turns."""
    vectors = InMemoryVectorStore(WordEmbeddings())
    return VectorStoreRetrieverMemory(retriever=vectors.as_retriever(), memory_key=key)


class InMemory(MemoryContract):
    """A memory whose messages are in its process; a session is an object."""

    durable = False
    of: Any = ConversationBufferMemory
    more: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def opened(self) -> Any:
        """One for each session."""
        return lambda session, **more: self.of(**self.more, **more)


class TestConversationBufferMemory(InMemory):
    """All messages."""


class TestConversationBufferWindowMemory(InMemory):
    """The last five turns."""

    of = ConversationBufferWindowMemory
    limit = 5 * TURN


class TestConversationTokenBufferMemory(InMemory):
    """The last forty words."""

    of = ConversationTokenBufferMemory
    more: ClassVar[dict[str, Any]] = {"llm": model(), "max_token_limit": 40}
    limit = 6 * TURN


class TestConversationSummaryBufferMemory(InMemory):
    """The last forty words, and a summary."""

    of = ConversationSummaryBufferMemory
    more: ClassVar[dict[str, Any]] = {"llm": model(), "max_token_limit": 40}
    limit = 7 * TURN


class TestConversationSummaryBufferMemoryOverSQL(MemoryContract):
    """The same over LangChain's history in a SQL database."""

    asynchronous = False  # of such a history: see there
    limit = 7 * TURN

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Any:
        """A session of one database."""
        connection = f"sqlite:///{tmp_path / 'theirs.db'}"
        return lambda session, **more: ConversationSummaryBufferMemory(
            llm=model(), max_token_limit=40,
            chat_memory=SQLChatMessageHistory(session, connection=connection), **more,
        )  # fmt: skip


class TestVectorStoreRetrieverMemory(MemoryContract):
    """The four turns that are nearest."""

    durable, recent, recalls, as_messages = False, 0, True, False
    limit = 5 * TURN

    @pytest.fixture
    def opened(self) -> Any:
        """A vector store for each session."""
        return lambda session: recalling()


class TestCombinedMemory(MemoryContract):
    """The last five turns, and those that are nearest."""

    durable, as_messages = False, False
    limit = 10 * TURN

    @pytest.fixture
    def opened(self) -> Any:
        """Both of each session."""
        return lambda session: CombinedMemory(
            memories=[
                ConversationBufferWindowMemory(input_key="input"),
                recalling("recalled"),
            ]
        )


class TestOurConversationMemory(MemoryContract):
    """Recent messages, a summary and what is recalled, in SQLite."""

    limit = 5000

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Any]:
        """Another customer of one database for each session."""
        with ExitStack() as stack:
            yield lambda session, **more: ConversationMemory(
                store=stack.enter_context(open_store(f"sqlite:///{tmp_path}/ours.db")),
                scope=Scope(session), embeddings=WordEmbeddings(), count_tokens=count_words,
                max_tokens=300, summary_tokens=60, recall_tokens=60, background=False, **more,
            )  # fmt: skip


class TestInMemoryChatMessageHistory(HistoryContract):
    """A list."""

    durable = False

    @pytest.fixture
    def opened(self) -> Any:
        """One for each session."""
        return lambda session: InMemoryChatMessageHistory()


class TestFileChatMessageHistory(HistoryContract):
    """A JSON file."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Any:
        """A file for each session."""
        return lambda session: FileChatMessageHistory(str(tmp_path / f"{session}.json"))


class TestSQLChatMessageHistory(HistoryContract):
    """Rows; opened with ``async_mode=True`` it would have the async methods, and no sync ones."""

    asynchronous = False

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Any:
        """Sessions of one database."""
        connection = f"sqlite:///{tmp_path / 'theirs.db'}"
        return lambda session: SQLChatMessageHistory(session, connection=connection)


class TestOurChatHistory(HistoryContract):
    """A session's rows, in SQLite."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Any]:
        """Sessions of one database."""
        with ExitStack() as stack:
            yield lambda session: ChatHistory(
                BufferMemory(
                    store=stack.enter_context(open_store(f"sqlite:///{tmp_path}/ours.db")),
                    scope=Scope("ada", session),
                )
            )


def indexed(embeddings: Any, fields: Any) -> Any:
    """LangGraph's way to say by what a store finds."""
    if embeddings is None:
        return None
    return {"dims": 64, "embed": embeddings, "fields": list(fields)}


class TestInMemoryStore(StoreContract):
    """Dicts."""

    durable, expiring = False, False

    @pytest.fixture
    def opened(self) -> Any:
        """A new one."""
        return lambda embeddings=None, fields=(): InMemoryStore(index=indexed(embeddings, fields))


class TestSqliteStore(StoreContract):
    """A SQLite file and sqlite-vec, told to omit what has expired; its async twin is a class of
    its own.
    """

    asynchronous = False
    semantic = hasattr(sqlite3.Connection, "enable_load_extension")  # Python may be built without

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Any]:
        """A connection to one file, made as ``from_conn_string`` makes it."""
        with ExitStack() as stack:

            def store(embeddings: Any = None, fields: Any = ()) -> SqliteStore:
                connection = sqlite3.connect(
                    tmp_path / "theirs.db", check_same_thread=False, isolation_level=None
                )
                stack.callback(connection.close)
                ttl: Any = {"omit_expired": True, "refresh_on_read": True}
                made = SqliteStore(connection, index=indexed(embeddings, fields), ttl=ttl)
                made.setup()
                return made

            yield store


class TestOurLangGraphStore(StoreContract):
    """Rows, in SQLite."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Iterator[Any]:
        """One customer's of one database."""
        with ExitStack() as stack:
            yield lambda embeddings=None, fields=(): LangGraphStore(
                VectorMemory(
                    store=stack.enter_context(open_store(f"sqlite:///{tmp_path}/ours.db")),
                    scope=Scope("ada"), embeddings=embeddings or WordEmbeddings(),
                ),
                fields=fields,
            )  # fmt: skip
