"""Postgres behind PgBouncer, which gives each transaction whichever connection is free."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from memory import ConversationMemory, Scope, StoreError, open_store
from tests.doubles import WordEncoder

BOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH')}:/usr/sbin")
TURNS = 8  # psycopg prepares what it executes for the sixth time


@pytest.fixture
def pooled_url(postgres: sa.Engine) -> Iterator[str]:
    """An empty schema behind a pool of two connections."""
    if BOUNCER is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    schema = f"test_{uuid.uuid4().hex}"
    with postgres.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = Path(str(postgres.url.query["host"]))
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    (folder / "ini").write_text(
        f"[databases]\nmemory = host={server} dbname={postgres.url.database} user=postgres "
        f"connect_query='SET search_path = {schema}'\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    command = [BOUNCER, "--quiet", str(folder / "ini")]
    if os.geteuid() == 0:  # it refuses to be root, and so does Postgres
        folder.chmod(0o755)
        command[1:1] = ["--user", server.owner()]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.02)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/memory"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def test_each_transaction_may_have_another_connection(
    pooled_url: str, encoder: WordEncoder
) -> None:
    """Turns and digests of customers at the same time, on fewer connections than there are
    customers: all is stored once, in order, and remembered.
    """
    with open_store(f"{pooled_url}?prepare_threshold=none") as store:

        def talk(customer: str) -> list[str]:
            memory = ConversationMemory(
                store=store, scope=Scope(customer), embeddings=encoder, background=False
            )
            for n in range(TURNS):
                memory.prompt(f"where is order {n}")
                memory.save_context({"input": f"where is order {n}"}, {"output": f"at stop {n}"})
                memory.digest()
            assert memory.recall("order 3")[0].text in ("where is order 3", "at stop 3")
            return [said.message.text for said in store.transcript.window(Scope(customer))]

        with ThreadPoolExecutor(6) as threads:
            told = [*threads.map(talk, "abcdef")]
    turn = [text for n in range(TURNS) for text in (f"where is order {n}", f"at stop {n}")]
    assert told == [turn] * 6


def test_address_says_whether_statements_are_prepared(postgres_url: str) -> None:
    """By ``none`` or a number, psycopg's own if it says nothing; all else is refused."""
    url = sa.make_url(postgres_url)
    for given, prepared in ((None, 5), ("none", None), ("3", 3)):
        more = {} if given is None else {"prepare_threshold": given}
        address = url.update_query_dict(more).render_as_string(hide_password=False)
        with open_store(address) as store, store.database.read() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            assert driver.prepare_threshold == prepared
    wrong = url.update_query_dict({"prepare_threshold": "never"})
    with pytest.raises(StoreError, match="prepare_threshold=never: give none"):
        open_store(wrong.render_as_string(hide_password=False))
