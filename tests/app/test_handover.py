"""A session handed over to a person, and answers rated, over REST."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from openai import InternalServerError, OpenAI

from app.auth import create_key
from app.training.dialogues import from_service
from tests.app.conftest import KEY, Running
from tests.doubles import WordReader
from tests.llm.openai_double import OpenAIDouble

SESSION = "/v1/customers/ada/sessions/s1"


def test_a_person_takes_over_answers_and_gives_back(service: Running) -> None:
    """They are told what was said and who it is; meanwhile nothing else answers, whatever door
    the customer comes by; then the model does again.
    """
    client = service.client
    asked = {"customer": "ada", "session": "s1", "message": "My order number is 4417-XZ."}
    client.post("/v1/chat", json=asked).raise_for_status()
    assert client.post(f"{SESSION}/replies", json={"text": "Hi"}).status_code == 409
    told = client.put(f"{SESSION}/handover").raise_for_status().json()
    assert "4417-XZ" in told["summary"]
    assert told["card"]["customer"] == "ada"
    since = told["session"]["handed_over_at"]
    assert since is not None
    waits = client.post("/v1/chat", json={**asked, "message": "Is somebody there?"}).json()
    assert (waits["reply"], waits["status"]) == ("", "waiting")
    streamed = client.post("/v1/chat", json={**asked, "message": "Hello?", "stream": True}).text
    assert [line for line in streamed.splitlines() if line.startswith("event:")] == [
        "event: recalled", "event: done"
    ]  # fmt: skip
    openai = OpenAI(base_url=str(client.base_url.join("/v1")), api_key=KEY)
    said = openai.chat.completions.create(
        model="any", user="ada", messages=[{"role": "user", "content": "Anybody?"}],
        extra_headers={"X-Session": "s1"},
    )  # fmt: skip
    assert said.choices[0].message.content == ""
    made = client.post(f"{SESSION}/replies", json={"text": "I am. It comes on Monday."})
    assert made.status_code == 201
    messages = client.get(f"{SESSION}/messages").json()["messages"]
    assert [(m["role"], m["status"], m["by_person"]) for m in messages[2:]] == [
        ("human", "complete", False), ("human", "complete", False), ("human", "complete", False),
        ("ai", "complete", True),
    ]  # fmt: skip
    assert messages[-1]["text"] == "I am. It comes on Monday."
    assert client.get(SESSION).json()["handed_over_at"] == since
    assert client.delete(f"{SESSION}/handover").json()["handed_over_at"] is None
    answered = client.post("/v1/chat", json={**asked, "message": "Thanks."}).json()
    assert answered["status"] == "complete"
    assert answered["reply"]
    for method in ("PUT", "DELETE"):
        gone = client.request(method, "/v1/customers/ada/sessions/none/handover")
        assert gone.status_code == 404
    service.settle()
    assert any(
        "It comes on Monday" in one["text"]
        for one in client.get("/v1/customers/ada/memories").json()["memories"]
    )
    query = {"query": "When does it come, on Monday?"}
    found = client.post("/v1/customers/ada/recall", json=query).json()["recalled"]
    said = {one["text"]: one["by_person"] for one in found}
    assert said.pop("I am. It comes on Monday.") is True
    assert said
    assert not any(said.values())  # the customer's words, and the assistant's


@pytest.mark.parametrize("named", [True, False])
def test_a_clients_own_history_goes_on_with_the_person(service: Running, named: bool) -> None:
    """It has nothing of what the person said, or of the empty answers, and may edit what it has:
    no model answers, nothing is stored twice, and given back the session is the same.
    """
    client = service.client
    openai = OpenAI(base_url=str(client.base_url.join("/v1")), api_key=KEY)
    headers = {"X-Session": "s1"} if named else {}
    session = "s1" if named else "default"
    path = f"/v1/customers/ada/sessions/{session}"
    history: list = []

    def say(text: str, then: Sequence[dict[str, str]] | None = None) -> tuple[str | None, str]:
        said = history if then is None else then
        raw = openai.chat.completions.with_raw_response.create(
            model="any", user="ada", messages=[*said, {"role": "user", "content": text}],
            extra_headers=headers,
        )  # fmt: skip
        answer = raw.parse().choices[0].message.content
        history[:] = [*said, {"role": "user", "content": text}]
        history.append({"role": "assistant", "content": answer})
        return answer, raw.headers["x-session"]

    assert say("hello one") == ("hello one", session)
    client.put(f"{path}/handover").raise_for_status()
    assert say("I want a human") == ("", session)
    client.post(f"{path}/replies", json={"text": "Person here"}).raise_for_status()
    assert say("are you a person?") == ("", session)
    dropped = [one for one in history if one["content"]]
    assert say("hello?", dropped) == ("", session)
    assert say("I want an expert", history[:2]) == ("", session)  # edits its second message
    assert say("at once") == ("", session)
    client.post(f"{path}/replies", json={"text": "I am one."}).raise_for_status()
    assert client.delete(f"{path}/handover").json()["handed_over_at"] is None
    assert say("thanks") == ("thanks", session)
    assert say("bye") == ("bye", session)
    sessions = client.get("/v1/customers/ada/sessions").json()["sessions"]
    assert [one["session"] for one in sessions] == [session]
    assert [m["text"] for m in client.get(f"{path}/messages").json()["messages"]] == [
        "hello one", "hello one", "I want a human", "Person here", "are you a person?", "hello?",
        "I want an expert", "at once", "I am one.", "thanks", "thanks", "bye", "bye",
    ]  # fmt: skip


def test_what_broke_off_before_a_person_answered_can_be_sent_again(
    scripted: Running, double: OpenAIDouble
) -> None:
    """Also where the session has gone on since, by a reply of which the client knows nothing."""
    client = scripted.client
    openai = OpenAI(base_url=str(client.base_url.join("/v1")), api_key=KEY, max_retries=0)
    said: list = [
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "two"},
    ]  # fmt: skip

    def send(messages: list) -> str | None:
        answer = openai.chat.completions.create(
            model="any", user="ada", messages=messages, extra_headers={"X-Session": "s1"}
        )
        return answer.choices[0].message.content

    assert send(said[:1]) == "hello"
    double.mode = "500"
    with pytest.raises(InternalServerError):
        send(said)
    double.mode = "ok"
    client.put(f"{SESSION}/handover").raise_for_status()
    client.post(f"{SESSION}/replies", json={"text": "Person here"}).raise_for_status()
    assert (send(said), send(said)) == ("", "")
    client.post(f"{SESSION}/replies", json={"text": "Two it is."}).raise_for_status()
    client.delete(f"{SESSION}/handover").raise_for_status()
    assert send([*said, {"role": "user", "content": "three"}]) == "hello"
    messages = client.get(f"{SESSION}/messages").json()["messages"]
    assert [m["text"] for m in messages] == [
        "one", "hello", "two", "Person here", "two", "Two it is.", "three", "hello"
    ]  # fmt: skip


def test_nothing_is_learnt_from_an_answer_that_is_rated_bad(service: Running) -> None:
    """It goes with its question, also where the session is rated good; the export has both."""
    client = service.client
    for message in ("Where is my lamp?", "And my chair?"):
        body = {"customer": "ada", "session": "s1", "message": message}
        turn = client.post("/v1/chat", json=body).json()["turn"]
    client.put(f"{SESSION}/rating", json={"rating": "good"}).raise_for_status()
    rated = client.put(f"/v1/customers/ada/turns/{turn}/rating", json={"rating": "bad"})
    assert rated.json() == {"rating": "bad"}
    answers = [m for m in client.get(f"{SESSION}/messages").json()["messages"] if m["role"] == "ai"]
    assert [m["rating"] for m in answers] == [None, "bad"]
    store = service.app.state.store
    questions = [q for one in from_service(store, rated_only=True) for q, _ in one.exchanges()]
    assert questions == ["Where is my lamp?"]
    assert '"rating": "bad"' in client.get("/v1/customers/ada/export").text
    client.put(f"/v1/customers/ada/turns/{turn}/rating", json={"rating": None}).raise_for_status()
    questions = [q for one in from_service(store, rated_only=True) for q, _ in one.exchanges()]
    assert len(questions) == 2
    assert client.put(
        "/v1/customers/ada/turns/none/rating", json={"rating": "good"}
    ).status_code == 404  # fmt: skip


def test_customers_are_looked_for_by_name(service: Running) -> None:
    """A part of it is enough."""
    for name in ("Ada Lovelace", "Grace"):
        service.client.post("/v1/chat", json={"customer": name, "message": "Hi"}).raise_for_status()
    found = service.client.get("/v1/customers", params={"name": "love"}).json()["customers"]
    assert [one["customer"] for one in found] == ["Ada Lovelace"]


def test_who_waits_is_in_the_queue_until_somebody_answers(
    run_service: Callable[..., Running],
) -> None:
    """For agents, of their tenant alone; the beginning of what was said stands beside it."""
    service = run_service(WordReader())
    service.chat("A person, please. " + "It is urgent. " * 50, customer="bo", session="late")
    service.chat("Where is my lamp?")
    agent, _ = create_key(service.app.state.store, "agent", "default")
    other, _ = create_key(service.app.state.store, "agent", "shop")

    def queue(key: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {key}"}
        found = service.client.get("/v1/queue", headers=headers).raise_for_status().json()
        assert not found["more"]
        sessions: list[dict[str, Any]] = found["sessions"]
        return sessions

    (waits,) = queue(agent)
    assert (waits["customer"], waits["session"], waits["why"]) == ("bo", "late", "asked")
    assert waits["text"].startswith("A person, please.")
    assert len(waits["text"]) == 300
    assert queue(other) == []
    path = "/v1/customers/bo/sessions/late"
    service.client.put(f"{path}/handover").raise_for_status()
    assert [one["why"] for one in queue(agent)] == ["held"]
    service.chat("Hello?", customer="bo", session="late")
    assert [(one["why"], one["text"]) for one in queue(agent)] == [("waiting", "Hello?")]
    assert service.client.get("/v1/queue", params={"limit": 0}).status_code == 422
    service.client.delete("/v1/customers/bo").raise_for_status()
    assert queue(agent) == []
