"""A database that is locked, read-only, full or no database: a clear error, nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import memory.sqlite
from app.doctor import _disk
from app.main import create_app
from app.settings import Settings
from memory import NotADatabase, SchemaTooNew, StoreUnavailable, open_store
from tests.app.conftest import Running


def test_a_locked_database_is_503_and_the_service_recovers(
    run_service: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes, a turn is refused with advice; afterwards it goes through."""
    monkeypatch.setattr(memory.sqlite, "BUSY_SECONDS", 0.2)
    service = run_service()
    service.settle()
    other = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = service.chat("hello")
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    assert "another process" in refused.json()["detail"]
    unready = service.client.get("/readyz")
    assert unready.status_code == 503
    assert unready.headers["content-type"] == "application/problem+json"
    assert "another process holds the database" in unready.json()["detail"]
    other.execute("ROLLBACK")
    other.close()
    assert service.chat("hello").status_code == 200
    assert service.client.get("/readyz").status_code == 200


def test_a_full_database_is_503_and_nothing_is_half_stored(
    run_service: Callable[..., Running],
) -> None:
    """When no page can be added the turn is refused whole."""
    service = run_service()
    service.chat("hello")
    service.settle()
    database = service.app.state.store.database
    with database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def limit(raw: sqlite3.Connection, *_: object) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    import sqlalchemy as sa

    sa.event.listen(database.engine, "connect", limit)
    database.engine.dispose()
    refused = None
    for i in range(60):
        refused = service.chat(f"{i} " + "word " * 1000)
        if refused.status_code != 200:
            break
    assert refused is not None
    assert refused.status_code == 503
    assert "full" in refused.json()["detail"]
    unready = service.client.get("/readyz")
    assert unready.status_code == 503
    assert unready.json()["type"] == "urn:problem:not-ready"
    assert "The database cannot be written: the disk is full" in unready.json()["problems"][0]
    said = service.client.get("/v1/customers/ada/sessions/s1/messages", params={"limit": 500})
    stored = said.json()["messages"]
    assert [m["role"] for m in stored[-2:]] in (["human", "ai"], ["ai", "human"])


def test_a_disk_with_no_room_left_is_not_ready(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write may still find a page that was freed; the next would not."""
    usage = shutil.disk_usage("/")._replace(free=300_000)
    monkeypatch.setattr("app.readiness.shutil.disk_usage", lambda _: usage)
    unready = service.client.get("/readyz")
    assert unready.status_code == 503
    assert "292 kB are free" in unready.json()["detail"]


def test_readiness_leaves_nothing_and_is_not_tried_out_at_every_call(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good answer holds for a while; nor does who asks for health wait long."""
    monkeypatch.setattr("app.readiness._GOOD_FOR", 3600)
    store = service.app.state.store
    tried: list[float] = []
    really = store.database.try_write
    monkeypatch.setattr(
        store.database, "try_write", lambda patience: (tried.append(patience), really(patience))
    )
    for _ in range(5):
        assert service.client.get("/readyz").status_code == 200
    assert tried == [1]  # second that the database may take
    assert store.get_meta("tried to write") is None


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The file is not touched."""
    file = tmp_path / "memory.db"
    file.write_bytes(b"this is a text file, not a database. " * 100)
    before = file.read_bytes()
    with pytest.raises(NotADatabase, match="not a database"):
        create_app(Settings(data_dir=tmp_path, llm="fake:echo", api_key="k"))
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    """The message names the place."""
    with pytest.raises(StoreUnavailable, match="proc"):
        create_app(Settings(database="sqlite:////proc/nowhere/memory.db", llm="fake:echo"))


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program does not touch a newer database."""
    app = create_app(Settings(data_dir=tmp_path, llm="fake:echo", api_key="k"))
    app.state.store.set_meta("schema_version", "999")
    app.state.store.close()
    with pytest.raises(SchemaTooNew, match="upgrade"):
        create_app(Settings(data_dir=tmp_path, llm="fake:echo", api_key="k"))


def test_doctor_says_when_postgres_does_not_wait_for_the_disk(postgres_url: str) -> None:
    """The tests' server has fsync off; this program turns nothing off, and every commit waits."""
    fault = _disk(Settings(database=postgres_url))
    assert fault is not None
    assert "has fsync off" in fault
    with open_store(postgres_url) as store, store.database.read() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_sqlite_waits_for_the_disk_at_each_commit(sqlite_url: str) -> None:
    """Of all connections, with which is read too."""
    with open_store(sqlite_url) as store:
        for connect in (store.database.read, store.database.write, store.database.engine.connect):
            with connect() as connection:
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert _disk(Settings(database=sqlite_url)) is None
