"""Who read, changed, exported or erased whose memory is written down, and can be checked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from typer.testing import CliRunner, Result

import memory.deeds
from app.auth import FIRST, create_key
from app.cli import app
from app.roles import ACTIONS, MAY, UNENTERED
from memory import MemoryStore, Scope, open_store
from memory.deeds import Entry
from memory.transcript import make_message
from tests.app.conftest import Running
from tests.app.test_insights import plant
from tests.doubles import WordReader
from tests.llm.openai_double import OpenAIDouble

SESSION = "/v1/customers/{customer}/sessions/{session}"
MEMORY = "/v1/customers/{customer}/memories/{memory}"
SECRET = "a secret that signs customers' tokens"


def entries(service: Running) -> list[Entry]:
    """All that was written down, the first one first."""
    store: MemoryStore = service.app.state.store
    return store.audit.entries(10_000)[::-1]


def last(service: Running) -> Entry:
    """What was written down last."""
    return entries(service)[-1]


# --- every route -------------------------------------------------------------------------------

# In this order; what is not said here has no body, and is answered with 200.
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/chat"): {"customer": "ada", "session": "s1", "message": "My order is 4417-XZ"},
    ("POST", "/v1/chat/completions"): {
        "user": "ada",
        "messages": [{"role": "user", "content": "Is it late?"}],
    },
    ("POST", "/v1/embeddings"): {"input": "order"},
    ("POST", "/v1/prompt"): {"customer": "ada", "session": "s1", "message": "Which order?"},
    ("POST", "/v1/answers"): {"customer": "ada", "question": "Which order?"},
    ("POST", "/v1/summaries"): {"customer": "ada", "session": "s1"},
    ("POST", "/v1/translation-memory"): {
        "source": "en",
        "target": "zh",
        "units": [{"source": "Thank you", "target": "谢谢"}],
    },
    ("POST", "/v1/translate"): {"text": "Thank you", "source": "en", "target": "zh"},
    ("POST", "/v1/translation-memory/search"): {"text": "Thanks", "source": "en", "target": "zh"},
    ("PUT", "/v1/translation-memory/{unit}"): {"target": "谢谢您"},
    ("POST", "/v1/customers/{customer}/recall"): {"query": "order"},
    ("PUT", f"{SESSION}/rating"): {"rating": "good"},
    ("PUT", "/v1/customers/{customer}/turns/{turn}/rating"): {"rating": "good"},
    ("PUT", f"{SESSION}/handover"): None,
    ("POST", f"{SESSION}/replies"): {"text": "I am here."},
    ("POST", f"{SESSION}/translations"): {"target": "en"},
    ("POST", "/v1/customers/{customer}/memories"): {"text": "They like tea"},
    ("PUT", MEMORY): {"pinned": True},
    ("POST", "/v1/customers/{customer}/forget"): {"policy": {"max_records": 1}},
    ("POST", "/v1/knowledge"): {"source": "a.md", "text": "# A\n\nSend it back in 30 days."},
    ("POST", "/v1/knowledge/search"): {"query": "send it back"},
    ("POST", "/v1/insights/documents"): {"documents": [{"id": "n1", "text": "Orders are late."}]},
    ("POST", "/v1/items"): {"items": [{"id": "lamp", "title": "Lamp"}]},
    ("POST", "/v1/items/import"): {"text": "id,title\ndesk,Desk"},
    ("POST", "/v1/events"): {
        "customer": "ada",
        "events": [{"item": "lamp", "kind": "viewed", "id": "k1"}],
    },
    ("POST", "/v1/recommendations"): {"customer": "ada"},
    ("POST", "/mcp"): {"jsonrpc": "2.0", "id": 1, "method": "ping"},
}
ORDER = [
    *BODIES,
    *sorted(route for route in MAY if route[0] == "GET"),
    ("POST", "/v1/admin/models/{model}/promote"),
    ("POST", "/v1/admin/models/rollback"),
    ("DELETE", f"{SESSION}/answer"),
    ("DELETE", f"{SESSION}/handover"),
    ("DELETE", MEMORY),
    ("DELETE", "/v1/knowledge/{source}"),
    ("DELETE", "/v1/insights/documents/{document}"),
    ("DELETE", "/v1/translation-memory/{unit}"),
    ("DELETE", "/v1/items/{item}"),
    ("DELETE", "/v1/customers/{customer}/events/{event}"),
    ("DELETE", SESSION),
    ("DELETE", "/v1/customers/{customer}"),
]


def test_every_route_leaves_an_entry_of_what_it_does(run_service: Callable[..., Running]) -> None:
    """One for each route of the table, in the transaction of the change where there is one: a
    route that is added has to say what it is.
    """
    service = run_service(WordReader())
    service.app.state.store.audit.flush()
    plant(service.app.state.store)
    service.app.state.monitoring.look()
    (alert,) = service.app.state.store.alerts.newest("default", 1)
    there = {
        (method, context.path)
        for context in iter_route_contexts(service.app.routes)
        for method in context.methods or ()
    }
    assert set(ORDER) == set(ACTIONS) == set(MAY), "say here what a new route is asked with"
    assert set(MAY) <= there
    names = {"customer": "ada", "session": "s1", "source": "a.md", "model": "none", "memory": ""}
    names |= {"alert": alert.id, "document": "n1", "item": "lamp", "event": "k1"}
    for method, path in ORDER:
        if "{memory}" in path:
            store = service.app.state.store
            names["memory"] = store.records.newest(("default", "ada"), 1)[0].id
        if "{turn}" in path:
            said = service.app.state.store.transcript.window(Scope("ada", "s1"))
            names["turn"] = str(said[-1].message.turn)
        if "{unit}" in path:
            there = service.client.get("/v1/translation-memory").json()
            names["unit"] = there["translations"][0]["id"]
        asked = path.format(**names)
        answer = service.client.request(method, asked, json=BODIES.get((method, path)))
        service.settle()
        action = ACTIONS[method, path]
        found = [one for one in entries(service) if one.action == action]
        where = (method, path, answer.status_code, found)
        if action in UNENTERED:
            assert (answer.status_code, found) == (200, []), where
            continue
        assert found, where
        one = found[-1]
        assert (one.actor, one.role, one.tenant) == (FIRST, "admin", "default"), where
        if "models" in path:  # there is none, and what is before the change says that it began
            assert one.outcome in ("ok", "absent", "failed"), where
        else:
            assert answer.status_code in (200, 201), where
        if action.split(".")[0] in ("change", "erase") and "models" not in path:
            assert [one.outcome for one in found] == ["done"] * len(found), where
        if "{customer}" in path or "customer" in (BODIES.get((method, path)) or ()):
            assert one.customer is not None, where
            assert one.customer == entries(service)[0].customer, where
        if "{session}" in path:
            assert one.session == entries(service)[0].session is not None, where
        if "{memory}" in path:
            assert one.what is not None, where
            assert names["memory"] not in one.what, where
    for action in ("export.customer", "change.model"):
        outcomes = [one.outcome for one in entries(service) if one.action == action]
        assert outcomes[0] == "begun", action
    assert service.app.state.store.audit.verify().fault is None
    assert "'ada'" not in str(entries(service))


def test_what_a_page_looks_at_again_and_again_is_one_reading(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same key, of the same customer; what fails is entered each time, and so is who looks
    again a while later.
    """
    service.chat("Hello")
    ada, eve = (f"/v1/customers/{name}/sessions/s1/messages" for name in ("ada", "eve"))
    for _ in range(3):
        assert service.client.get("/v1/admin/operations").status_code == 200
        assert service.client.get(ada).status_code == 200
        assert service.client.get(eve).status_code == 404
    key, made = create_key(service.app.state.store, "agent")
    desk = {"Authorization": f"Bearer {key}"}
    for _ in range(2):
        assert service.client.get(ada, headers=desk).status_code == 200
    looks = [(e.action, e.outcome, e.actor) for e in entries(service) if e.action[:4] == "read"]
    assert Counter(looks) == {
        ("read.operations", "ok", FIRST): 1,
        ("read.messages", "ok", FIRST): 1,
        ("read.messages", "absent", FIRST): 3,
        ("read.messages", "ok", made.id): 1,
    }
    monkeypatch.setattr("app.recording._SAME_SECONDS", 0.0)
    service.client.get(ada)
    assert len(entries(service)) == len(looks) + 2


