"""Requests to a model's server that may be replaced while it answers.

Each request goes to the server that is current when it begins. One that is replaced answers what
it has begun, and is closed after the last of it.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
from typing_extensions import override


@dataclass(eq=False)
class _Served:
    server: Any  # llama.cpp's; it stops when it is forgotten
    url: httpx.URL
    requests: int = 0
    replaced: bool = False


class Relay:
    """The current server, and those that still answer."""

    def __init__(self, server: Any) -> None:
        self._lock = threading.Lock()
        self._current = _Served(server, httpx.URL(server.listening_address))
        self._answering = 0

    @property
    def answering(self) -> int:
        """How many requests have begun and not ended."""
        return self._answering

    @property
    def address(self) -> str:
        """Where the current server listens."""
        return str(self._current.url)

    @property
    def open(self) -> bool:
        """Whether there is a server."""
        return self._current.server is not None

    def replace(self, server: Any) -> None:
        """Send what comes from now on to another server."""
        new = _Served(server, httpx.URL(server.listening_address))
        with self._lock:
            old, self._current = self._current, new
            old.replaced = True
            ended = not old.requests
        if ended:
            _close(old)

    def close(self) -> None:
        """Stop the current server now, and those that were replaced with their last answer."""
        self._current.server = None

    def begin(self, request: httpx.Request) -> Callable[[], None]:
        """Send a request to the current server; returns what is to be called at its end."""
        with self._lock:
            served = self._current
            served.requests += 1
            self._answering += 1
        request.url = request.url.copy_with(
            scheme=served.url.scheme, host=served.url.host, port=served.url.port
        )

        def end() -> None:
            with self._lock:
                served.requests -= 1
                self._answering -= 1
                ended = served.replaced and not served.requests
            if ended:
                _close(served)

        return end


def _close(served: _Served) -> None:
    """Stop a server; not here and now, since its threads are waited for."""

    def close() -> None:
        served.server = None

    threading.Thread(target=close, name="close-replaced-model").start()


class RelayTransport(httpx.HTTPTransport):
    """httpx's own, by way of a relay."""

    def __init__(self, relay: Relay, **choices: Any) -> None:
        super().__init__(**choices)
        self._relay = relay

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        end = self._relay.begin(request)
        try:
            response = super().handle_request(request)
        except BaseException:
            end()
            raise
        response.stream = _Stream(cast("httpx.SyncByteStream", response.stream), end)
        return response


class AsyncRelayTransport(httpx.AsyncHTTPTransport):
    """httpx's own, by way of a relay."""

    def __init__(self, relay: Relay, **choices: Any) -> None:
        super().__init__(**choices)
        self._relay = relay

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        end = self._relay.begin(request)
        try:
            response = await super().handle_async_request(request)
        except BaseException:
            end()
            raise
        response.stream = _AsyncStream(cast("httpx.AsyncByteStream", response.stream), end)
        return response


class _Stream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, end: Callable[[], None]) -> None:
        self._inner = inner
        self._end: Callable[[], None] | None = end

    @override
    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    @override
    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            if self._end is not None:  # once, however often it is closed
                end, self._end = self._end, None
                end()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, end: Callable[[], None]) -> None:
        self._inner = inner
        self._end: Callable[[], None] | None = end

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk

    @override
    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            if self._end is not None:
                end, self._end = self._end, None
                end()
