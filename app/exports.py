"""Exports: everything held about a customer as JSONL, out of the service and into another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from app.conversation import conversation_memory
from app.jsonl import lines
from app.recording import at_console
from app.settings import Settings
from memory import Encoder, InvalidInput, MemoryStore, Scope, Understanding, is_export

MEDIA_TYPE = "application/x-ndjson"
_IN_MEMORY = 2**20  # bytes of an export; a longer one lies in a file without a name
_CHUNK = 2**16
LONGEST = 2**26  # bytes of a line: a message can be as long as the library was given it


def spooled() -> Iterator[IO[bytes]]:
    """A dependency: a file to send, which is closed when the answer has ended, however it did."""
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        yield file


def exported(store: MemoryStore, scope: Scope, file: IO[bytes]) -> Iterator[bytes] | None:
    """A customer's export in pieces, or None for one of whom nothing is stored.

    It is read at once into ``file``, and sent as slowly as somebody reads it: a snapshot of the
    database that is held for long keeps what was deleted in SQLite's write-ahead log.
    """
    if not store.exports.write(scope.owner, file):
        return None
    file.seek(0)
    return iter(lambda: file.read(_CHUNK), b"")


def export_to(store: MemoryStore, scope: Scope, file: Path | None) -> int:
    """Write a customer's export to a new private file, or to the standard output.

    Returns:
        How many lines it has.

    Raises:
        InvalidInput: nothing is stored about the customer, or the file cannot be made.
    """
    nobody = f"there is no customer {scope.customer!r} of the tenant {scope.tenant!r}"
    if file is None:
        if not (rows := store.exports.write(scope.owner, sys.stdout.buffer)):
            raise InvalidInput(nobody)
        return rows
    try:
        file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        msg = f"the export {file} cannot be written: {error.strerror}"
        raise InvalidInput(msg) from error
    try:
        with file.open("wb") as opened:
            if rows := store.exports.write(scope.owner, opened):
                return rows
        raise InvalidInput(nobody)
    except BaseException as error:
        file.unlink()  # not half an export
        if isinstance(error, OSError):
            msg = f"the export {file} cannot be written: {error.strerror}"
            raise InvalidInput(msg) from error
        raise


def is_export_file(file: Path) -> bool:
    """Whether a file is an export; what cannot be read is none, and whoever reads it says why."""
    try:
        _, first = next(lines(file, LONGEST), ("", {}))
    except InvalidInput:
        return False
    return is_export(first)


def import_export(
    store: MemoryStore,
    settings: Settings,
    encoder: Encoder,
    file: Path,
    tenant: str,
    understanding: Understanding | None = None,
) -> Scope:
    """Store an export, all of it or nothing, and make the vectors again.

    Returns:
        Whose it is.

    Raises:
        InvalidInput: the customer is there already, or a line is bad; the message has its number.
    """
    with at_console(store, tenant, "change.customer"):
        tenant, customer = store.exports.read(tenant, lines(file, LONGEST))
    scope = Scope(customer, tenant=tenant)
    conversation_memory(store, scope, settings, encoder, understanding=understanding).digest()
    return scope
