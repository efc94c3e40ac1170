"""Who may ask for what: every route is behind a key, and does what the table says."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import anyio
import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.types import Message

import app.routes
from app.auth import create_key
from app.roles import MAY, KeyRole
from tests.app.conftest import Running

OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/"), ("GET", "/web/{name:path}")}
ROUTES = sorted(MAY)


def ask(service: Running, method: str, path: str, key: str | None) -> httpx.Response:
    """Ask for a route with names that are nobody's, and a body that is no request."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    for name in ("customer", "session", "memory", "source", "model"):
        path = path.replace(f"{{{name}}}", "nobody")
    body = {"no such": 1} if method in {"POST", "PUT"} else None
    service.client.headers.pop("Authorization", None)
    return service.client.request(method, path, json=body, headers=headers)


def test_every_route_is_behind_a_key_and_in_the_table(service: Running) -> None:
    """But health and the page; without a key, or with a wrong one, all others answer 401."""
    there = {
        (method, context.path)
        for context in iter_route_contexts(service.app.routes)
        for method in context.methods or ()
    }
    assert there - OPEN == set(ROUTES), "put the route into app/roles.py"
    for method, path in ROUTES:
        for key in (None, "wrong"):
            answer = ask(service, method, path, key)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
    for method, path in OPEN - {("GET", "/web/{name:path}")}:
        assert ask(service, method, path, None).status_code == 200, path


@pytest.mark.parametrize("key", [None, "wrong"])
def test_nothing_is_read_of_who_has_no_key(service: Running, key: str | None) -> None:
    """Every route answers 401 before it asks for the body, which may be long and hard to parse."""
    said: list[Message] = []

    async def receive() -> Message:
        pytest.fail("the body was asked for")

    async def send(message: Message) -> None:
        said.append(message)

    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    if key is not None:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    for method, path in ROUTES:
        scope = {
            "type": "http", "http_version": "1.1", "scheme": "http", "method": method,
            "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
            "client": ("203.0.113.7", 1),
        }  # fmt: skip
        said.clear()
        anyio.run(service.app, scope, receive, send)
        assert said[0]["status"] == 401, (method, path)


def test_a_key_may_what_the_table_says_of_its_role(service: Running) -> None:
    """403 for everything else, before anything is looked at; models are the service's own, so they
    are for no other tenant's admin.
    """
    store = service.app.state.store
    for tenant in ("default", "shop"):
        for role in get_args(KeyRole):
            key, _ = create_key(store, role, tenant)
            for method, path in ROUTES:
                may = MAY[method, path]
                answer = ask(service, method, path, key)
                allowed = role in may or f"{tenant}:{role}" in may
                assert (answer.status_code == 403) == (not allowed), (tenant, role, method, path)
                if not allowed:
                    assert answer.json()["type"] == "urn:problem:forbidden"
                    assert f"role {role}" in answer.json()["detail"]


def test_what_stands_not_in_the_table_is_for_nobody(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route that was forgotten there is closed, not open."""
    assert service.client.get("/v1/knowledge").status_code == 200
    monkeypatch.delitem(MAY, ("GET", "/v1/knowledge"))
    answer = service.client.get("/v1/knowledge")
    assert answer.status_code == 403
    assert "for nobody" in answer.json()["detail"]


def test_no_route_makes_a_scope_of_its_own() -> None:
    """Whose memory is asked for comes from who asks: a route that called Scope would pass it by."""
    for file in Path(app.routes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id == "Scope"), file.name
