"""Postgres's own programs: ``pg_dump`` writes a backup, ``pg_restore`` reads its rows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from memory.errors import BadBackup, StoreError

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_COPY = re.compile(
    rb'COPY (?:(?:"(?:[^"]|"")*"|[\w$]+)\.)?(\w+) \(((?:\w+)(?:, \w+)*)\) FROM stdin;\r?\n'
)
_END = b"\\."


def dump(engine: Engine, target: Path) -> None:
    """Write the schema that a database's tables are in, as it is at one moment, to a file.

    Raises:
        StoreError: ``pg_dump`` is missing, older than the server, or has failed.
    """
    with engine.connect() as connection:
        schema = connection.execute(text("SELECT current_schema()")).scalar()
        serves = int(str(connection.execute(text("SHOW server_version_num")).scalar())) // 10_000
    program = _found("pg_dump")
    said = _ran([program, "--version"])
    version = _VERSION.search(said.stdout)
    if version is None or int(version[1]) < serves:
        msg = (
            f"{program} is of version {version[1] if version else 'unknown'}, the server of "
            f"{serves}: install postgresql-client-{serves}, or put its folder first in PATH"
        )
        raise StoreError(msg)
    address, secret = _connects(engine)
    done = _ran(
        [
            program, "--format=custom", "--no-owner", "--no-privileges", "--no-password",
            "--no-unlogged-table-data",
            f"--schema={_exactly(str(schema))}", f"--file={target}", f"--dbname={address}",
        ],
        secret,
    )  # fmt: skip
    if done.returncode:
        msg = f"pg_dump has failed: {done.stderr.strip()}"
        raise StoreError(msg)


def schema_version(file: Path) -> int:
    """Which version of our schema a dump has.

    Raises:
        BadBackup: it is none of this program's, or cannot be read.
    """
    with _reading(file, "--table=meta") as lines:
        rows = [line.split(b"\t") for line in lines]
    for row in rows:
        if row[0] == b"schema_version" and row[1].strip().isdigit():
            return int(row[1])
    msg = f"{file} has no tables of this program's"
    raise BadBackup(msg)


def load(connection: Connection, file: Path, tables: set[str]) -> None:
    """Bring a dump's rows into empty tables, in the transaction that is under way.

    Only rows are read of it: no statement of the file is executed.

    Raises:
        BadBackup: it cannot be read, or has rows of other tables.
    """
    raw: Any = connection.connection.driver_connection
    with _reading(file) as lines, raw.cursor() as cursor:
        for line in lines:
            if (begins := _COPY.fullmatch(line)) is None:
                continue
            table, columns = (part.decode() for part in begins.groups())
            if table not in tables:
                msg = f"{file} has a table {table}, which is none of this program's"
                raise BadBackup(msg)
            with cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copied:
                for row in lines:
                    if row.rstrip(b"\r\n") == _END:
                        break
                    copied.write(row)


@contextmanager
def _reading(file: Path, *options: str) -> Iterator[IO[bytes]]:
    """What ``pg_restore`` says of a dump's rows, line by line."""
    command = [_found("pg_restore"), "--data-only", "--no-owner", *options, "--file=-", str(file)]
    # Its complaints go to a file of their own: a full pipe that nobody reads would hold it up.
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - the words are ours, no shell reads them
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        )
        assert process.stdout is not None
        try:
            yield process.stdout
            process.stdout.read()
        finally:
            process.stdout.close()
            failed = process.wait()
        if failed:
            complaints.seek(0)
            msg = f"pg_restore has failed: {complaints.read().decode(errors='replace').strip()}"
            raise BadBackup(msg)


def _ran(
    command: list[str], secret: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the words are ours, no shell reads them
        command, env={**os.environ, **(secret or {})}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        msg = f"{program} is not there: install Postgres's client (Debian: postgresql-client)"
        raise StoreError(msg)
    return path


def _connects(engine: Engine) -> tuple[str, dict[str, str]]:
    """Where the server is, for everybody to see, and the password, which goes another way."""
    from psycopg.conninfo import make_conninfo

    _, given = engine.dialect.create_connect_args(engine.url)
    password = given.pop("password", None)
    known = {name: value for name, value in given.items() if name != "context"}
    return make_conninfo("", **known), {} if password is None else {"PGPASSWORD": str(password)}


def _exactly(schema: str) -> str:
    """A schema's name as a pattern of ``pg_dump`` that fits no other."""
    return '"' + schema.replace('"', '""') + '"'
