"""What runs after a turn: once, in its own time, and never in the way."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from threading import Event, current_thread
from time import sleep
from types import SimpleNamespace

import pytest

from memory import MemoryStore, Scope, VectorMemory, background, open_store
from tests.contracts.memories import rows
from tests.doubles import WordEncoder


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """A private store."""
    with open_store() as opened:
        yield opened


def test_work_of_one_name_waits_once(store: MemoryStore) -> None:
    """While one digest runs, a hundred more requests for it make one more, which sees everything
    that came before it.
    """
    started, release = Event(), Event()
    runs: list[str] = []

    def work() -> None:
        started.set()
        release.wait(60)
        runs.append(current_thread().name)

    store.in_background("a", work)
    assert started.wait(60)
    for _ in range(100):
        store.in_background("a", work)
    store.in_background("b", work)
    release.set()
    store.wait()
    assert len(runs) == 3
    assert all(name.startswith("memory-digest") for name in runs)


def test_what_has_time_lets_others_go_first(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done once, after its time, in the order in which that comes; at once where somebody
    waits for it, or the store is closed.
    """
    done: list[str] = []
    first, last = Event(), Event()
    at = [0.0]
    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: at[0]))
    for name, after in (("slow", 3600.0), ("later", 0.1), ("sooner", 0.05), ("later", 0.0)):
        store.in_background(name, partial(done.append, name), after=after)
    store.in_background("now", partial(done.append, "now"))
    store.in_background("first", first.set)
    store.in_background("last", last.set, after=0.15)
    assert first.wait(60)
    at[0] = 0.2
    assert last.wait(60)
    assert done == ["now", "sooner", "later"]
    assert store.waiting == 1
    store.wait()
    assert done[3:] == ["slow"]
    store.in_background("never", partial(done.append, "never"), after=3600.0)
    store.close()
    assert done[4:] == ["never"]


def test_work_that_fails_is_logged_and_tried_again_next_time(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    """One failure ends neither the thread nor the name."""

    def fail() -> None:
        msg = "no luck"
        raise RuntimeError(msg)

    done = Event()
    store.in_background("a", fail)
    store.wait()
    store.in_background("a", done.set)
    store.wait()
    assert done.is_set()
    assert "in the background failed: a" in caplog.text
    assert "no luck" in caplog.text


def test_closing_finishes_what_was_begun(sqlite_url: str) -> None:
    """A store that is closed right after a turn has digested it."""
    with open_store(sqlite_url) as store:
        memory = VectorMemory(store=store, scope=Scope("ada"), embeddings=WordEncoder())
        memory.save_context({"input": "hello"}, {"output": "good day"})
    with open_store(sqlite_url) as store:
        assert len(rows(store)["vectors"]) == 2


def test_nothing_runs_in_the_background_unless_it_is_wanted(store: MemoryStore) -> None:
    """``background=False`` leaves the digest to whoever calls it."""
    memory = VectorMemory(
        store=store, scope=Scope("ada"), embeddings=WordEncoder(), background=False
    )
    memory.save_context({"input": "hello"}, {"output": "good day"})
    store.wait()
    assert rows(store)["records"] == []
    memory.digest()
    assert len(rows(store)["records"]) == 2


def test_a_reader_can_write_while_the_log_is_being_emptied(store: MemoryStore) -> None:
    """What was deleted is brought out of the files without keeping out who reads and then writes,
    as a prompt does that makes a summary again; the log is emptied after it.
    """
    store.set_meta("a", "1")
    with store.database.read() as connection:
        connection.exec_driver_sql("SELECT * FROM meta").fetchall()
        store.set_meta("a", "2")  # the log has what this reader must not see: it cannot be emptied
        store.in_background("scrub", store.database.scrub)
        sleep(0.2)
        store.set_meta("a", "3")
    store.wait()
    assert store.database.path is not None
    log = store.database.path.with_name(f"{store.database.path.name}-wal")
    assert log.stat().st_size == 0
    assert store.get_meta("a") == "3"
