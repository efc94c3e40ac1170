"""The demo: a living service in one command."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.loading import TEMPLATES, load_shop
from app.embeddings import open_embeddings
from app.settings import Settings
from memory import Catalogue, Knowledge, Label, Labels, Scope, open_store
from tests.app.conftest import Running, address_of
from tests.llm.openai_double import OpenAIDouble


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_shop_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Articles, FAQ, products and customers; a second time nothing changes, nothing is double. On a
    terminal it is seen how far it is.
    """
    settings = Settings()
    with open_store() as store:
        with monkeypatch.context() as patched:
            patched.setattr("sys.stderr", terminal := _Terminal())
            first = load_shop(store, settings)
        assert "articles: " in terminal.getvalue()
        assert "customers.jsonl: 100%" in terminal.getvalue()
        owners = {name: store.transcript.sessions(Scope(name).owner) for _, name in store.owners()}
        again = load_shop(store, settings)
        assert first == again == (50, 18)
        assert len(owners) == 6
        assert owners == {name: store.transcript.sessions(Scope(name).owner) for name in owners}
        assert len(Catalogue(store, open_embeddings(settings.embeddings)).newest(100)) == 30
        done = {name: store.events.latest(Scope(name).owner, 100) for name in owners}
        assert sum(map(len, done.values())) == 20
        assert all(done.values())
        knowledge = Knowledge(store, open_embeddings(settings.embeddings))
        articles = knowledge.articles(100)
        assert len(articles) == 50
        assert {article.version for article in articles} == {1}
        for question, source in (
            ("How do I care for my teak bench?", "articles/care-wooden-furniture.md"),
            ("Do you deliver to the Channel Islands?", "articles/delivery-zones.md"),
            ("How heavy is the Emberline fire pit?", "products.csv"),
        ):
            assert source in {found.source for found in knowledge.search(question)}, question


class Reads:
    """Knows the intents of two messages; all else is out of scope."""

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """By a word, whatever else is said."""
        words = {"where": "track_order", "arrive": "delivery_period"}
        found = [next((words[w] for w in words if w in text.lower()), None) for text in texts]
        return [{"intent": Label(name, 0.95)} for name in found]


def test_a_known_customer_is_served(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Who has an open order asks for it in two ways and is told by templates when it comes; then
    the model is given an article to cite; then nobody knows, and that is said.
    """
    service = run_service(understanding=Reads(), templates=TEMPLATES, llm=double.url)
    load_shop(service.app.state.store, service.app.state.settings)
    (promise,) = service.client.get("/v1/customers/mara-okafor/card").json()["promises"]
    due = datetime.fromisoformat(promise["due"])
    day = f"{due:%A} {due.day} {due:%B %Y}"

    def ask(message: str) -> dict[str, Any]:
        answer: dict[str, Any] = service.chat(message, customer="mara-okafor").json()
        return answer

    first = ask("Where is my order?")
    assert first["template"] == "track_order"
    assert first["reply"].startswith(f"Hello Mara Okafor, your order WH-48213 is planned for {day}")
    second = ask("When will it arrive?")
    assert second["template"] == "delivery_period"
    assert second["reply"].startswith(f"Order WH-48213 is promised for {day}.")
    assert double.requests == []
    double.reply = "Teak needs nothing to last [1]."
    cited = ask("How do I care for my teak bench?")
    assert (cited["template"], cited["evidence"]) == (None, "found")
    assert "articles/care-wooden-furniture.md" in [one["source"] for one in cited["knowledge"]]
    unknown = ask("Do you rent out party tents?")
    assert (unknown["template"], unknown["evidence"]) == ("unknown", "none")
    assert len(double.requests) == 1


def test_the_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """It says what to try, its customers are there; ended, its folder is gone, and a database that
    the environment names was not touched.
    """
    own = tmp_path / "own.db"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {
        **os.environ, "TMPDIR": str(temporary), "MEMORY_SERVICE_DATABASE": f"sqlite:///{own}",
        "MEMORY_SERVICE_HOST": "0.0.0.0", "MEMORY_SERVICE_API_KEY": "k",
    }  # fmt: skip
    said = tmp_path / "said.log"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "demo", "--llm", "fake:echo", "--port", "0"],
            env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            address = address_of(said, process)
            card = httpx.get(
                f"{address}v1/customers/ines-duarte/card",
                headers={"Authorization": "Bearer k"},
                timeout=60,
            ).json()
        finally:
            process.send_signal(signal.SIGHUP)  # the terminal is closed
            assert process.wait(30) == 0
    assert address.startswith("http://127.0.0.1:")
    addresses = [fact["value"] for fact in card["facts"] if fact["slot"] == "address"]
    assert addresses == ["41 Heron Close, Ashmere TB7 2LW"]
    assert len(re.findall(r"^ +\d\. ", said.read_text(), re.MULTILINE)) == 7
    assert "Traceback" not in said.read_text()
    assert list(temporary.iterdir()) == []
    assert not own.exists()
