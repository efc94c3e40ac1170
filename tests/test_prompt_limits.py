"""The prompt fits: its tokens, and the roles that chat templates take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage

from memory import (
    InvalidInput,
    count_tokens,
    open_store,
)
from memory.wording import OTHER
from tests.dialogue import STEP, TOPICS, conversation, cost, plain, told_before
from tests.doubles import ScriptedChat, count_words

_SHARE = 90  # words that a question can have, at least, before a prompt grows with it


@given(
    steps=st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(1, 120)), max_size=12),
    room=st.integers(30, 400), budget=st.integers(60, 500), digests=st.booleans(),
)  # fmt: skip
@settings(max_examples=60)
def test_the_context_is_never_exceeded(
    steps: list[Any], room: int, budget: int, digests: bool
) -> None:
    """Counted on the messages themselves, no prompt takes more than ``context_tokens``; only a
    question that has no room alone is refused, by ``check`` and by ``layout`` alike. ``check``
    sets room aside for the request to answer in the customer's language, whichever that is.
    """
    with open_store() as store:
        told_before(store)
        memory = conversation(store, max_tokens=budget, context_tokens=room)
        for topic, words in steps:
            question = f"what of my {topic} " + "please " * words
            alone = cost([SystemMessage("Be kind."), HumanMessage(question)])
            refusing = [memory.layout, memory.prompt] if alone > room else []
            if alone + count_words(OTHER.answer) > room:
                refusing.append(memory.check)
            for refuse in refusing:
                with pytest.raises(InvalidInput, match=f"of {room}. Send a shorter one"):
                    refuse(question)
            if refusing:
                question = topic
            memory.check(question)
            layout = memory.layout(question)
            assert plain(memory.prompt(question)) == plain(layout.messages)
            assert cost(layout.messages) <= layout.tokens <= room
            assert layout.messages[-1].text.endswith(question)
            memory.save_context({"input": question}, {"output": f"the {topic} " + "is " * words})
            if digests:
                memory.digest()


@given(
    steps=st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(1, 600)), max_size=5),
    by_model=st.booleans(), asked=st.integers(1, 250), digests=st.booleans(),
)  # fmt: skip
@settings(max_examples=10)
def test_the_budget_holds_before_anything_is_digested(
    steps: list[Any], by_model: bool, asked: int, digests: bool
) -> None:
    """Whatever was said and nobody has digested, a prompt takes no more than ``max_tokens``, but
    for a question that is longer than its share and then leaves the recent messages theirs; and
    ``history`` takes no more than a prompt may beside a question. What is left out is stored.
    """
    with open_store() as store:
        told_before(store)
        more: dict[str, Any] = {"summarize": "model", "llm": ScriptedChat()} if by_model else {}
        memory = conversation(store, **more)
        said = 0
        for topic, words in steps:
            memory.save_context({"input": f"my {topic} " + "word " * words}, {"output": "noted"})
            said += 2
            if digests:
                memory.digest()
        for question in ("hello", "what of my parcel " + "please " * asked):
            layout = memory.layout(question)
            taken = cost(layout.messages)
            longer = max(count_words(question) - _SHARE, 0)
            assert taken <= 320 or (longer and taken <= 320 + longer)
            assert taken <= layout.tokens
        assert count_words(memory.load_memory_variables({"input": "hello"})["history"]) <= 320
        assert len(store.transcript.newest(memory.scope, 100)) == said


def test_what_tools_said_comes_on_top(sqlite_url: str) -> None:
    """What a tool says of a question, however long, pushes nothing out of its prompt, but for the
    context.
    """
    with open_store(sqlite_url) as store:
        told_before(store)
        memory = conversation(store)
        memory.save_context({"input": "my parcel is late"}, {"output": "sorry"})
        before = memory.layout("what of my parcel")
        told = ToolMessage("word " * 400, tool_call_id="1")
        after = memory.layout("what of my parcel", after=[told])
        assert plain(after.messages[:-1]) == plain(before.messages)
        small = conversation(store, context_tokens=450)
        assert len(small.layout("what of my parcel", after=[told]).window) < len(before.window)


def test_tokens_are_counted_as_they_are_sent(sqlite_url: str) -> None:
    """With the model's own tokenizer and odd scripts, too, the count covers the messages."""
    with open_store(sqlite_url) as store:
        memory = conversation(store, count_tokens=count_tokens, context_tokens=300, max_tokens=250)
        for n in range(20):
            question = f"订单{n}在哪里？ 🙂 — where is ‘parcel’ №{n}?"
            layout = memory.layout(question)
            assert cost(layout.messages, count_tokens) <= layout.tokens <= 300
            memory.save_context({"input": question}, {"output": "It’s on its way… 💬" * (n % 4)})


