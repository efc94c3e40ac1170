"""The key, hostile text and the policy, in a real browser: what the page trusts nobody with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_the_key_leaves_the_address_and_lasts(visit: OpenVisit, key: str) -> None:
    """The key is taken from the fragment, and a reload of the bare address needs it no more."""
    one = visit()
    page = one.open("keyed")
    assert page.url == f"{one.base_url}/"
    page.reload()
    expect(page.locator("#subtitle")).to_have_text("keyed")
    assert page.evaluate("localStorage.getItem('memory.key')") in (None, "null")
    page.get_by_label("Remember the key here").check()
    assert page.evaluate("JSON.parse(localStorage.getItem('memory.key'))") == key


def test_a_wrong_key_is_asked_for_again(visit: OpenVisit, key: str) -> None:
    """Without a key there is a form; a wrong one is called wrong; the right one opens."""
    one = visit()
    page = one.page
    page.goto(one.base_url)
    door = page.get_by_role("dialog", name="Your key")
    expect(door).to_be_visible()
    page.keyboard.press("Escape")
    expect(door).to_be_visible()
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(door.get_by_role("alert")).to_have_text("This key was not accepted.")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Open").click()
    expect(door).to_be_hidden()
    expect(page.locator("#subtitle")).to_have_text("guest")


@pytest.mark.parametrize("customer", [ATTACK, "../a/b?c#d%2F", "محمد “الأول”", "👩🏽‍🚀" * 20])
def test_hostile_text_stays_text(visit: OpenVisit, model: Model, customer: str) -> None:
    """Markup in names, messages, answers and records is shown letter by letter."""
    one = visit()
    page = one.open(customer)
    model.reply = f"You wrote {ATTACK}"
    one.say(f"Remember this: {ATTACK}")
    page.get_by_role("button", name="New").click()
    one.say(f"What did I say about {ATTACK}?")
    expect(page.locator("#recalled .card .text", has_text=ATTACK).first).to_be_visible()
    page.reload()
    expect(page.locator("[data-part=question] .text")).to_have_text(
        f"What did I say about {ATTACK}?"
    )
    expect(page.locator("[data-part=answer] .text")).to_have_text(model.reply)
    expect(page.locator("#subtitle")).to_have_text(customer)
    one.choose("guest")
    expect(page.locator("#recent button").first).to_have_text(customer)
    page.locator("#recent button").first.click()
    expect(page.locator("#sessions li")).to_have_count(2)
    assert page.locator("img, body script").count() == 0


def test_the_page_asks_nobody_else(visit: OpenVisit, api: httpx.Client) -> None:
    """Its policy lets it load from itself only; it does, and there is nothing to complain of."""
    for known in ("guest", "policy"):  # of anybody else a browser says that there was a 404
        api.post(f"/v1/customers/{known}/memories", json={"text": "A note"}).raise_for_status()
    one = visit()
    asked: list[str] = []
    one.page.on("request", lambda request: asked.append(request.url))
    headers = one.page.goto(f"{one.base_url}/").headers  # type: ignore[union-attr]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    one.open("policy")
    one.say("Hello")
    one.page.reload()
    expect(one.page.locator(".turn")).to_have_count(1)
    assert all(url.startswith(one.base_url) for url in asked)
    assert one.complaints == []
