"""The memory as tools for MCP clients, over HTTP and by standard input and output."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import httpx2
import jwt
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from app.auth import create_key
from tests.app.conftest import KEY, Running

SECRET = "a secret that signs customers' tokens"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@asynccontextmanager
async def connected(service: Running, key: str = KEY, mode: str = "auto") -> AsyncIterator[Client]:
    """An MCP client of a served app; ``legacy`` is the protocol with a handshake."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(
            streamable_http_client(f"{service.address}/mcp", http_client=http), mode=mode
        ) as client,
    ):
        yield client


def run(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do it on an event loop."""
    anyio.run(steps)


def said(result: CallToolResult) -> str:
    """The text that a tool gave."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_tools_see_the_memory_that_the_api_sees(service: Running, mode: str) -> None:
    """What is said over REST is recalled, what a tool remembers is listed by REST, and what it
    forgets is gone there, with either generation of the protocol; names may have a slash.
    """
    service.chat("My order is 4417-XZ", customer="a/da").raise_for_status()
    service.settle()
    path = "/v1/customers/a%2Fda/memories"

    async def steps() -> None:
        async with connected(service, mode=mode) as client:
            tools = (await client.list_tools()).tools
            assert [one.name for one in tools] == ["remember", "recall", "memories", "forget"]
            assert all("customer" in one.input_schema["required"] for one in tools)
            # The client holds structured answers to the schemas of the tools.
            recalled = await client.call_tool("recall", {"customer": "a/da", "query": "order?"})
            assert "4417-XZ" in said(recalled)
            tea = {"customer": "a/da", "text": "Prefers tea", "slot": None, "pinned": True}
            added = (await client.call_tool("remember", tea)).structured_content
            assert added is not None
            rest = service.client.get(path).json()
            assert rest["memories"][0] == added
            assert (added["pinned"], added["role"]) == (True, "note")
            listed = await client.call_tool("memories", {"customer": "a/da"})
            assert listed.structured_content == rest
            page = await client.call_tool("memories", {"customer": "a/da", "limit": 1})
            assert page.structured_content == service.client.get(path, params={"limit": 1}).json()
            gone = await client.call_tool("forget", {"customer": "a/da", "memory": added["id"]})
            assert gone.structured_content is not None
            assert gone.structured_content["memories"] == [added["id"]]

    run(steps)
    assert "tea" not in service.client.get(path).text


def test_a_tool_that_fails_says_what_to_do(service: Running) -> None:
    """As the route does that it asks, and arguments by their names."""

    async def steps() -> None:
        async with connected(service) as client:
            for tool, given, told in [
                ("recall", {"customer": "eve", "query": "tea"}, "There is no customer 'eve'."),
                ("recall", {"query": "tea"}, "customer: is missing: send it"),
                ("recall", {"customer": "", "query": "tea"}, "customer: is empty"),
                ("memories", {"customer": "ada", "slot": "shoes"}, "slot: there is no such slot"),
                ("memories", {"customer": "ada", "limit": 0}, "limit: is too small"),
                ("remember", {"customer": "ada", "text": " "}, "text"),
                ("forget", {"customer": "ada", "memory": "1"}, "has no memory '1'"),
                ("forget", {"customer": "ada", "memory": ".."}, "memory"),
                ("erase", {"customer": "ada"}, "use remember, recall, memories, forget"),
            ]:
                result = await client.call_tool(tool, given)
                assert result.is_error, (tool, given)
                assert told in said(result), (tool, given)

    run(steps)


def test_a_key_reaches_by_tools_what_it_reaches_by_the_api(run_service: Any) -> None:
    """The table's roles hold; another tenant's customer is not there; a customer's own token, which
    may neither recall nor list over REST, may not here; without a key, or with a wrong one, 401.
    """
    service = run_service(token_secret=SECRET)
    service.chat("My order is 4417-XZ").raise_for_status()
    service.settle()
    store = service.app.state.store
    keys = {role: create_key(store, role)[0] for role in ("agent", "service", "metrics")}
    other, _ = create_key(store, "admin", "north")
    one = service.client.get("/v1/customers/ada/memories").json()["memories"][0]["id"]
    calls = {
        "recall": {"customer": "ada", "query": "order"}, "memories": {"customer": "ada"},
        "remember": {"customer": "ada", "text": "Prefers tea"},
        "forget": {"customer": "ada", "memory": one},
    }  # fmt: skip

    async def outcome(key: str) -> dict[str, str]:
        async with connected(service, key) as client:
            return {name: said(await client.call_tool(name, calls[name])) for name in calls}

    async def steps() -> None:
        told = await outcome(keys["service"])
        assert "4417-XZ" in told.pop("recall")
        assert set(told.values()) == {
            "A key of the role service may not do this: it is for admin, agent."
        }
        told = await outcome(other)
        added = told.pop("remember")  # to a customer of their own, of the same name
        assert "4417-XZ" not in f"{told}{added}"
        assert "has no memory" in told["forget"]
        assert "4417-XZ" in (await outcome(keys["agent"]))["memories"]

    run(steps)
    token = jwt.encode({"sub": "ada", "exp": 2**31}, SECRET, "HS256")
    for carried, status in [(token, 403), (keys["metrics"], 403), ("wrong", 401)]:
        headers = {"Authorization": f"Bearer {carried}"}
        answer = httpx.post(f"{service.address}/mcp", json=PING, headers=headers, timeout=60)
        assert answer.status_code == status, answer.text
    assert httpx.post(f"{service.address}/mcp", json=PING, timeout=60).status_code == 401


def test_a_call_is_entered_counted_and_logged_like_the_route(
    run_service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One entry with the action of the route, one request of the key's limit, and no line of the
    log that has what was said, or of whom.
    """
    caplog.set_level(logging.DEBUG, "app")  # of other packages the service writes warnings only
    service = run_service(rate_key="9/hour")
    store = service.app.state.store
    key, made = create_key(store, "agent")

    async def steps() -> None:
        async with connected(service, key, mode="2026-07-28") as client:
            for _ in range(4):
                given = {"customer": "ada", "text": "Prefers tea"}
                assert not (await client.call_tool("remember", given)).is_error
            assert (await client.call_tool("recall", {"customer": "eve", "query": "tea"})).is_error

    run(steps)
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{service.address}/mcp", json=PING, headers=headers, timeout=60)
    left = int(answer.headers["ratelimit"].split("r=")[1].split(";")[0])
    assert left == 9 - 7, "the client lists the tools once, then four and one are called, and this"
    entries = store.audit.entries(100)
    assert {(one.action, one.outcome) for one in entries if one.actor == made.id} == {
        ("change.memories", "done"), ("read.recall", "absent"),
    }  # fmt: skip
    assert not [word for word in ("tea", "ada", "eve", key) if word in caplog.text]
    for _ in range(left):
        httpx.post(
            f"{service.address}/mcp", json=PING, headers=headers, timeout=60
        ).raise_for_status()
    refused = httpx.post(f"{service.address}/mcp", json=PING, headers=headers, timeout=60)
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)


def test_pages_elsewhere_and_long_bodies_are_refused(run_service: Any) -> None:
    """An ``Origin`` that the settings do not name (403), whatever ``Host`` it names; a body past
    the service's limit, also sent in pieces (413); what is no message (400); GET (405).
    """
    service = run_service(origins="https://shop.example", max_message_bytes=1000)
    client = service.client
    for origin, status in [
        ("https://shop.example", 200), ("https://evil.example", 403), ("null", 403),
        (service.address, 403),
    ]:  # fmt: skip
        answer = client.post("/mcp", json=PING, headers={"Origin": origin})
        assert answer.status_code == status, (origin, answer.text)
    rebound = {"Origin": "http://evil.example", "Host": "evil.example"}
    assert client.post("/mcp", json=PING, headers=rebound).status_code == 403
    headers = {"Content-Type": "application/json"}
    assert client.post("/mcp", content=b" " * 30_000, headers=headers).status_code == 413
    pieces = (b" " * 1000 for _ in range(30))
    assert client.post("/mcp", content=pieces, headers=headers).status_code == 413
    assert client.post("/mcp", content=b"{", headers=headers).status_code == 400
    assert client.get("/mcp").status_code == 405


def test_without_the_package_it_is_said_what_to_install(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """501 with the command, and the rest of the service answers."""
    monkeypatch.setitem(sys.modules, "app.tools", None)
    answer = service.client.post("/mcp", json=PING)
    assert answer.status_code == 501
    assert "langchain-memory-service[mcp]" in answer.json()["detail"]
    assert service.client.get("/v1/key").status_code == 200


def test_the_tools_on_standard_input_and_output_are_the_service_s(service: Running) -> None:
    """``memory-service mcp`` asks the service at ``--url`` with its key; where none answers, the
    tool says what to do.
    """
    service.chat("My order is 4417-XZ").raise_for_status()
    service.settle()

    async def asked(address: str) -> str:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "app", "mcp", "--url", address],
            env={**os.environ, "MEMORY_SERVICE_API_KEY": KEY},
        )
        async with Client(stdio_client(server)) as client:
            return said(await client.call_tool("recall", {"customer": "ada", "query": "order"}))

    async def steps() -> None:
        async with anyio.create_task_group() as both:
            both.start_soon(well)
            both.start_soon(ill)

    async def well() -> None:
        assert "4417-XZ" in await asked(service.address)

    async def ill() -> None:
        assert "memory-service serve" in await asked("http://127.0.0.1:9")

    run(steps)
