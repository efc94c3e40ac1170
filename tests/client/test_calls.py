"""The client is held to the service's description: what can be asked, and what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from memory import InvalidInput, Policy
from memory.client import (
    calls,
    knowledge,
    models,
    monitoring,
    recommending,
    remembered,
    translations,
)
from memory.client.call import Call
from memory.client.clients import Operation, Operations
from tests.app.test_description import resolved

ROOT = Path(__file__).parents[2]
AT = datetime(2027, 1, 31, tzinfo=UTC)
ASKED: dict[str, Call[Any]] = {
    "chat": calls.chat("ada", "Where?", session="s"),
    "stream": calls.stream(None, "Where?", idempotency_key="k"),
    "prompt": calls.prompt("ada", "Where?"),
    "answer": calls.answer("Where?", customer="ada"),
    "summarize": calls.summarize([("human", "Where?")], how="both"),
    "customers": calls.customers(limit=5, after="x"),
    "queue": calls.queue(limit=5),
    "sessions": calls.sessions("ada", limit=2, after="x"),
    "session": calls.session("ada", "s"),
    "messages": calls.messages("ada", "s", before=3),
    "rate": calls.rate("ada", "s", "good"),
    "rate_answer": calls.rate_answer("ada", "t", None),
    "hand_over": calls.hand_over("ada", "s"),
    "give_back": calls.give_back("ada", "s"),
    "reply": calls.reply("ada", "s", "I have sent it.", source="en"),
    "delete_session": calls.delete_session("ada", "s"),
    "memories": remembered.memories("ada", slot="order_number", history=True),
    "memory": remembered.memory("ada", "m"),
    "add_memory": remembered.add_memory("ada", "x", slot="preference", value="y", expires_at=AT),
    "change_memory": remembered.change_memory(
        "ada", "m", value="z", pinned=True, expires_at="never"
    ),
    "forget_memory": remembered.forget_memory("ada", "m"),
    "forget": remembered.forget("ada", Policy.days(365, None, 100), dry_run=True),
    "card": remembered.card("ada"),
    "recall": remembered.recall("ada", "order"),
    "export": remembered.export("ada"),
    "erase": remembered.erase("ada"),
    "articles": knowledge.articles(),
    "article": knowledge.article("returns.md"),
    "put_article": knowledge.put_article("returns.md", "# Returns", title="Returns"),
    "delete_article": knowledge.delete_article("returns.md"),
    "search": knowledge.search("return", sources=["returns.md"]),
    "translate": translations.translate("Where?", "en", "zh"),
    "translate_session": translations.translate_session("ada", "s", "en", before=3),
    "translators": translations.translators(),
    "import_translations": translations.import_translations("source,target\na,b", "en", "zh"),
    "translations": translations.translations(terms=True),
    "export_translations": translations.export_translations(format="csv"),
    "search_translations": translations.search_translations("Where?", "en", "zh"),
    "correct_translation": translations.correct_translation("u", "x"),
    "delete_translation": translations.delete_translation("u"),
    "put_items": recommending.put_items([{"id": "oak-desk", "title": "Oak desk"}]),
    "import_items": recommending.import_items("id,title\na,A"),
    "items": recommending.items(before=3),
    "item": recommending.item("oak-desk"),
    "delete_item": recommending.delete_item("oak-desk"),
    "add_events": recommending.add_events(
        "ada", [{"item": "oak-desk", "kind": "bought", "at": AT}]
    ),
    "customer_events": recommending.customer_events("ada", limit=5),
    "delete_event": recommending.delete_event("ada", "order 4417"),
    "recommend": recommending.recommend("ada", where={"category": "chairs"}),
    "insights": monitoring.insights(by="hour", topic="delivery"),
    "tenants": monitoring.tenants(),
    "alerts": monitoring.alerts(source="messages", open=True, before=3),
    "alert": monitoring.alert("4f2a9c10"),
    "put_documents": monitoring.put_documents(
        [{"id": "news-4417", "text": "Parcels are late.", "at": AT}]
    ),
    "documents": monitoring.documents(limit=5),
    "delete_document": monitoring.delete_document("news-4417"),
    "key": calls.key(),
    "model": models.model(),
    "adapters": models.adapters(),
    "promote": models.promote("20260504-093000-1a2b3c"),
    "rollback": models.rollback(),
}
# What the client leaves out, and why.
LEFT_OUT = {
    ("post", "/v1/chat/completions"): "OpenAI's clients ask it",
    ("post", "/v1/embeddings"): "OpenAI's clients ask it",
    ("get", "/v1/models/{model}"): "OpenAI's clients ask it",
    ("get", "/v1/admin/audit"): "for who runs the service: the console has it",
    ("get", "/v1/admin/operations"): "for who runs the service: its page shows it",
    ("delete", "/v1/customers/{customer}/sessions/{session}/answer"): "a stream that is closed "
    "stops its answer",
    ("get", "/healthz"): "asked without a key, by who watches the service",
    ("get", "/readyz"): "asked without a key, by who watches the service",
}
# These lose the frame that is not asked for.
UNWRAPPED: dict[str, Callable[[Any], Any]] = {
    "model": lambda said: {k: v for k, v in said["data"][0].items() if k != "object"}
}


def route(document: dict[str, Any], call: Call[Any]) -> str:
    """The path of the description that a call asks."""
    fixed = [path for path in document["paths"] if path == call.path]
    found = fixed or [
        path
        for path in document["paths"]
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), call.path)
        and call.method.lower() in document["paths"][path]
    ]
    assert len(found) == 1, (call, found)
    return str(found[0])


def test_every_operation_of_the_description_can_be_asked() -> None:
    """Each has its method, or a reason why not; what is asked and what is answered fits.

    Of the description's example of an answer the client's result has every field.
    """
    document = json.loads((ROOT / "app/openapi.json").read_text(encoding="utf-8"))
    asked = set()
    for name, call in ASKED.items():
        path, method = route(document, call), call.method.lower()
        asked.add((method, path))
        operation = document["paths"][path][method]
        known = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
        assert set(call.query or {}) == known, name
        body = operation.get("requestBody")
        assert (body is None) == (call.body is None), name
        if body is not None:
            schema = resolved(document, body["content"]["application/json"]["schema"])
            Draft202012Validator(schema).validate(call.body)
            offered = set(schema["properties"]) - {"stream"}
            taken = set(call.body or {})
            # Of these a call may leave some out, or has to.
            some = ("chat", "stream", "summarize", "add_memory", "change_memory")
            assert name in some or offered == taken
        (well,) = (r for status, r in operation["responses"].items() if status.startswith("2"))
        if name == "export":
            export = well["content"]["application/x-ndjson"]["example"].encode()
            assert call.read(export) == export
            continue
        schema = resolved(document, well["content"]["application/json"]["schema"])
        (example,) = schema["examples"]
        expected = UNWRAPPED.get(name, lambda said: said)(example)
        read = pydantic.TypeAdapter(Any).dump_python(
            call.read(json.dumps(example).encode()), mode="json"
        )
        assert read == expected, name
    there = {(m, path) for path, operations in document["paths"].items() for m in operations}
    assert there - asked == LEFT_OUT.keys()


def test_every_method_is_held_to_it() -> None:
    """None is left out of the test above."""
    methods = {name for name, value in vars(Operations).items() if isinstance(value, Operation)}
    assert methods == ASKED.keys()


@given(st.text())
def test_a_name_is_one_part_of_a_path(name: str) -> None:
    """Whatever is in it, encoded; what can be no name is refused."""
    try:
        call = calls.delete_session("ada", name)
    except InvalidInput:
        return
    prefix, _, last = call.path.rpartition("/")
    assert prefix == "/v1/customers/ada/sessions"
    assert unquote(last) == name
    assert last.isascii()
    assert name not in {"", ".", ".."}


def test_times_are_sent_with_their_zone() -> None:
    """One without a zone is local; ``never`` takes an end away; what is not given is not sent."""
    local = datetime(2027, 1, 31, 12)  # noqa: DTZ001 - meant
    body = remembered.add_memory("ada", "x", expires_at=local).body
    assert body is not None
    assert datetime.fromisoformat(body["expires_at"]) == local.astimezone()
    assert remembered.change_memory("ada", "m", expires_at="never").body == {"expires_at": None}
    assert remembered.change_memory("ada", "m", pinned=False).body == {"pinned": False}


@pytest.mark.parametrize("policy", [None, Policy()])
def test_no_policy_is_not_one_without_limits(policy: Policy | None) -> None:
    """The service's own is asked for by null."""
    body = remembered.forget("ada", policy).body
    assert body is not None
    assert (body["policy"] is None) == (policy is None)
