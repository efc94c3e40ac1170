"""BufferMemory: a session's recent messages within a token budget."""

from __future__ import annotations

from typing import Any

from memory.base import StoredMemory
from memory.types import Message


class BufferMemory(StoredMemory):
    """The newest messages of the session that fit into ``max_tokens``.

    The window is not slid message by message, which would change a prompt's beginning at every
    turn: it is cut in steps of half the budget, so that for many turns it only grows.
    """

    max_tokens: int = 1000

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The window, as text or as messages."""
        return {self.memory_key: self._rendered(self.window())}

    def window(self) -> list[Message]:
        """The messages of the window, oldest first."""
        with self.store.database.read():  # the session's size and its messages as of one moment
            return self._window()

    def _window(self) -> list[Message]:
        session = self.store.transcript.session(self.scope)
        if session is None:
            return []
        kept: list[Message] = []
        before: int | None = None
        left = self.max_tokens
        while page := self.store.transcript.newest(self.scope, limit=64, before=before):
            for said in reversed(page):
                if said.message.tokens > left:
                    return self._cut(kept, session.tokens)
                kept.insert(0, said.message)
                left -= said.message.tokens
            before = page[0].message.seq
        return kept

    def _cut(self, kept: list[Message], total: int) -> list[Message]:
        """Cut at the last multiple of half the budget, counted from the session's beginning."""
        step = max(self.max_tokens // 2, 1)
        position = total - sum(m.tokens for m in kept)
        cut = -(-position // step) * step
        for i, message in enumerate(kept):
            if position >= cut:
                return kept[i:]
            position += message.tokens
        return kept[-1:]
