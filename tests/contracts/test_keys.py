"""Keys, over both databases: who is let in, for how long, and what is kept of them."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import sqlalchemy as sa

import app.auth
from app.auth import FIRST, Identity, create_key, ended_at, reset_key
from app.roles import Principal
from memory import InvalidInput, MemoryStore, open_store
from memory.clock import now
from memory.migrations import MIGRATIONS

HOUR = timedelta(hours=1)


def test_the_first_start_makes_a_key_and_no_later_one_does(url: str) -> None:
    """An admin's of the tenant "default"; where there is any key already none is made."""
    with open_store(url) as store:
        first = Identity(store)
        assert first.fresh is not None
        assert first.of(first.fresh) == Principal("default", "admin", key=FIRST)
        store.keys.revoke(FIRST, now())
    with open_store(url) as store:
        later = Identity(store)
        assert later.fresh is None
        assert later.of(first.fresh) is None


def test_a_key_says_whose_it_is_and_what_it_may(store: MemoryStore) -> None:
    """Tenant and role are the key's; another key, or a part of one, is nobody's."""
    identity = Identity(store, "given")
    agent, desk = create_key(store, "agent", "shop")
    service, backend = create_key(store, "service")
    assert identity.of(agent) == Principal("shop", "agent", key=desk.id)
    assert identity.of(service) == Principal("default", "service", key=backend.id)
    assert identity.of("given") == Principal("default", "admin", key=FIRST)
    for other in (agent[:-1], agent + "x", agent.swapcase(), "", "%", "given ", "Given", "ä\udcff"):
        assert identity.of(other) is None


def test_a_key_fits_until_it_expires_or_is_revoked(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """To the moment; the log names it by its id, never the key."""
    caplog.set_level(logging.DEBUG)
    identity = Identity(store)
    short, made = create_key(store, "agent", lasts=HOUR)
    long, other = create_key(store, "agent")
    assert made.expires is not None
    monkeypatch.setattr(app.auth, "now", lambda: made.expires - timedelta(microseconds=1))
    assert identity.of(short) is not None
    monkeypatch.setattr(app.auth, "now", lambda: made.expires)
    assert identity.of(short) is None
    assert identity.of(long) is not None
    assert store.keys.revoke(other.id, now())
    assert not store.keys.revoke(other.id, now() + HOUR)
    assert not store.keys.revoke("nobody's", now())
    assert identity.of(long) is None
    kept = {key.id: key for key in store.keys.all()}
    assert ended_at(kept[made.id]) == made.expires
    assert ended_at(kept[other.id]) == kept[other.id].revoked
    assert ended_at(kept[FIRST]) is None
    assert made.id in caplog.text
    assert short not in caplog.text
    assert long not in caplog.text


def test_a_reset_lets_the_old_first_key_in_no_more(store: MemoryStore) -> None:
    """From that moment, also in a service that runs; a revoked first key comes back as another."""
    identity = Identity(store)
    assert identity.fresh is not None
    store.keys.revoke(FIRST, now())
    fresh = reset_key(store)
    assert identity.of(identity.fresh) is None
    assert identity.of(fresh) == Principal("default", "admin", key=FIRST)
    assert [key.id for key in store.keys.all()] == [FIRST]


def test_a_key_of_the_settings_takes_the_place_of_the_first(store: MemoryStore) -> None:
    """The first one of the database does not fit beside it; all others do."""
    first = Identity(store).fresh
    agent, _ = create_key(store, "agent")
    identity = Identity(store, "given")
    assert first is not None
    assert identity.of(first) is None
    assert identity.of(agent) is not None
    assert identity.of("given") is not None


def test_the_last_use_is_written_now_and_then(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by every request: the first use, and then one in ten minutes; never backwards."""
    identity = Identity(store, "given")
    key, made = create_key(store, "service")
    at = made.created
    times = []
    for minutes in (0, 1, 9, 11, 12, 5):
        monkeypatch.setattr(app.auth, "now", lambda m=minutes: at + timedelta(minutes=m))
        assert identity.of(key) is not None
        store.wait(30)
        (kept,) = store.keys.all()
        assert kept.used is not None
        times.append((kept.used - at) // timedelta(minutes=1))
    assert times == [0, 0, 0, 11, 11, 11]


def test_a_key_is_nowhere_in_the_database(store: MemoryStore) -> None:
    """Only its hash; what was given stands beside it."""
    key, made = create_key(store, "agent", "shop", "the desk", HOUR)
    with store.database.read() as connection:
        rows = connection.execute(sa.text("SELECT * FROM api_keys")).all()
    assert key not in repr(rows)
    assert store.keys.all() == [made]
    assert (made.tenant, made.role, made.name) == ("shop", "agent", "the desk")


@pytest.mark.parametrize(("tenant", "name"), [("", "x"), ("a\0b", "x"), ("..", "x"), ("a", "\n")])
def test_a_tenant_or_name_that_cannot_be_is_refused(
    store: MemoryStore, tenant: str, name: str
) -> None:
    """And no key is made."""
    with pytest.raises(InvalidInput):
        create_key(store, "agent", tenant, name)
    assert store.keys.all() == []


def test_an_id_that_is_taken_is_not_overwritten(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key that has it goes on fitting."""
    monkeypatch.setattr(app.auth.secrets, "token_hex", lambda _: "0a1b2c")
    key, made = create_key(store, "agent")
    with pytest.raises(InvalidInput, match="try again"):
        create_key(store, "admin")
    assert store.keys.all() == [made]
    assert Identity(store).of(key) == Principal("default", "agent", key=made.id)


def test_the_key_of_an_older_version_goes_on_fitting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the first key; its hash stands in one place only."""
    hashed = app.auth._hashed("an old key")
    with monkeypatch.context() as older:
        older.setattr("memory.migrations.MIGRATIONS", MIGRATIONS[:9])
        with open_store(url) as store:
            store.set_meta("api_key_sha256", hashed)
    with open_store(url) as store:
        identity = Identity(store)
        assert identity.fresh is None
        assert identity.of("an old key") == Principal("default", "admin", key=FIRST)
        assert [key.id for key in store.keys.all()] == [FIRST]
        assert store.get_meta("api_key_sha256") is None
