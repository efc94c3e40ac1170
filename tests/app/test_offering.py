"""Who asks for things that the shop has is answered with its catalogue's items, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.demo.loading import TEMPLATES, load_shop
from memory import Label, Labels
from tests.app.conftest import Running
from tests.llm.openai_double import OpenAIDouble

BENCH = {
    "id": "bench", "title": "Teak bench 150", "text": "Seats three, 150 cm. Six bolts.",
    "metadata": {"price": 289.0, "currency": "£", "category": "Garden furniture"},
}  # fmt: skip
ITEMS: list[dict[str, Any]] = [
    BENCH,
    {"id": "parasol", "title": "Parasol Tilia", "text": "3 m wide.", "metadata": {"price": "£129"}},
    {"id": "mower", "title": "Cordless mower", "text": "Cuts 34 cm.", "metadata": {"price": 329}},
    {"id": "rug-s", "title": "Wool rug S", "text": "In oat or moss.", "variant_of": "rug"},
    {"id": "rug-l", "title": "Wool rug L", "text": "In oat or moss.", "variant_of": "rug"},
    {"id": "bed", "title": "Raised bed 180", "text": "Oak boards. Back in stock in January.",
     "available": False},
    {"id": "cushion", "title": "Outdoor cushion", "text": "Removable cover.", "metadata": {}},
]  # fmt: skip
BENCH_LINE = "- Teak bench 150 (£289.00): Seats three, 150 cm."


class Reads:
    """A classifier to which all is out of scope."""

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """No intent, surely."""
        return [{"intent": Label(None, 0.95)} for _ in texts]


@pytest.fixture
def service(run_service: Callable[..., Running], double: OpenAIDouble) -> Running:
    """A service that offers what its catalogue has, with a scripted model."""
    started = run_service(understanding=Reads(), quoting="on", llm=double.url)
    stock(started)
    return started


def stock(service: Running) -> None:
    """Put the items into the catalogue."""
    assert service.client.post("/v1/items", json={"items": ITEMS}).is_success


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("What does the teak bench cost?", f"We have:\n{BENCH_LINE}"),
        ("I'm looking for a bench for two", f"We have:\n{BENCH_LINE}"),
        ("Do you have garden furniture?", f"We have:\n{BENCH_LINE}"),
        ("Do you sell parasols?", "We have:\n- Parasol Tilia (£129): 3 m wide."),
        ("Have you got lawn mowers?", "We have:\n- Cordless mower (price: 329): Cuts 34 cm."),
        ("Is the raised bed 180 in stock?",
         "Not available at present:\n- Raised bed 180: Oak boards. Back in stock in January."),
    ],
)  # fmt: skip
def test_the_items_answer_without_the_model(
    service: Running, double: OpenAIDouble, message: str, reply: str
) -> None:
    """By name, by kind or by category, with the price as it is given."""
    answer = service.chat(message).json()
    assert (answer["reply"], answer["template"]) == (reply, "offered")
    assert (answer["recalled"], answer["knowledge"]) == ([], [])
    assert answer["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert double.requests == []


def test_of_variants_one_is_named_and_of_many_things_each(service: Running) -> None:
    """Not more than three."""
    said = service.chat("Do you have rugs?").json()["reply"]
    assert [line[:11] for line in said.splitlines()] == ["We have:", "- Wool rug "]
    both = service.chat("Do you sell parasols and benches?").json()["reply"]
    assert both == f"We have:\n- Parasol Tilia (£129): 3 m wide.\n{BENCH_LINE}"


@pytest.mark.parametrize(
    "message",
    [
        "Do you sell covers for parasols?", "Have you got a green kettle?", "Do you sell rakes?",
        "What does the teak bench 210 cost?", "Do you have petrol mowers?", "How much is a glass "
        "bench?", "Do you sell garden beds or swings?", "Do you sell wool blankets?",
        "How do I care for my teak bench?", "Can I return the bench?", "The bench arrived broken.",
        "What does returning a bench cost?", "How much is delivery of a bench?",
        "I want a new bench, mine is broken.", "Which bench did I order?",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_offered(service: Running, message: str) -> None:
    """Nor what is near it, nor to who asks for something else."""
    assert service.chat(message).json()["template"] is None


def test_an_article_that_says_more_goes_first(service: Running) -> None:
    """What is asked of an item beside its price and whether it is there is for articles."""
    text = "# Care\n\nA teak bench needs oil once a year.\n\n# Warranty\n\nBenches have a warranty "
    text += "of 5 years."
    article = {"source": "bench.md", "title": "Benches", "text": text}
    assert service.client.post("/v1/knowledge", json=article).status_code == 200
    for message, template in (
        ("How often does a teak bench need oil?", "quoted"),
        ("Do you have benches with a warranty?", "quoted"),
        ("Do you have a teak bench?", "offered"),
    ):
        assert service.chat(message).json()["template"] == template, message


def test_it_comes_before_that_nothing_is_known(
    run_service: Callable[..., Running], double: OpenAIDouble, tmp_path: Path
) -> None:
    """Which is said only of what the catalogue has not either."""
    file = tmp_path / "templates.yaml"
    file.write_text("- unknown: That I do not know.\n")
    service = run_service(understanding=Reads(), quoting="on", templates=file, llm=double.url)
    stock(service)
    article = {"source": "pay.md", "title": "Payment", "text": "We take cards."}
    assert service.client.post("/v1/knowledge", json=article).status_code == 200
    assert service.chat("Do you sell parasols?").json()["template"] == "offered"
    rakes = service.chat("Do you sell garden rakes?", customer="ben").json()
    assert rakes["template"] == "unknown"
    assert double.requests == []


def test_what_was_offered_is_the_shop_s_word(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """A model may say it again, and no other price."""
    service = run_service(understanding=Reads(), quoting="on", checking="on", llm=double.url)
    stock(service)
    assert service.chat("What does the teak bench cost?").json()["template"] == "offered"
    double.reply = "The teak bench 150 seats three."
    assert service.chat("How many does it seat?").json()["reply"] == double.reply
    double.reply = "The teak bench 150 costs £250.00."
    assert service.chat("And is it cheaper in red?").json()["template"] == "passed_on"


def test_in_chinese_it_is_said_in_chinese(service: Running) -> None:
    """Of items that are described so; what stands in no title is not offered."""
    item = {"id": "zh", "title": "柚木长椅", "text": "三人座，宽 150 厘米。"}
    item |= {"metadata": {"price": "2599 元"}}
    assert service.client.post("/v1/items", json={"items": [item]}).is_success
    for message in ("你们有适合两人的长椅吗？", "柚木长椅多少钱？"):
        answer = service.chat(message).json()
        assert answer["reply"] == "我们有：\n- 柚木长椅（2599 元）：三人座，宽 150 厘米。", message
    assert service.chat("有没有绿色的水壶？").json()["template"] is None


def test_an_empty_catalogue_offers_nothing(service: Running) -> None:
    """Nor what was taken out of it."""
    for item in ITEMS:
        assert service.client.delete(f"/v1/items/{item['id']}").is_success
    assert service.chat("Do you sell parasols?").json()["template"] is None


def test_it_goes_with_quoting(run_service: Callable[..., Running], double: OpenAIDouble) -> None:
    """By default a bigger model answers itself."""
    service = run_service(understanding=Reads(), llm=double.url)
    stock(service)
    assert service.chat("Do you sell parasols?").json()["template"] is None


def test_the_demo_s_products_are_offered(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """In pounds; what its articles say stays theirs, and what is not there is not offered."""
    service = run_service(
        understanding="embedded:", quoting="on", templates=TEMPLATES, llm=double.url
    )
    load_shop(service.app.state.store, service.app.state.settings)
    for message, template, said in (
        ("What does the teak bench cost?", "offered", "- Hollin teak bench 150 (£289.00): "),
        ("Which plants would you recommend?", "offered", "- Monstera 60 (£29.00): House plant"),
        ("Is the Oakrow raised bed 180 in stock?", "offered", "Not available at present:"),
        ("Do you have blinds?", "offered", "We have:\n- Made-to-measure roller blind (£74.00): "),
        ("How do I care for my teak bench?", "quoted", "[1]"),
        ("Do you have raised beds with a warranty?", "quoted", "[1]"),
        ("Do you sell covers for parasols?", None, ""),
    ):
        answer = service.chat(message, customer="new").json()
        assert (answer["template"], said in answer["reply"]) == (template, True), answer
