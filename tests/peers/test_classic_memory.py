"""LangChain's memory classes: each test shows the failure there, and that ours does not have it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from memory import (
    BufferMemory,
    ConversationMemory,
    MemoryStore,
    Scope,
    SummaryMemory,
    VectorMemory,
    open_store,
)
from tests.contracts.memories import rows
from tests.doubles import WordEncoder, count_words
from tests.peers.langchain import (
    ConversationSummaryBufferMemory,
    ConversationSummaryMemory,
    ConversationTokenBufferMemory,
    ConversationVectorStoreTokenBufferMemory,
    CountingChat,
    SQLChatMessageHistory,
    empty_faiss,
    quiet,
)

pytestmark = quiet
ADA = Scope("ada", "s1")


@pytest.fixture
def store(sqlite_url: str) -> Any:
    """A SQLite store."""
    with open_store(sqlite_url) as opened:
        yield opened


def save(memory: Any, run: str, turns: int = 5) -> None:
    """Save turns the sync or the async way."""
    for n in range(turns):
        turn = {"input": f"my parcel PX-{n} is late"}, {"output": f"parcel PX-{n} comes soon"}
        if run == "sync":
            memory.save_context(*turn)
        else:
            asyncio.run(memory.asave_context(*turn))


def test_asave_context_leaves_the_summary_empty(store: MemoryStore) -> None:
    """Theirs: after ``ConversationSummaryMemory.asave_context`` the summary is empty, though the
    sync way fills it. Ours, ``SummaryMemory``: the same summary both ways.
    """
    for run, expected in (("sync", "a summary"), ("async", "")):
        theirs = ConversationSummaryMemory(llm=CountingChat(answer=lambda _: "a summary"))
        save(theirs, run)
        assert theirs.load_memory_variables({})["history"] == expected

    given = []
    for run in ("sync", "async"):
        ours = SummaryMemory(
            store=store, scope=Scope("ada", run), window_tokens=40, count_tokens=count_words,
            background=False,
        )  # fmt: skip
        save(ours, run)
        ours.digest()
        assert ours.current().version == 1
        given.append(ours.load_memory_variables({})["summary"])
    assert given[0] == given[1]
    assert "PX-0" in given[0]


def test_asave_context_keeps_more_than_the_limit(store: MemoryStore) -> None:
    """Theirs: five turns through ``ConversationTokenBufferMemory.asave_context`` with a limit of
    three tokens keep ten messages, where the sync way prunes. Ours, ``BufferMemory``: within its
    limit both ways.
    """
    kept = {}
    for run in ("sync", "async"):
        theirs = ConversationTokenBufferMemory(llm=CountingChat(), max_token_limit=3)
        save(theirs, run)
        kept[run] = len(theirs.chat_memory.messages)
    assert kept == {"sync": 0, "async": 10}

    for run in ("sync", "async"):
        ours = BufferMemory(
            store=store, scope=Scope("ada", run), max_tokens=20, count_tokens=count_words
        )
        save(ours, run)
        window = ours.window()
        assert window
        assert sum(message.tokens for message in window) <= 20
        assert len(store.transcript.window(ours.scope)) == 10, "left out of the window, not lost"


def test_asave_context_stores_no_vectors_and_clear_leaves_them(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Theirs: ``ConversationVectorStoreTokenBufferMemory.asave_context`` stores no vector where the
    sync way stores one a turn, and ``clear()`` leaves those. Ours, ``VectorMemory``: vectors both
    ways, and none after ``clear()``.
    """
    for run, expected in (("sync", 5), ("async", 0)):
        faiss = empty_faiss()
        theirs = ConversationVectorStoreTokenBufferMemory(
            llm=CountingChat(), retriever=faiss.as_retriever(), max_token_limit=3,
            return_messages=True,
        )  # fmt: skip
        save(theirs, run)
        assert faiss.index.ntotal == expected
        theirs.clear()
        assert faiss.index.ntotal == expected, "clear() has not touched them"

    for run in ("sync", "async"):
        ours = VectorMemory(store=store, scope=ADA, embeddings=encoder, count_tokens=count_words)
        save(ours, run)
        store.wait()
        assert len(rows(store)["vectors"]) == 10
        ours.clear()
        assert rows(store)["vectors"] == []
        assert ours.recall("my parcel") == []


def test_a_summary_over_a_sql_history_is_made_anew_every_turn_and_gone_after_a_restart(
    sqlite_url: str, encoder: WordEncoder, tmp_path: Path
) -> None:
    """Theirs: ``ConversationSummaryBufferMemory`` over ``SQLChatMessageHistory`` prunes a copy of
    the messages: nothing leaves the history, at each turn the model is given more to summarise
    again, and a new process has no summary. Ours, ``ConversationMemory`` with a model for its
    summaries: each message is folded once, not every turn, and the summary is there again.
    """
    connection = f"sqlite:///{tmp_path / 'theirs.db'}"

    def theirs(model: CountingChat) -> Any:
        return ConversationSummaryBufferMemory(
            llm=model, max_token_limit=20,
            chat_memory=SQLChatMessageHistory("s1", connection=connection),
        )  # fmt: skip

    model = CountingChat(answer=lambda _: "a summary")
    memory = theirs(model)
    save(memory, "sync", 10)
    asked = [str(messages).count("my parcel PX-") for messages in model.asked]
    assert asked == sorted(asked)
    assert asked[-1] >= 8, "nearly all that was ever said, at the tenth turn"
    assert len(asked) >= 8, "at nearly every turn"
    assert len(memory.chat_memory.messages) == 20
    assert memory.moving_summary_buffer == "a summary"
    assert theirs(model).moving_summary_buffer == ""

    model = CountingChat(answer=lambda _: "a summary of ours")

    def ours(store: MemoryStore) -> ConversationMemory:
        return ConversationMemory(
            store=store, scope=ADA, llm=model, summarize="model", embeddings=encoder,
            count_tokens=count_words, max_tokens=250, summary_tokens=20, recall_tokens=20,
            background=False,
        )  # fmt: skip

    with open_store(sqlite_url) as store:
        for n in range(40):
            ours(store).save_context(
                {"input": f"my parcel PX-{n} is late"}, {"output": "it comes soon"}
            )
            ours(store).digest()
    folded = [n for n in range(40) for messages in model.asked if f"PX-{n} " in str(messages)]
    assert len(folded) == len(set(folded)) > 20, "each message was given to the model once at most"
    assert len(model.asked) < 40 / 3
    with open_store(sqlite_url) as store:
        assert "a summary of ours" in ours(store).load_memory_variables({})["history"]
        assert len(store.transcript.window(ADA)) == 80
