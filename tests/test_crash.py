"""A process that is killed: what it acknowledged is there, in order, and the digest goes on."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from memory import ConversationMemory, MemoryStore, Scope, SummaryMemory, open_store
from tests.contracts.memories import rows, said
from tests.doubles import WordEncoder, count_words

ADA = Scope("ada", "s1")
fork = multiprocessing.get_context("fork")  # a fresh interpreter would take seconds each


def conversation(store: MemoryStore, scope: Scope = ADA) -> ConversationMemory:
    """A conversation that folds every few turns."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=WordEncoder(), count_tokens=count_words,
        max_tokens=300, summary_tokens=50, recall_tokens=40, background=False,
    )  # fmt: skip


def talk(url: str, first: int, acknowledged: Any) -> None:
    """Store turns for ever, and say of each half when it is stored."""
    with open_store(url) as store:
        memory = conversation(store)
        for n in range(first, first + 100_000):
            turn = memory.start(f"q{n} my parcel to street {n} is late", f"key {n}")
            acknowledged.send(("question", n))
            memory.finish(turn, f"a{n} parcel {n} is in the depot", "complete")
            acknowledged.send(("answer", n))
            store.in_background("digest", memory.digest)


def killed(url: str, first: int, after: float) -> list[tuple[str, int]]:
    """What a process acknowledged before it was killed."""
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=talk, args=(url, first, sender))
    process.start()
    sender.close()
    assert receiver.poll(60), "the process stored nothing"
    time.sleep(after)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    found: list[tuple[str, int]] = []
    with contextlib.suppress(EOFError):
        while True:
            found.append(receiver.recv())
    return found


def test_a_killed_process_loses_nothing_it_acknowledged(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed six times in the middle of its work, digests included, a process leaves every question
    and answer that it acknowledged, once, in order; numbers are never used twice; at most the turn
    that was under way is unanswered, and a retry with its key answers it. The next digest makes a
    record and a vector of each message, and the summary goes on.
    """
    monkeypatch.setattr("memory.turns.LEASE_SECONDS", 0.05)
    monkeypatch.setattr("memory.digesting.DIGEST_SECONDS", 0.05)
    answered: list[int] = []
    asked: list[int] = []
    first = 0
    for after in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3):
        found = killed(url, first, after)
        asked += [n for half, n in found if half == "question"]
        answered += [n for half, n in found if half == "answer"]
        time.sleep(0.06)
        with open_store(url) as store:
            window = [s.message for s in store.transcript.window(ADA)]
            names = [message.text.split()[0] for message in window]
            assert len(names) == len(set(names))
            assert {f"q{n}" for n in asked} | {f"a{n}" for n in answered} <= set(names)
            numbers = [int(name[1:]) for name in names]
            assert numbers == sorted(numbers)
            assert [m.seq for m in window] == sorted({m.seq for m in window})
            first = numbers[-1] + 1
            if names[-1][0] == "q":  # the retry of the turn under way
                memory = conversation(store)
                text, key = window[-1].text, f"key {numbers[-1]}"
                again = memory.start(text, key)
                assert again.question.id == window[-1].id
                memory.finish(again, f"a{numbers[-1]} at last", "complete")
                answered.append(numbers[-1])
    with open_store(url) as store:
        if store.database.dialect == "sqlite":
            with store.database.read() as connection:
                assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
        memory = conversation(store)
        memory.digest()
        table = rows(store)
        assert len(answered) >= 6
        assert len(said(store)) == len(table["records"]) == len(table["vectors"])
        watermarks = [v.watermark for v in store.summaries.versions(ADA)]
        assert watermarks == sorted(set(watermarks))
        covered = [(s.first, s.last) for s in store.summaries.segments(ADA)]
        assert all(b[0] > a[1] for a, b in pairwise(covered))
        assert store.lagging() == []


def test_a_digest_killed_between_its_steps_goes_on_where_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its transactions was the last, the next digest leaves what one alone would, as
    soon as the dead one's lease has run out.
    """
    monkeypatch.setattr("memory.digesting.DIGEST_SECONDS", 0.05)
    wanted = None
    for step in ("none", "write", "embed", "add"):
        scope = Scope(step, "s1")
        with open_store(url) as store:
            memory = conversation(store, scope)
            for n in range(30):
                memory.save_context(
                    {"input": f"q{n} my parcel to street {n} is late"},
                    {"output": f"a{n} parcel {n} is in the depot"},
                )
        process = fork.Process(target=digest_until, args=(url, scope, step))
        process.start()
        process.join()
        assert (process.exitcode == 0) == (step == "none")
        with open_store(url) as store:
            memory = conversation(store, scope)
            memory.digest()
            found = (
                len(store.records.newest(scope.owner, 999)),
                sum(row[1] == step for row in rows(store)["vectors"]),
                memory.summary.current().text,
                len(store.summaries.versions(scope)),
            )
        wanted = wanted or found
        assert found == wanted
        assert found[:2] == (60, 60)


def digest_until(url: str, scope: Scope, step: str) -> None:
    """Digest, and be killed right after a step."""
    with open_store(url) as store:
        memory = conversation(store, scope)
        owner: Any = store.summaries if step == "add" else store.records
        if step != "none":
            whole = getattr(owner, step)

            def then_die(*args: Any) -> None:
                whole(*args)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(owner, step, then_die)
        memory.digest()


def test_a_summary_is_never_lost(sqlite_url: str) -> None:
    """Old versions are kept, and each stands for the messages up to its watermark."""
    with open_store(sqlite_url) as store:
        memory = SummaryMemory(
            store=store, scope=ADA, count_tokens=count_words, window_tokens=60, max_tokens=50,
            background=False,
        )  # fmt: skip
        for n in range(30):
            memory.save_context(
                {"input": f"My parcel {n} to street {n} is late."}, {"output": f"Noted {n}."}
            )
            memory.digest()
        versions = store.summaries.versions(ADA)
        assert [v.version for v in versions] == list(range(1, len(versions) + 1))
        assert len(versions) > 3
        assert all(v.text for v in versions)
        assert versions[-1] == memory.current()
