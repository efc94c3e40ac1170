"""Several processes that serve one address, and a SQLite database that only one may serve."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from app.cli import app as console
from app.server import listen
from app.settings import Settings
from app.workers import NotStarted, Workers, check_workers
from memory import InvalidInput, Scope, StoreUnavailable, open_store
from memory.presence import served_alone
from tests.app.conftest import address_of, events, until
from tests.app.working import broken, dying, once
from tests.forked import started
from tests.llm.openai_double import OpenAIDouble


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Runs a worker that serves nothing; its process has imported everything already."""
    monkeypatch.setattr("app.workers._fresh", started)
    with listen("127.0.0.1", 0) as listener:

        def run(work: Any, tell: Callable[[str], object] = print) -> None:
            settings = Settings(data_dir=tmp_path, stop_wait=0)
            Workers(settings, listener, work).run(tell)

        yield run


def test_where_no_worker_can_serve_all_end_with_the_reason(run: Callable[..., None]) -> None:
    """What the first one says is the error; where none says anything, with what it has ended."""
    for work, why in [(broken, "the model is not there: give another"), (dying, "ended with 7")]:
        with pytest.raises(NotStarted, match=why):
            run(work)


def test_a_worker_that_ends_is_started_again(
    run: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """After a pause, and also where it could not be started later: the others may serve on."""
    told: list[str] = []
    run(once, told.append)
    assert told == ["a model"]
    assert "worker 1 has ended with 0: another is started in 1 s" in caplog.text
    assert "worker 1 cannot serve: not again" in caplog.text


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({}, "need Postgres"),
        ({"database": "postgresql://h/n"}, "need a model server"),
        ({"database": "postgresql://h/n", "llm": "huggingface:x"}, "need a model server"),
        ({"database": "postgresql://h/n", "llm": "http://h/v1"}, None),
    ],
)
def test_what_one_process_owns_is_not_for_several(
    given: dict[str, Any], advice: str | None
) -> None:
    """SQLite and models in the process are refused, with what to give."""
    check_workers(Settings(**given))
    if advice is None:
        check_workers(Settings(workers=2, **given))
    else:
        with pytest.raises(InvalidInput, match=advice):
            check_workers(Settings(workers=2, **given))


def test_a_second_service_on_a_sqlite_database_is_refused(tmp_path: Path) -> None:
    """It says who has it and what to do, before any model is loaded; commands of the console may
    use the database meanwhile, and when the first has ended, the next may serve.
    """
    database = tmp_path / "memory.db"
    open_store(f"sqlite:///{database}").close()
    serve = ["serve", "--port", "0", "--data-dir", str(tmp_path), "--llm", "embedded:none.gguf"]
    with served_alone(database):
        refused = CliRunner().invoke(console, serve)
        assert isinstance(refused.exception, StoreUnavailable)
        assert f"another service (process {os.getpid()})" in str(refused.exception)
        assert "--data-dir" in str(refused.exception)
        listed = CliRunner().invoke(console, ["key", "list", "--data-dir", str(tmp_path)])
        assert listed.exit_code == 0
        assert "first" not in listed.output  # none was made that nobody was told of
    with served_alone(database):
        pass


def test_a_database_with_two_names_is_not_served(tmp_path: Path) -> None:
    """By a hard link two services would have it at once, each with a log and locks of its own."""
    database, other = tmp_path / "memory.db", tmp_path / "other.db"
    open_store(f"sqlite:///{database}").close()
    other.hardlink_to(database)
    for name, beside in ((database, other), (other, database)):
        said = rf"another name too, {beside.name} \(a hard link\)"
        with pytest.raises(StoreUnavailable, match=said), served_alone(name):
            pass
    other.unlink()
    with served_alone(database):
        pass


def processes(parent: int) -> list[psutil.Process]:
    """The workers of a service."""
    children = psutil.Process(parent).children()
    return [one for one in children if "spawn_main" in " ".join(one.cmdline())]


def client_of(worker: psutil.Process, address: str, key: str) -> httpx.Client:
    """A client whose connection is this worker's."""
    for _ in range(200):
        client = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60
        )
        client.get("/healthz").raise_for_status()
        stream = client._transport._pool.connections[0]._connection._network_stream  # type: ignore[attr-defined]
        mine = stream.get_extra_info("client_addr")
        if any(one.raddr == mine for one in worker.net_connections("tcp")):
            return client
        client.close()
    raise AssertionError("no connection came to the worker")


@contextlib.contextmanager
def listening(client: httpx.Client, customer: str, told: list[str]) -> Iterator[None]:
    """Somebody is being answered in this block, and is until its end; what comes is told."""
    heard = threading.Event()
    body = {"customer": customer, "session": "s1", "message": "hello", "stream": True}

    def listen_to() -> None:
        try:
            with client.stream("POST", "/v1/chat", json=body) as answer:
                for name, data in events(answer):
                    told.append(data["text"] if name == "token" else name)
                    if len(told) > 3:
                        heard.set()
        except httpx.TransportError:
            told.append("cut")

    listener = threading.Thread(target=listen_to)
    listener.start()
    assert heard.wait(60)
    yield
    listener.join(60)


def test_workers_are_one_service(tmp_path: Path, postgres_url: str, double: OpenAIDouble) -> None:
    """The key is made and told once and fits everywhere; what one worker has stored the other
    answers; one that is killed costs its own answers only, and is started again; SIGTERM ends all,
    an answer under way is stored; no argument has a secret; what is counted is of all; nothing is
    left.
    """
    double.reply, double.delay = " ".join(f"word{n}" for n in range(5_000)), 0.02
    said = tmp_path / "said"
    environment = {
        **os.environ, "MEMORY_SERVICE_LLM_API_KEY": "hush-hush", "MEMORY_SERVICE_STOP_WAIT": "1",
        "MEMORY_SERVICE_UNDERSTANDING": "off",
    }  # fmt: skip
    serve = [sys.executable, "-m", "app", "serve", "--workers", "2", "--port", "0"]
    given = ["--data-dir", str(tmp_path), "--database", postgres_url, "--llm", double.url]
    with said.open("wb") as out:
        service = subprocess.Popen(
            [*serve, *given], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        address = address_of(said, service)
        key = (tmp_path / "api-key").read_text().strip()
        until(lambda: said.read_text().count("startup complete") == 2)
        first, second = processes(service.pid)
        shown = [" ".join(one.cmdline()) for one in (first, second)]
        assert not any(secret in one for secret in (key, "hush-hush") for one in shown)
        one, other = client_of(first, address, key), client_of(second, address, key)
        with contextlib.closing(one), contextlib.closing(other):
            counted = [f'pid="{worker.pid}"' for worker in (first, second)]
            until(lambda: all(each in other.get("/metrics").text for each in counted))
            told: list[str] = []
            with listening(one, "bob", told):
                first.kill()
            assert told[-1] == "cut"
            until(lambda: said.read_text().count("startup complete") == 3)
            with listening(other, "ada", told := []):
                service.terminate()
                assert service.wait(60) == 0
            assert told[-1] == "error"  # stopped, after the second that it had
        text = said.read_text()
        assert text.count("The key is in") == text.count("Chat at") == 1
        assert not any(psutil.pid_exists(one.pid) for one in (first, second))
    finally:
        service.kill()
        service.wait()
    with open_store(postgres_url) as store:
        _, answer = store.transcript.window(Scope("ada", "s1"))
        assert answer.message.text == "".join(told[1:-1])
