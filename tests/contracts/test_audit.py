"""The audit log: a chain that is only added to, beside every change, over both databases."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from memory import MemoryStore, Scope, StoreError, open_store
from memory.chain import End, linked
from memory.clock import now
from memory.deeds import CHAIN, Deed, Entry, enter
from memory.transcript import make_message

ADA = Scope("ada", "s1")


def deed(action: str = "change.turn", customer: str | None = "ada", **more: Any) -> Deed:
    """What the key k1 does in the tenant "default"."""
    return Deed("k1", "agent", "default", action, customer, **more)


def say(store: MemoryStore, customer: str = "ada") -> None:
    """Store a message of a customer's."""
    store.transcript.add(Scope(customer, "s1"), [make_message("human", f"I am {customer}", 3)])


def read(store: MemoryStore, *customers: str) -> None:
    """Read something of each customer, and have it written."""
    for customer in customers:
        with store.audit.doing(deed("read.messages", customer)):
            pass
    store.audit.flush()


def told(store: MemoryStore) -> list[tuple[str, str]]:
    """Actions and outcomes, the first one first."""
    return [(one.action, one.outcome) for one in reversed(store.audit.entries(10_000))]


def execute(store: MemoryStore, *statements: str) -> None:
    """Write in the database as somebody does who can."""
    with store.database.write() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def unlock(store: MemoryStore) -> None:
    """Take away what makes the table append-only, as somebody does who may do everything."""
    if store.database.dialect == "sqlite":
        execute(
            store, *(f"DROP TRIGGER audit_{name}" for name in ("at_the_end", "unchanged", "kept"))
        )
    else:
        execute(store, "ALTER TABLE audit DISABLE TRIGGER ALL")


# --- what is entered ---------------------------------------------------------------------------


def test_a_change_and_its_entry_are_one_transaction(store: MemoryStore) -> None:
    """What was changed is entered with it; what was rolled back leaves a failure, no change."""
    with store.audit.doing(deed(session="s1")):
        say(store)
    assert told(store) == [("change.turn", "done")]
    with pytest.raises(ZeroDivisionError), store.audit.doing(deed()):
        change_and_fail(store)
    assert told(store)[1:] == [("change.turn", "failed")]
    assert len(store.transcript.window(ADA)) == 1
    assert store.audit.verify().fault is None


def change_and_fail(store: MemoryStore) -> None:
    """A transaction that is rolled back after its entry."""
    with store.database.write() as connection:
        enter(connection)
        1 / 0  # noqa: B018


def test_nothing_is_entered_where_nobody_says_who_acts(store: MemoryStore) -> None:
    """A program of one's own has no audit log that it did not ask for."""
    say(store)
    store.erase(ADA.owner)
    assert told(store) == []
    assert store.audit.verify() == (0, End(), 0, None)


def test_what_only_reads_is_entered_soon_and_at_the_end(url: str) -> None:
    """By itself; and what still waits when the store is closed."""
    with open_store(url) as store:
        with store.audit.doing(deed("read.card")):
            pass
        for _ in range(600):
            with store.database.read() as connection:
                if connection.execute(sa.text("SELECT COUNT(*) FROM audit")).scalar():
                    break
            threading.Event().wait(0.05)
        else:
            pytest.fail("it was never written")
        with store.audit.doing(deed("read.card")):
            pass
    with open_store(url) as store:
        assert told(store) == [("read.card", "ok")] * 2


def test_names_are_hmacs_and_an_erasure_takes_what_they_mean(store: MemoryStore) -> None:
    """The same customer is the same in every entry, until erased; then nobody can say who it was,
    the chain holds, and somebody of the same name is somebody else.
    """
    with store.audit.doing(deed(session="s1")):
        say(store)
    read(store, "ada", "bob")
    ada = store.audit.pseudonym(ADA.owner)
    assert ada is not None
    turn, of_ada, of_bob = reversed(store.audit.entries(9))
    assert turn.customer == of_ada.customer == ada
    assert turn.session not in (None, "s1", ada)
    assert of_bob.customer is None, "nobody is there of that name, and none is made"
    assert [one.action for one in store.audit.entries(9, customer=ada)] == [
        "read.messages", "change.turn",
    ]  # fmt: skip
    with store.audit.doing(deed("erase.customer")):
        receipt = store.erase(ADA.owner)
    assert receipt is not None
    assert store.audit.pseudonym(ADA.owner) is None
    last, *_ = store.audit.entries(1)
    assert (last.action, last.outcome, last.what) == ("erase.customer", "done", receipt.hash)
    assert last.customer == ada, "the last time that it is there"
    say(store)
    assert store.audit.pseudonym(ADA.owner) not in (None, ada)
    assert store.audit.verify().fault is None
    assert "'ada'" not in str(store.audit.entries(9))


