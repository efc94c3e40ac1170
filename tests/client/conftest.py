"""Both clients, as one that a test calls: what one does the other does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.main import create_app
from app.settings import Settings
from memory.client import AsyncMemoryClient, MemoryClient
from tests.app.conftest import KEY, Running, double, run_service, scripted, serving

__all__ = ["double", "run_service", "scripted"]

Connect = Callable[..., Any]


class Awaited:
    """The asynchronous client, each method awaited by another thread's loop."""

    def __init__(self, portal: BlockingPortal, client: AsyncMemoryClient) -> None:
        self._portal = portal
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name == "stream":
            return partial(self._stream, method)
        return lambda *args, **more: self._portal.call(partial(method, *args, **more))

    def _stream(self, method: Any, *args: Any, **more: Any) -> Iterator[Any]:
        events = method(*args, **more)
        try:
            while True:
                try:
                    yield self._portal.call(anext, events)
                except StopAsyncIteration:
                    return
        finally:
            self._portal.call(events.aclose)


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Make clients of a kind, which are closed with the test: ``connect(url)``."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal()) if request.param == "async" else None

        def opened(url: str, key: str = KEY, **more: Any) -> Any:
            if portal is None:
                return stack.enter_context(MemoryClient(url, key, **more))
            client = AsyncMemoryClient(url, key, **more)
            stack.callback(portal.call, client.aclose)
            return Awaited(portal, client)

        yield opened


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose model repeats the message, for all tests."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(
        data_dir=folder, api_key=KEY, llm="fake:echo", understanding="off", rate_customer="off"
    )
    app = create_app(settings)
    with serving(app) as address:
        running = Running(app, address)
        with running.client:
            yield running


@pytest.fixture
def ada() -> str:
    """A customer of this test alone, with what has to be encoded in her name."""
    return f"ada/ß {uuid.uuid4().hex}"
