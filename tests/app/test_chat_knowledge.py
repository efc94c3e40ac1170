"""Knowledge in the chat: cited, kept with the turn, honest when missing; and a second source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from app.main import create_app
from app.second_source import open_retriever
from app.settings import Settings
from memory import InvalidInput
from tests.app.conftest import KEY, Running, events, serving
from tests.llm.openai_double import OpenAIDouble

RETURNS = {"source": "returns.md", "text": "# Returns\n\nLamps can be sent back within 30 days."}
QUESTION = "Can I send a lamp back?"
UNKNOWN = "Who painted the ceiling?"


class Shelf(BaseRetriever):
    """Finds the same documents for every question, once it is free, or fails."""

    documents: list[Document] = Field(default_factory=list)
    busy: bool = False
    free: Any = Field(default_factory=threading.Event)
    fails: bool = False

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        if self.busy:
            self.free.wait(30)
        if self.fails:
            raise RuntimeError(query)
        return self.documents


STOCK = Document("Lamp L-7: 4 in stock.", metadata={"source": "stock", "title": "Stock"})
made = Shelf(documents=[STOCK])


def prompts(double: OpenAIDouble) -> list[str]:
    """The last message of each prompt that the model was given."""
    return [request["messages"][-1]["content"] for request in double.requests]


def test_an_answer_is_given_passages_to_cite(scripted: Running, double: OpenAIDouble) -> None:
    """Fenced and numbered before the question; `recalled` and `done` tell them, a retry again."""
    scripted.client.post("/v1/knowledge", json=RETURNS).raise_for_status()
    double.reply = "Yes, within 30 days [1]."
    body = {"customer": "ada", "message": QUESTION, "stream": True, "idempotency_key": "k"}
    for _ in range(2):
        with scripted.client.stream("POST", "/v1/chat", json=body) as answer:
            told = dict(events(answer))
        for name in ("recalled", "done"):
            (passage,) = told[name]["knowledge"]
            assert passage["number"] == 1
            assert (passage["source"], passage["title"]) == ("returns.md", "Returns")
            assert passage["text"] == "Returns\nLamps can be sent back within 30 days."
            assert told[name]["evidence"] == "found"
    (prompt,) = prompts(double)
    assert prompt == (
        "<knowledge>\nHelp articles, to be cited as [1]:\n"
        "[1] Returns Lamps can be sent back within 30 days.\n</knowledge>\n\n" + QUESTION
    )
    shown = scripted.client.post("/v1/prompt", json={"customer": "eve", "message": QUESTION}).json()
    assert (shown["evidence"], len(shown["knowledge"])) == ("found", 1)
    assert shown["messages"][-1]["content"] == prompt


def test_missing_evidence_is_said(scripted: Running, double: OpenAIDouble) -> None:
    """`none` where nothing bears on a question; null, and no fence, where nothing is known."""
    assert scripted.chat(QUESTION).json()["evidence"] is None
    scripted.client.post("/v1/knowledge", json=RETURNS).raise_for_status()
    for _ in range(2):
        answer = scripted.chat(UNKNOWN, idempotency_key="k").json()
        assert (answer["evidence"], answer["knowledge"]) == ("none", [])
    assert not any("<knowledge>" in prompt for prompt in prompts(double))
    path = "/v1/customers/ada/sessions/s1/messages"
    kept = scripted.client.get(path).raise_for_status().json()["messages"]
    assert [m["evidence"] for m in kept] == [None, None, "none", None]


def test_what_asks_nothing_lacks_no_evidence(scripted: Running) -> None:
    """Null where none was found for it; what was found is given, whether it asks or not."""
    scripted.client.post("/v1/knowledge", json=RETURNS).raise_for_status()
    for said in ("Hello there!", "Thanks a lot!", "You are the rudest shop of all."):
        assert scripted.chat(said).json()["evidence"] is None, said
    told = scripted.chat("I send a lamp back.").json()
    assert (told["evidence"], len(told["knowledge"])) == ("found", 1)


def test_how_much_was_given_is_told_later(scripted: Running) -> None:
    """The messages say of each question what its answer's `recalled` and `knowledge` had."""
    scripted.client.post("/v1/knowledge", json=RETURNS).raise_for_status()
    scripted.chat("My lamp has the number 4417-XZ", session="before")
    scripted.settle()
    counts = []
    for said in ("Which number has my lamp?", QUESTION, "Thanks"):
        told = scripted.chat(said).json()
        counts += [{name: len(told[name]) for name in ("recalled", "knowledge")}, None]
    kept = scripted.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    assert [m["given"] for m in kept] == counts
    assert counts[0]["recalled"] > 0
    assert counts[2]["knowledge"] == 1


@pytest.fixture
def with_shelf(tmp_path: Path, double: OpenAIDouble) -> Iterator[Callable[[Shelf], Running]]:
    """Starts a service with a second source."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(shelf: Shelf) -> Running:
            settings = Settings(
                data_dir=tmp_path, api_key=KEY, llm=double.url,
                retriever_timeout=0.3 if shelf.busy else 60,
            )  # fmt: skip
            app = create_app(settings, retriever=shelf)
            running = Running(app, stack.enter_context(serving(app)))
            stack.callback(running.client.close)
            return running

        yield start


def test_a_second_source_is_asked_too(
    with_shelf: Callable[[Shelf], Running], double: OpenAIDouble
) -> None:
    """What it finds stands beside the articles' passages, and beside its question from then on."""
    service = with_shelf(Shelf(documents=[STOCK, Document("")]))
    service.client.post("/v1/knowledge", json=RETURNS).raise_for_status()
    found = service.chat(QUESTION).json()["knowledge"]
    assert [(p["number"], p["source"]) for p in found] == [(1, "returns.md"), (2, "stock")]
    assert found[1]["why"] == "found by Shelf"
    first = prompts(double)[0]
    assert "[2] Stock: Lamp L-7: 4 in stock.\n</knowledge>" in first
    service.chat("Thanks")
    earlier = [m["content"] for m in double.requests[-1]["messages"]]
    assert first in earlier


@pytest.mark.parametrize("shelf", [Shelf(fails=True), Shelf(busy=True)], ids=["fails", "is slow"])
def test_a_second_source_never_breaks_a_turn(
    with_shelf: Callable[[Shelf], Running], shelf: Shelf
) -> None:
    """The answer comes without it, soon, and does not say that nothing was found."""
    service = with_shelf(shelf)
    service.client.post("/v1/knowledge", json=RETURNS).raise_for_status()
    answer = service.chat(UNKNOWN)
    assert answer.status_code == 200
    assert answer.json()["evidence"] is None
    assert service.chat(QUESTION).json()["evidence"] == "found"
    shelf.free.set()  # neither has waited for it


def test_a_retriever_is_opened_by_its_name() -> None:
    """An object, or what makes one; else it is said what is wrong."""
    place = "tests.app.test_chat_knowledge"
    assert open_retriever(f"{place}:made") is made
    assert isinstance(open_retriever(f"{place}:Shelf"), Shelf)
    for name, said in (
        (f"{place}:QUESTION", "is a str: give module:attribute"),
        (f"{place}:missing", "AttributeError"),
        ("no_such_module:x", "ModuleNotFoundError"),
        ("nonsense", "cannot be opened"),
    ):
        with pytest.raises(InvalidInput, match=said):
            open_retriever(name)
