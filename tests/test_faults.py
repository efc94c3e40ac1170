"""A database that cannot do what is asked: a clear error, and nothing half-written."""

from __future__ import annotations

import contextlib
import gzip
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from memory import (
    ConversationMemory,
    MemoryStore,
    NotADatabase,
    Scope,
    StoreError,
    StoreUnavailable,
    open_store,
)
from tests.contracts.memories import rows, said
from tests.doubles import WordEncoder, count_words

ADA = Scope("ada", "s1")
TURN = {"input": "My order A-1001 is late."}, {"output": "I am sorry, I will look it up."}
fork = multiprocessing.get_context("fork")  # a fresh interpreter would take seconds each


def conversation(store: MemoryStore, scope: Scope = ADA, **more: Any) -> ConversationMemory:
    """A conversation over a store."""
    more.setdefault("background", False)
    return ConversationMemory(
        store=store, scope=scope, embeddings=WordEncoder(), count_tokens=count_words, **more
    )


def path_of(url: str) -> Path:
    """Where a SQLite URL points."""
    return Path(str(sa.make_url(url).database))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a write waits for another process now, in seconds."""
    monkeypatch.setattr("memory.sqlite.BUSY_SECONDS", 0.2)
    return 0.2


@contextlib.contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Somebody else is writing for a long time."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


# --- locked ----------------------------------------------------------------------------------


def test_a_locked_database_is_waited_for_and_then_said_to_be_locked(
    sqlite_url: str, impatient: float
) -> None:
    """Each kind of writing fails after the busy time with what to do, and leaves no trace; reading
    goes on; when the lock is gone everything works, and nothing has to be made up for.
    """
    with open_store(sqlite_url) as store:
        memory = conversation(store)
        memory.save_context(*TURN)
        before = rows(store)
        with locked(path_of(sqlite_url)):
            for write in (
                lambda: memory.save_context(*TURN),
                lambda: memory.start("Hello?"),
                lambda: memory.add_messages([memory.prompt("x")[0]]),
                memory.digest,
                memory.clear,
                lambda: store.erase(ADA.owner),
            ):
                began = time.monotonic()
                with pytest.raises(StoreUnavailable, match="another process holds the database"):
                    write()
                assert impatient <= time.monotonic() - began
            assert "A-1001" in str(memory.prompt("Which order?"))
        assert rows(store) == before
        memory.save_context(*TURN)
        memory.digest()
        assert len(said(store)) == 4
        assert len(rows(store)["vectors"]) == 4


def test_trying_to_write_waits_only_so_long(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says in time that the database is held, leaves nothing behind, and what comes after waits
    as long as ever.
    """
    monkeypatch.setattr("memory.sqlite.BUSY_SECONDS", 600)  # a minute, where it is Postgres
    with open_store(url) as store, open_store(url) as other:
        store.database.try_write(0.3)
        before = rows(store)
        with other.database.write() as connection:
            if store.database.dialect != "sqlite":
                connection.execute(sa.text("LOCK TABLE meta"))
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.database.try_write(0.3)
            assert 0.2 < time.monotonic() - began < 50
        store.database.try_write(0.3)
        assert rows(store) == before
        if store.database.dialect == "sqlite":
            with store.database.engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 600_000


