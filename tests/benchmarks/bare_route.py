"""The least that a chat route with a memory has to do, for ``load.py``: two commits, one embedding.

    python -m tests.benchmarks.bare_route DATABASE

A FastAPI route as one would write it by hand, served by uvicorn as it comes. It commits the rows
that the service's turn commits, the message before it "answers" and the answer after, by the
sqlite3 module alone, with the service's pragmas, and embeds the message in between. It knows no
key, checks nothing, looks nothing up, lays out no prompt and derives nothing afterwards.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import sys
import threading
import time
import uuid

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from memory.embeddings import OnnxEmbeddings

TENANT = "default"
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")

_OF = "WHERE tenant = ? AND customer = ?"
_NUMBER = f"UPDATE customers SET seq = seq + 1 {_OF} RETURNING seq"
_SAY = (
    "INSERT INTO messages (tenant, customer, seq, session, id, role, text, at, tokens, turn) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 20, ?)"
)
_GROW = (
    "INSERT INTO sessions (tenant, customer, session, created, updated, messages, tokens) "
    "VALUES (?, ?, ?, ?, ?, 1, 20) ON CONFLICT (tenant, customer, session) DO UPDATE "
    "SET updated = excluded.updated, messages = messages + 1, tokens = tokens + 20"
)
_BEGIN = (
    "INSERT INTO turns (tenant, customer, id, session, status, at, question) "
    "VALUES (?, ?, ?, ?, 'running', ?, ?)"
)
_END = f"UPDATE turns SET status = 'complete', answer = ? {_OF} AND id = ?"
_ENTER = (
    "INSERT INTO audit (number, at, tenant, actor, role, action, customer, session, outcome, "
    "previous, hash) VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM audit), ?, ?, 'first', "
    "'admin', 'chat.turn', ?, ?, 'done', ?, ?)"
)


class Asked(BaseModel):
    """A message of a customer."""

    customer: str
    session: str
    message: str


class Rows:
    """The two commits of a turn, one writer at a time."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        for pragma in PRAGMAS:
            self._db.execute(f"PRAGMA {pragma}")

    def begin(self, asked: Asked, turn: str) -> None:
        """Commit the message."""
        owner, at = (TENANT, asked.customer), time.time_ns() // 1000
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            seq = self._said(owner, asked.session, "human", asked.message, at, turn)
            self._db.execute(_BEGIN, (*owner, turn, asked.session, at, seq))
            # As long as the service's: two pseudonyms, and two hashes of the chain.
            self._db.execute(
                _ENTER, (at, TENANT, "0" * 32, "0" * 32, uuid.uuid4().hex * 2, "0" * 64)
            )
            self._db.execute("COMMIT")

    def end(self, asked: Asked, turn: str, answer: str) -> None:
        """Commit the answer."""
        owner, at = (TENANT, asked.customer), time.time_ns() // 1000
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            seq = self._said(owner, asked.session, "ai", answer, at, turn)
            self._db.execute(_END, (seq, *owner, turn))
            self._db.execute("COMMIT")

    def _said(
        self, owner: tuple[str, str], session: str, role: str, text: str, at: int, turn: str
    ) -> int:
        ((seq,),) = self._db.execute(_NUMBER, owner).fetchall()
        said = (*owner, seq, session, uuid.uuid4().hex, role, text, at, turn)
        self._db.execute(_SAY, said)
        self._db.execute(_GROW, (*owner, session, at, at))
        return int(seq)


def create(path: str) -> FastAPI:
    """The route over a database of the service's."""
    app, rows, encoder = FastAPI(), Rows(path), OnnxEmbeddings()

    @app.post("/v1/chat")
    def chat(asked: Asked) -> dict[str, str]:
        turn = uuid.uuid4().hex
        rows.begin(asked, turn)
        encoder.encode([asked.message])
        rows.end(asked, turn, asked.message)
        return {"reply": asked.message, "turn": turn, "session": asked.session}

    return app


if __name__ == "__main__":
    config = uvicorn.Config(create(sys.argv[1]), access_log=False, log_level="warning")
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    # As the service does: else an answer's body waits 40 ms for its head to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print(f"Chat at http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
