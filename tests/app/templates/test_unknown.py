"""Honest "not known": only to a question for a thing that nothing has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.templates.unknown import asks_anything, asks_something, asks_unknown
from memory import ConversationMemory, Knowledge, Label, Scope, open_store
from memory.knowledge import Article
from tests.doubles import WordEncoder, count_words

OUT = {"intent": Label(None, 0.9)}


@pytest.mark.parametrize(
    "message",
    [
        "Do you rent out party tents for weddings?",
        "how many calories has the carrot cake in your cafe",
        "Hi, who is the owner of your company?",
        "I like your shop. Is there any plan for a shop in Leeds?",
    ],
)
def test_a_question_for_a_thing_asks_something(message: str) -> None:
    """With or without its mark, after a greeting, after a statement; and so it asks anything."""
    assert asks_something(message)
    assert asks_anything(message)


@pytest.mark.parametrize(
    "message",
    [
        "Hello", "hi there", "Good morning!", "Thanks a lot!", "ok", "How are you doing today?",
        "Is anybody there?", "Are you a real person?", "can you help me?", "Can I ask a question?",
        "What do you mean?", "Why?", "And then?", "could you repeat that please",
        "My name is Ada", "I live at 8 Rookery Lane", "The green lamp please", "WH-48213",
        "Do not call me at night", "Have a nice day", "What a lovely bench you have made",
        "What's my name?", "Which address do you have for me?", "Which order was it?",
        "What did I tell you about my dog?", "Do you remember my gate code?",
        "Do you know how I like to be contacted?", "When did you promise the sofa?",
        "Is it waterproof?", "Does the green one come with cushions?",
        "How can you treat people like this?", "tell me a joke",
        "Can you call me back on Monday morning?", "could you send us a photo of the blue sofa",
        "你们几点开门？", "Was kostet der Versand nach Bremen?",
    ],
)  # fmt: skip
def test_all_else_does_not(message: str) -> None:
    """Courtesies, statements, what was said before, what "it" is, and other languages."""
    assert not asks_something(message)


@pytest.mark.parametrize(
    "message",
    [
        "Where is my order?", "Which order was it?", "Hi. Is it waterproof? Thanks!",
        "tell me a joke",
        "I would like to know what the lamp weighs.", "do you have a gift card",
        "Was kostet der Versand nach Bremen?", "你们几点开门？", "我的快递什么时候到",
    ],
)  # fmt: skip
def test_a_question_of_any_kind_asks_anything(message: str) -> None:
    """Also of what was spoken of, by a wish to know, and in other languages."""
    assert asks_anything(message)


@pytest.mark.parametrize(
    "message",
    [
        "Hello", "hi there", "Good morning!", "Thanks a lot!", "thank you so much", "ok", "",
        "How are you doing today?", "Is anybody there?", "can you help me?", "Hi, how are you?",
        "My name is Ada", "WH-48213", "Have a nice day", "What a lovely bench you have made",
        "That is useless. I am really fed up with waiting for you!", "谢谢", "你好！",
        "This is the worst service I have ever had, shame on you.", "The green lamp please",
    ],
)  # fmt: skip
def test_small_talk_and_complaints_ask_nothing(message: str) -> None:
    """Greetings, also those in the form of a question, thanks, statements and anger."""
    assert not asks_anything(message)


@pytest.fixture
def memory() -> Iterator[ConversationMemory]:
    """A memory with an article beside it."""
    with open_store() as store:
        knowledge = Knowledge(store, WordEncoder())
        knowledge.put([Article("a.md", "Returns", ("Lamps can be sent back.",))])
        yield ConversationMemory(
            store=store, scope=Scope("ada", "s1"), embeddings=WordEncoder(), knowledge=knowledge,
            background=False, count_tokens=count_words,
        )  # fmt: skip


def unknown(memory: ConversationMemory, message: str, labels: object = OUT) -> bool:
    """Whether nothing is known of what a message asks."""
    return asks_unknown(memory, message, labels, memory.layout(message))  # type: ignore[arg-type]


def test_it_is_unknown_where_nothing_has_it(memory: ConversationMemory) -> None:
    """No article and no memory; to have asked it before says nothing."""
    question = "Do you rent out party tents for weddings?"
    assert unknown(memory, question)
    assert unknown(memory, question, None)
    memory.save_context({"input": question}, {"output": "Is that for the garden?"})
    assert unknown(memory, question)


def test_what_anything_bears_on_is_the_models(memory: ConversationMemory) -> None:
    """An intent, an article, what was said, a word of the customer's own."""
    question = "Do you rent out party tents for weddings?"
    assert not unknown(memory, question, {"intent": Label("place_order", 0.2)})
    assert not unknown(memory, "Can lamps be sent back to you?")
    own = "Can you feed the rabbit in my garden?"
    assert unknown(memory, own)
    memory.save_context({"input": "My rabbit eats the tulips."}, {"output": "Oh dear."})
    assert not unknown(memory, own)
    memory.save_context({"input": "We rent out party tents for weddings"}, {"output": "Nice."})
    assert not unknown(memory, question)


def test_where_nothing_was_looked_for_nothing_is_unknown(memory: ConversationMemory) -> None:
    """A service without articles does not say of everything that it does not know it."""
    assert memory.knowledge is not None
    memory.knowledge.remove("a.md")
    assert not unknown(memory, "Do you rent out party tents for weddings?")
