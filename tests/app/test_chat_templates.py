"""Answer templates in the chat: no model where all is certain, the nearest of them else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from app.auth import create_key
from app.main import create_app
from app.settings import Settings
from memory import InvalidInput, Label, Labels, Scope
from tests.app.conftest import Running, events
from tests.llm.openai_double import OpenAIDouble

TEMPLATES = """
- intent: track_order
  text: "{name}, order {order_number} is on its way. The hour comes by e-mail."
  examples:
    - Where is my order?
- unknown: I do not know that.
"""
INTRODUCTION = "Hi, my name is Ada Reyes. My order number is KX-48213"
ARTICLE = {"source": "returns.md", "text": "# Returns\n\nLamps can be sent back within 30 days."}


class Reads:
    """A classifier that knows one intent by a word, and fails on another."""

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """Sure of what has "where" in it; of all else it is out of scope."""
        if any("crash" in text for text in texts):
            raise RuntimeError
        return [
            {"intent": Label("track_order", 0.9) if "where" in t.lower() else Label(None, 0.9)}
            for t in texts
        ]


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits for the reading of its message however busy the machine is."""
    monkeypatch.setattr("app.chains.support._LATE_SECONDS", 60.0)


@pytest.fixture
def service(run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path) -> Running:
    """A service with templates, a classifier and a scripted model."""
    file = tmp_path / "templates.yaml"
    file.write_text(TEMPLATES)
    return run_service(understanding=Reads(), templates=file, llm=double.url)


