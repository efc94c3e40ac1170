"""Of a small model's answer nothing is said that nobody said; who is left open is passed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from memory import Label, Labels
from memory.client import MemoryClient, Token
from tests.app.conftest import KEY, Running
from tests.llm.openai_double import OpenAIDouble

HERE = "a person will read this conversation and answer you here."
ORDER = "My order number is 4417-XZ."


class Reads:
    """A classifier that sees bad moods by a word, and who asks for a person by another."""

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """The labels of each text."""
        return [
            {
                "intent": Label("contact_human_agent", 0.95) if "human" in t else Label(None, 0.9),
                "sentiment": Label("negative" if "broken" in t else "neutral", 0.9),
            }
            for t in texts
        ]


@pytest.fixture
def service(run_service: Callable[..., Running], double: OpenAIDouble) -> Running:
    """A service that checks what its scripted model says."""
    return run_service(understanding=Reads(), checking="on", llm=double.url)


def queue(service: Running) -> list[tuple[str, str, int]]:
    """Who waits for a person: session, why, how many messages."""
    found = service.client.get("/v1/queue").json()["sessions"]
    return [(one["session"], one["why"], one["messages"]) for one in found]


def test_what_the_model_did_not_do_is_not_said(service: Running, double: OpenAIDouble) -> None:
    """What came before it is; and a person is asked, who finds the session in the queue."""
    double.reply = "Thank you. I have cancelled your order. Is there anything else?"
    answer = service.chat("Please cancel my order").json()
    assert answer["reply"] == (
        f"Thank you. I cannot do that myself, so I have passed it on: {HERE}"
    )
    assert (answer["template"], answer["status"]) == ("passed_on", "complete")
    assert queue(service) == [("s1", "passed", 1)]
    again = service.chat("And refund me, please").json()
    assert again["reply"] == "Thank you. I have passed that on too."
    assert queue(service) == [("s1", "passed", 2)]
    said = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    assert [one["template"] for one in said] == [None, "passed_on"] * 2


@pytest.mark.parametrize(
    ("message", "reply", "said"),
    [
        ("Do you ship to Norway at all?", "You asked for Norway.",
         "You asked for Norway. I am sorry, I do not know that. I have passed your question on: "
         f"{HERE}"),
        ("Do you ship to Norway?", "Yes, we do.",
         f"I am sorry, I do not know that. I have passed your question on: {HERE}"),
        ("The lamp arrived broken", "I have sent a new one.",
         f"I am sorry about that. I have passed it on: {HERE}"),
        ("The lamp arrived broken", "I am sorry to hear that.",
         f"I am sorry to hear that. I have passed this on: {HERE}"),
        ("你们送货到挪威吗？", "Yes, we do.",
         "这一点我不清楚，已把您的问题转告：会有人工客服查看这段对话，并在这里回复您。"),
    ],
)  # fmt: skip
def test_who_is_left_open_is_passed_on(
    service: Running, double: OpenAIDouble, message: str, reply: str, said: str
) -> None:
    """A question, a trouble: in the customer's language."""
    double.reply = reply
    answer = service.chat(message).json()
    assert (answer["reply"], answer["template"]) == (said, "passed_on")


@pytest.mark.parametrize(
    ("message", "reply", "said"),
    [
        (ORDER, "I have sent it to Mars.", "Thank you, I have noted that."),
        ("我的订单号是 4417-XZ。", "Your order is 4417-XZ.", "谢谢，我记下了。"),
    ],
)
def test_who_wants_nothing_is_not_passed_on(
    service: Running, double: OpenAIDouble, message: str, reply: str, said: str
) -> None:
    """What he tells is noted, as it is."""
    double.reply = reply
    answer = service.chat(message).json()
    assert (answer["reply"], answer["template"]) == (said, "noted")
    assert queue(service) == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Hello", "Hello, how can I help you?"), ("Thanks, bye", "You are welcome."),
        ("ok", "All right."), ("你好", "您好，请问有什么可以帮您？"), ("谢谢！", "不客气。"),
    ],
)  # fmt: skip
def test_a_courtesy_needs_no_model(
    service: Running, double: OpenAIDouble, message: str, said: str
) -> None:
    """Said twice it is answered twice."""
    for _ in range(2):
        answer = service.chat(message).json()
        assert (answer["reply"], answer["template"]) == (said, "noted")
    assert double.requests == []


def test_who_agrees_says_so_to_what_was_asked(service: Running, double: OpenAIDouble) -> None:
    """To a question of the model's, which gets the answer; a thank-you is one to anything."""
    double.reply = "Which colour was it?"
    service.chat("I have lost a lamp of yours")
    double.reply = "I see."
    assert service.chat("yes").json()["reply"] == "I see."
    service.chat("I have lost a lamp of yours")
    assert service.chat("Thank you").json()["reply"] == "You are welcome."


