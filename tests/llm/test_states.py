"""What was read of a conversation is kept outside the model, and not longer than it may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.llm.slots import Slots
from app.llm.states import Conversation, States
from app.settings import Settings
from memory import MemoryStore, Scope, open_store
from memory.transcript import make_message

READER = "a model"


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    """A store in which ada and bob have said something."""
    store = open_store(f"sqlite:///{tmp_path / 'memory.db'}")
    for customer in ("ada", "bob"):
        store.transcript.add(Scope(customer), [make_message("human", "Good day.", 3)])
    return store


@pytest.fixture
def states(store: MemoryStore, tmp_path: Path) -> States:
    """Room for three states of 100 bytes."""
    return States(tmp_path / "states", 300, store)


def now(store: MemoryStore, customer: str = "ada", session: str = "monday") -> Conversation:
    """A session as it is now."""
    owner = Scope(customer).owner
    return Conversation(owner, session, store.records.state(owner).generation)


def writes(states: States, size: int = 100) -> Callable[[str], None]:
    """A server that writes so many bytes."""
    return lambda name: (states.folder / name).write_bytes(b"x" * size) and None


def files(states: States) -> int:
    """How many files there are, of whatever kind."""
    return len(list(states.folder.iterdir()))


def test_a_state_is_found_by_its_session_and_reader_alone(
    store: MemoryStore, states: States
) -> None:
    """Not by another session, customer, tenant or model."""
    kept = now(store)
    assert states.find(kept, READER) is None
    states.keep(kept, READER, writes(states))
    assert states.find(kept, READER) is not None
    assert states.find(kept, "another model") is None
    assert states.find(kept._replace(session="tuesday"), READER) is None
    assert states.find(now(store, "bob"), READER) is None
    assert states.find(kept._replace(owner=("northern", "ada")), READER) is None


def test_what_was_taken_away_takes_the_state_along(store: MemoryStore, states: States) -> None:
    """After a deletion in any session nothing of the customer is found, and the sweep removes the
    files, whoever deleted; others' stay.
    """
    monday = now(store)
    states.keep(monday, READER, writes(states))
    states.keep(now(store, "bob"), READER, writes(states))
    store.transcript.add(Scope("ada", "tuesday"), [make_message("human", "Forget it.", 3)])
    store.delete_session(Scope("ada", "tuesday"))
    assert states.find(monday, READER) is None
    states.keep(monday, READER, writes(states))  # read before, written after
    States(states.folder, 300, store).sweep()  # as another process that has seen no customer yet
    assert files(states) == 1
    assert states.find(now(store, "bob"), READER) is not None


def test_a_customer_who_is_erased_while_a_state_is_written_leaves_none(
    store: MemoryStore, states: States
) -> None:
    """Whatever comes first."""
    ada = now(store)

    def write(name: str) -> None:
        writes(states)(name)
        store.erase(ada.owner)
        states.drop(ada.owner)

    states.keep(ada, READER, write)
    assert files(states) == 0


def test_the_longest_unused_make_room(store: MemoryStore, states: States) -> None:
    """Of four only three fit; one that was found meanwhile is not the first to go."""
    sessions = [now(store, session=f"s{n}") for n in range(4)]
    for at, one in enumerate(sessions[:3]):
        states.keep(one, READER, writes(states))
        path = states.folder / str(states.find(one, READER))
        os.utime(path, (at, at))
    states.find(sessions[0], READER)
    states.keep(sessions[3], READER, writes(states))
    left = [states.find(one, READER) is not None for one in sessions]
    assert left == [True, False, True, True]


def test_what_cannot_be_written_is_not_kept(store: MemoryStore, states: States) -> None:
    """A full disk costs the state and nothing else; half of a file is not found."""

    def full(name: str) -> None:
        writes(states, 50)(name)
        raise OSError(28, "No space left on device")

    states.keep(now(store), READER, full)
    assert states.find(now(store), READER) is None
    assert files(states) == 0


def test_a_file_that_was_left_half_written_goes(store: MemoryStore, states: States) -> None:
    """After a kill: the sweep removes it once nobody can be writing it."""
    states.keep(now(store), READER, writes(states))
    name = str(states.find(now(store), READER))
    half = (states.folder / name).rename((states.folder / name).with_suffix(".part"))
    states.sweep()
    assert half.exists()
    os.utime(half, (0, 0))
    states.sweep()
    assert not half.exists()


def test_an_erasure_at_the_console_takes_the_states_along(tmp_path: Path) -> None:
    """Those of others stay."""
    settings = Settings(data_dir=tmp_path)
    with open_store(settings.database_url) as store:
        states = States(settings.states_dir, 300, store)
        for customer in ("ada", "bob"):
            store.transcript.add(Scope(customer), [make_message("human", "Good day.", 3)])
            states.keep(now(store, customer), READER, writes(states))
    arguments = ["erase", "--customer", "ada", "--yes", "--data-dir", str(tmp_path)]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    with open_store(settings.database_url) as store:
        assert files(states) == 1
        assert States(settings.states_dir, 300, store).find(now(store, "bob"), READER) is not None


def test_a_database_that_is_away_costs_no_answer(store: MemoryStore, states: States) -> None:
    """Nobody can say then whether a state still holds: none is kept and none is read."""
    states.keep(now(store), READER, writes(states))
    ada = now(store)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["action"])
        return httpx.Response(200)

    with httpx.Client(base_url="http://model", transport=httpx.MockTransport(answer)) as client:
        slots = Slots(client, states, lambda: READER)
        slots.load(0, ada)
        assert asked == ["restore"]
        store.close()
        slots.load(0, ada)
        slots.save(0, ada, 1000)
    assert asked == ["restore"]


def test_only_the_owner_of_the_folder_may_read(store: MemoryStore, states: States) -> None:
    """The tokens of what was said are in the file."""
    states.keep(now(store), READER, writes(states))
    modes = {path.stat().st_mode & 0o777 for path in (states.folder, *states.folder.iterdir())}
    assert modes == {0o700, 0o600}
