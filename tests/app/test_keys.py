"""``memory-service key``, and the commands that ask whose something is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.auth import FIRST, Identity
from app.cli import app
from app.roles import Principal
from memory import InvalidInput, Scope, open_store


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a database."""
    open_store(f"sqlite:///{tmp_path}/memory.db").close()
    return tmp_path


def run(data: Path, *args: str) -> Result:
    """A command, with a data folder; what goes wrong is raised."""
    return CliRunner().invoke(app, [*args, "--data-dir", str(data)], catch_exceptions=False)


def test_a_key_from_its_making_to_its_end(data: Path) -> None:
    """Only the key goes to stdout, so that a script can take it; lists and revoking go by its id,
    and show no key.
    """
    made = run(data, "key", "create", "--role", "agent", "--tenant", "shop", "--name",
               "the desk", "--expires", "90d")  # fmt: skip
    key, told = made.stdout.strip(), made.stderr
    assert "agent of shop, until " in told
    assert len(key) >= 32
    (listed,) = run(data, "key", "list").stdout.splitlines()
    key_id = listed.split()[0]
    assert key_id in told
    assert "agent" in listed
    assert "never used, until " in listed
    assert listed.endswith(": the desk")
    with open_store(f"sqlite:///{data}/memory.db") as store:
        assert Identity(store).of(key) == Principal("shop", "agent", key=key_id)
    assert ", used " in run(data, "key", "list").stdout.replace("  used", ", used")
    for _ in range(2):
        assert "fits no longer" in run(data, "key", "revoke", key_id).stdout
    listed = run(data, "key", "list").stdout
    assert "revoked " in listed
    assert key not in listed
    with open_store(f"sqlite:///{data}/memory.db") as store:
        assert Identity(store).of(key) is None


def test_a_reset_makes_the_first_key_anew(data: Path) -> None:
    """An admin's of the tenant "default", also where it was revoked; the old key's file goes."""
    old = data / "api-key"
    old.write_text("an old key")
    run(data, "key", "reset")
    assert "key reset" in run(data, "key", "revoke", "first").stdout
    key = run(data, "key", "reset").stdout.strip()
    assert not old.exists()
    (listed,) = run(data, "key", "list").stdout.splitlines()
    assert listed.split()[:3] == ["first", "admin", "default"]
    assert "for ever" in listed
    with open_store(f"sqlite:///{data}/memory.db") as store:
        assert Identity(store).of(key) == Principal("default", "admin", key=FIRST)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["key", "create", "--role", "agent", "--tenant", ".."], "cannot be called"),
        (["key", "create", "--role", "agent", "--expires", "soon"], "--expires 'soon' is no time"),
        (["key", "revoke", "nobody's"], "key list"),
        (["knowledge", "list", "--tenant", ""], "1 to 200 characters"),
    ],
)
def test_what_cannot_be_says_what_can(data: Path, args: list[str], said: str) -> None:
    """In a sentence; nothing is made."""
    run(data, "key", "reset")
    with pytest.raises(InvalidInput, match=said):
        run(data, *args)
    assert len(run(data, "key", "list").stdout.splitlines()) == 1


def test_what_is_brought_in_is_the_tenant_s(tmp_path: Path) -> None:
    """Conversations and articles of one tenant are no other's, and are forgotten alone."""
    file = tmp_path / "past.jsonl"
    said = {
        "customer": "ada",
        "session": "s1",
        "messages": [
            {"role": "customer", "text": "My bike has a flat tyre", "at": "2024-05-04T09:30:00Z"}
        ],
    }
    file.write_text(json.dumps(said))  # fmt: skip
    article = tmp_path / "a.md"
    article.write_text("# Tyres\n\nWe mend them.")
    data = tmp_path / "data"
    for tenant in ("north", "south"):
        run(data, "import", str(file), "--tenant", tenant)
    run(data, "knowledge", "add", str(article), "--tenant", "north")
    assert run(data, "knowledge", "list").stdout == ""
    assert "Tyres" in run(data, "knowledge", "list", "--tenant", "north").stdout
    forgotten = run(data, "forget", "--all", "--older-than", "30d", "--tenant", "south").stdout
    assert "of 1 customers are gone" in forgotten
    with open_store(f"sqlite:///{data}/memory.db") as store:
        assert store.owners() == [("north", "ada"), ("south", "ada")]
        assert store.knowing() == ["north"]
        left = [store.records.newest(Scope("ada", tenant=t).owner, 9) for t in ("north", "south")]
    assert [bool(records) for records in left] == [True, False]
