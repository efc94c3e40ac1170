"""``memory-service backup`` and ``memory-service restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.console import Database, DataDir, settings_given
from app.jsonl import lines
from app.opening import open_existing
from app.recording import at_console, entered_with_it
from app.roles import TENANT
from app.schemas.customers import Erased
from memory import InvalidInput, Restored, restore_backup


def backup(
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there yet.")],
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Copy the database to FILE, also while the service runs; its checksum goes to FILE.sha256."""
    with (
        open_existing(settings_given(data_dir=data_dir, database=database)) as store,
        at_console(store, TENANT, "export.database", ahead=True),
    ):
        store.backup(file)
    typer.echo(f"Saved to {file} and {file}.sha256: `memory-service restore {file}` takes both.")


def restore(
    file: Annotated[Path, typer.Argument(help="What backup wrote; FILE.sha256 lies beside it.")],
    force: Annotated[
        bool, typer.Option("--force", help="In the place of what is there, which is kept beside.")
    ] = False,
    receipts: Annotated[
        Path | None, typer.Option(help="JSONL, kept receipts of erasures: erase these again.")
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
) -> None:
    """Put a backup where the database belongs; the service is stopped before."""
    settings = settings_given(data_dir=data_dir, database=database)
    subjects = [] if receipts is None else _subjects(receipts)
    with entered_with_it("change.database", file.name):
        restored = restore_backup(settings.database_url, file, force=force, subjects=subjects)
    for line in told(restored):
        typer.echo(line)


def told(restored: Restored) -> list[str]:
    """What a person should know of what was restored, and what is to be done now."""
    taken = restored.succession
    said = [f"Restored: {restored.customers} customers, {restored.messages} messages."]
    if restored.kept is not None:
        said.append(
            f"What was there is kept as {restored.kept}, with everybody in it: delete it when it "
            "is needed no more."
        )
    if taken.compared:
        said.append(
            f"Taken over from what was there: {taken.keys} keys, {taken.receipts} receipts of "
            f"erasures, {taken.entries} entries of the audit log."
        )
    said += [f"Erased again: {Erased.of(one).model_dump_json()}" for one in taken.erased]
    if taken.untold:
        said.append(
            f"{taken.untold} receipts do not say whom they are of, being of an older version: "
            "whoever was erased then has to be erased again."
        )
    if not taken.compared:
        said.append(
            "There was nothing to compare with. Keys that were revoked after the backup fit "
            "again (`memory-service key list`), and customers who were erased after it are back: "
            "erase them again, or restore with --receipts FILE if you have kept the receipts."
        )
    if restored.fault is not None:
        said.append(f"The receipts are not as they were written: {restored.fault}.")
    return said


def _subjects(file: Path) -> list[str]:
    """Whom receipts are of, as `erase` printed them.

    Raises:
        InvalidInput: a line is none.
    """
    subjects = []
    for place, line in lines(file):
        subject = line.get("subject")
        if not isinstance(subject, str) or not subject:
            msg = f"{place}: no receipt with a subject, as `memory-service erase` prints it"
            raise InvalidInput(msg)
        subjects.append(subject)
    return subjects
