"""What every memory class promises beyond the published contract, over both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from memory import (
    InvalidInput,
    MemoryStore,
    Scope,
    VectorMemory,
    open_store,
)
from tests.contracts.memories import (
    ANSWERED,
    OTHERS,
    SAID,
    TABLES,
    Kind,
    Make,
    loaded,
    rows,
    said,
)
from tests.doubles import WordEncoder, count_words


def test_the_variables_it_names_are_those_it_fills(make: Make, kind: Kind) -> None:
    """``memory_variables`` and the keys of what is loaded are the same, also under another name."""
    assert make().memory_variables == [kind.variable]
    assert list(make().load_memory_variables(SAID)) == [kind.variable]
    assert make(memory_key="past").memory_variables == ["past"]
    assert list(make(memory_key="past").load_memory_variables(SAID)) == ["past"]


@pytest.mark.parametrize(
    ("messages", "at", "words"),
    [
        (["x"], None, "message 0 is a str: give LangChain messages"),
        ([HumanMessage("x"), None], None, "message 1 is a NoneType"),
        ([HumanMessage("x")], ["2026-05-04"], "the time of message 0 is '2026-05-04'"),
        ([HumanMessage("x")], [5], "give a datetime"),
        ([HumanMessage("x")], "2", "takes a list"),
        (HumanMessage("x"), None, "takes a list"),
        ("x", None, "takes a list"),
        (None, None, "takes a list"),
    ],
)
def test_what_is_no_past_message_is_refused(
    make: Make, store: MemoryStore, messages: Any, at: Any, words: str
) -> None:
    """What to give is said, and nothing of the list is stored."""
    with pytest.raises(InvalidInput, match=words):
        make().add_messages(messages, at)
    assert said(store) == []


@pytest.mark.parametrize("name", [5, None, b"ada", ["ada"]])
@pytest.mark.parametrize("kind_of_name", ["customer", "session", "tenant"])
def test_a_name_that_is_no_string_is_refused(kind_of_name: str, name: Any) -> None:
    """The message says which it is and what to give."""
    with pytest.raises(InvalidInput, match=f"the {kind_of_name} name is a string such as 'ada'"):
        Scope(**{"customer": "ada", kind_of_name: name})


def test_an_empty_memory_says_nothing(make: Make, kind: Kind) -> None:
    """Before anything was said the variable is an empty string, or no messages at all."""
    assert make().load_memory_variables(SAID) == {kind.variable: ""}
    assert make(return_messages=True).load_memory_variables(SAID) == {kind.variable: []}


def test_it_loads_without_any_input(make: Make, kind: Kind) -> None:
    """``load_memory_variables({})``, as LangChain's own examples call it, is no error."""
    memory = make()
    memory.save_context(SAID, ANSWERED)
    found = memory.load_memory_variables({})
    assert list(found) == [kind.variable]
    assert kind.of is VectorMemory or "A-1001" in found[kind.variable]


def test_what_was_said_is_loaded_after_the_digest(make: Make) -> None:
    """The digest takes nothing away."""
    memory = make()
    memory.save_context(SAID, ANSWERED)
    memory.digest()
    assert "A-1001" in loaded(memory)


def test_messages_come_as_messages(make: Make, kind: Kind) -> None:
    """With ``return_messages`` the variable is a list of LangChain messages that hold the fact."""
    memory = make(return_messages=True)
    memory.save_context(SAID, ANSWERED)
    found = memory.load_memory_variables({"input": "order A-1001?"})[kind.variable]
    assert found
    assert all(isinstance(message, BaseMessage) for message in found)
    assert any("A-1001" in message.text for message in found)


def test_input_and_output_key_choose_what_is_stored(make: Make, store: MemoryStore) -> None:
    """Of several inputs and outputs the named ones are the turn."""
    memory = make(input_key="question", output_key="answer")
    memory.save_context(
        {"question": "Where is it?", "language": "en"}, {"answer": "Here.", "sources": "none"}
    )
    assert said(store) == [("human", "Where is it?"), ("ai", "Here.")]


