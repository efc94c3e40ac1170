"""How the service goes, over HTTP: from the rows, for an admin of the tenant alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from app.auth import create_key
from tests.app.conftest import Running
from tests.doubles import WordReader
from tests.llm.openai_double import OpenAIDouble

PATH = "/v1/admin/operations"


def told(service: Running, **asked: Any) -> dict[str, Any]:
    """What the service tells its admin."""
    found: dict[str, Any] = (
        service.client.get(PATH, params=asked).raise_for_status().json()
    )  # fmt: skip
    return found


def as_key(service: Running, role: Any, tenant: str = "default") -> httpx.Headers:
    """The header of a new key."""
    key, _ = create_key(service.app.state.store, role, tenant)
    return httpx.Headers({"Authorization": f"Bearer {key}"})


def test_it_tells_of_turns_as_they_went(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """One answered, one failed and one refused; how long the answer took; who is unhappy; and
    what answers.
    """
    service = run_service(WordReader(), llm=double.url)
    assert service.chat("I am angry").status_code == 200
    double.mode = "500"
    assert service.chat("Hello?", customer="bo").status_code == 502
    agent = as_key(service, "agent")
    assert service.client.get(PATH, headers=agent).status_code == 403
    service.app.state.store.audit.flush()
    service.settle()
    found = told(service)
    assert (found["by"], found["rate"], found["running"]) == ("minute", 2, 0)
    assert len(found["points"]) == 60
    total = found["total"]
    assert [total[name] for name in ("turns", "answered", "failed", "stopped")] == [2, 1, 1, 0]
    assert (total["requests_failed"], total["requests_refused"]) == (1, 1)
    assert 0 <= total["first_token"]["p50"] <= total["answer"]["p95"]
    assert sum(point["turns"] for point in found["points"]) == 2
    (low,) = found["low_mood"]["sessions"]
    assert (low["customer"], low["session"]) == ("ada", "s1")
    assert low["score"] < 0
    assert found["unanswered"] == {"sessions": [], "more": False}, "not for a minute yet"
    assert found["digest"] == {"customers": 0, "since": None}
    assert found["model"] == {"name": service.app.state.model.name, "adapter": None}
    assert service.chat("I am angry", customer="cy").status_code == 502
    found = told(service, limit=1)["low_mood"]
    assert [one["customer"] for one in found["sessions"]] == ["cy"]
    assert found["more"]
    for by, count in (("hour", 24), ("day", 30)):
        found = told(service, by=by)
        assert len(found["points"]) == count
        assert found["total"]["turns"] == 3


def test_another_tenant_s_admin_sees_nothing_of_it(service: Running) -> None:
    """Neither counts nor names; and how many are shown is limited."""
    assert service.chat("Hello", customer="somebody").status_code == 200
    answer = service.client.get(PATH, headers=as_key(service, "admin", "shop"))
    found = answer.raise_for_status().json()
    assert (found["rate"], found["total"]["turns"]) == (0, 0)
    assert "somebody" not in answer.text
    assert service.client.get(PATH, params={"limit": 201}).status_code == 422
    assert service.client.get(PATH, params={"by": "year"}).status_code == 422


def test_a_key_can_be_asked_whom_it_lets_in(service: Running) -> None:
    """Its tenant and its role."""
    headers = as_key(service, "agent", "shop")
    found = service.client.get("/v1/key", headers=headers).json()
    assert found == {"tenant": "shop", "role": "agent", "customer": None}
