"""Conversational memory for LangChain: buffer, summary and FAISS vector over one database."""

from typing import TYPE_CHECKING

from memory.articles import Article
from memory.breaker import Breaker
from memory.buffer import BufferMemory
from memory.card import Card
from memory.catalogue import Catalogue, Item
from memory.chat_history import ChatHistory
from memory.conversation import ConversationMemory
from memory.embeddings import Encoder, OnnxEmbeddings, embedded
from memory.errors import (
    BadBackup,
    CircuitOpen,
    EmbeddingMismatch,
    InvalidInput,
    MemoryServiceError,
    NotADatabase,
    SchemaTooNew,
    SessionBusy,
    StoreError,
    StoreUnavailable,
    TurnConflict,
    TurnPassed,
    WeightsMissing,
)
from memory.events import Event
from memory.evidence import evident
from memory.exports import is_export
from memory.fact_model import facts_by_model
from memory.fact_writer import facts
from memory.forgetting import Forgotten, Policy
from memory.keys import ApiKey
from memory.knowledge import Knowledge
from memory.layout import Layout
from memory.mood import Mood, MoodPoint
from memory.passages import passages_of
from memory.readers import as_messages, as_text
from memory.receipts import Receipt
from memory.restoring import Restored, restore_backup
from memory.retention import Retention
from memory.retrieval import attention, dense, hops, hybrid, lexical, mmr, recency_weighted
from memory.scoring import contextual
from memory.slots import SLOTS
from memory.store import MemoryStore, open_store
from memory.summary import SummaryMemory
from memory.tokens import count_tokens
from memory.turns import LEASE_SECONDS
from memory.types import (
    NAME_LIMIT,
    Add,
    Candidates,
    Change,
    Evidence,
    Forget,
    Label,
    Labels,
    Message,
    Query,
    Reader,
    Recalled,
    Record,
    Replace,
    Retriever,
    Scope,
    Supersede,
    Turn,
    Understanding,
    Update,
    Writer,
    check_name,
    check_text,
)
from memory.updates import append, forget, replace_similar, supersede
from memory.vector import VectorMemory
from memory.watch import Watch
from memory.withdrawals import Withdrawal
from memory.writers import joined, verbatim

if TYPE_CHECKING:
    from memory.graph import LangGraphStore
    from memory.middleware import MemoryMiddleware
    from memory.retriever import ConversationRetriever
    from memory.vectorstore import FaissVectorStore

__all__ = [
    "LEASE_SECONDS",
    "NAME_LIMIT",
    "SLOTS",
    "Add",
    "ApiKey",
    "Article",
    "BadBackup",
    "Breaker",
    "BufferMemory",
    "Candidates",
    "Card",
    "Catalogue",
    "Change",
    "ChatHistory",
    "CircuitOpen",
    "ConversationMemory",
    "ConversationRetriever",
    "EmbeddingMismatch",
    "Encoder",
    "Event",
    "Evidence",
    "FaissVectorStore",
    "Forget",
    "Forgotten",
    "InvalidInput",
    "Item",
    "Knowledge",
    "Label",
    "Labels",
    "LangGraphStore",
    "Layout",
    "MemoryMiddleware",
    "MemoryServiceError",
    "MemoryStore",
    "Message",
    "Mood",
    "MoodPoint",
    "NotADatabase",
    "OnnxEmbeddings",
    "Policy",
    "Query",
    "Reader",
    "Recalled",
    "Receipt",
    "Record",
    "Replace",
    "Restored",
    "Retention",
    "Retriever",
    "SchemaTooNew",
    "Scope",
    "SessionBusy",
    "StoreError",
    "StoreUnavailable",
    "SummaryMemory",
    "Supersede",
    "Turn",
    "TurnConflict",
    "TurnPassed",
    "Understanding",
    "Update",
    "VectorMemory",
    "Watch",
    "WeightsMissing",
    "Withdrawal",
    "Writer",
    "append",
    "as_messages",
    "as_text",
    "attention",
    "check_name",
    "check_text",
    "contextual",
    "count_tokens",
    "dense",
    "embedded",
    "evident",
    "facts",
    "facts_by_model",
    "forget",
    "hops",
    "hybrid",
    "is_export",
    "joined",
    "lexical",
    "mmr",
    "open_store",
    "passages_of",
    "recency_weighted",
    "replace_similar",
    "restore_backup",
    "supersede",
    "verbatim",
]

# Not every program wants these, and what they subclass takes time to import.
_WHEN_ASKED_FOR = {
    "ConversationRetriever": "memory.retriever",
    "FaissVectorStore": "memory.vectorstore",
    "LangGraphStore": "memory.graph",
    "MemoryMiddleware": "memory.middleware",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _WHEN_ASKED_FOR:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = globals()[name] = getattr(import_module(_WHEN_ASKED_FOR[name]), name)
    return found