def test_two_inputs_without_a_key_are_refused(make: Make, store: MemoryStore) -> None:
    """It does not guess which of two inputs was said: it names the setting that tells it."""
    with pytest.raises(InvalidInput, match="input_key="):
        make().save_context({"question": "a", "language": "en"}, ANSWERED)
    with pytest.raises(InvalidInput, match="output_key="):
        make().save_context(SAID, {"answer": "a", "sources": "b"})
    with pytest.raises(InvalidInput, match="'nothing'"):
        make(input_key="nothing").save_context(SAID, ANSWERED)
    assert rows(store) == {table: [] for table in (*TABLES, *OTHERS)}


def test_prefixes_are_written_as_asked(make: Make, kind: Kind) -> None:
    """Text names the speakers as LangChain's memories do, or as one is told to."""
    memory = make(human_prefix="Kundin", ai_prefix="Beraterin")
    memory.save_context(SAID, ANSWERED)
    if kind.variable == "history":
        history = memory.load_memory_variables(SAID)["history"]
        assert "Kundin: My order A-1001 is late.\nBeraterin: I am sorry" in history


def test_messages_can_be_saved_as_such(make: Make, store: MemoryStore) -> None:
    """A turn given as LangChain messages is stored with their ids and what they carry."""
    call = {"name": "lookup", "args": {"order": "A-1001"}, "id": "c1", "type": "tool_call"}
    make().save_context(
        {"input": HumanMessage("Where is A-1001?", id="q1")},
        {"output": [AIMessage("I look it up.", id="a1", tool_calls=[call])]},
    )
    question, answer = (s.message for s in store.transcript.window(Scope("ada", "s1")))
    assert (question.id, answer.id, answer.text) == ("q1", "a1", "I look it up.")
    assert answer.data is not None
    assert answer.data["data"]["tool_calls"] == [call]


@pytest.mark.parametrize("wrong", [None, 7, b"bytes", {"a": 1}, ["text"], []])
def test_what_is_no_text_is_refused(make: Make, store: MemoryStore, wrong: object) -> None:
    """Neither half of a turn is stored when the other is not text."""
    with pytest.raises(InvalidInput, match="text or messages"):
        make().save_context(SAID, {"output": wrong})
    assert said(store) == []


def test_async_leaves_the_same_rows_as_sync(
    kind: Kind, encoder: WordEncoder, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five turns saved with ``asave_context`` and five with ``save_context`` are equal in every
    row (ids and times aside), and load equally; ``aclear`` empties what ``clear`` empties.
    """
    found = []
    for run in ("sync", "async"):
        ids = iter(f"id{n}" for n in range(1000))
        for module in ("memory.turns", "memory.transcript"):
            monkeypatch.setattr(f"{module}.new_id", lambda ids=ids: next(ids))
        with open_store(sqlite_url.replace("memory.db", f"{run}.db")) as store:
            more = {"embeddings": encoder} if kind.embeds else {}
            memory = kind.of(
                store=store, scope=Scope("ada", "s1"), count_tokens=count_words, **more
            )
            for n in range(5):
                turn = {"input": f"Question {n} of order A-{n}"}, {"output": f"Answer {n}"}
                if run == "sync":
                    memory.save_context(*turn)
                else:
                    asyncio.run(memory.asave_context(*turn))
                store.wait()
            asked = {"input": "What about order A-3?"}
            if run == "sync":
                given = memory.load_memory_variables(asked)
            else:
                given = asyncio.run(memory.aload_memory_variables(asked))
            timeless = {
                table: [
                    tuple(v for v in row if not (isinstance(v, int) and v > 2**40)) for row in r
                ]
                for table, r in rows(store).items()
            }
            asyncio.run(memory.aclear()) if run == "async" else memory.clear()
            found.append((given, timeless, rows(store, but=("customers",))))
    assert found[0] == found[1]
    assert len(found[0][1]["messages"]) == 10
