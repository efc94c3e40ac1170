"""Many at once: nothing is lost, nothing is counted twice, and nothing is left open."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Event

from memory import (
    BufferMemory,
    Candidates,
    ConversationMemory,
    Forget,
    MemoryStore,
    Query,
    Recalled,
    Scope,
    SummaryMemory,
    VectorMemory,
    lexical,
    open_store,
    replace_similar,
)
from tests.contracts.memories import rows, said
from tests.doubles import WordEncoder, count_words

THREADS = 8


def conversation(
    store: MemoryStore, encoder: WordEncoder, scope: Scope, max_tokens: int = 300, **more: object
) -> ConversationMemory:
    """A conversation that folds every few turns, its digest in the background."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=encoder, count_tokens=count_words,
        max_tokens=max_tokens, summary_tokens=50, recall_tokens=40, **more,
    )  # fmt: skip


def together(work: Callable[[int], object]) -> None:
    """Have all threads begin at once; raises what any of them raises."""
    barrier = Barrier(THREADS)

    def one(n: int) -> None:
        barrier.wait()
        work(n)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(one, n) for n in range(THREADS)]:
            done.result()


@contextmanager
def watched(store: MemoryStore, scope: Scope) -> Iterator[list[tuple[int, ...]]]:
    """The customer's counters and the summary's watermark, again and again meanwhile."""
    seen: list[tuple[int, ...]] = []
    over = Event()

    def watch() -> None:
        while not over.is_set():
            with store.database.read():
                state = store.records.state(scope.owner)
                summary = store.summaries.latest(scope)
            seen.append((state.seq, state.written, state.embedded, summary.watermark))
            time.sleep(0.002)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_many_threads_in_one_session(store: MemoryStore, encoder: WordEncoder) -> None:
    """Eight threads save twenty turns each into one session while all of them fold, and digests
    embed: each turn is there once and whole, numbers are unique and rise, no watermark ever goes
    back, every message becomes one record with one vector.
    """
    scope = Scope("ada", "s1")

    def talk(thread: int) -> None:
        memory = conversation(store, encoder, scope)
        for n in range(20):
            name = f"{thread}-{n}"
            memory.save_context(
                {"input": f"q{name} my parcel is late"}, {"output": f"a{name} it is in the depot"}
            )
            if n % 5 == thread % 5:
                memory.summary.digest()

    with watched(store, scope) as seen:
        together(talk)
        store.wait()
    memory = conversation(store, encoder, scope)
    memory.digest()
    names = [text.split()[0] for _, text in said(store)]
    assert sorted(names[::2]) == sorted(f"q{t}-{n}" for t in range(THREADS) for n in range(20))
    assert [name[1:] for name in names[::2]] == [name[1:] for name in names[1::2]]
    for t in range(THREADS):
        own = [name for name in names[::2] if name.startswith(f"q{t}-")]
        assert own == [f"q{t}-{n}" for n in range(20)]
    seqs = [s.message.seq for s in store.transcript.window(scope)]
    assert all(a < b for a, b in pairwise(seqs))
    assert len(seen) > 5
    assert all(x <= y for a, b in pairwise(seen) for x, y in zip(a, b, strict=True))
    table = rows(store)
    assert len(table["records"]) == len(table["vectors"]) == 320
    covered = [(s.first, s.last) for s in store.summaries.segments(scope)]
    assert all(b[0] > a[1] for a, b in pairwise(covered))
    assert len(covered) == len(store.summaries.versions(scope)) > 1
    session = store.transcript.session(scope)
    assert session is not None
    assert session.messages == 320


def test_many_customers_at_once(store: MemoryStore, encoder: WordEncoder) -> None:
    """Eight threads talk for a dozen customers each, customers shared between them: every turn is
    where it belongs, and each recalls what is its own.
    """
    customers = [Scope(f"customer {c}", "s1") for c in range(12)]

    def talk(thread: int) -> None:
        for n in range(3):
            for c, scope in enumerate(customers):
                memory = conversation(store, encoder, scope)
                memory.save_context(
                    {"input": f"my code {thread}{n} for C{c}"}, {"output": f"noted {thread}{n}"}
                )
                assert all(f"for C{c}" in r.text or "noted" in r.text for r in memory.recall("C1"))

    together(talk)
    store.wait()
    for c, scope in enumerate(customers):
        conversation(store, encoder, scope).digest()
        texts = [text for role, text in said(store, "s1", scope.customer) if role == "human"]
        assert sorted(texts) == sorted(
            f"my code {t}{n} for C{c}" for t in range(THREADS) for n in range(3)
        )
    assert len(rows(store)["vectors"]) == 2 * THREADS * 3 * 12


