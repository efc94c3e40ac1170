"""A session handed over to a person, in a real browser, seen from both sides."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import httpx
import jwt
from playwright.sync_api import Page, expect

from tests.e2e.conftest import SECRET

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit


def take_over(page: Page) -> None:
    """Hand the session over, and close what is told then."""
    page.get_by_role("button", name="Take over from the assistant").click()
    expect(page.get_by_role("dialog", name="You answer now")).to_be_visible()
    page.keyboard.press("Escape")


def test_a_person_takes_over_with_a_summary_and_gives_back(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """One click: the person has a text to copy, and answers as a person. The customer, on their
    own page, sees that a person answers, waits, and reads the reply without asking for it. Given
    back, the model answers.
    """
    said = {"customer": "zoë", "session": "s1", "message": "My order number is 4417-XY."}
    api.post("/v1/chat", json=said).raise_for_status()
    desk = visit(permissions=["clipboard-read", "clipboard-write"])
    page = desk.open("zoë")
    page.get_by_role("button", name="Take over from the assistant").click()
    dialog = page.get_by_role("dialog", name="You answer now")
    sheet = dialog.get_by_label("Summary to hand over")
    for line in ("Customer: zoë", r"Session: s1 \(2 messages\)", "Order number: 4417-XY"):
        expect(sheet).to_have_value(re.compile(line))
    assert sheet.input_value().startswith("The customer said last: “My order number is 4417-XY.” (")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n")
    assert copied == sheet.input_value()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    expect(page.locator("#handed")).to_contain_text("A person has been answering since")
    expect(page.get_by_role("button", name="Take over from the assistant")).to_be_hidden()
    expect(page.locator("#sessions li")).to_contain_text("with a person")

    token = jwt.encode({"sub": "zoë", "exp": time.time() + 3600}, SECRET, "HS256")
    theirs = visit(width=390, height=844)
    theirs.page.goto("about:blank")
    theirs.page.goto(f"{theirs.base_url}/#key={token}")
    expect(theirs.page.locator("#handed p")).to_have_text("A person of our team answers you here.")
    expect(theirs.page.locator(".turn")).to_have_count(1)
    asked = len(model.asked)
    theirs.say("Is somebody there?", status="waiting")
    expect(theirs.page.locator(".turn").last).to_contain_text("waits for a person")
    expect(page.locator(".turn").last).to_contain_text("Is somebody there?")
    page.get_by_role("button", name="Summary").click()
    expect(sheet).to_have_value(re.compile("^Waits for an answer: “Is somebody there"))
    page.keyboard.press("Escape")
    page.get_by_placeholder("Answer as a person").fill("I am. It comes on Monday.")
    page.keyboard.press("Enter")
    for one in (page, theirs.page):
        answer = one.locator(".turn").last.locator("[data-part=answer]")
        expect(answer).to_contain_text("I am. It comes on Monday.")
        expect(answer).to_contain_text("Person at the desk")
    expect(theirs.page.get_by_role("log")).to_contain_text("Person at the desk: I am.")
    assert len(model.asked) == asked

    page.get_by_role("button", name="Give back").click()
    expect(page.locator("#handed")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("The assistant answers again.")
    expect(theirs.page.locator("#handed p")).to_have_text("The assistant answers again.")
    desk.say("Thank you.")
    expect(page.locator(".turn").last).to_contain_text(model.reply)
    assert len(model.asked) == asked + 1
    page.get_by_role("searchbox").fill("It comes on Monday")
    page.keyboard.press("Enter")
    found = page.locator("#found li", has_text="I am. It comes on Monday.")
    expect(found.locator("[data-part=who]")).to_have_text("Person at the desk")


def test_the_summary_to_hand_over_names_a_thing_once(visit: OpenVisit) -> None:
    """What waits for an answer comes first, all of it; of several of a kind, and of dates, it is
    told what was said of them; a value that was said twice stands there once.
    """
    page = visit().open("sheet")
    said = [("human", "Hello"), ("ai", "Hi."), ("human", "I want a person."), ("human", "NOW!")]
    facts = [
        ("order_number", "1017", "Order 1017 is late."), ("order_number", "1018", "And 1018."),
        ("order_number", "1017", "It is 1017."), ("name", "Ada", "I am Ada."),
        ("date", "2026-05-04", "Bought on 4 May."),
    ]  # fmt: skip
    at = "2026-05-04T09:30:00Z"
    sheet = page.evaluate(
        "told => import('/web/card.js').then(({ sheetOf }) => sheetOf(told, 'ada'))",
        {
            "session": {"session": "s1", "messages": 4}, "summary": "All of it.",
            "said": [{"role": role, "text": text, "at": at} for role, text in said],
            "card": {
                "mood": {"label": "negative", "trend": "rising"}, "problem": None, "promises": [],
                "facts": [
                    {"slot": slot, "label": slot, "value": value,
                     "source": {"excerpt": excerpt, "at": at}}
                    for slot, value, excerpt in facts
                ],
            },
        },
    )  # fmt: skip
    assert [re.sub(r" \(4 May 2026, .*\)$", "", line) for line in sheet.splitlines()] == [
        "Waits for an answer: “I want a person.”",
        "Waits for an answer: “NOW!”",
        "Customer: ada",
        "Session: s1 (4 messages)",
        "Mood in all sessions: negative, rising",
        "Order number: 1017 (“Order 1017 is late.”, 4 May 2026)",
        "Order number: 1018 (“And 1018.”, 4 May 2026)",
        "Name: Ada",
        "Date: 2026-05-04 (“Bought on 4 May.”, 4 May 2026)",
        "",
        "This session in short:",
        "All of it.",
    ]


def test_the_summary_is_told_again_and_a_new_session_has_none(visit: OpenVisit) -> None:
    """Where nothing was said there is nothing to hand over; after a reload it is as it was."""
    one = visit()
    page = one.open("again")
    expect(page.get_by_role("button", name="Take over from the assistant")).to_be_hidden()
    one.say("The lamp is cracked.")
    take_over(page)
    page.reload()
    page.get_by_role("button", name="Summary").click()
    expect(page.get_by_label("Summary to hand over")).to_have_value(
        re.compile("The lamp is cracked")
    )
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="New").click()
    expect(page.locator("#handed")).to_be_hidden()


def test_what_cannot_be_handed_over_says_why(visit: OpenVisit, api: httpx.Client) -> None:
    """A session that was deleted meanwhile; and a reply that comes too late keeps its words."""
    one = visit()
    page = one.open("late")
    one.say("Hello")
    session = page.locator("#title").get_attribute("title") or ""
    take_over(page)
    field = page.get_by_label("Message", exact=True)
    page.route("**/sessions/*", lambda route: route.abort())  # nobody tells the page of it
    api.delete(f"/v1/customers/late/sessions/{session}/handover").raise_for_status()
    field.fill("I am here.")
    page.keyboard.press("Enter")
    expect(page.locator("#trouble")).to_contain_text("Not handed over")
    expect(field).to_have_value("I am here.")
    api.put(f"/v1/customers/late/sessions/{session}/handover").raise_for_status()
    page.unroute("**/sessions/*")
    api.delete(f"/v1/customers/late/sessions/{session}").raise_for_status()
    page.get_by_role("button", name="Summary").click()
    expect(page.locator("#trouble")).to_contain_text("No such session")
