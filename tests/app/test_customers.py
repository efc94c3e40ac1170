"""/v1/customers, /v1/prompt and health."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.conftest import Running


def test_sessions_messages_and_memories_are_listed(service: Running) -> None:
    """What was said can be read again, newest session first, in pages."""
    for i in range(5):
        service.chat(f"message number {i}", session="a")
    service.chat("hello", session="b")
    service.settle()
    listed = service.client.get("/v1/customers/ada/sessions").json()["sessions"]
    assert [(s["session"], s["messages"]) for s in listed] == [("b", 2), ("a", 10)]
    path = "/v1/customers/ada/sessions/a/messages"
    page = service.client.get(path, params={"limit": 4}).json()
    assert [m["text"] for m in page["messages"]] == ["message number 3"] * 2 + [
        "message number 4"
    ] * 2
    older = service.client.get(path, params={"limit": 100, "before": page["next"]}).json()
    assert len(older["messages"]) == 6
    assert older["next"] is None
    memories = service.client.get("/v1/customers/ada/memories", params={"limit": 3}).json()
    assert len(memories["memories"]) == 3
    rest = service.client.get(
        "/v1/customers/ada/memories", params={"before": memories["next"]}
    ).json()
    assert len(rest["memories"]) == 9


def test_recall_finds_and_says_why_within_a_budget(service: Running) -> None:
    """The right message comes first, with its source, and the budget holds."""
    for text in ("My order number is 4417-XZ", "I live in Oslo", "The parcel was late"):
        service.chat(text)
    service.settle()
    path = "/v1/customers/ada/recall"
    found = service.client.post(path, json={"query": "which city?", "max_tokens": 1000}).json()
    assert "I live in Oslo" in [r["text"] for r in found["recalled"]]
    found = service.client.post(path, json={"query": "order number"}).json()["recalled"]
    assert found[0]["text"] == "My order number is 4417-XZ"
    assert found[0]["messages"]
    assert "lexical #" in found[0]["why"]
    few = service.client.post(path, json={"query": "order number", "max_tokens": 25}).json()
    assert len(few["recalled"]) == 1


def test_a_prompt_is_laid_out_and_nothing_is_stored(service: Running) -> None:
    """/v1/prompt gives OpenAI messages and stores nothing."""
    service.chat("My order number is 4417-XZ", session="monday")
    body = {"customer": "ada", "session": "s1", "message": "what was my order number?"}
    answer = service.client.post("/v1/prompt", json=body).json()
    assert answer["messages"][0]["role"] == "system"
    assert answer["messages"][-1]["role"] == "user"
    assert "4417-XZ" in answer["messages"][-1]["content"]
    assert answer["messages"][-1]["content"].endswith("what was my order number?")
    assert answer["recalled"][0]["text"] == "My order number is 4417-XZ"
    assert answer["tokens"] > 0
    sessions = service.client.get("/v1/customers/ada/sessions").json()["sessions"]
    assert [s["session"] for s in sessions] == ["monday"]


def test_customers_come_by_when_they_were_last_heard(service: Running) -> None:
    """In pages, each once; one whose sessions are gone is not among them."""
    names = ["ada", "bob/b", "c d & e", "王", "eve"]
    for name in (*names, "ada"):
        service.chat("Hello", customer=name)
    service.client.delete("/v1/customers/eve/sessions/s1").raise_for_status()
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    for page in range(2):
        found = service.client.get("/v1/customers", params=params).json()
        seen += [one["customer"] for one in found["customers"]]
        assert (found["next"] is None) == (page == 1)
        params["after"] = found["next"]
    assert seen == ["ada", "王", "c d & e", "bob/b"]


def test_sessions_come_in_pages(service: Running) -> None:
    """The last used first, each once; all of them where no page is asked for."""
    names = ["s1", "s 2/?", "王"]
    for name in (*names, "s1"):
        service.chat("Hello", session=name)
    path = "/v1/customers/ada/sessions"
    whole = service.client.get(path).json()
    assert [one["session"] for one in whole["sessions"]] == ["s1", "王", "s 2/?"]
    assert whole["next"] is None
    first = service.client.get(path, params={"limit": 2}).json()
    assert first["sessions"] == whole["sessions"][:2]
    rest = service.client.get(path, params={"limit": 2, "after": first["next"]}).json()
    assert rest == {"sessions": whole["sessions"][2:], "next": None}
    assert service.client.get(path, params={"after": first["next"]}).json() == rest
    assert service.client.get(path, params={"limit": 3}).json() == whole
    for wrong in ({"limit": 0}, {"limit": 1001}, {"after": "s1"}):
        assert service.client.get(path, params=wrong).status_code == 422


@pytest.mark.parametrize("after", ["ada", "2026-05-04T09:30:00Z", "x ada", "0001-01-01 ada", ""])
def test_a_wrong_place_among_customers_is_refused(service: Running, after: str) -> None:
    """With what to give in its place, or it is a time before everybody's."""
    answer = service.client.get("/v1/customers", params={"after": after})
    if after.startswith("0001"):
        assert answer.json()["customers"] == []
    else:
        assert answer.status_code == 422
        assert "`next`" in answer.json()["detail"]


