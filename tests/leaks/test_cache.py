"""The caches of indexes: put out, brought back, erased under the readers' feet, and never mixed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from memory import ConversationMemory, MemoryStore, Scope, open_store
from tests.doubles import WordEncoder, count_words
from tests.leaks.conftest import PROBES, SEED

OWNERS = [
    (tenant, customer)
    for tenant in ("north", "NORTH", "a", "a/b")
    for customer in ("ada", "ADA", "b/c", "c")
]
_SAID = "my order for the blue lamp has the number"


class Shelf:
    """Customers whose words change when they are erased, read behind a cache that holds some.

    Who writes and erases does so in a store of another process, as it were: nobody tells the
    readers' cache of it.
    """

    def __init__(self, store: MemoryStore, writing: MemoryStore) -> None:
        self.store, self.writing = store, writing
        self.encoder = WordEncoder()
        self.alive: dict[tuple[str, str], set[str]] = {owner: set() for owner in OWNERS}
        self.gone: set[str] = set()
        self._names = count()
        for owner in OWNERS:
            self.say(owner)
        cache = store.index_cache(self.encoder, self.memory(OWNERS[0]).writer,
                                  self.memory(OWNERS[0]).update)  # fmt: skip
        cache._max_records = 24  # of those of sixteen customers, who have two and more
        self.cache = cache

    def memory(
        self, owner: tuple[str, str], store: MemoryStore | None = None
    ) -> ConversationMemory:
        """The memory of a customer, as it is read."""
        return ConversationMemory(
            store=store or self.store, scope=Scope(owner[1], "s", owner[0]),
            embeddings=self.encoder, count_tokens=count_words, background=False,
        )  # fmt: skip

    def say(self, owner: tuple[str, str]) -> None:
        """Let a customer say a new word."""
        word = f"ZQ-{next(self._names):06}"
        self.alive[owner].add(word)
        memory = self.memory(owner, self.writing)
        memory.save_context({"input": f"{_SAID} {word}"}, {"output": f"{word} is noted"})
        memory.digest()

    def erase(self, owner: tuple[str, str]) -> None:
        """Erase a customer; what has been erased may be in no answer that is asked for later."""
        words = set(self.alive[owner])
        self.writing.erase(owner)
        self.gone |= words
        self.alive[owner] -= words


def test_an_index_that_is_put_out_and_brought_back_is_its_customer_s(
    sqlite_url: str, probes: Counter[str]
) -> None:
    """Several readers, more customers than the cache holds, and one who erases and writes: a recall
    of everybody's very words finds its own customer's only, and nothing that is erased.
    """
    # Each word is a customer's for ever, so what is found tells whose it is.
    owner_of: dict[str, tuple[str, str]] = {}
    with open_store(sqlite_url) as store, open_store(sqlite_url) as writing:
        shelf = Shelf(store, writing)
        over = threading.Event()
        erased: list[tuple[str, str]] = []
        found_own: Counter[tuple[str, str]] = Counter()

        def note() -> None:
            owner_of.update({w: owner for owner, words in shelf.alive.items() for w in words})

        def write() -> None:
            draw = random.Random(SEED)
            while not over.is_set():
                owner = draw.choice(OWNERS)
                if draw.random() < 0.7:
                    shelf.erase(owner)
                    erased.append(owner)
                shelf.say(owner)
                note()

        def read(seed: int) -> None:
            draw = random.Random(seed)
            for _ in range(max(PROBES // 4, 100)):
                # One whose index may be held, and who was erased since.
                owner = draw.choice([*erased[-2:], *draw.sample(OWNERS, 2)])
                gone = set(shelf.gone)
                word = draw.choice(list(dict(owner_of)))
                query = f"{_SAID} {word}"
                texts = [one.text for one in shelf.memory(owner).recall(query, 2000)]
                said = {text.split("ZQ-")[1][:6] for text in texts if "ZQ-" in text}
                others = {w for w, whose in dict(owner_of).items() if whose != owner}
                words = {f"ZQ-{number}" for number in said}
                probes["recalls from indexes that were put out of the cache"] += 1
                assert not words & others, (owner, words & others)
                assert not words & gone, (owner, words & gone)
                found_own[owner] += bool(words)

        note()
        with ThreadPoolExecutor(5) as pool:
            writing = pool.submit(write)
            reading = [pool.submit(read, SEED + n) for n in range(4)]
            try:
                for one in reading:
                    one.result()
            finally:
                over.set()
            writing.result()
        assert len(erased) > 1
        assert len(found_own) == len(OWNERS)


def test_a_question_s_vector_is_kept_for_who_asked() -> None:
    """How long an answer takes does not tell whether somebody else has asked the same: the encoder
    reads a question once for each customer.
    """
    with open_store() as store:
        shelf = Shelf(store, store)
        for owner in (OWNERS[0], OWNERS[0], OWNERS[1]):
            shelf.memory(owner).vector.embedding("a question of its own")
        assert shelf.encoder.asked.count("a question of its own") == 2
