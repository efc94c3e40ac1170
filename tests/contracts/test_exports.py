"""What is exported is everything, and is the same again where it is imported, on both databases."""

from __future__ import annotations

import io
import itertools
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from memory import (
    ConversationMemory,
    Event,
    InvalidInput,
    Label,
    LangGraphStore,
    MemoryStore,
    Scope,
    facts,
    joined,
    supersede,
    verbatim,
)
from memory.columns import Column
from memory.exports import _KINDS, _OWN
from memory.transcript import make_message
from memory.translation_memory import TranslationMemory
from memory.translations import Pair, Translation
from tests.contracts.memories import rows
from tests.doubles import WordEncoder, count_words

_CALM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

Lines = list[dict[str, Any]]
ADA = Scope("ada", "s1")
LABELS = {"intent": Label("track_order", 0.93), "topic": Label(None, 1 / 3)}
MADE_AGAIN = {
    "vectors": {"seq", "vector"},
    "records": {"terms"},
    "items": {"id", "vectors"},
    "translations": {"id", "back", "vector"},
    "customers": {"embedded"},
}
# Of a database and who uses it, not of what is held.
ITS_OWN = {"customers": {"generation", "audit_key", "digester", "digester_until"}}
WRITER = joined(verbatim, facts)
_numbers = itertools.count()


