"""VectorMemory: a reader sees its own writes, and pays for at most 32 embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from memory import (
    Add,
    Change,
    MemoryStore,
    Message,
    Record,
    Scope,
    VectorMemory,
    append,
    as_text,
    dense,
    forget,
    lexical,
    open_store,
    replace_similar,
    verbatim,
)
from memory.cache import EMBED_AT_READ, IndexCache
from memory.clock import now
from tests.contracts.memories import rows
from tests.doubles import WordEncoder, count_words

ADA = Scope("ada", "s1")


@pytest.fixture
def store(sqlite_url: str) -> Any:
    """A SQLite store: what differs between databases is tested in the contracts."""
    with open_store(sqlite_url) as opened:
        yield opened


def remembering(
    store: MemoryStore, encoder: WordEncoder, scope: Scope = ADA, **more: Any
) -> VectorMemory:
    """A vector memory whose digest waits to be asked."""
    return VectorMemory(
        store=store, scope=scope, embeddings=encoder, background=False,
        count_tokens=count_words, **more,
    )  # fmt: skip


def say(memory: VectorMemory, *texts: str) -> None:
    """Have the customer say things, and the agent nothing that is remembered."""
    for text in texts:
        memory.save_context({"input": text}, {"output": " "})


def current(memory: VectorMemory) -> list[str]:
    """The texts that are remembered, the oldest first."""
    records = memory.store.records.newest(memory.scope.owner, 1000)
    return [r.text for r in reversed(records) if r.current(now())]


# --- reading ------------------------------------------------------------------------------------


def test_a_read_embeds_at_most_32(store: MemoryStore, encoder: WordEncoder) -> None:
    """Of a hundred new records a read embeds 32 and finds the rest by words only, which it says;
    the next reads go on from there until nothing is missing, and store nothing.
    """
    memory = remembering(store, encoder)
    say(memory, *(f"parcel {n} went to street {n}" for n in range(100)))
    left = 100
    while left:
        encoder.asked.clear()
        found = memory.recall("parcel 99", 10_000)
        assert len([t for t in encoder.asked if t != "parcel 99"]) == min(EMBED_AT_READ, left)
        left -= min(EMBED_AT_READ, left)
        partly = f"; {left} newer records searched by words only"
        assert found[0].text == "parcel 99 went to street 99"
        assert all(r.why.endswith(partly) for r in found) if left else "only" not in found[0].why
    encoder.asked.clear()
    memory.recall("parcel 98")
    assert encoder.asked == ["parcel 98"]
    assert rows(store)["vectors"] == rows(store)["records"] == []


def test_a_digest_embeds_nothing_twice(store: MemoryStore, encoder: WordEncoder) -> None:
    """What a read has embedded is stored by the digest as it is; what is stored is never embedded
    again, in this process or the next.
    """
    memory = remembering(store, encoder)
    texts = [f"parcel {n} went to street {n}" for n in range(100)]
    say(memory, *texts)
    memory.recall("parcel")
    memory.digest()
    memory.digest()
    assert sorted(t for t in encoder.asked if t != "parcel") == sorted(texts)
    assert len(rows(store)["vectors"]) == 100
    encoder.asked.clear()
    with open_store(f"sqlite:///{store.database.path}") as again:
        assert remembering(again, encoder).recall("parcel 7")
    assert encoder.asked == ["parcel 7"]


@pytest.mark.parametrize("order", ["read first", "digest first"])
def test_the_digest_does_not_change_what_is_found(
    store: MemoryStore, encoder: WordEncoder, order: str
) -> None:
    """The same records are found with the same scores before the digest, after it, and by a fresh
    process (the stored vectors are half floats).
    """
    memory = remembering(store, encoder)
    say(memory, *(f"parcel {n} went to street {n * 7 % 11}" for n in range(20)))
    if order == "digest first":
        memory.digest()
    before = memory.recall("which parcel went to street 5?", 10_000)
    memory.digest()
    after = memory.recall("which parcel went to street 5?", 10_000)
    with open_store(f"sqlite:///{store.database.path}") as again:
        later = remembering(again, encoder).recall("which parcel went to street 5?", 10_000)
    assert len(before) == 20
    for found in (after, later):
        scores = {r.id: r.score for r in before}
        assert {r.id: r.score for r in found} == pytest.approx(scores, abs=1e-3)


def test_an_empty_question_recalls_nothing(store: MemoryStore, encoder: WordEncoder) -> None:
    """Blank input costs no embedding."""
    memory = remembering(store, encoder)
    say(memory, "hello there")
    encoder.asked.clear()
    assert memory.recall(" \n") == []
    assert memory.load_memory_variables({"input": ""}) == {"recalled": ""}
    assert encoder.asked == []


def test_a_person_can_add_what_is_to_be_remembered(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """A record that no message says is found at once, by meaning after the digest, and is there
    once however often it is added.
    """
    memory = remembering(store, encoder)
    record = Record("by hand", "the customer is deaf, write instead", (), "s1", "human", now())
    for _ in range(2):
        memory.apply([Add(record)])
        assert [r.text for r in memory.recall("is the customer deaf?")] == [record.text]
        memory.digest()
    assert len(rows(store)["records"]) == len(rows(store)["vectors"]) == 1


def test_the_token_budget_is_kept(store: MemoryStore, encoder: WordEncoder) -> None:
    """What comes back fits into ``max_tokens`` as lines of a prompt."""
    memory = remembering(store, encoder)
    say(memory, *(f"parcel {n} went " + "on " * (n % 9) for n in range(60)))
    for budget in (0, 3, 40, 200):
        found = memory.recall("parcel", budget)
        assert count_words(as_text(found, 10_000, count_words)) <= budget
        assert bool(found) == (budget >= 40)


def test_the_four_strategies_are_the_user_s(store: MemoryStore, encoder: WordEncoder) -> None:
    """Writer, retriever and reader are plain functions that one passes."""

    def shout(messages: Sequence[Message]) -> list[Record]:
        return [replace(r, text=r.text.upper()) for r in verbatim(messages)]

    memory = remembering(
        store, encoder, writer=shout, retriever=partial(lexical, k=1),
        reader=lambda found, budget, count: f"{len(found)} of {budget}: {found[0].text}",
    )  # fmt: skip
    say(memory, "my cat is Tom", "my dog is Rex")
    assert memory.load_memory_variables({"input": "the dog?"}) == {
        "recalled": "1 of 500: MY DOG IS REX"
    }


def test_hops_is_a_setting(store: MemoryStore, encoder: WordEncoder) -> None:
    """``hops=2`` reads twice whatever the retriever is."""
    for count, expected in ((1, 1), (2, 2)):
        memory = remembering(store, encoder, Scope(f"c{count}"), retriever=lexical, hops=count)
        say(memory, "Anna opened complaint KX-7.", "The complaint KX-7 is handled by Robert.")
        assert len(memory.recall("Anna?")) == expected


def test_reading_and_digesting_at_once_agree(store: MemoryStore, encoder: WordEncoder) -> None:
    """Threads that read while others digest never fail and in the end find everything once."""
    memory = remembering(store, encoder)
    say(memory, *(f"parcel {n} went to street {n}" for n in range(150)))
    with ThreadPoolExecutor(8) as pool:
        work = [
            pool.submit(memory.digest) if n % 2 else pool.submit(memory.recall, "parcel")
            for n in range(24)
        ]
        for done in work:
            done.result()
    found = memory.recall("parcel", 100_000)
    assert len(found) == len({r.text for r in found}) == 100  # as many as the strategy returns
    assert len(rows(store)["records"]) == len(rows(store)["vectors"]) == 150


def test_the_cache_lets_go_of_those_who_were_here_longest_ago(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Beyond its bound the cache drops whole customers, the least recently used first, and what
    is read again is right again.
    """
    for name in "abcd":
        memory = remembering(store, encoder, Scope(name))
        say(memory, *(f"{name} parcel {n}" for n in range(10)))
        memory.digest()
    cache = IndexCache(store.records, encoder, verbatim, append, max_records=25)
    for name in "abacad":
        with cache.reading(("default", name)) as index:
            assert len(index) == 10
    assert list(cache._entries) == [("default", "a"), ("default", "d")]


