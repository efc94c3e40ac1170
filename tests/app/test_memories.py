"""/v1/customers/{customer}/memories, /forget and /card: what a person puts right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa

from tests.app.conftest import Running

MEMORIES = "/v1/customers/ada/memories"
ASKED = "what was my order number?"


def prompt(service: Running, session: str = "s1") -> str:
    """The next prompt, and what was recalled for it, as text; ids and times may have any digits."""
    body = {"customer": "ada", "session": session, "message": ASKED}
    found = service.client.post("/v1/prompt", json=body).raise_for_status().json()
    said = [one["content"] for one in found["messages"]]
    recalled = [text for one in found["recalled"] for text in (one["text"], one["why"])]
    return "\n".join([*said, *recalled, found["summary"]])


def memory_of(service: Running, text: str, role: str = "human") -> dict[str, Any]:
    """The memory with a text."""
    listed = service.client.get(MEMORIES, params={"limit": 1000}).json()["memories"]
    found: dict[str, Any] = next(m for m in listed if m["text"] == text and m["role"] == role)
    return found


def test_a_correction_is_in_the_very_next_prompt(service: Running) -> None:
    """The model repeats what it hears: the old number is gone from its answers too, and from
    the earlier turn for which it was recalled. The id stays.
    """
    service.chat("My order number is 4417-XZ", session="monday")
    service.chat(ASKED)
    service.settle()
    assert "4417-XZ" in prompt(service)
    path = f"{MEMORIES}/{memory_of(service, 'My order number is 4417-XZ')['id']}"
    changed = service.client.put(path, json={"text": "My order number is 9000-QQ"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["source"] == "person"
    for session in ("s1", "monday", "new"):
        assert "4417" not in prompt(service, session)
    assert "9000-QQ" in prompt(service)
    service.settle()
    assert "4417" not in prompt(service)
    assert service.client.get(path).json()["text"] == "My order number is 9000-QQ"
    transcript = service.client.get("/v1/customers/ada/sessions/monday/messages").json()
    said = "".join(one["text"] for one in transcript["messages"])
    assert "4417" not in said, "hidden messages are in no list either"


def test_a_deleted_memory_is_in_no_prompt(service: Running) -> None:
    """Once; the second time there is no such memory."""
    service.chat("My order number is 4417-XZ", session="monday")
    said = _settled(service, "My order number is 4417-XZ")
    path = f"{MEMORIES}/{said}"
    before = {m["id"] for m in service.client.get(MEMORIES).json()["memories"]}
    taken = service.client.delete(path).json()
    left = {m["id"] for m in service.client.get(MEMORIES).json()["memories"]}
    assert (set(taken["memories"]), taken["memories"][0]) == (before - left, said)
    assert taken["deleted"] == {"records": len(before - left)} == {"records": 3}
    assert (taken["shortened"], taken["messages"]) == ([], 2)
    assert "4417" not in prompt(service)
    for method in ("DELETE", "GET"):
        answer = service.client.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:problem:no-such-memory"
    assert service.client.put(path, json={"pinned": True}).status_code == 404


def _settled(service: Running, text: str) -> str:
    service.settle()
    found: str = memory_of(service, text)["id"]
    return found


def test_what_was_said_a_moment_ago_is_listed(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is recalled, though no digest has seen it: by its id, by its slot, and in pages."""
    monkeypatch.setattr(service.app.state.chain.digests, "later", lambda *_, **__: None)
    service.chat("My order number is 4417-XZ").raise_for_status()
    asked = {"query": "order number"}
    recalled = service.client.post("/v1/customers/ada/recall", json=asked).json()["recalled"]
    said = next(one for one in recalled if one["text"] == "My order number is 4417-XZ")
    one = service.client.get(f"{MEMORIES}/{said['id']}").raise_for_status()
    assert one.json()["text"] == said["text"]
    service.chat("My order number is 9000-QQ").raise_for_status()
    facts = service.client.get(MEMORIES, params={"slot": "order_number"}).json()["memories"]
    assert facts[0]["value"] == "9000-QQ"
    service.chat("I live in Leeds").raise_for_status()
    page = service.client.get(MEMORIES, params={"limit": 1}).json()
    assert "Leeds" in page["memories"][0]["text"]
    assert page["next"] is not None


