"""What one process changes another sees in its very next look, whatever was in its cache."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memory.store
from memory import (
    Article,
    ConversationMemory,
    Knowledge,
    MemoryStore,
    Retention,
    Scope,
)
from memory.cache import IndexCache
from memory.clock import from_then, now
from tests.doubles import WordEncoder, count_words
from tests.sharing.conftest import Two

_CALM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

LONG_AGO = datetime.now(UTC) - timedelta(days=400)
YEAR = Retention.days(messages=365)
CUSTOMERS, SESSIONS, SOURCES = ("ada", "bob"), ("s1", "s2"), ("one.md", "two.md")
_tenants = itertools.count()

OPERATIONS = (
    "say", "say", "say long ago", "correct", "forget", "delete session", "erase", "retain",
    "digest", "put article", "remove article",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(OPERATIONS), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 9)
    ),
    min_size=6, max_size=14,
)  # fmt: skip


class Model:
    """What two stores over one Postgres are to know, and what they do."""

    def __init__(self, two: Two) -> None:
        self.two = two
        self.tenant = f"tenant {next(_tenants)}"
        self.held: dict[str, dict[str, tuple[str, bool]]] = {name: {} for name in CUSTOMERS}
        self.written: dict[str, str] = {}  # the word of each article
        self.gone: set[str] = set()
        self._words = (f"v{''.join(word)}" for word in itertools.product("bdfgklmnprst", repeat=3))
        self._encoder = WordEncoder()

    def memory(self, store: MemoryStore, customer: str, session: str = "s1") -> ConversationMemory:
        """A memory as the service makes one for a request."""
        return ConversationMemory(
            store=store, scope=Scope(customer, session, self.tenant), embeddings=self._encoder,
            count_tokens=count_words, max_tokens=300, summary_tokens=50, recall_tokens=40,
            background=False, knowledge=self.knowledge(store),
        )  # fmt: skip

    def knowledge(self, store: MemoryStore) -> Knowledge:
        """The tenant's articles, as a store has them."""
        return Knowledge(store, self._encoder, self.tenant)

    def step(
        self, operation: str, there: bool, second: bool, other_session: bool, pick: int
    ) -> None:
        """Let one of the stores do something, and know what is to come of it."""
        store, customer = self.two[there], CUSTOMERS[second]
        session, source = SESSIONS[other_session], SOURCES[other_session]
        held = self.held[customer]
        memory = self.memory(store, customer, session)
        word = sorted(held)[pick % len(held)] if held else None
        match operation:
            case "say":
                self._say(memory, held)
            case "say long ago":
                with from_then(LONG_AGO):
                    self._say(memory, held, old=True)
            case "digest":
                memory.digest()
            case "delete session":
                memory.clear()
                self._lose(held, [w for w, (where, _) in held.items() if where == session])
            case "erase":
                store.erase(memory.scope.owner)
                self._lose(held, list(held))
            case "retain":
                list(store.retain(YEAR))
                for each in self.held.values():
                    self._lose(each, [w for w, (_, old) in each.items() if old])
            case "put article":
                if source in self.written:
                    self.gone.add(self.written[source])
                self.written[source] = fresh = next(self._words)
                text = f"A {fresh} can be sent back."
                self.knowledge(store).put([Article(source, "Returns", (text,))])
            case "remove article":
                self.knowledge(store).remove(source)
                self.gone.add(self.written.pop(source, ""))
            case "correct" if word is not None:
                where, _ = held[word]
                held[fresh := next(self._words)] = where, False
                found = self._record(memory, word)
                memory.vector.correct(found, text=f"The {fresh} came broken")
                self._lose(held, [word])
            case "forget" if word is not None:
                assert memory.vector.delete(self._record(memory, word)) is not None
                self._lose(held, [word])

    def check(self) -> None:
        """See that both stores remember, tell a model and find what they are to, and no more."""
        for store in self.two:
            for customer, held in self.held.items():
                memory = self.memory(store, customer)
                with memory.vector.index() as index:
                    view = index.view(now())
                    told = " ".join(view[place].text for place in range(len(view)))
                assert {word for word in told.split() if word.startswith("v")} == held.keys()
                prompt = str(memory.prompt("what came broken?"))
                assert not [word for word in self.gone if word and word in prompt]
            passages = self.knowledge(store).search("what can be sent back?")
            assert {e.text.split()[1] for e in passages} == set(self.written.values())

    def _say(self, memory: ConversationMemory, held: dict[str, Any], *, old: bool = False) -> None:
        held[word := next(self._words)] = memory.scope.session, old
        memory.save_context({"input": f"The {word} came broken"}, {"output": "Noted."})

    def _lose(self, held: dict[str, Any], words: list[str]) -> None:
        for word in words:
            del held[word]
            self.gone.add(word)

    def _record(self, memory: ConversationMemory, word: str) -> str:
        with memory.vector.index() as index:
            view = index.view(now())
            return next(view[n].id for n in range(len(view)) if word in view[n].text)


@given(steps=STEPS)
@settings(
    max_examples=8,
    suppress_health_check=_CALM,
)
def test_two_processes_know_the_same_at_every_moment(two: Two, steps: list[Any]) -> None:
    """Turns, corrections, deletions, erasures, retention, digests and articles at either of two
    stores: after each both have in their indexes, prompts and searches what a model in memory says.
    """
    model = Model(two)
    for step in steps:
        model.step(*step)
        model.check()


def test_a_customer_put_out_of_one_cache_is_what_the_rows_say(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process has room for two records only, so that each customer puts the other out."""
    monkeypatch.setattr(memory.store, "IndexCache", partial(IndexCache, max_records=2))
    model = Model(two)
    for second in (False, True, False, True):
        model.step("say", False, second, False, 0)
        model.check()
    for operation in ("correct", "forget", "erase"):
        for second in (False, True):
            model.step(operation, True, second, False, 0)
            model.check()