def test_a_lock_that_is_let_go_in_time_is_not_noticed(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write waits: another process's short transaction costs time and nothing else."""
    monkeypatch.setattr("memory.sqlite.BUSY_SECONDS", 60)
    barrier = fork.Barrier(2)

    def hold() -> None:
        with locked(path_of(sqlite_url)):
            barrier.wait()
            time.sleep(0.3)

    with open_store(sqlite_url) as store:
        memory = conversation(store)
        other = fork.Process(target=hold)
        other.start()
        barrier.wait()
        memory.save_context(*TURN)
        other.join()
        assert len(said(store)) == 2


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
@pytest.mark.parametrize("there", ["empty", "in use"])
def test_a_locked_database_cannot_be_opened(
    sqlite_url: str, impatient: float, how: str, there: str
) -> None:
    """Opening says so too, and a later try succeeds."""
    if there == "in use":
        open_store(sqlite_url).close()
    with locked(path_of(sqlite_url), how), pytest.raises(StoreUnavailable, match="holds"):
        open_store(sqlite_url)
    with open_store(sqlite_url) as store:
        conversation(store).save_context(*TURN)


def test_a_digest_that_found_the_database_locked_is_made_up_for(
    sqlite_url: str, impatient: float, caplog: pytest.LogCaptureFixture
) -> None:
    """In the background the failure is logged and nothing is lost: the next digest does it all."""
    with open_store(sqlite_url) as store:
        memory = conversation(store, background=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store.records, "write", _unavailable)
            memory.save_context(*TURN)
            store.wait()
        assert "in the background failed: ConversationMemory" in caplog.text
        assert rows(store)["records"] == []
        memory.save_context(*TURN)
        store.wait()
        assert len(rows(store)["vectors"]) == 4


def _unavailable(*_: object) -> None:
    msg = "locked"
    raise StoreUnavailable(msg)


# --- read-only and full ----------------------------------------------------------------------


def elsewhere(work: Callable[[], object], prepare: Callable[[], object]) -> str:
    """What ``work`` raises, or returns, in a process of its own after ``prepare``."""
    receiver, sender = fork.Pipe(duplex=False)

    def run() -> None:
        try:
            prepare()
            sender.send(str(work()))
        except Exception as error:
            sender.send(f"{type(error).__name__}: {error}")

    process = fork.Process(target=run)
    process.start()
    assert receiver.poll(60)
    answer: str = receiver.recv()
    process.join()
    return answer


def become_nobody() -> None:
    """Give up the right to write everywhere, if it is there."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def test_a_read_only_file_is_said_to_be_so() -> None:
    """A file that this user may not write cannot be opened as a store; it stays as it was."""
    folder = Path(tempfile.mkdtemp(prefix="readonly-"))  # every user can come here
    try:
        path = folder / "memory.db"
        with open_store(f"sqlite:///{path}") as store:
            conversation(store).save_context(*TURN)
        before = path.read_bytes()
        path.chmod(0o444)
        folder.chmod(0o555)
        answer = elsewhere(lambda: open_store(f"sqlite:///{path}"), become_nobody)
        assert answer.startswith("StoreUnavailable: ")
        assert "read-only" in answer or "cannot be opened" in answer
        folder.chmod(0o755)
        assert path.read_bytes() == before
        assert elsewhere(
            lambda: open_store(f"sqlite:///{folder / 'new.db'}"), become_nobody
        ).startswith("StoreUnavailable: ")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def from_now_on(store: MemoryStore, pragma: str) -> Callable[[], None]:
    """Every connection has a setting of SQLite's; returns what takes it off again."""

    def set_it(raw: Any, _: object) -> None:
        raw.execute(f"PRAGMA {pragma}")

    sa.event.listen(store.database.engine, "connect", set_it)
    store.database.engine.dispose()

    def undo() -> None:
        sa.event.remove(store.database.engine, "connect", set_it)
        store.database.engine.dispose()

    return undo


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("query_only=ON", "read-only: give this user the right"),
        ("max_page_count=1", "disk is full"),
    ],
)
def test_a_database_that_takes_nothing_more(sqlite_url: str, pragma: str, message: str) -> None:
    """Full or read-only while in use: what to do is said, half of a turn is never there, what was
    stored can be read, and when there is room again everything goes on.
    """
    with open_store(sqlite_url) as store:
        memory = conversation(store)
        memory.save_context(*TURN)
        before = rows(store)
        undo = from_now_on(store, pragma)
        long = {"input": "word " * 9_000}, {"output": "word " * 9_000}
        with pytest.raises(StoreUnavailable, match=message):
            memory.save_context(*long)
        turn = None
        with contextlib.suppress(StoreUnavailable):
            turn = memory.start("short")
        assert "A-1001" in str(memory.prompt("Which order?"))
        undo()
        if turn is not None:
            memory.finish(turn, "", "failed")
        else:
            assert rows(store) == before
        memory.save_context(*long)
        assert [text for _, text in said(store)][-2:] == [long[0]["input"], long[1]["output"]]


def test_a_disk_that_fills_up_loses_nothing_it_acknowledged(sqlite_url: str) -> None:
    """A process whose files may not grow any more stores turns until it is refused: those that
    were acknowledged are all there, whole and in order, and no other.
    """

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    def fill() -> int:
        acknowledged = 0
        with contextlib.suppress(StoreUnavailable), open_store(sqlite_url) as store:
            memory = conversation(store)
            while acknowledged < 500:
                memory.save_context(
                    {"input": f"q{acknowledged} " + "x" * 3000}, {"output": f"a{acknowledged}"}
                )
                acknowledged += 1
        return acknowledged

    count = int(elsewhere(fill, limited))
    assert 5 < count < 500
    with open_store(sqlite_url) as store:
        texts = [text.split()[0] for _, text in said(store)]
        assert texts == [name for n in range(count) for name in (f"q{n}", f"a{n}")]
        conversation(store).save_context(*TURN)
        assert len(said(store)) == 2 * count + 2


# --- not a database --------------------------------------------------------------------------

