"""The invented shop of the demo agrees with itself."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

from app.conversation import conversation_memory
from app.demo.lately import moved_on
from app.importing import import_from
from app.settings import Settings
from app.sources.formats import open_source
from app.sources.source import Options
from memory import Scope, open_store
from memory.slots import SLOTS
from tests.doubles import WordEncoder

SHOP = Path(__file__).parents[2] / "app" / "demo" / "shop"
ARTICLES = {path.name: path.read_text(encoding="utf-8") for path in SHOP.glob("articles/*")}
FACTS = [
    (fact, value, said_in.split(", "))
    for fact, value, said_in in re.findall(
        r"^\| (?!fact )(\w.+?) \| (.+?) \| (.+?) \|$",
        (SHOP / "house-facts.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
]
# Prices, rates, periods, weights and lengths.
AMOUNT = re.compile(
    r"£\d+(?:,\d{3})*(?:\.\d\d)?|\d+%|\b\d+(?:\.\d+)?(?: to \d+)? (?:°C|(?:working )?"
    r"(?:minute|hour|day|week|month|year|wrong trie|point|card|sample|people|kg|mm|m)s?\b)"
)
WORDS = (80, 250)  # of an article


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with (SHOP / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def lines(name: str) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in (SHOP / name).read_text(encoding="utf-8").splitlines()]


ENTRIES = yaml.safe_load((SHOP / "templates.yaml").read_text(encoding="utf-8"))
TEMPLATES = [entry for entry in ENTRIES if "intent" in entry]
CUSTOMERS = lines("customers.jsonl")
TURNS = [
    (customer["id"], turn)
    for customer in CUSTOMERS
    for session in customer["sessions"]
    for turn in session["turns"]
]


def amounts(text: str) -> set[str]:
    """The prices, rates and measures in a text."""
    return set(AMOUNT.findall(text))


def test_there_is_enough_of_everything() -> None:
    """A living shop: articles of a page each, questions, products, templates, customers."""
    assert len(ARTICLES) >= 36
    for name, text in ARTICLES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.md", name)
        assert re.match(r"# \S.*\n\n\S", text), name
        assert WORDS[0] <= len(text.split()) <= WORDS[1], name
    counts = [len(rows("faq.csv")), len(rows("products.csv")), len(CUSTOMERS)]
    assert counts == [40, 30, 6]
    assert len(TEMPLATES) >= 12


@pytest.mark.parametrize(("fact", "value", "said_in"), FACTS, ids=[f for f, _, _ in FACTS])
def test_a_house_fact_stands_in_its_articles(fact: str, value: str, said_in: list[str]) -> None:
    """Word for word, in each article that is named beside it."""
    for name in said_in:
        # Not as a part of another number: "2 days" stands in no "12 days".
        found = re.search(rf"(?<![\d£.,]){re.escape(value)}(?![\d%])", ARTICLES[f"{name}.md"])
        assert found, f"{fact}: {value!r} is not in {name}.md"


def test_nobody_gives_a_price_or_a_period_that_is_no_house_fact() -> None:
    """Articles, answers, templates and agents give those of house-facts.md and products.csv."""
    known = set().union(*(amounts(value) for _, value, _ in FACTS))
    assert {"£4.95", "45 days", "3 to 5 working days", "20%", "25 kg", "1 hour"} <= known
    known |= {f"£{row['price'].removesuffix('.00')}" for row in rows("products.csv")}
    known |= {"£50"}  # a gift card that a customer asked for; he chooses its amount
    texts = ARTICLES | {f"faq.csv: {row['question']}": row["answer"] for row in rows("faq.csv")}
    texts |= {f"templates.yaml: {one['intent']}": one["text"] for one in TEMPLATES}
    texts |= {
        f"{customer} {turn['at']}": turn["text"]
        for customer, turn in TURNS if turn["role"] == "agent"
    }  # fmt: skip
    wrong = {name: found for name, text in texts.items() if (found := amounts(text) - known)}
    assert not wrong


def test_the_check_reads_amounts() -> None:
    """Of a text, the prices, rates and measures, and nothing else."""
    assert amounts("£4.95, £60; 3 to 5 working days or 24 hours, 10% at 13:00 in 2026, 5 mm") == {
        "£4.95", "£60", "3 to 5 working days", "24 hours", "10%", "5 mm",
    }  # fmt: skip


def test_ids_and_questions_are_there_once() -> None:
    """Products, names, questions, intents, customers and their sessions have names of their own."""
    sessions = [(one["id"], session["id"]) for one in CUSTOMERS for session in one["sessions"]]
    for names in (
        [row["id"] for row in rows("products.csv")],
        [row["name"] for row in rows("products.csv")],
        [row["question"] for row in rows("faq.csv")],
        [one["intent"] for one in TEMPLATES],
        [example for one in TEMPLATES for example in one["examples"]],
        [one["question"] for one in lines("questions.jsonl")],
        [fact for fact, _, _ in FACTS],
        sessions,
    ):
        assert len(names) == len(set(names)), names


def test_products_have_prices_and_a_stock() -> None:
    """A price in pounds and pence, a stock that is a count, and words in every column."""
    for row in rows("products.csv"):
        assert list(row) == ["id", "name", "price", "stock", "category", "description"]
        assert all(row.values()), row
        assert re.fullmatch(r"P-\d{3}", row["id"])
        assert re.fullmatch(r"[1-9]\d*\.\d\d", row["price"])
        assert int(row["stock"]) >= 0


def test_what_is_heavy_is_delivered_by_two() -> None:
    """Above the weight at which the articles send a crew, the product's text says so."""
    for row in rows("products.csv"):
        weight = re.search(r"\b(\d+) kg\b", row["name"] + row["description"])
        if weight and int(weight[1]) > 25:
            assert "elivered by two people" in row["description"], row["name"]