def test_an_imported_customer_has_another_key(store: MemoryStore) -> None:
    """An export has neither the key nor any entry."""
    with store.audit.doing(deed()):
        say(store)
    with store.database.read() as connection:
        secret = connection.execute(sa.text("SELECT audit_key FROM customers")).scalar_one()
    file = BytesIO()
    store.exports.write(ADA.owner, file)
    assert secret not in file.getvalue().decode()
    lines = [("line", json.loads(line)) for line in file.getvalue().splitlines()]
    owner = store.exports.read("elsewhere", iter(lines))
    assert store.audit.pseudonym(owner) not in (None, store.audit.pseudonym(ADA.owner))


def test_what_is_asked_for_narrows_the_list(store: MemoryStore) -> None:
    """Newest first, page by page, by tenant, time, action, actor and outcome."""
    for n, (tenant, action, actor) in enumerate(
        [("north", "read.card", "k1"), ("south", "read.card", "k2"), ("north", "readiness", "k1"),
         ("north", "erase.memory", "k2"), ("north", "read.messages", "k2")]
    ):  # fmt: skip
        at = datetime(2026, 5, 4, n, tzinfo=UTC)
        with store.audit.doing(Deed(actor, "agent", tenant, action, at=at)) as done:
            done.outcome = "absent" if n == 1 else None

    def found(**asked: Any) -> list[int]:
        return [one.number for one in store.audit.entries(9, **asked)]

    assert found() == [5, 4, 3, 2, 1]
    assert found(tenant="north") == [5, 4, 3, 1]
    assert found(action="read") == [5, 2, 1]
    assert found(action="read.card", actor="k1") == [1]
    assert found(since=datetime(2026, 5, 4, 3, tzinfo=UTC)) == [5, 4]
    assert found(outcome="absent") == [2]
    assert [one.number for one in store.audit.entries(2, before=4)] == [3, 2]


# --- the chain ---------------------------------------------------------------------------------


CHANGES: list[tuple[str, str]] = [
    ("UPDATE audit SET actor = 'k2' WHERE number = 3", "entry 3 is not as"),
    ("UPDATE audit SET outcome = 'failed' WHERE number = 1", "entry 1 is not as"),
    ("UPDATE audit SET at = at + 1 WHERE number = 5", "entry 5 is not as"),
    ("UPDATE audit SET customer = NULL WHERE number = 2", "entry 2 is not as"),
    ("UPDATE audit SET hash = 'x' WHERE number = 2", "entry 2 is not as"),
    ("DELETE FROM audit WHERE number = 1", "before number 2 is missing"),
    ("DELETE FROM audit WHERE number = 3", "before number 4 is missing"),
    ("UPDATE audit SET number = 9 WHERE number = 3", "before number 4 is missing"),
    ("INSERT INTO audit SELECT 0, at, tenant, actor, role, action, customer, session, what, "
     "outcome, previous, hash FROM audit WHERE number = 1", "before number 0 is missing"),
    ("INSERT INTO audit SELECT 6, at, tenant, actor, role, action, customer, session, what, "
     "outcome, hash, hash FROM audit WHERE number = 5", "entry 6 is not as"),
]  # fmt: skip


def test_what_somebody_has_changed_is_found(store: MemoryStore) -> None:
    """An entry that was changed, taken away, moved or put in, and where."""
    say(store)
    read(store, *["ada"] * 5)
    unlock(store)
    execute(store, "CREATE TABLE before AS SELECT * FROM audit")
    for change, fault in CHANGES:
        assert store.audit.verify().fault is None
        execute(store, change)
        assert fault in str(store.audit.verify().fault), change
        execute(store, "DELETE FROM audit", "INSERT INTO audit SELECT * FROM before")


