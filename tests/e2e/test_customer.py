"""The page in a customer's own hands: with a token that speaks for one customer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from playwright.sync_api import expect

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
    """The customer is the token's and cannot be changed; card, panel, labels, recent customers and
    deleting are not there; nothing that is asked for is refused.
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
    field = page.get_by_label("Customer", exact=True)
    assert field.input_value() == NAME
    assert not field.is_editable()
    one.say("Where is it?")
    expect(page.locator(".turn").last).to_contain_text(model.reply)
    for part in ("#show-glance", "#given", "#recent", "#mood", ".look", "[popovertarget=given]"):
        for found in page.locator(part).all():
            expect(found).to_be_hidden()
    assert page.locator("[data-part=labels] li").count() == 0
    assert page.get_by_role("button", name="Delete session", include_hidden=True).count() > 0
    assert page.get_by_role("button", name="Delete session").count() == 0
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] == width  # no column stays empty
    assert refused == []
