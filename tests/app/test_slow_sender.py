"""Who asks slowly, or opens one connection after another, holds nobody else up."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app import server
from app.connection import bounded
from app.main import create_app
from app.server import listen, server_config
from app.settings import Settings
from app.stopping import Server
from tests.app.conftest import KEY, Running, as_served, until

HEAD = (
    b"POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    + f"Authorization: Bearer {KEY}\r\n".encode()
)
BEGUN = {
    "nothing": b"",
    "half of a head": HEAD,
    "half of a body": HEAD + b"Content-Length: 2000\r\n\r\n{",
    "a second request": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + HEAD,
}


def begin(address: str, said: bytes) -> socket.socket:
    """A connection over which something was said, and nothing more is."""
    url = urlsplit(address)
    client = socket.create_connection((url.hostname, url.port), timeout=30)
    client.sendall(said)
    return client


def ended(client: socket.socket) -> bool:
    """Whether the service has ended the connection; waits for it."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def test_a_request_that_does_not_come_whole_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it stops, and without an error in the log; one whose answer takes longer goes on."""
    with ExitStack() as stack:
        service = stack.enter_context(
            as_served(data_dir=tmp_path, llm="fake:echo", request_timeout=1)
        )
        clients = [stack.enter_context(begin(service.address, said)) for said in BEGUN.values()]
        assert [ended(client) for client in clients] == [True] * len(BEGUN)
        assert service.chat("hello").status_code == 200
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_a_service_that_stops_waits_for_no_rest_of_a_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends at once, although neither its time nor the request's is over, and logs no error."""
    settings = Settings(data_dir=tmp_path, api_key=KEY, llm="fake:echo", understanding="off")
    app = create_app(settings)
    listener = listen("127.0.0.1", 0)
    stopping = Server(server_config(settings, app), app.state.chain, 60)
    thread = threading.Thread(target=stopping.run, kwargs={"sockets": [listener]})
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with ExitStack() as stack:
        clients = [stack.enter_context(begin(address, said)) for said in BEGUN.values()]
        running = Running(app, address)
        with running.client:
            assert running.chat("hello").status_code == 200
        stopping.handle_exit(signal.SIGTERM, None)
        thread.join(30)
        assert not thread.is_alive()
        assert all(ended(client) for client in clients)
    assert stopping.last is not None
    stopping.last.cancel()  # or this process, which does not end with its service, ends with it
    listener.close()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_a_connection_too_many_is_closed_and_the_others_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, however many there are; when others have gone there is room again."""
    monkeypatch.setattr(server, "bounded", lambda *times: bounded(*times, most=8))
    with ExitStack() as stack:
        service = stack.enter_context(
            as_served(data_dir=tmp_path, llm="fake:echo", request_timeout=60)
        )
        assert service.chat("hello").status_code == 200
        clients = [begin(service.address, b"") for _ in range(40)]
        for client in clients:
            stack.enter_context(client)
        assert all(ended(client) for client in clients[7:])
        assert service.chat("still here").status_code == 200
        for client in clients[:7]:
            client.close()

        def served_again() -> bool:
            try:
                return httpx.get(f"{service.address}/healthz", timeout=60).status_code == 200
            except httpx.TransportError:  # it has not seen yet that the others have gone
                return False

        until(served_again)
    assert sum("connections" in one.getMessage() for one in caplog.records) == 1


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics"])
def test_who_watches_may_ask_by_head(tmp_path: Path, path: str) -> None:
    """The head of what GET answers, and no body."""
    with as_served(data_dir=tmp_path, llm="fake:echo", request_timeout=60) as service:
        head, got = (
            httpx.request(
                how, f"{service.address}{path}", headers=service.client.headers, timeout=60
            )
            for how in ("HEAD", "GET")
        )
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
