"""What a client is sent, held for it: the turn waits a moment, if at all, for one that is slow."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

from anyio import CancelScope
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

T = TypeVar("T")

_MOST = 256 * 1024  # bytes that are held for a client
_SPARED = 2.0  # seconds of a turn that wait for its reader, where a model is faster than the loop
_STEP = 0.001
_STUCK = 0.5  # seconds with one piece: a reader with whom it makes no sense to wait
CUT = "memory-service.cut"  # in a connection's state: it was cut, its client took nothing

_on_their_own: set[asyncio.Task[None]] = set()  # which nobody else refers to


class Feed:
    """The pieces of a turn, from a task of its own to whoever reads them, at their own pace."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        too_slow: bytes,
        patience: float,
        detached: bool = False,
    ) -> None:
        """Begin.

        Args:
            pieces: are taken as they come, whoever reads.
            too_slow: what a reader is told, in place of the rest, who is too far behind. The
                turn goes on without one.
            patience: the turn goes on too when one leaves who has taken nothing for so many
                seconds: it was left, and has not hung up.
            detached: once it has begun the turn goes on whenever one leaves.
        """
        self._detached = detached
        self._begun = False
        self._pieces = pieces
        self._patience = patience
        self._given_at: float | None = None  # when the reader got what it has not taken yet
        self._too_slow = too_slow
        self._held: deque[bytes] = deque()
        self._size = 0
        self._spared = _SPARED
        self._lost = False  # the reader is too far behind
        self._over = False
        self._error: Exception | None = None
        self._news = asyncio.Event()
        # Not the task: what is shielded, such as storing an answer, is not to be broken off.
        self._reading = CancelScope()
        task = asyncio.create_task(self._take())
        _on_their_own.add(task)
        task.add_done_callback(_on_their_own.discard)

    async def begun(self) -> Feed:
        """Wait for the first piece, then itself; raises what has gone wrong in place of one."""
        try:
            await self._news.wait()
        except asyncio.CancelledError:
            self.leave()
            raise
        if not self._held and self._error is not None:
            raise self._error
        self._begun = True
        return self

    async def pieces(self) -> AsyncIterator[bytes]:
        """What there is to read, until the end."""
        while True:
            self._news.clear()
            while self._held:
                piece = self._held.popleft()
                self._size -= len(piece)
                self._given_at = time.monotonic()
                yield piece
                self._given_at = None
            if self._over or self._lost:
                break
            await self._news.wait()
        if self._error is not None:
            raise self._error

    def leave(self, *, cut: bool = False) -> None:
        """Nobody reads any more: the turn is stopped, unless it goes on without a slow reader.

        One whose connection was ``cut`` is slow, too: what it had not taken was let go of then.
        """
        given = self._given_at
        waits = given is not None and time.monotonic() - given >= self._patience
        self._lost = self._lost or (self._detached and self._begun) or waits or cut
        self._held.clear()
        if not self._lost:
            self._reading.cancel()

    async def _take(self) -> None:
        try:
            with self._reading:
                async with contextlib.aclosing(self._pieces) as pieces:
                    async for piece in pieces:
                        self._hold(piece)
                        await self._drained()
        except Exception as error:
            self._error = error
        finally:
            self._over = True
            self._news.set()

    async def _drained(self) -> None:
        """Let who reads as fast as they can take what a model says that never waits itself."""
        began = time.monotonic()
        until = began + self._spared
        while self._size > _MOST // 2 and not self._lost and (at := time.monotonic()) < until:
            if self._given_at is not None and at - self._given_at > _STUCK:
                break
            await asyncio.sleep(_STEP)
        self._spared -= time.monotonic() - began

    def _hold(self, piece: bytes) -> None:
        if self._lost:
            return
        self._held.append(piece)
        self._size += len(piece)
        if self._size > _MOST:
            self._held.clear()
            self._held.append(self._too_slow)
            self._lost = True
        self._news.set()


class FeedResponse(StreamingResponse):
    """Server-sent events from a feed."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(
            feed.pieces(),
            media_type="text/event-stream",
            # The second is nginx's word for it.
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._feed = feed

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(cut=CUT in scope.get("state", {}))


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of ``work``; None if the client hangs up, which cancels it."""
    until_gone = CancelScope()  # as for a feed: what is shielded in it is not broken off

    async def worked() -> T | None:
        with until_gone:
            return await work
        return None

    working = asyncio.ensure_future(worked())
    leaving = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not working.done():
            until_gone.cancel()
            await asyncio.wait({working})
    return working.result()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
