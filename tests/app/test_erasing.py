"""An erased customer is in no file of the data folder, and in no dump of Postgres."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from app.cli import app
from app.doctor import _receipts
from app.erasing import erase_customer
from app.settings import Settings
from app.training.card import LEARNT, OWN_SESSIONS, Figures
from app.training.learnt import note_learnt
from app.training.registry import Registry
from memory import (
    ConversationMemory,
    InvalidInput,
    LangGraphStore,
    MemoryStore,
    Scope,
    open_store,
)
from memory.transcript import make_message
from tests.app.conftest import Running
from tests.app.training.cards import card, files
from tests.erasure import erase_half

WHO = "Zebulon-Quarkwright"
SECRETS = [WHO, "xylophone", "marmalade", "gooseberry", "4417-XZ", "5518-XZ", "quincunx", "zither"]


def live(service: Running) -> None:
    """Somebody who has left something everywhere: turns, folds, facts, corrections, a note."""
    other = {"customer": "bob"}
    service.chat("Good day, I am somebody else", **other)
    for n in range(7):
        said = f"My xylophone {n} came broken. The order number is 4417-XZ. {'Please help. ' * 25}"
        service.chat(said, customer=WHO)
    service.settle()
    memories = f"/v1/customers/{WHO}/memories"
    client = service.client
    client.post(memories, json={"text": "They like marmalade"}).raise_for_status()
    found = client.get(memories, params={"slot": "order_number"}).json()["memories"]
    client.put(f"{memories}/{found[0]['id']}", json={"value": "5518-XZ"}).raise_for_status()
    mine = ConversationMemory(store=service.app.state.store, scope=Scope(WHO), background=False)
    agent = LangGraphStore(mine)
    agent.put(("drafts",), "letter", {"about": "their quincunx"})
    agent.put(("memories", "tastes"), "one", {"likes": "a quincunx", "sure": True})
    agent.search((), query="quincunx")
    known = [{"source": "Where is my quincunx?", "target": "Onde está a minha xylophone?"}]
    body = {"source": "en", "target": "pt", "customer": WHO}
    client.post("/v1/translation-memory", json=body | {"units": known}).raise_for_status()
    said = {"text": "Where is your quincunx?", **body}
    client.post("/v1/translate", json=said).raise_for_status()
    did = {"customer": WHO, "events": [{"item": "zither", "kind": "bought", "id": "zither 1"}]}
    client.post("/v1/events", json=did).raise_for_status()
    service.chat("Where is my gooseberry?", customer=WHO, idempotency_key=f"key of {WHO}")
    service.settle()


def key_of_names(store: MemoryStore) -> str:
    """The key under which the audit log names the customer, and so whose entries they are."""
    with store.database.read() as connection:
        found = connection.execute(
            sa.text("SELECT audit_key FROM customers WHERE customer = :who"), {"who": WHO}
        )
        return str(found.scalar_one())


def kept_in(folder: Path) -> set[str]:
    """Which of the secrets stand in a file of the folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {s for path in files for s in SECRETS if s.encode() in path.read_bytes()}