def test_a_template_answers_without_the_model(service: Running, double: OpenAIDouble) -> None:
    """As JSON: its text, its name, the facts that filled it and why, and no tokens."""
    service.chat(INTRODUCTION)
    asked = len(double.requests)
    answer = service.chat("Where is my order?", session="s2").json()
    assert len(double.requests) == asked
    assert answer["reply"] == ("Ada Reyes, order KX-48213 is on its way. The hour comes by e-mail.")
    assert (answer["template"], answer["status"]) == ("track_order", "complete")
    assert answer["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert (answer["evidence"], answer["knowledge"]) == (None, [])
    assert [(r["text"], r["why"]) for r in answer["recalled"]] == [
        ("Name: Ada Reyes", "fills {name}"),
        ("Order number: KX-48213", "fills {order_number}"),
    ]


def test_it_streams_and_comes_again(service: Running, double: OpenAIDouble) -> None:
    """With the events of any answer; a retry with its key gets the same, and so does a reload."""
    service.chat(INTRODUCTION)
    body = {
        "customer": "ada", "session": "s2", "message": "where is my order", "stream": True,
        "idempotency_key": "k",
    }  # fmt: skip
    told = []
    for _ in range(2):
        with service.client.stream("POST", "/v1/chat", json=body) as response:
            told.append(list(events(response)))
    assert [name for name, _ in told[0]] == ["recalled", "token", "done"]
    assert [data.get("template") for _, data in told[0]] == [None, None, "track_order"]
    assert told[0][1][1]["text"] == told[0][2][1]["reply"]
    assert told[0][0][1]["recalled"][0]["why"] == "fills {name}"
    for first, again in zip(told[0], told[1], strict=True):
        assert first == again
    path = "/v1/customers/ada/sessions/s2/messages"
    messages = service.client.get(path).json()["messages"]
    assert [(m["role"], m["template"], m["status"]) for m in messages] == [
        ("human", None, "complete"), ("ai", "track_order", "complete"),
    ]  # fmt: skip


def test_the_model_goes_on_from_it(service: Running, double: OpenAIDouble) -> None:
    """The next prompt has the question, the facts beside it, and the template's answer."""
    service.chat(INTRODUCTION)
    reply = service.chat("Where is my order?", session="s2").json()["reply"]
    answer = service.chat("Thank you", session="s2").json()
    assert answer["template"] is None
    *_, asked, answered, thanks = (m["content"] for m in double.requests[-1]["messages"])
    assert "Order number: KX-48213\n</memory>\n\nWhere is my order?" in asked
    assert answered == reply
    assert thanks.endswith("Thank you")


def test_an_article_that_is_nearer_is_cited(service: Running, double: OpenAIDouble) -> None:
    """What the message asks for is more particular than what the template says."""
    service.chat(INTRODUCTION)
    article = "Where is my order if the app shows no number? It has not left the yard yet."
    service.client.post(
        "/v1/knowledge", json={"source": "yard.md", "title": "No number", "text": article}
    ).raise_for_status()
    answer = service.chat("Where is my order if the app shows no number?", session="s2").json()
    assert (answer["template"], answer["evidence"]) == (None, "found")
    answer = service.chat("Where is my order?", session="s2").json()
    assert answer["template"] == "track_order"


def test_what_is_deleted_leaves_its_answer_too(service: Running, double: OpenAIDouble) -> None:
    """A value that a template has said is in no later prompt, and fills nothing any more."""
    service.chat(INTRODUCTION)
    service.chat("Where is my order?", session="s2")
    path = "/v1/customers/ada/memories"
    (fact,) = service.client.get(path, params={"slot": "order_number"}).json()["memories"]
    service.client.delete(f"{path}/{fact['id']}").raise_for_status()
    answer = service.chat("Where is my order, please?", session="s2").json()
    assert answer["template"] is None
    assert "48213" not in str(double.requests[-1]["messages"])


def test_what_only_a_model_has_promised_is_no_promise(
    run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path
) -> None:
    """The day that a model makes up fills no slot, in whatever session; the day that an agent
    has said in an imported conversation does, also after a model has said it again.
    """
    file = tmp_path / "templates.yaml"
    file.write_text(
        "- {intent: track_order, text: 'Order {order_number} comes on {delivery_day}.'}"
    )
    service = run_service(understanding=Reads(), templates=file, llm=double.url)
    day = datetime.now(UTC) + timedelta(days=4)
    promise = f"Your bench will be delivered on {day:%A} {day.day} {day:%B %Y}."
    double.reply = "Noted."
    service.chat(INTRODUCTION)
    double.reply = promise
    service.chat("What day will it be?")
    service.settle()
    assert service.chat("Where is my order?", session="s2").json()["template"] is None
    told = {"customer": "bob"}
    double.reply = "Noted."
    service.chat(INTRODUCTION, session="phone", **told)
    double.reply = promise
    service.app.state.chain.memory(Scope("bob", "phone")).add_messages([AIMessage(promise)])
    for session in ("s2", "s3"):
        service.settle()
        answer = service.chat("Where is my order?", session=session, **told).json()
        assert answer["template"] == "track_order"
        assert f"{day:%A} {day.day} {day:%B %Y}" in answer["reply"]
        service.chat("What day will it be, again?", session=session, **told)


def test_what_cannot_be_filled_goes_to_the_model(service: Running, double: OpenAIDouble) -> None:
    """With the nearest template beside the question, of which no slot is left to repeat."""
    answer = service.chat("Where is my order?").json()
    assert (answer["template"], answer["evidence"]) == (None, "found")
    (passage,) = answer["knowledge"]
    assert passage["source"] == "template:track_order"
    assert passage["text"] == "The hour comes by e-mail."
    prompt = double.requests[-1]["messages"][-1]["content"]
    assert "[1] Track order: The hour comes by e-mail." in prompt
    assert "{" not in prompt
    shown = service.client.post(
        "/v1/prompt", json={"customer": "eve", "message": "Where is my order?"}
    ).json()
    assert [one["source"] for one in shown["knowledge"]] == ["template:track_order"]


def test_what_nobody_knows_is_said_so(service: Running, double: OpenAIDouble) -> None:
    """Where there are articles, and none of them, nor memory, has it; not to a greeting."""
    question = "Do you rent out party tents for weddings?"
    assert service.chat(question, session="s0").json()["template"] is None  # nothing to look in
    service.client.post("/v1/knowledge", json=ARTICLE).raise_for_status()
    asked = len(double.requests)
    answer = service.chat(question).json()
    assert (answer["reply"], answer["template"]) == ("I do not know that.", "unknown")
    assert (answer["evidence"], answer["recalled"]) == ("none", [])
    assert len(double.requests) == asked
    # Asked once more it is no better known; what was said of it is.
    assert service.chat(question).json()["template"] == "unknown"
    for message in ("Hello there!", "Thanks!", "Can I send a lamp back?", "What is my name?"):
        assert service.chat(message).json()["template"] is None, message
    service.chat("Your agent told me that you rent out party tents for weddings.")
    assert service.chat(question, session="s3").json()["template"] is None


def test_a_classifier_that_fails_costs_no_answer(service: Running, double: OpenAIDouble) -> None:
    """Then no template answers, and the model does."""
    service.chat(INTRODUCTION)
    service.client.post("/v1/knowledge", json=ARTICLE).raise_for_status()
    for message in ("Where is my order? I may crash", "Do you sell sheds for crash helmets?"):
        answer = service.chat(message).json()
        assert (answer["template"], answer["status"]) == (None, "complete")
    assert service.chat("Do you sell sheds for two bicycles?").json()["template"] == "unknown"


def test_without_a_classifier_only_the_unknown_is_said(
    run_service: Callable[..., Running], tmp_path: Path
) -> None:
    """No intent is certain; what nobody knows can still be told."""
    file = tmp_path / "templates.yaml"
    file.write_text(TEMPLATES)
    service = run_service(templates=file)
    service.chat(INTRODUCTION)
    service.client.post("/v1/knowledge", json=ARTICLE).raise_for_status()
    assert service.chat("Where is my order?").json()["template"] is None
    question = "Do you rent out party tents for weddings?"
    assert service.chat(question).json()["template"] == "unknown"


def test_templates_that_fail_cost_no_answer(
    service: Running, double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong there, the model answers."""

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.templates.answering.choose", broken)
    answer = service.chat("Where is my order?").json()
    assert (answer["template"], answer["status"]) == (None, "complete")


def test_each_tenant_has_its_own(
    run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path
) -> None:
    """A folder has a file for each tenant that has templates; no other is answered by them."""
    folder = tmp_path / "templates"
    folder.mkdir()
    with pytest.raises(InvalidInput, match=r"has no default\.yaml"):
        run_service(templates=folder)
    (folder / "default.yaml").write_text("- intent: track_order\n  text: Soon.\n")
    (folder / "northern.yaml").write_text("- intent: track_order\n  text: By sledge.\n")
    service = run_service(understanding=Reads(), templates=folder, llm=double.url)
    replies = {}
    for tenant in ("default", "northern", "southern"):
        made, _ = create_key(service.app.state.store, "service", tenant)
        answer = service.client.post(
            "/v1/chat",
            json={"customer": "ada", "message": "Where is it?"},
            headers={"Authorization": f"Bearer {made}"},
        ).json()
        replies[tenant] = (answer["reply"], answer["template"])
    assert replies == {
        "default": ("Soon.", "track_order"),
        "northern": ("By sledge.", "track_order"),
        "southern": (double.reply, None),
    }


def test_a_wrong_file_stops_the_start(tmp_path: Path) -> None:
    """With its place; nothing is served with half of it."""
    file = tmp_path / "templates.yaml"
    file.write_text("- intent: a\n  text: '{ordre_number}'\n")
    settings = Settings(data_dir=tmp_path, llm="fake:echo", understanding="off", templates=file)
    with pytest.raises(InvalidInput, match=r"line 2: .*did you mean order_number"):
        create_app(settings)