# --- updates through the digest -------------------------------------------------------------------


def test_append_keeps_everything(store: MemoryStore, encoder: WordEncoder) -> None:
    """By default what is said twice is remembered twice."""
    memory = remembering(store, encoder)
    say(memory, "where is my order", "where is my order")
    memory.digest()
    assert current(memory) == ["where is my order"] * 2


@pytest.mark.parametrize("digests", ["one", "one each", "with reads between"])
def test_replace_similar_keeps_one_with_all_its_sources(
    store: MemoryStore, encoder: WordEncoder, digests: str
) -> None:
    """What the same person says again replaces what was said before, however the digests fall: in
    one batch, one by one, or after a read has found the record before its digest.
    """
    memory = remembering(store, encoder, update=replace_similar)
    for text in ("where is my order", "my cat is Tom", "Where is my order?", "where, is my order"):
        say(memory, text)
        if digests == "with reads between":
            memory.recall("order")
        if digests != "one":
            memory.digest()
    memory.digest()
    assert current(memory) == ["my cat is Tom", "where, is my order"]
    (order,) = [r for r in store.records.newest(ADA.owner, 9) if "order" in r.text]
    asked = [s.message.id for s in store.transcript.window(ADA) if "order" in s.message.text]
    assert sorted(order.messages) == sorted(asked)
    assert memory.recall("where is my order")[0].text == "where, is my order"
    assert len(store.transcript.window(ADA)) == 8, "the conversation stays as it was said"


