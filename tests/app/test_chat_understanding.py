"""What customers' messages are, in the chat: told, kept with them, and over time a mood."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.importing import import_from
from app.settings import Settings
from app.sources.formats import open_source
from app.sources.source import Options
from memory import Scope, open_store
from tests.app.conftest import Running, events
from tests.doubles import WordEncoder, WordReader
from tests.llm.openai_double import OpenAIDouble

WHERE = {
    "intent": {"label": "track_order", "confidence": 0.9},
    "topic": {"label": "orders", "confidence": 0.9},
    "sentiment": {"label": "negative", "confidence": 0.9},
}
Run = Callable[..., Running]


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits for the reading of its message however busy the machine is."""
    monkeypatch.setattr("app.chains.support._LATE_SECONDS", 60.0)


def streamed(service: Running, message: str, **more: Any) -> dict[str, Any]:
    """The events of a turn by their names."""
    body = {"customer": "ada", "session": "s1", "message": message, "stream": True, **more}
    with service.client.stream("POST", "/v1/chat", json=body) as answer:
        return dict(events(answer))


def stored(service: Running, session: str = "s1") -> list[Any]:
    """What is known of each message of a session."""
    found = service.client.get(f"/v1/customers/ada/sessions/{session}/messages").json()
    return [one["understanding"] for one in found["messages"]]


def test_what_a_message_is_is_told_and_kept(run_service: Run) -> None:
    """In the answer, as an event, with the message, and when the turn comes again."""
    service = run_service(understanding=WordReader())
    said = {"message": "Where is my order? It is late", "idempotency_key": "k"}
    for _ in range(2):
        assert service.chat(**said).json()["understanding"] == WHERE
        told = streamed(service, **said)
        assert told["done"]["understanding"] == told["recalled"]["understanding"] == WHERE
    assert stored(service) == [WHERE, None]
    assert streamed(service, "Where is my order? It is late")["done"]["understanding"] == WHERE
    assert stored(service) == [WHERE, None] * 2


def test_out_of_scope_is_said(run_service: Run) -> None:
    """A label of null has the confidence that it is none that the head knows."""
    service = run_service(understanding=WordReader())
    nothing = {"label": None, "confidence": 0.8}
    found = service.chat("Tell me about the moon").json()["understanding"]
    assert found == {
        "intent": nothing, "topic": nothing, "sentiment": {"label": "neutral", "confidence": 0.9},
    }  # fmt: skip
    assert stored(service) == [found, None]


def test_a_mood_falls_and_is_seen(run_service: Run) -> None:
    """Of the session and of the customer, with a point for each message that the customer wrote."""
    service = run_service(understanding=WordReader())
    service.chat("thanks", session="s0")
    for message in ("hello", "Where is my order?", "It is late", "I am angry"):
        service.chat(message)
    session = service.client.get("/v1/customers/ada/sessions/s1").json()
    written = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    mood = session["mood"]
    assert (mood["label"], mood["trend"]) == ("negative", "falling")
    assert [p["message"] for p in mood["points"]] == [m["id"] for m in written[::2]]
    assert [p["at"] for p in mood["points"]] == [m["at"] for m in written[::2]]
    scores = [p["score"] for p in mood["points"]]
    assert scores[:2] == [0, 0]
    assert 0 > scores[2] > scores[3] == mood["score"] > -0.9
    card = service.client.get("/v1/customers/ada/card").json()
    assert len(card["mood"]["points"]) == 5
    assert card["mood"]["label"] == "negative"
    assert service.client.get("/v1/customers/ada/sessions/s0").json()["mood"]["score"] == 0.9


def test_without_a_classifier_nothing_is_known(service: Running) -> None:
    """And it says so: null is not "neutral"."""
    told = streamed(service, "Where is my order?")
    assert told["done"]["understanding"] is told["recalled"]["understanding"] is None
    assert stored(service) == [None, None]
    assert service.client.get("/v1/customers/ada/sessions/s1").json()["mood"] is None
    assert service.client.get("/v1/customers/ada/card").json()["mood"] is None


