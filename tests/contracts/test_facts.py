"""Facts as rows, over every database: what supersedes what, and what the next prompt says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda

from memory import (
    ConversationMemory,
    Forget,
    MemoryStore,
    Policy,
    Record,
    Scope,
    Supersede,
    append,
    facts,
    facts_by_model,
    joined,
    supersede,
    verbatim,
)
from memory.clock import from_then, now
from tests.doubles import ScriptedChat, WordEncoder, count_words
from tests.facts.measure import Score, judge, writer_of
from tests.facts.test_cases import AT, CASES

WITH_FACTS = joined(verbatim, facts)
Make = Callable[..., ConversationMemory]


@pytest.fixture
def make(store: MemoryStore, encoder: WordEncoder) -> Make:
    """Makes a memory of verbatim messages and facts; its digest does not run by itself."""

    def made(customer: str = "ada", session: str = "s1", **more: Any) -> ConversationMemory:
        more = {"writer": WITH_FACTS, "update": supersede, "recall_tokens": 200, **more}
        return ConversationMemory(
            store=store, scope=Scope(customer, session), embeddings=encoder, background=False,
            count_tokens=count_words, **more,
        )  # fmt: skip

    return made


def turn(memory: ConversationMemory, said: str, answer: str = "All right.") -> str:
    """A turn as it is had: the prompt, and the answer saved. Returns the prompt as text."""
    prompt = text_of(memory.prompt(said))
    memory.save_context({"input": said}, {"output": answer})
    return prompt


def text_of(messages: list[BaseMessage]) -> str:
    """A prompt as text."""
    return "\n".join(str(m.content) for m in messages)


def recalled_in(prompt: str) -> str:
    """What a prompt shows as recalled, for this question and for earlier ones."""
    return "".join(part.split("</memory>")[0] for part in prompt.split("<memory>")[1:])


def values(memory: ConversationMemory, slot: str, *, current: bool = True) -> list[str | None]:
    """The values that hold of a slot, or held."""
    return [r.value for r in memory.history(slot) if (r.superseded_by is None) == current]


# --- the cases, through the whole memory -------------------------------------------------------


def test_corrections_are_known_before_and_after_a_digest(make: Make) -> None:
    """A fact and a correction hold for a reader at once, and the rows say the same later."""
    before = after = Score(0, 0, 0, ())
    for case in CASES:
        if "superseded" not in case:
            continue  # without an update there is nothing that a database could get wrong
        memory = make(case["id"], writer=joined(verbatim, writer_of(case)))
        for role, text, *at in case["said"]:
            kind = HumanMessage if role == "human" else AIMessage
            memory.add_messages([kind(text)], [datetime.fromisoformat(at[0] if at else AT)])
            memory.recall("what is known?")  # each message is read on its own
        before += judge(case["id"], case, memory.history())
        memory.digest()
        rows = memory.store.records.newest(memory.scope.owner, 1000)
        after += judge(case["id"], case, [r for r in rows if r.slot is not None])
    for score in (before, after):
        assert score.precision >= 0.95, score.errors
        assert score.recall >= 0.85, score.errors


# --- corrections -------------------------------------------------------------------------------


@pytest.mark.parametrize("digested", [False, True])
def test_a_correction_holds_in_the_very_next_prompt(make: Make, digested: bool) -> None:
    """Said in one session and recalled for an early turn of another, an order number that is
    corrected stands in no recalled part of the next prompt, the earlier turn's either.
    """
    monday, tuesday = make(session="monday"), make(session="tuesday")
    turn(monday, "Hello, it is me.")
    turn(monday, "My order number is 4417-XZ", "I see, order 4417-XZ.")
    for said in ("Do you sell kettles?", "And the blue ones?"):
        turn(monday, said)
    first = turn(tuesday, "What is my order number?", "Your order number is 4417-XZ.")
    assert "4417-XZ" in recalled_in(first)
    for said in ("Is it late?", "Can you look?"):
        turn(tuesday, said)
        if digested:
            tuesday.digest()
    turn(tuesday, "Sorry, the order number is 4418-XZ, not 4417-XZ.", "Thank you.")
    if digested:
        tuesday.digest()
    later = make(session="wednesday")
    for memory, new_is_seen in ((tuesday, False), (later, True)):
        prompt = text_of(memory.prompt("What is my order number?"))
        # The correction itself names both, and may be recalled.
        assert "4417-XZ" not in recalled_in(prompt).replace(", not 4417-XZ", "")
        assert ("4418-XZ" in recalled_in(prompt)) == new_is_seen  # tuesday's window has it


def test_what_is_recalled_says_what_it_replaced(make: Make) -> None:
    """The current fact says what it replaces and since when that was held; the messages that
    say the old come last, and say so.
    """
    memory = make()
    days = [datetime(2024, 5, n, tzinfo=UTC) for n in (1, 2, 3)]
    said = ["My order number is 4417-XZ", "Order 4417-XZ is on its way.",
            "Sorry, my order number is 4418-XZ"]  # fmt: skip
    kinds = [HumanMessage, AIMessage, HumanMessage]
    memory.add_messages([kind(text) for kind, text in zip(kinds, said, strict=True)], days)
    for _ in range(2):
        found = make(session="s2").recall("my order number")
        assert [r.text for r in found[:2]] != said[:2]
        assert {r.text for r in found[-2:]} == set(said[:2])
        assert all(r.why.endswith("outdated: order number is now 4418-XZ") for r in found[-2:])
        (fact,) = [r for r in found if r.text == "Order number: 4418-XZ"]
        assert fact.why.endswith("replaces 4417-XZ of 2024-05-01")
        assert not any(r.text == "Order number: 4417-XZ" for r in found)
        memory.digest()


def test_a_corrected_code_is_outdated_however_it_was_written(make: Make) -> None:
    """A message that has the old order number without its hyphen is recalled no more than one
    that has it as it was given.
    """
    memory = make()
    turn(memory, "My order number is 4417-XZ")
    turn(memory, "Is order 4417XZ on its way?", "Order 4417 XZ is on its way.")
    turn(memory, "Sorry, the order number is 4418-XZ")
    for _ in range(2):
        prompt = recalled_in(text_of(make(session="s2").prompt("Where is my order 4418-XZ?")))
        assert "4418-XZ" in prompt
        assert "4417" not in prompt
        memory.digest()


def test_a_fact_that_quotes_what_was_corrected_is_outdated(make: Make) -> None:
    """A problem with the order of which the customer has corrected the number stands neither in
    the prompt of a new session nor on the card, and is recalled last; another problem stays.
    """
    memory = make()
    turn(memory, "My order number is 88123.")
    turn(memory, "Order 88123 is missing a part.")
    turn(memory, "The lamp is broken too.")
    turn(memory, "Please call me about order 88123 on 3 May 2027.")
    assert "88123" in str(memory.card())
    turn(memory, "Sorry, my order number is 88124.")
    for _ in range(2):
        later = make(session="s2")
        prompt = text_of(later.prompt("Which order is missing a part, and what is broken?"))
        assert "88123" not in prompt
        assert "88124" in prompt
        assert "The lamp is broken too." in prompt
        card = memory.card()
        assert card is not None
        assert card.problem is not None
        assert card.problem.value == "The lamp is broken too."
        assert [f.value for f in card.facts] == ["88124"]
        found = later.recall("order 88123 is missing a part", 1000)
        (last,) = [r for r in found if r.text == "Problem: Order 88123 is missing a part."]
        assert last.why.endswith("outdated: order number is now 88124")
        assert {"88123" in r.text for r in found[-3:]} == {True}
        assert not any("88123" in r.text for r in found if "outdated" not in r.why)
        memory.digest()


def test_history_says_from_when_to_when(make: Make) -> None:
    """Each value that was held is there with the time from which and until which it was."""
    memory = make()
    days = [datetime(2024, n, 1, tzinfo=UTC) for n in (1, 2, 3)]
    said = [f"My phone number is +1 415 555 013{n}" for n in range(3)]
    memory.add_messages([HumanMessage(text) for text in said], days)
    for _ in range(2):
        held = memory.history("phone")
        assert [r.value for r in held] == [f"+1415555013{n}" for n in range(3)]
        assert [r.at for r in held] == days
        assert [r.valid_to for r in held] == [*days[1:], None]
        assert [r.superseded_by for r in held] == [held[1].id, held[2].id, None]
        memory.digest()


def test_what_is_known_is_what_holds(make: Make) -> None:
    """Not what was corrected, taken back, deleted, has expired or is too old; at once."""
    memory = make()
    long_ago, later = now() - timedelta(days=400), now() - timedelta(days=2)
    memory.add_messages(
        [
            HumanMessage("My name is Ada Reyes. My phone number is +1 415 555 0132"),
            HumanMessage("My new phone number is +1 415 555 0199"),
        ],
        [long_ago, later],
    )
    kept = memory.vector.remember("Calls.", slot="preference", value="calls")
    ends = now() + timedelta(hours=1)
    soon = memory.vector.remember("Away.", slot="preference", value="away", expires_at=ends)
    known = [fact.value for fact in memory.known()]
    assert known == ["Ada Reyes", "+14155550199", "calls", "away"]
    with from_then(ends):
        assert soon.id not in [fact.id for fact in memory.known()]
    memory.vector.delete(kept.id)
    with from_then(ends):
        assert [fact.value for fact in memory.known()] == ["Ada Reyes", "+14155550199"]
    young = make(policy=Policy(max_age=timedelta(days=365)))
    assert [fact.value for fact in young.known()] == ["+14155550199", "away"]


def test_an_older_message_that_comes_later_is_history(make: Make) -> None:
    """An import of what was said before changes nothing that holds."""
    memory = make()
    memory.add_messages([HumanMessage("My phone number is +1 415 555 0132")], [now()])
    memory.digest()
    past = make(session="past")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    past.add_messages([HumanMessage("My phone number is +1 415 555 0100")], [long_ago])
    for _ in range(2):
        assert values(memory, "phone") == ["+14155550132"]
        assert values(memory, "phone", current=False) == ["+14155550100"]
        past.digest()


def test_a_repetition_changes_nothing(make: Make) -> None:
    """The same said again makes no row and does not move the generation; a correction does."""
    memory = make()
    turn(memory, "My email is ada@example.com")
    memory.digest()
    state = memory.store.records.state(memory.scope.owner)
    turn(memory, "As I said, my email is ADA@example.com")
    assert values(memory, "email") == ["ada@example.com"]
    memory.digest()
    assert memory.store.records.state(memory.scope.owner).generation == state.generation
    assert values(memory, "email") == ["ada@example.com"]
    turn(memory, "My email is ada@new.example now")
    memory.digest()
    assert memory.store.records.state(memory.scope.owner).generation != state.generation
    assert values(memory, "email") == ["ada@new.example"]
    assert values(memory, "email", current=False) == ["ada@example.com"]


def test_the_conversation_keeps_what_was_said(make: Make) -> None:
    """A customer who corrects himself has said both, and the transcript and window show it."""
    memory = make()
    turn(memory, "Order number: 4417-XZ")
    turn(memory, "Sorry, the order number is 4418-XZ, not 4417-XZ")
    memory.digest()
    said = [s.message.text for s in memory.store.transcript.window(memory.scope)]
    assert said[0] == "Order number: 4417-XZ"


def test_without_an_update_mechanism_nothing_is_superseded(make: Make) -> None:
    """``append`` keeps every fact, as it keeps every record."""
    memory = make(update=append)
    turn(memory, "My email is ada@example.com")
    turn(memory, "My email is ada@new.example")
    for _ in range(2):
        assert values(memory, "email") == ["ada@example.com", "ada@new.example"]
        memory.digest()


# --- who says it -------------------------------------------------------------------------------


def corrected_by_hand(memory: ConversationMemory, slot: str, value: str) -> Record:
    """A person's correction of the one fact in a slot."""
    (old,) = [r for r in memory.history(slot) if r.superseded_by is None]
    new = Record(f"person-{value}", f"{slot}: {value}", (), old.session, "human", now(),
                 slot=slot, value=value, source="person")  # fmt: skip
    memory.vector.apply([Supersede(old.id, new)])
    return new


