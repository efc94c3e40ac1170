"""Contracts with which a memory, a history or a store of your own proves itself, by pytest."""

from memory.testing.histories import HistoryContract
from memory.testing.memories import MemoryContract
from memory.testing.stores import StoreContract
from memory.testing.words import WordEmbeddings

__all__ = ["HistoryContract", "MemoryContract", "StoreContract", "WordEmbeddings"]