def test_replace_similar_never_replaces_the_other_speaker(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """An agent who repeats the customer's words does not take their place."""
    memory = remembering(store, encoder, update=replace_similar)
    memory.save_context({"input": "where is my order"}, {"output": "where is my order"})
    memory.digest()
    assert current(memory) == ["where is my order"] * 2


def test_forget_drops_what_is_long_past(store: MemoryStore, encoder: WordEncoder) -> None:
    """With ``forget`` a record drops those it resembles that are older by more than ``after``."""
    memory = remembering(store, encoder, update=partial(forget, after=timedelta(days=30)))
    at = now()
    said = [f"where is my order{'!' * n}" for n in range(3)]
    messages = [memory._message("human", text) for text in said]
    ages = (60, 10, 0)
    store.transcript.add(
        ADA, [replace(m, at=at - timedelta(days=d)) for m, d in zip(messages, ages, strict=True)]
    )
    memory.digest()
    assert current(memory) == said[1:]


def test_an_update_is_given_what_was_said_before_the_nearest_first(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The mechanism sees current, earlier records of other messages with a cosine of at least 0.9
    and nothing else, in their order.
    """
    seen: dict[str, list[str]] = {}

    def watch(new: Record, similar: list[Record]) -> list[Change]:
        seen[new.text] = [old.text for old in similar]
        return [Add(new)]

    memory = remembering(store, encoder, update=watch)
    long = "one two three four five six seven eight nine ten"
    say(memory, long, "blue sky", f"{long} eleven", f"{long} eleven twelve")
    memory.digest()
    assert seen == {
        long: [],
        "blue sky": [],
        f"{long} eleven": [long],
        f"{long} eleven twelve": [f"{long} eleven", long],
    }


def test_a_digest_of_many_batches_replaces_as_one_would(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Over more records than a batch holds, indexes rebuilt in between, one of each is left."""
    memory = remembering(store, encoder, update=replace_similar)
    say(memory, *(f"question number {'abcdefg'[n % 7] * 3}" for n in range(200)))
    memory.digest()
    assert sorted(current(memory)) == [f"question number {c * 3}" for c in "abcdefg"]
    assert len(rows(store)["vectors"]) == 7


def test_dense_alone_can_be_the_retriever(store: MemoryStore, encoder: WordEncoder) -> None:
    """A strategy that needs vectors sees, before the digest, what the read embeds."""
    memory = remembering(store, encoder, retriever=dense)
    say(memory, "my cat is Tom")
    assert [r.text for r in memory.recall("cat Tom")] == ["my cat is Tom"]
