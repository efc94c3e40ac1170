"""LangChain's own classes as they install today, and a model and vectors for them.

They are deprecated and say so when they are imported or made; the tests beside this file use
them all the same, to show what they do.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from tests.doubles import ScriptedChat, WordEncoder, count_words

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langchain_classic.memory import (
        CombinedMemory,
        ConversationBufferMemory,
        ConversationBufferWindowMemory,
        ConversationSummaryBufferMemory,
        ConversationSummaryMemory,
        ConversationTokenBufferMemory,
        ConversationVectorStoreTokenBufferMemory,
        VectorStoreRetrieverMemory,
    )
    from langchain_community.chat_message_histories import (
        FileChatMessageHistory,
        SQLChatMessageHistory,
    )
    from langchain_community.docstore.in_memory import InMemoryDocstore
    from langchain_community.vectorstores import FAISS

__all__ = [
    "FAISS",
    "CombinedMemory",
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationSummaryBufferMemory",
    "ConversationSummaryMemory",
    "ConversationTokenBufferMemory",
    "ConversationVectorStoreTokenBufferMemory",
    "CountingChat",
    "FileChatMessageHistory",
    "SQLChatMessageHistory",
    "VectorStoreRetrieverMemory",
    "WordEmbeddings",
    "empty_faiss",
    "quiet",
]

quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # LangChain's are among them


class CountingChat(ScriptedChat):
    """A scripted model that counts words as tokens and streams its answer word by word."""

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], *_: Any) -> int:
        """The words of all messages."""
        return sum(count_words(message.text) for message in messages)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for word in self.answer(messages).split():
            yield ChatGenerationChunk(message=AIMessageChunk(f"{word} "))


class WordEmbeddings(Embeddings):
    """The tests' bag-of-words encoder as LangChain wants it."""

    def __init__(self) -> None:
        self.encoder = WordEncoder()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The texts' vectors."""
        vectors: list[list[float]] = self.encoder.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """One text's vector."""
        return self.embed_documents([text])[0]


def empty_faiss() -> FAISS:
    """LangChain community's FAISS store with nothing in it."""
    import faiss

    return FAISS(WordEmbeddings(), faiss.IndexFlatL2(64), InMemoryDocstore(), {})
