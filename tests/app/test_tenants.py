"""Tenants and customers share a service and see nothing of each other, whatever they ask for."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest

from app.auth import create_key
from tests.app.conftest import Running

PROBES = int(os.environ.get("LEAK_PROBES", "250"))  # the long form: LEAK_PROBES=10000
TENANTS = ("north", "south", "nor%", "default")
CUSTOMERS = ("ada", "ADA", "a%", "a_a", "north/ada", "ada\u202e", "*")
SECRET = "a secret that signs customers' tokens"
ABOUT = ("the blue lamp", "the oak table", "a garden hose", "two curtains")


class World:
    """A service in which each tenant and each customer has a word that nobody else may see."""

    def __init__(self, service: Running, seed: int) -> None:
        self.service = service
        self.random = random.Random(seed)
        self.clients: dict[str, httpx.Client] = {}
        self.customers: dict[tuple[str, str], httpx.Client] = {}
        self.words: dict[tuple[str, str | None], str] = {}
        self.texts: list[str] = []  # what was said, less the word
        self.ids: list[str] = ["1", "nobody"]
        store = service.app.state.store
        for tenant in TENANTS:
            key, _ = create_key(store, "admin", tenant)
            headers = {"Authorization": f"Bearer {key}"}
            self.clients[tenant] = httpx.Client(
                base_url=service.address, headers=headers, timeout=60
            )
            self.tell(tenant)
            for customer in CUSTOMERS:
                self.say(tenant, customer)
                self.customers[tenant, customer] = self.customer(tenant, customer)
        service.settle()
        for tenant, customer in self.words:
            if customer is not None:
                self.collect(tenant, customer)

    def word(self, tenant: str, customer: str | None) -> str:
        """Make the word of a scope."""
        made = self.words[tenant, customer] = f"ZQ-{self.random.getrandbits(32):08X}"
        return made

    def tell(self, tenant: str) -> None:
        """Give a tenant an article."""
        text = f"Whoever returns {ABOUT[0]} needs the form"
        self.texts.append(text)
        body = {"source": "returns.md", "text": f"{text} {self.word(tenant, None)}."}
        self.clients[tenant].post("/v1/knowledge", json=body).raise_for_status()

    def say(self, tenant: str, customer: str) -> None:
        """Let a customer say something."""
        text = f"My order with {self.random.choice(ABOUT)} is late, it has the number"
        self.texts.append(text)
        body = {
            "customer": customer, "session": "monday", "idempotency_key": "k1",
            "message": f"{text} {self.word(tenant, customer)}",
        }  # fmt: skip
        self.clients[tenant].post("/v1/chat", json=body).raise_for_status()

    def customer(self, tenant: str, customer: str) -> httpx.Client:
        """A customer with a token of their own."""
        claims = {"sub": customer, "tenant": tenant, "exp": time.time() + 3600}
        token = jwt.encode(claims, SECRET, "HS256")
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.service.address, headers=headers, timeout=60)

    def collect(self, tenant: str, customer: str) -> None:
        """Keep a customer's ids, to ask for them elsewhere."""
        path = f"/v1/customers/{quote(customer, safe='')}"
        get = self.clients[tenant].get
        self.ids += [one["id"] for one in get(f"{path}/memories").json()["memories"]]
        said = get(f"{path}/sessions/monday/messages").json()["messages"]
        self.ids += [one[name] for one in said for name in ("id", "turn")]

    def probe(self) -> tuple[str, str, str, str, dict[str, Any] | None]:
        """Somebody asks for something; (tenant, customer, method, path, body)."""
        pick = self.random.choice
        tenant, customer, text = pick(TENANTS), pick((*CUSTOMERS, "nobody")), pick(self.texts)
        whose = f"/v1/customers/{quote(customer, safe='')}"
        said = {"customer": customer, "session": pick(("monday", "%", "tuesday")), "message": text}
        path, body = pick([
            ("/v1/chat", said),
            ("/v1/chat", {**said, "stream": True}),
            ("/v1/prompt", said),
            (f"{whose}/recall", {"query": text, "max_tokens": 5000}),
            ("/v1/customers", None),
            (f"{whose}/sessions", None),
            (f"{whose}/sessions/{pick(('monday', '%25', 'x'))}", None),
            (f"{whose}/sessions/monday/messages?before={pick((1, 5, 2**40))}", None),
            (f"{whose}/memories?history=true&before={pick((1, 5, 2**40))}", None),
            (f"{whose}/memories/{pick(self.ids)}", None),
            (f"{whose}/card", None),
            (f"{whose}/forget", {"policy": {"max_records": 1}, "dry_run": True}),
            ("/v1/knowledge", None),
            ("/v1/knowledge/returns.md", None),
            ("/v1/knowledge/search", {"query": text, "limit": 20}),
        ])  # fmt: skip
        return tenant, customer, "GET" if body is None else "POST", path, body

    def seen(self, answer: str) -> set[tuple[str, str | None]]:
        """The scopes whose words are in an answer."""
        return {scope for scope, word in self.words.items() if word in answer}

    def close(self) -> None:
        """Let the clients go."""
        for client in (*self.clients.values(), *self.customers.values()):
            client.close()


