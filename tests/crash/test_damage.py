"""Database files that a crash, a copy or a full disk left behind: opened whole, or refused."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from memory import MemoryStore, NotADatabase, StoreError, StoreUnavailable, open_store
from tests.contracts.memories import rows, said
from tests.test_crash import conversation

fork = multiprocessing.get_context("fork")  # a fresh interpreter would take seconds each
SEED = 5


def turn(n: int) -> tuple[str, str]:
    """What is said in a turn, and the answer."""
    return f"q{n} my parcel to street {n} is late", f"a{n} parcel {n} is in the depot"


def talk(store: MemoryStore, first: int, count: int) -> None:
    """Store so many turns."""
    memory = conversation(store)
    for n in range(first, first + count):
        question, answer = turn(n)
        memory.save_context({"input": question}, {"output": answer})


def copied(path: Path, folder: Path) -> Path:
    """The database's files as they are now, except what is shared memory, in another folder."""
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(path.with_name(name), folder / name)
    return folder / path.name


def turns_in(path: Path) -> int:
    """How many turns a database has; they are the first ones, exact, and in order.

    Raises:
        StoreError: it cannot be opened, or not be read; the message says what to do.
    """
    with open_store(f"sqlite:///{path}") as store:
        found = [text for _, text in said(store)]
        with store.database.read() as connection:
            whole = connection.execute(sa.text("PRAGMA integrity_check")).scalar()
    if whole != "ok":
        raise NotADatabase(str(whole))
    assert len(found) % 2 == 0
    assert found == [text for n in range(len(found) // 2) for text in turn(n)]
    return len(found) // 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database can be made."""
    return tmp_path / "memory.db"


def logged(path: Path, count: int) -> list[int]:
    """Store turns that stay in the write-ahead log; its size after each acknowledgement."""
    sizes = []
    with open_store(f"sqlite:///{path}") as store:
        for n in range(count):
            talk(store, n, 1)
            sizes.append(path.with_name("memory.db-wal").stat().st_size)
        copied(path, path.parent / "torn")
    return sizes


@pytest.mark.parametrize("how", ["cut", "overwritten", "zeros"])
def test_a_torn_log_keeps_every_turn_before_the_tear(path: Path, how: str) -> None:
    """Wherever the write-ahead log ends, or is no longer what was written, the database opens and
    has every turn that was acknowledged before that, and of later ones none in part; the next
    turns go on.
    """
    sizes = logged(path, 30)
    assert sizes == sorted(set(sizes))
    torn = path.parent / "torn" / path.name
    whole = torn.with_name("memory.db-wal").read_bytes()
    chance = random.Random(SEED)
    places = [sizes[9], sizes[9] - 1, 32, 31, 0, *(chance.randrange(len(whole)) for _ in range(15))]
    for number, at in enumerate(places):
        again = copied(torn, path.parent / str(number))
        rest = {
            "cut": b"",
            "overwritten": chance.randbytes(len(whole) - at),
            "zeros": bytes(len(whole) - at),
        }
        again.with_name("memory.db-wal").write_bytes(whole[:at] + rest[how])
        kept = turns_in(again)
        assert sum(size <= at for size in sizes) <= kept <= sum(size <= at for size in sizes) + 1
        with open_store(f"sqlite:///{again}") as store:
            talk(store, kept, 1)
        assert turns_in(again) == kept + 1


def test_a_truncated_database_opens_whole_or_is_refused(path: Path) -> None:
    """Cut at any length it is refused with what to do, and not a byte of it is changed; of nothing,
    or of one byte, a new one is made.
    """
    with open_store(f"sqlite:///{path}") as store:
        talk(store, 0, 60)
    content = path.read_bytes()
    chance = random.Random(SEED)
    lengths = [2, 99, 100, 4095, 4096, 8192, len(content) - 4096, len(content) - 1]
    lengths += [chance.randrange(2, len(content) - 4096) for _ in range(25)]
    for number, length in enumerate(lengths):
        cut = copied(path, path.parent / str(number))
        cut.write_bytes(content[:length])
        with pytest.raises(NotADatabase, match="restore a backup"):
            turns_in(cut)
        assert cut.read_bytes() == content[:length]
    for nothing in (b"", b"S"):
        cut = copied(path, path.parent / f"only {len(nothing)}")
        cut.write_bytes(nothing)
        assert turns_in(cut) == 0


def test_a_copy_that_was_made_in_use_opens_or_is_refused(path: Path) -> None:
    """Copied by hand, file after file, while turns are stored and the log is emptied, a database
    is what it was at some moment, or refused with what to do.
    """

    def work() -> None:
        with open_store(f"sqlite:///{path}") as store:
            for n in range(100_000):
                talk(store, n, 1)
                if n % 10 == 9:
                    store.database.scrub()

    open_store(f"sqlite:///{path}").close()
    process = fork.Process(target=work)
    process.start()
    try:
        copies = []
        for number in range(25):
            time.sleep(0.03)
            copies.append(copied(path, path.parent / str(number)))
    finally:
        process.kill()
        process.join()
    opened = []
    for copy in copies:
        with contextlib.suppress(NotADatabase):
            opened.append(turns_in(copy))
    assert opened
    assert turns_in(path) >= max(opened)


def limited(bytes_: int, work: Callable[[Any], None]) -> list[Any]:
    """What a process sends whose files may have no more than so many bytes."""
    receiver, sender = fork.Pipe(duplex=False)

    def run() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))
        try:
            work(sender.send)
        except StoreError as error:
            sender.send(error)

    process = fork.Process(target=run)
    process.start()
    sender.close()
    found = []
    with contextlib.suppress(EOFError):
        while True:
            found.append(receiver.recv())
    process.join()
    assert process.exitcode == 0
    return found


def test_a_disk_that_is_full_at_any_write_loses_nothing(path: Path) -> None:
    """Whichever write finds no room - a question, an answer, a record, a vector, a fold - what was
    acknowledged is there, the error says that the disk is full, and with room again the question
    without an answer is answered and every message remembered.
    """

    def work(acknowledge: Callable[[Any], None]) -> None:
        with open_store(f"sqlite:///{here}") as store:
            memory = conversation(store)
            for n in range(400):
                question, answer = turn(n)
                begun = memory.start(question, f"key {n}")
                acknowledge(question)
                memory.finish(begun, answer, "complete")
                acknowledge(answer)
                memory.digest()

    stopped_at = set()
    chance = random.Random(SEED)
    limits = [4096, 33_000, *(chance.randrange(150_000, 420_000) for _ in range(18))]
    for number, limit in enumerate(limits):
        here = path.parent / str(number) / path.name
        here.parent.mkdir()
        *acknowledged, refused = limited(limit, work)
        assert isinstance(refused, StoreUnavailable)
        assert "full" in str(refused)
        with open_store(f"sqlite:///{here}") as store:
            found = [text for _, text in said(store)]
            assert found[: len(acknowledged)] == acknowledged
            assert len(found) <= len(acknowledged) + 1  # stored, and then no room to say so
            memory = conversation(store)
            if len(found) % 2:
                question, answer = turn(len(found) // 2)
                assert found[-1] == question
                memory.finish(memory.start(question, f"key {len(found) // 2}"), answer, "complete")
            memory.digest()
            table = rows(store)
            assert len(said(store)) == len(table["records"]) == len(table["vectors"])
            stopped_at.add(len(acknowledged) % 2)
        turns_in(here)
    assert stopped_at == {0, 1}
