"""POST /v1/answers: a question answered from what is stored, with citations, or not known."""

from __future__ import annotations

import gzip
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from app.chains.answers import AnswerChain
from app.chains.confidence import SURE, named, numbers
from app.conversation import conversation_memory
from app.demo.loading import CUSTOMERS
from app.embeddings import open_embeddings
from app.evaluation.answers import measure, table
from app.evaluation.dialogues import read_dialogues
from app.settings import Settings
from memory import Knowledge, Scope, open_store
from memory.client import MemoryClient
from tests.app.conftest import KEY, Running
from tests.llm.openai_double import OpenAIDouble

_ROLES = {"customer": HumanMessage, "agent": AIMessage}
RETURNS = "# Returns\n\nA lamp can be sent back within 30 days. Rugs are never taken back."


@pytest.fixture
def desk(scripted: Running, double: OpenAIDouble) -> Running:
    """A service with a customer and an article."""
    double.reply = "Thank you, I have noted that."
    for text in (
        "Hello, my order 4417-XZ with the green lamp is late.",
        "I live in Lisbon with my daughter and two cats.",
        "My favourite tea is jasmine.",
    ):
        scripted.chat(text).raise_for_status()
    scripted.settle()
    body = {"source": "returns.md", "text": RETURNS}
    scripted.client.post("/v1/knowledge", json=body).raise_for_status()
    return scripted


def answered(service: Running, question: str, **body: Any) -> Any:
    """What is answered of Ada."""
    asked = {"customer": "ada", "question": question, **body}
    return service.client.post("/v1/answers", json=asked).raise_for_status().json()


def test_the_answer_is_a_sentence_that_was_said_and_cites_it(desk: Running) -> None:
    """By the memory's id; nothing is stored by the question."""
    before = desk.client.get("/v1/customers/ada/memories").json()
    made = answered(desk, "Which tea is the customer's favourite?")
    assert made["known"]
    assert made["by"] == "extractive"
    text, number = re.fullmatch(r"(.*) \[(\d+)\]", made["answer"]).groups()  # type: ignore[union-attr]
    assert "jasmine" in text
    cited = made["evidence"][int(number) - 1]
    assert (cited["number"], cited["kind"]) == (int(number), "memory")
    assert text in cited["text"]
    memory = desk.client.get(f"/v1/customers/ada/memories/{cited['id']}").json()
    assert "jasmine" in memory["text"]
    assert cited["messages"]
    desk.settle()
    assert desk.client.get("/v1/customers/ada/memories").json() == before


def test_of_a_card_the_answer_has_the_last_digits(desk: Running) -> None:
    """What is cited is as it was said."""
    desk.chat("I pay the rent by my card 4111 1111 1111 1111.").raise_for_status()
    made = answered(desk, "Which card does the customer pay the rent by?")
    assert made["answer"].startswith("I pay the rent by my card •••• 1111. [")


def test_an_article_answers_with_a_customer_and_without(desk: Running) -> None:
    """A passage is cited with its article."""
    for whose in ({}, {"customer": None}):
        made = answered(desk, "Within how many days can I send a lamp back?", **whose)
        assert "30 days" in made["answer"]
        number = int(made["answer"][-2])
        cited = made["evidence"][number - 1]
        assert (cited["kind"], cited["source"]) == ("passage", "returns.md")


def test_what_nobody_said_is_not_known(desk: Running, double: OpenAIDouble) -> None:
    """Nothing is made up and no model is asked; nor is another customer's memory. A courtesy asks
    for nothing, though one was said.
    """
    sent = len(double.requests)
    for question in (
        "Who won the chess championship in 1972?", "What is the capital of Mongolia?", "Hello!",
    ):  # fmt: skip
        made = answered(desk, question, how="model")
        assert (made["known"], made["answer"], made["by"], made["evidence"]) == (
            False, None, None, []
        )  # fmt: skip
    desk.chat("Where is it?", customer="eve").raise_for_status()
    desk.settle()
    sent += 1
    made = answered(desk, "Which tea is the customer's favourite?", customer="eve")
    assert not made["known"]
    assert len(double.requests) == sent


LAMPS = """# Nova lamps

The Nova lamp 40 costs £30 and is sent to Portugal within 5 days. It comes in oak and ash."""


