"""A service that is killed, or stopped, in the middle of an answer: what was said is kept."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import KEY, Running, events, serving, until
from tests.llm.openai_double import OpenAIDouble

WORDS = " ".join(f"word{n}" for n in range(200))
HEADERS = {"Authorization": f"Bearer {KEY}"}


def serve(data: Path, llm: str) -> tuple[subprocess.Popen[str], str]:
    """A service in a process of its own, and its address."""
    environment = {**os.environ, "MEMORY_SERVICE_API_KEY": KEY, "MEMORY_SERVICE_LLM": llm}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0", "--data-dir", str(data)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"Chat at (\S+)/", line):
            return process, found[1]
    raise AssertionError(process.wait())


def test_a_killed_service_keeps_what_was_streamed_and_goes_on_at_once(
    tmp_path: Path, double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After SIGKILL in a stream the next start finds the turn stopped, with what was said up to a
    moment before, and the session takes the next message at once.
    """
    double.reply, double.delay = WORDS, 0.05
    process, address = serve(tmp_path, double.url)
    body = {"customer": "ada", "session": "s1", "message": "hello"}
    heard: list[str] = []
    try:
        with (
            httpx.Client(headers=HEADERS, timeout=120) as client,
            client.stream("POST", f"{address}/v1/chat", json=body | {"stream": True}) as answer,
        ):
            for name, data in events(answer):
                heard += [data["text"]] if name == "token" else []
                if len(heard) == 70:
                    process.kill()
                    break
    finally:
        process.kill()
        process.communicate()
    double.delay = 0
    monkeypatch.setenv("MEMORY_SERVICE_BUSY_WAIT", "0")  # who finds the session held is told so
    process, address = serve(tmp_path, double.url)
    try:
        with httpx.Client(base_url=address, headers=HEADERS, timeout=120) as client:
            said = client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
            assert [(m["role"], m["status"]) for m in said] == [
                ("human", "stopped"),
                ("ai", "stopped"),
            ]
            assert WORDS.startswith(said[1]["text"])
            assert len(said[1]["text"].split()) > 10
            assert client.post("/v1/chat", json=body).json()["status"] == "complete"
    finally:
        process.terminate()
        process.communicate()


def test_a_service_that_is_stopped_in_an_answer_stores_it_before_it_ends(
    run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path
) -> None:
    """A stream that outlasts the time a stop gives is cut off, and what was said is stored."""
    from app.main import create_app
    from app.settings import Settings

    double.reply, double.delay = WORDS, 0.05
    app = create_app(Settings(data_dir=tmp_path, api_key=KEY, llm=double.url))
    heard: list[str] = []
    first = threading.Event()

    def listen(address: str) -> None:
        body = {"customer": "ada", "session": "s1", "message": "hello", "stream": True}
        with (
            httpx.Client(headers=HEADERS, timeout=120) as client,
            client.stream("POST", f"{address}/v1/chat", json=body) as answer,
        ):
            try:
                for name, data in events(answer):
                    heard.extend([data["text"]] if name == "token" else [])
                    if heard:
                        first.set()
            except httpx.TransportError:
                pass

    with serving(app) as address:
        listener = threading.Thread(target=listen, args=(address,))
        listener.start()
        assert first.wait(60)
    listener.join()
    again = run_service()
    said = again.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    assert [m["status"] for m in said] == ["stopped", "stopped"]
    assert said[1]["text"].startswith("".join(heard)[:-1])


def test_what_is_being_said_is_kept_in_between(
    scripted: Running, double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the model speaks, what it has said is already in the database."""
    monkeypatch.setattr("app.chains.support._KEEP_SECONDS", 0.2)
    double.reply, double.pause = WORDS, 60
    body = {"customer": "ada", "session": "s1", "message": "hello", "stream": True}
    store = scripted.app.state.store

    def kept() -> str:
        with store.database.read() as connection:
            return connection.exec_driver_sql("SELECT saying FROM sessions").scalar() or ""

    with scripted.client.stream("POST", "/v1/chat", json=body) as answer:
        told = events(answer)  # held: without it the client hangs up
        next(told)
        until(lambda: "word59" in kept())
    assert "word60" not in kept()
