"""What mem0 exports, and its own history.db."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.conversation import conversation_memory
from app.settings import Settings
from memory import InvalidInput, MemoryStore, Scope
from tests.app.sources.conftest import Import, faults, left_out
from tests.doubles import WordEncoder

# As mem0ai 2.2.1's Memory.get_all() returns it (mem0/memory/main.py, _get_all_from_vector_store).
OWN = {
    "id": "f1d2", "memory": "Prefers a gravel bike", "hash": "5d41", "metadata": {"topic": "bikes"},
    "created_at": "2024-05-04T09:30:00+00:00", "updated_at": "2024-05-06T09:30:00-07:00",
    "user_id": "ada", "run_id": "may", "role": None,
}  # fmt: skip
# As GET /v1/memories of the platform does.
HOSTED = {
    "id": "a3b4", "memory": "Lives in Leeds", "input": [], "user_id": "bob", "categories": ["home"],
    "created_at": "2024-05-04T09:30:00Z", "updated_at": None, "immutable": False,
    "expiration_date": None, "metadata": None,
}  # fmt: skip
# As the TypeScript library does.
CAMEL = {"id": "c5", "memory": "Has two dogs", "userId": "bob", "createdAt": "2024-05-05T00:00:00Z"}


def memories(store: MemoryStore, customer: str) -> list[tuple[str, str, str, str]]:
    """What is remembered of a customer, the oldest first."""
    return sorted(
        (one.at.isoformat(), one.text, one.role, one.source)
        for one in store.records.newest(Scope(customer).owner, 100)
    )


@pytest.mark.parametrize("form", ["list", "results", "lines"])
def test_memories_become_memories_of_their_customers(
    bring: Import, target: MemoryStore, tmp_path: Path, form: str
) -> None:
    """With the time at which they got these words; a second import stores nothing."""
    given = [OWN, HOSTED, CAMEL]
    file = tmp_path / "memories.json"
    file.write_text(
        "\n".join(map(json.dumps, given)) if form == "lines"
        else json.dumps({"count": 3, "results": given} if form == "results" else given, indent=1)
    )  # fmt: skip
    reports = [bring(file) for _ in range(2)]
    assert [(r.format, r.memories, r.new_memories, r.bad) for r in reports] == [
        ("mem0", 3, 3, 0), ("mem0", 3, 0, 0),
    ]  # fmt: skip
    assert reports[0].customers.keys() == {"ada", "bob"}
    assert memories(target, "ada") == [
        ("2024-05-06T16:30:00+00:00", "Prefers a gravel bike", "note", "model")
    ]
    assert [text for _, text, _, _ in memories(target, "bob")] == ["Lives in Leeds", "Has two dogs"]
    [own] = target.records.newest(Scope("ada").owner, 9)
    assert own.document == {"id": "f1d2", "metadata": {"topic": "bikes", "run_id": "may"}}
    memory = conversation_memory(target, Scope("bob"), Settings(), WordEncoder())
    assert [found.text for found in memory.recall("Which dogs?")][:1] == ["Has two dogs"]
    assert not target.digesting.lagging()


def test_what_was_said_is_told_from_what_was_made_of_it(bring: Import, target: MemoryStore) -> None:
    """With ``infer=False`` mem0 keeps messages, and who said them."""
    at = {"user_id": "ada", "created_at": "2024-05-04T09:30:00Z"}
    bring([
        {"id": "1", "memory": "My bike squeaks", "role": "user", **at},
        {"id": "2", "memory": "Oil the chain", "role": "assistant", **at},
    ])  # fmt: skip
    assert {(text, role) for _, text, role, _ in memories(target, "ada")} == {
        ("My bike squeaks", "human"), ("Oil the chain", "ai"),
    }  # fmt: skip


def test_a_memory_ends_when_it_was_to_end(bring: Import, target: MemoryStore) -> None:
    """After the day that mem0 shows it for the last time; one that is over is left out."""
    today = datetime.now(UTC).date()
    report = bring([
        OWN | {"id": "1", "expiration_date": "2020-01-01"},
        OWN | {"id": "2", "expiration_date": str(today)},
        OWN | {"id": "3", "expiration_date": "never"},
        OWN | {"id": "4", "user_id": "bob", "expiration_date": "9999-12-31"},
    ])  # fmt: skip
    assert left_out(report) == {"memory whose time is over": 1}
    assert faults(report).keys() == {"line 3"}
    assert [one.expires_at for one in target.records.newest(Scope("bob").owner, 9)] == [None]
    [kept] = target.records.newest(Scope("ada").owner, 9)
    assert kept.expires_at == datetime.combine(
        today + timedelta(days=1), datetime.min.time(), UTC
    )  # fmt: skip


def test_what_is_bad_is_named(bring: Import, target: MemoryStore) -> None:
    """No user, no text, a name that none can have; others are imported, without an id too."""
    nobodys: dict[str, Any] = {"id": "1", "memory": "x", "agent_id": "helper"}
    report = bring([
        nobodys, OWN | {"memory": None}, OWN | {"memory": "a\0"}, OWN | {"user_id": "a\nb"},
        OWN | {"user_id": ["x"]}, OWN | {"updated_at": "soon"}, OWN | {"memory": "  "},
        {"memory": "no id", "user_id": 7}, {"memory": "no id", "user_id": 7}, {"id": "x"},
    ])  # fmt: skip
    assert faults(report).keys() == {f"line {n}" for n in (1, 2, 3, 4, 5, 6, 10)}
    assert "--customer NAME" in faults(report)["line 1"]
    assert left_out(report) == {"empty memory": 1}
    assert (report.memories, report.new_memories, report.undated) == (2, 1, 2)
    assert [text for _, text, _, _ in memories(target, "7")] == ["no id"]
    assert bring([nobodys], customer="ada").new_memories == 1


def test_what_somebody_has_put_right_is_left_alone(bring: Import, target: MemoryStore) -> None:
    """A second import does not bring back what a person has corrected."""
    bring([OWN])
    memory = conversation_memory(target, Scope("ada"), Settings(), WordEncoder()).vector
    [record] = target.records.newest(Scope("ada").owner, 9)
    memory.correct(record.id, text="Prefers a racing bike")
    assert bring([OWN | {"memory": "Prefers a unicycle"}]).new_memories == 0
    assert [text for _, text, _, _ in memories(target, "ada")] == ["Prefers a racing bike"]


def test_its_own_database_has_what_holds_now(
    bring: Import, target: MemoryStore, tmp_path: Path
) -> None:
    """What was changed in its last words, nothing of what was deleted; whose it is has to be said.

    The table is as mem0ai 2.2.1 makes it (mem0/memory/storage.py).
    """
    file = tmp_path / "history.db"
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, "
            "new_memory TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, "
            "is_deleted INTEGER, actor_id TEXT, role TEXT)"
        )
        day = "2024-05-0{}T00:00:00+00:00"
        connection.executemany(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            [
                ("1", "a", "x", "y", "UPDATE", day.format(1), day.format(3), 0),
                ("2", "a", None, "x", "ADD", day.format(1), None, 0),
                ("3", "b", None, "gone", "ADD", day.format(1), None, 0),
                ("4", "b", "gone", None, "DELETE", None, None, 1),
                ("5", "c", None, None, "ADD", day.format(1), None, 0),
                ("6", None, None, "who knows", "ADD", "soon", None, 0),
            ],
        )
    connection.close()
    with pytest.raises(InvalidInput, match="does not say whose"):
        bring(file)
    report = bring(file, customer="ada")
    assert (report.format, report.new_memories) == ("mem0", 1)
    assert memories(target, "ada") == [("2024-05-03T00:00:00+00:00", "y", "note", "model")]
    assert left_out(report) == {"memory that was deleted": 1}
    assert faults(report).keys() == {"memory_id 'c'", "memory_id None"}
