"""What is found in a source comes into the store, however often and wherever it breaks off."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.importing import import_from
from app.settings import Settings
from app.sources.export import of_export
from app.sources.formats import open_source
from app.sources.source import Memory, Options, Skipped, Source
from memory import ConversationMemory, InvalidInput, MemoryStore, Record, Scope
from tests.app.sources.conftest import Import, faults
from tests.doubles import WordEncoder

AT = "2024-05-04T09:30:00Z"


def talk(customer: str, session: str, *texts: str) -> dict[str, Any]:
    """A conversation of one customer's messages."""
    messages = [{"role": "customer", "text": text, "at": AT} for text in texts]
    return {"customer": customer, "session": session, "messages": messages}


def test_an_import_that_was_broken_off_goes_on(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever that was: in the end everything is there once, and digested."""
    file = tmp_path / "past.jsonl"
    lines = [talk(f"c{n % 3}", f"s{n}", f"order {n}", f"parcel {n}") for n in range(9)]
    file.write_text("\n".join(map(json.dumps, lines)))
    source = open_source(str(file), Options())
    whole = ConversationMemory.digest
    for broken in (0, 1, 4):
        done = iter(range(broken))

        def digest(self: ConversationMemory, done: Any = done) -> None:
            if next(done, None) is None:
                raise KeyboardInterrupt
            whole(self)

        monkeypatch.setattr(ConversationMemory, "digest", digest)
        with pytest.raises(KeyboardInterrupt):
            import_from(store, Settings(), WordEncoder(), source)
    monkeypatch.setattr(ConversationMemory, "digest", whole)
    import_from(store, Settings(), WordEncoder(), source)
    assert not store.digesting.lagging()
    for n in range(9):
        window = store.transcript.window(Scope(f"c{n % 3}", f"s{n}"))
        assert [one.message.text for one in window] == [f"order {n}", f"parcel {n}"]
        found = ConversationMemory(
            store=store, scope=Scope(f"c{n % 3}"), embeddings=WordEncoder(), count_tokens=len
        ).recall(f"order {n}")
        assert found[0].text == f"order {n}"


def test_memories_are_added_once_and_found(store: MemoryStore) -> None:
    """Those of several customers in turn, twice in a source too, beside what is there already."""

    def record(customer: str, n: int) -> Memory:
        at, text = datetime.fromisoformat(AT), f"the dog of {customer} has number {n}"
        return Memory(
            f"item {n}",
            customer,
            Record(f"{customer}{n}", text, (), "", "note", at, source="model"),
        )

    items = [record(customer, n) for n in range(3) for customer in ("ada", "bob") for _ in range(2)]
    source = Source("memories", "mem0", lambda: iter(items))
    reports = [import_from(store, Settings(), WordEncoder(), source) for _ in range(2)]
    assert [(r.memories, r.new_memories, len(r.customers)) for r in reports] == [
        (12, 6, 2), (12, 0, 2),
    ]  # fmt: skip
    assert not store.digesting.lagging()
    assert len(store.records.newest(Scope("ada").owner, 9)) == 3


def test_what_an_export_has_in_it_is_told_before_it_is_imported(
    bring: Import, target: MemoryStore, tmp_path: Path
) -> None:
    """The numbers of its lines; one that is cut off, or no export, is refused."""
    bring([talk("ada", "s1", "my bike", "my lamp"), talk("ada", "s2", "hi")])
    file = tmp_path / "ada.jsonl"
    with file.open("wb") as opened:
        target.exports.write(Scope("ada").owner, opened)
    report = of_export(file)
    assert (report.conversations, report.messages, report.memories) == (2, 3, 3)
    assert (list(report.customers), str(report.first)) == (["ada"], "2024-05-04 09:30:00+00:00")
    lines = file.read_text().splitlines(keepends=True)
    for text, why in (("".join(lines[:-1]), "cut off"), ("".join(lines[1:]), "no export")):
        file.write_text(text)
        with pytest.raises(InvalidInput, match=why):
            of_export(file)


def test_what_the_store_refuses_is_named_and_stops_nothing(
    bring: Import, target: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nothing of a source should come so far."""
    whole = ConversationMemory.add_messages

    def add(self: ConversationMemory, *given: Any) -> int:
        if self.scope.session == "bad":
            msg = "the database cannot hold it"
            raise InvalidInput(msg)
        return whole(self, *given)

    monkeypatch.setattr(ConversationMemory, "add_messages", add)
    report = bring([talk("a", "bad", "x"), talk("a", "good", "y")])
    assert faults(report) == {"line 1": "the database cannot hold it"}
    assert report.new_messages == 1


def test_what_is_told_of_a_source_does_no_harm_to_a_terminal(bring: Import) -> None:
    """However long it is, and whatever is in it; the numbers are those of all of it."""
    lines = [talk("a", "s", "x") | {"messages": [{"role": f"\x1b[2J\x9b\ud800{'x' * 10_000}"}]}]
    lines += [talk("a", "s", "x") | {"messages": [{"role": "user", "text": "x", "at": "\ud800"}]}]
    lines += [{"customer": 5}] * 30
    report = bring(lines)
    said = "\n".join(report.as_lines())
    assert report.bad == 32
    assert "and 12 more" in said
    assert len(report.as_json()["faults"]) == 32
    told = said + json.dumps(report.as_json(), ensure_ascii=False)
    assert max(map(len, said.splitlines())) < 500
    assert not any(c in told for c in "\x1b\x9b\ud800")
    with pytest.raises(InvalidInput, match="customer name"):
        bring(lines, customer="")


def test_no_more_faults_are_kept_than_a_person_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are counted."""
    from app.sources import report as reports

    monkeypatch.setattr(reports, "_KEPT", 5)
    report = reports.Report("f", "conversations")
    for n in range(9):
        report.add(Skipped(f"line {n}", "bad"))
    assert (report.bad, len(report.faults)) == (9, 5)