def test_what_a_person_put_right_stays(make: Make) -> None:
    """No older message takes its place, be it with the corrected value or another, and no answer
    of the agent's.
    """
    memory = make()
    turn(memory, "My email is ada@example.com")
    right = corrected_by_hand(memory, "email", "ada@right.example")
    old = make(session="old")
    for n, email in enumerate(["ada@old.example", "ada@example.com"], 1):
        said = [HumanMessage(f"My email is {email}"), AIMessage(f"Your email is {email}")]
        old.add_messages(said, [right.at - timedelta(days=n)] * 2)
        turn(memory, "Which email do you have?", f"Your email is {email}")
        for _ in range(2):
            assert values(memory, "email") == ["ada@right.example"]
            memory.digest()


@pytest.mark.parametrize("again", ["ada@example.com", "ada@third.example"])
def test_what_the_customer_says_after_a_person_s_correction_holds(make: Make, again: str) -> None:
    """The newest word counts, also when it is the value that the person had replaced; said once
    more it changes nothing.
    """
    memory = make()
    turn(memory, "My email is ada@example.com")
    corrected_by_hand(memory, "email", "ada@right.example")
    for session in ("s1", "s2"):
        turn(make(session=session), f"My email is {again}")
        for _ in range(2):
            assert values(memory, "email") == [again]
            memory.digest()
    assert values(memory, "email", current=False).count("ada@right.example") == 1