def test_a_memory_by_hand_is_recalled_corrected_and_shown(service: Running) -> None:
    """A fact that a person adds is on the card; corrected, it says what it replaced."""
    body = {"text": "Order number: 4417-XZ", "slot": "order_number", "value": "4417-XZ"}
    made = service.client.post(MEMORIES, json=body)
    assert made.status_code == 201, made.text
    path = urljoin(MEMORIES, made.headers["location"])
    assert path == f"{MEMORIES}/{made.json()['id']}"
    assert service.client.get(path).json() == made.json()
    assert "4417-XZ" in prompt(service)
    changed = service.client.put(path, json={"value": "9000-QQ", "pinned": True}).json()
    assert (changed["text"], changed["value"]) == ("Order number: 9000-QQ", "9000-QQ")
    assert "4417" not in prompt(service)
    card = service.client.get("/v1/customers/ada/card").json()
    (fact,) = card["facts"]
    assert fact["id"] == made.json()["id"]
    assert (fact["value"], fact["pinned"], fact["source"]["made_by"]) == ("9000-QQ", True, "person")
    assert fact["replaced"]["value"] == "4417-XZ"
    assert (card["mood"], card["sessions"], card["last_session"]) == (None, 0, None)
    assert service.client.get("/v1/customers/nobody/card").status_code == 404
    new = service.client.get("/v1/customers/nobody/card", params={"may_be_new": True})
    assert (new.status_code, new.json()["customer"]) == (200, "nobody")
    assert not any(value for name, value in new.json().items() if name != "customer")


def test_what_a_person_adds_or_puts_right_is_digested(service: Running) -> None:
    """Soon, and not only at the customer's next turn: who never writes would lag for ever."""
    store = service.app.state.store
    path = "/v1/customers/quiet/memories"
    made = service.client.post(path, json={"text": "Prefers mornings"}).json()
    service.settle()
    assert store.lagging() == []
    service.client.put(f"{path}/{made['id']}", json={"text": "Prefers evenings"})
    service.settle()
    assert store.lagging() == []
    service.client.delete(f"{path}/{made['id']}")
    service.settle()
    assert store.lagging() == []


def test_a_row_of_history_is_read_and_deleted_by_its_id(service: Running) -> None:
    """Each value that a fact has had is one memory, with an address."""
    body = {"text": "Order number: 4417-XZ", "slot": "order_number", "value": "4417-XZ"}
    path = f"{MEMORIES}/{service.client.post(MEMORIES, json=body).json()['id']}"
    for value in ("5518-XZ", "6619-XZ"):
        service.client.put(path, json={"value": value}).raise_for_status()

    def listed() -> list[dict[str, Any]]:
        found = service.client.get(MEMORIES, params={"history": "true"}).json()["memories"]
        return list(found)

    now, *before = listed()
    assert [m["value"] for m in (now, *before)] == ["6619-XZ", "5518-XZ", "4417-XZ"]
    for memory in before:
        one = f"{MEMORIES}/{memory['id']}"
        assert service.client.get(one).json() == memory
        refused = service.client.put(one, json={"value": "7"})
        assert (refused.status_code, now["id"] in refused.json()["detail"]) == (422, True)
        assert service.client.delete(one).json()["memories"] == [memory["id"]]
        assert service.client.get(one).status_code == 404
    assert listed() == [now]


