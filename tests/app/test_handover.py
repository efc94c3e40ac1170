"""A session handed over to a person, and answers rated, over REST."""

from __future__ import annotations

from openai import OpenAI

from app.training.dialogues import from_service
from tests.app.conftest import KEY, Running

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