def conversation(store: MemoryStore, scope: Scope = ADA) -> ConversationMemory:
    """A conversation as the service keeps it, with a small window and no digest by itself."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=WordEncoder(), count_tokens=count_words, max_tokens=60,
        summary_tokens=20, recall_tokens=20, background=False, writer=WRITER, update=supersede,
    )  # fmt: skip


def exported(store: MemoryStore, scope: Scope = ADA) -> Lines:
    """The lines of an export."""
    file = io.BytesIO()
    count = store.exports.write(scope.owner, file)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert len(lines) == count
    return lines


def imported(store: MemoryStore, lines: Lines, tenant: str | None = None) -> Scope:
    """Store lines for a tenant that has nothing yet."""
    tenant = tenant or f"copy {next(_numbers)}"
    placed = ((f"line {n}", line) for n, line in enumerate(lines, 1))
    tenant, customer = store.exports.read(tenant, placed)
    return Scope(customer, ADA.session, tenant)


def lived(store: MemoryStore) -> ConversationMemory:
    """A customer with one of everything."""
    memory = conversation(store)
    for said in ("My order number is 4417-XZ", "It is late", "I live in Oslo ☃", "No, in Bergen"):
        memory.save_context({"input": said}, {"output": f"Thank you. You said: {said}"})
    memory.digest()
    turn = memory.start("Where is it now?", "a key of its own")
    memory.finish(turn, "On its way", "complete", usage={"input_tokens": 3},
                  labels=LABELS)  # fmt: skip
    memory.digest()
    memory.vector.remember("She is a regular customer", pinned=True)
    number = next(r for r in memory.vector.history("order_number"))
    memory.vector.correct(number.id, value="5518-XZ")
    city = next(r for r in memory.recall("I live in Oslo") if "Oslo" in r.text)
    memory.vector.delete(city.id)
    store.transcript.rate(ADA, "good")
    agent = LangGraphStore(memory)
    agent.put(("memories", "tastes"), "tea", {"content": "Likes tea ☃", "sure": True}, ttl=60)
    agent.put(("drafts", "v1"), "letter", {"to": ["ada", None], "lines": {"n": 0.5}}, ttl=9)
    agent.put(("drafts",), "plan", {"a": "b"}, index=False)
    agent.search((), query="tea")
    translated = TranslationMemory(store, WordEncoder(), customer="ada")
    translated.put([
        Translation(Pair("en", "zh"), "My order is 4417-XZ ☃", "我的订单是4417-XZ ☃", "model"),
        Translation(Pair("en", "zh"), "tea", "茶", "person", term=True),
    ])  # fmt: skip
    translated.embed()
    store.events.add(ADA.owner, [Event("lamp ☃", kind) for kind in ("viewed", "bought")])
    long = conversation(store, Scope("ada", "s3"))
    for n in range(12):
        said = f"Parcel {n} was to come on day {n}, and has not. Please find out where it may be."
        long.save_context({"input": said}, {"output": f"We look for parcel {n} and tell you."})
        long.digest()
    other = conversation(store, Scope("ada", "s2"))
    failed = other.start("Hello?")
    other.finish(failed, None, "failed")
    broken = other.start("Is anybody there?")
    store.turns.renew(other.scope, broken, make_message("ai", "One mom", 2))
    memory.digest()
    return memory


def test_an_import_is_what_was_exported(store: MemoryStore) -> None:
    """Every row of every table, but the vectors, comes out and in: corrected, forgotten, added by
    hand, half answered; exported again it is the same.
    """
    lived(store)
    lines = exported(store)
    kinds = {line["kind"] for line in lines}
    assert kinds == {*_KINDS, "customer", "end"}, "something of each kind is tried"
    copy = imported(store, lines)
    assert exported(store, copy) == lines
    with store.database.read() as connection:
        for table, _, _ in _KINDS.values():
            mine, its = (
                sorted(
                    (
                        {
                            k: v
                            for k, v in row._mapping.items()
                            if k not in ("tenant", "vectors", "vector")
                        }
                        for row in connection.execute(
                            text(f"SELECT * FROM {table} WHERE tenant = :tenant"),
                            {"tenant": scope.tenant},
                        )
                    ),
                    key=str,
                )
                for scope in (ADA, copy)
            )
            assert mine == its, table


def test_an_imported_customer_is_answered_as_before(store: MemoryStore) -> None:
    """After a digest, which makes the vectors again, prompts and recall are the same; what was
    deleted does not come back from the messages.
    """
    memory = lived(store)
    copy = conversation(store, imported(store, exported(store)))
    copy.digest()
    mine, its = (
        [row for of, *row in rows(store)["vectors"] if of == tenant]
        for tenant in (memory.scope.tenant, copy.scope.tenant)
    )
    assert mine == its
    for asked in ("What is my order number?", "Where do I live?"):
        mine, its = (
            [(r.id, r.text, round(r.score, 5)) for r in one.recall(asked)] for one in (memory, copy)
        )
        assert mine == its
        assert [m.text for m in memory.prompt(asked)] == [m.text for m in copy.prompt(asked)]
    assert exported(store, copy.scope) == exported(store)
    pair, asked = Pair("en", "zh"), "my order is 5518-XZ ☃"
    known, its_known = (
        TranslationMemory(store, WordEncoder(), scope.tenant, "ada")
        for scope in (memory.scope, copy.scope)
    )
    assert (found := known.exact(asked, pair)) is not None
    assert its_known.exact(asked, pair) == found
    assert its_known.near(asked, pair), "by its words, and then there are vectors again"
    store.wait()
    assert its_known.near(asked, pair) == known.near(asked, pair)
    assert store.events.done_with(copy.scope.owner) == {"lamp ☃"}
    again = copy.start("Where is it now?", "a key of its own")
    assert again.status == "complete", "a retry is known there too"


def test_a_turn_that_was_under_way_ends_as_after_a_crash(store: MemoryStore) -> None:
    """Its session is let go, and what had been said of the answer is the answer."""
    lived(store)
    copy = imported(store, exported(store))
    store.turns.settle(alone=True)
    broken = store.transcript.newest(Scope(copy.customer, "s2", copy.tenant), 2)
    assert [(said.message.text, said.status) for said in broken] == [
        ("Is anybody there?", "stopped"), ("One mom", "stopped"),
    ]  # fmt: skip


OPERATIONS = st.lists(
    st.sampled_from(
        ["say", "say again", "digest", "note", "correct", "delete", "forget", "start", "delete s1"]
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=15,
    suppress_health_check=_CALM,
)
@given(operations=OPERATIONS, words=st.lists(st.text(min_size=1, max_size=9), min_size=12))
def test_whatever_was_done_exports_the_same_again(
    store: MemoryStore, operations: list[str], words: list[str]
) -> None:
    """In any order of saying, folding, correcting, adding, deleting and forgetting."""
    scope = Scope("ada", "s1", f"lived {next(_numbers)}")
    memory = conversation(store, scope)
    for n, operation in enumerate(operations):
        word = words[n].replace("\x00", "").encode(errors="ignore").decode()
        kept = store.records.newest(scope.owner, 9, history=False)
        match operation:
            case "say" | "say again":
                said = f"My order number is {n if operation == 'say' else 1}-XZ {word}"
                memory.save_context({"input": said}, {"output": f"Well {word}"})
            case "digest":
                memory.digest()
            case "note":
                memory.vector.remember(f"A note {word}", pinned=bool(n % 2))
            case "correct" if kept:
                memory.vector.correct(kept[0].id, text=f"{kept[0].value or 'no'} {n}", pinned=True)
            case "delete" if kept:
                memory.vector.delete(kept[-1].id)
            case "start":
                turn = memory.start(f"Are you there {word}?")
                memory.finish(turn, None if n % 2 else word or "x", "stopped")
            case "delete s1":
                store.delete_session(scope)
    lines = exported(store, scope)
    if not lines:
        return
    copy = imported(store, lines)
    assert exported(store, copy) == lines
    assert exported(store, imported(store, exported(store, copy))) == lines


def test_every_column_is_exported_or_is_made_again(store: MemoryStore) -> None:
    """Of each table that has a customer's rows: a migration that adds one has to say what of it."""
    told = {table: {c.name for c in Column.all(all_)} for table, _, all_ in _KINDS.values()}
    told["customers"] = {c.name for c in Column.all(_OWN)}
    inspected = sa.inspect(store.database.engine)
    for table in inspected.get_table_names():
        columns = {column["name"] for column in inspected.get_columns(table)}
        if "customer" in columns and not table.startswith("audit"):  # there it is no name
            known = (
                told.get(table, set()) | MADE_AGAIN.get(table, set()) | ITS_OWN.get(table, set())
            )
            assert columns == known | {"tenant", "customer"}, table