def test_the_last_thing_to_go_is_the_system_text(sqlite_url: str) -> None:
    """In a context that has room for little more than the question, window, recalled records and
    summary are left out, in this order, and the system text stays.
    """
    with open_store(sqlite_url) as store:
        told_before(store)
        memory = conversation(store)
        for n in range(30):
            memory.save_context(
                {"input": f"my parcel {n} to street {n} is late"}, {"output": f"noted {n}"}
            )
            memory.digest()
        question = "what of my invoice"
        whole = memory.layout(question)
        assert whole.summary
        assert whole.window
        assert whole.recalled
        shown = []
        for room in range(
            whole.tokens, cost([SystemMessage("Be kind."), HumanMessage(question)]) - 1, -1
        ):
            layout = conversation(store, context_tokens=room).layout(question)
            assert layout.messages[0].text.startswith("Be kind.")
            assert [m.type for m in layout.messages[1:3]] in (["human"], ["human", "ai"])
            shown.append((bool(layout.window), bool(layout.recalled), bool(layout.summary)))
        assert shown == sorted(shown, reverse=True)
        assert set(shown) == {
            (True, True, True), (False, True, True), (False, False, True), (False, False, False),
        }  # fmt: skip


def test_an_overfull_prompt_folds_without_being_asked(sqlite_url: str) -> None:
    """When no digest has run and the messages would not fit, they are folded at once, by no model:
    the facts are in the summary and not dropped.
    """
    with open_store(sqlite_url) as store:
        model = ScriptedChat(answer=lambda _: "The customer misses parcels.")
        memory = conversation(
            store, context_tokens=300, summarize="model", llm=model, summary_tokens=80
        )
        memory.save_context({"input": "my order number is A-1001"}, {"output": "thank you"})
        for n in range(12):
            memory.save_context(
                {"input": f"my parcel {n} to street {n} is late " * 2}, {"output": f"noted {n}"}
            )
        layout = memory.layout("so what now?")
        assert layout.tokens <= 300
        assert "A-1001" in layout.summary
        assert model.asked == []
        memory.save_context({"input": "word " * 200}, {"output": "noted"})
        memory.digest()
        assert memory.layout("so what now?").summary == "The customer misses parcels."


@given(steps=st.lists(STEP, min_size=3, max_size=14))
@settings(max_examples=40)
def test_roles_alternate_whatever_happens(steps: list[Any]) -> None:
    """Failed, stopped and silent turns, folds and prompts that had to be shortened leave one system
    message at most, at the beginning, and then customer and agent by turns: strict chat
    templates take nothing else.
    """
    with open_store() as store:
        told_before(store)
        memory = conversation(store, context_tokens=400)
        for topic, words, status, then in steps:
            question = f"what of my {topic} " + "please " * words * 3
            turn = memory.start(question)
            layout = memory.layout(question, turn)
            roles = [message.type for message in layout.messages]
            assert roles[0] == "system"
            assert roles[1:] == ["human", "ai"] * (len(roles) // 2 - 1) + ["human"]
            assert layout.messages[-1].additional_kwargs.get("said", question) == question
            answer = "" if status == "silent" else f"the {topic} " + "is fine " * words
            memory.finish(turn, answer, "failed" if status == "silent" else status, layout)
            if then == "digest":
                memory.digest()
