"""What /readyz says, to whom: whether turns can be answered, and how far the digest is behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from memory import MemoryStore, Scope
from memory.history import make_message
from tests.app.conftest import Running
from tests.app.test_metrics import one, scrape
from tests.llm.openai_double import OpenAIDouble


def test_an_address_is_told_only_to_those_who_run_it(
    run_service: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody learns that the model does not answer; a key of `default`, and the log, say which."""
    with OpenAIDouble() as model:
        service = run_service(llm=model.url, token_secret="a secret that signs customers' tokens")
    server = httpx.URL(model.url).netloc.decode()
    for carried in (None, "Bearer wrong", "Basic YTpi", "Bearer"):
        headers = {} if carried is None else {"Authorization": carried}
        answer = httpx.get(f"{service.address}/readyz", headers=headers, timeout=60)
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["The model does not answer."]
        assert server not in answer.text
    assert server in service.client.get("/readyz").json()["detail"]
    told = [line for line in caplog.messages if line.startswith("not ready:")]
    assert len(told) == 1, told  # it has not changed since
    assert server in told[0]


def test_a_digest_that_lags_is_degraded_and_still_ready(
    run_service: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """200: nobody is kept from an answer. It is over when the digest is done."""
    service = run_service(digest_lag=60)
    store, readiness = service.app.state.store, service.app.state.readiness
    _say(store, Scope("ada"))
    readiness.digest.look()
    assert service.client.get("/readyz").json()["status"] == "ok"
    since = store.operations.lag().since
    assert since is not None
    monkeypatch.setattr("app.readiness.now", lambda: since + timedelta(minutes=10))
    answer = httpx.get(f"{service.address}/readyz", timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert "said 600 s ago" in answer.json()["problems"][0]
    found = scrape(service)
    assert one(found, "digest_behind_customers") == 1
    assert one(found, "digest_lag_seconds") == 600
    service.app.state.chain.digests.rest()
    service.settle()
    readiness.digest.look()
    assert service.client.get("/readyz").json()["status"] == "ok"
    assert one(scrape(service), "digest_lag_seconds") == 0


def test_a_look_that_fails_is_told_once(
    service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it was; what was known is told on, and the next look finds it again."""
    store, digest = service.app.state.store, service.app.state.readiness.digest
    _say(store, Scope("ada"))
    digest.look()
    with monkeypatch.context() as patched:
        patched.setattr(store.operations, "lag", lambda: 1 / 0)
        digest.look()
        digest.look()
    assert sum("cannot be said" in line for line in caplog.messages) == 1
    assert one(scrape(service), "digest_behind_customers") == 1
    service.app.state.chain.digests.rest()
    service.settle()
    digest.look()
    assert one(scrape(service), "digest_behind_customers") == 0


def test_the_lag_is_that_of_all_tenants(store: MemoryStore) -> None:
    """On either database; of one tenant it is that tenant's."""
    assert store.operations.lag().since is None
    _say(store, Scope("ada"))
    _say(store, Scope("bo", tenant="northern"))
    _say(store, Scope("cy", tenant="northern"))
    tenants = (None, "default", "northern")
    assert [store.operations.lag(tenant).customers for tenant in tenants] == [3, 1, 2]


def _say(store: MemoryStore, scope: Scope) -> None:
    """Store a turn that no digest sees."""
    store.turns.save(scope, make_message("human", "hello", 5), make_message("ai", "hi", 5))
