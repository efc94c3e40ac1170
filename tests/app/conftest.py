"""A whole service in the process, over a real port where streams and disconnects matter."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.main import create_app
from app.server import listen, server_config
from app.settings import Settings
from memory import Understanding
from tests.llm.openai_double import OpenAIDouble

KEY = "a-key-for-tests"


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is about to be so."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def serving(app: FastAPI, config: uvicorn.Config | None = None) -> Iterator[str]:
    """Serve ``app`` on a free port of 127.0.0.1; yields its address."""
    listener = listen("127.0.0.1", 0)
    quick = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config or quick)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + 120
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()


@contextmanager
def as_served(**settings: Any) -> Iterator[Running]:
    """A service over the connections that ``serve`` has, without a classifier."""
    given = Settings(api_key=KEY, understanding="off", **settings)
    app = create_app(given)
    with serving(app, server_config(given, app)) as address:
        running = Running(app, address)
        with running.client:
            yield running


def address_of(
    said: Path, process: subprocess.Popen[bytes], trust: ssl.SSLContext | bool = True
) -> str:
    """The address that ``serve`` prints into a file, once it answers there."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert process.poll() is None, said.read_text()
        if found := re.search(r"Chat at (\S+)", said.read_text()):
            try:
                if httpx.get(f"{found[1]}readyz", verify=trust, timeout=60).status_code == 200:
                    return found[1]
            except httpx.TransportError:
                pass
        time.sleep(0.05)
    raise AssertionError(said.read_text())


class Running:
    """A served app, a client with the key, and the app itself."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self.app = app
        self.address = address
        self.client = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {KEY}"}, timeout=120
        )

    def chat(self, message: str, **more: Any) -> httpx.Response:
        """Say something."""
        body = {"customer": "ada", "session": "s1", "message": message, **more}
        return self.client.post("/v1/chat", json=body)

    def settle(self) -> None:
        """Wait for what runs in the background."""
        self.app.state.store.wait(30)


@pytest.fixture
def run_service(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start services with given settings; they end with the test."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(understanding: Understanding | str = "off", **settings: Any) -> Running:
            given = {"data_dir": tmp_path, "api_key": KEY, "llm": "fake:echo", **settings}
            if isinstance(understanding, str):
                app = create_app(Settings(understanding=understanding, **given))
            else:
                app = create_app(Settings(**given), understanding=understanding)
            running = Running(app, stack.enter_context(serving(app)))
            stack.callback(running.client.close)
            return running

        yield start


@pytest.fixture
def service(run_service: Callable[..., Running]) -> Running:
    """A service whose model repeats the message."""
    return run_service()


@pytest.fixture
def double() -> Iterator[OpenAIDouble]:
    """A scripted model server."""
    with OpenAIDouble() as model:
        yield model


@pytest.fixture
def scripted(run_service: Callable[..., Running], double: OpenAIDouble) -> Running:
    """A service that asks the scripted model."""
    return run_service(llm=double.url)


@contextmanager
def asking(service: Running, body: dict[str, Any]) -> Iterator[None]:
    """A turn is asked for, and at the end of the block who asked hangs up."""
    asked = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", httpx.URL(service.address).port)) as line:
        line.sendall(
            b"POST /v1/chat HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
            % (KEY.encode(), len(asked), asked)
        )
        yield


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The server-sent events of a streamed response: names and data."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])