def test_nobody_is_exported_and_nobody_else(store: MemoryStore) -> None:
    """One of whom nothing is stored has no lines; another's, of the same name, are not in mine."""
    assert exported(store) == []
    conversation(store, Scope("ada", "s1", "other")).save_context(
        {"input": "the other one's"}, {"output": "yes"}
    )
    assert exported(store) == []
    lived(store)
    assert "the other one's" not in json.dumps(exported(store))


def refused(store: MemoryStore, lines: Lines, words: str) -> None:
    """Lines are no export, and nothing of them is stored."""
    owners = store.owners()
    with pytest.raises(InvalidInput, match=words):
        imported(store, lines, tenant="refused")
    assert store.owners() == owners
    assert not any(row[0] == "refused" for found in rows(store).values() for row in found)


def without(kind: str) -> Callable[[Lines], Lines]:
    """All lines but those of a kind."""
    return lambda lines: [
        line | ({"lines": sum(one["kind"] != kind for one in lines) - 2} if line["kind"] == "end"
                else {})
        for line in lines if line["kind"] != kind
    ]  # fmt: skip


def changed(kind: str, **values: Any) -> Callable[[Lines], Lines]:
    """The first line of a kind has other values than it had."""

    def change(lines: Lines) -> Lines:
        at = next(
            n for n, line in enumerate(lines)
            if line["kind"] == kind and line != line | values
        )  # fmt: skip
        return [*lines[:at], lines[at] | values, *lines[at + 1 :]]

    return change


BAD: list[tuple[Callable[[Lines], Lines], str]] = [
    (lambda lines: lines[:-1], "cut off"),
    (lambda lines: [*lines[:-3], lines[-1]], "lines stand before it"),
    (lambda lines: [*lines, lines[-1]], "lines stand before it"),
    (lambda lines: lines[1:], "first line"),
    (lambda _: [], "first line"),
    (lambda lines: [lines[0], lines[1], *lines[1:-1], lines[-1] | {"lines": len(lines) - 1}],
     "a row twice"),
    (lambda lines: [lines[0], lines[0], *lines[1:]], "line 2: 'customer' is no kind"),
    (changed("customer", version=2), "version 2"),
    (changed("customer", seq=1), "past the customer's own"),
    (changed("customer", customer="a\nb"), "line 1.*control"),
    (without("message"), "no message that it answers"),
    (without("session"), "is running|not there"),
    (changed("turn", status="running"), "no session is held by it"),
    (changed("turn", status="fine"), '"status" is .fine.'),
    (changed("turn", colour="red"), "colour, which no such line has"),
    (changed("message", text=7), '"text": a text is a string'),
    (changed("message", text="\x00"), "NUL"),
    (changed("message", at="soon"), '"at" is'),
    (changed("message", seq=True), '"seq" is'),
    (changed("message", seq=2**63), '"seq" is'),
    (changed("message", labels={"intent": ["x", 7]}), "a confidence is 0 to 1"),
    (changed("session", saying={"id": "x"}), '"saying" is'),
    (changed("segment", sentences=[{"text": "x"}]), '"sentences" is'),
    (changed("record", messages="x"), '"messages" is'),
]  # fmt: skip


def test_what_is_no_export_is_refused_whole(store: MemoryStore) -> None:
    """With the line and what is wrong with it; nothing of it is stored."""
    lived(store)
    lines = exported(store)
    for change, words in BAD:
        refused(store, change(lines), words)
    imported(store, lines, tenant="fresh")
    with pytest.raises(InvalidInput, match="there already"):
        imported(store, lines, tenant="fresh")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(
    max_examples=40,
    suppress_health_check=_CALM,
)
@given(data=st.data(), value=JSON)
def test_any_value_in_any_line_is_stored_or_refused(
    store: MemoryStore, data: st.DataObject, value: Any
) -> None:
    """Nothing else happens: InvalidInput and not a row, or an export that exports the same."""
    if not exported(store):
        lived(store)
    lines = exported(store)
    line = data.draw(st.sampled_from(lines))
    name = data.draw(st.sampled_from(sorted(line)))
    odd = [one | {name: value} if one is line else one for one in lines]
    before = store.owners()
    try:
        copy = imported(store, odd)
    except InvalidInput:
        assert store.owners() == before
        return
    once = exported(store, copy)
    assert json.dumps(exported(store, imported(store, once))) == json.dumps(once)


def test_a_large_customer_is_not_held_in_memory(store: MemoryStore) -> None:
    """Twelve megabytes go out and in within a fraction of it."""
    text_ = "word " * 600
    for batch in range(4):
        store.transcript.add(
            ADA, [make_message("human", f"{batch} {n} {text_}", 600) for n in range(1000)]
        )

    class Sink(io.BytesIO):
        size = 0

        def write(self, data: Any) -> int:
            self.size += len(data)
            return len(data)

    sink = Sink()
    tracemalloc.start()
    try:
        store.exports.write(ADA.owner, sink)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.size > 12_000_000
    assert most < 5_000_000
