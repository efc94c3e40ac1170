"""LangChain's histories: each test shows the failure there, and that ours does not have it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables.history import RunnableWithMessageHistory

from memory import ConversationMemory, MemoryStore, Scope, open_store
from tests.contracts.memories import said
from tests.doubles import WordEncoder, count_words
from tests.peers.langchain import CountingChat, quiet

pytestmark = quiet
ADA = Scope("ada", "s1")


@pytest.fixture
def store(sqlite_url: str) -> Any:
    """A SQLite store."""
    with open_store(sqlite_url) as opened:
        yield opened


@pytest.fixture
def ours(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """A conversation of ours."""
    return ConversationMemory(
        store=store, scope=ADA, embeddings=encoder, count_tokens=count_words, background=False
    )


def with_history(model: CountingChat) -> tuple[Any, InMemoryChatMessageHistory]:
    """LangChain's wrapper around a model, and the history that it fills."""
    history = InMemoryChatMessageHistory()
    return RunnableWithMessageHistory(model, lambda: history), history


def streamed(memory: ConversationMemory, model: CountingChat, question: str) -> Iterator[str]:
    """A turn as a service streams it over our memory."""
    turn = memory.start(question)
    layout = memory.layout(question, turn)
    text, status = "", "failed"
    try:
        for chunk in model.stream(layout.messages):
            text += chunk.text
            yield chunk.text
        status = "complete"
    except GeneratorExit:
        status = "stopped"
        raise
    finally:
        memory.finish(turn, text, status, layout)


def fail(_: list[BaseMessage]) -> str:
    """A model that is gone."""
    msg = "the model is gone"
    raise ConnectionError(msg)


def test_a_broken_turn_saves_nothing(store: MemoryStore, ours: ConversationMemory) -> None:
    """Theirs: with ``RunnableWithMessageHistory``, when the client stops the stream or the model
    raises, nothing is saved, not even the customer's message. Ours,
    ``ConversationMemory.start`` and ``finish``: the message is there before the model is asked,
    with what was said so far and how it ended.
    """
    chain, history = with_history(CountingChat(answer=lambda _: "it is on its way to you"))
    stream = chain.stream([HumanMessage("where is my order?")])
    next(stream)
    stream.close()
    assert history.messages == []
    chain, history = with_history(CountingChat(answer=fail))
    with pytest.raises(ConnectionError):
        chain.invoke([HumanMessage("where is my order?")])
    assert history.messages == []

    mine = streamed(ours, CountingChat(answer=lambda _: "it is on its way"), "where is my order?")
    next(mine)
    mine.close()
    assert said(store) == [("human", "where is my order?"), ("ai", "it ")]
    with pytest.raises(ConnectionError):
        list(streamed(ours, CountingChat(answer=fail), "and my refund?"))
    assert said(store)[2:] == [("human", "and my refund?")]
    assert [s.status for s in store.transcript.window(ADA)] == ["stopped", "stopped", "failed"]


def test_turns_at_once_lose_each_other_s_messages(
    store: MemoryStore, ours: ConversationMemory
) -> None:
    """Theirs: ``RunnableWithMessageHistory`` with a list of messages as its input cuts from it as
    many as the history has by then, so of eight turns at once in one session nine messages of
    sixteen are saved. Ours, ``ConversationMemory``: all sixteen, in pairs.
    """
    turns = 8
    barrier = Barrier(turns)

    def answer(messages: list[BaseMessage]) -> str:
        barrier.wait(60)
        return f"answer to {messages[-1].text.splitlines()[-1]}"

    model = CountingChat(answer=answer, disable_streaming=True)
    chain, history = with_history(model)
    with ThreadPoolExecutor(turns) as pool:
        list(pool.map(lambda n: chain.invoke([HumanMessage(f"question {n}")]), range(turns)))
    assert len(history.messages) == turns + 1

    def turn(n: int) -> None:
        question = f"question {n}"
        reply = model.invoke(ours.prompt(question))
        ours.save_context({"input": question}, {"output": reply})

    with ThreadPoolExecutor(turns) as pool:
        list(pool.map(turn, range(turns)))
    transcript = said(store)
    pairs = {(transcript[i][1], transcript[i + 1][1]) for i in range(0, 2 * turns, 2)}
    assert pairs == {(f"question {n}", f"answer to question {n}") for n in range(turns)}


WITHOUT_GREENLET = """
import sys, warnings
warnings.simplefilter("ignore")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "greenlet":
            raise ModuleNotFoundError("No module named 'greenlet'", name="greenlet")
sys.meta_path.insert(0, Absent())
"""
THEIRS = """
from langchain_community.chat_message_histories.sql import SQLChatMessageHistory
history = SQLChatMessageHistory("s1", connection="sqlite://")
history.add_user_message("hello")
print(len(history.messages))
"""
OURS = """
from memory import BufferMemory, Scope, open_store
with open_store() as store:
    memory = BufferMemory(store=store, scope=Scope("ada", "s1"))
    memory.save_context({"input": "hello"}, {"output": "good day"})
    print(len(memory.window()))
"""


def python(program: str) -> tuple[str, str]:
    """What a program says on standard output and on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_GREENLET + program],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


def test_a_sql_history_needs_greenlet_with_sqlalchemy_2_1() -> None:
    """Theirs: where greenlet is not installed (SQLAlchemy 2.1 does not bring it),
    ``SQLChatMessageHistory`` ends in an ImportError. Ours, ``open_store`` and ``BufferMemory``:
    they do not need it.
    """
    out, error = python(THEIRS)
    assert out == ""
    assert "greenlet" in error
    assert "Error" in error.splitlines()[-1]
    assert python(OURS) == ("2", "")


def test_the_summarizer_reads_only_the_end_of_what_it_removes(
    ours: ConversationMemory,
) -> None:
    """Theirs: ``SummarizationMiddleware`` removes some ten thousand tokens and gives its model the
    last 4,000 of them: what was said first is in neither the messages that are left nor the text
    that was summarised. Ours, ``ConversationMemory``: what was said first is in the summary, and
    recalled.
    """
    from langchain.agents.middleware import SummarizationMiddleware

    first = "My order number is A-1001 and the lamp in it is broken."
    talk = [(first, "Thank you, I will look into it.")]
    talk += [(f"The parcel {n} to street {n} is late, " + "where can it be, " * 6,
              f"The parcel {n} is in the depot, " + "it will be there soon, " * 6)
             for n in range(200)]  # fmt: skip

    model = CountingChat(answer=lambda _: "a summary")
    middleware = SummarizationMiddleware(model, trigger=("messages", 20), keep=("messages", 4))
    messages: list[BaseMessage] = []
    for question, answer in talk:
        messages += [HumanMessage(question), AIMessage(answer)]
    changed = middleware.before_model({"messages": messages}, None)  # type: ignore[typeddict-item,arg-type]
    assert changed is not None
    assert "A-1001" not in str(model.asked), "the model was never shown it"
    assert "A-1001" not in str(changed["messages"]), "and it is no longer there"

    for question, answer in talk:
        ours.save_context({"input": question}, {"output": answer})
    ours.digest()
    layout = ours.layout("What was my order number?")
    assert "A-1001" in layout.summary
    assert "A-1001" in str(layout.recalled)