def test_who_agrees_that_a_person_looks_is_passed_on(
    run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path
) -> None:
    """After the shop's "that I do not know", which asks so; and in the shop's words."""
    file = tmp_path / "templates.yaml"
    file.write_text("- unknown: Shall a person look into it?\n- passed_on: Anna will write here.\n")
    service = run_service(
        understanding=Reads(), checking="on", llm=double.url, templates=file, quoting="on"
    )
    article = {"source": "a", "title": "Lamps", "text": "Our lamps are made of brass."}
    service.client.post("/v1/knowledge", json=article)
    assert service.chat("Do you rent out party tents?").json()["template"] == "unknown"
    answer = service.chat("Yes please").json()
    assert (answer["reply"], answer["template"]) == ("Anna will write here.", "passed_on")


def test_what_is_so_is_said(service: Running, double: OpenAIDouble) -> None:
    """What the customer has said, and what asks back once, is the model's answer as it was."""
    service.chat(ORDER)
    for message, reply in (
        ("Which order is it that I have?", "Your order number is 4417-XZ."),
        ("Please cancel it", "Thank you. What is your name?"),
    ):
        double.reply = reply
        answer = service.chat(message).json()
        assert (answer["reply"], answer["template"]) == (reply, None), message
    asked_again = service.chat("Please do", session="s1").json()  # nobody is asked on and on
    assert asked_again["template"] == "passed_on"


def test_the_same_is_not_said_again(service: Running, double: OpenAIDouble) -> None:
    """What the last answer said already; a short courtesy may be."""
    double.reply = "Thank you. Your order number is 4417-XZ."
    assert service.chat(ORDER).json()["reply"] == double.reply
    answer = service.chat("I bought it on 9 January").json()
    assert (answer["reply"], answer["template"]) == ("Thank you.", None)
    double.reply = "Your order number is 4417-XZ. Thank you."
    service.chat(ORDER)
    answer = service.chat("I bought it on 9 January").json()
    assert (answer["reply"], answer["template"]) == ("Thank you, I have noted that.", "noted")


def test_who_asks_for_a_person_gets_one(service: Running, double: OpenAIDouble) -> None:
    """Without the model, however it is said; the queue has the session once."""
    asked = len(double.requests)
    for message in ("Give me a human!", "Can I speak to somebody from the shop, an actual person?"):
        answer = service.chat(message).json()
        assert answer["reply"] == f"I have passed this on: {HERE}"
        assert answer["template"] == "passed_on"
    assert len(double.requests) == asked
    assert queue(service) == [("s1", "asked", 1)]


def test_a_stream_is_checked_as_it_comes(service: Running, double: OpenAIDouble) -> None:
    """The model is stopped at the sentence that may not be said, and says no more."""
    double.reply = "Thank you. I have cancelled it. " + "And more. " * 400
    double.delay = 0.02
    with MemoryClient(service.address, KEY) as client:
        events = [*client.stream("ada", "Please cancel my order")]
    said = "".join(event.text for event in events if isinstance(event, Token))
    assert said == f"Thank you. I cannot do that myself, so I have passed it on: {HERE}"
    assert double.gone.wait(10)


def test_a_person_s_answer_ends_the_waiting(service: Running, double: OpenAIDouble) -> None:
    """And what comes after it is passed on anew, at full length."""
    double.reply = "I have cancelled it."
    service.chat("Please cancel my order")
    session = "/v1/customers/ada/sessions/s1"
    service.client.put(f"{session}/handover")
    service.client.post(f"{session}/replies", json={"text": "Your order is cancelled."})
    service.client.delete(f"{session}/handover")
    assert queue(service) == []
    double.reply = "I have refunded you."
    answer = service.chat("Please refund me").json()
    assert answer["reply"] == f"I cannot do that myself, so I have passed it on: {HERE}"
    double.reply = "Your order is cancelled."  # as the person said
    assert service.chat("Is my order cancelled?").json()["reply"] == double.reply


def test_a_client_s_own_model_is_left_alone(service: Running, double: OpenAIDouble) -> None:
    """Who says what the model is to be, or brings it tools, has its answer as it is."""
    double.reply = "I have cancelled it."
    asked: dict[str, Any] = {"model": "m", "user": "ada"}
    said = {"role": "user", "content": "Please cancel my order"}
    told = [{"role": "system", "content": "You may cancel orders."}, said]
    with OpenAI(base_url=f"{service.address}/v1", api_key=KEY) as openai:
        plain = openai.chat.completions.create(messages=[said], **asked)
        answer = openai.chat.completions.create(messages=told, **asked)
    assert HERE in str(plain.choices[0].message.content)
    assert answer.choices[0].message.content == "I have cancelled it."


def test_off_the_model_says_what_it_says(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """As it is by itself where the model is not the embedded one."""
    double.reply = "I have cancelled it."
    answer = run_service(llm=double.url).chat("Please cancel my order").json()
    assert (answer["reply"], answer["template"]) == ("I have cancelled it.", None)
