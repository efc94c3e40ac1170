"""The console script, as a person runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import address_of
from tests.forked import console


def run(
    *args: str, data: Path, stdin: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``memory-service`` with a data folder."""
    environment = {**os.environ, "MEMORY_SERVICE_DATA_DIR": str(data), "COLUMNS": "200"}
    environment["MEMORY_SERVICE_LLM"] = "fake:echo"
    return console(*args, environment=environment, stdin=stdin, timeout=timeout)


def test_serve_makes_a_key_once_and_neither_torch_nor_transformers_are_loaded(
    tmp_path: Path,
) -> None:
    """The first start writes the key to a private file; the second does not; both answer."""
    environment = {**os.environ, "MEMORY_SERVICE_DATA_DIR": str(tmp_path)}
    key = ""
    for start in range(2):
        log, said = tmp_path / "imports.log", tmp_path / "said.log"
        with log.open("w") as imports, said.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-X", "importtime", "-m", "app", "serve", "--llm", "fake:echo",
                 "--port", "0"],
                env=environment, stdout=output, stderr=imports,
            )  # fmt: skip
            try:
                address = address_of(said, process)
                if start == 0:
                    file = tmp_path / "api-key"
                    assert file.stat().st_mode & 0o777 == 0o600
                    key = file.read_text().strip()
                    file.unlink()
                body = {"customer": "ada", "message": "hello"}
                headers = {"Authorization": f"Bearer {key}"}
                answer = httpx.post(f"{address}v1/chat", json=body, headers=headers, timeout=60)
                assert answer.json()["reply"] == "hello"
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(30)
        assert key not in said.read_text()
        assert ("The key is in" in said.read_text()) == (start == 0)
        loaded = re.findall(
            r"\| +(torch|sentence_transformers|transformers)$", log.read_text(), re.M
        )
        assert not loaded
    assert key.encode() not in (tmp_path / "memory.db").read_bytes()


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    """One line, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--port", str(taken.getsockname()[1]), data=tmp_path)
    assert done.returncode == 1
    assert "try another --port" in done.stderr
    assert not (tmp_path / "memory.db").exists()


def test_import_stores_once_and_finds_again(tmp_path: Path) -> None:
    """Ids and times are kept; a second import of the file stores nothing."""
    file = tmp_path / "past.jsonl"
    lines = [
        {"customer": "ada", "session": "2024", "messages": [
            {"role": "customer", "text": "My bike has a flat tyre", "id": "m1",
             "at": "2024-05-04T09:30:00Z"},
            {"role": "agent", "text": "We will send a patch", "at": "2024-05-04T09:31:00Z"}]},
        {"customer": "bob", "turns": [{"role": "user", "content": "hi"}]},
    ]  # fmt: skip
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    data = tmp_path / "data"
    assert "3 new messages of 2 conversations" in run("import", str(file), data=data).stdout
    assert "0 new messages of 2 conversations" in run("import", str(file), data=data).stdout
    from memory import ConversationMemory, Scope, open_store

    with open_store(f"sqlite:///{data}/memory.db") as store:
        found = ConversationMemory(store=store, scope=Scope("ada")).recall("flat tyre")
        assert found[0].messages == ("m1",)
        assert found[0].at.isoformat() == "2024-05-04T09:30:00+00:00"


def test_what_is_bad_is_told_in_a_line_and_stops_nothing_else(tmp_path: Path) -> None:
    """At the console without a traceback, the exit status says so, and the rest is stored."""
    file = tmp_path / "past.jsonl"
    file.write_text(
        '{"customer": "a", "messages": [{"role": "agent", "text": "good"}]}\n{not json\n'
    )
    tried = run("import", str(file), "--dry-run", data=tmp_path / "data")
    assert "Nothing was written" in tried.stdout
    assert not (tmp_path / "data").exists()
    done = run("import", str(file), "--json", data=tmp_path / "data")
    assert (tried.returncode, done.returncode) == (1, 1)
    report = json.loads(done.stdout)
    assert report["faults"] == [
        {"place": "line 2", "why": "it is not JSON (Expecting property name enclosed in double "
                                   "quotes at character 2)"}
    ]  # fmt: skip
    assert (report["new_messages"], report["bad"]) == (1, 1)
    assert "Traceback" not in done.stderr + tried.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["backup", "copy.db"],
        ["forget", "--all", "--keep", "1"],
        ["key", "create", "--role", "agent"],
        ["key", "reset"],
        ["doctor", "--reembed"],
    ],
    ids=" ".join,
)
def test_a_mistyped_data_folder_is_not_made(tmp_path: Path, command: list[str]) -> None:
    """What asks for a database that is not there says so, and makes neither it nor a copy."""
    missing = tmp_path / "mistyped"
    done = run(*command, data=missing)
    assert done.returncode == 1
    assert "there is no database" in done.stderr
    assert not missing.exists()


def made(folder: Path) -> None:
    """A database in a folder."""
    from memory import open_store

    open_store(f"sqlite:///{folder}/memory.db").close()


def test_backup_is_a_whole_database_and_never_overwrites(tmp_path: Path) -> None:
    """A copy that opens, with everything in it."""
    run("chat", data=tmp_path, stdin="remember the milk\n")
    target = tmp_path / "copy.db"
    assert run("backup", str(target), data=tmp_path).returncode == 0
    assert target.stat().st_mode & 0o777 == 0o600
    again = run("backup", str(target), data=tmp_path)
    assert again.returncode == 1
    assert "cannot write" in again.stderr
    from memory import Scope, open_store

    with open_store(f"sqlite:///{target}") as store:
        said = store.transcript.newest(Scope("me", "terminal"), 10)
        assert said[0].message.text == "remember the milk"


def test_key_reset_prints_another_key(tmp_path: Path) -> None:
    """The key is shown, not stored."""
    made(tmp_path)
    one = run("key", "reset", data=tmp_path).stdout.strip()
    two = run("key", "reset", data=tmp_path).stdout.strip()
    assert one != two
    assert len(two) >= 32
    assert two.encode() not in (tmp_path / "memory.db").read_bytes()


def test_doctor_names_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All well: exit 0. No database, which is not made; a broken one, a folder without a
    classifier: exit 1, and the other parts are still looked at.
    """
    none = run("doctor", data=tmp_path)
    assert none.returncode == 1
    (wrong,) = (line for line in none.stdout.splitlines() if line.startswith("wrong"))
    assert f"wrong database: there is no database {tmp_path}" in wrong
    assert "`memory-service serve` makes one" in wrong
    assert "ok    embeddings" in none.stdout
    assert list(tmp_path.iterdir()) == []
    made(tmp_path)
    well = run("doctor", data=tmp_path)
    assert well.returncode == 0, well.stdout
    assert "wrong" not in well.stdout
    (tmp_path / "memory.db").write_bytes(b"garbage " * 1000)
    for extra in ("-wal", "-shm"):
        (tmp_path / f"memory.db{extra}").unlink(missing_ok=True)
    monkeypatch.setenv("MEMORY_SERVICE_UNDERSTANDING", str(tmp_path / "none"))
    ill = run("doctor", data=tmp_path)
    assert ill.returncode == 1
    assert "wrong database" in ill.stdout
    assert "wrong understanding: " in ill.stdout
    assert "is no classifier's folder" in ill.stdout
    assert "ok    language model" in ill.stdout


