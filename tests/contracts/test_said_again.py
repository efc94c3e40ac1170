"""What is said again, word for word, is remembered once; over every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from memory import ConversationMemory, MemoryStore, Scope, append, supersede
from tests.doubles import WordEncoder, count_words

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LATE = "My parcel from Lisbon has not arrived"
Make = Callable[..., ConversationMemory]


@pytest.fixture
def make(store: MemoryStore, encoder: WordEncoder) -> Make:
    """Makes a memory whose digest does not run by itself."""

    def made(session: str = "s1", **more: Any) -> ConversationMemory:
        more = {"update": supersede, **more}
        return ConversationMemory(
            store=store, scope=Scope("ada", session), embeddings=encoder, background=False,
            count_tokens=count_words, **more,
        )  # fmt: skip

    return made


def said(memory: ConversationMemory, *texts: str, apart: timedelta = timedelta(minutes=1)) -> None:
    """The customer says some things, and the agent acknowledges each."""
    messages: list[BaseMessage] = []
    times = []
    for n, text in enumerate(texts):
        messages += [HumanMessage(text), AIMessage(f"Noted as number {n}, thank you very much.")]
        times += [AT + n * apart] * 2
    memory.add_messages(messages, times)


def remembered(memory: ConversationMemory) -> list[str]:
    """What the customer said, as it is recalled."""
    found = memory.recall("my parcel from Lisbon", 10_000)
    return [r.text for r in found if r.role == "human"]


@pytest.mark.parametrize("digested", [False, True], ids=["before the digest", "after it"])
@pytest.mark.parametrize(
    "again", [LATE, f"  {LATE.upper()}!! ", "my parcel from Lisbon has not arrived..."]
)
def test_the_same_words_are_remembered_once(make: Make, again: str, *, digested: bool) -> None:
    """In one batch or in two, read before the digest or after it: the first wording stays."""
    memory = make()
    said(memory, LATE, again)
    if digested:
        memory.digest()
    assert remembered(memory) == [LATE]
    said(memory, again)
    if digested:
        memory.digest()
    assert remembered(memory) == [LATE]


def test_rows_and_indexes_agree(make: Make, store: MemoryStore) -> None:
    """What a reader saw before the digest is what a new process reads after it."""
    memory = make()
    said(memory, LATE, "The parcel?", LATE, "The parcel?")
    before = remembered(memory)
    memory.digest()
    assert remembered(memory) == before
    owner = memory.scope.owner
    rows = store.records.newest(owner, 100)
    assert sorted(r.text for r in rows if r.role == "human") == sorted(before)
    assert before.count("The parcel?") == 2  # short: it means something else each time


@pytest.mark.parametrize(
    "other",
    [
        "My parcel from Lisbon has now arrived",
        "My parcel from Lisbon has not arrived, nor has the letter",
        "My parcel 55010 from Lisbon has not arrived",
    ],
)
def test_other_words_are_something_else(make: Make, other: str) -> None:
    """One word or number more or less, and both are kept."""
    memory = make()
    said(memory, LATE, other)
    memory.digest()
    assert sorted(remembered(memory)) == sorted([LATE, other])


def test_an_hour_later_it_is_news(make: Make) -> None:
    """Said again after more than an hour it is remembered with the new time."""
    memory = make()
    said(memory, LATE, LATE, apart=timedelta(hours=2))
    memory.digest()
    assert remembered(memory) == [LATE, LATE]


def test_others_and_other_sessions_say_it_for_themselves(make: Make) -> None:
    """The agent's repeating it and another session's are kept."""
    memory = make()
    memory.add_messages([HumanMessage(LATE), AIMessage(LATE)], [AT, AT])
    said(make("s2"), LATE)
    memory.digest()
    found = memory.recall("my parcel from Lisbon", 10_000)
    assert sorted((r.session, r.role) for r in found if r.text == LATE) == [
        ("s1", "ai"), ("s1", "human"), ("s2", "human"),
    ]  # fmt: skip


def test_the_transcript_keeps_it_and_a_deletion_takes_all(make: Make, store: MemoryStore) -> None:
    """Both messages stay in the conversation; when the memory is deleted both leave prompts."""
    memory = make()
    said(memory, LATE, LATE)
    memory.digest()
    texts = [s.message.text for s in store.transcript.window(memory.scope)]
    assert texts.count(LATE) == 2
    (record,) = [r for r in memory.recall(LATE, 10_000) if r.text == LATE]
    assert memory.vector.delete(record.id)
    assert LATE not in str(memory.prompt("Where is my parcel?"))


def test_who_keeps_everything_keeps_it_twice(make: Make) -> None:
    """``append`` is asked too, and keeps both."""
    memory = make(update=append)
    said(memory, LATE, LATE)
    assert remembered(memory) == [LATE, LATE]
    memory.digest()
    assert remembered(memory) == [LATE, LATE]


def test_chinese_said_again(make: Make) -> None:
    """Seven characters say enough to be the same; full-width marks make no difference."""
    memory = make()
    said(memory, "我的包裹还没有寄到", "我的包裹还没有寄到！", "好的", "好的")
    memory.digest()
    found = memory.recall("包裹 好的", 10_000)
    texts = sorted(r.text for r in found if r.role == "human")
    assert texts == sorted(["我的包裹还没有寄到", "好的", "好的"])
