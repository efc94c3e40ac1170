"""The page in a customer's own hands: with a token that speaks for one customer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from fastapi import FastAPI
from playwright.sync_api import expect

from app.auth import create_key

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

NAME = "zoë/own"


@pytest.fixture
def token() -> str:
    """The customer's."""
    from tests.e2e.conftest import SECRET

    return jwt.encode({"sub": NAME, "exp": time.time() + 3600}, SECRET, "HS256")


@pytest.mark.parametrize("width", [1400, 1000, 390])
def test_a_customer_talks_and_sees_nothing_that_is_for_staff(
    visit: OpenVisit, model: Model, api: httpx.Client, token: str, width: int
) -> None:
    """The customer is the token's, who is "you", and no field asks for another; card, panel,
    labels, the model's name and deleting are not there; nothing that is asked for is refused.
    """
    session = f"at {width}"
    said = {"customer": NAME, "session": session, "message": "I am furious about my lamp"}
    api.post("/v1/chat", json=said).raise_for_status()
    one = visit(width=width)
    refused: list[str] = []
    one.page.on("response", lambda answer: answer.status >= 400 and refused.append(answer.url))
    one.page.goto("about:blank")
    one.page.goto(f"{one.base_url}/#key={token}")
    page = one.page
    expect(page.locator("#subtitle")).to_have_text(NAME)
    expect(page.locator(".turn")).to_have_count(1)
    one.say("Where is it?")
    expect(page.locator(".turn").last).to_contain_text(model.reply)
    expect(page.locator("[data-part=question] [data-part=who]")).to_have_text(["You", "You"])
    expect(page.locator("#service")).to_have_text("")
    one.say("When do I get my refund? My order number is 4417-XZ.")
    expect(page.locator(".turn").last.locator("[data-part=basis]")).to_have_text("")
    for part in (
        "#show-glance",
        "#given",
        "#customer-form",
        "#subtitle",
        "#mood",
        ".look",
        "[popovertarget=given]",
    ):
        for found in page.locator(part).all():
            expect(found).to_be_hidden()
    assert page.locator("[data-part=labels] li").count() == 0
    assert page.get_by_role("button", name="Delete session", include_hidden=True).count() > 0
    assert page.get_by_role("button", name="Delete session").count() == 0
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] == width  # no column stays empty
    assert refused == []


def test_a_program_s_key_is_offered_only_what_it_may(
    visit: OpenVisit, app: FastAPI, api: httpx.Client
) -> None:
    """It talks and searches; no card, no correction, no handover and nothing to delete, and in a
    session that a person has it speaks as the customer.
    """
    said = {"customer": "by program", "session": "s1", "message": "My order 4417-XZ is late."}
    api.post("/v1/chat", json=said).raise_for_status()
    api.put("/v1/customers/by program/sessions/s1/handover").raise_for_status()
    key, _ = create_key(app.state.store, "service")
    one = visit()
    refused: list[str] = []
    one.page.on("response", lambda answer: answer.status >= 400 and refused.append(answer.url))
    page = one.open("by program", key)
    expect(page.locator("#handed")).to_contain_text("A person")
    expect(page.locator("#show-glance")).to_be_hidden()
    for name in ("Give back", "Summary", "Take over from the assistant", "Delete session s1"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    expect(page.get_by_placeholder("Answer as a person")).to_have_count(0)
    one.say("Is somebody there?", status="waiting")
    page.get_by_role("button", name="New").click()
    one.say("Which order is late?")
    expect(page.locator("#recalled .card").first).to_be_visible()
    expect(page.locator("#recalled [data-part=forget]").first).to_be_hidden()
    assert refused == []
