"""Conversations with small budgets, and prompts as a model's server sees them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import BaseMessage

from memory import (
    ConversationMemory,
    MemoryStore,
    Scope,
)
from memory.history import MESSAGE_OVERHEAD
from tests.doubles import WordEncoder, count_words

WORDS = WordEncoder()
TOPICS = "parcel invoice refund address delivery password".split()


def conversation(store: MemoryStore, session: str = "now", **more: Any) -> ConversationMemory:
    """A conversation with small budgets, so that it folds every few turns."""
    given: dict[str, Any] = {
        "embeddings": WORDS, "count_tokens": count_words, "background": False,
        "max_tokens": 320, "summary_tokens": 40, "recall_tokens": 60, "system": "Be kind.",
    } | more  # fmt: skip
    return ConversationMemory(store=store, scope=Scope("ada", session), **given)


def told_before(store: MemoryStore) -> None:
    """Another session, from which something can be recalled for each topic."""
    memory = conversation(store, "before")
    for n, topic in enumerate(TOPICS):
        memory.save_context({"input": f"my {topic} is number {n}"}, {"output": "noted"})
    memory.digest()


def plain(messages: list[BaseMessage]) -> list[tuple[str, str]]:
    """What a model's server sees."""
    return [(message.type, message.text) for message in messages]


def cost(messages: list[BaseMessage], count: Any = count_words) -> int:
    """The tokens of a prompt, counted on the prompt itself."""
    return sum(count(message.text) + MESSAGE_OVERHEAD for message in messages)


# Something about a topic, in so many words, how the turn ended, and what came then.
STEP = st.tuples(
    st.sampled_from(TOPICS),
    st.integers(1, 25),  # words
    st.sampled_from(["complete"] * 5 + ["stopped", "failed", "silent"]),
    st.sampled_from(["go on"] * 4 + ["digest", "restart"]),
)
