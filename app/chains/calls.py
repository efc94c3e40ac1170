"""The calls of a client's tools that a model asks for, put together from their pieces."""

from __future__ import annotations

from langchain_core.messages import AIMessageChunk, ToolCallChunk

from app.chains.speech import storable
from memory.database import new_id


class Calls:
    """The calls so far; each has an id and a place of its own, whatever the model's server says."""

    def __init__(self) -> None:
        self._by_index: dict[int | None, ToolCallChunk] = {}

    @property
    def whole(self) -> list[ToolCallChunk]:
        """The calls in their order."""
        return list(self._by_index.values())

    def add(self, chunk: AIMessageChunk) -> list[ToolCallChunk]:
        """The pieces that a chunk brings: a call's first one has its id and its name."""
        return [self._add(piece) for piece in chunk.tool_call_chunks]

    def _add(self, piece: ToolCallChunk) -> ToolCallChunk:
        name, args = storable(piece["name"] or ""), storable(piece["args"] or "")
        # Without an index a server gives each call whole.
        index = len(self._by_index) if piece["index"] is None else piece["index"]
        call = self._by_index.get(index)
        if call is not None:
            call["name"] = (call["name"] or "") + name
            call["args"] = (call["args"] or "") + args
            return ToolCallChunk(name=None, args=args, id=None, index=call["index"])
        told = storable(piece["id"] or "") or f"call_{new_id()}"
        call = ToolCallChunk(name=name, args=args, id=told, index=len(self._by_index))
        self._by_index[index] = call
        return ToolCallChunk(name=name, args=args, id=told, index=call["index"])
