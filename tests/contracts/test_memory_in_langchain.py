"""Every memory class in LangChain's own programs, in the place of LangChain's own memories."""

from __future__ import annotations

import asyncio
import warnings
from operator import itemgetter
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from memory import (
    BufferMemory,
    MemoryStore,
    Scope,
    SummaryMemory,
    VectorMemory,
)
from memory.turns import Turns
from tests.contracts.memories import ANSWERED, SAID, Kind, Make, said
from tests.doubles import ScriptedChat, WordEncoder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LangChain's own classes are deprecated; ours stand in them
    from langchain_classic.chains import ConversationChain
    from langchain_classic.memory import CombinedMemory

# What the classes are deprecated in favour of is not what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")


def test_it_drops_into_conversation_chain(make: Make, kind: Kind, store: MemoryStore) -> None:
    """In ``ConversationChain``, in the place of LangChain's memory, the model is given what was
    said before, and each turn is stored once.
    """
    model = ScriptedChat(answer=lambda messages: f"answer {len(messages[0].text)}")
    template = f"Past: {{{kind.variable}}}\nHuman: {{input}}\nAI:"
    chain = ConversationChain(
        llm=model, memory=make(),
        prompt=PromptTemplate.from_template(template),
    )  # fmt: skip
    chain.invoke({"input": "My order A-1001 is late."})
    chain.invoke({"input": "Which order is late?"})
    asyncio.run(chain.ainvoke({"input": "Which order, A-1001?"}))
    assert "A-1001" not in model.asked[0][0].text.split("Human: My")[0]
    assert "A-1001" in model.asked[1][0].text.split("Human: Which")[0]
    assert "A-1001" in model.asked[2][0].text.split("Human: Which order, A-1001")[0]
    assert [role for role, _ in said(store)] == ["human", "ai"] * 3


def test_what_is_empty_is_no_message(make: Make, store: MemoryStore) -> None:
    """A greeting is saved without a question, and nothing where both are empty; a model that
    answers nothing in ``ConversationChain`` leaves its question.
    """
    memory = make()
    memory.save_context({"input": ""}, {"output": ""})
    assert said(store) == []
    memory.save_context({"input": " "}, {"output": "Welcome, how can I help?"})
    chain = ConversationChain(
        llm=ScriptedChat(answer=lambda _: ""), memory=memory,
        prompt=PromptTemplate.from_template(f"{{{memory.memory_variables[0]}}}\n{{input}}"),
    )  # fmt: skip
    assert chain.predict(input="My order A-1001 is late.") == ""
    assert chain.predict(input="") == ""
    assert said(store) == [
        ("ai", "Welcome, how can I help?"), ("human", "My order A-1001 is late."), ("ai", ""),
    ]  # fmt: skip
    memory.digest()


def test_it_drops_into_an_lcel_chain(make: Make, kind: Kind, store: MemoryStore) -> None:
    """``RunnablePassthrough.assign`` loads it into a prompt as messages, ``save_context`` after
    the model keeps the turn.
    """
    memory = make(return_messages=True)
    model = ScriptedChat(answer=lambda messages: f"I was given {len(messages)} messages")
    prompt = ChatPromptTemplate.from_messages(
        [MessagesPlaceholder(kind.variable), ("human", "{input}")]
    )
    load = RunnableLambda(memory.load_memory_variables) | itemgetter(kind.variable)
    chain = RunnablePassthrough.assign(**{kind.variable: load}) | prompt | model
    for text in ("My order A-1001 is late.", "Which order A-1001 is late?"):
        answer = chain.invoke({"input": text})
        memory.save_context({"input": text}, {"output": answer})
    assert len(model.asked[0]) == 1
    assert any("A-1001" in message.text for message in model.asked[1][:-1])
    assert len(said(store)) == 4


def parts(store: MemoryStore, encoder: WordEncoder, scope: Scope) -> CombinedMemory:
    """The three parts, with their default keys, in LangChain's CombinedMemory."""
    shared: dict[str, Any] = {"store": store, "scope": scope, "background": False}
    return CombinedMemory(
        memories=[
            BufferMemory(**shared),
            SummaryMemory(**shared),
            VectorMemory(**shared, embeddings=encoder),
        ]
    )


@pytest.mark.parametrize("run", ["sync", "async"])
def test_combined_memory_stores_a_turn_once(
    store: MemoryStore, encoder: WordEncoder, run: str
) -> None:
    """Three parts are given the turn, one stores it; the same words said again, in the same
    dicts or in others, are another turn.
    """
    combined = parts(store, encoder, Scope("ada", "s1"))
    turn = {"input": "Order A-1001?"}, {"output": "Yes?"}
    for inputs, outputs in (turn, turn, tuple(map(dict, turn))):
        if run == "sync":
            combined.save_context(inputs, outputs)
        else:
            asyncio.run(combined.asave_context(inputs, outputs))
    assert said(store) == [("human", "Order A-1001?"), ("ai", "Yes?")] * 3
    given = combined.load_memory_variables({"input": "Order A-1001?"})
    assert list(given) == combined.memory_variables == ["history", "summary", "recalled"]
    assert all("A-1001" in text for text in given.values())


def test_combined_memory_in_a_chain_stores_a_turn_once(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """The same inside ``ConversationChain``, sync and async."""
    chain = ConversationChain(
        llm=ScriptedChat(),
        memory=parts(store, encoder, Scope("ada", "s1")),
        prompt=PromptTemplate.from_template("{summary}\n{recalled}\n{history}\n{input}"),
    )
    chain.invoke({"input": "one"})
    asyncio.run(chain.ainvoke({"input": "two"}))
    chain.invoke({"input": "two"})
    assert [text for role, text in said(store) if role == "human"] == ["one", "two", "two"]


def test_two_customers_given_the_same_turn_both_keep_it(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """Only memories of one scope share a turn: another customer's is stored for itself."""
    for memory in (
        parts(store, encoder, Scope("ada", "s1")),
        parts(store, encoder, Scope("bob", "s1")),
    ):
        memory.save_context(SAID, ANSWERED)
    assert len(said(store)) == len(said(store, customer="bob")) == 2


def test_a_turn_that_failed_is_not_taken_for_stored(
    store: MemoryStore, encoder: WordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the first part could not store the turn, the second does not believe it did."""
    buffer, summary, _ = parts(store, encoder, Scope("ada", "s1")).memories
    with monkeypatch.context() as patch:
        patch.setattr(Turns, "save", _fail)
        with pytest.raises(OSError, match="no disk"):
            buffer.save_context(SAID, ANSWERED)
    summary.save_context(SAID, ANSWERED)
    assert len(said(store)) == 2


def _fail(*_: object) -> None:
    msg = "no disk"
    raise OSError(msg)
