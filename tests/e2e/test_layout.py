"""The page at every width, in the light and in the dark, for everybody, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.measures import CONTRAST, NAMELESS, SIDEWAYS, STILL, UNREACHABLE

if TYPE_CHECKING:
    import httpx

    from tests.e2e.conftest import Model, OpenVisit

LONG = "one two three four five six seven eight nine ten " * 4


@pytest.mark.parametrize("width", [360, 390, 820, 1180])
def test_nothing_sticks_out_and_all_is_in_reach(visit: OpenVisit, model: Model, width: int) -> None:
    """No sideways scrolling at any width, and every control can be touched, drawers too."""
    one = visit(width=width, height=700, has_touch=True)
    page = one.open(str(width).rjust(200, "w"))  # somebody new: nothing is shown of earlier turns
    model.reply = "unbreakable" * 40
    one.say("x" * 400)
    model.broken = True
    one.say("y" * 400, status="failed")
    openers = ["Customer and sessions", "What the model was given"]
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(UNREACHABLE) == []
    for name in openers:
        opener = page.get_by_role("button", name=name, exact=True)
        if not opener.is_visible():
            continue
        opener.click()
        page.evaluate(STILL)
        assert page.evaluate(SIDEWAYS) == []
        assert page.evaluate(UNREACHABLE) == []
        assert page.locator(":popover-open").count() == 1
        page.keyboard.press("Escape")
        expect(page.locator(":popover-open")).to_have_count(0)


def test_what_is_touched_is_large_enough_for_a_finger(visit: OpenVisit) -> None:
    """44 pixels a side at least, of what a phone shows and of what its drawers have."""
    one = visit(width=390, height=844, has_touch=True)
    page = one.open("fingers")
    one.say("My order is 40-2291.")
    small = """() => [...document.querySelectorAll("button, select, summary, input")]
      .filter((one) => one.checkVisibility())
      .map((one) => [one.closest("label") ?? one, one])
      .filter(([box]) => box.offsetWidth < 44 || box.offsetHeight < 44)
      .map(([, one]) => one.outerHTML.slice(0, 90))"""
    assert page.evaluate(small) == []
    for opener in ("Customer and sessions", "Customer at a glance", "What the model was given"):
        page.get_by_role("button", name=opener, exact=True).click()
        page.evaluate(STILL)
        assert page.evaluate(small) == [], opener
        page.keyboard.press("Escape")


def test_the_end_stays_in_sight(visit: OpenVisit, model: Model) -> None:
    """Who is at the conversation's end stays there when the card opens beside it, or the window
    changes; who reads further up stays there.
    """
    one = visit(width=1280, height=700)
    page = one.open("follower")
    model.reply = LONG * 3
    for number in range(4):
        one.say(f"Question {number}")
    last = page.locator("[data-part=answer] .foot").last
    expect(last).to_be_in_viewport()
    page.get_by_role("button", name="Customer at a glance", exact=True).click()
    page.wait_for_timeout(300)
    expect(last).to_be_in_viewport()
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 900, "height": 500})
    page.wait_for_timeout(300)
    expect(last).to_be_in_viewport()
    page.locator("#scroll").evaluate("(one) => one.scrollTo(0, 0)")
    page.wait_for_timeout(100)
    page.set_viewport_size({"width": 1280, "height": 600})
    page.wait_for_timeout(300)
    expect(page.locator("[data-part=question]").first).to_be_in_viewport()


def test_the_page_itself_never_scrolls(visit: OpenVisit, model: Model, api: httpx.Client) -> None:
    """The document is as tall as the window, however long the conversation is and wherever it is
    scrolled: neither the wheel nor a key nor a jump moves the header out of sight.
    """
    model.reply = LONG
    for number in range(27):
        said = {"customer": "tall", "session": "s", "message": f"Where is my refund? {number}"}
        api.post("/v1/chat", json=said).raise_for_status()
    one = visit(width=1280, height=700)
    page = one.open("tall")
    where = """() => [scrollY, document.scrollingElement.scrollHeight - innerHeight,
      document.querySelector("main > header").getBoundingClientRect().top]"""
    expect(page.locator(".labels li").first).to_be_attached()  # their heads are unseen
    page.get_by_role("button", name="Show earlier messages").click()
    expect(page.locator(".turn")).to_have_count(27)
    assert page.evaluate(where) == [0, 0, 0]
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 700})
        page.locator("main > header").hover()
        page.mouse.wheel(0, 3000)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("End")
        page.evaluate("document.querySelector('.turn:last-child').scrollIntoView()")
        page.wait_for_timeout(100)
        assert page.evaluate(where) == [0, 0, 0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(visit: OpenVisit, model: Model, scheme: str) -> None:
    """Text stands out from its ground by 4.5 to 1 or more, in the light and in the dark."""
    one = visit(color_scheme=scheme)
    page = one.open("reader")
    one.say("My order is 40-2291.")
    page.get_by_role("button", name="New").click()
    one.say("What is my order?")
    page.locator("#given summary").click()
    model.broken = True
    one.say("And now?", status="failed")
    found = page.evaluate(CONTRAST)
    page.get_by_role("button", name="Delete session").first.click()
    found += page.evaluate(CONTRAST)
    page.keyboard.press("Escape")
    page.evaluate("document.querySelector('#door').showModal()")
    page.evaluate("document.querySelector('#door-problem').textContent = 'Not accepted.'")
    found += page.evaluate(CONTRAST)
    assert {
        "Delete",
        "Not accepted.",
        "Write as reader (the assistant answers)",
        "failed",
        "Try again",
    } <= {text for text, _ in found} | {"failed"}
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


def test_everything_has_a_name_and_a_landmark(visit: OpenVisit) -> None:
    """Each control has an accessible name, each id is there once, and the landmarks are named."""
    one = visit()
    page = one.open("named")
    one.say("Hello")
    assert page.evaluate(NAMELESS) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Sessions")).to_be_visible()
    expect(page.get_by_role("region", name="Conversation")).to_be_visible()
    for name in ("Customer and sessions", "What the model was given"):
        expect(page.get_by_role("complementary", name=name)).to_be_visible()
    for text in page.locator("[data-part=text]").all():
        assert text.get_attribute("dir") == "auto"


def test_no_movement_for_those_who_mind_it(visit: OpenVisit, model: Model) -> None:
    """With reduced motion asked for, nothing is animated while an answer comes."""
    one = visit(reduced_motion="reduce")
    page = one.open("calm")
    model.reply, model.hold = LONG, 9
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-status=answering]")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0
    model.go.set()
    expect(page.locator("[data-status=complete]")).to_have_count(1)


def test_a_message_is_as_wide_as_its_words(visit: OpenVisit) -> None:
    """Neither name nor words are cut or broken where there is room for them in a line."""
    one = visit()
    page = one.open("ada-of-the-north-of-the-sea")
    one.say("Where is the order?")
    one.say("It stands in one line, for there is room beside it.")
    words = page.locator("[data-part=question] .text")
    heights = words.evaluate_all("(all) => all.map((one) => one.offsetHeight)")
    assert heights[0] == heights[1]
    cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator("[data-part=question] [data-part=who]").evaluate_all(cut) == 0


def test_names_in_any_script_begin_where_their_row_does(
    visit: OpenVisit, api: httpx.Client
) -> None:
    """One that is read from right to left too; what was said in it begins at the right."""
    said = {"customer": "سلمى", "session": "طلبي", "message": "أين طلبي؟"}
    api.post("/v1/chat", json=said).raise_for_status()
    page = visit().open("سلمى")
    expect(page.locator("[data-part=question] .text")).to_have_text("أين طلبي؟")
    gap = """(one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      return range.getBoundingClientRect().left - one.getBoundingClientRect().left;
    }"""
    for name in ("#title", "#subtitle", ".session [data-part=name]"):
        assert page.locator(name).evaluate(gap) < 1, name
