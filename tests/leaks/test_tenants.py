"""Tenants and customers share a service, or two on one database, and see nothing of each other."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa

from app.auth import create_key
from app.main import create_app
from app.settings import Settings
from memory import Scope, open_store
from memory.clock import now
from memory.posts import Post
from memory.surges import Hour, Threshold
from tests.app.conftest import KEY, Running, serving
from tests.crash.served import Served
from tests.leaks.conftest import PROBES, SEED
from tests.leaks.world import CUSTOMERS, SECRET, TENANTS, World
from tests.older import begun

LONG = PROBES >= 2_000
SETTINGS: dict[str, Any] = {
    "llm": "fake:echo", "understanding": "off", "token_secret": SECRET, "rate_key": "off",
    "rate_customer": "off", "rate_failures": "off", "translator": "llm",
}  # fmt: skip


@contextmanager
def one_service(folder: Path) -> Iterator[World]:
    """A service with its tenants and customers; in the long form with all of them."""
    size = (len(TENANTS), len(CUSTOMERS)) if LONG else (4, 9)
    app = create_app(Settings(data_dir=folder, api_key=KEY, **SETTINGS))
    store = app.state.store
    with serving(app) as address:
        yield World(store, [address], lambda: store.wait(30), SEED, *size)


@contextmanager
def two_processes(folder: Path, server: sa.Engine) -> Iterator[World]:
    """Two services in processes of their own over one Postgres: each request goes to either."""
    size = (len(TENANTS), len(CUSTOMERS)) if LONG else (2, 6)
    with server.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA leaks")
    url = server.url.update_query_dict({"options": "-csearch_path=leaks"})
    database = url.render_as_string(hide_password=False)
    both = [Served(folder / name, database=database, **SETTINGS) for name in ("one", "two")]
    with open_store(database) as store:

        def settle() -> None:
            until = time.monotonic() + 120
            while store.lagging() and time.monotonic() < until:
                time.sleep(0.05)

        try:
            for one in both:
                one.start()
            yield World(store, [one.address for one in both], settle, SEED, *size)
        finally:
            for one in both:
                one.stop()


@pytest.fixture(scope="module", params=["one service", "two processes"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A service on SQLite, and two on one Postgres."""
    folder = tmp_path_factory.mktemp("leaks")
    made: AbstractContextManager[World]
    if request.param == "one service":
        made = one_service(folder)
    else:
        made = two_processes(folder, request.getfixturevalue("postgres"))
    with made as world:
        yield world
        world.close()


def test_no_probe_finds_what_is_another_s(world: World, probes: Counter[str]) -> None:
    """Random tenants ask random routes for random customers, their twins, ids, places in lists and
    each other's very words: no answer has a word of another scope, and enough have their own.
    """
    found: Counter[str] = Counter()
    made = PROBES // len(world.addresses)
    for _ in range(made):
        tenant, customer, method, path, body = probe = world.probe()
        answer = world.clients[tenant].request(method, path, json=body)
        probes["requests with another tenant's or customer's names, ids and words"] += 1
        assert answer.status_code in {200, 400, 404, 409, 422}, (probe, answer.text)
        seen = world.seen(answer.text)
        assert seen <= {(tenant, customer), (tenant, None)}, probe
        if path.startswith("/v1/customers?") and answer.status_code == 200:
            listed = {one["customer"] for one in answer.json()["customers"]}
            assert all(_heard(world, tenant, one) for one in listed), probe
        found["own"] += bool(seen)
        found["nothing"] += not seen
    assert min(found["own"], found["nothing"]) > made // 20, found


def _heard(world: World, tenant: str, customer: str) -> bool:
    scope = Scope(customer, tenant=tenant)
    return bool(world.store.records.state(scope.owner).generation)


def test_no_customer_s_token_finds_what_is_another_s(world: World, probes: Counter[str]) -> None:
    """The same with customers' own tokens: they get answers of their own only, others are not
    there, and what is for staff is refused.
    """
    found: Counter[int] = Counter()
    made = PROBES // len(world.addresses)
    for _ in range(made):
        (tenant, whose), client = world.random.choice(list(world.customers.items()))
        _, customer, method, path, body = world.probe()
        if world.random.random() < 0.35:  # of so many names one's own would seldom come up
            _, customer, method, path, body = world.probe(customer=whose)
        answer = client.request(method, path, json=body)
        probes["requests with customers' own tokens"] += 1
        asked = (tenant, whose, path, body)
        assert world.seen(answer.text) <= {(tenant, whose), (tenant, None)}, asked
        found[answer.status_code] += 1
        if answer.status_code == 200:
            assert customer == whose, asked
        elif answer.status_code == 404 and customer != whose:
            assert answer.json()["detail"] == f"There is no customer {customer!r}.", asked
        else:
            # 400: a past that was not said here.
            assert answer.status_code in {400, 403, 404, 409, 422}, (asked, answer.text)
    assert min(found[code] for code in (200, 403, 404)) > made // 50, found


def test_an_idempotency_key_is_its_customer_s(world: World, probes: Counter[str]) -> None:
    """Who sends another's key with another's very message gets a turn of their own."""
    for (tenant, customer), word in list(world.words.items()):
        if customer is None:
            continue
        body = {"customer": customer, "session": "monday", "idempotency_key": "k1"}
        said = next(
            line["text"]
            for line in _lines(world, tenant, customer)
            if line["kind"] == "message" and line["role"] == "human" and word in line["text"]
        )
        first = world.clients[tenant].post("/v1/chat", json={**body, "message": said}).json()
        for other in (f"{customer} 2", f"{customer}\u200b"):
            begun(world.store, Scope(other, tenant=tenant))
            answer = world.clients[tenant].post(
                "/v1/chat", json={**body, "customer": other, "message": said}
            )
            probes["retries of others' turns by their idempotency keys"] += 1
            assert answer.json()["turn"] != first["turn"], (tenant, customer, other)
            assert not answer.json()["recalled"], (tenant, customer, other)