NO_DATABASES = {
    "random bytes": random.Random(1).randbytes(9_000),
    "a text": b"Dear Sir or Madam,\n" * 300,
    "an archive": gzip.compress(b"x" * 9_000) * 40,
    "a torn database": b"SQLite format 3\0" + random.Random(2).randbytes(8_000),
}


@pytest.mark.parametrize("content", NO_DATABASES.values(), ids=NO_DATABASES.keys())
def test_a_file_that_is_something_else_is_left_as_it_is(sqlite_url: str, content: bytes) -> None:
    """It is refused with what to do, and not a byte of it is changed."""
    path = path_of(sqlite_url)
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError) as refused:
            open_store(sqlite_url)
    assert isinstance(refused.value, NotADatabase)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_damaged_database_says_so(sqlite_url: str) -> None:
    """Pages overwritten in the middle are an error that tells of the backup, not wrong answers."""
    path = path_of(sqlite_url)
    with open_store(sqlite_url) as store:
        for n in range(60):
            conversation(store).save_context({"input": f"{n} " + "x" * 800}, {"output": "yes"})
    content = bytearray(path.read_bytes())
    for page in range(8192, len(content) - 4096, 4096):
        content[page : page + 4096] = random.Random(3).randbytes(4096)
    path.write_bytes(content)
    with pytest.raises(NotADatabase, match="restore a backup"), open_store(sqlite_url) as store:
        said(store)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """Nor is a path through a file."""
    for path in (tmp_path, Path(__file__) / "memory.db"):
        with pytest.raises(StoreUnavailable, match="cannot be opened: "):
            open_store(f"sqlite:///{path}")


def test_no_tree_is_made_in_the_root() -> None:
    """A path that shares nothing with what is there was mistyped; nothing is made of it."""
    with pytest.raises(
        StoreUnavailable, match=r"there is no folder /nonexist\. Make /nonexist/dir"
    ):
        open_store("sqlite:////nonexist/dir/memory.db")
    assert not Path("/nonexist").exists()


def test_a_missing_folder_is_made_and_everything_in_it_is_private(tmp_path: Path) -> None:
    """The database, its log and the folder can be read by their owner only."""
    path = tmp_path / "not" / "there" / "memory.db"
    before = os.umask(0)
    try:
        with open_store(f"sqlite:///{path}") as store:
            conversation(store).save_context(*TURN)
            assert len(list(path.parent.iterdir())) == 3
            for file in (path.parent, *path.parent.iterdir()):
                assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
    finally:
        os.umask(before)


def test_an_empty_file_becomes_a_database(sqlite_url: str) -> None:
    """As SQLite has it."""
    path_of(sqlite_url).touch()
    with open_store(sqlite_url) as store:
        conversation(store).save_context(*TURN)


def test_a_private_database_is_gone_when_it_is_closed() -> None:
    """``sqlite://`` keeps nothing, and two of them share nothing."""
    with open_store() as one, open_store("sqlite:///:memory:") as other:
        conversation(one).save_context(*TURN)
        assert said(other) == []
        paths = [one.database.path, other.database.path]
        assert all(path is not None and path.exists() for path in paths)
    assert not any(path is not None and path.parent.exists() for path in paths)


# --- URLs and servers ------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "memory.db", "mysql://host/name", "://", "sqlite", "http://x"])
def test_an_address_of_no_database_is_refused(url: str) -> None:
    """The message shows what an address looks like."""
    with pytest.raises(StoreError, match=r"sqlite:///path/to/file\.db"):
        open_store(url)


def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    """Nobody listens: an error at once, with the server's address in it."""
    with pytest.raises(StoreUnavailable, match="not available"):
        open_store("postgresql://nobody@127.0.0.1:1/name")


def test_postgres_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is an extra: the message is the command that installs it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'langchain-memory-service\[postgres\]'"):
        open_store("postgresql://nobody@127.0.0.1:1/name")


def test_a_server_that_was_restarted_is_found_again(postgres: sa.Engine, postgres_url: str) -> None:
    """Every connection is cut: the next turn makes new ones, and nothing is lost."""
    with open_store(postgres_url) as store:
        memory = conversation(store)
        memory.save_context(*TURN)
        for _ in range(2):
            _cut_all(postgres)
            memory.save_context(*TURN)
            memory.digest()
        assert len(said(store)) == 6


def test_a_connection_that_is_cut_in_a_transaction_stores_nothing(
    postgres: sa.Engine, postgres_url: str
) -> None:
    """The server goes away between two statements of a turn: a clear error, and no half turn."""
    with open_store(postgres_url) as store:
        memory = conversation(store)
        with pytest.raises(StoreUnavailable, match="not available"):
            _write_half(store, postgres)
        assert store.get_meta("half") is None
        memory.save_context(*TURN)
        assert len(said(store)) == 2