def test_a_replaced_number_can_be_given_again(make: Make) -> None:
    """Of a slot that holds many, the value that a person has replaced stands beside the new one
    when the customer gives it afterwards, and not when an older conversation is imported; in
    whichever form it is written.
    """
    memory = make()
    turn(memory, "My order number is 4417-XZ")
    right = corrected_by_hand(memory, "order_number", "4418-XZ")
    make(session="old").add_messages(
        [HumanMessage("My order number is 4417XZ")], [right.at - timedelta(days=9)]
    )
    for _ in range(2):
        assert values(memory, "order_number") == ["4418-XZ"]
        memory.digest()
    turn(make(session="s2"), "I have another order, number 4417 XZ")
    for _ in range(2):
        assert values(memory, "order_number") == ["4418-XZ", "4417 XZ"]
        memory.digest()


def test_a_deleted_fact_does_not_come_back(make: Make) -> None:
    """What a person deletes before a digest has seen it is in no later prompt."""
    memory = make()
    turn(memory, "My email is ada@example.com")
    (fact,) = memory.history("email")
    memory.vector.apply([Forget(fact.id)])
    for _ in range(2):
        assert memory.history("email") == []
        memory.digest()


def test_what_the_model_repeats_is_no_fact(make: Make) -> None:
    """A number that stood in the recalled part and is repeated, or made up, by the model is not
    remembered as the customer's; a promise that it repeats is not made twice.
    """
    memory = make(session="s2")
    turn(make(), "My order number is 4417-XZ", "We will refund the amount by Friday.")
    prompt = turn(memory, "Which order number do I have?", "Your order number is 4417-XZ.")
    assert "4417-XZ" in recalled_in(prompt)
    turn(
        memory, "Sure?", "Yes, order number 4417-XY. As said, we will refund the amount by Friday."
    )
    for _ in range(2):
        assert values(memory, "order_number") == ["4417-XZ"]
        assert len(values(memory, "promise")) == 1
        memory.digest()