def _lines(world: World, tenant: str, customer: str) -> list[dict[str, Any]]:
    path = f"/v1/customers/{quote(customer, safe='')}/export"
    return [json.loads(line) for line in world.clients[tenant].get(path).text.splitlines()]


def test_what_is_another_tenant_s_is_as_if_it_were_not_there(service: Running) -> None:
    """The same answer, word for word, for a customer of another tenant and for nobody; nothing that
    is written, deleted or erased reaches across.
    """
    store = service.app.state.store
    clients = []
    for tenant in ("north", "south"):
        key, _ = create_key(store, "admin", tenant)
        # With an id of its own a request's answer is like no other.
        headers = {"Authorization": f"Bearer {key}", "X-Request-ID": "one"}
        clients.append(httpx.Client(base_url=service.address, headers=headers, timeout=60))
    north, south = clients
    said = {"customer": "ada", "session": "s1", "message": "My order is 4417-XZ"}
    north.post("/v1/chat", json=said).raise_for_status()
    north.post("/v1/knowledge", json={"source": "a.md", "text": "# A"}).raise_for_status()
    lamp, did = {"id": "lamp", "title": "Lamp"}, {"item": "lamp", "kind": "viewed", "id": "k1"}
    north.post("/v1/items", json={"items": [lamp]}).raise_for_status()
    north.post("/v1/events", json={"customer": "ada", "events": [did]}).raise_for_status()
    service.settle()
    ada, nobody = "/v1/customers/ada", "/v1/customers/zoe"
    (memory, *_) = north.get(f"{ada}/memories").json()["memories"]
    before = [
        north.get(f"{ada}/{one}").json() for one in ("sessions", "memories", "card", "events")
    ]
    one = f"memories/{memory['id']}"
    for method, path, body in [
        ("GET", "sessions", None), ("GET", "sessions/s1", None),
        ("GET", "sessions/s1/messages", None), ("GET", "memories", None), ("GET", one, None),
        ("GET", "events", None), ("DELETE", "events/k1", None),
        ("GET", "card", None), ("POST", "recall", {"query": "order"}),
        ("PUT", "sessions/s1/rating", {"rating": "bad"}), ("PUT", one, {"value": "1-XZ"}),
        ("POST", "forget", {"policy": {"max_records": 1}}), ("DELETE", one, None),
        ("DELETE", "sessions/s1", None), ("DELETE", "", None),
    ]:  # fmt: skip
        theirs = south.request(method, f"{ada}/{path}".rstrip("/"), json=body)
        missing = south.request(method, f"{nobody}/{path}".rstrip("/"), json=body)
        assert theirs.status_code == missing.status_code == 404, path
        assert theirs.text == missing.text.replace("zoe", "ada"), path
    for path, body in (
        ("/v1/summaries", {"session": "s1"}),
        ("/v1/answers", {"question": "When?"}),
    ):
        theirs, missing = (
            south.post(path, json={"customer": one} | body) for one in ("ada", "zoe")
        )
        assert theirs.status_code == missing.status_code == 404, path
        assert theirs.text == missing.text.replace("zoe", "ada"), path
    known = south.post("/v1/answers", json={"question": "Which order is 4417-XZ?"}).json()["known"]
    assert not known, "another tenant's articles and customers answer nothing"
    assert south.get("/v1/knowledge").json()["articles"] == []
    assert south.get("/v1/items").json()["items"] == []
    assert south.delete("/v1/items/lamp").status_code == 404
    pair = {"source": "en", "target": "pt"}
    known = {**pair, "units": [{"source": "blue lamp", "target": "lâmpada azul"}]}
    north.post("/v1/translation-memory", json=known).raise_for_status()
    north.post("/v1/translation-memory", json={**known, "customer": "ada"}).raise_for_status()
    (unit,) = north.get("/v1/translation-memory").json()["translations"]
    place = f"/v1/translation-memory/{unit['id']}"
    assert south.get("/v1/translation-memory").json()["translations"] == []
    assert south.delete(place).status_code == 404
    assert south.put(place, json={"target": "x"}).status_code == 404
    assert south.delete(f"{place}?customer=ada").status_code == 404
    assert north.get("/v1/translation-memory").json()["translations"] == [unit]
    store.posts.put("north", [Post("n1", "Parcels are late.", now(), "news")])
    store.alerts.note("north", "documents", {None: Hour(now(), 99, [1] * 9)}, Threshold())
    (alert,) = north.get("/v1/insights/alerts").json()["alerts"]
    assert north.get(f"/v1/insights/alerts/{alert['alert']}").status_code == 200
    assert south.get(f"/v1/insights/alerts/{alert['alert']}").status_code == 404
    assert south.delete("/v1/insights/documents/n1").status_code == 404
    asked = {"customer": "ada"}
    assert south.post("/v1/recommendations", json=asked).json() == {"recommendations": []}
    assert south.get("/v1/customers").json() == {"customers": [], "next": None}
    assert [one["customer"] for one in north.get("/v1/customers").json()["customers"]] == ["ada"]
    assert south.delete("/v1/knowledge/a.md").status_code == 404
    # Their own customer of the same name is another.
    south.post("/v1/chat", json=said).raise_for_status()
    south.delete(ada).raise_for_status()
    assert [
        north.get(f"{ada}/{one}").json() for one in ("sessions", "memories", "card", "events")
    ] == before
    assert len(north.get("/v1/knowledge").json()["articles"]) == 1
    for client in clients:
        client.close()
