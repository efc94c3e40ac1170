"""Exports by HTTP and from the console: the same lines, and the same customer elsewhere."""

from __future__ import annotations

import json
import socket
import stat
import time
from pathlib import Path
from tempfile import SpooledTemporaryFile

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.exports import MEDIA_TYPE
from memory import InvalidInput, Scope
from memory.transcript import make_message
from tests.app.conftest import KEY, Running


def run(*arguments: object) -> str:
    """Run a command in this process; what it said."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_an_export_that_nobody_reads_leaves_no_file_open(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked may hang up before the first piece, or be told that nobody is there."""
    files: list[SpooledTemporaryFile[bytes]] = []

    def spool(most: int) -> SpooledTemporaryFile[bytes]:
        files.append(SpooledTemporaryFile(most))  # noqa: SIM115 (what it is given to closes it)
        return files[-1]

    monkeypatch.setattr("app.exports.SpooledTemporaryFile", spool)
    service.chat("hello")
    service.settle()
    host, port = service.address.removeprefix("http://").split(":")
    asking = f"GET /v1/customers/ada/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}"
    for _ in range(5):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(f"{asking}\r\n\r\n".encode())
    assert service.client.get("/v1/customers/nobody/export").status_code == 404
    assert service.client.get("/v1/customers/ada/export").text.count("\n") > 2
    deadline = time.monotonic() + 60
    while not (len(files) == 7 and all(file.closed for file in files)):
        assert time.monotonic() < deadline, [file.closed for file in files]
        time.sleep(0.01)


def test_a_customer_moves_to_another_service(
    service: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What HTTP gives is what the console gives, and is imported whole; the import exports it
    again, to the byte.
    """
    monkeypatch.setenv("MEMORY_SERVICE_UNDERSTANDING", "off")  # as the service has it
    service.chat("My order number is 4417-XZ ☃")
    service.chat("Where is it?", session="s2")
    service.client.put("/v1/customers/ada/sessions/s2/rating", json={"rating": "bad"})
    service.settle()
    given = service.client.get("/v1/customers/ada/export")
    assert given.headers["content-type"].split(";")[0] == MEDIA_TYPE
    lines = [json.loads(line) for line in given.text.splitlines()]
    assert lines[0]["customer"] == "ada"
    assert lines[-1] == {"kind": "end", "lines": len(lines) - 2}

    file, again = tmp_path / "ada.jsonl", tmp_path / "again.jsonl"
    run("export", file, "--customer", "ada", "--data-dir", tmp_path)
    assert file.read_bytes() == given.content
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "nobody else may read it"
    other = tmp_path / "other"
    assert "ada is here" in run("import", file, "--data-dir", other)
    run("export", again, "--customer", "ada", "--data-dir", other)
    assert again.read_bytes() == given.content
    with pytest.raises(InvalidInput, match="there already"):
        run("import", file, "--data-dir", other)


def test_a_large_export_is_sent_whole(service: Running) -> None:
    """One that is longer than what is held in memory."""
    said = [make_message("human", f"{n} {'word ' * 6000}", 6000) for n in range(80)]
    service.app.state.store.transcript.add(Scope("ada"), said)
    given = service.client.get("/v1/customers/ada/export")
    assert len(given.content) > 2 * 2**20
    assert json.loads(given.text.splitlines()[-1])["kind"] == "end"


def test_an_export_that_cannot_be_leaves_no_file(service: Running, tmp_path: Path) -> None:
    """Of nobody, or to where a file is already, which stays as it is."""
    file = tmp_path / "nobody.jsonl"
    with pytest.raises(InvalidInput, match="no customer 'nobody'"):
        run("export", file, "--customer", "nobody", "--data-dir", tmp_path)
    assert not file.exists()
    service.chat("Hello")
    file.write_text("mine")
    with pytest.raises(InvalidInput, match="File exists"):
        run("export", file, "--customer", "ada", "--data-dir", tmp_path)
    assert file.read_text() == "mine"
    assert service.client.get("/v1/customers/nobody/export").status_code == 404
