"""The memory classes that the contract is held against: one more class is one more ``Kind``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from memory import (
    BufferMemory,
    ConversationMemory,
    MemoryStore,
    Scope,
    SummaryMemory,
    VectorMemory,
)
from memory.base import StoredMemory

TABLES = "sessions messages turns records vectors segments summaries".split()  # a session's
OTHERS = ("items", "translations", "events", "customers")
SAID = {"input": "My order A-1001 is late."}
ANSWERED = {"output": "I am sorry, I will look it up."}
Make = Callable[..., StoredMemory]


@dataclass(frozen=True)
class Kind:
    """A memory class, the variable it fills, and whether that needs an encoder."""

    of: type[StoredMemory]
    variable: str
    embeds: bool = False


KINDS = {
    "buffer": Kind(BufferMemory, "history"),
    "summary": Kind(SummaryMemory, "summary"),
    "vector": Kind(VectorMemory, "recalled", embeds=True),
    "conversation": Kind(ConversationMemory, "history", embeds=True),
}


def rows(store: MemoryStore, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for the customers' random keys."""
    with store.database.read() as connection:
        return {
            table: [
                tuple(value for name, value in row._mapping.items() if name != "audit_key")
                for row in connection.execute(sa.text(f"SELECT * FROM {table}"))
            ]
            for table in (*TABLES, *OTHERS)
            if table not in but
        }


def said(store: MemoryStore, session: str = "s1", customer: str = "ada") -> list[tuple[str, str]]:
    """The transcript of a session."""
    window = store.transcript.window(Scope(customer, session))
    return [(s.message.role, s.message.text) for s in window]


def loaded(memory: StoredMemory, question: str = "What about order A-1001?") -> str:
    """Everything that the memory gives for a question, as text."""
    return str(memory.load_memory_variables({"input": question}))
