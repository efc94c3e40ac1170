"""A new customer or session whose name looks like another is refused at every door."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import anyio
import httpx
import jwt
import openai
import pytest
from typer.testing import CliRunner

from app.auth import create_key
from app.cli import app
from memory import InvalidInput, MemoryStore, Scope
from memory.client import ClientError, MemoryClient
from tests.app.conftest import KEY, Running
from tests.app.sources.conftest import Import, bring, faults, target
from tests.app.test_mcp import connected
from tests.contracts.test_lookalikes import brought

__all__ = ["bring", "target"]
SECRET = "a secret that signs customers' tokens"
ALIKE = "ada\u200b "
SAID = "which looks like 'ada': send 'ada'"


def test_every_door_says_which_name_to_send(run_service: Callable[..., Running]) -> None:
    """A customer of such a name is begun by none, and what is refused is stored nowhere."""
    service = run_service(token_secret=SECRET)
    service.client.post("/v1/items", json={"items": [{"id": "i", "title": "A lamp"}]})
    token = jwt.encode({"sub": ALIKE, "exp": int(time.time()) + 600}, SECRET)
    event = {"item": "i", "kind": "viewed"}
    answers = [
        service.chat("hello", customer=ALIKE),
        service.chat("hello", customer=ALIKE, stream=True),
        service.chat("hello", customer="bob", session=ALIKE),
        service.client.post(
            f"/v1/customers/{quote(ALIKE, safe='')}/memories", json={"text": "Likes tea"}
        ),
        service.client.post("/v1/events", json={"customer": ALIKE, "events": [event]}),
        httpx.post(
            f"{service.address}/v1/chat", json={"message": "hello"},
            headers={"Authorization": f"Bearer {token}"}, timeout=60,
        ),
    ]  # fmt: skip
    for answer in answers:
        assert (answer.status_code, SAID in answer.text) == (422, True), answer.text
    chinese = service.client.post(
        "/v1/chat", json={"customer": ALIKE, "message": "hello"},
        headers={"Accept-Language": "zh"},
    )  # fmt: skip
    assert "看起来像 'ada'" in chinese.json()["detail"]
    with openai.OpenAI(base_url=f"{service.address}/v1", api_key=KEY) as client:
        for user, session in ((ALIKE, "s"), ("bob", ALIKE)):
            with pytest.raises(openai.BadRequestError, match="which looks like"):
                client.chat.completions.create(
                    model="any", user=user, messages=[{"role": "user", "content": "hello"}],
                    metadata={"session": session},
                )  # fmt: skip

    async def remember() -> str:
        async with connected(service) as client:
            return str(await client.call_tool("remember", {"customer": ALIKE, "text": "tea"}))

    assert "which looks like" in anyio.run(remember)
    with MemoryClient(service.address, KEY) as client, pytest.raises(ClientError, match=SAID):
        client.chat(ALIKE, "hello")
    assert service.client.get("/v1/customers").json()["customers"] == []


def test_a_tenant_and_what_is_imported_are_held_to_it(bring: Import, target: MemoryStore) -> None:
    """A key's tenant is a new one or one that has keys; an import goes on without the refused."""
    with pytest.raises(InvalidInput, match="which looks like 'shop'"):
        create_key(target, "admin", "shop ")
    said = [{"role": "human", "text": "hello"}]
    report = bring([{"customer": name, "id": "s", "messages": said} for name in (ALIKE, "bob")])
    assert [SAID in why for why in faults(report).values()] == [True]
    assert [one.customer for one in target.transcript.heard("default", 9)] == ["bob"]


def test_a_customer_of_before_is_reached_through_the_doors(
    service: Running, tmp_path: Path
) -> None:
    """By the very name, percent-encoded: talked to, listed, exported, and erased; never mixed."""
    brought(service.app.state.store, ALIKE)
    service.chat("I am the other one").raise_for_status()
    assert service.chat("still here", customer=ALIKE, session=ALIKE).status_code == 200
    path = f"/v1/customers/{quote(ALIKE, safe='')}"
    (session,) = service.client.get(f"{path}/sessions").json()["sessions"]
    assert (session["session"], session["messages"]) == (ALIKE, 3)
    exported = service.client.get(f"{path}/export").text
    assert json.loads(exported.splitlines()[0])["customer"] == ALIKE
    (tmp_path / "ada.jsonl").write_text(exported)
    moved = CliRunner().invoke(
        app, ["import", str(tmp_path / "ada.jsonl"), "--data-dir", str(tmp_path / "there")]
    )
    assert moved.exit_code == 0, moved.output
    assert service.client.delete(path).status_code == 200
    assert service.app.state.store.transcript.sessions(("default", ALIKE)) == []
    assert len(service.app.state.store.transcript.window(Scope("ada", "s1"))) == 2
