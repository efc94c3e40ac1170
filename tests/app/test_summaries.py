"""POST /v1/summaries: a conversation in few words, by both ways, stored nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.chains.summaries import extractive
from memory.client import MemoryClient, ServiceProblem
from tests.app.conftest import KEY, Running
from tests.llm.openai_double import OpenAIDouble

SAID = [
    {"role": "human", "text": "Hello! My lamp from order 4417-XZ arrived broken. What now?"},
    {"role": "ai", "text": "I am sorry. We will send you a new lamp on Monday."},
    {"role": "human", "text": "Thanks a lot!"},
]
CHINESE = [
    {"role": "human", "text": "你好，我的订单 4417-XZ 的台灯收到时是坏的，怎么办？"},
    {"role": "ai", "text": "很抱歉，我们星期一会给您寄一盏新的台灯。"},
]


def summarised(service: Running, **body: Any) -> Any:
    """What is answered."""
    answer = service.client.post("/v1/summaries", json=body)
    return answer.raise_for_status().json()


def test_each_sentence_was_said_in_the_message_that_is_named(service: Running) -> None:
    """Of a conversation that is sent by its place; greetings and thanks are left out."""
    made = summarised(service, messages=SAID)
    assert made["model"] is None
    assert made["messages"] == 3
    found = made["extractive"]
    assert "4417-XZ" in found["text"]
    assert "new lamp on Monday" in found["text"]
    assert "Thanks" not in found["text"]
    for one in found["sentences"]:
        message = SAID[one["place"]]
        assert one["text"] in message["text"]
        assert (one["role"], one["message"]) == (message["role"], None)
    assert [one["place"] for one in found["sentences"]] == [0, 1]


def test_a_stored_session_is_read_without_what_was_forgotten(service: Running) -> None:
    """Its sentences name stored messages; what a person has deleted is in no summary, and an
    erased customer has none.
    """
    service.chat("My name is Ada Lovelace and my lamp from order 4417-XZ is broken.")
    service.settle()
    made = summarised(service, customer="ada", session="s1")
    stored = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    texts = {one["id"]: one["text"] for one in stored}
    assert made["extractive"]["sentences"]
    assert all(s["text"] in texts[s["message"]] for s in made["extractive"]["sentences"])
    before = service.client.get("/v1/customers/ada/export").text
    assert "4417-XZ" in made["extractive"]["text"]
    for one in service.client.get("/v1/customers/ada/memories").json()["memories"]:
        service.client.delete(f"/v1/customers/ada/memories/{one['id']}")
    service.settle()
    after = summarised(service, customer="ada", session="s1")
    assert "4417-XZ" not in str(after)
    assert "4417-XZ" in before
    service.client.delete("/v1/customers/ada").raise_for_status()
    gone = service.client.post("/v1/summaries", json={"customer": "ada", "session": "s1"})
    assert gone.status_code == 404


def test_nothing_is_stored(service: Running) -> None:
    """Neither by a conversation that is sent nor by one that is stored."""
    service.chat("My order is 4417-XZ.")
    service.settle()
    before = service.client.get("/v1/customers/ada/export").text.splitlines()[1:]
    summarised(service, messages=SAID, how="extractive")
    summarised(service, customer="ada", session="s1", how="extractive")
    service.settle()
    after = service.client.get("/v1/customers/ada/export").text.splitlines()[1:]
    assert after == before
    assert len(service.client.get("/v1/customers").json()["customers"]) == 1


def test_the_model_is_given_the_conversation_and_is_checked(
    scripted: Running, double: OpenAIDouble
) -> None:
    """Its words are given with what they cost; not those that name what nobody said."""
    double.reply = "The lamp of order 4417-XZ was broken; a new one comes on Monday."
    made = summarised(scripted, messages=SAID, how="both")
    assert made["model"] == {"text": double.reply, "fault": None}
    assert "4417-XZ" in made["extractive"]["text"]
    assert made["usage"]["output_tokens"] > 0
    sent = double.requests[-1]
    assert sent["max_completion_tokens"] == 120
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["messages"][1]["content"].splitlines() == [
        f"{'Customer' if one['role'] == 'human' else 'Agent'}: {one['text']}" for one in SAID
    ]
    double.reply = "Call 555-0199 for a new lamp."
    assert summarised(scripted, messages=SAID, how="both")["model"] == {
        "text": None, "fault": "of numbers or addresses not said"
    }  # fmt: skip
    alone = summarised(scripted, messages=SAID, how="model")
    assert (alone["extractive"], alone["model"]["text"]) == (None, None)


def test_a_long_answer_of_the_model_ends_with_a_sentence(
    scripted: Running, double: OpenAIDouble
) -> None:
    """As many whole sentences are given as fit; none that fits is no summary."""
    double.reply = "The lamp was broken. " + "A new one comes on Monday. " * 20
    made = summarised(scripted, messages=SAID, how="model", max_tokens=20)["model"]["text"]
    assert made.startswith("The lamp was broken. A new one comes on Monday.")
    assert made.endswith("Monday.")
    assert len(made) < 100
    double.reply = "The lamp was broken and " * 20
    made = summarised(scripted, messages=SAID, how="both", max_tokens=20)["model"]
    assert made == {"text": None, "fault": "too long"}


def test_a_conversation_that_the_model_cannot_read_whole_is_given_in_its_best_sentences(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """What it is about is still there."""
    service = run_service(llm=double.url, context_tokens=512, reply_tokens=100)
    double.reply = "A lamp was broken."
    filler = [{"role": "ai", "text": f"Let me look at box {n} in the shed, one by one."}
              for n in range(200)]  # fmt: skip
    made = summarised(service, messages=[*SAID[:2], *filler], how="model")
    assert made["model"]["text"] == double.reply
    assert "My lamp from order 4417-XZ" in double.requests[-1]["messages"][1]["content"]


@pytest.mark.parametrize("mode", ["500", "empty"])
def test_a_model_that_fails_says_that_nothing_was_stored(
    scripted: Running, double: OpenAIDouble, mode: Any
) -> None:
    """And the extractive summary does without it."""
    double.mode = mode
    failed = scripted.client.post("/v1/summaries", json={"messages": SAID, "how": "both"})
    assert failed.status_code == 502
    assert "Nothing was stored: send it again." in failed.json()["detail"]
    chinese = scripted.client.post(
        "/v1/summaries", json={"messages": SAID, "how": "both"}, headers={"Accept-Language": "zh"}
    )
    assert "未保存任何内容" in chinese.json()["detail"]
    assert summarised(scripted, messages=SAID)["extractive"]["text"]


def test_it_is_in_the_language_of_the_conversation(scripted: Running, double: OpenAIDouble) -> None:
    """The labels and the task are Chinese where the customer is."""
    double.reply = "订单 4417-XZ 的台灯坏了，星期一寄新的。"
    made = summarised(scripted, messages=CHINESE, how="both")
    assert made["extractive"]["text"].startswith("客户：")
    assert made["model"]["text"] == double.reply
    assert "概括这段客服对话" in double.requests[-1]["messages"][0]["content"]


def test_what_is_asked_wrongly_is_refused_and_says_what_to_send(service: Running) -> None:
    """Both or neither, a session of nobody's, one that is not there, too much."""
    post = service.client.post
    for body in (
        {},
        {"messages": SAID, "customer": "ada"},
        {"messages": SAID, "session": "s1"},
        {"messages": []},
        {"messages": SAID, "how": "both ways"},
        {"messages": [{"role": "system", "text": "x"}]},
        {"messages": SAID * 400},
        {"messages": SAID, "max_tokens": 0},
        {"messages": [{"role": "human", "text": " \n"}]},
    ):
        assert post("/v1/summaries", json=body).status_code == 422, body
    absent = post("/v1/summaries", json={"customer": "ada", "session": "s1"})
    assert (absent.status_code, absent.json()["type"]) == (404, "urn:problem:no-such-session")
    long = post("/v1/summaries", json={"messages": [{"role": "human", "text": "x" * 40_000}]})
    assert long.status_code == 413


