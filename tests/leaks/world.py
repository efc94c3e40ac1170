"""A service in which each tenant and each customer has a word that nobody else may see."""

from __future__ import annotations

import random
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import jwt

from app.auth import create_key
from memory import Label, MemoryStore, Scope
from memory.clock import now
from memory.posts import Post
from memory.surges import Hour, Threshold
from tests.older import begun

SECRET = "a secret that signs customers' tokens"
# The first of each are in the suite, all of them in the long form. Twins by case, width, accent and
# what does not show; wildcards; and pairs that are one where names are joined.
TENANTS = ("north", "south", "nor%", "default", "a", "a/b", "NORTH", "ｎorth", "North")
CUSTOMERS = (
    "ada", "ADA", "a%", "a_a", "north/ada", "ada\u202e", "*", "Ａda", "b/c", "c", "../ada",
    "adá", "ada\u0301", "a\u200bda", " ada", "ada ", "%2e%2e", "ada%00", "ß", "ss", "ﬁn", "fin",
    "İ", "i", "';--", "[a-z]*", "ada\\", "default", "monday", "аdа",
)  # fmt: skip
_ABOUT = ("the blue lamp", "the oak table", "a garden hose", "two curtains")
Scoped = tuple[str, str | None]


# What a client has of a tool, for a turn that may be another's.
_CALLED = [
    {"role": "assistant", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    ]},
    {"role": "tool", "tool_call_id": "a", "content": "nothing"},
]  # fmt: skip


_PAIR = {"source": "en", "target": "pt"}


class Probe(NamedTuple):
    """Somebody asks for something."""

    tenant: str
    customer: str
    method: str
    path: str
    body: dict[str, Any] | None


