"""SummaryMemory: never lost, never made from an error, in step with what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from sqlalchemy import text

from memory import MemoryStore, Scope, SummaryMemory, count_tokens, open_store
from memory.extractive import render
from memory.summaries import NO_SUMMARY
from tests.doubles import ScriptedChat, count_words

ADA = Scope("ada", "s1")
GOOD = "The customer waits for parcels; the agent looks for them."


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    """A private store: what differs between databases is tested in the contracts."""
    with open_store() as opened:
        yield opened


def summarising(store: MemoryStore, **more: Any) -> SummaryMemory:
    """A summary that folds every few turns when it is asked to."""
    given: dict[str, Any] = {
        "count_tokens": count_words, "window_tokens": 120, "max_tokens": 60, "background": False,
    } | more  # fmt: skip
    return SummaryMemory(store=store, scope=ADA, **given)


def talk(memory: SummaryMemory, turns: int, first: int = 0) -> None:
    """Some turns, each with a number of its own."""
    for n in range(first, first + turns):
        memory.save_context(
            {"input": f"My parcel PX-{n} to street {n} has not come."},
            {"output": f"I am sorry, parcel PX-{n} is in the depot of street {n}."},
        )


def test_nothing_is_folded_while_there_is_room(store: MemoryStore) -> None:
    """A short conversation has no summary row, and loads as a summary of itself."""
    memory = summarising(store)
    talk(memory, 2)
    memory.digest()
    assert memory.current() == NO_SUMMARY
    assert "PX-0" in memory.load_memory_variables({})["summary"]


def test_a_fold_moves_the_watermark_once(store: MemoryStore) -> None:
    """What was folded is not in the window, what was not is; a digest with nothing to do does
    nothing.
    """
    memory = summarising(store)
    talk(memory, 12)
    memory.digest()
    summary = memory.current()
    window = [s.message for s in memory.window(summary)]
    assert all(m.seq > summary.watermark for m in window)
    assert len(window) + len([s for s in store.transcript.window(ADA)
                              if s.message.seq <= summary.watermark]) == 24  # fmt: skip
    memory.digest()
    assert memory.current() == summary
    assert len(store.summaries.segments(ADA)) == 1


def test_early_facts_survive_many_folds(store: MemoryStore) -> None:
    """The customer's opening words, with their number, are in the summary after ten folds."""
    memory = summarising(store)
    memory.save_context(
        {"input": "My order number is A-1001 and the lamp in it is broken."},
        {"output": "I will see what I can do about the lamp."},
    )
    for n in range(60):
        talk(memory, 1, n)
        memory.digest()
    assert memory.current().version >= 10
    assert "A-1001" in memory.current().text


def opened_with(memory: SummaryMemory, number: str) -> None:
    """A number in the customer's opening words, and a few folds after it."""
    memory.save_context(
        {"input": f"My order number is {number} and the lamp in it is broken."},
        {"output": "I will see what I can do about the lamp."},
    )
    for n in range(20):
        talk(memory, 1, n)
        memory.digest()


def test_a_fold_reads_only_the_summary_and_what_is_new(store: MemoryStore) -> None:
    """The next version has what the last one had, although no segment is left to read: a fold
    takes as long however long the session is.
    """
    memory = summarising(store)
    opened_with(memory, "A-1001")
    before = memory.current()
    kept = store.summaries.sentences(ADA, before.version)
    assert render(kept) == before.text
    with store.database.write() as connection:
        connection.execute(text("DELETE FROM segments"))
    talk(memory, 12, 20)
    memory.digest()
    assert memory.current().version > before.version
    assert "A-1001" in memory.current().text


def test_a_summary_from_before_its_sentences_were_kept_is_folded_on(store: MemoryStore) -> None:
    """The first fold after an upgrade is made of all segments, and keeps the sentences."""
    memory = summarising(store)
    opened_with(memory, "A-1001")
    with store.database.write() as connection:
        connection.execute(text("UPDATE summaries SET text = 'from before', sentences = NULL"))
    talk(memory, 12, 20)
    memory.digest()
    after = memory.current()
    assert "A-1001" in after.text
    assert render(store.summaries.sentences(ADA, after.version)) == after.text


def test_the_budget_is_kept(store: MemoryStore) -> None:
    """Every version, and what is loaded, take at most ``max_tokens``."""
    memory = summarising(store, max_tokens=25)
    for n in range(40):
        talk(memory, 1, n)
        memory.digest()
        assert count_words(memory.load_memory_variables({})["summary"]) <= 25
    assert all(v.tokens == count_words(v.text) <= 25 for v in store.summaries.versions(ADA))


def test_a_model_writes_the_summary_if_it_is_given_one(store: MemoryStore) -> None:
    """It is asked for what was folded, told of the summary before, and what it wrote is kept."""
    model = ScriptedChat(answer=lambda _: GOOD)
    memory = summarising(store, llm=model)
    for n in range(24):
        talk(memory, 1, n)
        memory.digest()
    assert (memory.current().text, memory.current().source) == (GOOD, "model")
    first, second = model.asked[:2]
    assert [m.type for m in first] == ["system", "human"]
    assert "Customer: My parcel PX-0" in first[1].text
    assert second[1].text.startswith(GOOD)
    assert "PX-0" not in second[1].text


