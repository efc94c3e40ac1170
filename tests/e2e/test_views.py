"""The views beside the conversation in a real browser: how they are reached and left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from app.auth import create_key
from memory.clock import now
from tests.e2e.measures import CONTRAST, NAMELESS, SIDEWAYS, UNREACHABLE

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from tests.e2e.conftest import OpenVisit

VIEWS = {
    "queue": "Queue", "summaries": "Summaries", "answers": "Answers",
    "translation": "Translation", "recommendations": "Recommendations", "insights": "Monitoring",
    "operations": "Operations",
}  # fmt: skip

# What of a view's header stands over its title.
COVERED = """(name) => {
  const title = document.getElementById(`${name}-title`).getBoundingClientRect();
  return [...document.querySelectorAll(`#${name} > header > :not(.titles)`)].filter((one) => {
    const box = one.getBoundingClientRect();
    const beside = box.right <= title.left || box.left >= title.right;
    return !beside && box.top < title.bottom && box.bottom > title.top;
  }).map((one) => one.outerHTML);
}"""


def test_views_are_reached_by_keyboard_and_by_the_address(visit: OpenVisit) -> None:
    """`V` opens the menu in the conversation and in a view; the title says which one is shown, the
    focus goes with it, and so does what the address names, when the page is opened with it.
    """
    page = visit().open("looks round")
    page.locator("#scroll").focus()
    page.keyboard.press("v")
    menu = page.get_by_role("navigation", name="Views")
    here = menu.get_by_role("link", name="Conversation")
    expect(here).to_be_focused()
    expect(here).to_have_attribute("aria-current", "page")
    for number, (name, title) in enumerate(VIEWS.items()):
        for _ in range(number + 1):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name=title, level=1)).to_be_focused()
        expect(page).to_have_title(re.compile(f"{title} · Conversational memory$"))
        expect(page.get_by_role("main")).to_have_count(1)
        assert page.url.endswith(f"#{name}")
        page.keyboard.press("v")
        expect(menu.get_by_role("link", name=title)).to_have_attribute("aria-current", "page")
    page.reload()
    expect(page.get_by_role("heading", name=title, level=1)).to_be_focused()
    page.keyboard.press("m")  # which is the conversation's
    expect(page.get_by_label("Message", exact=True)).to_be_hidden()
    page.get_by_role("link", name="Conversation").click()
    expect(page.locator("#scroll")).to_be_focused()
    expect(page).to_have_title(re.compile(r"^(\(\d+\) )?Conversational memory$"))
    for name in ("inbox", "constructor"):  # no view, though every object has the latter
        page.evaluate("(name) => (location.hash = name)", name)
        expect(page.get_by_role("heading", name="No such view", level=1)).to_be_focused()
        expect(page.get_by_role("alert")).to_contain_text(f"There is no view “{name}”: Those that")
    page.get_by_role("link", name="Conversation").click()
    expect(page.locator("#scroll")).to_be_focused()


def test_a_view_that_does_not_come_is_fetched_again(visit: OpenVisit) -> None:
    """What went wrong is said in its place, with a button that tries again."""
    page = visit().open("looks round")
    page.route("**/view.html", lambda route: route.abort())
    page.evaluate("location.hash = '#operations'")
    expect(page.locator("#operations-trouble")).to_contain_text("not reached")
    page.unroute("**/view.html")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#operations-about")).to_contain_text("As of")
    expect(page.locator("#operations-trouble")).to_be_hidden()


def test_another_key_is_shown_nothing_of_the_last_one_s(
    visit: OpenVisit, api: httpx.Client, app: FastAPI
) -> None:
    """Where a key is asked for in a view, and one of another tenant is given."""
    store = app.state.store
    said = {"customer": "seen before", "session": "s1", "message": "My order 4417-XZ is late."}
    api.post("/v1/chat", json=said).raise_for_status()
    first, made = create_key(store, "agent")
    page = visit().open("seen before", first)
    for name, button in (("summaries", "Summarise"), ("answers", "Ask")):
        page.evaluate("(name) => (location.hash = name)", name)
        if name == "answers":
            page.get_by_label("Question", exact=True).fill("Which order is late?")
        page.get_by_role("button", name=button).click()
        expect(page.locator(f"#{name}-made")).to_contain_text("4417-XZ")
    store.keys.revoke(made.id, now())
    page.get_by_role("button", name="Ask").click()
    other, _ = create_key(store, "agent", "elsewhere")
    page.get_by_label("API key").fill(other)
    page.get_by_role("button", name="Open").click()
    for name in ("answers", "summaries"):
        page.evaluate("(name) => (location.hash = name)", name)
        expect(page.locator(f"#{name}-made")).to_be_hidden()
    expect(page.get_by_label("Session", exact=True).locator("option")).to_have_count(0)
    assert page.locator("#answers-question").input_value() == ""


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_view_and_the_menu_are_readable_and_in_reach(
    visit: OpenVisit, width: int, scheme: str
) -> None:
    """By touch, narrow and wide; each control has a name, each id is there once."""
    page = visit(width=width, height=844, has_touch=True, color_scheme=scheme).open("touches")
    for name in VIEWS:
        page.evaluate("(name) => (location.hash = name)", name)
        expect(page.locator(f"#{name}[aria-busy=false]")).to_be_visible()
        assert page.evaluate(SIDEWAYS) == [], name
        assert page.evaluate(UNREACHABLE) == [], name
        assert page.evaluate(NAMELESS) == [], name
        assert page.evaluate(COVERED, name) == [], name
        page.locator(f"#{name} [popovertarget=views]").click()
        expect(page.locator("#views")).to_be_visible()
        assert page.evaluate(UNREACHABLE) == [], name
        assert [one for one in page.evaluate(CONTRAST) if one[1] < 4.5] == [], name
        page.keyboard.press("Escape")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
