"""Customers, sessions and messages looked for, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit


def say(api: httpx.Client, customer: str, session: str, message: str) -> None:
    """Say something without the page."""
    body = {"customer": customer, "session": session, "message": message}
    api.post("/v1/chat", json=body).raise_for_status()


@pytest.mark.parametrize("width", [390, 1400])
def test_sessions_and_messages_are_found(visit: OpenVisit, api: httpx.Client, width: int) -> None:
    """Sessions by their names as they are written; what was said in any of them by words and
    meaning, with a click that leads there. By the keyboard alone.
    """
    customer = f"seeker {width}"
    say(api, customer, "lamp", "The shade of the lamp came cracked.")
    say(api, customer, "chair", "I would like to return the chair.")
    one = visit(width=width, height=844)
    page = one.open(customer)
    page.locator("#scroll").focus()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search messages")
    expect(search).to_be_focused()
    page.keyboard.type("cha")
    expect(page.locator("#sessions [data-part=name]")).to_have_text(["chair"])
    search.fill("a broken shade")
    page.keyboard.press("Enter")
    expect(page.locator("#sessions li")).to_have_count(0)
    first = page.locator("#found li").first
    expect(first).to_contain_text("The shade of the lamp came cracked.")
    expect(first.locator("mark")).to_have_text(["shade"])
    expect(page.locator("#search-status")).to_contain_text("found")
    first.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_have_text("lamp")
    expect(page.locator(".pointed")).to_contain_text("The shade of the lamp came cracked.")
    page.locator("#scroll").focus()
    page.keyboard.press("/")
    search.fill("shade lamp")
    page.keyboard.press("Enter")
    expect(page.locator("#search-status")).to_have_text("1 found")
    search.fill("zzzzqq")
    page.keyboard.press("Enter")
    expect(page.locator("#search-status")).to_have_text("Nothing was found.")
    search.fill("")
    expect(page.locator("#found li")).to_have_count(0)
    expect(page.locator("#sessions li")).to_have_count(2)


def test_many_sessions_come_in_pages(visit: OpenVisit, api: httpx.Client) -> None:
    """Thirty at first, and more on request, with the focus on the first of them."""
    one = visit()
    page = one.page
    listed = [
        {"session": f"s{n:02}", "messages": 2, "created_at": "2026-03-06T09:05:00Z",
         "updated_at": "2026-03-06T09:05:00Z", "rating": None, "handed_over_at": None}
        for n in range(41)
    ]  # fmt: skip
    say(api, "busy", "s00", "Hello")
    page.route("**/busy/sessions*", lambda route: route.fulfill(json={"sessions": listed}))
    one.open("busy")
    expect(page.locator("#sessions li")).to_have_count(30)
    page.locator("#more-sessions").click()
    expect(page.locator("#sessions li")).to_have_count(41)
    expect(page.get_by_title("s30", exact=True)).to_be_focused()
    expect(page.locator("#more-sessions")).to_be_hidden()


def test_customers_are_found_by_a_part_of_their_names(visit: OpenVisit, api: httpx.Client) -> None:
    """As it is typed; more of them on request, and nobody is nobody."""
    for n in range(11):
        say(api, f"Finder {n:02}", "s1", "Hello")
    one = visit()
    page = one.open("somebody")
    offered = page.get_by_role("group", name="Customers to choose from").get_by_role("button")
    field = page.get_by_label("Customer", exact=True)
    field.fill("finder")
    expect(offered.first).to_contain_text("Finder")
    expect(offered).to_have_count(9)
    offered.last.click()
    expect(offered).to_have_count(11)
    expect(offered.nth(8)).to_be_focused()
    field.fill("no such person")
    expect(offered).to_have_count(0)
    expect(page.locator("#nobody")).to_be_visible()
    field.fill("der 07")
    expect(offered).to_have_text(["Finder 07"])
    offered.click()
    expect(page.locator("#subtitle")).to_have_text("Finder 07")
    expect(page.locator(".turn")).to_have_count(1)
