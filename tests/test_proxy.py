"""The proxy of compose.postgres.yaml before two replicas on one Postgres."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa

from tests.crash.checks import compare, reader
from tests.crash.clients import Client
from tests.crash.served import HEADERS, Served
from tests.llm.openai_double import OpenAIDouble

SECRET = "a secret that signs customers' tokens"
CONFIG = Path(__file__).parents[1] / "docker/haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
# A program, not a package: .ci/run installs it, and a contributor's machine may lack it.
pytestmark = pytest.mark.skipif(
    HAPROXY is None, reason="HAProxy is not installed (Debian: apt-get install haproxy)"
)


class Dictated(OpenAIDouble):
    """A model that says the next word when it is told to."""

    def __init__(self, words: int) -> None:
        self.held = False
        self.next = threading.Semaphore(0)
        super().__init__(" ".join(f"word{n}" for n in range(words)))

    @property
    def delay(self) -> float:
        """Not until it is told to, while it is ``held``."""
        if self.held:
            self.next.acquire(timeout=60)
        return 0.0

    @delay.setter
    def delay(self, _: float) -> None:
        """It has no time of its own."""


@dataclass
class Fleet:
    """Two replicas, the proxy before them, and the model behind them."""

    replicas: list[Served]
    address: str
    model: Dictated
    statistics: Path  # the proxy's socket

    def chat(self, customer: str, **more: Any) -> httpx.Response:
        """A turn through the proxy."""
        body = {"customer": customer, "session": "s", "message": "Hello?"}
        return httpx.post(
            f"{self.address}/v1/chat", json=body, **{"headers": HEADERS, "timeout": 60, **more}
        )

    def taken(self) -> list[int]:
        """How many requests each replica was sent."""
        return [int(row["stot"]) for row in self._rows()]

    def wait(self, *up: bool) -> None:
        """Wait until the proxy knows which replicas are well."""
        until = time.monotonic() + 60
        while [row["status"] == "UP" for row in self._rows()] != [*up]:
            assert time.monotonic() < until, self._rows()
            time.sleep(0.05)

    def _rows(self) -> list[dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(str(self.statistics))
            asked.sendall(b"show stat\n")
            told = b"".join(iter(lambda: asked.recv(65536), b"")).decode().removeprefix("# ")
        rows = csv.DictReader(io.StringIO(told))
        return [row for row in rows if row["svname"].startswith("memory-")]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def fleet(postgres: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """All of it, ready."""
    schema = f"test_{uuid.uuid4().hex}"
    with postgres.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    url = postgres.url.update_query_dict({"options": f"-csearch_path={schema}"})
    folder = tmp_path_factory.mktemp("proxy")
    with Dictated(12) as model:
        settings = {
            "database": url.render_as_string(hide_password=False), "llm": model.url,
            "proxy": "127.0.0.1", "token_secret": SECRET, "rate_failures": "3/hour",
            "understanding": "off",
        }  # fmt: skip
        replicas = [Served(tmp_path_factory.mktemp("replica"), **settings) for _ in range(2)]
        port, health = free_port(), free_port()
        (folder / "statistics.cfg").write_text(f"global\n stats socket {folder}/statistics\n")
        environment = {
            **os.environ, "PROXY_BIND": f"127.0.0.1:{port}",
            "PROXY_HEALTH": f"127.0.0.1:{health}",
        }  # fmt: skip
        for number, replica in enumerate(replicas, 1):
            environment[f"MEMORY_{number}"] = f"127.0.0.1:{replica.port}"
        command = [str(HAPROXY), "-db", "-f", str(CONFIG), "-f", str(folder / "statistics.cfg")]
        with ThreadPoolExecutor() as at_once:
            [*at_once.map(Served.start, replicas)]
        with (folder / "log").open("w") as log:
            proxy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        found = Fleet(replicas, f"http://127.0.0.1:{port}", model, folder / "statistics")
        try:
            while proxy.poll() is None and not found.statistics.exists():
                time.sleep(0.02)
            assert proxy.poll() is None, (folder / "log").read_text()
            found.wait(True, True)
            assert httpx.get(f"http://127.0.0.1:{health}/healthy", timeout=60).status_code == 200
            yield found
        finally:
            proxy.terminate()
            proxy.wait(30)
            for replica in replicas:
                replica.stop()


def test_a_customers_requests_go_to_one_replica(fleet: Fleet) -> None:
    """By the body, by the path, by the customer's own token; and about as many to each."""
    for customer in ("ada", "søren/1"):
        before = fleet.taken()
        claims = {"sub": customer, "exp": int(time.time()) + 600}
        own = {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}"}
        assert fleet.chat(customer).status_code == 200
        assert fleet.chat(customer, headers=own).status_code == 200
        path = httpx.URL(fleet.address).copy_with(
            raw_path=b"/v1/customers/%s/sessions" % quoted(customer)
        )
        for headers in (HEADERS, own):
            assert httpx.get(path, headers=headers, timeout=60).status_code == 200
        took = [now - then for now, then in zip(fleet.taken(), before, strict=True)]
        assert sorted(took) == [0, 4], (customer, took)
    before = fleet.taken()
    with httpx.Client(base_url=fleet.address, headers=HEADERS, timeout=60) as http:
        for number in range(60):
            assert http.get(f"/v1/customers/nobody{number}/sessions").status_code == 404
    took = [now - then for now, then in zip(fleet.taken(), before, strict=True)]
    assert sum(took) == 60
    assert min(took) > 12


