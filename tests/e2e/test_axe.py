"""What axe-core finds wrong on the page in each of its states: nothing, at any size, in the light
and in the dark, in both languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.measures import STILL
from tests.e2e.test_views import VIEWS

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

AXE = Axe()

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def wrong(page: Page, where: str) -> list[str]:
    """What axe-core finds, each with the place."""
    page.evaluate(STILL)
    found = AXE.run(page).response["violations"]
    return [f"{where}: {one['id']} {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(
    ("size", "scheme", "locale"),
    [(WIDE, "light", "en-GB"), (WIDE, "dark", "zh-CN"), (PHONE, "light", "zh-CN"),
     (PHONE, "dark", "en-GB")],
)  # fmt: skip
def test_axe_finds_nothing(
    visit: OpenVisit, model: Model, api: httpx.Client, size: dict[str, int], scheme: str,
    locale: str,
) -> None:  # fmt: skip
    """Nobody there yet, a conversation with what was recalled, a failed answer, the card with a
    correction and a memory about to be forgotten, a search, the keys, a handover, every view,
    one that is not there and their menu, and a key that was not accepted.
    """
    narrow = size["width"] < 500
    one = visit(**size, color_scheme=scheme, locale=locale, has_touch=narrow)
    page = one.page
    customer = f"axe {locale} {scheme}"
    for value in ("4417-XZ", "4418-QQ"):
        body = {"text": f"Order number: {value}", "slot": "order_number", "value": value}
        api.post(f"/v1/customers/{customer}/memories", json=body).raise_for_status()
    page.goto("about:blank")
    page.goto(f"{one.base_url}/#key=a-key%2Bwith%25signs")
    menu, field = page.locator("main [popovertarget=side]"), page.locator("#message")

    def enter(button: str) -> None:
        if page.locator(button).is_visible():
            page.locator(button).click()

    enter("main [popovertarget=side]")
    found = wrong(page, "nobody")
    page.locator("#customer").fill(customer)
    page.keyboard.press("Enter")
    expect(page.locator("#subtitle")).to_have_text(customer)
    for n, text in enumerate(("My order 4417-XZ is late.", "Which order is late?"), 1):
        field.fill(text)
        field.press("Enter")
        expect(page.locator("[data-status=complete]")).to_have_count(n)
    model.broken = True
    field.fill("Are you there?")
    field.press("Enter")
    expect(page.locator("[data-status=failed]")).to_have_count(1)
    page.locator(".look").first.click()
    expect(page.locator("#recalled [data-part=forget]").first).to_be_visible()
    found += wrong(page, "failed, recalled")
    if narrow:
        page.keyboard.press("Escape")
    page.locator("#show-glance").click()
    page.locator("#glance-facts [data-part=correct]").first.click()
    page.locator("#glance-facts [data-part=forget]").last.click()
    found += wrong(page, "card")
    page.locator("[data-part=undo]").click()
    page.keyboard.press("Escape")
    if menu.is_visible():
        menu.click()
    page.locator("#search").fill("order")
    expect(page.locator("#found li").first).to_be_visible()
    found += wrong(page, "search")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator("#scroll").focus()
    page.keyboard.press("?")
    found += wrong(page, "keys")
    page.keyboard.press("Escape")
    page.locator("#hand-over").click()
    expect(page.locator("#handover")).to_be_visible()
    found += wrong(page, "handover")
    page.keyboard.press("Escape")
    found += wrong(page, "handed over")
    for name in (*VIEWS, "nowhere"):
        page.evaluate("(name) => (location.hash = name)", name)
        expect(page.locator(f"#{name}[aria-busy=false]")).to_be_visible()
        expect(page.locator(f"#{name} h3:empty")).to_have_count(0)  # it has been told
        found += wrong(page, name)
    page.locator(f"#{name} [popovertarget=views]").click()
    found += wrong(page, "the menu of views")
    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    page.goto(f"{one.base_url}/#key=wrong")
    expect(page.locator("#door-problem")).not_to_be_empty()
    found += wrong(page, "door")
    assert found == []
