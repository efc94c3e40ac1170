"""A service that is stopped: what is under way ends or is stored, and nothing new is begun."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.conftest import events, until
from tests.crash.served import HEADERS, Served
from tests.llm.openai_double import OpenAIDouble

LONG = " ".join(f"word{n}" for n in range(5_000))


class Listener:
    """A client of a stream, in a thread."""

    def __init__(self, address: str, customer: str) -> None:
        self.told: list[tuple[str, Any]] = []
        self._body = {"customer": customer, "message": "hello", "stream": True}
        self._address = address
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        until(lambda: any(name == "token" for name, _ in self.told))

    def _listen(self) -> None:
        with (
            httpx.Client(base_url=self._address, headers=HEADERS, timeout=120) as client,
            client.stream("POST", "/v1/chat", json=self._body) as answer,
        ):
            for event in events(answer):
                self.told.append(event)

    @property
    def said(self) -> str:
        """What has come of the answer."""
        return "".join(data["text"] for name, data in self.told if name == "token")

    def end(self) -> tuple[str, Any]:
        """The last event."""
        self._thread.join(120)
        return self.told[-1]


@pytest.fixture
def served(tmp_path: Path, double: OpenAIDouble) -> Iterator[Served]:
    """`memory-service serve` itself, in a process of its own."""
    service = Served(tmp_path, llm=double.url, understanding="off", stop_wait=10, answer_wait=60)
    service.start()
    yield service
    service.stop()


def stored(served: Served, customer: str) -> list[tuple[str, str]]:
    """Text and status of a customer's messages, seen by a service that is started anew."""
    path = f"{served.address}/v1/customers/{customer}/sessions/default/messages"
    messages = httpx.get(path, headers=HEADERS, timeout=60).json()["messages"]
    return [(message["text"], message["status"]) for message in messages]


def test_sigterm_lets_answers_end_and_refuses_new_ones(
    served: Served, double: OpenAIDouble
) -> None:
    """From the signal on it is not ready and takes no turn, while what can be read is; an answer
    that ends in time is whole, and one that does not is stopped and stored. It ends with 0.
    """
    double.reply, double.delay = LONG, 0.02
    long = Listener(served.address, "ada")
    double.reply = " ".join(LONG.split()[:30])
    short = Listener(served.address, "bob")
    served.signal(signal.SIGTERM)
    with httpx.Client(base_url=served.address, headers=HEADERS, timeout=60) as client:
        until(lambda: client.get("/readyz").status_code == 503)
        assert "stopped" in client.get("/readyz").json()["problems"][0]
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/customers/ada/sessions").status_code == 200
        for stream in (False, True):
            body = {"customer": "eve", "message": "hello", "stream": stream}
            refused = client.post("/v1/chat", json=body)
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:problem:leaving")
            assert int(refused.headers["retry-after"]) >= 1
    assert short.end()[0] == "done"
    name, problem = long.end()
    assert (name, problem["type"]) == ("error", "urn:problem:leaving")
    assert "kept" in problem["detail"]
    assert served.exit_code(60) == 0
    served.start()
    assert stored(served, "bob")[1] == (short.said, "complete")
    assert stored(served, "ada")[1] == (long.said, "stopped")
    assert httpx.get(
        f"{served.address}/v1/customers/eve/sessions", headers=HEADERS, timeout=60
    ).is_error


def test_a_second_signal_ends_it_at_once_and_stores_too(
    tmp_path: Path, double: OpenAIDouble
) -> None:
    """Ctrl-C and then again, where an answer would have had an hour to end."""
    service = Served(tmp_path, llm=double.url, understanding="off", stop_wait=3600)
    service.start()
    try:
        double.reply, double.delay = LONG, 0.02
        listener = Listener(service.address, "ada")
        service.signal(signal.SIGINT)
        until(lambda: httpx.get(f"{service.address}/readyz", timeout=60).status_code == 503)
        said = len(listener.said)
        until(lambda: len(listener.said) > said)  # it goes on
        service.signal(signal.SIGINT)
        assert service.exit_code(120) == 0  # and not in an hour
        assert listener.end()[0] == "error"
        service.start()
        assert stored(service, "ada")[1] == (listener.said, "stopped")
    finally:
        service.stop()