def test_a_question_that_is_only_near_is_not_known(desk: Running) -> None:
    """Another product, number, place or what is not so: less sure than what is answered, and than
    what is taken to be known; with less asked for the nearest is given, with more nothing.
    """
    body = {"source": "lamps.md", "title": "Nova lamps", "text": LAMPS}
    desk.client.post("/v1/knowledge", json=body).raise_for_status()
    made = answered(desk, "What does the Nova lamp 40 cost?", customer=None)
    assert (made["known"], made["answer"]) == (
        True, "The Nova lamp 40 costs £30 and is sent to Portugal within 5 days. [1]",
    )  # fmt: skip
    for near in (
        "What does the Nova lamp 75 cost?",
        "What does the Vega lamp 40 cost?",
        "Is the Nova lamp 40 sent to Norway within 5 days?",
        "Which Nova lamp does not come in oak?",
    ):
        found = answered(desk, near, customer=None)
        assert (found["known"], found["answer"], found["evidence"]) == (False, None, []), near
        assert 0 < found["confidence"] < SURE <= made["confidence"]
        assert answered(desk, near, customer=None, min_confidence=0)["known"]
    strict = answered(desk, "What does the Nova lamp 40 cost?", customer=None, min_confidence=1)
    assert (strict["known"], strict["confidence"]) == (False, made["confidence"])
    wrong = {"question": "Which tea?", "min_confidence": 2}
    assert desk.client.post("/v1/answers", json=wrong).status_code == 422


@pytest.mark.parametrize(
    ("question", "names", "numbers_"),
    [
        ("Where is order WH-48213 of Ines?", {"WH-48213", "Ines"}, {"WH-48213"}),
        ("Is the Nova 40 under £50 after 60 days, by 2 pm?", {"Nova"}, {"40"}),
        ("WHERE IS IT", set(), set()),
        ("How Long Does It Take", set(), set()),
        ("what is it", set(), set()),
    ],
)
def test_what_a_question_names_is_known_from_what_it_measures(
    question: str, names: set[str], numbers_: set[str]
) -> None:
    """Numbers with a unit are limits that a rule may answer; headlines name nothing."""
    assert named(question) == names
    assert numbers(question) == numbers_


def test_the_models_answer_is_taken_if_it_holds(desk: Running, double: OpenAIDouble) -> None:
    """It is given the evidence by numbers, and has to cite it; else the extractive one is given."""
    double.reply = "It is jasmine tea [1]."
    made = answered(desk, "Which tea is the customer's favourite?", how="model")
    assert (made["answer"], made["by"], made["fault"]) == (double.reply, "model", None)
    assert made["usage"]["output_tokens"] > 0
    content = double.requests[-1]["messages"][1]["content"]
    assert "[1] " in content
    assert content.endswith("Which tea is the customer's favourite?")
    for said, fault in (
        ("It is jasmine tea.", "without a citation"),
        ("It is jasmine tea [17].", "with a citation of nothing"),
        ("Call 555-0199 for jasmine tea [1].", "of numbers or addresses not said"),
    ):
        double.reply = said
        made = answered(desk, "Which tea is the customer's favourite?", how="model")
        assert (made["by"], made["fault"]) == ("extractive", fault)
        assert "jasmine" in made["answer"]
    double.reply = "NOT KNOWN"
    made = answered(desk, "Which tea is the customer's favourite?", how="model")
    assert (made["known"], made["answer"], made["evidence"]) == (False, None, [])
    double.mode = "500"
    body = {"customer": "ada", "question": "Which tea is her favourite?", "how": "model"}
    failed = desk.client.post("/v1/answers", json=body)
    assert failed.status_code == 502
    assert "Nothing was stored" in failed.json()["detail"]


def test_what_was_forgotten_is_not_known(desk: Running) -> None:
    """A memory that a person deletes answers nothing any more; an erased customer is not there."""
    for one in desk.client.get("/v1/customers/ada/memories").json()["memories"]:
        if "jasmine" in one["text"]:
            desk.client.delete(f"/v1/customers/ada/memories/{one['id']}")
    assert "jasmine" not in str(answered(desk, "Which tea is the customer's favourite?"))
    desk.client.delete("/v1/customers/ada").raise_for_status()
    asked = {"customer": "ada", "question": "Where does the customer live?"}
    assert desk.client.post("/v1/answers", json=asked).status_code == 404
    assert "Lisbon" not in desk.client.post("/v1/answers", json=asked | {"customer": None}).text


