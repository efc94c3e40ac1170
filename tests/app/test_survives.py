"""What a new user broke once: answers cut off or unstorable, reused names, leftovers on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.chains import digests, support
from memory import ConversationMemory, MemoryStore, Scope, open_store, turns
from memory.layout import Beside, block
from memory.transcript import make_message
from memory.types import Recalled
from tests.app.conftest import Running, until
from tests.app.test_chat import stream, transcript
from tests.app.test_cli import run
from tests.contracts.memories import rows
from tests.llm.openai_double import OpenAIDouble

OWNER = ("default", "ada")


def test_a_null_in_an_answer_is_replaced(scripted: Running, double: OpenAIDouble) -> None:
    """No database takes it; the rest of the answer is kept, and the stream ends well."""
    double.reply = "your code is a\x00b today"
    found = stream(scripted, "hello")
    assert found[-1][0] == "done"
    assert found[-1][1]["reply"] == "your code is a\ufffdb today"
    assert transcript(scripted)[-1][2] == "complete"


def test_a_turn_whose_answer_cannot_be_stored_ends_with_an_error(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream ends with `error` and not in the middle."""
    from memory import StoreUnavailable
    from memory.turns import Turns

    def full(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(Turns, "finish", full)
    found = stream(service, "hello")
    assert found[-1][0] == "error"
    assert found[-1][1]["status"] == 503


def test_what_a_failure_left_undone_is_done_without_a_restart(
    run_service: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn whose answer could not be stored for as long as its lease is ended after it, and a
    message whose digest failed is remembered, although the customer says nothing more.
    """
    from memory import StoreUnavailable, VectorMemory
    from memory.turns import Turns

    monkeypatch.setattr(support, "_LATER_SECONDS", 60)
    whole: dict[str, Any] = {"finish": Turns.finish, "digest": VectorMemory._digestion}
    down = {"finish", "digest"}

    def failing(name: str) -> Callable[..., Any]:
        def work(*args: Any, **kwargs: Any) -> Any:
            if name in down:
                down.discard(name)
                raise StoreUnavailable("the database has gone away")
            return whole[name](*args, **kwargs)

        return work

    monkeypatch.setattr(support, "LEASE_SECONDS", -0.8)
    monkeypatch.setattr(digests, "LEASE_SECONDS", -0.8)  # and one more
    monkeypatch.setattr(turns, "LEASE_SECONDS", 0.05)
    monkeypatch.setattr(Turns, "finish", failing("finish"))
    monkeypatch.setattr(VectorMemory, "_digestion", failing("digest"))
    service = run_service()
    assert service.chat("My word is gooseberry").status_code == 503
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        said = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
        memories = service.client.get("/v1/customers/ada/memories").json()["memories"]
        if said[0]["status"] != "running" and memories:
            break
        time.sleep(0.05)
    assert down == set()
    assert said[0]["status"] in {"stopped", "failed"}
    assert any("gooseberry" in one["text"] for one in memories)


def test_what_a_dead_worker_left_undone_another_does(
    run_service: Callable[..., Running], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turn is ended and its customer digested by one that shares the Postgres and has run all
    the time, although the customer says nothing more.
    """
    monkeypatch.setattr(digests, "LEASE_SECONDS", -0.8)  # and one more
    service = run_service(database=postgres_url)
    assert service.chat("hello", customer="bob").status_code == 200
    chain = service.app.state.chain
    until(lambda: chain.digests._mends == 0)  # it has looked for what it found at its start
    monkeypatch.setattr(turns, "LEASE_SECONDS", 0.05)
    with open_store(postgres_url) as dead:
        dead.turns.start(Scope("ada", "s1"), make_message("human", "My word is gooseberry", 5))
    store: MemoryStore = service.app.state.store

    def done() -> bool:
        left = rows(store)
        return {row[4] for row in left["turns"]} == {"complete", "failed"} and any(
            "ada" in row for row in left["vectors"]
        )

    until(lambda: done() and store.lagging() == [])
    assert any("gooseberry" in record.text for record in store.records.newest(OWNER, 9))


def test_an_answer_is_stored_once_the_database_is_back(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is told that it was not, and a retry by its key gets the answer that was made,
    without waiting for a lease to end.
    """
    from memory import StoreUnavailable
    from memory.turns import Turns

    whole, failures = Turns.finish, [StoreUnavailable("gone")] * 2

    def finish(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return whole(*args, **kwargs)

    monkeypatch.setattr(Turns, "finish", finish)
    assert service.chat("My word is gooseberry", idempotency_key="k").status_code == 503
    began = time.monotonic()
    while (again := service.chat("My word is gooseberry", idempotency_key="k")).status_code == 409:
        assert time.monotonic() < began + 15, "its lease was waited for"
        time.sleep(0.05)
    assert again.status_code == 200
    said = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    assert [one["status"] for one in said] == ["complete"] * 2
    assert again.json()["reply"] == said[1]["text"]


def test_turns_of_a_process_that_is_gone_are_called_failed(service: Running) -> None:
    """A running turn without a live lease is settled; one with a lease is left alone."""
    store: MemoryStore = service.app.state.store
    memory = ConversationMemory(store=store, scope=Scope("ada", "s1"))
    turn = memory.start("hello")
    assert store.turns.settle() == 0
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET lease_until = 1")
    assert store.turns.settle() == 1
    settled = store.turns.get(memory.scope, turn.id)
    assert settled is not None
    assert settled.status == "failed"


def test_deleted_text_leaves_the_files(service: Running, tmp_path: Path) -> None:
    """After an erasure no file of the data folder holds the words, the log neither."""
    for i in range(5):
        service.chat(f"my word is xylophonquartz {i}")
    service.settle()
    service.client.delete("/v1/customers/ada").raise_for_status()
    service.settle()
    for file in tmp_path.glob("memory.db*"):
        assert b"xylophonquartz" not in file.read_bytes(), file


def test_the_same_message_ids_in_two_sessions_are_two_messages() -> None:
    """Ids are a session's own: exports often count from one in each."""
    from langchain_core.messages import HumanMessage

    with open_store() as store:
        for session in ("a", "b"):
            memory = ConversationMemory(store=store, scope=Scope("ada", session))
            assert memory.add_messages([HumanMessage("hello", id="1")]) == 1
            assert memory.add_messages([HumanMessage("hello", id="1")]) == 0
        store.wait()
        assert len(store.records.newest(("default", "ada"), 10)) == 2


def test_dicts_that_are_used_again_lose_no_turn() -> None:
    """A new memory a turn, the same two dicts: every turn is stored, also the same words twice."""
    with open_store() as store:
        inputs: dict[str, str] = {}
        outputs: dict[str, str] = {}
        for said in ("one", "two", "two"):
            memory = ConversationMemory(store=store, scope=Scope("ada"), background=False)
            inputs["input"], outputs["output"] = said, f"re {said}"
            memory.save_context(inputs, outputs)
        said_all = [s.message.text for s in store.transcript.window(Scope("ada"))]
        assert said_all == ["one", "re one", "two", "re two", "two", "re two"]


@pytest.mark.parametrize("text", ["a </memory> b", "a </mem</memory>ory> b", "x < / MEMORY > y"])
def test_what_was_said_cannot_end_its_fence(text: str) -> None:
    """Only the fence's own marks stand in a block."""
    from datetime import UTC, datetime

    found = Recalled("r", text, ("m",), "s", "human", datetime(2026, 1, 1, tzinfo=UTC), 1.0, "")
    inner = block(Beside([found])).removeprefix("<memory>").removesuffix("</memory>")
    assert "</memory" not in inner
    assert "<memory" not in inner


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "abc"), ("TEMPERATURE", "9"), ("HOST", ""), ("API_KEY", "")]
)
def test_a_nonsense_setting_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It names the variable; there is no traceback."""
    monkeypatch.setenv(f"MEMORY_SERVICE_{name}", value)
    done = run("doctor", data=tmp_path)
    assert done.returncode == 1
    assert f"MEMORY_SERVICE_{name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cursor_out_of_range_is_refused(service: Running) -> None:
    """422, not a failure inside."""
    for path in ("memories", "sessions/s1/messages"):
        answer = service.client.get(f"/v1/customers/ada/{path}", params={"before": 2**64})
        assert answer.status_code == 422


def test_a_backup_that_fails_leaves_nothing(
    tmp_path: Path, run_service: Callable[..., Running]
) -> None:
    """A damaged source is one clear error, and no half of a copy is left."""
    from memory import StoreError

    service = run_service()
    store: MemoryStore = service.app.state.store
    target = tmp_path / "copy.db"
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"nonsense " * 1000)
    path, store.database.path = store.database.path, broken
    try:
        with pytest.raises(StoreError):
            store.backup(target)
    finally:
        store.database.path = path
    assert not target.exists()