@pytest.mark.parametrize("said", [SAID, CHINESE])
def test_too_few_tokens_are_refused_with_how_many_it_takes(
    service: Running, said: list[dict[str, str]]
) -> None:
    """And so many are enough."""
    answer = service.client.post("/v1/summaries", json={"messages": said, "max_tokens": 1})
    assert answer.status_code == 422
    told = re.search(r"takes (\d+) tokens at least", answer.json()["detail"])
    assert told
    made = summarised(service, messages=said, max_tokens=int(told[1]))
    assert made["extractive"]["sentences"]


def test_a_program_asks_by_the_client(service: Running) -> None:
    """Typed, of a conversation and of a session."""
    service.chat("My order is 4417-XZ.")
    with MemoryClient(service.address, KEY) as client:
        made = client.summarize([(one["role"], one["text"]) for one in SAID])
        assert made.extractive is not None
        assert made.extractive.sentences[0].place == 0
        stored = client.summarize(customer="ada", session="s1")
        assert stored.extractive is not None
        assert "4417-XZ" in stored.extractive.text
        with pytest.raises(ServiceProblem):
            client.summarize(customer="ada", session="none")


def test_no_messages_are_an_empty_summary() -> None:
    """A session of which all was forgotten has nothing to sum up."""
    assert extractive([], 100).text == ""