def test_who_is_not_there_is_404_and_a_program_asks_by_the_client(desk: Running) -> None:
    """A customer of whom nothing was stored; a blank question is refused."""
    for body, status in (
        ({"customer": "nobody", "question": "Which tea?"}, 404),
        ({"customer": "ada", "question": "  "}, 422),
        ({"customer": "ada", "question": "Which tea?", "how": "both"}, 422),
    ):
        assert desk.client.post("/v1/answers", json=body).status_code == status
    with MemoryClient(desk.address, KEY) as client:
        made = client.answer("Which tea is the customer's favourite?", customer="ada")
    assert made.known
    assert made.evidence[0].number == 1


@pytest.mark.parametrize("today", ["2026-11-19", "2026-11-29", "2026-12-24"])
def test_of_promises_the_one_that_holds_answers(
    monkeypatch: pytest.MonkeyPatch, today: str
) -> None:
    """The last that was made, though an older one is nearer to the question, and whether or not
    its day has passed; what was asked of the past is answered by what was said then.
    """
    asked_on = datetime.fromisoformat(f"{today}T12:00:00Z")
    monkeypatch.setattr("app.chains.answers.now", lambda: asked_on)
    encoder, settings = open_embeddings("embedded:"), Settings()
    customers = map(json.loads, CUSTOMERS.read_text().splitlines())
    tom = next(one for one in customers if one["id"] == "tom-hallworth")
    with open_store() as store:
        for session in tom["sessions"]:
            memory = conversation_memory(store, Scope("tom", session["id"]), settings, encoder)
            memory.add_messages(
                [_ROLES[turn["role"]](turn["text"]) for turn in session["turns"]],
                [datetime.fromisoformat(turn["at"]) for turn in session["turns"]],
            )
            memory.digest()

        def answer(question: str) -> str:
            asking = AnswerChain(None, encoder).answer  # type: ignore[arg-type]
            knowledge = Knowledge(store=store, encoder=encoder)
            made = anyio.run(asking, memory, knowledge, question, "extractive", 99)
            return str(made.text)

        assert "Friday 4 December 2026" in answer("When will my sofa come?")
        assert "20 November" in answer("When did you say that you can bring the sofa?")


def test_the_measure_tells_whose_it_is(tmp_path: Path) -> None:
    """A question about one who never said it is not known, in the table too."""
    said = [
        ("speaker_a", "I adopted a grey kitten called Pepper last week."),
        ("speaker_b", "I have been playing the violin for nine years."),
        ("speaker_a", "My sister moved to Oslo to study law."),
        ("speaker_b", "I work as a nurse at the children's hospital."),
    ]
    turns = [{"id": f"t{n}", "role": role, "text": text} for n, (role, text) in enumerate(said)]
    asked = [
        ("q0", "How long has Bruno been playing the violin?", "single-hop", "t1"),
        ("q1", "What kitten did Alice adopt last week?", "single-hop", "t0"),
        ("q2", "How long has Alice been playing the violin?", "adversarial", "t1"),
        ("q3", "What kitten did Bruno adopt last week?", "adversarial", "t0"),
    ]
    with gzip.open(tmp_path / "conversations.jsonl.gz", "wt") as file:
        for name in ("c1", "c2"):
            sessions = [{"id": f"{name}s", "date": "2024-05-04 09:30", "turns": turns}]
            labels = {"speaker_a": "Alice", "speaker_b": "Bruno"}
            print(json.dumps({"id": name, "labels": labels, "sessions": sessions}), file=file)
    with gzip.open(tmp_path / "questions.jsonl.gz", "wt") as file:
        for name in ("c1", "c2"):
            for number, text, kind, gold in asked:
                line = {"id": f"{name}{number}", "conversation": name, "question": text,
                        "type": kind, "evidence": [gold]}  # fmt: skip
                print(json.dumps(line), file=file)
    dialogues = read_dialogues(tmp_path)
    assert len(dialogues.unanswerable) == 4
    made = measure(dialogues, Settings(), open_embeddings("embedded:"))
    for part in made["parts"].values():
        assert (part["answerable"], part["unanswerable"]) == (2, 2)
        assert part["at"]["not_known"]["mean"] == 1
        assert part["at"]["with_evidence"]["mean"] == 1
    assert "in use" in table(made)
