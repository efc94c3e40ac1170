"""Secrets and what people say are never logged, whatever goes wrong, at the noisiest level."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from typer.testing import CliRunner

from app.cli import app as console
from app.logs import Format, formatter
from memory import StoreUnavailable, open_store
from tests.app.conftest import address_of
from tests.llm.openai_double import OpenAIDouble

KEY = "sk-first-key-5521"
LLM_KEY = "sk-llm-key-7732"
TOKEN_SECRET = "a secret that signs the tokens of customers"
CUSTOMER = "ada.byron@mail.example"
SESSION = "about the greenhouse"
SAID = "my door code is 48151623"
PASSWORD = "hunter2-swordfish"

# The service, with parts that fail with what they were given in their errors' text.
FAULTY = """
import asyncio, sys, threading, warnings
import memory.sqlite
from app import cli, main
from app.chains.support import SupportChain
from memory import ConversationMemory, Knowledge

sys.addaudithook(lambda event, given: event == "pickle.find_class" and print("UNPICKLED", given))
memory.sqlite.BUSY_SECONDS = 0.2

class Reader:
    def read(self, texts):
        raise ValueError(*texts)

def failing(self, *given, **more):
    raise ValueError(f"cannot do this with {given} and {self.__dict__}")

layout = SupportChain.layout

async def noisy(self, memory, text, *given, **more):
    threading.Thread(target=lambda: int(text)).start()
    warnings.warn(text, stacklevel=1)
    asyncio.get_running_loop().create_task(never(text))
    if "explode" in text:
        raise KeyError(text)
    return await layout(self, memory, text, *given, **more)

async def never(text):
    raise RuntimeError(text)

