"""The panel that shows what the model was given, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit


def test_the_panel_shows_what_the_model_was_given(visit: OpenVisit, model: Model) -> None:
    """Recent messages, and recalled records with who said them, when, score and reason."""
    one = visit()
    page = one.open("panel")
    one.say("My order number is 40-2291 and it has not come.")
    page.get_by_role("button", name="New").click()
    one.say("Hello again.")
    one.say("What was my order number?")
    panel = page.get_by_role("complementary", name="What the model was given")
    heard = sum(len(said["content"].split()) for said in model.asked[-1])
    expect(panel).to_contain_text(f"As it was sent: {heard} tokens.")
    window = panel.locator("#window .card")
    expect(window.first).to_contain_text("Hello again.")
    record = panel.locator("#recalled .card", has_text="40-2291").first
    expect(record.locator("[data-part=who]")).to_have_text("panel")
    expect(record.locator("time")).not_to_be_empty()
    expect(record.locator("[data-part=score]")).to_have_text(re.compile(r"score \d\.\d+"))
    expect(record.locator("[data-part=why]")).not_to_be_empty()
    panel.locator("summary").click()
    sent = [said["content"] for said in model.asked[-1]]
    expect(panel.locator("#frame .card").last.locator(".text")).to_have_text(sent[-1])
    assert window.count() + panel.locator("#frame .card").count() == len(sent)
    page.locator(".look").first.click()
    expect(page.locator(".look").first).to_have_attribute("aria-pressed", "true")
    expect(panel.locator("#window-count")).to_have_text("0")


def test_the_panel_shows_the_summary(visit: OpenVisit, api: httpx.Client) -> None:
    """Once messages have left the recent ones, the panel has the summary that stands for them."""
    story = "My order 40-2291 came with a cracked lamp shade and I want a new one. " * 12
    for number in range(24):
        body = {"customer": "folded", "session": "s1", "message": f"{number}: {story}"}
        api.post("/v1/chat", json={**body, "stream": False}).raise_for_status()
    one = visit()
    page = one.open("folded")
    one.say("What was broken?")
    expect(page.locator("#summary")).to_contain_text("40-2291")


WHY = [
    (
        "lexical #1 (messag, tri, 4417-xz), dense #2 (cosine 0.61); replaces 14 Heron Close, "
        "Ashmere TB7 2LW of 2026-11-16",
        "Your messages say that I try 4417-XZ.",
        "it says “messages, try, 4417-xz” · close in meaning (0.61) · "
        "replaces 14 Heron Close, Ashmere TB7 2LW of 16 Nov 2026",
    ),
    (
        "context #3; outdated: address is now 2 Mill Lane, Leeds; 3 newer records searched by "
        "words only",
        "",
        "said near words that fit · outdated: address is now 2 Mill Lane, Leeds · "
        "newer memories were searched by words only",
    ),
    ("fills {order_number} and {name}", "", "the answer’s order number and name"),
    (
        "second hop #2 (sofa, corran)",
        "The Corran sofa.",
        "shares “sofa, corran” with what fits best",
    ),
    (
        "second hop #1, among what is nearest",
        "",
        "related to what fits best · among what is nearest",
    ),
    ("lexical #1 (退款), said by ada", "我要退款。", "it says “退款” · said by ada"),
    ("a way of somebody's own", "", "a way of somebody's own"),
]


def test_why_is_said_in_words(visit: OpenVisit) -> None:
    """Whole words in place of stems, values with commas whole, and no raw name of a slot; a fact
    has its label in the reader's language, and what was said stays as it was.
    """
    page = visit().open("why")
    told = page.evaluate(
        "all => import('/web/why.js').then(({ inWords }) => all.map((one) => inWords(...one)))",
        [[why, text] for why, text, _ in WHY],
    )
    assert told == [said for _, _, said in WHY]
    page.get_by_label("Language").select_option("zh")
    facts = page.evaluate(
        "all => import('/web/message.js').then(({ remembered }) => all.map(remembered))",
        [
            {"slot": "order_number", "text": "Order number: 40-2291"},
            {"slot": None, "text": "Order number: 40-2291"},
        ],
    )
    assert facts == ["订单号：40-2291", "Order number: 40-2291"]