@pytest.fixture
def world(run_service: Callable[..., Running]) -> Iterator[World]:
    """A service with its tenants and customers."""
    made = World(run_service(token_secret=SECRET), seed=int(os.environ.get("LEAK_SEED", "1")))
    yield made
    made.close()


def test_no_probe_finds_what_is_another_s(world: World) -> None:
    """Random tenants ask random routes for random customers, ids and each other's very words: no
    answer has a word of another scope, and enough of them have their own.
    """
    found: Counter[str] = Counter()
    for _ in range(PROBES):
        tenant, customer, method, path, body = world.probe()
        answer = world.clients[tenant].request(method, path, json=body)
        assert answer.status_code in {200, 404, 409}, (tenant, path, body, answer.text)
        seen = world.seen(answer.text)
        assert seen <= {(tenant, customer), (tenant, None)}, (tenant, path, body)
        found["own"] += bool(seen)
        found["nothing"] += not seen
    assert min(found["own"], found["nothing"]) > PROBES // 20, found


def test_no_customer_s_token_finds_what_is_another_s(world: World) -> None:
    """The same with customers' own tokens: they get answers of their own only, others are not
    there, and what is for staff is refused.
    """
    found: Counter[int] = Counter()
    for _ in range(PROBES):
        (tenant, whose), client = world.random.choice(list(world.customers.items()))
        _, customer, method, path, body = world.probe()
        answer = client.request(method, path, json=body)
        asked = (tenant, whose, path, body)
        assert world.seen(answer.text) <= {(tenant, whose), (tenant, None)}, asked
        found[answer.status_code] += 1
        if answer.status_code == 200:
            assert customer == whose, asked
        elif answer.status_code == 404 and customer != whose:
            assert answer.json()["detail"] == f"There is no customer {customer!r}.", asked
        else:
            assert answer.status_code in {403, 404, 409}, (asked, answer.text)
    assert min(found[code] for code in (200, 403, 404)) > PROBES // 50, found


def test_what_is_another_tenant_s_is_as_if_it_were_not_there(service: Running) -> None:
    """The same answer, word for word, for a customer of another tenant and for nobody; nothing that
    is written, deleted or erased reaches across.
    """
    store = service.app.state.store
    clients = []
    for tenant in ("north", "south"):
        key, _ = create_key(store, "admin", tenant)
        headers = {"Authorization": f"Bearer {key}"}
        clients.append(httpx.Client(base_url=service.address, headers=headers, timeout=60))
    north, south = clients
    said = {"customer": "ada", "session": "s1", "message": "My order is 4417-XZ"}
    north.post("/v1/chat", json=said).raise_for_status()
    north.post("/v1/knowledge", json={"source": "a.md", "text": "# A"}).raise_for_status()
    service.settle()
    ada, nobody = "/v1/customers/ada", "/v1/customers/eve"
    (memory, *_) = north.get(f"{ada}/memories").json()["memories"]
    before = [north.get(f"{ada}/{one}").json() for one in ("sessions", "memories", "card")]
    one = f"memories/{memory['id']}"
    for method, path, body in [
        ("GET", "sessions", None), ("GET", "sessions/s1", None),
        ("GET", "sessions/s1/messages", None), ("GET", "memories", None), ("GET", one, None),
        ("GET", "card", None), ("POST", "recall", {"query": "order"}),
        ("PUT", "sessions/s1/rating", {"rating": "bad"}), ("PUT", one, {"value": "1-XZ"}),
        ("POST", "forget", {"policy": {"max_records": 1}}), ("DELETE", one, None),
        ("DELETE", "sessions/s1", None), ("DELETE", "", None),
    ]:  # fmt: skip
        theirs = south.request(method, f"{ada}/{path}".rstrip("/"), json=body)
        missing = south.request(method, f"{nobody}/{path}".rstrip("/"), json=body)
        assert theirs.status_code == missing.status_code == 404, path
        assert theirs.text == missing.text.replace("eve", "ada"), path
    assert south.get("/v1/knowledge").json()["articles"] == []
    assert south.get("/v1/customers").json() == {"customers": [], "next": None}
    assert [one["customer"] for one in north.get("/v1/customers").json()["customers"]] == ["ada"]
    assert south.delete("/v1/knowledge/a.md").status_code == 404
    # Their own customer of the same name is another.
    south.post("/v1/chat", json=said).raise_for_status()
    south.delete(ada).raise_for_status()
    assert [north.get(f"{ada}/{one}").json() for one in ("sessions", "memories", "card")] == before
    assert len(north.get("/v1/knowledge").json()["articles"]) == 1
    for client in clients:
        client.close()
