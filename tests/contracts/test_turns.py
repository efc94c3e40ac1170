"""What a turn promises, over both databases: durable before the model is asked, answered once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from memory import (
    ConversationMemory,
    InvalidInput,
    MemoryStore,
    Scope,
    SessionBusy,
    Turn,
    TurnConflict,
    TurnPassed,
    open_store,
)
from memory.turns import LEASE_SECONDS
from tests.contracts.memories import rows, said
from tests.doubles import WordEncoder, count_words

ADA = Scope("ada", "s1")


@pytest.fixture
def memory(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """A conversation of ada's."""
    return conversation(store, encoder)


def conversation(
    store: MemoryStore, encoder: WordEncoder, scope: Scope = ADA
) -> ConversationMemory:
    """A conversation whose digest does not run by itself."""
    return ConversationMemory(
        store=store, scope=scope, embeddings=encoder, count_tokens=count_words, background=False
    )


def prompt(memory: ConversationMemory, question: str = "So?") -> list[tuple[str, str]]:
    """Who says what in the next prompt."""
    return [(message.type, message.text) for message in memory.prompt(question)]


def test_the_message_is_there_before_the_model_is_asked(url: str, encoder: WordEncoder) -> None:
    """Another process sees the customer's message while the answer is still being made."""
    with open_store(url) as store, open_store(url) as other:
        turn = conversation(store, encoder).start("Where is my order?")
        assert turn.status == "running"
        assert said(other) == [("human", "Where is my order?")]
        found = other.turns.get(ADA, turn.id)
        assert found is not None
        assert (found.status, found.answer) == ("running", None)


@pytest.mark.parametrize("status", ["complete", "stopped", "failed"])
def test_the_answer_is_kept_with_its_status(
    memory: ConversationMemory, store: MemoryStore, status: str
) -> None:
    """However a stream ends, what was said so far is stored, and the turn says how it ended."""
    turn = memory.start("Where is my order?")
    usage = {"input_tokens": 7, "output_tokens": 2}
    finished = memory.finish(turn, "On its", status, usage=usage)
    assert finished == store.turns.get(ADA, turn.id)
    assert finished is not None
    assert (finished.status, finished.usage) == (status, usage)
    assert said(store) == [("human", "Where is my order?"), ("ai", "On its")]


def test_an_answer_without_a_word_stores_no_message(
    memory: ConversationMemory, store: MemoryStore
) -> None:
    """A model that failed before its first word leaves the question alone, and a free session."""
    memory.finish(memory.start("Where is my order?"), "", "failed")
    assert said(store) == [("human", "Where is my order?")]
    assert memory.start("Hello?").status == "running"


def test_a_turn_is_answered_once(memory: ConversationMemory, store: MemoryStore) -> None:
    """The second of two answers is not stored, and is told so."""
    turn = memory.start("Where is my order?")
    assert memory.finish(turn, "one", "complete") is not None
    assert memory.finish(turn, "two", "complete") is None
    assert said(store)[1:] == [("ai", "one")]


def test_of_answers_at_once_one_is_stored(memory: ConversationMemory, store: MemoryStore) -> None:
    """Eight threads finish one turn together: one answer, seven refusals."""
    turn = memory.start("Where is my order?")
    barrier = Barrier(8)

    def finish(n: int) -> Turn | None:
        barrier.wait()
        return memory.finish(turn, f"answer {n}", "complete")

    with ThreadPoolExecutor(8) as pool:
        finished = [turn for turn in pool.map(finish, range(8)) if turn is not None]
    assert len(finished) == 1
    assert finished[0].answer is not None
    assert said(store)[1:] == [("ai", finished[0].answer.text)]


# --- one at a time in a session ----------------------------------------------------------------