NO_SUMMARIES = {
    "nothing": "",
    "blank": " \n ",
    "too long": "parcel " * 200,
    "an error": "Error: 429 rate limit reached for requests",
    "an exception": "Traceback (most recent call last):",
    "a status": "HTTP 503",
    "an error object": '{"error": {"message": "model not found"}}',
    "an apology": "I'm sorry, but I can't help with that.",
    "a refusal": "I cannot assist with this request.",
    "a role": "As an AI language model, I do not summarise.",
}


@pytest.mark.parametrize("answer", NO_SUMMARIES.values(), ids=NO_SUMMARIES.keys())
def test_what_is_no_summary_is_not_kept(
    store: MemoryStore, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    """Empty, too long, an error text or a refusal: the extractive summary is kept, with the facts,
    and the log says why.
    """
    memory = summarising(store, llm=ScriptedChat(answer=lambda _: answer))
    talk(memory, 12)
    memory.digest()
    assert memory.current().source == "extractive"
    assert "PX-0" in memory.current().text
    assert "not used" in caplog.text


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("客户王小明的订单4417-XZ一直没到，客服答应3天内退款。", "model"),
        ("客户的订单9981-AB一直没到。", "extractive"),  # of an order that nobody has named
        ("很抱歉，我无法完成这个请求。", "extractive"),
        ("Error: 429", "extractive"),
    ],
)
def test_a_chinese_conversation_is_summed_up_in_chinese(
    store: MemoryStore, answer: str, source: str
) -> None:
    """The model is asked in Chinese; what it writes is checked in Chinese, where numbers stand
    between words without a space.
    """
    model = ScriptedChat(answer=lambda _: answer)
    memory = summarising(store, llm=model, count_tokens=count_tokens, window_tokens=200)
    for _ in range(8):
        memory.save_context(
            {"input": "我叫王小明，我的订单号是4417-XZ，一直没到。"},
            {"output": "我们会在3天内退款。"},
        )
    memory.digest()
    assert memory.current().source == source
    task, said = (str(message.text) for message in model.asked[0])
    assert task.startswith("请用不超过 30 个字概括这段客服对话")
    assert said.startswith("客户：我叫王小明")
    assert "\n客服：我们会" in said
    if source == "extractive":
        assert memory.current().text.startswith("客户：我叫王小明，我的订单号是4417-XZ")


def test_the_prompt_itself_is_no_summary(store: MemoryStore) -> None:
    """A model that repeats its instructions has not summarised."""
    memory = summarising(store, llm=ScriptedChat(answer=lambda messages: messages[0].text))
    talk(memory, 12)
    memory.digest()
    assert memory.current().source == "extractive"


def test_a_model_that_fails_costs_nothing_but_its_summary(store: MemoryStore) -> None:
    """An exception, whatever it is, leaves the extractive summary and goes no further."""

    def fail(_: object) -> str:
        msg = "the model is gone"
        raise ConnectionError(msg)

    memory = summarising(store, llm=ScriptedChat(answer=fail))
    talk(memory, 12)
    memory.digest()
    assert memory.current().source == "extractive"
    assert "PX-0" in memory.current().text


def test_a_bad_summary_does_not_spoil_the_next(store: MemoryStore) -> None:
    """Each version has its best sentences, whoever wrote its text: the next is made of these."""
    answers = iter(["", GOOD, "Error: 500", GOOD])
    memory = summarising(store, llm=ScriptedChat(answer=lambda _: next(answers, GOOD)))
    for n in range(40):
        talk(memory, 1, n)
        memory.digest()
    versions = store.summaries.versions(ADA)
    assert [v.source for v in versions[:4]] == ["extractive", "model", "extractive", "model"]
    assert "PX-0" in versions[2].text


def test_it_loads_as_a_message(store: MemoryStore) -> None:
    """With ``return_messages`` the summary is one system message."""
    memory = summarising(store, return_messages=True)
    talk(memory, 12)
    memory.digest()
    (message,) = memory.load_memory_variables({})["summary"]
    assert isinstance(message, SystemMessage)
    assert "PX-" in message.text


def test_recent_messages_are_in_what_is_loaded(store: MemoryStore) -> None:
    """What was said after the last fold counts at once, without a digest."""
    memory = summarising(store)
    talk(memory, 12)
    memory.digest()
    memory.save_context(
        {"input": "Please send everything to 14 Rosewood Lane instead."}, {"output": "I will."}
    )
    assert "Rosewood" in memory.load_memory_variables({})["summary"]


def test_one_message_longer_than_everything_is_folded_whole(store: MemoryStore) -> None:
    """A pasted log of many pages neither hangs a fold nor breaks its budget."""
    memory = summarising(store)
    talk(memory, 3)
    memory.add_messages([HumanMessage("The line is down. " * 2000)])
    talk(memory, 3, 3)
    memory.digest()
    assert 0 < count_words(memory.current().text) <= 60


def test_a_conversation_without_any_sentence_is_folded_too(store: MemoryStore) -> None:
    """Blank messages, marks and emoji leave the window although there is nothing to keep."""
    memory = summarising(store)
    for _ in range(60):
        memory.save_context({"input": "🙂 … !!! —"}, {"output": " "})
    memory.digest()
    assert memory.current().watermark > 0
    assert sum(s.message.tokens for s in memory.window(memory.current())) <= 60
