"""What a LangChain ``BaseChatMessageHistory`` promises.

Subclass ``HistoryContract`` with a name that pytest collects, and give it the fixture ``opened``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from memory.testing.memories import HOSTILE, threads_that_switch

CALL = {"name": "f", "args": {"n": 1}, "id": "c", "type": "tool_call"}
Opened = Callable[..., BaseChatMessageHistory]


def texts(history: BaseChatMessageHistory) -> list[str]:
    """The messages' texts, in their order."""
    return [str(message.text) for message in history.messages]


class HistoryContract:
    """A chat message history: messages of a session, in their order, whole."""

    asynchronous = True  # its async methods are there
    durable = True  # it is meant to outlive its object

    @pytest.fixture
    def opened(self) -> Opened:
        """Opens a history: called again for a session it opens the same, if it is durable."""
        msg = "give the fixture `opened`: a function that opens the history that is to be tested"
        raise NotImplementedError(msg)  # abstract: whoever is tested has one of their own

    @pytest.fixture
    def history(self, opened: Opened) -> BaseChatMessageHistory:
        """A history of one session."""
        return opened(session="s1")

    # --- messages --------------------------------------------------------------------------

    def test_messages_are_there_in_their_order(self, history: BaseChatMessageHistory) -> None:
        """One by one or several at once, with who said them; before that there are none."""
        assert history.messages == []
        history.add_message(HumanMessage("one"))
        history.add_messages([AIMessage("two"), HumanMessage("three"), AIMessage("four")])
        history.add_messages([])
        history.add_message(SystemMessage("five"))
        assert texts(history) == ["one", "two", "three", "four", "five"]
        assert [m.type for m in history.messages] == ["human", "ai", "human", "ai", "system"]

    def test_two_hundred_keep_their_order(self, history: BaseChatMessageHistory) -> None:
        """Also where many have the time of one clock's tick."""
        history.add_messages([HumanMessage(str(n)) for n in range(100)])
        for n in range(100, 200):
            history.add_message(HumanMessage(str(n)))
        assert texts(history) == [str(n) for n in range(200)]

    def test_it_is_as_it_was_said(self, history: BaseChatMessageHistory) -> None:
        """Quotes, braces, lines, any script, nothing at all: texts come back to the letter."""
        said = [HOSTILE, "", " ", "x" * 100_000, HOSTILE]
        history.add_messages([HumanMessage(text) for text in said])
        assert texts(history) == said

    @pytest.mark.parametrize(
        "message",
        [
            HumanMessage("hi", id="m-1"),
            HumanMessage("hi", name="Ada"),
            HumanMessage([{"type": "text", "text": "see"},
                          {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]),
            AIMessage("", tool_calls=[CALL]),
            AIMessage("hm", additional_kwargs={"kept": [1, None]}),
            ToolMessage("42", tool_call_id="c", status="error", artifact={"raw": [1]}),
            FunctionMessage(content="42", name="f"),
        ],
        ids=["id", "name", "image", "tool call", "more", "tool", "function"],
    )  # fmt: skip
    def test_what_is_no_text_comes_back_too(
        self, history: BaseChatMessageHistory, message: BaseMessage
    ) -> None:
        """Ids, names, images, tool calls and their results, and what else a message carries."""
        history.add_messages([message])
        (found,) = history.messages
        assert type(found) is type(message)
        assert (found.content, found.name) == (message.content, message.name)
        assert found.additional_kwargs == message.additional_kwargs
        for name in ("tool_calls", "tool_call_id", "status", "artifact"):
            assert getattr(found, name, None) == getattr(message, name, None), name
        assert message.id is None or found.id == message.id

    def test_it_changes_nothing_that_it_is_given(self, history: BaseChatMessageHistory) -> None:
        """The list of messages is afterwards what it was."""
        given: list[BaseMessage] = [HumanMessage("one", id="1"), AIMessage("two", id="2")]
        history.add_messages(given)
        assert given == [HumanMessage("one", id="1"), AIMessage("two", id="2")]

    # --- sessions --------------------------------------------------------------------------

    def test_sessions_do_not_see_each_other(self, opened: Opened) -> None:
        """Nor does clearing one take anything of another, whose name is nearly the same."""
        names = ["john_doe", "john-doe", "johnXdoe", "John_Doe"]
        histories = [opened(session=name) for name in names]
        for name, history in zip(names, histories, strict=True):
            history.add_messages([HumanMessage(f"I am {name}")])
        for name, history in zip(names, histories, strict=True):
            assert texts(history) == [f"I am {name}"]
        histories[0].clear()
        assert [texts(history) for history in histories] == [
            [], *([f"I am {name}"] for name in names[1:]),
        ]  # fmt: skip

    def test_it_can_be_used_after_it_was_cleared(self, history: BaseChatMessageHistory) -> None:
        """An empty one can be cleared, and what is said afterwards is there."""
        history.clear()
        history.add_messages([HumanMessage("old")])
        history.clear()
        history.clear()
        assert history.messages == []
        history.add_messages([HumanMessage("new")])
        assert texts(history) == ["new"]

    # --- the async twins -------------------------------------------------------------------

    def test_async_is_as_sync(self, history: BaseChatMessageHistory) -> None:
        """What is added one way is read the other, and ``aclear`` clears."""
        if not self.asynchronous:
            pytest.skip("it has no async methods")

        async def use() -> list[list[str]]:
            await history.aadd_messages([HumanMessage("one"), AIMessage("two")])
            first = [str(m.text) for m in await history.aget_messages()]
            history.add_messages([HumanMessage("three")])
            second = [str(m.text) for m in await history.aget_messages()]
            await history.aclear()
            return [first, second, [str(m.text) for m in await history.aget_messages()]]

        assert asyncio.run(use()) == [["one", "two"], ["one", "two", "three"], []]
        assert history.messages == []

    # --- many at once, and later -----------------------------------------------------------

    @pytest.mark.parametrize("run", ["threads", "tasks", "objects"])
    def test_what_is_added_at_once_is_all_there(self, opened: Opened, run: str) -> None:
        """Twenty turns, by threads or tasks over one object, or by an object each as a web server
        has one for each request: none is lost.
        """
        if run == "objects" and not self.durable:
            pytest.skip("another object is another history")
        if run == "tasks" and not self.asynchronous:
            pytest.skip("it has no async methods")
        history = opened(session="s1")

        def said(n: int) -> list[BaseMessage]:
            return [HumanMessage(f"question {n}"), AIMessage(f"answer {n}")]

        def add(n: int) -> None:
            (opened(session="s1") if run == "objects" else history).add_messages(said(n))

        if run == "tasks":

            async def adding() -> None:
                await asyncio.gather(*(history.aadd_messages(said(n)) for n in range(20)))

            asyncio.run(adding())
        else:
            with threads_that_switch(), ThreadPoolExecutor(10) as pool:
                list(pool.map(add, range(20)))
        found = texts(history)
        expected = [f"{kind} {n}" for kind in ("answer", "question") for n in range(20)]
        assert sorted(found) == sorted(expected)

    def test_what_is_added_together_stays_together(self, history: BaseChatMessageHistory) -> None:
        """Of turns that are added at once each answer follows its question."""

        def add(n: int) -> None:
            history.add_messages([HumanMessage(f"question {n}"), AIMessage(f"answer {n}")])

        with threads_that_switch(), ThreadPoolExecutor(10) as pool:
            list(pool.map(add, range(20)))
        found = texts(history)
        pairs = set(zip(found[::2], found[1::2], strict=True))
        assert pairs == {(f"question {n}", f"answer {n}") for n in range(20)}

    def test_it_is_there_for_the_next(self, opened: Opened) -> None:
        """Who opens it next, though nobody closed it, reads the same, and can clear it."""
        if not self.durable:
            pytest.skip("it is not meant to outlive its object")
        first = opened(session="s1")
        first.add_messages([HumanMessage("one"), AIMessage("two")])
        second = opened(session="s1")
        assert texts(second) == ["one", "two"]
        second.clear()
        assert texts(first) == texts(opened(session="s1")) == []