def test_a_busy_session_says_when_to_come_back(
    memory: ConversationMemory, store: MemoryStore, encoder: WordEncoder
) -> None:
    """A second turn is refused with the time after which the lease would be over, and leaves no
    message; other sessions and customers go on.
    """
    turn = memory.start("one")
    with pytest.raises(SessionBusy) as refused:
        memory.start("two")
    assert 0 < refused.value.retry_after <= LEASE_SECONDS
    assert said(store) == [("human", "one")]
    for scope in (Scope("ada", "s2"), Scope("bob", "s1"), Scope("ada", "s1", "other")):
        conversation(store, encoder, scope).start("two")
    memory.finish(turn, "first", "complete")
    assert memory.start("two").status == "running"


def test_of_turns_at_once_one_begins(memory: ConversationMemory, store: MemoryStore) -> None:
    """Eight threads start a turn in one session: one runs, seven are busy, one message is there."""
    barrier = Barrier(8)

    def start(n: int) -> bool:
        barrier.wait()
        try:
            return memory.start(f"question {n}").status == "running"
        except SessionBusy:
            return False

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(start, range(8)))
    assert sum(begun) == 1
    assert said(store) == [("human", f"question {begun.index(True)}")]


def test_a_lease_that_ran_out_holds_nobody_up(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that died in a turn keeps its session only until the lease is over; the turn has
    failed then, its message is kept, and an answer that comes after all is not stored.
    """
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.02)
        lost = memory.start("one")
    time.sleep(0.03)
    turn = memory.start("two")
    assert memory.finish(lost, "too late", "complete") is None
    memory.finish(turn, "second", "complete")
    assert said(store) == [("human", "one"), ("human", "two"), ("ai", "second")]
    found = store.turns.get(ADA, lost.id)
    assert found is not None
    assert found.status == "failed"


def test_a_turn_that_is_taken_up_again_is_not_settled(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry that comes between the look for dead turns and their settling is answered."""
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.0)
        memory.start("one", "k1")
    again: list[Turn] = []
    write = store.database.write

    def first_the_retry() -> Any:
        monkeypatch.setattr(store.database, "write", write)
        again.append(memory.start("one", "k1"))
        return write()

    monkeypatch.setattr(store.database, "write", first_the_retry)
    store.turns.settle()
    assert memory.finish(again[0], "first", "complete") is not None
    assert store.turns.settle() == 0


