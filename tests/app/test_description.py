"""openapi.json says what is true: real answers and problems are as it describes them."""

from __future__ import annotations

import difflib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from jsonschema import Draft202012Validator

import app.api
import memory.sqlite
from app.chains.insights import Monitoring
from app.problems import is_openai
from app.routes.translations import IMPORT_BYTES
from app.webhooks import Webhooks
from tests.app.conftest import Running, until
from tests.app.test_insights import plant
from tests.doubles import WordReader
from tests.llm.openai_double import OpenAIDouble

CUSTOMER = "/v1/customers/{customer}"
SECRET = "a secret that signs customers' tokens"
JSONL = "application/x-ndjson"
SSE = "text/event-stream"
SESSION = f"{CUSTOMER}/sessions/{{session}}"


def described(service: Running) -> dict[str, Any]:
    """The service's description."""
    found: dict[str, Any] = service.client.get("/openapi.json").json()
    return found


def resolved(document: dict[str, Any], node: Any) -> Any:
    """A part of the description with what it refers to in it."""
    if isinstance(node, dict):
        if "$ref" in node:
            found: Any = document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            return resolved(document, found)
        return {key: resolved(document, value) for key, value in node.items()}
    return [resolved(document, item) for item in node] if isinstance(node, list) else node


def check(document: dict[str, Any], method: str, path: str, answer: httpx.Response) -> None:
    """A response is declared for its status and media type, and is as its schema says."""
    responses = resolved(document, document["paths"][path][method]["responses"])
    where = f"{method} {path} {answer.status_code}"
    assert str(answer.status_code) in responses, where
    kind = answer.headers["content-type"].split(";")[0]
    response = responses[str(answer.status_code)]
    assert kind in response["content"], where
    for name, header in response.get("headers", {}).items():
        assert name in answer.headers or not header.get("required"), (where, name)
    validate(document, response["content"][kind], answer.text)


def validate(document: dict[str, Any], content: dict[str, Any], text: str) -> None:
    """A body, or each line of one that is lines, is as a description's content says."""
    if "schema" in content:
        Draft202012Validator(resolved(document, content["schema"])).validate(json.loads(text))
        return
    lines = Draft202012Validator(resolved(document, content["itemSchema"]))
    for line in text.splitlines():
        lines.validate(json.loads(line))


def test_every_operation_is_described_with_examples(service: Running) -> None:
    """A description, an example of the body and of the answer, problems as problem documents; every
    example is as its schema says.
    """
    document = described(service)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("description"), where
            well = [status for status in operation["responses"] if status.startswith("2")]
            assert len(well) == 1, where
            content = operation["responses"][well[0]]["content"]
            parts = [("answer", content.get("application/json") or content[JSONL])]
            if "requestBody" in operation:
                parts.append(("body", operation["requestBody"]["content"]["application/json"]))
            for status, response in resolved(document, operation["responses"]).items():
                if status not in well:
                    assert list(response["content"]) == ["application/problem+json"], where
                    assert response["description"], where
                    parts.append((status, response["content"]["application/problem+json"]))
            for name, part in parts:
                examples = [part["example"]] if "example" in part else None
                examples = examples or resolved(document, part["schema"]).get("examples")
                assert examples, f"{where} has no example of {name}: see app/description.py"
                for example in examples:
                    text = example if "itemSchema" in part else json.dumps(example)
                    validate(document, part, text)
            assert ("401" in operation["responses"]) == path.startswith("/v1/"), where
    assert "HTTPValidationError" not in document["components"]["schemas"]
    # Where pydantic cannot say a limit in the words of JSON Schema it says it in its own.
    assert not {"ge", "gt", "le", "lt"} & set(re.findall(r'"(\w+)":', json.dumps(document)))