def test_a_value_that_another_fact_has_makes_one_of_them(service: Running) -> None:
    """By PUT and by POST; the other is in the history."""
    order = {"slot": "order_number"}
    facts = [
        service.client.post(MEMORIES, json={**order, "text": value, "value": value}).json()
        for value in ("4417-XZ", "5518-XZ", "5518-XZ")
    ]
    current = service.client.get(MEMORIES, params=order).json()["memories"]
    assert [m["id"] for m in current] == [facts[2]["id"], facts[0]["id"]]
    path = f"{MEMORIES}/{facts[0]['id']}"
    assert service.client.put(path, json={"value": "5518-XZ"}).status_code == 200
    (one,) = service.client.get(MEMORIES, params=order).json()["memories"]
    assert (one["id"], one["value"]) == (facts[0]["id"], "5518-XZ")
    kept = service.client.get(MEMORIES, params={**order, "history": "true"}).json()["memories"]
    assert {m["id"] for m in kept} > {fact["id"] for fact in facts}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "nothing is to be changed"),
        ({"text": None}, "send text"),
        ({"pinned": None}, "send true or false"),
        ({"text": ""}, "at least 1"),
        ({"text": "  "}, "the text is empty"),
        ({"text": 7}, "send text, in quotes"),
        ({"pinned": "perhaps"}, "send true or false"),
        ({"expires_at": "yesterday"}, "send a time such as"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "past: give a later time"),
        ({"value": "x"}, "no fact"),
        ({"colour": "red"}, "not known here"),
    ],
)
def test_what_cannot_be_changed_is_refused(service: Running, body: Any, said: str) -> None:
    """A problem document that says what to do, and nothing has changed."""
    service.chat("hello")
    path = f"{MEMORIES}/{_settled(service, 'hello')}"
    before = service.client.get(path).json()
    answer = service.client.put(path, json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert service.client.get(path).json() == before


def test_a_fact_by_hand_has_slot_and_value(service: Running) -> None:
    """One without the other is refused, and so is text that no database takes."""
    for body in (
        {"text": "x", "slot": "name"}, {"text": "x", "value": "Bo"}, {"text": "a\0b"},
        {"text": "x", "slot": "", "value": "y"}, {"slot": "name", "value": "Bo"},
    ):  # fmt: skip
        assert service.client.post(MEMORIES, json=body).status_code == 422, body
    assert service.client.get(MEMORIES).status_code == 404, "nobody came of it"


def test_pins_and_expiry_take_nothing_along(service: Running) -> None:
    """The message stays in the prompt; null takes the expiry back."""
    service.chat("My order number is 4417-XZ")
    path = f"{MEMORIES}/{_settled(service, 'My order number is 4417-XZ')}"
    before = prompt(service)
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    changed = service.client.put(path, json={"pinned": True, "expires_at": ends}).json()
    assert (changed["pinned"], changed["source"]) == (True, "message")
    assert datetime.fromisoformat(changed["expires_at"]) == datetime.fromisoformat(ends)
    assert service.client.put(path, json={"expires_at": None}).json()["expires_at"] is None
    assert prompt(service) == before


def test_forgetting_by_policy_tries_first(service: Running) -> None:
    """The dry run says what would go and why; the run does it; a pinned memory stays."""
    for n in range(3):
        service.chat(f"message {n}")
    pinned = _settled(service, "message 0")
    service.client.put(f"{MEMORIES}/{pinned}", json={"pinned": True})
    body = {"policy": {"max_records": 2}, "dry_run": True}
    planned = service.client.post("/v1/customers/ada/forget", json=body).json()
    assert planned["dry_run"]
    assert len(planned["forgotten"]) == 4
    assert {f["reason"] for f in planned["forgotten"]} == {"count"}
    assert len(service.client.get(MEMORIES).json()["memories"]) == 6
    done = service.client.post("/v1/customers/ada/forget", json={**body, "dry_run": False}).json()
    assert done["forgotten"] == planned["forgotten"]
    left = service.client.get(MEMORIES).json()["memories"]
    assert [(m["text"], m["role"]) for m in left] == [("message 2", "ai"), ("message 0", "human")]


def test_without_a_policy_only_what_has_expired_goes(service: Running) -> None:
    """No policy, one without a limit and none in the settings: the dry run names it, the run takes
    it, and what has not expired stays.
    """
    path = "/v1/customers/ada/forget"
    service.chat("hello")
    for n, body in enumerate(({}, {"policy": None}, {"policy": {}})):
        ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        note = {"text": f"note {n}", "expires_at": ends}
        added = service.client.post(MEMORIES, json=note).json()["id"]
        assert service.client.post(path, json={**body, "dry_run": True}).json()["forgotten"] == []
        with service.app.state.store.database.write() as connection:  # the hour has passed
            connection.execute(
                sa.text("UPDATE records SET expires_at = 1 WHERE id = :i"), {"i": added}
            )
        planned = service.client.post(path, json={**body, "dry_run": True}).json()["forgotten"]
        assert [(f["text"], f["reason"]) for f in planned] == [(f"note {n}", "expired")]
        assert service.client.post(path, json=body).json()["forgotten"] == planned
    left = service.client.get(MEMORIES).json()["memories"]
    assert [m["text"] for m in left] == ["hello", "hello"]


def test_forgetting_needs_a_limit_above_zero_and_a_customer(service: Running) -> None:
    """Neither everything nor nobody is forgotten by mistake."""
    path = "/v1/customers/ada/forget"
    for policy in ({"max_age_days": 0}, {"max_records": 0}, {"max_age": 3}):
        assert service.client.post(path, json={"policy": policy}).status_code == 422
    assert service.client.post(path, json={"policy": {"max_records": 1}}).status_code == 404


def test_the_settings_policy_is_applied(run_service: Any) -> None:
    """The digest forgets by it, and the route takes it where none is given."""
    service = run_service(max_records=2)
    for n in range(3):
        service.chat(f"message {n}")
        service.settle()
    assert len(service.client.get(MEMORIES).json()["memories"]) > 2, "looked at once a day only"
    unlimited = service.client.post("/v1/customers/ada/forget", json={"policy": {}}).json()
    assert unlimited["forgotten"] == []
    done = service.client.post("/v1/customers/ada/forget", json={}).json()
    assert done["forgotten"]
    assert len(service.client.get(MEMORIES).json()["memories"]) == 2