def quoted(name: str) -> bytes:
    """A name as one part of a path."""
    return b"".join(b"%%%02X" % byte for byte in name.encode())


def test_each_token_comes_as_it_is_said(fleet: Fleet) -> None:
    """The model says a word only when the client has read the one before it."""
    fleet.model.held = True
    body = {"customer": "ada", "session": "stream", "message": "Hello?", "stream": True}
    try:
        with httpx.stream(
            "POST", f"{fleet.address}/v1/chat", json=body, headers=HEADERS, timeout=60
        ) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            said = []
            for _ in range(12):
                fleet.model.next.release()
                while (line := next(lines)) != "event: token":
                    assert not line.startswith("event: error"), line
                said.append(json.loads(next(lines).removeprefix("data: "))["text"])
            fleet.model.next.release(100)
            assert "".join(said) == fleet.model.reply
            assert "event: done" in [*lines]
    finally:
        fleet.model.held = False
        fleet.model.next.release(100)


def test_who_asks_is_believed_of_nobody_but_the_proxy(fleet: Fleet) -> None:
    """What a client says of its own address is taken away: wrong keys count as its own."""
    told = set()
    with httpx.Client(base_url=fleet.address, timeout=60) as http:
        for number in range(5):
            headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": f"10.9.8.{number}"}
            told.add(http.get("/v1/customers/ada/card", headers=headers).status_code)
    assert told == {401, 429}


def test_no_turn_is_lost_or_refused_when_a_replica_is_stopped(fleet: Fleet) -> None:
    """While customers talk: no turn is refused, no connection cut, and all are stored once and in
    order, whichever was sent in the moment in which the replica closed. With none left a problem
    document says what to do.
    """
    up, over = threading.Event(), threading.Event()
    up.set()
    talking = [Client(f"P{n}", fleet.address, 7, up, 5, echo=False) for n in range(3)]
    threads = [threading.Thread(target=one.run, args=(over.is_set,)) for one in talking]

    def more() -> None:
        """Let each of them say some more."""
        wanted = [len(one.sent) + 3 for one in talking]
        until = time.monotonic() + 60
        while any(len(one.sent) < n for one, n in zip(talking, wanted, strict=True)):
            assert time.monotonic() < until
            time.sleep(0.01)

    first, second = fleet.replicas
    try:
        for thread in threads:
            thread.start()
        more()
        first.signal(15)
        more()
        assert first.exit_code(30) == 0
        fleet.wait(False, True)
        more()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for one in talking:
        one.finish(time.monotonic() + 60)
        one.close()
        assert one.unexpected == []
    sent = [turn for one in talking for turn in one.sent]
    assert not any(turn.cuts for turn in sent)
    with httpx.Client(base_url=fleet.address, headers=HEADERS, timeout=60) as http:
        faults, details = compare(reader(http), sent, settled=True)
    assert not faults, details
    second.stop()
    fleet.wait(False, False)
    refused = fleet.chat("ada")
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["type"] == "urn:problem:no-replica"
