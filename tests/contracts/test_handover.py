"""A session in a person's hands, over both databases: nothing else answers, nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memory import ConversationMemory, InvalidInput, MemoryStore, Scope
from memory.transcript import Heard
from tests.doubles import WordEncoder, count_words

ADA = Scope("ada", "s1")


@pytest.fixture
def memory(store: MemoryStore, encoder: WordEncoder) -> ConversationMemory:
    """A conversation of ada's in which something was said."""
    memory = ConversationMemory(
        store=store, scope=ADA, embeddings=encoder, count_tokens=count_words, background=False
    )
    answered = memory.start("Where is my lamp?")
    memory.finish(answered, "On its way.", "complete")
    return memory


def test_a_message_waits_for_the_person_and_holds_nothing(memory: ConversationMemory) -> None:
    """Two may be said in a row; a retry by its key finds its turn, as long as it waits."""
    store = memory.store
    assert store.transcript.hand_over(ADA)
    first = memory.start("Is somebody there?", "k1")
    second = memory.start("Hello?")
    assert [first.status, second.status] == ["waiting", "waiting"]
    assert memory.start("Is somebody there?", "k1").id == first.id
    said = memory.reply("I am here. It comes on Monday.")
    assert said is not None
    assert said.turn == second.id
    assert said.by_person
    turns = [store.turns.get(ADA, turn.id) for turn in (first, second)]
    assert [turn and turn.status for turn in turns] == ["complete", "complete"]
    assert turns[1] is not None
    assert turns[1].answer is not None
    assert turns[1].answer.text == "I am here. It comes on Monday."
    assert memory.start("Is somebody there?", "k1").id == first.id
    again = memory.reply("Anything else?")
    assert again is not None
    assert again.turn is None
    shown = [(m.type, m.text) for m in memory.prompt("So?")]
    assert ("ai", "I am here. It comes on Monday.\nAnything else?") in shown


def test_given_back_the_model_answers_what_waits(memory: ConversationMemory) -> None:
    """What nobody has answered is asked for again by its key, and runs."""
    store = memory.store
    store.transcript.hand_over(ADA)
    since = store.transcript.session(ADA)
    store.transcript.hand_over(ADA)
    assert store.transcript.session(ADA) == since, "twice is once"
    waiting = memory.start("Is somebody there?", "k1")
    assert store.transcript.give_back(ADA)
    found = store.transcript.session(ADA)
    assert found is not None
    assert found.handed_over_at is None
    assert memory.reply("Too late.") is None
    turn = memory.start("Is somebody there?", "k1")
    assert (turn.id, turn.status) == (waiting.id, "running")


def test_nobody_takes_over_what_is_not_there(memory: ConversationMemory) -> None:
    """No session, no handover; and an empty reply is none."""
    nowhere = replace(ADA, session="s2")
    assert not memory.store.transcript.hand_over(nowhere)
    assert not memory.store.transcript.give_back(nowhere)
    memory.store.transcript.hand_over(ADA)
    with pytest.raises(InvalidInput, match="empty"):
        memory.reply("  ")


def test_an_answer_is_rated_and_answered_anew_it_is_not(memory: ConversationMemory) -> None:
    """The rating stands with the answer; a turn without an answer has none."""
    turns = memory.store.turns
    broken = memory.start("And my chair?", "k1")
    assert not turns.rate(ADA.owner, broken.id, "good")
    memory.finish(broken, "It", "failed")
    assert turns.rate(ADA.owner, broken.id, "bad")
    with pytest.raises(InvalidInput, match="no rating"):
        turns.rate(ADA.owner, broken.id, "great")  # type: ignore[arg-type]

    def ratings() -> list[str | None]:
        said = memory.store.transcript.window(ADA)
        return [one.rating for one in said if one.message.role == "ai"]

    assert ratings() == [None, "bad"]
    memory.finish(memory.start("And my chair?", "k1"), "It comes too.", "complete")
    assert ratings() == [None, None]


def test_customers_are_found_by_a_part_of_their_names(
    store: MemoryStore, encoder: WordEncoder
) -> None:
    """In capitals or not, and signs that a database takes for others are themselves."""
    for name in ("Ada Lovelace", "ada_100%", "Grace!", "adaX100"):
        scope = Scope(name, "s1")
        ConversationMemory(
            store=store, scope=scope, embeddings=encoder, count_tokens=count_words, background=False
        ).start("Hello")

    def named(part: str) -> set[str]:
        return {one.customer for one in store.transcript.heard("default", 9, None, part)}

    assert named("ADA") == {"Ada Lovelace", "ada_100%", "adaX100"}
    assert named("a_1") == {"ada_100%"}
    assert named("0%") == {"ada_100%"}
    assert named("e!") == {"Grace!"}
    assert named("nobody") == set()
    page = store.transcript.heard("default", 1, None, "ada")
    rest = store.transcript.heard("default", 9, Heard(*page[0]), "ada")
    assert {one.customer for one in [*page, *rest]} == named("ada")