def test_a_tail_that_was_cut_off_is_found_by_who_kept_a_hash(store: MemoryStore) -> None:
    """Without one it is a whole chain, only a shorter one."""
    read(store, *["ada"] * 5)
    kept = store.audit.verify().end.hash
    read(store, "ada")
    assert store.audit.verify(kept).fault is None
    unlock(store)
    execute(store, "DELETE FROM audit WHERE number > 4")
    assert store.audit.verify().fault is None
    assert "what came after entry 4 was cut off" in str(store.audit.verify(kept).fault)
    read(store, "bob")
    assert "no entry has the hash" in str(store.audit.verify(kept).fault)


def test_nobody_changes_or_deletes_an_entry_through_the_service(store: MemoryStore) -> None:
    """The database itself refuses it, and what would overwrite one."""
    read(store, *["ada"] * 3)
    rest = "at, tenant, actor, role, action, customer, session, what, outcome, previous, hash"
    statements = [
        "UPDATE audit SET actor = 'k2'",
        "UPDATE audit SET number = 7 WHERE number = 3",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 1",
    ]
    if store.database.dialect == "sqlite":
        statements.append(
            f"INSERT OR REPLACE INTO audit (number, {rest}) SELECT 2, {rest} FROM audit LIMIT 1"
        )
    else:
        statements.append("TRUNCATE audit")
    for statement in statements:
        with pytest.raises((sa.exc.DBAPIError, StoreError), match="append-only"):
            execute(store, statement)
    assert store.audit.verify().fault is None
    assert len(told(store)) == 3


def test_the_beginning_can_be_cut_off_and_the_rest_holds(store: MemoryStore) -> None:
    """What goes is old, an entry says who cut it up to where, and the next cut goes on there."""
    old = now() - timedelta(days=400)
    for n in range(6):
        at = old + timedelta(days=n * 60)
        with store.audit.doing(replace(deed("read.card"), at=at)):
            pass
        store.audit.flush()
    kept = store.audit.entries(1)[0].hash
    with store.audit.doing(Deed("console", "admin", "default", "erase.audit")):
        assert store.audit.cut(old + timedelta(days=150)) == 3
    assert [one.number for one in store.audit.entries(9)] == [7, 6, 5, 4]
    last, *_ = store.audit.entries(1)
    assert (last.actor, last.action, last.outcome) == ("console", "erase.audit", "done")
    assert last.what is not None
    assert last.what.startswith("3 ")
    assert store.audit.verify(kept) == (4, End(7, last.hash), 0, None)
    assert store.audit.cut(old + timedelta(days=150)) == 0
    assert store.audit.cut(now() + timedelta(days=1)) == 4
    assert [one.action for one in store.audit.entries(9)] == ["erase.audit"]
    assert store.audit.verify().fault is None
    with pytest.raises((sa.exc.DBAPIError, StoreError), match="append-only"):
        execute(store, "DELETE FROM audit")


def test_a_beginning_that_somebody_cut_off_without_an_entry_is_found(store: MemoryStore) -> None:
    """The database lets those go that a cut names, but no entry says so."""
    read(store, *["ada"] * 4)
    execute(
        store,
        "INSERT INTO audit_cuts SELECT number, hash FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number <= 2",
    )
    assert "no entry says who" in str(store.audit.verify().fault)


# --- several at once ---------------------------------------------------------------------------


def test_threads_that_change_and_read_at_once_make_one_chain(store: MemoryStore) -> None:
    """Every change and every read has its entry, once."""

    def work(n: int) -> None:
        with store.audit.doing(deed("change.turn", f"c{n % 3}")):
            say(store, f"c{n % 3}")
        with store.audit.doing(deed("read.messages", f"c{n % 3}")):
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(30)))
    assert sorted(told(store)) == [("change.turn", "done")] * 30 + [("read.messages", "ok")] * 30
    verdict = store.audit.verify()
    assert (verdict.entries, verdict.unsealed, verdict.fault) == (60, 0, None)


def change_and_read(url: str, n: int, barrier: Any) -> None:
    """What each process does."""
    with open_store(url) as store:
        barrier.wait()
        for _ in range(10):
            with store.audit.doing(deed("change.turn", f"c{n}")):
                say(store, f"c{n}")
            read(store, f"c{n}")


