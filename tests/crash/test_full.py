"""The disk full at each write, whatever is written: all of it is stored, or nothing."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from memory import (
    ApiKey,
    Article,
    Catalogue,
    Event,
    Item,
    Knowledge,
    MemoryStore,
    Scope,
    StoreUnavailable,
    open_store,
)
from memory.clock import now
from memory.deeds import Deed
from memory.posts import Post
from memory.surges import Hour, Threshold
from memory.transcript import make_message
from memory.translation_memory import TranslationMemory
from memory.translations import Pair, Translation
from tests.doubles import WordEncoder
from tests.test_crash import conversation

ADA, BOB = Scope("ada", "s1"), Scope("bob", "s1")
Do = Callable[[], object]
_FRAME = 4096 + 24  # bytes of the write-ahead log that a page takes


def turn(store: MemoryStore) -> Do:
    """A question that is stored before it is answered."""
    memory = conversation(store, BOB)
    return lambda: memory.start("Where is my order?", "a key")


def saying(store: MemoryStore) -> Do:
    """An answer under way."""
    memory = conversation(store, BOB)
    begun = memory.start("Where is my order?")
    return lambda: memory.renew(begun, "It is on its way")


def answer(store: MemoryStore) -> Do:
    """An answer."""
    memory = conversation(store, BOB)
    begun = memory.start("Where is my order?")
    return lambda: memory.finish(begun, "It is on its way.", "complete")


def messages(store: MemoryStore) -> Do:
    """Past conversations."""
    given = [make_message("human", f"Past message {n}", 3) for n in range(200)]
    return lambda: store.transcript.add(Scope("cyd"), given)


def export(store: MemoryStore) -> Do:
    """A customer from elsewhere."""
    written = io.BytesIO()
    store.exports.write(ADA.owner, written)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    return lambda: store.exports.read("elsewhere", iter((str(n), x) for n, x in enumerate(lines)))


def article(store: MemoryStore) -> Do:
    """What the company has written."""
    knowledge = Knowledge(store, WordEncoder())
    passages = tuple(f"Parcels to zone {n} take {n} days." for n in range(20))
    return lambda: knowledge.put([Article("zones", "Zones", passages)])


def items(store: MemoryStore) -> Do:
    """What there is to recommend."""
    catalogue = Catalogue(store, WordEncoder())
    return lambda: catalogue.put([Item(f"lamp {n}", f"Lamp {n}") for n in range(20)])


def events(store: MemoryStore) -> Do:
    """What a customer did."""
    done = [Event(f"lamp {n}", "viewed") for n in range(100)]
    return lambda: store.events.add(ADA.owner, done)


def translations(store: MemoryStore) -> Do:
    """What others have translated."""
    known = TranslationMemory(store, WordEncoder())
    pair = Pair("en", "pt")
    given = [Translation(pair, f"the {w} lamp", f"{w} lâmpada") for w in ("red", "blue", "old")]
    return lambda: known.put(given)


def posts(store: MemoryStore) -> Do:
    """News, one of which is there with another text."""
    store.posts.put("default", [Post("n1", "Parcels are on time.", now(), "news")])
    given = [Post(f"n{n}", f"Parcels are late by {n} days.", now(), "news") for n in range(20)]
    return lambda: store.posts.put("default", given)


def alert(store: MemoryStore) -> Do:
    """A surge, with who is to be told of it."""
    hours = {"order": Hour(now(), 99, [1] * 9)}
    return lambda: store.alerts.note("default", "messages", hours, Threshold(), ["one", "two"])


def note(store: MemoryStore) -> Do:
    """A person's correction."""
    record = store.records.newest(ADA.owner, 1)[0]
    given = {"text": "It was the other street."}
    return lambda: store.records.correct(ADA.owner, record.id, given, lambda _: [])


def key(store: MemoryStore) -> Do:
    """A key."""
    return lambda: store.keys.add(ApiKey("id", "default", "agent", "desk", now()), "hash")


def rating(store: MemoryStore) -> Do:
    """A session's rating, with its entry in the audit log."""

    def rate() -> None:
        with store.audit.doing(Deed("console", "admin", "default", "rate", "ada", "s1")):
            assert store.transcript.rate(ADA, "good")

    return rate


def session(store: MemoryStore) -> Do:
    """A session's deletion."""
    return lambda: store.delete_session(ADA)


def erasure(store: MemoryStore) -> Do:
    """An erasure, with its receipt and its entry."""

    def erase() -> None:
        with store.audit.doing(Deed("console", "admin", "default", "erase", "ada")):
            assert store.erase(ADA.owner) is not None

    return erase


def contents(store: MemoryStore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with store.database.read() as connection:
        return {
            table: sorted(map(tuple, connection.exec_driver_sql(f"SELECT * FROM {table}")), key=str)
            for table in sa.inspect(connection).get_table_names()
        }


@pytest.mark.parametrize(
    "prepare",
    [
        turn,
        saying,
        answer,
        messages,
        export,
        article,
        items,
        events,
        translations,
        posts,
        alert,
        note,
        key,
        rating,
        session,
        erasure,
    ],
    ids=lambda prepare: prepare.__name__,
)
def test_what_finds_no_room_stores_nothing(
    tmp_path: Path, prepare: Callable[[MemoryStore], Do]
) -> None:
    """With room for no page of the log, for one, for two and so on until there is enough: each time
    it is said, every row of every table is as it was, and the next try is none the worse.
    """
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        memory = conversation(store)
        for n in range(3):
            memory.save_context({"input": f"q{n} my parcel is late"}, {"output": f"a{n} noted"})
        memory.digest()
        do = prepare(store)
        store.wait()
        before = contents(store)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        for pages in range(200):
            assert store.database.scrub()
            resource.setrlimit(resource.RLIMIT_FSIZE, (pages * _FRAME, most))
            try:
                do()
                break
            except StoreUnavailable as error:
                refused = str(error)
                assert "full" in refused
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            assert contents(store) == before
        assert pages > 0, "there was room at once"
        store.wait()
        assert contents(store) != before