def test_no_file_has_a_word_of_an_erased_customer(
    run_service: Callable[..., Running], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the service goes on: database, write-ahead log, shared memory, and what was logged."""
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "data"
    service = run_service(data_dir=folder, prompt_tokens=400, summary_tokens=80)
    live(service)
    assert kept_in(folder) == set(SECRETS), "it is there to be erased"
    key = key_of_names(service.app.state.store).encode()
    assert any(key in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    receipt = service.client.delete(f"/v1/customers/{WHO}").json()
    assert receipt["deleted"]["messages"] == 16
    for table in (
        "records",
        "vectors",
        "turns",
        "segments",
        "summaries",
        "items",
        "translations",
        "events",
    ):
        assert receipt["deleted"][table] > 0, table
    assert kept_in(folder) == set()
    kept = [r for r in caplog.records if r.name.split(".")[0] in {"app", "memory"}]
    assert not any(secret in record.getMessage() for record in kept for secret in SECRETS)
    service.chat("Hello again", customer="bob")
    assert len(service.client.get("/v1/customers/bob/sessions").json()["sessions"]) == 1
    assert kept_in(folder) == set()
    assert not any(key in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert service.app.state.store.audit.verify().fault is None
    assert _receipts(Settings(data_dir=folder)) is None
    assert not any(s in json.dumps(receipt) for s in SECRETS)


def test_what_a_kill_left_in_the_log_is_gone_after_the_next_start(
    run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """Killed between the erasure's commit and the emptying of the write-ahead log."""

    def die() -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    def erase() -> None:
        with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
            store.transcript.add(Scope("ada"), [make_message("human", "gooseberry", 1)])
            setattr(store.database, "scrub", die)  # noqa: B010 - it is a method
            store.erase(Scope("ada").owner)

    killed = multiprocessing.get_context("fork").Process(target=erase)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert "gooseberry" in kept_in(tmp_path)
    run_service().settle()
    assert kept_in(tmp_path) == set()


def test_a_dump_of_postgres_has_no_word_of_an_erased_customer(
    run_service: Callable[..., Running], postgres_url: str
) -> None:
    """As pg_dump writes it, before and after."""
    service = run_service(database=postgres_url)
    live(service)
    secrets = [*SECRETS, key_of_names(service.app.state.store)]
    assert dumped(postgres_url, secrets) == set(secrets), "it is there to be erased"
    service.client.delete(f"/v1/customers/{WHO}").raise_for_status()
    assert dumped(postgres_url, secrets) == set()


def dumped(url: str, secrets: list[str]) -> set[str]:
    """Which of the secrets stand in what pg_dump writes."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        programs = connection.exec_driver_sql(
            "SELECT setting FROM pg_config WHERE name = 'BINDIR'"
        ).scalar_one()
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    engine.dispose()
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = [f"{programs}/pg_dump", f"--schema={schema}", f"--dbname={address}"]
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    for table in ("messages", "summaries", "customers", "receipts", "audit"):
        assert f"COPY {schema}.{table} (".encode() in dump
    return {secret for secret in secrets if secret.encode() in dump}


def test_no_file_of_postgres_has_a_word_of_an_erased_customer(
    run_service: Callable[..., Running], postgres_url: str
) -> None:
    """The tables are written anew in the background, and at the next checkpoint the old files are
    gone: heap, indexes, large values. Postgres's write-ahead log is its own.
    """
    who = f"Quark{uuid.uuid4().hex}"  # the cluster has other tests' customers
    service = run_service(database=postgres_url)
    for n in range(3):
        service.chat(f"{who} {n} came broken", customer=who).raise_for_status()
        service.chat(f"Lamp {n} came broken", customer="bob").raise_for_status()
    service.settle()
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        cluster = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())

        def named(path: Path) -> bool:
            """Whether the name is in a file; Postgres may remove it just now."""
            try:
                return path.is_file() and who.encode() in path.read_bytes()
            except FileNotFoundError:
                return False

        def found() -> set[str]:
            """The folders of the cluster in whose files the name is."""
            connection.exec_driver_sql("CHECKPOINT")
            names = [path for path in cluster.rglob("*") if named(path)]
            return {path.relative_to(cluster).parts[0] for path in names} - {"pg_wal"}

        assert found() == {"base"}, "it is there to be erased"
        service.client.delete(f"/v1/customers/{who}").raise_for_status()
        service.settle()
        for _ in range(10):  # a snapshot of autovacuum's may have held it
            if not found():
                break
            assert service.app.state.store.scrub()
        assert found() == set()
    engine.dispose()
    kept = service.client.get("/v1/customers/bob/sessions/s1/messages").json()["messages"]
    assert len(kept) == 6


def test_no_copy_is_left_where_rows_were_moved_to_other_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite leaves them in the gaps of pages, and does not overwrite them with the row; what could
    not be done at once is done at the next start.
    """
    names = [f"zq{n:012x}" for n in range(20)]
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        chance = random.Random(1)
        for _ in range(300):
            name = chance.choice(names)
            said = f"The {name} came broken. {'Please help. ' * chance.randint(1, 40)}"
            store.transcript.add(Scope(name), [make_message("human", said, 3)])
        monkeypatch.setattr("memory.store.SMALL", 0)
        for name in names[::2]:
            assert store.erase(Scope(name).owner) is not None
        store.wait()
        monkeypatch.undo()

        def left() -> list[str]:
            content = (tmp_path / "memory.db").read_bytes()
            return [name for name in names if name.encode() in content]

        assert set(left()) > set(names[1::2]), "no copy was left: the test is to be another"
        store.finish_erasing()
        assert left() == names[1::2]


def test_of_many_customers_only_the_erased_are_gone(tmp_path: Path) -> None:
    """Every other one: no file has a word of theirs, and all of the others' words are there.
    ``python -m tests.erasure --customers 200`` does it with more, ``--backend postgres`` there.
    """
    said, well = erase_half(tmp_path, None, 4)
    assert well, said


def test_the_console_erases_and_prints_the_receipt(tmp_path: Path) -> None:
    """It asks first, and of nobody it says so."""
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        store.transcript.add(Scope("ada"), [make_message("human", "gooseberry", 1)])
    command = ["erase", "--customer", "ada", "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(app, command, input="n\n").exit_code == 1
    assert "gooseberry" in kept_in(tmp_path)
    done = CliRunner().invoke(app, [*command, "--yes"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output.splitlines()[-1])["deleted"]["messages"] == 1
    assert kept_in(tmp_path) == set()
    again = CliRunner().invoke(app, [*command, "--yes"])
    assert isinstance(again.exception, InvalidInput)


def test_a_receipt_names_the_adapters_that_may_have_learnt_from_a_customer(
    store: MemoryStore, tmp_path: Path
) -> None:
    """Of cards that do not say whose sessions they are of, those that were tuned on the service's
    own since the customer came, and no others.
    """
    own = [{"name": OWN_SESSIONS}]
    registry = Registry(tmp_path / "models")
    for one in (
        card("before", Figures(9.0, 0.3), date="2020-01-01T00:00:00+00:00", data=own),
        card("since", Figures(9.0, 0.3), date="2999-01-01T00:00:00+00:00", data=own),
        card(
            "others",
            Figures(9.0, 0.3),
            date="2999-01-01T00:00:00+00:00",
            data=[{"name": "desk.jsonl"}],
        ),
    ):
        registry.add(files(tmp_path / one.id), one)
    assert erase_customer(store, Scope("ada"), registry) is None
    store.transcript.add(Scope("ada"), [make_message("human", "hello", 1)])
    receipt = erase_customer(store, Scope("ada"), registry)
    assert receipt is not None
    assert receipt.elsewhere == ("since",)


def test_a_receipt_names_exactly_what_has_learnt_from_a_customer(
    store: MemoryStore, tmp_path: Path
) -> None:
    """Adapters whose card has the customer, and folders of trainings that are there still; neither
    card nor note has the name, and once the customer is erased, and comes back, nothing leads
    to them.
    """
    registry, data = Registry(tmp_path / "data" / "models"), [{"name": OWN_SESSIONS}]
    names = {}
    for customer in (WHO, "bob"):
        store.transcript.add(Scope(customer), [make_message("human", "hello", 1)])
        names[customer] = store.pseudonym(Scope(customer).owner, LEARNT)
        assert names[customer] is not None
        seen = card(f"of-{customer[0]}", Figures(9.0, 0.3), data=data, customers=[names[customer]])
        registry.add(files(tmp_path / customer), seen)
    here, elsewhere, empty = tmp_path / "data" / "training", tmp_path / "out", tmp_path / "empty"
    for folder in (here, elsewhere, empty):
        folder.mkdir(exist_ok=True)
        note_learnt(registry.folder, folder, [str(names["bob"])])
        note_learnt(registry.folder, folder, [str(names[WHO])])
    for folder in (here, elsewhere):
        (folder / "run.json").touch()
        note_learnt(registry.folder, folder, [str(names[WHO])])
    assert len({*names.values(), store.pseudonym(Scope("bob").owner, "other")}) == 3
    assert kept_in(tmp_path / "data") == set()
    receipt = erase_customer(store, Scope(WHO), registry)
    assert receipt is not None
    assert receipt.elsewhere == ("of-Z", "training", str(elsewhere))
    store.transcript.add(Scope(WHO), [make_message("human", "hello", 1)])
    again = erase_customer(store, Scope(WHO), registry)
    assert again is not None
    assert again.elsewhere == ()