def test_templates_have_known_slots_and_two_wordings() -> None:
    """A slot is a kind of fact of the memory, or the day of an open promise."""
    known = SLOTS.keys() | {"delivery_day"}
    used = set()
    for one in TEMPLATES:
        assert one.keys() - {"certain"} == {"intent", "text", "examples"}
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", one["intent"])
        assert len(one["examples"]) == 2
        slots = {name for _, name, _, _ in Formatter().parse(one["text"]) if name is not None}
        assert slots <= known, one["intent"]
        used |= slots
    assert {"name", "order_number", "delivery_day", "email", "address"} <= used
    assert [list(entry) for entry in ENTRIES if "intent" not in entry] == [["unknown"]]


def test_questions_name_articles_that_are_there() -> None:
    """Sixty in customers' words, of which twelve have no answer in the shop."""
    questions = lines("questions.jsonl")
    assert all(one.keys() == {"question", "article"} for one in questions)
    assert [one["article"] for one in questions].count(None) == 12
    assert len(questions) == 60
    assert {one["article"] for one in questions} - {None} <= ARTICLES.keys()
    assert len({one["article"] for one in questions}) > 30


def test_dates_have_the_right_weekday() -> None:
    """What an agent promises for a Tuesday is one, and no working day is a Sunday."""
    found = [
        (datetime.strptime(day, "%d %B %Y").replace(tzinfo=UTC), weekday)
        for _, turn in TURNS
        for weekday, day in re.findall(r"(\w+day) (\d+ \w+ \d{4})", turn["text"])
    ]
    assert len(found) > 5
    assert all(day.strftime("%A") == weekday != "Sunday" for day, weekday in found)


def test_customers_wrote_lately() -> None:
    """Years later their history has moved on by whole weeks: it ends this week, its days too."""
    file = SHOP / "customers.jsonl"
    for now in (datetime(2026, 11, 30, tzinfo=UTC), datetime(2029, 3, 2, 12, tzinfo=UTC)):
        moved = [
            turn
            for customer in moved_on(file, now)
            for session in customer["sessions"]
            for turn in session["turns"]
        ]
        last = max(datetime.fromisoformat(turn["at"]) for turn in moved)
        assert timedelta() <= now - last < timedelta(weeks=1)
        assert len({turn["id"] for turn in moved}) == len(TURNS)
        promised = [
            (datetime.strptime(day, "%d %B %Y").replace(tzinfo=UTC), weekday)
            for turn in moved
            for weekday, day in re.findall(r"(\w+day) (\d+ \w+ \d{4})", turn["text"])
        ]
        assert len(promised) > 5
        assert all(day.strftime("%A") == weekday for day, weekday in promised)
        assert max(day for day, _ in promised) > now
        told = next(turn["text"] for turn in moved if "Anneke wrote" in turn["text"])
        assert re.search(r"The \d+(st|nd|rd|th) of \w+, she says", told)
    same = [turn for one in moved_on(file, datetime(2026, 11, 30, tzinfo=UTC))
            for session in one["sessions"] for turn in session["turns"]]  # fmt: skip
    assert [turn["text"] for turn in same] == [turn["text"] for _, turn in TURNS]


def test_customers_can_be_imported() -> None:
    """Each session once, in the past and in order; a second import stores nothing."""
    file = SHOP / "customers.jsonl"
    settings = Settings()
    with open_store() as store:
        sessions = sum(len(one["sessions"]) for one in CUSTOMERS)
        for new in (len(TURNS), 0):
            report = import_from(store, settings, WordEncoder(), open_source(str(file), Options()))
            assert (report.new_messages, report.conversations, report.bad) == (new, sessions, 0)
        for customer in CUSTOMERS:
            said = [
                datetime.fromisoformat(turn["at"]) for name, turn in TURNS if name == customer["id"]
            ]
            assert said == sorted(said)
            assert said[-1] < datetime.now(UTC)
            stored = store.transcript.sessions(Scope(customer["id"]).owner)
            assert {s.session for s in stored} == {s["id"] for s in customer["sessions"]}


def test_what_templates_ask_for_is_known_of_a_customer() -> None:
    """The memory reads a name, an open order and its day; a corrected address; who is annoyed."""
    settings, words = Settings(), WordEncoder()
    with open_store() as store:
        history = open_source(str(SHOP / "customers.jsonl"), Options())
        import_from(store, settings, words, history)
        cards = {}
        for customer in CUSTOMERS:
            memory = conversation_memory(store, Scope(customer["id"]), settings, words)
            found = memory.card()
            assert found is not None
            cards[customer["id"]] = found
    known = {name: {fact.slot: fact.value for fact in one.facts} for name, one in cards.items()}
    assert all("name" in facts and "order_number" in facts for facts in known.values())
    assert known["mara-okafor"]["email"] == "mara.okafor@mail.example"
    (promise,) = cards["mara-okafor"].promises
    assert (promise.fact.value, promise.due and promise.due.date().isoformat()) == (
        "Your Hollin teak bench will be delivered on Tuesday 1 December 2026.",
        "2026-12-01",
    )
    (address,) = [fact for fact in cards["ines-duarte"].facts if fact.slot == "address"]
    assert address.value == "41 Heron Close, Ashmere TB7 2LW"
    assert address.replaced is not None
    assert address.replaced.value == "14 Heron Close, Ashmere TB7 2LW"
    assert cards["tom-hallworth"].problem is not None
