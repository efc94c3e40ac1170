"""New names that look like others, and old ones that do, over each database."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from memory import ConversationMemory, InvalidInput, MemoryStore, Scope, open_store
from memory.transcript import make_message
from tests.doubles import WordEncoder, count_words

ALIKE = " A\u200bde\u0300le"  # looks like Adèle


def brought(store: MemoryStore, name: str) -> Scope:
    """A customer with a session of the same name, as an older version has stored them."""
    with open_store("sqlite://") as other:
        other.transcript.add(Scope("x", "x"), [make_message("human", "I am the old one", 4)])
        file = io.BytesIO()
        other.exports.write(("default", "x"), file)
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    for line in lines:
        line |= {name_of: name for name_of in ("customer", "session") if name_of in line}
    store.exports.read("default", ((f"line {n}", line) for n, line in enumerate(lines, 1)))
    return Scope(name, name)


def test_nothing_new_looks_like_another(store: MemoryStore) -> None:
    """Neither a customer nor a session begins under such a name, and nothing of it is stored."""
    for scope in (Scope(ALIKE), Scope("ada", ALIKE)):
        with pytest.raises(InvalidInput, match="which looks like"):
            store.transcript.add(scope, [make_message("human", "hello", 1)])
        with pytest.raises(InvalidInput, match="which looks like"):
            store.turns.start(scope, make_message("human", "hello", 1))
        assert store.transcript.sessions(scope.owner) == []
        assert not store.records.state(scope.owner).generation


def test_what_is_there_under_such_a_name_goes_on(store: MemoryStore, encoder: WordEncoder) -> None:
    """It is read, written to, exported and erased, and is another than the one it looks like."""
    scope = brought(store, ALIKE)
    plain = Scope("Adèle", "Adèle")
    store.transcript.add(plain, [make_message("human", "I am the other one", 4)])
    memory = ConversationMemory(
        store=store, embeddings=encoder, background=False, count_tokens=count_words, scope=scope
    )
    memory.save_context({"input": "still here"}, {"output": "yes"})
    said = [one.message.text for one in store.transcript.window(scope)]
    assert said == ["I am the old one", "still here", "yes"]
    store.transcript.add(replace(scope, session="new"), [make_message("human", "hello", 1)])
    assert len(store.transcript.sessions(scope.owner)) == 2
    file = io.BytesIO()
    assert store.exports.write(scope.owner, file) > 3
    store.erase(scope.owner)
    assert store.transcript.sessions(scope.owner) == []
    assert len(store.transcript.window(plain)) == 1
    with pytest.raises(InvalidInput, match="which looks like"):
        store.transcript.add(scope, [make_message("human", "hello", 1)])