main.open_understanding = lambda _: Reader()
ConversationMemory.digest = failing
Knowledge.search = failing
SupportChain.layout = noisy
cli.main()
"""


@pytest.mark.parametrize("shape", ["json", "console"])
def test_an_error_is_logged_without_its_text(shape: Format) -> None:
    """Its kind, where it was raised, and what had led to it."""
    try:
        try:
            int(SAID)
        except ValueError as error:
            raise KeyError(SAID) from error
    except KeyError:
        record = logging.LogRecord("app", 40, "x.py", 1, "it failed", None, sys.exc_info())
    told = formatter(shape).format(record)
    assert SAID not in told
    if shape == "json":
        line = json.loads(told)
        assert (line["event"], line["level"], line["logger"]) == ("it failed", "error", "app")
        told = line["exception"]
    else:
        assert re.match(r"\S+Z \[error +\] it failed +\[app\]", told)
        told = told.split("\n", 1)[1]
    assert re.fullmatch(
        r"  File .*int\(SAID\)\n.*builtins\.ValueError\nwhich led to\n"
        r"  File .*KeyError.*builtins\.KeyError",
        told,
        re.DOTALL,
    )


def test_what_others_say_is_logged_without_their_values() -> None:
    """An address with a key in it may be one."""
    given = ("https://collector/?api_key=k", 2)
    for name, values in (("opentelemetry.exporter", False), ("app.spans", True)):
        record = logging.LogRecord(name, 30, "x.py", 1, "%s failed, again in %d s", given, None)
        assert ("api_key" in formatter("json").format(record)) is values


def test_nothing_that_is_said_or_secret_is_logged(tmp_path: Path) -> None:
    """A real service at ``debug``: a model that fails, a database that is held, a classifier, a
    digest, a route, a thread and a task that fail with a message in their error, wrong keys and
    tokens, bodies that are none.
    """
    said, data = tmp_path / "said", tmp_path / "data"
    environment = {
        **os.environ,
        "MEMORY_SERVICE_API_KEY": KEY,
        "MEMORY_SERVICE_LLM_API_KEY": LLM_KEY,
        "MEMORY_SERVICE_TOKEN_SECRET": TOKEN_SECRET,
        "MEMORY_SERVICE_LOG_LEVEL": "debug",
        "PYTHONUNBUFFERED": "1",
    }
    claims = {"sub": CUSTOMER, "exp": time.time() + 3600}
    token = jwt.encode(claims, TOKEN_SECRET, "HS256")
    forged = jwt.encode(claims, TOKEN_SECRET[::-1], "HS256")
    with OpenAIDouble(f"I repeat: {SAID}") as model, said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", FAULTY, "serve", "--port", "0", "--data-dir", str(data),
             "--llm", model.url],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            address = address_of(said, process)
            statuses = talk(address, model, token, forged, data)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    told = said.read_text()
    assert "UNPICKLED" not in told
    check_lines([json.loads(line) for line in told.splitlines() if line.startswith("{")])
    assert statuses == [200, 502, 502, 502, 500, 503, 422, 400, 401, 401, 200, 404]
    for fault in (
        "the classifier failed: ValueError",
        "in the background failed: digest",
        "Internal error: ValueError",
        "KeyError",
        "a thread failed",
        "Task exception was never retrieved",
        "UserWarning in",
        "Database unavailable",
        "a customer's token was refused",
        "another process",
    ):
        assert fault in told, fault
    secrets = [KEY, LLM_KEY, TOKEN_SECRET, TOKEN_SECRET[::-1], token, forged, "wrong-key-991"]
    for secret in (*secrets, CUSTOMER, SESSION, SAID, "48151623", "ada.byron", "greenhouse"):
        assert secret not in told, told[max(0, told.find(secret) - 500) :][:1000]


def check_lines(lines: list[dict[str, Any]]) -> None:
    """A line for each request, by its route; what it has begun, also in threads and in the
    background, is of it.
    """
    requests = [line for line in lines if line["event"] == "request"]
    asked = [line for line in requests if line["route"] == "/v1/chat"]
    assert [line["status"] for line in asked] == [200, 502, 502, 502, 503, 422, 400, 401, 401, 200]
    assert len({line["request_id"] for line in requests}) == len(requests)
    assert all(line["ms"] > 0 for line in requests)
    routes = {(line["method"], line["route"]) for line in requests if line["status"] == 404}
    assert routes == {("GET", "/v1/customers/{customer}/sessions/{session}")}
    first = asked[0]["request_id"]
    of_first = {line["event"] for line in lines if line.get("request_id") == first}
    assert of_first >= {
        "the classifier failed: ValueError", "what was done in the background failed: digest",
    }  # fmt: skip
    for line in lines:
        assert {"timestamp", "level", "logger", "event"} <= set(line)


def talk(address: str, model: OpenAIDouble, token: str, forged: str, data: Path) -> list[int]:
    """Use the service, and let everything go wrong; the statuses of its answers."""
    found: list[int] = []
    with httpx.Client(base_url=address, timeout=60) as client:

        def ask(method: str, path: str, carried: str = KEY, **more: object) -> None:
            headers = {"Authorization": f"Bearer {carried}", "Content-Type": "application/json"}
            found.append(client.request(method, path, headers=headers, **more).status_code)

        def chat(message: str, carried: str = KEY) -> None:
            body = {"customer": CUSTOMER, "session": SESSION, "message": message}
            ask("POST", "/v1/chat", carried, json=body)

        chat(SAID)
        model.mode = "500"
        chat(SAID)
        model.mode = "ok"
        chat(f"explode: {SAID}")
        model.mode = "cut"
        chat(SAID)
        model.mode = "ok"
        ask("POST", "/v1/knowledge/search", json={"query": SAID})
        held = sqlite3.connect(data / "memory.db", isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        chat(SAID)
        held.execute("ROLLBACK")
        held.close()
        ask("POST", "/v1/chat", json={"customer": CUSTOMER, "message": 5, "x": SAID})
        ask("POST", "/v1/chat", content=f'{{"customer": "{CUSTOMER}", "message": {"[" * 9999}')
        chat(SAID, "wrong-key-991")
        chat(SAID, forged)
        chat(SAID, token)
        ask("GET", f"/v1/customers/{CUSTOMER}x/sessions/{SESSION}")
    return found


def test_a_database_s_password_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the database is not reached, nor by ``doctor``."""
    url = f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:1/shop?connect_timeout=2"
    with pytest.raises(StoreUnavailable) as refused:
        open_store(url)
    monkeypatch.setenv("MEMORY_SERVICE_DATABASE", url)
    monkeypatch.setenv("MEMORY_SERVICE_LLM", "fake:echo")
    told = CliRunner().invoke(console, ["doctor"])
    assert told.exit_code == 1
    assert "127.0.0.1" in told.output
    assert PASSWORD not in f"{refused.value!r}{told.output}"


def test_a_statement_that_fails_does_not_repeat_its_values(
    tmp_path: Path, postgres_url: str
) -> None:
    """In either database."""
    import sqlalchemy as sa

    for url in (f"sqlite:///{tmp_path / 'memory.db'}", postgres_url):
        with open_store(url) as store:
            twice = sa.text("INSERT INTO meta (name, value) VALUES ('twice', :said)")
            with store.database.write() as rows:
                rows.execute(twice, {"said": SAID})
            with pytest.raises(sa.exc.IntegrityError) as failed, store.database.write() as rows:
                rows.execute(twice, {"said": SAID})
            assert "INSERT INTO meta" in str(failed.value)
            assert SAID not in str(failed.value)
