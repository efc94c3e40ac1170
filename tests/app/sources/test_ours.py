"""Conversations as this program's own import takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memory import InvalidInput, MemoryStore, Scope
from tests.app.sources.conftest import Import, faults, said

GOOD = {"customer": "a", "session": "s", "messages": [{"role": "agent", "text": "good"}]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{not json", "Expecting"),
        ('{"session": "x", "messages": []}', "--customer"),
        ('{"customer": "a", "messages": []}', "messages"),
        ('{"customer": "a", "messages": [{"role": "king", "text": "x"}]}', "king"),
        ('{"customer": "a", "messages": [{"role": "agent"}]}', "text"),
        ('{"customer": "a", "messages": [{"role": "agent", "text": "x", "at": "soon"}]}', "soon"),
        (
            '{"customer": "a", "messages": [{"role": "agent", "text": "x", "at": true}]}',
            '"at" is true',
        ),
        (
            '{"customer": "a", "messages": [{"role": "agent", "text": "x", "at": 1e99}]}',
            "since 1970",
        ),
        (
            '{"customer": 5, "messages": [{"role": "agent", "text": "x"}]}',
            '"customer" is 5: give a',
        ),
        (
            '{"customer": "a", "session": {"n": 1}, "messages": [{"role": "agent", "text": "x"}]}',
            '"session" is {"n": 1}: give a string',
        ),
        (
            '{"customer": "a", "id": 7, "messages": [{"role": "agent", "text": "x"}]}',
            '"id" is 7: give a string in quotes, "7"',
        ),
        (
            '{"customer": "a", "messages": [{"role": "agent", "text": "x", "id": [1]}]}',
            '"id" is [1]',
        ),
        ('{"customer": "a", "messages": [{"role": "agent", "text": 12.5}]}', '"text" is 12.5'),
        ('{"customer": "a", "messages": [{"role": 1, "text": "x"}]}', '"role" is 1'),
        ("[1]", "object"),
        ('{"customer": "a", "sessions": {"s": []}}', '"sessions" is to be a list'),
        ('{"customer": "a", "sessions": [{"turns": []}]}', "messages"),
        ('{"sessions": [{"turns": [{"role": "agent", "text": "x"}]}]}', "--customer"),
        ('{"customer": "a\\u0000", "messages": [{"role": "agent", "text": "x"}]}', "control"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_imported(
    bring: Import, target: MemoryStore, tmp_path: Path, line: str, words: str
) -> None:
    """Its number and what is wrong with it; nothing of the bad conversation is stored."""
    file = tmp_path / "past.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n{line}\n{json.dumps(GOOD | {'session': 't'})}\n")
    report = bring(file)
    [(place, why)] = faults(report).items()
    assert place.startswith("line 2")
    assert words in why
    assert (report.bad, report.new_messages) == (1, 2)
    assert target.owners() == [("default", "a")]
    assert len(target.transcript.sessions(("default", "a"))) == 2


@pytest.mark.parametrize("text", ["", "\n \n", "[]", '{"results": []}', "\ufeff"])
def test_a_file_with_nothing_in_it_is_an_error(bring: Import, tmp_path: Path, text: str) -> None:
    """It says so, instead of importing nothing."""
    file = tmp_path / "empty.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"there is nothing in .* to import"):
        bring(file)


def test_conversations_without_a_name_are_called_after_file_and_line(
    bring: Import, target: MemoryStore, tmp_path: Path
) -> None:
    """Those of two files are not one; each file again stores nothing, from another folder too."""
    for name, text in (("a.jsonl", "my bike"), ("b\n\udcff.jsonl", "my car")):
        (tmp_path / "moved").mkdir(exist_ok=True)
        for file in (tmp_path / name, tmp_path / "moved" / name):
            line = {"customer": "ada", "messages": [{"role": "customer", "text": text}]}
            file.write_text(f"\n{json.dumps(line)}\n", encoding="utf-8")
            first = file.parent == tmp_path
            assert bring(file).new_messages == first
    sessions = target.transcript.sessions(Scope("ada").owner)
    assert {s.session: s.messages for s in sessions} == {"a.jsonl:2": 1, "b_?.jsonl:2": 1}


def test_a_customer_who_comes_back_is_one_line(bring: Import, target: MemoryStore) -> None:
    """Each of the sessions is a conversation of that customer, named, or called after its place;
    a bad one stops no other.
    """
    turns = {"turns": [{"role": "customer", "text": "my bike"}]}
    lines = [
        {"id": "ada", "sessions": [{"id": "may", **turns}, turns, {"turns": []}]},
        {"customer": "bob", "id": "line 2", "sessions": [{"session": "june", "id": "j", **turns}]},
    ]
    for new in (3, 0):
        report = bring(lines)
        assert (report.new_messages, report.conversations) == (new, 3)
        assert faults(report).keys() == {"line 1, session 3"}
    for customer, names in (("ada", {"may", "given.jsonl:1/2"}), ("bob", {"june"})):
        sessions = target.transcript.sessions(Scope(customer).owner)
        assert {s.session for s in sessions} == names


def test_an_array_and_a_gzipped_file_will_do(
    bring: Import, target: MemoryStore, tmp_path: Path
) -> None:
    """The same conversations, however they are packed."""
    import gzip

    array = tmp_path / "past.json"
    array.write_text(json.dumps([GOOD], indent=1), encoding="utf-8-sig")
    packed = tmp_path / "past.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert [bring(array).new_messages, bring(packed).new_messages] == [1, 0]
    assert said(target, "a", "s") == [("ai", "good")]


def test_a_message_without_a_time_was_said_with_the_one_before_it(
    bring: Import, target: MemoryStore
) -> None:
    """The first ones with the first that has one; times without a zone are of the one given."""
    from zoneinfo import ZoneInfo

    times = [None, "2024-05-04T09:30:00", None, 1714815000, 1714815000000, "2024-05-05T00:00+01:00"]
    messages = [{"role": "user", "content": f"{place}", "at": at} for place, at in enumerate(times)]
    report = bring([GOOD | {"messages": messages}], zone=ZoneInfo("Europe/Berlin"))
    assert report.undated == 2
    found = [one.message.at.isoformat() for one in target.transcript.window(Scope("a", "s"))]
    assert found == [
        *["2024-05-04T07:30:00+00:00"] * 3,
        *["2024-05-04T09:30:00+00:00"] * 2,
        "2024-05-04T23:00:00+00:00",
    ]
    assert report.first is not None
    assert report.first.isoformat() == found[0]
