"""ChatHistory: a session as LangChain's chat message history."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from memory.base import StoredMemory
from memory.history import to_langchain


class ChatHistory(BaseChatMessageHistory):
    """The messages of a memory's session, for programs that take a history and no memory.

    As in ``RunnableWithMessageHistory``, or in a LangChain memory's ``chat_memory``. What is added
    is digested as what a memory saves, so it is summarised and recalled like that.
    """

    def __init__(self, memory: StoredMemory) -> None:
        self._memory = memory

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """Everything that was said in the session, oldest first."""
        window = self._memory.store.transcript.window(self._memory.scope)
        return [to_langchain(said.message) for said in window]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, all of them or none, one after the other; ids that are there stay.

        Raises:
            InvalidInput: one cannot be stored.
        """
        self._memory.add_messages(messages)

    def clear(self) -> None:
        """Delete the session, with what was made of it."""
        self._memory.clear()
