"""``templates test``: a file is tried as it would answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.conversation import conversation_memory
from app.doctor import diagnose
from app.embeddings import open_embeddings
from app.settings import Settings
from app.templates.answering import open_all
from app.understanding.opening import open_understanding
from memory import InvalidInput, Label, Labels, Scope, open_store

FILE = """
- intent: track_order
  text: "{name}, order {order_number} is on its way."
  examples: ["where is my order", "any news?"]
- intent: refund
  text: Within 5 days.
  examples: ["my money please"]
"""


class Reads:
    """A classifier by words."""

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """Orders by "where", refunds by "money"; all else is out of scope."""
        named = {"where": Label("track_order", 0.9), "money": Label("refund", 0.6)}
        return [
            {"intent": next((label for word, label in named.items() if word in text.lower()),
                            Label(None, 0.8))}
            for text in texts
        ]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with templates, and a classifier in force."""
    monkeypatch.setattr("app.understanding.opening.open_understanding", lambda _: Reads())
    written = tmp_path / "templates.yaml"
    written.write_text(FILE)
    return written


def run(*arguments: object) -> tuple[int, str]:
    """The exit code and what was printed."""
    done = CliRunner().invoke(app, ["templates", "test", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_examples_are_to_go_to_their_own_template(file: Path) -> None:
    """One that does not is told, and the exit code says so."""
    code, said = run(file, "--slot", "name=Ada", "--slot", "order_number=KX-1")
    assert code == 1
    assert "where is my order  (track_order 0.90)\n  track_order: Ada, order KX-1 is on" in said
    assert "any news?  (out of scope 0.80)\n  not seen to be track_order: the intent is" in said
    assert "my money please  (refund 0.60)\n  not seen to be refund: the intent is unc" in said
    assert said.endswith("2 templates; 1 of 3 examples are seen to be their template's\n")


def test_messages_are_told_why_no_template_answers(file: Path) -> None:
    """As JSON: intent, template, text, or the reason and the templates that the model gets."""
    code, said = run(file, "--json", "--message", "Where is it?", "--message", "hello")
    assert code == 0
    report = json.loads(said)
    assert (report["templates"], report["unknown"], report["classifier"]) == (2, False, "embedded:")
    first, second = report["messages"]
    assert first["intent"] == {"label": "track_order", "confidence": 0.9}
    assert (first["template"], first["why_not"]) == (None, "slot name is not known")
    assert (second["intent"]["label"], second["why_not"]) == (None, "the intent is out of scope")


def test_slots_are_filled_from_a_customers_memory(file: Path, tmp_path: Path) -> None:
    """Of the service's database; nothing is stored."""
    settings = Settings(data_dir=tmp_path)
    with open_store(settings.database_url) as store:
        encoder = open_embeddings(settings.embeddings)
        memory = conversation_memory(store, Scope("ada", "s1"), settings, encoder)
        said = {"input": "My name is Ada Reyes. Order number KX-1 and order number KX-2."}
        memory.save_context(said, {"output": "Thank you."})
    ask = (file, "--data-dir", tmp_path, "--customer", "ada", "--message")
    assert "slot order_number has 2 values: KX-1, KX-2" in run(*ask, "where is my order")[1]
    assert "Ada Reyes, order KX-2 is on its way." in run(*ask, "where is KX-2")[1]
    with open_store(settings.database_url) as store:
        assert [s.session for s in store.transcript.sessions(Scope("ada").owner)] == ["s1"]
    with pytest.raises(InvalidInput, match="nothing is stored of a customer 'eve'"):
        run(file, "--data-dir", tmp_path, "--customer", "eve")


def test_without_a_classifier_the_file_is_checked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is right or wrong all the same."""
    monkeypatch.setattr("app.understanding.opening.open_understanding", lambda _: None)
    code, said = run(file)
    assert code == 0
    assert said.endswith("2 templates; no template answers by itself: there is no classifier\n")
    file.write_text("- intent: a\n  text: '{nam}'")
    with pytest.raises(InvalidInput, match=r"line 2: .*did you mean name"):
        run(file)


def test_a_classifier_without_intents_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start of a service, and here, where it counts as wrong."""
    topics = copy(open_understanding("embedded:"))
    assert topics is not None
    topics.card = replace(topics.card, heads={"topic": topics.card.heads["topic"]})
    monkeypatch.setattr("app.understanding.opening.open_understanding", lambda _: topics)
    why = 'no template answers by itself: the classifier has no head "intent", only topic'
    open_all(file, topics, open_embeddings("embedded:"))
    assert why in caplog.text
    code, said = run(file, "--message", "where is it")
    assert (code, why in said) == (1, True)
    code, said = run(file, "--json")
    assert (code, why.split(": ")[1] in json.loads(said)["why_none"]) == (1, True)


def test_doctor_reads_the_file_that_is_set(file: Path, tmp_path: Path) -> None:
    """What would stop the start is named, with what to do."""
    settings = Settings(data_dir=tmp_path, llm="fake:echo", understanding="off", templates=file)
    found = {name: (fault, remedy) for name, fault, remedy in diagnose(settings)}
    assert found["templates"][0] is None
    file.write_text("- intent: a")
    found = {name: (fault, remedy) for name, fault, remedy in diagnose(settings)}
    fault, remedy = found["templates"]
    assert fault == f"{file}, line 1: a template has an intent and a text, and here is no `text`"
    assert "templates test FILE" in remedy


@pytest.mark.parametrize("given", ["name", "name=", "nam=Ada"])
def test_a_slot_is_given_by_name_and_value(file: Path, given: Any) -> None:
    """Else it is said how."""
    with pytest.raises(InvalidInput, match="say NAME=VALUE, with a name of name, email"):
        run(file, "--slot", given)