# --- by a model --------------------------------------------------------------------------------


class Finder(ScriptedChat):
    """A model that finds what it is told to find."""

    found: list[dict[str, Any]] = []  # noqa: RUF012 (a pydantic field)
    fails: bool = False

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[Any, Any]:
        """Structured output, by the one method that is asked for."""
        assert kwargs == {"method": "json_schema"}

        def answer(messages: Any) -> Any:
            self.asked.append(messages)
            if self.fails:
                raise ConnectionError
            return schema.model_validate({"facts": self.found})

        return RunnableLambda(answer)


def given(slot: str, value: str, quotation: str, message: int = 0) -> dict[str, Any]:
    """A fact as a model gives it."""
    return {"slot": slot, "value": value, "quotation": quotation, "message": message}


def test_a_model_s_facts_are_checked_against_the_text(make: Make) -> None:
    """What stands in the conversation is kept, in the form of its slot and marked as a model's;
    what does not, or is another's, is dropped. Readers never wait for the model.
    """
    said = "It is the one with 9911-B on the box, and my cell is 415 555 0132."
    said += " I bought it on 2 May."
    finder = Finder(
        found=[
            given("order_number", "9911-b", "the one with 9911-B on the box"),
            given("phone", "415 555 0132", "my cell is 415 555 0132"),
            given("order_number", "1234-A", "the one with 1234-A on the box"),
            given("order_number", "1234-A", "the one with 9911-B on the box"),
            given("email", "the box", "9911-B on the box"),
            given("date", "2 May", "bought it on 2 May"),
            given("name", "right", "All right", message=1),
            given("name", "Ada", "Ada", message=7),
        ]
    )
    memory = make(digest_writer=facts_by_model(finder))
    turn(memory, said)
    memory.recall("the box")
    assert finder.asked == []
    memory.digest()
    assert [(r.slot, r.value, r.source) for r in memory.history("order_number")] == [
        ("order_number", "9911-B", "model")
    ]
    assert [(r.value, r.source) for r in memory.history("phone")] == [("+14155550132", "message")]
    assert memory.history("email") == memory.history("name") == []
    assert max(values(memory, "date")) <= now().date().isoformat()  # the sentence says it is over


def test_a_model_that_fails_costs_nothing(make: Make) -> None:
    """The facts that were taken by rule are there when the model is not."""
    memory = make(digest_writer=facts_by_model(Finder(fails=True)))
    turn(memory, "My order number is 4417-XZ")
    memory.digest()
    assert values(memory, "order_number") == ["4417-XZ"]
    assert len(memory.recall("order")) >= 1
