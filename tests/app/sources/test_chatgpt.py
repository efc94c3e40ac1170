"""ChatGPT's export: trees of messages, in ``conversations.json`` or its zip."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sources import chatgpt
from app.sources.source import BAD, Conversation, Options, Place
from memory import InvalidInput, MemoryStore, Scope
from tests.app.sources.conftest import Import, faults, left_out, said


def node(name: str, parent: str | None, role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    """A node of a conversation's tree, as the export has it."""
    at = more.pop("at", 1714815000.25)
    form = more.pop("form", "text")
    message = {
        "id": f"id-{name}", "author": {"role": role, "name": None, "metadata": {}},
        "create_time": at, "update_time": None, "status": "finished_successfully",
        "end_turn": True, "weight": 1.0, "metadata": {}, "recipient": "all", "channel": None,
        "content": {"content_type": form, "parts": list(parts)}, **more,
    }  # fmt: skip
    return {"id": name, "message": message, "parent": parent, "children": []}


def conversation(name: str, *nodes: dict[str, Any], current: str | None) -> dict[str, Any]:
    """A conversation, as the export has it."""
    root = {"id": "root", "message": None, "parent": None, "children": []}
    return {
        "title": "Bikes", "create_time": 1714814000.0, "update_time": 1714816000.0,
        "mapping": {one["id"]: one for one in (root, *nodes)}, "moderation_results": [],
        "current_node": current, "conversation_id": name, "id": name, "is_archived": False,
    }  # fmt: skip


IMAGE = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
SPOKEN = {"content_type": "audio_transcription", "text": "Where is it?", "direction": "in"}
TREE = conversation(
    "c1",
    node("hidden", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
    node("about", "hidden", "user", form="user_editable_context"),
    node("edited", "about", "user", "What is this?"),
    node("asked", "about", "user", IMAGE, "What bike is this?", form="multimodal_text"),
    node("thought", "asked", "assistant", form="thoughts"),
    node("call", "thought", "assistant", "search()", recipient="browser"),
    node("result", "call", "tool", "found"),
    node("first", "result", "assistant", "A red one"),
    node("answer", "result", "assistant", "A gravel bike", at=1714815060),
    node("picture", "answer", "user", IMAGE, form="multimodal_text"),
    node("spoken", "picture", "user", SPOKEN, form="multimodal_text", at=None),
    node("empty", "spoken", "assistant", ""),
    current="empty",
)


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_on_the_screen_is_imported(
    bring: Import, target: MemoryStore, tmp_path: Path, packed: bool
) -> None:
    """The branch that was shown, with its times; the rest is counted by its kind."""
    file = tmp_path / ("export.zip" if packed else "conversations.json")
    if packed:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("user.json", '{"id": "user-1"}')
            archive.writestr("conversations-000.json", json.dumps([TREE]))
            archive.writestr("conversations-001.json", "[]")
            archive.writestr("shared_conversations.json", json.dumps([{"id": "x"}]))
    else:
        file.write_text(json.dumps([TREE]))
    report = bring(file, customer="ada")
    assert (report.format, report.conversations, report.new_messages) == ("chatgpt", 1, 3)
    assert said(target, "ada", "c1") == [
        ("human", "What bike is this?"), ("ai", "A gravel bike"), ("human", "Where is it?"),
    ]  # fmt: skip
    window = target.transcript.window(Scope("ada", "c1"))
    assert [one.message.at.isoformat()[:22] for one in window] == [
        "2024-05-04T09:30:00.25", "2024-05-04T09:31:00+00", "2024-05-04T09:31:00+00",
    ]  # fmt: skip
    assert left_out(report) == {
        "message that was not shown": 1,
        "'user_editable_context', which is no text": 1,
        "'thoughts', which is no text": 1,
        "call or result of a tool": 2,
        "picture or sound without words": 1,
        "empty message": 1,
        "message of another branch": 2,
    }
    assert report.bad == 0
    assert bring(file, customer="ada").new_messages == 0


def test_a_conversation_that_goes_on_gets_what_is_new(bring: Import, target: MemoryStore) -> None:
    """A later export adds the messages that the earlier one had not."""
    asked, answer = node("a", "root", "user", "hi"), node("b", "a", "assistant", "hello")
    bring([conversation("c", asked, current="a")], customer="ada")
    report = bring([conversation("c", asked, answer, current="b")], customer="ada")
    assert (report.messages, report.new_messages) == (2, 1)
    assert said(target, "ada", "c") == [("human", "hi"), ("ai", "hello")]


def test_a_broken_tree_stops_no_other(bring: Import, target: MemoryStore) -> None:
    """Without a current node the last leaf is; circles, lost parents, odd roles are named."""
    old = node("old", "root", "user", "old", at=1)
    trees = [
        conversation("leaf", old, node("new", "root", "user", "new", at=2), current=None),
        conversation("lost", node("a", "gone", "user", "still there"), current="a"),
        conversation("circle", node("a", "b", "user", "x"), node("b", "a", "user", "y"),
                     current="a"),
        conversation("odd", node("a", "root", "king", "x"), node("b", "a", "user", "good"),
                     node("c", "b", "user", "no time", at="soon"),
                     node("d", "c", "user", "\ud800"), node("e", "d", "user", 5), current="e"),
        conversation("empty", current="root"),
        {"mapping": {"a": "b", "c": None}, "id": 7},
        {"mapping": {}, "conversation_id": ["x"]},
        {"title": "no tree"},
        conversation("n" * 300, node("a", "root", "user", "long"), current="a"),
        conversation("bad\nname", node("a", "root", "user", "x"), current="a"),
    ]  # fmt: skip
    report = bring(trees, customer="ada")
    assert said(target, "ada", "leaf") == [("human", "new")]
    assert said(target, "ada", "lost") == [("human", "still there")]
    assert said(target, "ada", "odd") == [("human", "good")]
    bad = faults(report)
    assert bad.keys() == {
        "line 2", "line 3", "line 4, message 'a'", "line 4, message 'c'", "line 4, message 'd'",
        "line 4, message 'e'", "line 6, message 'a'", "line 8", "line 10",
    }  # fmt: skip
    assert "in a circle" in bad["line 3"]
    assert "'gone' is not in the file" in bad["line 2"]
    assert left_out(report)["conversation without messages"] == 2  # not line 6 again
    assert report.conversations == 4


def test_whose_it_is_has_to_be_said(bring: Import, target: MemoryStore) -> None:
    """By a name for all, or by where each conversation says it."""
    tree = conversation("c", node("a", "root", "user", "hi"), current="a")
    with pytest.raises(InvalidInput, match="--customer NAME"):
        bring([tree])
    report = bring(
        [tree | {"account": {"user": 42}}, tree | {"account": {}}], customer_field="account.user"
    )
    assert said(target, "42", "c") == [("human", "hi")]
    assert "account.user" in faults(report)["line 2"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats()
    | st.sampled_from(["a", "b", "user", ""]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["message", "parent", "author", "role", "content", "parts", "create_time",
                         "content_type", "metadata", "id", "a", "b"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), ANY, max_size=3), ANY, ANY)
def test_whatever_a_tree_is_it_is_read_or_named(mapping: Any, current: Any, name: Any) -> None:
    """Nothing but what is told of as bad, and what is read can be stored."""
    given = {"mapping": mapping, "current_node": current, "id": name, "create_time": name}
    try:
        items = list(chatgpt.read(given, Place("f", "item", 1), Options("ada")))
    except BAD:
        return
    for item in items:
        if isinstance(item, Conversation):
            assert len(item.messages) == len(item.times) > 0