def test_two_processes_worth_of_caches_agree(url: str, encoder: WordEncoder) -> None:
    """Two stores over one database, each with its own caches, written and read by turns and at
    once, give the same prompts in the end as a third that was not there.
    """
    scope = Scope("ada", "s1")
    with open_store(url) as one, open_store(url) as other, open_store(url) as third:

        def talk(thread: int) -> None:
            memory = conversation((one, other)[thread % 2], encoder, scope, update=replace_similar)
            for n in range(10):
                memory.save_context(
                    {"input": f"parcel {thread % 3} {n} is late"}, {"output": f"noted {thread} {n}"}
                )
                memory.prompt("which parcel is late?")

        together(talk)
        one.wait()
        other.wait()
        conversation(other, encoder, scope, update=replace_similar).digest()
        given = [
            conversation(store, encoder, scope).layout("which parcel is late?")
            for store in (one, other, third)
        ]
        assert given[0].messages == given[1].messages == given[2].messages
        assert {tuple(r.id for r in g.recalled) for g in given} == {
            tuple(r.id for r in given[0].recalled)
        }


def test_what_is_forgotten_is_gone_at_once_for_everybody(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """While threads lay out prompts without pause, fifteen facts are forgotten: no prompt that
    begins after that shows one, and none fails, though indexes are dropped under their hands.
    """
    earlier, scope = Scope("ada", "earlier"), Scope("ada", "now")
    over = Event()
    gone: list[str] = []  # facts that are forgotten for good

    def read(_: int) -> None:
        memory = conversation(store, encoder, scope, 2000, background=False)
        while not over.is_set():
            before = list(gone)
            given = str(memory.prompt("what is the secret word?"))
            assert not [fact for fact in before if fact in given]

    # Nothing is folded: once it is, the question itself, asked before, is what is recalled.
    reader = conversation(store, encoder, scope, 2000, background=False)
    teller = conversation(store, encoder, earlier, background=False)
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read, n) for n in range(4)]
        try:
            for n in range(15):
                fact = f"fact{n:03}"
                teller.save_context({"input": f"the secret word is {fact}"}, {"output": "noted"})
                if n % 2:
                    teller.digest()
                assert fact in str(reader.prompt("what is the secret word?"))
                reader.save_context(
                    {"input": "what is the secret word?"}, {"output": "it is in your papers"}
                )
                (found,) = [r for r in reader.recall("secret word", 10_000) if fact in r.text]
                reader.vector.apply([Forget(found.id)])
                gone.append(fact)
        finally:
            over.set()
        for done in reading:
            done.result()


def test_a_reader_has_the_index_to_itself(sqlite_url: str, encoder: WordEncoder) -> None:
    """A reader whose transaction began before something was forgotten sees it still, and cannot
    bring it back under the hands of one who began after.
    """
    scope = Scope("ada", "s1")
    began, go_on, seen_late = Event(), Event(), []

    def late(store: MemoryStore) -> None:
        memory = VectorMemory(store=store, scope=scope, embeddings=encoder, background=False)
        with store.database.read():
            store.records.state(scope.owner)  # the transaction sees the rows as of now
            began.set()
            go_on.wait(60)
            seen_late.extend(r.text for r in memory.recall("secret word"))

    def slow(query: Query, candidates: Candidates) -> list[Recalled]:
        go_on.set()
        time.sleep(0.3)
        return lexical(query, candidates)

    with open_store(sqlite_url) as store, ThreadPoolExecutor(1) as pool:
        memory = VectorMemory(
            store=store, scope=scope, embeddings=encoder, background=False, retriever=slow
        )
        memory.save_context({"input": "the secret word is fact"}, {"output": "a fine word"})
        memory.digest()
        (fact,) = [r for r in store.records.newest(scope.owner, 9) if "fact" in r.text]
        reading = pool.submit(late, store)
        assert began.wait(60)
        memory.apply([Forget(fact.id)])
        assert [r.text for r in memory.recall("secret word")] == ["a fine word"]
        reading.result()
        assert "the secret word is fact" in seen_late


