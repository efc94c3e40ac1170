"""The page without a pointer, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit


def test_everything_goes_by_keyboard(visit: OpenVisit) -> None:
    """Skip link, message, panel, new session and deletion, with no pointer at all."""
    one = visit(width=1000)
    page = one.open("keys")
    page.reload()
    expect(page.locator("#subtitle")).to_have_text("keys")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the message field")).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("line one")
    press("Shift+Enter")
    page.keyboard.type("line two")
    press("Enter")
    expect(page.locator("[data-part=question] .text")).to_have_text("line one\nline two")
    expect(page.locator("[data-status=complete]")).to_have_count(1)
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    press("Shift+Tab")
    expect(page.get_by_role("button", name="Bad answer")).to_be_focused()
    press("Shift+Tab")
    press("Shift+Tab")
    expect(page.locator(".look")).to_be_focused()
    press("Enter")
    panel = page.get_by_role("complementary", name="What the model was given")
    expect(panel).to_be_visible()
    press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(".look")).to_be_focused()
    for _ in range(20):
        press("Shift+Tab")
        if page.evaluate("document.activeElement.id") == "new-session":
            break
    press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    press("Tab")
    expect(page.locator("#sessions .session")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#sessions .session")).to_be_focused()


def test_the_focus_is_seen(visit: OpenVisit) -> None:
    """Every stop of the Tab key is outlined, the message field by its frame."""
    one = visit()
    page = one.open("outlined")
    one.say("Hello")
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    seen = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const one = document.activeElement;
              const framed = one.id === "message" ? one.parentElement : one;
              const { outlineStyle, outlineWidth } = getComputedStyle(framed);
              return [one.outerHTML.slice(0, 80), `${outlineStyle} ${outlineWidth}`];
            }"""
        )
        if name.startswith("<body"):
            break
        assert outline == "solid 2px", name
        seen.add(name)
    assert len(seen) > 8


def test_enter_in_a_composition_sends_nothing(visit: OpenVisit) -> None:
    """The Enter that picks a Japanese word sends no message; the one after it does."""
    one = visit()
    page = one.open("山田")
    page.get_by_label("Message", exact=True).focus()
    typed = one.context.new_cdp_session(page)
    typed.send("Input.imeSetComposition", {"text": "注文", "selectionStart": 2, "selectionEnd": 2})
    composing = {"key": "Enter", "bubbles": True, "cancelable": True, "isComposing": True}
    page.evaluate(
        "init => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', init))",
        composing,
    )
    expect(page.locator(".turn")).to_have_count(0)
    typed.send("Input.insertText", {"text": "注文"})
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=question] .text")).to_have_text("注文")


def test_single_keys_lead_where_they_say(visit: OpenVisit) -> None:
    """Listed under `?`, also in drawers; in a field they write, and they can be turned off."""
    one = visit(width=1000)
    page = one.open("quick")
    one.say("Hello")
    press = page.keyboard.press
    field = page.get_by_label("Message", exact=True)
    page.locator("#scroll").focus()
    press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("what the model was given")
    press("Escape")
    press("m")
    expect(field).to_be_focused()
    page.keyboard.type("m?/")
    expect(field).to_have_value("m?/")
    field.fill("")
    for key, panel in (("c", "Customer at a glance"), ("g", "What the model was given")):
        page.locator("#scroll").focus()
        press(key)
        expect(page.get_by_role("complementary", name=panel)).to_be_visible()
        expect(page.get_by_role("heading", name=panel, exact=True)).to_be_focused()
        press("Escape")
        expect(page.get_by_role("complementary", name=panel)).to_be_hidden()
    page.locator("#scroll").focus()
    press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.locator("#scroll").focus()
    press("n")
    expect(page.locator(".turn")).to_have_count(0)
    expect(field).to_be_focused()
    page.get_by_role("button", name="Keys").click()
    keys.get_by_label("Use single keys").uncheck()
    press("Escape")
    page.reload()
    expect(page.locator("#subtitle")).to_have_text("quick")
    page.locator("#scroll").focus()
    press("m")
    expect(field).not_to_be_focused()