def test_processes_make_one_chain(url: str) -> None:
    """No lock of ours is between them."""
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(2)
    open_store(url).close()
    running = [fork.Process(target=change_and_read, args=(url, n, barrier)) for n in range(2)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0]
    with open_store(url) as store:
        assert len(told(store)) == 40
        assert store.audit.verify().fault is None


def test_what_a_dead_process_left_unsealed_is_sealed_by_the_next(postgres_url: str) -> None:
    """On Postgres an entry has its place soon; until then it is said to be unsealed."""
    with open_store(postgres_url) as store:
        dead = open_store(postgres_url)
        dead.audit.close()  # nothing seals any more
        with dead.audit.doing(deed()):
            say(dead)
        assert store.audit.verify() == (0, End(), 1, None)
        read(store, "ada")
        assert told(store) == [("change.turn", "done"), ("read.messages", "ok")]
        assert store.audit.verify().unsealed == 0
        dead.close()


def test_what_cannot_be_written_waits_and_past_a_number_is_counted(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that takes nothing loses no entry of the first ones, and how many of the rest."""
    monkeypatch.setattr("memory.audit.MOST", 3)
    monkeypatch.setattr("memory.audit.SECONDS", 3600)
    for _ in range(5):
        with store.audit.doing(deed("read.card")):
            pass
    entries = list(reversed(store.audit.entries(9)))
    assert [one.action for one in entries] == ["read.card"] * 3 + ["lose"]
    assert entries[-1].what == "2 entries"
    assert len(store.audit.entries(9)) == 4, "they are counted once"


# --- any change at all -------------------------------------------------------------------------

FIELDS = [name for name in Entry._fields if name != "at"]


def chained(n: int) -> list[Entry]:
    """A chain of entries, as a database would have it."""
    at = datetime(2026, 5, 4, tzinfo=UTC)
    made = [
        Entry(0, at + timedelta(seconds=i), "default", "k1", "agent", "read.card", f"{i:032x}",
              None, None, "ok")
        for i in range(n)
    ]  # fmt: skip
    return linked(End(), made)


def is_whole(entries: list[Entry], last: str) -> bool:
    """Whether it is a chain, and has an entry with a hash."""
    end = End()
    for one in entries:
        if CHAIN.fault(end, one) is not None:
            return False
        end = End(one.number, one.hash)
    return any(one.hash == last for one in entries)


def dropped(entries: list[Entry], i: int, j: int, _: str) -> list[Entry]:
    """Without one."""
    return entries[:i] + entries[i + 1 :]


def swapped(entries: list[Entry], i: int, j: int, _: str) -> list[Entry]:
    """Two in each other's place, each with the other's number or with its own."""
    entries[i], entries[j] = entries[j], entries[i]
    return entries


def doubled(entries: list[Entry], i: int, j: int, _: str) -> list[Entry]:
    """One of them once more, elsewhere."""
    return [*entries[:j], entries[i], *entries[j:]]


def changed(entries: list[Entry], i: int, j: int, value: str) -> list[Entry]:
    """One that says something else."""
    name = FIELDS[j % len(FIELDS)]
    entries[i] = entries[i]._replace(**{name: j + 100 if name == "number" else value})
    return entries


def later(entries: list[Entry], i: int, j: int, _: str) -> list[Entry]:
    """One at another time."""
    entries[i] = entries[i]._replace(at=entries[i].at + timedelta(microseconds=1 + j))
    return entries


Change = Callable[[list[Entry], int, int, str], list[Entry]]


@given(
    st.integers(1, 9), st.integers(0, 8), st.integers(0, 20),
    st.sampled_from([dropped, swapped, doubled, changed, later]), st.text(max_size=5),
)  # fmt: skip
def test_any_change_to_any_entry_is_found(
    n: int, i: int, j: int, change: Change, value: str
) -> None:
    """Whatever is done to one or two: the chain does not hold, or its last hash is gone."""
    whole = chained(n)
    assert is_whole(whole, whole[-1].hash)
    i %= n
    j = j if change in (changed, later) else j % n
    other = change(list(whole), i, j, value)
    assert other == whole or not is_whole(other, whole[-1].hash)
