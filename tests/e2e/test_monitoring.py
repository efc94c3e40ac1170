"""Monitoring in a real browser: what is written about, and a surge with its examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from playwright.sync_api import expect

from memory import MemoryStore, Scope
from memory.clock import now
from memory.surges import Hour, Threshold
from memory.transcript import make_message
from tests.traffic import Said, write

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit

ATTACK = "<img src=x onerror=window.struck=1>"


@pytest.fixture
def planted(app: FastAPI) -> Iterator[MemoryStore]:
    """The store with a surge about an order, whose topic is somebody's own and hostile."""
    store: MemoryStore = app.state.store
    at = now()
    quiet = [Said("c", at - timedelta(days=n, minutes=9), ATTACK, "negative") for n in range(1, 9)]
    angry = [Said(f"a{n}", at - timedelta(minutes=1 + n), ATTACK, "negative") for n in range(20)]
    kind = Said("kind", at - timedelta(hours=2), "order", "positive")
    write(store, [*quiet, *angry, kind])
    for hours, many in ((9, 99), (6, 0), (4, 0)):  # five that were over long ago
        hour = Hour(at - timedelta(hours=hours), many, [1] * 9)
        store.alerts.note("default", "messages", {f"old {n}": hour for n in range(5)}, Threshold())
    store.transcript.add(Scope("a0", "s1"), [make_message("human", "It is late!", 3)])
    app.state.monitoring.look()
    yield store
    for name in ("c", "kind", *(f"a{n}" for n in range(20))):
        store.erase(("default", name))


def test_a_surge_is_seen_with_what_was_written(visit: OpenVisit, planted: MemoryStore) -> None:
    """The alert with how much more than usual it is; its examples, each of which leads to its
    session; the plots of a topic alone. What a topic is called never becomes markup.
    """
    page = visit().open("looks on")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Monitoring").click()
    alert = page.locator("#insights-alerts > li").first
    expect(alert).to_contain_text(ATTACK)
    # How many are usual depends on how much else was said: other tests talk to this service too.
    expect(alert).to_contain_text(re.compile(r"20 customers in an hour, usually [12]\b"))
    expect(alert).to_contain_text("open since")
    expect(page.locator("#insights-open [data-part=figure]")).to_have_text("1")
    expect(page.locator("#insights-alerts > li:visible")).to_have_count(4)
    page.get_by_role("button", name="Show earlier alerts").click()
    expect(page.locator("#insights-alerts > li:visible")).to_have_count(6)
    expect(page.locator("#insights-alerts > li").nth(4).locator("summary")).to_be_focused()
    expect(page.locator("#insights-alerts")).to_contain_text("over:")
    alert.locator("summary").click()
    expect(alert.locator("[data-part=examples] li")).to_have_count(5)
    topic = page.locator("#insights-topics").get_by_role("button", name=ATTACK)
    topic.click()
    expect(topic).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#insights-negative [data-part=figure]")).to_have_text("100%")
    expect(page.locator("#insights-plot-moods rect.bad")).not_to_have_count(0)
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("heading", name="Monitoring")).to_be_focused()
    page.get_by_role("radio", name="Documents").check(force=True)
    expect(page.locator("#insights-open")).to_contain_text("of documents")
    expect(page.locator("#insights-open [data-part=figure]")).to_have_text("0")
    expect(page.locator("#insights-alerts > li")).to_have_count(0)
    page.get_by_role("radio", name="Messages").check(force=True)
    page.get_by_role("radio", name="48 hours").check(force=True)
    expect(page.locator("#insights-about")).to_contain_text("48 hours")
    alert.locator("summary").click()
    alert.locator("[data-part=examples] button").first.click()
    expect(page.locator("#insights")).to_be_hidden()
    assert page.evaluate("window.struck") is None