def test_the_description_stands_in_the_repository(service: Running) -> None:
    """The file is what the service says of itself, and each operation has a name of its own."""
    written = (Path(app.api.__file__).parent / "openapi.json").read_text(encoding="utf-8")
    now = app.api.document()
    changed = difflib.unified_diff(written.splitlines(), now.splitlines(), "file", "now", n=1)
    told = "\n".join(islice(changed, 20))
    assert not told, f"run `python -m app openapi > app/openapi.json`:\n{told}"
    assert described(service) == json.loads(written)
    operations = [one for path in described(service)["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)


def test_real_answers_are_as_described(service: Running) -> None:
    """One of each route that the description names."""
    document = described(service)
    service.chat("My order number is 4417-XZ", session="monday")
    turn = service.chat("Which order number?").json()["turn"]
    service.settle()
    message = {"customer": "ada", "message": "Which order?"}
    completion = {"user": "ada", "messages": [{"role": "user", "content": "Which order?"}]}
    fact = {"text": "Order number: 1-XZ", "slot": "order_number", "value": "1-XZ"}
    memories = "/v1/customers/ada/memories"
    added = service.client.post(memories, json=fact)
    check(document, "post", f"{CUSTOMER}/memories", added)
    one = f"{memories}/{added.json()['id']}"
    taken_over = "/v1/customers/ada/sessions/s1"
    service.client.put(f"{taken_over}/handover").raise_for_status()
    replied = service.client.post(f"{taken_over}/replies", json={"text": "Hi"})
    check(document, "post", f"{SESSION}/replies", replied)
    insights = "/v1/insights"
    news = {"documents": [{"id": "n/1", "text": "Orders are late."}]}
    store = service.app.state.store
    plant(store)
    hooks = Webhooks(None, None)
    monitoring = Monitoring(store, service.app.state.settings, WordReader(), hooks)
    service.app.state.monitoring = monitoring
    monitoring.look()
    (alert,) = store.alerts.newest("default", 1)
    pair = {"source": "en", "target": "zh"}
    units = {**pair, "units": [{"source": "Thank you", "target": "谢谢"}]}
    service.client.post("/v1/translation-memory", json=units).raise_for_status()
    (unit,) = service.client.get("/v1/translation-memory").json()["translations"]
    translation = f"/v1/translation-memory/{unit['id']}"
    asked: dict[tuple[str, str], tuple[str, Any]] = {
        ("post", "/v1/translation-memory"): ("/v1/translation-memory", units),
        ("get", "/v1/translation-memory"): ("/v1/translation-memory", None),
        ("get", "/v1/translation-memory/export"): ("/v1/translation-memory/export", None),
        ("post", "/v1/translation-memory/search"): (
            "/v1/translation-memory/search",
            {**pair, "text": "Thanks"},
        ),
        ("get", "/v1/translate"): ("/v1/translate", None),
        ("post", f"{SESSION}/translations"): (
            "/v1/customers/ada/sessions/s1/translations",
            {"target": "en"},
        ),
        ("post", "/v1/translate"): ("/v1/translate", {**pair, "text": "Thank you"}),
        ("put", "/v1/translation-memory/{unit}"): (translation, {"target": "谢谢您"}),
        ("delete", "/v1/translation-memory/{unit}"): (translation, None),
        ("post", f"{insights}/documents"): (f"{insights}/documents", news),
        ("get", f"{insights}/documents"): (f"{insights}/documents", None),
        ("get", insights): (f"{insights}?source=documents", None),
        ("get", f"{insights}/tenants"): (f"{insights}/tenants", None),
        ("get", f"{insights}/alerts"): (f"{insights}/alerts?open=true", None),
        ("get", f"{insights}/alerts/{{alert}}"): (f"{insights}/alerts/{alert.id}", None),
        ("delete", f"{insights}/documents/{{document}}"): (f"{insights}/documents/n%2F1", None),
        ("get", "/healthz"): ("/healthz", None),
        ("get", "/readyz"): ("/readyz", None),
        ("post", "/v1/chat"): ("/v1/chat", message),
        ("post", "/v1/chat/completions"): ("/v1/chat/completions", completion),
        ("get", "/v1/models"): ("/v1/models", None),
        ("get", "/v1/models/{model}"): ("/v1/models/echo", None),
        ("post", "/v1/embeddings"): ("/v1/embeddings", {"input": "order"}),
        ("post", "/v1/prompt"): ("/v1/prompt", message),
        ("post", "/v1/answers"): ("/v1/answers", {"customer": "ada", "question": "Which order?"}),
        ("post", "/v1/summaries"): ("/v1/summaries", {"customer": "ada", "session": "monday"}),
        ("post", f"{CUSTOMER}/recall"): ("/v1/customers/ada/recall", {"query": "order"}),
        ("get", f"{CUSTOMER}/sessions"): ("/v1/customers/ada/sessions", None),
        ("get", "/v1/customers"): ("/v1/customers", None),
        ("get", "/v1/queue"): ("/v1/queue", None),
        ("get", f"{CUSTOMER}/memories"): ("/v1/customers/ada/memories", None),
        ("get", f"{CUSTOMER}/card"): ("/v1/customers/ada/card", None),
        ("post", f"{CUSTOMER}/forget"): (
            "/v1/customers/ada/forget",
            {"policy": {"max_records": 9}},
        ),
        ("get", f"{CUSTOMER}/memories/{{memory}}"): (one, None),
        ("put", f"{CUSTOMER}/memories/{{memory}}"): (one, {"value": "2-XZ"}),
        ("delete", f"{CUSTOMER}/memories/{{memory}}"): (one, None),
        ("get", SESSION): ("/v1/customers/ada/sessions/s1", None),
        ("get", f"{SESSION}/messages"): ("/v1/customers/ada/sessions/s1/messages", None),
        ("delete", f"{SESSION}/answer"): ("/v1/customers/ada/sessions/s1/answer", None),
        ("put", f"{SESSION}/rating"): ("/v1/customers/ada/sessions/s1/rating", {"rating": "good"}),
        ("put", f"{CUSTOMER}/turns/{{turn}}/rating"): (
            f"/v1/customers/ada/turns/{turn}/rating",
            {"rating": "good"},
        ),
        ("put", f"{SESSION}/handover"): ("/v1/customers/ada/sessions/s1/handover", None),
        ("delete", f"{SESSION}/handover"): ("/v1/customers/ada/sessions/s1/handover", None),
        ("get", "/v1/admin/audit"): ("/v1/admin/audit?customer=ada", None),
        ("get", "/v1/admin/models"): ("/v1/admin/models", None),
        ("get", "/v1/admin/operations"): ("/v1/admin/operations?by=hour", None),
        ("get", "/v1/key"): ("/v1/key", None),
        ("post", "/v1/knowledge"): ("/v1/knowledge", {"source": "a/b.md", "text": "# Orders"}),
        ("get", "/v1/knowledge"): ("/v1/knowledge", None),
        ("post", "/v1/knowledge/search"): ("/v1/knowledge/search", {"query": "orders"}),
        ("get", "/v1/knowledge/{source}"): ("/v1/knowledge/a%2Fb.md", None),
        ("delete", "/v1/knowledge/{source}"): ("/v1/knowledge/a%2Fb.md", None),
        ("post", "/v1/items"): ("/v1/items", {"items": [{"id": "a/b", "title": "A lamp"}]}),
        ("post", "/v1/items/import"): ("/v1/items/import", {"text": "id,title\nc,A desk"}),
        ("get", "/v1/items"): ("/v1/items", None),
        ("get", "/v1/items/{item}"): ("/v1/items/a%2Fb", None),
        ("post", "/v1/events"): (
            "/v1/events",
            {"customer": "ada", "events": [{"item": "c", "kind": "liked", "id": "k1"}]},
        ),
        ("get", f"{CUSTOMER}/events"): ("/v1/customers/ada/events", None),
        ("post", "/v1/recommendations"): ("/v1/recommendations", {"customer": "ada"}),
        ("delete", f"{CUSTOMER}/events/{{event}}"): ("/v1/customers/ada/events/k1", None),
        ("delete", "/v1/items/{item}"): ("/v1/items/a%2Fb", None),
        ("delete", SESSION): ("/v1/customers/ada/sessions/s1", None),
        ("get", f"{CUSTOMER}/export"): ("/v1/customers/ada/export", None),
        ("delete", CUSTOMER): ("/v1/customers/ada", None),
    }
    described_ones = {(m, p) for p, operations in document["paths"].items() for m in operations}
    refused = {
        ("post", "/v1/admin/models/{model}/promote"): ("/v1/admin/models/x/promote", 409),
        ("post", "/v1/admin/models/rollback"): ("/v1/admin/models/rollback", 409),
    }
    others = {("post", f"{CUSTOMER}/memories"), ("post", f"{SESSION}/replies"), *refused}
    assert described_ones == {*asked, *others}, "a route is not asked here"
    for (method, path), (url, status) in refused.items():
        answer = service.client.request(method, url)
        assert answer.status_code == status
        check(document, method, path, answer)
    for (method, path), (url, body) in asked.items():
        answer = service.client.request(method, url, json=body)
        assert answer.status_code == 200, url
        check(document, method, path, answer)
    anybody = httpx.Client(base_url=service.address, timeout=60)
    for (method, path), (url, body) in asked.items():
        if path.startswith("/v1/"):
            check(document, method, path, anybody.request(method, url, json=body))
        # Of a turn only a customer's own token is told so: see below.
        if "404" in document["paths"][path][method]["responses"] and not path.startswith(
            ("/v1/chat", "/v1/models", "/v1/insights/alerts", "/v1/translat")
        ):
            gone = service.client.request(method, url, json=body)
            assert gone.status_code == 404, url
            check(document, method, path, gone)
        if "{customer}" in path:
            check(document, method, path, service.client.request(method, url.replace("ada", "%00"),
                                                                 json=body))  # fmt: skip
        if body is not None:
            headers = {"content-type": "application/json"}
            wrong = 400 if is_openai(path) else 422
            for content, status in (
                (b'{"no such": 1}', wrong),
                (b"{", wrong),
                (b"\xff", 400),
                (b" " * 250_000, 413),
            ):
                if status == 413 and (method, path) == ("post", "/v1/translation-memory"):
                    content = b" " * (IMPORT_BYTES + 1)
                refused = service.client.request(method, url, content=content, headers=headers)
                assert refused.status_code == status
                check(document, method, path, refused)
    anybody.close()


def test_a_customer_who_names_somebody_else_is_told_as_described(
    run_service: Callable[..., Running],
) -> None:
    """404, whoever that is."""
    service = run_service(token_secret=SECRET)
    claims = {"sub": "eve", "exp": time.time() + 3600}
    document = described(service)
    service.client.headers["Authorization"] = f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"
    answer = service.chat("hello", customer="ada")
    assert answer.status_code == 404
    check(document, "post", "/v1/chat", answer)


@pytest.mark.parametrize(("mode", "status"), [("500", 502), ("empty", 502), ("hang", 504)])
def test_a_model_that_fails_is_as_described(
    run_service: Callable[..., Running], double: OpenAIDouble, mode: Any, status: int
) -> None:
    """Its problems are declared."""
    service = run_service(llm=double.url, llm_timeout=0.5 if mode == "hang" else 20)
    double.mode = mode
    answer = service.chat("hello")
    assert answer.status_code == status
    check(described(service), "post", "/v1/chat", answer)


def test_turns_in_each_others_way_are_as_described(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Busy, deleted meanwhile, a key that was used for something else, and a turn that broke off
    before others.
    """
    service = run_service(llm=double.url, busy_wait=0)
    double.pause = 0
    document = described(service)
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(service.chat("hello")))
    thread.start()
    until(lambda: bool(double.requests))
    busy = service.chat("me too")
    service.client.delete("/v1/customers/ada").raise_for_status()
    double.go.set()
    thread.join()
    service.chat("one", idempotency_key="k")
    conflict = service.chat("two", idempotency_key="k")
    double.mode = "empty"
    service.chat("three", idempotency_key="k3")
    double.mode = "ok"
    service.chat("four")
    passed = service.chat("three", idempotency_key="k3")
    assert passed.json()["type"] == "urn:problem:turn-passed"
    assert "new idempotency key" in passed.json()["detail"]
    assert [a.status_code for a in (busy, *answers, conflict, passed)] == [409, 410, 409, 409]
    for answer in (busy, *answers, conflict, passed):
        check(document, "post", "/v1/chat", answer)


def test_a_database_that_is_away_is_as_described(
    service: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, of a turn and of /readyz."""
    service.settle()
    document = described(service)
    monkeypatch.setattr(memory.sqlite, "BUSY_SECONDS", 0.2)
    service.app.state.store.database.engine.dispose()
    other = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for method, path, answer in (
        ("post", "/v1/chat", service.chat("hello")),
        ("get", "/readyz", service.client.get("/readyz")),
        ("delete", CUSTOMER, service.client.delete("/v1/customers/ada")),
    ):
        assert answer.status_code == 503, path
        check(document, method, path, answer)
    other.execute("ROLLBACK")
    other.close()


def test_the_events_of_a_stream_are_as_described(service: Running) -> None:
    """Each by its name; a stream ends with exactly one of `done` and `error`, examples too."""
    document = described(service)
    stream = document["paths"]["/v1/chat"]["post"]["responses"]["200"]["content"][SSE]
    shapes = {
        one["properties"]["event"]["const"]: Draft202012Validator(
            resolved(document, one["properties"]["data"]["contentSchema"])
        )
        for one in stream["itemSchema"]["oneOf"]
    }
    real = service.chat("Where is my order 4417-XZ?", stream=True).text
    for text in (real, *(one["value"] for one in stream["examples"].values())):
        names = []
        for event in text.strip().split("\n\n"):
            name, data = (line.split(": ", 1)[1] for line in event.splitlines())
            shapes[name].validate(json.loads(data))
            names.append(name)
        assert names[-1] in ("done", "error")
        assert not {"done", "error"} & set(names[:-1])