def test_a_renewed_lease_goes_on(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long answer keeps its session by renewing the lease."""
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.02)
        turn = memory.start("one")
    store.turns.renew(ADA, turn)
    time.sleep(0.03)
    with pytest.raises(SessionBusy):
        memory.start("two")


def test_an_answer_under_way_is_told_of_and_can_be_stopped_elsewhere(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what was kept of it; whoever answers learns that it was stopped by the next renewal, and
    stores nothing any more. Who stops his own answer ends it himself.
    """
    assert store.turns.saying(ADA) is None
    turn = memory.start("one")
    assert store.turns.saying(ADA) == (turn.id, "")
    assert memory.renew(turn, "On its")
    assert store.turns.saying(ADA) == (turn.id, "On its")
    assert store.turns.stop(ADA, turn.id)
    assert memory.renew(turn, "On its way")
    assert store.turns.stop(ADA)
    assert not memory.renew(turn, "On its way to you")
    assert memory.finish(turn, "On its way to you.", "complete") is None
    assert said(store) == [("human", "one"), ("ai", "On its way")]
    found = store.turns.get(ADA, turn.id)
    assert found is not None
    assert found.status == "stopped"
    assert store.turns.saying(ADA) is None
    assert not store.turns.stop(ADA)
    monkeypatch.setattr("memory.turns.LEASE_SECONDS", 0.0)
    memory.start("two")
    assert store.turns.saying(ADA) is None, "whose process is gone"


def test_what_was_said_before_a_process_died_is_kept(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept with the last renewal is the answer of the turn that broke off, before the
    question that comes next; the turn is stopped, and the session is free.
    """
    monkeypatch.setattr("memory.turns.LEASE_SECONDS", 0.0)
    lost = memory.start("one")
    memory.renew(lost, "On its")
    memory.renew(lost, "On its way to")
    memory.renew(lost)
    memory.start("two")
    assert said(store) == [("human", "one"), ("ai", "On its way to"), ("human", "two")]
    found = store.turns.get(ADA, lost.id)
    assert found is not None
    assert found.status == "stopped"
    assert found.answer is not None
    assert found.answer.tokens > 3
    assert store.turns.settle() == 1  # the second
    assert said(store)[2:] == [("human", "two")]
    assert store.turns.settle() == 0


def test_a_retry_of_a_turn_that_broke_off_says_nothing_twice(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part that was kept leaves the prompt when the turn is answered after all."""
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.0)
        lost = memory.start("one", "k")
        memory.renew(lost, "On its")
    again = memory.start("one", "k")
    assert again.id == lost.id
    assert again.answer is None
    memory.finish(again, "On its way.", "complete")
    assert prompt(memory)[:2] == [("human", "one"), ("ai", "On its way.")]
    assert "On its" not in [text for _, text in prompt(memory)]


def test_what_was_said_so_far_is_gone_when_it_is_over(
    memory: ConversationMemory, store: MemoryStore
) -> None:
    """A finished turn leaves its answer once, and a renewal that comes late leaves nothing."""
    turn = memory.start("one")
    memory.renew(turn, "On its")
    memory.finish(turn, "On its way.", "complete")
    memory.renew(turn, "On its")
    assert said(store) == [("human", "one"), ("ai", "On its way.")]
    assert "On its" not in rows(store)["sessions"][0]


def test_a_fold_passes_a_turn_that_died(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that was never finished does not keep all later ones out of the summary."""
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.0)
        memory.start("Order A-1 is lost.")
    for n in range(40):
        turn = memory.start(f"Parcel {n} " + "has not come yet " * 20)
        memory.finish(turn, f"Parcel {n} is late " + "and we are sorry " * 20, "complete")
    memory.digest()
    newest = store.transcript.newest(ADA, 1)[0].message.seq
    summary = store.summaries.latest(ADA)
    assert summary.watermark > newest / 2


def test_a_fold_leaves_the_turn_under_way(memory: ConversationMemory, store: MemoryStore) -> None:
    """What is being answered now is not folded under the model's hands, however long it is."""
    for n in range(3):
        memory.save_context({"input": f"Parcel {n} is late."}, {"output": "I look it up."})
    turn = memory.start("Now to something long. " * 700)
    memory.digest()
    window = memory.summary.window(memory.summary.current())
    assert [s.message.id for s in window] == [turn.question.id]


# --- idempotency keys --------------------------------------------------------------------------


def test_a_key_in_flight_is_busy(memory: ConversationMemory, store: MemoryStore) -> None:
    """The same request again while it is being answered is told to wait, and is stored once."""
    memory.start("one", "k1")
    assert store.turns.status(ADA, "k1") == "running"
    with pytest.raises(SessionBusy):
        memory.start("one", "k1")
    assert said(store) == [("human", "one")]


def test_a_key_s_answer_comes_again(memory: ConversationMemory, store: MemoryStore) -> None:
    """The same request after its answer gives that answer, also with another turn under way."""
    turn = memory.start("one", "k1")
    finished = memory.finish(turn, "first", "complete", usage={"output_tokens": 1})
    assert store.turns.status(ADA, "k1") == "complete"
    memory.start("two")
    assert memory.start("one", "k1") == finished
    assert said(store) == [("human", "one"), ("ai", "first"), ("human", "two")]


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_broken_turn_is_asked_again(
    memory: ConversationMemory, store: MemoryStore, status: str
) -> None:
    """After a broken answer the same key runs the same stored message again; what was said before
    it broke is in no prompt and is not recalled any more.
    """
    memory.save_context({"input": "Good day."}, {"output": "Good day to you."})
    turn = memory.start("Where is parcel X-99?", "k1")
    memory.finish(turn, "Parcel X-99 is in the wrong", status)
    memory.digest()
    again = memory.start("Where is parcel X-99?", "k1")
    assert (again.id, again.status, again.answer) == (turn.id, "running", None)
    assert again.question.id == turn.question.id
    memory.finish(again, "Parcel X-99 is in Hull.", "complete")
    memory.digest()
    assert ("ai", "Parcel X-99 is in Hull.") in prompt(memory)
    assert "wrong" not in str(prompt(memory, "Is parcel X-99 in the wrong?")[:-1])
    assert not [r for r in memory.recall("X-99 wrong") if "the wrong" in r.text]
    assert [text for _, text in said(store)].count("Where is parcel X-99?") == 1


def test_a_dead_turn_is_asked_again(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry after the process died runs the stored message; what is said in other sessions
    changes nothing there.
    """
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.0)
        dead = memory.start("one", "k1")
        memory.renew(dead, "fir")
    conversation(store, memory.embeddings, Scope("ada", "s2")).start("two")  # type: ignore[arg-type]
    again = memory.start("one", "k1")
    assert (again.id, again.status) == (dead.id, "running")
    assert memory.finish(again, "first", "complete") is not None
    assert prompt(memory)[:2] == [("human", "one"), ("ai", "first")]


LATER = {
    "answered": lambda m: m.finish(m.start("two"), "second", "complete"),
    "failed": lambda m: m.finish(m.start("two"), "", "failed"),
    "under way": lambda m: m.start("two"),
    "imported": lambda m: m.add_messages([HumanMessage("two")]),
    "saved": lambda m: m.save_context({"input": "two"}, {"output": "second"}),
}


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("so_far", ["", "On its"])
def test_a_dead_turn_is_not_answered_out_of_order(
    memory: ConversationMemory, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, later: str,
    so_far: str,
) -> None:  # fmt: skip
    """After anything else was said in its session a retry is told so, however often it comes; it
    changes nothing, and the same message with a new key is answered, at the end.
    """
    with monkeypatch.context() as patch:
        patch.setattr("memory.turns.LEASE_SECONDS", 0.0)
        dead = memory.start("one", "k1")
        memory.renew(dead, so_far)
        LATER[later](memory)
    before = said(store)
    for _ in range(2):
        with pytest.raises(TurnPassed, match="send it again with a new idempotency key"):
            memory.start("one", "k1")
        assert said(store) == before
    memory.finish(memory.start("one", "k2"), "first", "complete")
    spoken = said(store)
    assert spoken[-2:] == [("human", "one"), ("ai", "first")]
    assert [text for _, text in spoken].count("one") == 2
    found = store.turns.get(ADA, dead.id)
    assert found is not None
    assert found.status == ("stopped" if so_far else "failed")
    assert found.answer is None or found.answer.text == so_far


def test_a_broken_turn_is_not_answered_out_of_order(
    memory: ConversationMemory, store: MemoryStore
) -> None:
    """The same for one that its process has ended as failed or stopped; an answered one comes
    again as ever.
    """
    memory.finish(memory.start("one", "k1"), "On its", "stopped")
    done = memory.finish(memory.start("two", "k2"), "second", "complete", usage={"n": 1})
    memory.start("three", "k3")
    with pytest.raises(TurnPassed):
        memory.start("one", "k1")
    assert memory.start("two", "k2") == done


def test_a_key_used_for_another_message_is_a_conflict(
    memory: ConversationMemory, store: MemoryStore, encoder: WordEncoder
) -> None:
    """One key names one message of one session; another customer's key is his own."""
    memory.finish(memory.start("one", "k1"), "first", "complete")
    with pytest.raises(TurnConflict, match="new key"):
        memory.start("other", "k1")
    with pytest.raises(TurnConflict):
        conversation(store, encoder, Scope("ada", "s2")).start("one", "k1")
    conversation(store, encoder, Scope("bob", "s1")).start("other", "k1")
    assert len(said(store)) == 2


@pytest.mark.parametrize("bad", ["", "k" * 201, "a\0", "\ud800"])
def test_a_key_that_is_none_is_refused(
    memory: ConversationMemory, store: MemoryStore, bad: str
) -> None:
    """A key that no database could hold is refused before the message is stored."""
    with pytest.raises(InvalidInput, match="idempotency key"):
        memory.start("one", bad)
    assert said(store) == []


def test_requests_with_one_key_at_once_are_one_turn(
    memory: ConversationMemory, store: MemoryStore
) -> None:
    """A client that sends a request eight times at once gets one turn."""
    barrier = Barrier(8)

    def start(_: int) -> str:
        barrier.wait()
        try:
            return memory.start("one", "k1").status
        except SessionBusy:
            return "busy"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(start, range(8))) == ["busy"] * 7 + ["running"]
    assert said(store) == [("human", "one")]


# --- deleting while a model answers --------------------------------------------------------------


@pytest.mark.parametrize("what", ["session", "customer"])
def test_a_late_answer_brings_nothing_back(
    memory: ConversationMemory, store: MemoryStore, what: str
) -> None:
    """The answer to a turn that was deleted meanwhile is not stored, and the deleted customer is
    not on the list again.
    """
    turn = memory.start("one")
    store.delete_session(ADA) if what == "session" else store.erase(ADA.owner)
    assert memory.finish(turn, "first", "complete") is None
    store.turns.renew(ADA, turn)
    assert said(store) == []
    assert store.transcript.sessions(ADA.owner) == []
    assert store.owners() == ([ADA.owner] if what == "session" else [])


def test_deleting_and_answering_at_once_leaves_all_or_nothing(
    memory: ConversationMemory, store: MemoryStore
) -> None:
    """However the two interleave, no answer is left in a session that is gone."""
    for n in range(12):
        turn = memory.start(f"question {n}")
        barrier = Barrier(2)

        def delete(barrier: Barrier = barrier) -> None:
            barrier.wait()
            store.delete_session(ADA)

        with ThreadPoolExecutor(1) as pool:
            deleting = pool.submit(delete)
            barrier.wait()
            memory.finish(turn, "answer", "complete")
            deleting.result()
        assert said(store) == []
        assert store.transcript.sessions(ADA.owner) == []


def test_a_turn_that_calls_tools_holds_nobody_up(
    memory: ConversationMemory, store: MemoryStore
) -> None:
    """Its session is free until it is taken up again, and is over with it where it is not."""
    turn = memory.start("Where is my order?", "key")
    assert memory.finish(turn, "I look it up", "calling") is not None
    found = store.turns.last(ADA)
    assert found is not None
    assert (found.id, found.status, found.key) == (turn.id, "calling", "key")
    again = memory.start("Where is my order?", "key")
    assert (again.id, again.status) == (turn.id, "running")
    answered = memory.finish(again, "In Bonn.", "complete")
    assert answered is not None
    assert store.turns.keyed(ADA, "key") == store.turns.last(ADA)
    assert answered.answer == store.turns.last(ADA).answer  # type: ignore[union-attr]
    assert prompt(memory) == [
        ("human", "Where is my order?"), ("ai", "In Bonn."), ("human", "So?"),
    ]  # fmt: skip

    late = memory.start("And the other one?", "other")
    memory.finish(late, "", "calling")
    memory.finish(memory.start("Never mind"), "Fine.", "complete")
    assert store.turns.last(ADA).question.text == "Never mind"  # type: ignore[union-attr]
    assert store.turns.keyed(ADA, "no such key") is None
    assert store.turns.get(ADA, late.id).status == "calling"  # type: ignore[union-attr]
    with pytest.raises(TurnPassed):
        memory.start("And the other one?", "other")
    assert store.turns.last(Scope("nobody")) is None


def test_a_template_is_kept_with_its_turn(memory: ConversationMemory) -> None:
    """Which one answered is told of the turn and of its answer; the next prompt is none of it."""
    turn = memory.start("Where is my order?", "k")
    layout = replace(memory.layout("Where is my order?", turn), recalled=[], template="track_order")
    done = memory.finish(turn, "On its way.", "complete", layout, {"input_tokens": 0})
    assert done is not None
    assert done.template == memory.start("Where is my order?", "k").template == "track_order"
    told = memory.store.transcript.newest(memory.scope, 10)
    assert [(one.message.role, one.template) for one in told] == [
        ("human", None), ("ai", "track_order"),
    ]  # fmt: skip
    assert prompt(memory) == [
        ("human", "Where is my order?"), ("ai", "On its way."), ("human", "So?"),
    ]  # fmt: skip
