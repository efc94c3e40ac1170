"""What a model says, as it says it: within limits of time, and stopped when nobody listens."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable

from app.places import Leaving
from memory import Watch

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_STOP_SECONDS = 2.0  # how long a model may take to be stopped

_Chunks = asyncio.Queue[AIMessageChunk | Exception | None]


class Stopped(Exception):
    """Somebody has stopped this answer."""


class Speech:
    """Asks models, and can end all of their answers."""

    def __init__(self, silence: float, whole: float, watch: Watch) -> None:
        """Let a model be silent for, and speak in all, so many seconds."""
        self._watch = watch
        self._silence = silence
        self._whole = whole
        self._open: dict[_Chunks, str | None] = {}  # with their turns
        self._ended = False

    def end(self) -> None:
        """End the answers that are under way, and those that are yet to come."""
        self._ended = True
        for chunks in self._open:
            chunks.put_nowait(_left())

    def stop(self, turn: str) -> bool:
        """End the answer of a turn; False if it is not asked for here."""
        found = [chunks for chunks, whose in self._open.items() if whose == turn]
        for chunks in found:
            chunks.put_nowait(Stopped())
        return bool(found)

    async def chunks(
        self,
        model: Runnable[Any, Any],
        messages: list[BaseMessage] | dict[str, str],
        turn: str | None = None,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """What a model says to messages, or to a prompt's values; closing this stops it.

        Raises:
            TimeoutError: it was silent for too long, or has not come to an end.
            Leaving: all answers were ended.
            Stopped: that of this turn was.
        """
        if self._ended:
            raise _left()
        chunks: _Chunks = asyncio.Queue()
        until = time.monotonic() + self._whole

        async def read() -> None:
            try:
                with self._watch.step("model"):
                    told = False
                    async for chunk in model.astream(messages):
                        if not told and chunk.text:
                            told = True
                            self._watch.happened("first-token")
                        chunks.put_nowait(chunk)
            finally:
                chunks.put_nowait(None)

        # In a task, because only a cancellation ends LangChain's generators at once: closed from
        # outside, those within stay as they are, and the model goes on for a client that has left.
        reading = asyncio.create_task(read())
        self._open[chunks] = turn
        try:
            while True:
                left = until - time.monotonic()
                if chunks.empty() or left <= 0:
                    # Not wait_for: it can swallow a cancellation (CPython 3.11).
                    async with asyncio.timeout(min(self._silence, left)):
                        chunk = await chunks.get()
                else:  # models say several pieces at a time, and a timeout is not for nothing
                    chunk = chunks.get_nowait()
                if chunk is None:
                    break
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
            await reading  # raises what the model failed with
        finally:
            del self._open[chunks]
            reading.cancel()
            await asyncio.wait([reading], timeout=_STOP_SECONDS)
            if reading.done() and not reading.cancelled():
                reading.exception()  # seen, so that nobody logs it as unseen


def storable(piece: str) -> str:
    """A piece of an answer without what no database takes: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", piece)


def usage_of(chunk: AIMessageChunk) -> dict[str, int]:
    """Tokens read and written, where a chunk says how many."""
    found = chunk.usage_metadata
    if not found:
        return {}
    return {"input_tokens": found["input_tokens"], "output_tokens": found["output_tokens"]}


def _left() -> Leaving:
    return Leaving("What was said so far is kept")
