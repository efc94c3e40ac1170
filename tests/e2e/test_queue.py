"""Who waits for a person, in a real browser with an agent's key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from fastapi import FastAPI
from playwright.sync_api import expect

from app.auth import create_key
from memory.clock import now

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit


def test_who_waits_is_counted_in_sight_and_one_click_away(
    visit: OpenVisit, app: FastAPI, base_url: str
) -> None:
    """The number stands in the tab's title and beside what opens the list; who has waited longest
    is first; taken over, a session is with a person, and the number goes down at once.
    """
    store = app.state.store
    (agent, made), (admin, _) = (create_key(store, role, "desk") for role in ("agent", "admin"))
    with httpx.Client(
        base_url=base_url, headers={"Authorization": f"Bearer {admin}"}, timeout=60
    ) as api:
        for customer, text in (("ada", "A person, please."), ("bo", "Is a person there?")):
            said = {"customer": customer, "session": "s1", "message": text}
            api.post("/v1/chat", json=said).raise_for_status()
        one = visit()
        page = one.open("cy", key=agent)
        expect(page).to_have_title("(2) Conversational memory")
        expect(page.locator("#to-views .count")).to_have_text("2")
        page.get_by_role("button", name="Views").click()
        page.get_by_role("link", name="Queue").click()
        waiting, held = page.locator("#queue-waiting li"), page.locator("#queue-held li")
        expect(waiting).to_have_count(2)
        first = re.compile("ada.*asked for a person.*A person, please", re.DOTALL)
        expect(waiting.first).to_contain_text(first)
        waiting.first.get_by_role("button").click()
        expect(page.locator("#subtitle")).to_have_text("ada")
        expect(page.locator(".turn")).to_have_count(1)
        page.get_by_role("button", name="Take over from the assistant").click()
        expect(page.get_by_role("dialog", name="You answer now")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page).to_have_title("(1) Conversational memory")
        api.post("/v1/chat", json={**said, "customer": "ada", "message": "Hello??"})
        page.evaluate("location.hash = '#queue'")
        expect(waiting.nth(1)).to_contain_text("1 message without an answer")
        expect(page).to_have_title("(2) Queue · Conversational memory")
        waiting.nth(1).get_by_role("button").click()
        expect(page.locator(".turn").last).to_contain_text("Hello??")  # it is open, with its draft
        page.get_by_label("Message", exact=True).fill("I am here.")
        page.keyboard.press("Enter")
        expect(page).to_have_title("(1) Conversational memory")
        page.evaluate("location.hash = '#queue'")
        expect(held).to_contain_text(["ada"])
        store.keys.revoke(made.id, now())
        page.reload()
        other, _ = create_key(store, "agent", "another desk")
        page.get_by_label("API key").fill(other)
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", name="Queue")).to_be_visible()
        expect(page.locator("#queue-about")).to_contain_text("As of")
        expect(page).to_have_title("Queue · Conversational memory")
        assert page.locator("#queue li").count() == 0