# --- who is refused ----------------------------------------------------------------------------


def test_a_refusal_is_written_down_and_nobody_without_a_key_can_write(service: Running) -> None:
    """Which key tried what, on whom; a wrong key leaves nothing, however often it is tried."""
    service.chat("Hello")
    key, made = create_key(service.app.state.store, "agent")
    with httpx.Client(base_url=service.address, timeout=60) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            for _ in range(20):
                assert client.get("/v1/customers/ada/card", headers=headers).status_code == 401
        desk = {"Authorization": f"Bearer {key}"}
        assert client.get("/v1/customers/ada/export", headers=desk).status_code == 403
        assert client.get("/v1/customers/eve/card", headers=desk).status_code == 404
        assert client.get("/v1/customers", headers=desk, params={"limit": 0}).status_code == 422
    turn, refused, absent, failed = entries(service)
    assert turn.action == "change.turn"
    assert (refused.actor, refused.action, refused.outcome) == (
        made.id, "export.customer", "refused",
    )  # fmt: skip
    assert refused.customer == turn.customer is not None
    assert (absent.action, absent.outcome, absent.customer) == ("read.card", "absent", None)
    assert (failed.action, failed.outcome) == ("read.customers", "failed")


def test_a_customer_s_own_token_is_that_customer_s(run_service: Callable[..., Running]) -> None:
    """Also where somebody else is asked for, who stands nowhere."""
    service = run_service(token_secret=SECRET)
    service.chat("Hello", customer="ada")
    service.chat("Hello", customer="bob")
    token = jwt.encode({"sub": "ada", "exp": 2**31}, SECRET, "HS256")
    with httpx.Client(
        base_url=service.address, headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as client:
        assert client.get("/v1/customers/ada/sessions").status_code == 200
        assert client.get("/v1/customers/bob/sessions").status_code == 404
    of_ada, of_bob, own, other = entries(service)
    assert (own.actor, own.role, own.outcome) == ("customer", "customer", "ok")
    assert other.outcome == "absent"
    assert own.customer == other.customer == of_ada.customer != of_bob.customer


def test_what_failed_after_the_change_has_both_entries(
    scripted: Running, double: OpenAIDouble
) -> None:
    """The message was stored, and the model did not answer."""
    double.mode = "empty"
    assert scripted.chat("Hello").status_code == 502
    assert [(one.action, one.outcome) for one in entries(scripted)] == [
        ("change.turn", "done"), ("change.turn", "failed"),
    ]  # fmt: skip


# --- what it costs -----------------------------------------------------------------------------


def test_a_turn_has_no_commit_more(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry is in the transaction that stores the message."""
    monkeypatch.setattr("memory.audit.SECONDS", 3600)
    store: MemoryStore = service.app.state.store
    write, commits = store.database.write, [0]

    def counted() -> Any:
        commits[0] += 1
        return write()

    monkeypatch.setattr(store.database, "write", counted)

    def turn() -> int:
        before = commits[0]
        service.chat("Good day to you")
        service.settle()
        return commits[0] - before

    turn()  # the first one has more to do
    with_entries = turn()
    with monkeypatch.context() as without:
        without.setattr(memory.deeds, "add", lambda *_: None)
        assert turn() == with_entries
    assert len(entries(service)) == 2
    assert turn() == with_entries


# --- who may look ------------------------------------------------------------------------------


def test_an_admin_sees_the_entries_of_the_own_tenant(service: Running) -> None:
    """Page by page and filtered; not a line of another's, nor by another's customer."""
    clients = {}
    for tenant in ("north", "south"):
        key, _ = create_key(service.app.state.store, "admin", tenant)
        headers = {"Authorization": f"Bearer {key}"}
        clients[tenant] = httpx.Client(base_url=service.address, headers=headers, timeout=60)
        said = {"customer": f"of {tenant}", "message": "Hello"}
        clients[tenant].post("/v1/chat", json=said).raise_for_status()
        clients[tenant].get(f"/v1/customers/of {tenant}/card").raise_for_status()
    north = clients["north"]
    shown = north.get("/v1/admin/audit").json()
    assert [one["action"] for one in shown["entries"]] == ["read.card", "change.turn"]
    assert {one["tenant"] for one in shown["entries"]} == {"north"}
    first = north.get("/v1/admin/audit", params={"limit": 1, "action": "read"}).json()
    assert first["next"] == first["entries"][0]["number"]
    found = north.get("/v1/admin/audit", params={"customer": "of north", "action": "change"})
    assert [one["action"] for one in found.json()["entries"]] == ["change.turn"]
    assert north.get("/v1/admin/audit", params={"customer": "of south"}).status_code == 404
    north.delete("/v1/customers/of north").raise_for_status()
    assert north.get("/v1/admin/audit", params={"customer": "of north"}).status_code == 404
    agent, _ = create_key(service.app.state.store, "agent", "north")
    asked = north.get("/v1/admin/audit", headers={"Authorization": f"Bearer {agent}"})
    assert asked.status_code == 403
    for client in clients.values():
        client.close()


# --- the console -------------------------------------------------------------------------------


def run(data: Path, *args: str) -> Result:
    """A command with a data folder."""
    return CliRunner().invoke(app, [*args, "--data-dir", str(data)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder in which a customer was exported and erased at the console, and one stays."""
    with open_store(f"sqlite:///{tmp_path}/memory.db") as store:
        for name in ("ada", "bob"):
            store.transcript.add(Scope(name), [make_message("human", "hello", 1)])
    assert run(tmp_path, "export", str(tmp_path / "ada.jsonl"), "--customer", "ada").exit_code == 0
    assert run(tmp_path, "export", str(tmp_path / "bob.jsonl"), "--customer", "bob").exit_code == 0
    assert run(tmp_path, "erase", "--customer", "ada", "--yes").exit_code == 0
    assert run(tmp_path, "key", "create", "--role", "agent", "--tenant", "shop").exit_code == 0
    return tmp_path


def test_the_console_is_an_actor_too(data: Path) -> None:
    """What is done there is listed, as JSON too, by time, action, actor and customer."""
    listed = run(data, "audit", "list", "--json").stdout.splitlines()
    found = [json.loads(line) for line in listed]
    assert [(one["action"], one["outcome"]) for one in found] == [
        ("change.key", "done"), ("erase.customer", "done"), ("export.customer", "ok"),
        ("export.customer", "begun"), ("export.customer", "ok"), ("export.customer", "begun"),
    ]  # fmt: skip
    assert {one["actor"] for one in found} == {"console"}
    assert found[0]["tenant"] == "shop"
    assert "ada" not in {value for one in found for value in one.values()}
    shown = run(data, "audit", "list", "--action", "erase", "--since", "1h").stdout.splitlines()
    assert len(shown) == 1
    assert "erase.customer" in shown[0]
    assert run(data, "audit", "list", "--since", "2099-01-01").stdout == ""
    assert "is no time" in str(run(data, "audit", "list", "--since", "soon").exception)
    assert len(run(data, "audit", "list", "--customer", "bob").stdout.splitlines()) == 2
    assert "nobody can say" in str(run(data, "audit", "list", "--customer", "ada").exception)
    assert len(run(data, "audit", "list", "--limit", "2").stdout.splitlines()) == 2


def test_verify_says_where_and_ends_with_1(data: Path) -> None:
    """As text and as JSON; what was cut off it finds by a hash that was kept."""
    whole = run(data, "audit", "verify")
    assert whole.exit_code == 0
    assert whole.stdout.startswith("6 entries, whole up to 6: ")
    kept = whole.stdout.split()[-1]
    assert run(data, "audit", "verify", "--last", kept).exit_code == 0
    engine = sa.create_engine(f"sqlite:///{data}/memory.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_kept")
        connection.exec_driver_sql("DELETE FROM audit WHERE number = 6")
    assert run(data, "audit", "verify").exit_code == 0
    cut = run(data, "audit", "verify", "--last", kept)
    assert cut.exit_code == 1
    assert "what came after entry 5 was cut off" in cut.stdout
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE number = 3")
    broken = run(data, "audit", "verify", "--json")
    assert broken.exit_code == 1
    assert "the entry before number 4" in json.loads(broken.stdout)["fault"]
    assert "audit log" in [
        line.split(":")[0].removeprefix("wrong ")
        for line in run(data, "doctor", "--llm", "fake:echo").stdout.splitlines()
        if line.startswith("wrong")
    ]
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit")
    engine.dispose()
    assert "is empty: nothing was done yet, or all of it" in run(data, "audit", "verify").stdout
    assert run(data, "audit", "verify", "--last", kept).exit_code == 1
