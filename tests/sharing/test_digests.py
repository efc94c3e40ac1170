"""One digest of a customer at a time, over all processes: nothing twice, nothing left behind."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from memory import ConversationMemory, MemoryStore, Message, Record, Scope, open_store
from memory.writers import verbatim
from tests.contracts.memories import rows
from tests.doubles import ScriptedChat, WordEncoder, count_words
from tests.sharing.conftest import Two

ADA = Scope("ada", "s1")
fork = multiprocessing.get_context("fork")  # a fresh interpreter would take seconds


class Embedding(WordEncoder):
    """Counts what it embeds, and stops where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []
        self.began, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def encode(self, texts: Sequence[str]) -> Any:
        """The vectors of texts."""
        self.embedded += texts
        self.began.set()
        assert self.go_on.wait(30)
        return super().encode(texts)


def conversation(store: MemoryStore, encoder: Any, **more: Any) -> ConversationMemory:
    """A conversation whose digest is made when it is asked for."""
    return ConversationMemory(
        store=store, scope=ADA, embeddings=encoder, count_tokens=count_words, max_tokens=300,
        summary_tokens=50, recall_tokens=40, background=False, **more,
    )  # fmt: skip


def said(memory: ConversationMemory, *numbers: int) -> None:
    """Store turns."""
    for n in numbers:
        memory.save_context({"input": f"q{n} my parcel {n} is late"}, {"output": f"a{n} noted"})


def test_two_at_once_do_the_work_of_one(two: Two) -> None:
    """Two processes begin at the same moment: every message is embedded once, the model writes the
    summary once, and both come back when all is done.
    """
    encoder, asked = Embedding(), list[object]()

    def answer(prompt: object) -> str:
        asked.append(prompt)
        return "The parcels are late."

    def digest(store: MemoryStore) -> None:
        memory = conversation(store, encoder, llm=ScriptedChat(answer=answer), summarize="model")
        barrier.wait()
        memory.digest()
        assert store.lagging() == []

    said(conversation(two[0], encoder), *range(40))
    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(digest, store) for store in two]:
            done.result()
    table = rows(two[0])
    assert len(encoder.embedded) == len(set(encoder.embedded)) == 80
    assert len(table["records"]) == len(table["vectors"]) == 80
    assert len(asked) == len(two[1].summaries.versions(ADA)) == 1


def test_whoever_is_sent_away_is_done_with_and_no_turn_waits(two: Two) -> None:
    """While one process digests, turns are begun and answered in another; its digest is left to the
    first, which looks again before it lets the customer go.
    """
    encoder = Embedding()
    here, there = (conversation(store, encoder) for store in two)
    said(here, 1)
    encoder.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        digesting = pool.submit(here.digest)
        assert encoder.began.wait(30)
        turn = there.start("q2 and another one")
        assert there.finish(turn, "a2 noted", "complete") is not None
        before = len(encoder.embedded)
        there.digest(wait=False)
        assert len(encoder.embedded) == before
        assert two[1].lagging() == [ADA.owner]
        encoder.go_on.set()
        digesting.result()
    assert two[1].lagging() == []
    assert len(rows(two[0])["vectors"]) == 4


def test_a_lease_that_ran_out_under_a_slow_digest_does_no_harm(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two digests at once, with a writer that never names a fact the same: each is there once."""
    monkeypatch.setattr("memory.digesting.DIGEST_SECONDS", 0.0)
    number = itertools.count()
    met = threading.Barrier(2, timeout=30)

    def at_random(messages: Sequence[Message]) -> list[Record]:
        met.wait()  # both have read the same messages
        return [replace(one, id=f"fact {next(number)}") for one in verbatim(messages)]

    memories = [conversation(store, WordEncoder(), digest_writer=at_random) for store in two]
    said(memories[0], 1, 2)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(memory.digest) for memory in memories]:
            done.result()
    table = rows(two[0])
    assert len(table["records"]) == len(table["vectors"]) == 8
    assert two[0].lagging() == []


def die_while_embedding(url: str) -> None:
    """Begin a digest, and be killed in the middle of it."""

    class Deadly(WordEncoder):
        def encode(self, texts: Sequence[str]) -> Any:
            os.kill(os.getpid(), signal.SIGKILL)
            return super().encode(texts)

    with open_store(url) as store:
        conversation(store, Deadly()).digest()


def test_another_finishes_what_a_killed_one_began(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody says anything any more, and nobody was told: the customer is found by a second look,
    digested when the dead one's lease has run out, and then not found again.
    """
    with open_store(postgres_url) as store:
        said(conversation(store, WordEncoder()), 1, 2)
    monkeypatch.setattr("memory.digesting.DIGEST_SECONDS", 0.5)
    process = fork.Process(target=die_while_embedding, args=(postgres_url,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with open_store(postgres_url) as store:
        encoder = Embedding()
        assert store.digesting.left_behind() == []  # it may just be about to be digested
        until = time.monotonic() + 60
        while (left := store.digesting.left_behind()) and time.monotonic() < until:
            assert left == [ADA.owner]
            conversation(store, encoder).vector.digest(wait=False)
        assert store.lagging() == []
        assert sorted(encoder.embedded) == ["a1 noted", "a2 noted"] + [
            f"q{n} my parcel {n} is late" for n in (1, 2)
        ]
        assert len(rows(store)["records"]) == len(rows(store)["vectors"]) == 4


def test_a_customer_of_whom_something_was_digested_is_not_left_behind(two: Two) -> None:
    """Who talks all the time lags at every look, and is nobody else's to digest."""
    memory = conversation(two[0], WordEncoder())
    for n in range(3):
        said(memory, n)
        assert two[1].digesting.left_behind() == []
        memory.digest()
    said(memory, 9)
    assert two[1].digesting.left_behind() == []
    assert two[1].digesting.left_behind() == [ADA.owner]


def test_what_nothing_can_be_derived_from_is_not_looked_at_for_ever(store: MemoryStore) -> None:
    """A broken answer leaves every prompt when its turn is asked again: its message is no longer
    turned into a record, and the customer does not lag for it.
    """
    memory = conversation(store, WordEncoder())
    broken = memory.start("Where is my order?", "key")
    memory.finish(broken, "It is on", "stopped")
    again = memory.start("Where is my order?", "key")
    memory.finish(again, "", "failed")
    memory.digest()
    assert [record.text for record in store.records.newest(ADA.owner, 9)] == ["Where is my order?"]
    assert store.lagging() == []


def test_who_lags_and_what_is_held_is_found_by_an_index(two: Two) -> None:
    """However many customers there are: every worker looks again and again."""
    said(conversation(two[0], WordEncoder()), 1)
    looks = {
        "customers_undigested": "SELECT tenant, customer FROM customers "
        "WHERE seq > written AND seq > embedded LIMIT 1000",
        "sessions_held": "SELECT session FROM sessions "
        "WHERE lease IS NOT NULL AND (lease_until <= 5 OR lease_until > 9)",
    }
    with two[0].database.write() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for index, look in looks.items():
            plan = connection.execute(sa.text(f"EXPLAIN {look}")).scalars().all()
            assert index in "\n".join(plan)
