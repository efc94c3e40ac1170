"""The service's state on the page, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit


def test_the_service_says_when_it_is_not_ready(visit: OpenVisit) -> None:
    """While the model loads the page says so, and says ready by itself afterwards; and when it
    is not reached any more.
    """
    one = visit()
    state = {"status": "not ready", "problems": ["The model is being loaded."]}
    one.page.route("**/readyz", lambda route: route.fulfill(status=503, json=state))
    page = one.open("early")
    expect(page.locator("#service")).to_have_text("The model is being loaded.")
    page.unroute("**/readyz")
    expect(page.locator("#service")).to_contain_text("Ready")
    page.route(re.compile("/readyz|/v1/"), lambda route: route.abort())
    page.get_by_role("button", name="Customer at a glance").click()
    expect(page.locator("#service")).to_have_text("The service was not reached.")
    page.unroute(re.compile("/readyz|/v1/"))
    expect(page.locator("#service")).to_contain_text("Ready")