@pytest.mark.parametrize(("what", "limit"), [("messages", 2), ("memories", 3)])
def test_next_is_given_only_where_something_comes_next(
    service: Running, what: str, limit: int
) -> None:
    """Six of each in pages of two and of three: the last full page says that it is the last."""
    for n in range(3):
        service.chat(f"number {n}")
    service.settle()
    path = {"messages": "sessions/s1/messages", "memories": "memories"}[what]
    seen: list[str] = []
    params: dict[str, int] = {"limit": limit}
    for page in range(6 // limit):
        found = service.client.get(f"/v1/customers/ada/{path}", params=params).json()
        assert len(found[what]) == limit
        seen += [one["id"] for one in found[what]]
        assert (found["next"] is None) == (page == 6 // limit - 1)
        params["before"] = found["next"]
    assert len(set(seen)) == 6


def test_a_deleted_session_is_gone_from_every_prompt(service: Running) -> None:
    """Its messages, records, vectors and summaries go; the other session stays."""
    service.chat("My order number is 4417-XZ", session="monday")
    service.chat("I live in Oslo", session="tuesday")
    service.settle()
    deleted = service.client.delete("/v1/customers/ada/sessions/monday").json()["deleted"]
    assert deleted["messages"] == 2
    assert deleted["records"] == deleted["vectors"] == 3  # the two messages and a fact
    body = {"customer": "ada", "session": "new", "message": "what was my order number?"}
    assert "4417-XZ" not in service.client.post("/v1/prompt", json=body).text
    texts = [m["text"] for m in service.client.get("/v1/customers/ada/memories").json()["memories"]]
    assert texts == ["I live in Oslo"] * 2


def test_an_erased_customer_is_gone_and_others_are_not(service: Running) -> None:
    """Nothing of the customer is found again, in the database file neither."""
    service.chat("My secret word is xylophone")
    service.chat("good day", customer="bob")
    service.settle()
    assert service.client.delete("/v1/customers/ada").json()["deleted"]["messages"] == 2
    assert service.client.get("/v1/customers/ada/sessions").status_code == 404
    new = {"may_be_new": True}
    found = service.client.get("/v1/customers/ada/sessions", params=new).raise_for_status()
    assert found.json() == {"sessions": [], "next": None}
    assert len(service.client.get("/v1/customers/bob/memories").json()["memories"]) == 2
    assert service.client.delete("/v1/customers/ada").status_code == 404


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "sessions", None), ("GET", "memories", None), ("GET", "card", None),
    ("POST", "recall", {"query": "order"}), ("POST", "forget", {"dry_run": True}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what", "body"), ROUTES)
def test_a_customer_is_there_or_is_not(service: Running, method: str, what: str, body: Any) -> None:
    """One of whom nothing was ever stored is 404 wherever one is asked for; one of whom nothing
    is left, since each session was deleted, is there and empty; an erased one is 404 again.
    """

    def asked() -> Any:
        return service.client.request(method, f"/v1/customers/ada/{what}", json=body)

    def nobody() -> bool:
        answer = asked()
        document = answer.json()
        return (answer.status_code, document.get("type"), document.get("detail")) == (
            404, "urn:problem:no-such-customer", "There is no customer 'ada'.",
        )  # fmt: skip

    assert nobody()
    question = {"customer": "ada", "message": "Hello?"}
    assert service.client.post("/v1/prompt", json=question).status_code == 200
    assert nobody(), "a prompt is laid out for anybody, and stores nothing"
    service.chat("My order is late")
    assert asked().status_code == 200
    service.settle()
    service.client.delete("/v1/customers/ada/sessions/s1").raise_for_status()
    left = asked()
    assert left.status_code == 200
    assert not any(value for value in left.json().values() if isinstance(value, list))
    service.client.delete("/v1/customers/ada").raise_for_status()
    assert nobody()


def test_health_says_whether_it_can_answer(service: Running) -> None:
    """Both are open, and readyz names the model."""
    service.client.headers.pop("Authorization")
    assert service.client.get("/healthz").json()["status"] == "ok"
    ready = service.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"]


def test_the_api_describes_itself(service: Running) -> None:
    """Every route has a description and every request and event an example."""
    document = service.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), (method, path)
    stream = document["paths"]["/v1/chat"]["post"]["responses"]["200"]["content"][
        "text/event-stream"
    ]
    examples = "".join(e["value"] for e in stream["examples"].values())
    for event in ("recalled", "token", "done", "error"):
        assert f"event: {event}" in examples
    for name in (
        "ChatRequest",
        "PromptRequest",
        "RecallRequest",
        "RecalledItem",
        "MemoryChange",
        "NewMemory",
    ):
        properties = document["components"]["schemas"][name]["properties"].values()
        assert any("examples" in p for p in properties), name


def test_a_fact_and_what_it_replaced_can_be_asked_for(service: Running) -> None:
    """``slot`` gives the facts of one kind, the current ones; ``history`` those before, too."""
    service.chat("My order number is 4417-XZ", session="monday")
    service.chat("Sorry, my order number is 4418-XZ, not 4417-XZ", session="tuesday")
    service.settle()

    def known(**params: str) -> list[dict[str, Any]]:
        found = service.client.get("/v1/customers/ada/memories", params=params).json()["memories"]
        return list(found)

    (now,) = known(slot="order_number")
    assert (now["value"], now["text"]) == ("4418-XZ", "Order number: 4418-XZ")
    assert (now["slot"], now["source"]) == ("order_number", "message")
    assert now["superseded_by"] is now["valid_to"] is None
    newest, before = known(slot="order_number", history="true")
    assert newest == now
    assert (before["value"], before["superseded_by"]) == ("4417-XZ", now["id"])
    assert before["valid_to"] == now["at"]
    assert known(slot="email", history="true") == []
    assert "4417-XZ" not in {m["value"] for m in known()}


def test_a_session_is_rated_and_the_rating_taken_back(service: Running) -> None:
    """The list and the session show it; another value and an unknown session are refused."""
    service.chat("hello", session="monday")
    path = "/v1/customers/ada/sessions/monday"
    assert service.client.get(path).json()["rating"] is None
    for rating in ("good", "bad", None):
        answer = service.client.put(f"{path}/rating", json={"rating": rating})
        assert answer.json() == {"rating": rating}
        assert service.client.get(path).json()["rating"] == rating
        (listed,) = service.client.get("/v1/customers/ada/sessions").json()["sessions"]
        assert listed["rating"] == rating
    for body in ({"rating": "great"}, {}, {"rating": 1}):
        assert service.client.put(f"{path}/rating", json=body).status_code == 422
    missing = "/v1/customers/ada/sessions/tuesday/rating"
    assert service.client.put(missing, json={"rating": "good"}).status_code == 404
    assert len(service.client.get("/v1/customers/ada/sessions").json()["sessions"]) == 1