def test_a_digest_of_one_customer_does_not_hold_up_another(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Saving waits for no model: while a digest hangs in its encoder, turns are stored at once."""
    started, release, went_on = Event(), Event(), Event()

    class Slow(WordEncoder):
        def encode(self, texts: list[str]) -> object:  # type: ignore[override]
            started.set()
            release.wait(60)
            went_on.set()
            return super().encode(texts)

    slow = VectorMemory(store=store, scope=Scope("slow"), embeddings=Slow(name="words"))
    quick = BufferMemory(store=store, scope=Scope("quick"))
    slow.save_context({"input": "hello"}, {"output": "good day"})
    try:
        assert started.wait(60)
        slow.save_context({"input": "hello"}, {"output": "good day"})
        quick.save_context({"input": "hello"}, {"output": "good day"})
        assert not went_on.is_set()
        assert "good day" in quick.load_memory_variables({})["history"]
    finally:
        release.set()
    store.wait()
    assert len(rows(store)["vectors"]) == 4


# --- leaks ----------------------------------------------------------------------------------------


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


KINDS = [BufferMemory, SummaryMemory, VectorMemory, ConversationMemory]


def test_memories_come_and_go(sqlite_url: str, encoder: WordEncoder) -> None:
    """Two hundred memories, used and dropped, leave no thread, no open file and no cache more than
    the first of them.
    """
    counts = []
    with open_store(sqlite_url) as store, ThreadPoolExecutor(4) as pool:
        together = Barrier(4)

        def read(_: int) -> None:
            with store.database.read():
                together.wait()

        # As many connections as whoever reads, and the digest, may happen to need at once.
        list(pool.map(read, range(4)))
        for n in range(200):
            kind = KINDS[n % 4]
            more = {"embeddings": encoder} if "embeddings" in kind.model_fields else {}
            memory = kind(store=store, scope=Scope("ada", f"s{n % 7}"), **more)
            memory.save_context({"input": f"my parcel {n} is late"}, {"output": "noted"})
            memory.load_memory_variables({"input": "parcel"})
            store.wait()
            if n % 60 == 19:
                gc.collect()
                counts.append((threading.active_count(), open_files(), len(store._caches)))
    assert len(counts) == 4
    # What earlier tests have left may go meanwhile.
    assert all(
        now <= before for later in counts for now, before in zip(later, counts[0], strict=True)
    )


def used_and_left(url: str, encoder: WordEncoder, n: int) -> MemoryStore:
    """A store with a digest behind it."""
    store = open_store(url)
    memory = conversation(store, encoder, Scope("ada", f"s{n}"))
    memory.save_context({"input": f"my parcel {n} is late"}, {"output": "noted"})
    store.wait()
    return store


def test_stores_come_and_go(url: str, encoder: WordEncoder) -> None:
    """Twenty stores leave no thread and no open file when they are closed."""
    open_store(url).close()
    gc.collect()
    before = threading.active_count(), open_files()
    for n in range(20):
        used_and_left(url, encoder, n).close()
    assert threading.active_count() <= before[0]
    assert open_files() <= before[1]


def test_stores_that_nobody_closed_leave_nothing(sqlite_url: str, encoder: WordEncoder) -> None:
    """Nor when they are let go of without that (psycopg warns of it, SQLite does not)."""
    open_store(sqlite_url).close()
    gc.collect()
    before = threading.active_count(), open_files()
    for n in range(20):
        used_and_left(sqlite_url, encoder, n)
    gc.collect()
    deadline = time.monotonic() + 60
    while threading.active_count() > before[0] and time.monotonic() < deadline:
        time.sleep(0.01)  # a thread of a pool ends a moment after its pool
    gc.collect()
    assert threading.active_count() <= before[0]
    assert open_files() <= before[1]
