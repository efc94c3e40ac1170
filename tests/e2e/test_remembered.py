"""What was recalled, put right or forgotten where it is shown, and answers rated, in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit

PANEL = "What the model was given"


def recalled(page: Page, text: str) -> str:
    """The item of what was recalled; a selector, since it is made anew."""
    return f"#recalled > li:has-text('{text}')"


def test_what_was_recalled_leads_to_where_it_was_said(visit: OpenVisit, api: httpx.Client) -> None:
    """It says in words why it was recalled; its source is shown in its session, however long ago
    it was said there, and has the focus.
    """
    for number in range(40):
        text = f"Note {number:02}" if number else "My order number is 40-2291."
        body = {"customer": "long ago", "session": "first", "message": text}
        api.post("/v1/chat", json=body).raise_for_status()
    one = visit()
    page = one.open("long ago")
    page.get_by_role("button", name="New").click()
    one.say("What was my order number?")
    item = page.locator(recalled(page, "My order number is 40-2291.")).first
    expect(item.locator("[data-part=why]")).to_contain_text("it says")
    item.get_by_role("button", name="Source").click()
    expect(page.locator("#title")).to_have_text("first")
    found = page.locator(".pointed")
    expect(found).to_contain_text("My order number is 40-2291.")
    expect(found).to_be_focused()
    expect(found).to_be_in_viewport()
    expect(page.locator(".turn")).to_have_count(40)
    expect(found.locator("time")).to_have_attribute("title", re.compile(r"\b20\d\d\b"))


def test_what_was_recalled_is_corrected_in_its_place(visit: OpenVisit, api: httpx.Client) -> None:
    """Escape leaves it as it was and closes nothing else; saved, the memory is another, and the
    conversation shows what is left.
    """
    fact = {"text": "Order number: 4417-XY", "slot": "order_number", "value": "4417-XY"}
    api.post("/v1/customers/puts right/memories", json=fact).raise_for_status()
    one = visit(width=390, height=844, has_touch=True)
    page = one.open("puts right")
    one.say("Which order number is mine?")
    page.locator(".look").last.click()
    panel = page.get_by_role("complementary", name=PANEL)
    item = page.locator(recalled(page, "Order number: 4417-XY"))
    item.get_by_role("button", name="Correct").click()
    field = panel.get_by_role("textbox")
    expect(field).to_be_focused()
    expect(field).to_have_value("4417-XY")
    page.keyboard.press("Escape")
    expect(panel).to_be_visible()
    expect(item.get_by_role("button", name="Correct")).to_be_focused()
    item.get_by_role("button", name="Correct").click()
    field.fill("4418-QQ")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("Corrected.")
    expect(page.locator(recalled(page, "4418-QQ")).first).to_be_visible()
    memories = api.get("/v1/customers/puts right/memories", params={"slot": "order_number"}).json()
    assert [one["value"] for one in memories["memories"]] == ["4418-QQ"]


def test_forgetting_can_be_undone_for_a_while(visit: OpenVisit, api: httpx.Client) -> None:
    """One click, no question: undone, it is as it was; else it goes after eight seconds, or at
    once with whatever is done next.
    """
    fact = {"text": "Order number: 4417-XY", "slot": "order_number", "value": "4417-XY"}
    api.post("/v1/customers/regrets/memories", json=fact).raise_for_status()
    one = visit()
    one.page.clock.install()
    page = one.open("regrets")
    one.say("Which order number is mine?")
    item = page.locator(recalled(page, "Order number: 4417-XY"))
    item.get_by_role("button", name="Forget").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.click()
    expect(item.get_by_role("button", name="Forget")).to_be_focused()
    page.clock.run_for(9_000)

    def facts() -> int:
        path = "/v1/customers/regrets/memories"
        return len(api.get(path, params={"slot": "order_number"}).json()["memories"])

    assert facts() == 1
    item.get_by_role("button", name="Forget").click()
    page.clock.run_for(9_000)
    expect(page.locator("#given-status")).to_have_text("Forgotten.")
    expect(item).to_have_count(0)
    expect(page.locator("#given-title")).to_be_focused()
    assert facts() == 0


def test_an_answer_is_rated(visit: OpenVisit, api: httpx.Client) -> None:
    """Good or bad, one click, seen again later; the same click takes it back."""
    one = visit()
    page = one.open("judge")
    one.say("Where is my lamp?")
    good, bad = (page.get_by_role("button", name=f"{how} answer") for how in ("Good", "Bad"))

    def stored() -> str | None:
        session = page.locator("#title").get_attribute("title") or ""
        path = f"/v1/customers/judge/sessions/{session}/messages"
        found: str | None = api.get(path).json()["messages"][-1]["rating"]
        return found

    good.click()
    expect(page.locator("#status")).to_have_text("Rated good.")
    expect(good).to_have_attribute("aria-pressed", "true")
    assert stored() == "good"
    bad.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    assert stored() == "bad"
    page.reload()
    expect(bad).to_have_attribute("aria-pressed", "true")
    bad.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Not rated any more.")
    assert stored() is None
