"""Recommendations in a real browser: with their reasons, changed by what is noted there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from app.auth import create_key
from tests.e2e.test_axe import wrong

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from tests.e2e.conftest import OpenVisit

ATTACK = "<img src=x onerror=window.struck=1>"
ITEMS = [
    {"id": "oak-desk", "title": "Oak desk", "text": "A desk of solid oak, with two drawers.",
     "metadata": {"category": "desks", "price": 390}},
    {"id": "pine desk/2", "title": f"Pine desk {ATTACK}", "text": "A light desk of pine."},
    {"id": "desk-lamp", "title": "Desk lamp", "text": "A lamp for the desk, with a warm light."},
    {"id": "garden-hose", "title": "Garden hose", "text": "Twenty metres, for watering."},
]  # fmt: skip


def test_what_a_customer_does_changes_what_is_recommended(
    visit: OpenVisit, api: httpx.Client, app: FastAPI
) -> None:
    """Of the open customer, each with its reason; what they buy is left out at once and is a
    reason for the others, and comes back when that is forgotten. An admin deletes an item, unless
    it is undone; an agent cannot. In the other language the reasons are told anew.
    """
    api.post("/v1/items", json={"items": ITEMS}).raise_for_status()
    one = visit(width=1440)
    page = one.open("buys desks")
    page.evaluate("location.hash = '#recommendations'")
    expect(page.get_by_role("heading", name="Recommended to buys desks")).to_be_visible()
    fit, did = page.locator("#recommendations-items > li"), page.locator("#recommendations-did")
    catalogue = page.locator("#recommendations-catalogue > li")
    expect(fit).to_have_count(4)
    expect(fit.first).to_contain_text("because few have tried it yet")
    expect(did).to_contain_text("Nothing yet.")
    assert one.complaints == []  # that nobody is called so yet is no error
    expect(catalogue.filter(has_text="Oak desk")).to_contain_text("category: desks · price: 390")
    fit.filter(has_text="Oak desk").get_by_role("button", name="Bought").click()
    expect(page.locator("#recommendations-status")).to_have_text(
        "Noted for buys desks: Bought, Oak desk"
    )
    expect(fit.locator(".title", has_text="Oak desk")).to_have_count(0)
    expect(fit.filter(has_text="Pine desk")).to_contain_text("because you bought Oak desk")
    expect(did.locator("li")).to_contain_text("Bought")
    catalogue.filter(has_text="Pine desk").get_by_role("button", name="Refused").click()
    expect(did.locator("li")).to_have_count(2)
    expect(fit.filter(has_text="Pine desk")).to_have_count(0)
    stored = api.get("/v1/customers/buys desks/events").json()["events"]
    assert [(one["kind"], one["item"]) for one in stored] == [
        ("refused", "pine desk/2"), ("bought", "oak-desk"),
    ]  # fmt: skip
    assert wrong(page, "recommendations") == []
    hose = catalogue.filter(has_text="Garden hose")
    hose.get_by_role("button", name="Forget").click()
    page.get_by_role("button", name="Undo").click()
    expect(hose.get_by_role("button", name="Forget")).to_be_focused()
    hose.get_by_role("button", name="Forget").click()
    did.locator("li", has_text="Refused").get_by_role("button", name="Forget").click()
    page.get_by_role("button", name="Recommend", exact=True).click()  # which waits for neither
    expect(fit.filter(has_text="Pine desk")).to_have_count(1)
    expect(did.locator("li")).to_have_count(1)
    expect(catalogue).to_have_count(3)
    assert api.get("/v1/items/garden-hose").status_code == 404
    page.evaluate("document.querySelector('#language').value = 'zh'")
    page.locator("#language").dispatch_event("change")
    expect(fit.filter(has_text="Pine desk")).to_contain_text("因为您买过Oak desk")

    agent, _ = create_key(app.state.store, "agent")
    page = visit(width=390, height=844).open("nobody yet", agent)
    page.evaluate("location.hash = '#recommendations'")
    fit, catalogue = (page.locator(f"#recommendations-{n} > li") for n in ("items", "catalogue"))
    expect(catalogue).to_have_count(3)
    expect(catalogue.get_by_role("button", name="Forget")).to_have_count(0)
    page.locator("#recommendations-customer").fill("")
    page.keyboard.press("Enter")
    expect(page.locator("#recommendations-fit")).to_be_hidden()
    expect(catalogue.get_by_role("button")).to_have_count(0)
    for item in ("oak-desk", "pine desk%2F2", "desk-lamp"):
        api.delete(f"/v1/items/{item}").raise_for_status()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.struck") is None
