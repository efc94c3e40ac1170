"""Forty messages through HTTP: what was said in the second is known in the last."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from memory import Scope
from tests.app.conftest import Running
from tests.llm.openai_double import OpenAIDouble

SMALL_TALK = [
    "Do you also sell garden chairs?",
    "What colours do they come in?",
    "Is delivery free above a certain amount?",
    "Could I pick the parcel up in a shop instead?",
    "How long is the warranty on your lamps?",
    "I might paint the kitchen this weekend, any advice on brushes?",
    "Does the blue paint need a primer?",
    "My neighbour said the white one is better, is that so?",
    "Can I pay by invoice?",
    "What are your opening hours on Saturdays?",
    "Do you have gift cards?",
    "Are the tables made of oak or pine?",
    "How heavy is the large table?",
    "Can two people carry it up the stairs?",
    "Do you take old furniture back?",
    "Is the newsletter free?",
    "Which of your sofas is the softest?",
    "Thank you, that helps a lot",
]
NUMBER = "KX-48213"


def reply(messages: list[dict[str, str]]) -> str:
    """Answer only from the prompt: the number, if it is asked for and stands there."""
    question = messages[-1]["content"].rsplit("\n\n", 1)[-1]
    if "order number" in question and question.endswith("?"):
        found = re.search(r"[A-Z]{2}-\d{5}", json.dumps(messages))
        return f"Your order number is {found[0]}." if found else "I do not know your order number."
    return "Certainly. " + "Our shop is glad to help with that question. " * 3


def talk(service: Running) -> None:
    """Messages 1 to 38: a greeting, the number in the customer's first real message, small talk."""
    service.chat("Hello there")
    service.chat(f"I am writing about my order, its number is {NUMBER}, the lamp came broken")
    for text in SMALL_TALK[:17]:
        service.chat(text)
    service.settle()


def test_the_number_from_the_second_message_is_known_in_the_last(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """After at least two folds it is in the prompt, in `recalled`, and in the answer."""
    service = run_service(llm=double.url, prompt_tokens=900)
    double.reply = reply
    talk(service)
    versions = service.app.state.store.summaries.versions(Scope("ada", "s1"))
    assert len(versions) >= 2
    answer = service.chat("Can you tell me my order number again?").json()
    stored = service.client.get("/v1/customers/ada/sessions/s1").json()
    assert stored["messages"] == 40
    assert NUMBER in json.dumps(double.requests[-1]["messages"])
    assert any(NUMBER in r["text"] for r in answer["recalled"])
    assert NUMBER in answer["reply"]
    # It had left the window: the last prompt has it from the summary or from memory only.
    window = [m["content"] for m in double.requests[-1]["messages"][1:-1]]
    assert not any(f"its number is {NUMBER}, the lamp came broken" == text for text in window)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_embedded_model_replies_is_reported(
    run_service: Callable[..., Running], record_property: Callable[[str, object], None]
) -> None:
    """The embedded model is given the number too; whether it says it is its own affair."""
    service = run_service(llm="embedded:", prompt_tokens=900, reply_tokens=40)
    talk(service)
    answer = service.chat("Can you tell me my order number again?").json()
    assert answer["status"] == "complete"
    assert any(NUMBER in r["text"] for r in answer["recalled"])
    record_property("embedded model's reply", answer["reply"])
    print(f"embedded model's reply: {answer['reply']!r}")


def test_everything_is_there_after_a_restart(
    run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """Another process of the service on the same folder goes on where the first was."""
    first = run_service()
    first.chat("My order number is 4417-XZ", session="a")
    first.settle()
    second = run_service()
    answer = second.chat("what was my order number?", session="b").json()
    assert answer["recalled"][0]["text"] == "My order number is 4417-XZ"