def _write_half(store: MemoryStore, postgres: sa.Engine) -> None:
    with store.database.write() as connection:
        connection.execute(sa.text("INSERT INTO meta VALUES ('half', 'written')"))
        _cut_all(postgres)
        connection.execute(sa.text("INSERT INTO meta VALUES ('other', 'half')"))


def _cut_all(postgres: sa.Engine) -> None:
    with postgres.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


@pytest.mark.parametrize("url", [None, 5, Path("memory.db"), b"sqlite://"])
def test_what_is_no_address_at_all_is_refused(url: Any) -> None:
    """The message shows what an address looks like."""
    with pytest.raises(StoreError, match=r"give sqlite:///path/to/file\.db"):
        open_store(url)


def test_a_closed_store_says_so(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Reading, writing and the background: each raises StoreError, and nothing is stored."""
    with open_store(url) as store:
        memory = conversation(store, background=True)
        memory.save_context(*TURN)
        turn = memory.start("under way")
    for use in (
        lambda: memory.save_context(*TURN),
        lambda: memory.prompt("Which order?"),
        lambda: memory.finish(turn, "late", "complete"),
        lambda: memory.add_messages([memory.prompt("x")[0]]),
        memory.digest,
        memory.clear,
        lambda: store.erase(ADA.owner),
        lambda: store.get_meta("x"),
        lambda: store.in_background("digest", memory.digest),
        lambda: store.backup(tmp_path / "copy.db"),
    ):
        with pytest.raises(StoreError, match="the store is closed: open it again"):
            use()
    store.close()
    assert "failed" not in caplog.text
    with open_store(url) as store:
        assert len(said(store)) == 3


def test_a_digest_that_is_asked_for_while_the_store_closes_is_left_to_the_next_start(
    url: str,
) -> None:
    """What is stored in that moment is acknowledged, and no error."""
    with open_store(url) as store:
        memory = conversation(store, background=True)
        closing = threading.Event()

        def last_words() -> None:
            closing.wait(60)
            memory.save_context(*TURN)

        store.in_background("last words", last_words)
        closer = threading.Thread(target=store.close)
        closer.start()
        while not store._background._closed:
            time.sleep(0.001)
        closing.set()
        closer.join()
    with open_store(url) as store:
        assert len(said(store)) == 2
        assert store.lagging() == [ADA.owner]


# --- killed and opened again -----------------------------------------------------------------


def _begin(url: str, acknowledged: Any) -> None:
    store = open_store(url)
    memory = conversation(store)
    turn = memory.start("Where is my order?")
    memory.renew(turn, "It is on")
    acknowledged.send(turn.id)
    time.sleep(60)


def test_who_opens_alone_ends_the_turns_of_the_dead(sqlite_url: str) -> None:
    """While the other process lives its turn is left alone; after a kill the next to open finds it
    stopped, with what was said, and its session free, though its lease is not over.
    """
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_begin, args=(sqlite_url, sender))
    process.start()
    assert receiver.poll(60)
    turn_id = receiver.recv()
    with open_store(sqlite_url) as store:
        running = store.turns.get(ADA, turn_id)
        assert running is not None
        assert running.status == "running"
        process.kill()
        process.join()
    with open_store(sqlite_url) as store, open_store(sqlite_url) as second:
        ended = second.turns.get(ADA, turn_id)
        assert ended is not None
        assert ended.status == "stopped"
        assert said(store) == [("human", "Where is my order?"), ("ai", "It is on")]
        turn = conversation(store).start("Hello?")
        with open_store(sqlite_url):
            pass  # another store of this very process is somebody too
        assert conversation(second).finish(turn, "Yes?", "complete") is not None


# --- backups ---------------------------------------------------------------------------------


def test_a_backup_is_whole_private_and_never_over_something(
    sqlite_url: str, tmp_path: Path
) -> None:
    """A copy made while turns are being stored opens and holds what was there; a file that exists
    is not overwritten.
    """
    target = tmp_path / "backup.db"
    with open_store(sqlite_url) as store:
        memory = conversation(store)
        for _ in range(20):
            memory.save_context(*TURN)
        memory.digest()
        store.backup(target)
        copied = rows(store)
        with pytest.raises(StoreError, match="cannot write the backup"):
            store.backup(target)
        with pytest.raises(StoreError, match="cannot write the backup"):
            store.backup(tmp_path / "no" / "folder.db")
        memory.save_context(*TURN)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with open_store(f"sqlite:///{target}") as store:
        assert rows(store) == copied