class Asking:
    """Somebody with a key, who asks now this of the services and now that."""

    def __init__(self, key: str, addresses: Sequence[str], chance: random.Random) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        # Not as long as the services keep what is not used: one would be closed as it is used.
        limits = httpx.Limits(keepalive_expiry=2)
        self._clients = [
            httpx.Client(base_url=address, headers=headers, timeout=120, limits=limits)
            for address in addresses
        ]
        self._random = chance

    def request(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """Ask one of them."""
        return self._random.choice(self._clients).request(method, path, json=json)

    def get(self, path: str) -> httpx.Response:
        """Read something."""
        return self.request("GET", path)

    def post(self, path: str, json: Any = None) -> httpx.Response:
        """Send something."""
        return self.request("POST", path, json=json)

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()


class World:
    """The service, who asks it, and whose the words are."""

    def __init__(
        self,
        store: MemoryStore,
        addresses: Sequence[str],
        settle: Callable[[], object],
        seed: int,
        tenants: int,
        customers: int,
    ) -> None:
        """Make keys, tokens, and what each tells.

        Args:
            store: the database.
            addresses: of the services that have it.
            settle: waits for what they do after the turns.
            seed: of all that is random.
            tenants: how many there are.
            customers: how many each has.
        """
        self.store = store
        self.addresses = addresses
        self.random = random.Random(seed)
        self.tenants, self.names = TENANTS[:tenants], CUSTOMERS[:customers]
        self.clients: dict[str, Asking] = {}
        self.customers: dict[tuple[str, str], Asking] = {}
        self.words: dict[Scoped, str] = {}
        self.texts: list[str] = []  # what was said, less the word
        self.ids: list[str] = ["1", "nobody"]
        self.alerts: list[str] = []
        self.places: list[int] = [1, 5, 2**40]  # where pages of messages and memories began
        self.after: list[str] = ["", "2026-01-01T00:00:00+00:00 ada", "ada", "x y"]
        for tenant in self.tenants:
            key, _ = create_key(store, "admin", tenant)
            self.clients[tenant] = self._client(key)
            self._tell(tenant)
            for customer in self.names:
                self._say(tenant, customer)
                self.customers[tenant, customer] = self._client(_token(tenant, customer))
        settle()
        for tenant, customer in self.words:
            if customer is not None:
                self._collect(tenant, customer)

    def probe(self, customer: str | None = None) -> Probe:
        """Something that somebody may want: another's names, ids, words, places in a list."""
        pick = self.random.choice
        tenant = pick(self.tenants)
        customer = customer or pick((*self.names, self._twin(pick(self.names)), "nobody"))
        text = pick(self.texts)
        exact = f"{text} {pick(list(self.words.values()))}"  # another's very message
        session = pick(("monday", "%", "tuesday", "MONDAY"))
        whose = f"/v1/customers/{quote(customer, safe='')}"
        said = {"customer": customer, "session": session, "message": text}
        before = pick(self.places)
        path, body = pick([
            ("/v1/chat", said),
            ("/v1/chat", {**said, "stream": True}),
            ("/v1/chat", {**said, "idempotency_key": "k1"}),
            ("/v1/chat/completions", {
                "user": customer, "metadata": {"session": session},
                "messages": [{"role": "user", "content": text}] * pick((1, 2)),
            }),
            ("/v1/chat/completions", {
                "user": customer, "metadata": {"session": session},
                "messages": [{"role": "user", "content": text}, *_CALLED],
            }),
            ("/v1/prompt", said),
            ("/v1/summaries", {"customer": customer, "session": session, "how": "both"}),
            ("/v1/answers", {"customer": pick((customer, None)), "question": exact}),
            ("/v1/answers", {"customer": customer, "question": text, "how": "model"}),
            (f"{whose}/recall", {"query": text, "max_tokens": 5000}),
            (f"{whose}/recall", {"query": exact, "max_tokens": 5000}),
            ("/v1/customers", None),
            (f"/v1/customers?limit=3&after={quote(self._after(), safe='')}", None),
            ("/v1/queue", None),
            (f"{whose}/sessions", None),
            (f"{whose}/sessions/{pick(('monday', '%25', 'x'))}", None),
            (f"{whose}/sessions/monday/messages?before={before}", None),
            (f"{whose}/memories?history=true&before={before}", None),
            (f"{whose}/memories/{quote(pick(self.ids), safe='')}", None),
            (f"{whose}/card", None),
            (f"{whose}/export", None),
            (f"{whose}/forget", {"policy": {"max_records": 1}, "dry_run": True}),
            (f"/v1/insights?source=documents&product={quote(exact[-11:], safe='')}", None),
            (pick(("/v1/insights", "/v1/insights/alerts", "/v1/insights/documents")), None),
            (f"/v1/insights/alerts/{pick(self.alerts)}", None),
            ("/v1/items", None),
            ("/v1/items/form", None),
            ("/v1/recommendations", {"customer": customer, "limit": 20}),
            (f"{whose}/events?before={before}", None),
            ("/v1/knowledge", None),
            (f"/v1/knowledge?before={before}", None),
            ("/v1/knowledge/returns.md", None),
            ("/v1/knowledge/search", {"query": exact, "limit": 20}),
            # Not the very message: what is asked comes back with the answer.
            ("/v1/translate", {**_PAIR, "text": f"{text} {text[:9]}", "customer": customer}),
            ("/v1/translate", {**_PAIR, "text": text}),
            ("/v1/translation-memory/search",
             {**_PAIR, "text": text, "customer": customer, "floor": 0}),
            ("/v1/translation-memory/search", {**_PAIR, "text": text, "floor": 0}),
            (f"{whose}/sessions/monday/translations", {"source": "pt", "target": "en"}),
            (f"/v1/translation-memory?customer={quote(customer, safe='')}", None),
            (f"/v1/translation-memory?before={before}", None),
            (f"/v1/translation-memory/export?customer={quote(customer, safe='')}", None),
            ("/v1/translation-memory/export?format=csv", None),
        ])  # fmt: skip
        return Probe(tenant, customer, "GET" if body is None else "POST", path, body)

    def seen(self, answer: str) -> set[Scoped]:
        """The scopes whose words are in an answer."""
        return {scope for scope, word in self.words.items() if word in answer}

    def close(self) -> None:
        """Let the clients go."""
        for client in (*self.clients.values(), *self.customers.values()):
            client.close()

    # --- inside --------------------------------------------------------------------------

    def _client(self, carried: str) -> Asking:
        return Asking(carried, self.addresses, self.random)

    def _word(self, tenant: str, customer: str | None) -> str:
        made = self.words[tenant, customer] = f"ZQ-{self.random.getrandbits(32):08X}"
        return made

    def _tell(self, tenant: str) -> None:
        """Give a tenant an article, and news."""
        text = f"Whoever returns {_ABOUT[0]} needs the form"
        self.texts.append(text)
        body = {"source": "returns.md", "text": f"{text} {self._word(tenant, None)}."}
        self.clients[tenant].post("/v1/knowledge", json=body).raise_for_status()
        word = self.words[tenant, None]
        read = {"topic": Label("order", 0.9), "sentiment": Label("negative", 0.9)}
        self.store.posts.put(tenant, [Post("n1", f"News of {word}.", now(), "news", word, read)])
        surge = {"order": Hour(now(), 99, [1] * 9)}
        self.store.alerts.note(tenant, "documents", surge, Threshold())
        self.alerts += [alert.id for alert in self.store.alerts.newest(tenant, 9)]
        self._translate(tenant, None, text)
        item = {"id": "form", "title": "Form", "text": body["text"]}
        self.clients[tenant].post("/v1/items", json={"items": [item]}).raise_for_status()

    def _say(self, tenant: str, customer: str) -> None:
        """Let a customer say something."""
        text = f"My order with {self.random.choice(_ABOUT)} is late, it has the number"
        self.texts.append(text)
        body = {
            "customer": customer, "session": "monday", "idempotency_key": "k1",
            "message": f"{text} {self._word(tenant, customer)}",
        }  # fmt: skip
        begun(self.store, Scope(customer, tenant=tenant))
        self.clients[tenant].post("/v1/chat", json=body).raise_for_status()
        self._translate(tenant, customer, text)
        events = [{"item": self.words[tenant, customer], "kind": "bought", "id": "k1"}]
        did = {"customer": customer, "events": events}
        self.clients[tenant].post("/v1/events", json=did).raise_for_status()

    def _translate(self, tenant: str, customer: str | None, text: str) -> None:
        """Let what is said, with its word, be known in another language."""
        word = self.words[tenant, customer]
        known = {"source": f"{text} {word}", "target": f"{word} é o número"}
        body = {**_PAIR, "customer": customer, "units": [known]}
        self.clients[tenant].post("/v1/translation-memory", json=body).raise_for_status()

    def _collect(self, tenant: str, customer: str) -> None:
        """Keep a customer's ids and places in lists, to ask with them elsewhere."""
        path = f"/v1/customers/{quote(customer, safe='')}"
        get = self.clients[tenant].get
        memories = get(f"{path}/memories?limit=1").json()
        self.ids += [one["id"] for one in memories["memories"]]
        said = get(f"{path}/sessions/monday/messages?limit=1").json()
        self.ids += [one[name] for one in said["messages"] for name in ("id", "turn")]
        self.places += [found["next"] for found in (memories, said) if found["next"]]
        self.after.append(get("/v1/customers?limit=1").json()["next"] or "")

    def _after(self) -> str:
        """A place in a list of customers: another's, cut off, or forged."""
        pick = self.random.choice
        after = pick(self.after)
        return pick((after, after[: len(after) // 2], after + "%", after.replace("+00", "-00")))

    def _twin(self, name: str) -> str:
        """A name that is another, and looks or compares like this one somewhere."""
        form = unicodedata.normalize
        return self.random.choice([
            name.swapcase(), name.casefold(), form("NFKC", name), form("NFD", name), f"{name}%",
            f"{name} ", name.replace("a", "_"), f"%{name[1:]}", f"{name}/", f"x/../{name}",
            quote(name, safe=""), f"{name}\u200d", name[::-1], f"{name}';--",
            f"{name}\0", f"{name}\n",
        ])  # fmt: skip


def _token(tenant: str, customer: str) -> str:
    claims = {"sub": customer, "tenant": tenant, "exp": time.time() + 36_000}
    return jwt.encode(claims, SECRET, "HS256")
