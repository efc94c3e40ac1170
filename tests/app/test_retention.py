"""Retention in the service, by itself, and from the console, with its report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from memory import InvalidInput, MemoryStore, Scope, open_store
from memory.transcript import make_message
from tests.app.conftest import Running

WORDS = ["xylophone", "marmalade"]


def add(store: MemoryStore, customer: str, word: str, days: int) -> None:
    """A message that was said so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days)
    said = [make_message("human", f"My {word} is broken.", 5, at=at)]
    store.transcript.add(Scope(customer, "s1"), said)


def in_files(folder: Path) -> set[str]:
    """Which of the words stand in a file of the data folder."""
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return {word for word in WORDS if word.encode() in held}


def test_a_service_deletes_by_itself_what_is_too_old(
    run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """Soon after its start, in the files too; what is younger stays, and chats go on."""
    folder = tmp_path / "data"
    with open_store(f"sqlite:///{folder}/memory.db") as store:
        add(store, "ada", "xylophone", 40)
        add(store, "ada", "marmalade", 20)
    assert in_files(folder) == {"xylophone", "marmalade"}
    service = run_service(data_dir=folder, retain_messages_days=30)
    assert service.chat("Hello").status_code == 200
    until = time.monotonic() + 60
    receipts = service.app.state.store.receipts
    while (in_files(folder) != {"marmalade"} or not receipts.all()) and time.monotonic() < until:
        time.sleep(0.1)
    assert in_files(folder) == {"marmalade"}
    messages = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    assert messages[0]["text"] == "My marmalade is broken."
    (receipt,) = receipts.all()
    assert receipt.deleted["messages"] == 1


def test_the_console_previews_deletes_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the settings' days; without any it says which to set."""
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        add(store, "ada", "xylophone", 40)
        add(store, "ada", "marmalade", 20)
    command = ["retain", "--data-dir", str(tmp_path)]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, InvalidInput)
    assert "MEMORY_SERVICE_RETAIN_MESSAGES_DAYS" in str(refused.exception)
    monkeypatch.setenv("MEMORY_SERVICE_RETAIN_MESSAGES_DAYS", "30")
    preview = CliRunner().invoke(app, [*command, "--dry-run"])
    assert "default: would go: 1 messages; oldest left: messages" in preview.output
    assert in_files(tmp_path) == {"xylophone", "marmalade"}
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.output.splitlines()[-1])
    assert report["deleted"] == {"default": {"messages": 1}}
    assert report["days"] == {"messages": 30.0}
    left = datetime.fromisoformat(report["oldest"]["default"]["messages"])
    assert datetime.now(UTC) - left < timedelta(days=21)
    assert in_files(tmp_path) == {"marmalade"}
    again = CliRunner().invoke(app, command)
    assert "default: gone: nothing" in again.output
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        assert len(store.receipts.all()) == 1
