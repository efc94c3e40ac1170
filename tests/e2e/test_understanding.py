"""What the service understands, in a real browser: labels, mood, and what no article says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.measures import CONTRAST, NAMELESS, SIDEWAYS, STILL

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

LONG = {
    "intent": {"label": "report_goods_that_are_damaged_or_missing_in_a_delivery", "confidence": 1},
    "topic": {"label": "returns" * 12, "confidence": 0.5},
    "a_head_of_their_own": {"label": None, "confidence": 0.25},
    "sentiment": {"label": "negative", "confidence": 0.994},
}


def patch(page: Page, url: str, change: Any) -> None:
    """Change what the service answers at a URL before the page sees it."""

    def changed(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        change(found)
        route.fulfill(response=answer, json=found)

    page.route(url, changed)


def test_a_message_says_how_it_was_understood(visit: OpenVisit) -> None:
    """Intent, topic and mood with their certainty, said in words, also after a reload."""
    one = visit()
    page = one.open("understood")
    one.say("Where is my order? It is late.")
    labels = page.get_by_role("list", name="Understood as").get_by_role("listitem")
    for _ in range(2):
        expect(labels).to_have_text(
            ["intent: track order 90%", "topic: orders 90%", "sentiment: negative 90%"]
        )
        expect(labels.first.locator("[data-part=label]")).to_have_text("track order")
        page.reload()


def test_what_is_likelier_wrong_than_right_is_shown_as_perhaps(visit: OpenVisit) -> None:
    """In words, and without the colours of a mood."""
    page = visit().open("perhaps")

    def unsure(found: dict[str, Any]) -> None:
        for message in found["messages"]:
            if message["role"] == "human":
                message["understanding"]["sentiment"] = {"label": "positive", "confidence": 0.4}

    patch(page, "**/messages?*", unsure)
    page.get_by_label("Message", exact=True).fill("It has come.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn[data-status=complete]")).to_be_visible()
    page.reload()
    label = page.locator(".labels .unsure")
    expect(label).to_have_text("sentiment: perhaps positive 40%")
    colour = "(one) => getComputedStyle(one).color"
    assert label.evaluate(colour) == page.locator(".labels li").first.evaluate(colour)


def test_what_is_out_of_scope_is_said_so(visit: OpenVisit) -> None:
    """Where no label fits, the page says so for all to see, and of which kinds, in one place."""
    one = visit()
    page = one.open("beyond")
    one.say("Tell me a joke.")
    shown = page.get_by_role("list", name="Understood as").get_by_role("listitem")
    expect(shown).to_have_text(["out of scope: intent 80%, topic 80%", "sentiment: neutral 90%"])
    seen = "(all) => all.map((one) => one.getBoundingClientRect().width > 20)"
    page.wait_for_function(f"""() => JSON.stringify(({seen})([...document.querySelectorAll(
        "[data-part=labels] [data-part=head]")])) === "[true,false]" """)


def test_the_mood_is_seen_to_fall(visit: OpenVisit) -> None:
    """After each turn the session's header has a line with one more point, and says it in words;
    the customer's card has it for all sessions. Another session has a mood of its own.
    """
    one = visit()
    page = one.open("moody")
    mood, line = page.locator("#mood"), page.locator("#mood polyline")
    expect(mood).to_be_hidden()
    said = ["Thanks, all is well.", "It is late.", "Now I am angry."]
    words = ["positive, steady", "neutral, falling", "negative, falling"]
    heights: list[float] = []
    for n, (text, word) in enumerate(zip(said, words, strict=True), 1):
        one.say(text)
        expect(mood).to_have_text(f"Mood: {word}")
        points = (line.get_attribute("points") or "").split(" ")
        assert len(points) == n
        heights.append(float(points[-1].split(",")[1]))
    assert heights == sorted(heights), "down the page is down"
    page.reload()
    expect(mood).to_have_text("Mood: negative, falling")
    page.get_by_role("button", name="New").click()
    expect(mood).to_be_hidden()
    one.say("Thanks.")
    expect(mood).to_have_text("Mood: positive, steady")
    page.get_by_role("button", name="Customer at a glance", exact=True).click()
    card = page.get_by_role("region", name="Mood")
    expect(card).to_contain_text("neutral, rising")
    expect(card).to_contain_text("4 messages")


def test_an_answer_by_template_says_so(visit: OpenVisit, model: Model) -> None:
    """That no model was asked is said below the answer, aloud and in the panel, also later."""
    one = visit()
    page = one.open("refunded")
    one.say("My order number is 4417-XZ.")
    one.say("When is my refund here?")
    assert "When is my refund here?" not in str(model.asked)
    basis = page.locator("[data-part=basis]")
    panel = page.get_by_role("complementary", name="What the model was given")
    said = "Answered by the template “get refund”, without the model"
    expect(page.get_by_role("log")).to_have_text(
        f"Assistant: The refund for 4417-XZ is on its way. {said}"
    )
    expect(panel).to_contain_text(f"Nothing. {said}, from these facts:")
    expect(panel.locator(".card:visible")).to_contain_text(["the answer’s order number"])
    expect(panel.get_by_role("heading", name="Articles")).to_be_hidden()
    page.locator(".look").first.click()
    expect(panel.get_by_role("heading", name="Articles")).to_be_visible()
    page.reload()
    expect(basis).to_have_text(["", said])
    expect(panel).to_contain_text(f"Nothing. {said}, from 1 fact, which is not kept")
    expect(panel.locator(".card:visible")).to_have_count(0)


def test_what_nobody_knows_is_no_template_to_read(visit: OpenVisit) -> None:
    """The template for what is not known is told as that, and not by its name."""
    one = visit()
    page = one.open("asker")
    one.say("Who painted the ceiling?")
    patch(page, "**/messages?*", lambda found: found["messages"][1].update(template="unknown"))
    page.reload()
    expect(page.locator("[data-part=basis]")).to_have_text(
        "No article says anything about this; the model was not asked"
    )


def test_what_no_article_says_is_not_hidden(
    visit: OpenVisit, api: httpx.Client, model: Model
) -> None:
    """Near the answer and in the panel, as long as there are articles; a citation says nothing,
    and to what asks nothing it is not said either.
    """
    article = {"source": "lamps.md", "title": "Lamps", "text": "A lamp has a warranty of 2 years."}
    one = visit()
    page = one.open("curious")
    one.say("Who painted the ceiling?")
    basis = page.locator("[data-part=basis]")
    panel = page.get_by_role("complementary", name="What the model was given")
    expect(panel).to_contain_text("None was given.")
    expect(basis).to_be_empty()
    api.post("/v1/knowledge", json=article).raise_for_status()
    try:
        one.say("Who painted the ceiling of the Sistine chapel?")
        expect(basis.last).to_have_text("No article says anything about this")
        expect(panel).to_contain_text("No article says anything about this.")
        expect(page.get_by_role("log")).to_contain_text("No article says anything about this")
        one.say("What warranty has a lamp?")
        expect(panel.locator("#knowledge .card")).to_have_count(1)
        expect(basis.last).to_be_empty()
        expect(page.locator(".look").last).to_have_text(re.compile(r"\d recalled · 1 passage"))
        one.say("That was rude of you, but thanks!")
        expect(panel).to_contain_text("None was given.")
        expect(basis.last).to_be_empty()
        counts = page.locator(".look").all_text_contents()
        page.reload()
        expect(basis).to_have_text(["", "No article says anything about this", "", ""])
        expect(page.locator(".look")).to_have_text(counts)
    finally:
        api.delete("/v1/knowledge/lamps.md").raise_for_status()


def test_a_service_that_reads_nothing_shows_nothing(visit: OpenVisit) -> None:
    """Without a classifier there are no labels and no mood, on the page and on the card."""
    one = visit()
    page = one.page

    def unread(found: dict[str, Any]) -> None:
        for message in found["messages"]:
            message["understanding"] = None

    one.open("unread")
    one.say("Hello")
    patch(page, "**/messages?*", unread)
    for url in ("**/card?may_be_new=*", "**/sessions/*"):
        patch(page, url, lambda found: found.update(mood=None))
    page.reload()
    expect(page.locator("[data-status=complete]")).to_have_count(1)
    page.get_by_role("button", name="Customer at a glance", exact=True).click()
    expect(page.locator("#glance-parts")).to_be_visible()
    for gone in (".labels", "#mood", "#glance-mood"):
        expect(page.locator(gone)).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_long_names_stay_readable_and_inside(
    visit: OpenVisit, api: httpx.Client, width: int, scheme: str
) -> None:
    """Labels of any length wrap, and mood, labels and notes stand out from their ground."""
    for text in ("Thanks", "Late", "I am angry"):
        body = {"customer": "long", "session": "s" * 60, "message": text}
        api.post("/v1/chat", json=body).raise_for_status()
    one = visit(width=width, height=700, color_scheme=scheme, has_touch=True)
    page = one.page

    def lengthen(found: dict[str, Any]) -> None:
        for message in found["messages"]:
            if message["role"] == "human":
                message["understanding"] = LONG
            else:
                message["evidence"] = "none"

    patch(page, "**/messages?*", lengthen)
    one.open("long")
    expect(page.locator(".labels").first.locator("li")).to_have_count(4)
    expect(page.locator(".labels").first).to_contain_text("99%")
    expect(page.locator("#mood")).to_be_visible()
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(NAMELESS) == []
    cut = "(one) => one.scrollWidth > one.clientWidth"
    for shown in page.locator(".labels li, [data-part=basis]").all():
        assert not shown.evaluate(cut)
    assert not page.locator("#mood").evaluate(cut)
    found = page.evaluate(CONTRAST)
    page.get_by_role("button", name="Customer at a glance", exact=True).click()
    expect(page.locator("#glance-mood")).to_be_visible()
    page.evaluate(STILL)
    assert page.evaluate(SIDEWAYS) == []
    found += page.evaluate(CONTRAST)
    assert {"negative", "out of scope:", "negative, falling"} <= {text for text, _ in found}
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []
