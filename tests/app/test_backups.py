"""Backups from the console: made while the service runs, and what a person is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from app.cli import app
from memory import BadBackup, InvalidInput, MemoryStore, Scope, StoreUnavailable, open_store
from memory.transcript import make_message
from tests.app.conftest import Running


def said(store: MemoryStore, customer: str) -> list[str]:
    """What a customer's session has."""
    return [one.message.text for one in store.transcript.window(Scope(customer, "s1"))]


def test_a_backup_of_a_running_service_is_restored(
    run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """With the service's keys; not where the service runs."""
    folder, file = tmp_path / "data", tmp_path / "backup"
    service = run_service(data_dir=folder)
    service.chat("Hello from ada")
    given = ["--data-dir", str(folder)]
    made = CliRunner().invoke(app, ["backup", str(file), *given])
    assert made.exit_code == 0, made.output
    assert f"{file}.sha256" in made.output
    service.chat("This came later")
    refused = CliRunner().invoke(app, ["restore", str(file), "--force", *given])
    assert isinstance(refused.exception, StoreUnavailable)
    there = tmp_path / "there"
    done = CliRunner().invoke(app, ["restore", str(file), "--data-dir", str(there)])
    assert done.exit_code == 0, done.output
    assert "Restored: 1 customers, 2 messages." in done.output
    assert "Keys that were revoked after the backup fit again" in done.output
    with open_store(f"sqlite:///{there}/memory.db") as store:
        assert said(store, "ada") == ["Hello from ada", "Hello from ada"]


def test_going_back_erases_again_and_tells_where_the_rest_is(tmp_path: Path) -> None:
    """The receipts that `erase` printed do so too, on a machine that has nothing else."""
    folder, file, kept = tmp_path / "data", tmp_path / "backup", tmp_path / "kept.jsonl"
    given = ["--data-dir", str(folder)]
    with open_store(f"sqlite:///{folder}/memory.db") as store:
        for customer in ("ada", "bob"):
            scope = Scope(customer, "s1")
            store.transcript.add(scope, [make_message("human", f"I am {customer}", 3)])
        store.backup(file)
    receipt = CliRunner().invoke(app, ["erase", "--customer", "ada", "--yes", *given]).output
    kept.write_text(receipt)
    done = CliRunner().invoke(app, ["restore", str(file), "--force", *given])
    assert done.exit_code == 0, done.output
    (again,) = [line for line in done.output.splitlines() if line.startswith("Erased again: ")]
    subject = json.loads(again.removeprefix("Erased again: "))["subject"]
    assert subject == json.loads(receipt)["subject"]
    assert "1 receipts" in done.output
    (before,) = folder.glob("memory.db.before-*")
    assert str(before) in done.output
    there = ["--data-dir", str(tmp_path / "there")]
    done = CliRunner().invoke(app, ["restore", str(file), "--receipts", str(kept), *there])
    assert done.exit_code == 0, done.output
    assert "Restored: 1 customers, 1 messages." in done.output
    for where in (folder, tmp_path / "there"):
        with open_store(f"sqlite:///{where}/memory.db") as store:
            (entry, *_) = store.audit.entries(9)
            assert (entry.actor, entry.action, entry.what) == (
                "console",
                "change.database",
                "backup",
            )
            assert store.audit.verify().fault is None
            assert (said(store, "ada"), said(store, "bob")) == ([], ["I am bob"])
    kept.write_text('{"receipt": "x"}')
    refused = CliRunner().invoke(
        app, ["restore", str(file), "--force", "--receipts", str(kept), *there]
    )
    assert isinstance(refused.exception, InvalidInput)
    file.with_name("backup.sha256").unlink()
    refused = CliRunner().invoke(app, ["restore", str(file), "--force", *there])
    assert isinstance(refused.exception, BadBackup)