def test_a_mistyped_variable_is_said_with_the_nearest_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command warns in a line, doctor calls it wrong; names that are right are not told of,
    in small letters neither.
    """
    monkeypatch.setenv("MEMORY_SERVICE_PROMT_TOKENS", "900")
    monkeypatch.setenv("MEMORY_SERVICE_QUARTZ", "x")
    monkeypatch.setenv("memory_service_temperature", "0.1")
    monkeypatch.setenv("MEMORY_SERVICE_MODELS_DIR", os.environ.get("MEMORY_SERVICE_MODELS_DIR", ""))
    mistyped = "MEMORY_SERVICE_PROMT_TOKENS is no setting and does nothing (did you mean"
    made(tmp_path)
    done = run("key", "reset", data=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"memory-service: {mistyped} MEMORY_SERVICE_PROMPT_TOKENS?)",
        "memory-service: MEMORY_SERVICE_QUARTZ is no setting and does nothing (see the README)",
    ]
    ill = run("doctor", data=tmp_path)
    assert ill.returncode == 1
    assert f"wrong settings: {mistyped}" in ill.stdout
    assert "temperature" not in ill.stdout + done.stderr


def test_doctor_reembeds(tmp_path: Path) -> None:
    """A store that another model embedded is refused until it is embedded anew."""
    run("chat", data=tmp_path, stdin="my parcel is late\n")
    from memory import open_store

    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        store.wait()
        store.set_meta("embedding_model", "another (768)")
    refused = run("chat", data=tmp_path, stdin="hello\n")
    assert refused.returncode == 1
    assert "doctor --reembed" in refused.stderr
    done = run("doctor", "--reembed", data=tmp_path)
    assert "1 customers embedded anew" in done.stdout
    assert run("chat", data=tmp_path, stdin="hello\n").returncode == 0


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    """No traceback for a model or database that cannot be."""
    for args in (["--llm", "nonsense"], ["--database", "mysql://x/y"]):
        done = run("chat", *args, data=tmp_path)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "memory-service:" in done.stderr


def test_forget_tries_first_and_forgets_by_policy(tmp_path: Path) -> None:
    """A dry run lists what would go; a policy and a customer have to be named."""
    said = [
        {"role": "customer", "text": "I had a dog once.", "at": "2020-01-01T00:00:00Z"},
        {"role": "customer", "text": "I have a cat.", "at": datetime.now(UTC).isoformat()},
    ]
    file = tmp_path / "past.jsonl"
    lines = [json.dumps({"customer": who, "messages": said}) for who in ("ada", "bob")]
    file.write_text("\n".join(lines))
    assert run("import", str(file), data=tmp_path).returncode == 0
    for wrong, advice in (
        (["--older-than", "365d"], "--customer NAME, or --all"),
        (["--all"], "--older-than 365d"),
        (["--all", "--older-than", "soon"], "'soon' is no time: give 365d"),
        (["--all", "--keep", "0"], "at least 1"),
        (["--customer", "eve", "--keep", "1"], "no customer 'eve'"),
    ):
        done = run("forget", *wrong, data=tmp_path)
        assert done.returncode == 1
        assert advice in done.stderr
    tried = run("forget", "--all", "--older-than", "365d", "--dry-run", data=tmp_path)
    assert tried.stdout.count("2020-01-01 age: I had a dog once.") == 2
    assert "2 memories of 2 customers would go." in tried.stdout
    done = run("forget", "--customer", "ada", "--older-than", "52w", data=tmp_path)
    assert done.stdout.splitlines() == [
        "ada: 1 memories (age 1)", "1 memories of 1 customers are gone.",
    ]  # fmt: skip
    again = run("forget", "--all", "--older-than", "365d", data=tmp_path)
    assert "bob: 1 memories (age 1)" in again.stdout
    assert "ada" not in again.stdout