def test_a_classifier_that_fails_never_breaks_a_turn(run_service: Run) -> None:
    """The answer comes without labels; once it is well they come late, with the digest."""
    reader = WordReader(fails=True)
    service = run_service(understanding=reader)
    answer = service.chat("Where is my order? It is late")
    assert (answer.status_code, answer.json()["understanding"]) == (200, None)
    service.settle()
    assert stored(service) == [None, None]
    reader.fails = False
    service.chat("hello")
    service.settle()
    assert stored(service)[0] == WHERE


def test_a_slow_classifier_delays_nothing(
    run_service: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first token does not wait; what is not read at the end of the answer comes late."""
    monkeypatch.setattr("app.chains.support._LATE_SECONDS", 0.5)
    reader = WordReader()
    service = run_service(understanding=reader)
    service.chat("hello")
    service.settle()
    reader.free.clear()
    told = streamed(service, "Where is my order? It is late")  # while the reader waits
    assert told["recalled"]["understanding"] is told["done"]["understanding"] is None
    assert stored(service)[2] is None
    reader.free.set()
    service.settle()
    assert stored(service)[2] == WHERE


def test_what_is_read_while_the_model_answers_is_in_done(
    run_service: Run, double: OpenAIDouble
) -> None:
    """It was not known yet when the answer began."""
    reader = WordReader()
    reader.free.clear()
    service = run_service(understanding=reader, llm=double.url)
    body = {"customer": "ada", "message": "Where is my order? It is late", "stream": True}
    told = {}
    with service.client.stream("POST", "/v1/chat", json=body) as answer:
        for name, data in events(answer):
            told[name] = data
            reader.free.set()
    assert told["recalled"]["understanding"] is None
    assert told["done"]["understanding"] == WHERE


@pytest.mark.parametrize("mode", ["500", "cut"])
def test_a_turn_that_fails_keeps_what_its_message_is(
    run_service: Run, double: OpenAIDouble, mode: Any
) -> None:
    """Sent again it is known from before."""
    service = run_service(understanding=WordReader(), llm=double.url)
    double.mode, double.reply = mode, "one two three four five"
    said = {"message": "Where is my order? It is late", "idempotency_key": "k"}
    assert service.chat(**said).status_code == 502
    assert stored(service)[0] == WHERE
    double.mode = "ok"
    assert service.chat(**said).json()["understanding"] == WHERE
    assert stored(service)[0] == WHERE


def test_a_turn_that_is_stopped_keeps_what_its_message_is(
    run_service: Run, double: OpenAIDouble
) -> None:
    """Stored with the part of the answer that came."""
    reader = WordReader()
    service = run_service(understanding=reader, llm=double.url)
    double.reply, double.delay = " ".join(map(str, range(500))), 0.02
    body = {"customer": "ada", "session": "s1", "message": "Where is my order? It is late"}
    with service.client.stream("POST", "/v1/chat", json=body | {"stream": True}) as answer:
        next(name for name, _ in events(answer) if name == "token")
    deadline = time.monotonic() + 60
    while len(stored(service)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert stored(service) == [WHERE, None]
    service.settle()
    assert reader.asked == [[body["message"]]]


def test_many_messages_are_read_at_a_time(run_service: Run) -> None:
    """Each gets its own labels."""
    service = run_service(understanding=WordReader(after=0.05))
    found: dict[str, Any] = {}

    def chat(name: str, message: str) -> None:
        answer = service.chat(message, customer=name).json()
        found[name] = answer["understanding"]["intent"]["label"]

    said = {"a": "hello", "b": "Where is it?", "c": "A refund!", "d": "The moon"}
    threads = [threading.Thread(target=chat, args=one) for one in said.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": "greet", "b": "track_order", "c": "get_refund", "d": None}


def test_an_import_is_read(tmp_path: Path) -> None:
    """The customers' messages, so that their mood is there before they come back."""
    file = tmp_path / "past.jsonl"
    messages = [{"role": "customer", "text": "So angry"}, {"role": "agent", "text": "thanks"}]
    file.write_text(json.dumps({"customer": "ada", "messages": messages}))
    with open_store(f"sqlite:///{tmp_path / 'memory.db'}") as store:
        source = open_source(str(file), Options())
        import_from(store, Settings(), WordEncoder(), source, WordReader())
        mood = store.labelling.mood(Scope("ada").owner)
    assert mood is not None
    assert (mood.score, len(mood.points)) == (-0.9, 1)
