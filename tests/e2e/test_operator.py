"""The operator's view in a real browser: who needs somebody, and how it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, Route, expect

from app.auth import create_key
from app.description import EXAMPLES
from memory import MemoryStore, Scope
from memory.clock import from_then, now
from memory.transcript import make_message
from memory.types import Label, Pace
from tests.e2e.conftest import SECRET
from tests.e2e.measures import CONTRAST, NAMELESS, SIDEWAYS, UNREACHABLE

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit

ATTACK = "<img src=x onerror=window.struck=1>"


def plant(store: MemoryStore, scope: Scope, status: str, mood: str) -> None:
    """A turn of a little over a minute ago."""
    with from_then(now() - timedelta(seconds=62)):
        turn = store.turns.start(scope, make_message("human", f"I am {scope.customer}", 3))
        answer = make_message("ai", "So it is.", 3) if status == "complete" else None
        labels, pace = {"sentiment": Label(mood, 0.9)}, Pace(answer and 120, 900)
        store.turns.finish(scope, turn, answer, status, labels=labels, pace=pace)


@pytest.fixture(scope="module")
def planted(app: FastAPI) -> Iterator[MemoryStore]:
    """The store, with an unhappy session and an unanswered one, also of another tenant's."""
    store: MemoryStore = app.state.store
    for tenant in ("default", "elsewhere"):
        plant(store, Scope(f"unhappy of {tenant}", "s1", tenant), "complete", "negative")
        plant(store, Scope(f"waits at {tenant}", "s1", tenant), "failed", "neutral")
    yield store
    for tenant in ("default", "elsewhere"):
        for name in (f"unhappy of {tenant}", f"waits at {tenant}"):
            store.erase((tenant, name))


def enter(page: Page) -> None:
    """Go to the view by its link."""
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Operations").click()
    expect(page.locator("#operations-about")).to_contain_text("As of")


def shows(page: Page, name: str, customer: str) -> None:
    """A list shows a customer, or is about to."""
    expect(page.get_by_role("region", name=name)).to_contain_text(customer)


def test_who_needs_somebody_is_shown_and_opened(visit: OpenVisit, planted: MemoryStore) -> None:
    """A session in low mood and one that is not answered open in the page as it is; the browser's
    way back leads to the view. Nothing of another tenant's is there.
    """
    page = visit().open("looks on")
    enter(page)
    expect(page.get_by_role("heading", name="Operations")).to_be_focused()
    expect(page.locator("#message")).to_be_hidden()
    shows(page, "Not answered", "waits at default")
    shows(page, "Low mood", "unhappy of default")
    assert "elsewhere" not in page.locator("#operations").inner_text()
    for name, said in (("waits at default", "Not answered."), ("unhappy of default", "So it is.")):
        page.get_by_role("button", name=name).click()
        expect(page.locator("#subtitle")).to_have_text(name)
        expect(page.locator("#turns")).to_contain_text(said)
        expect(page.locator("#operations")).to_be_hidden()
        page.go_back()
        expect(page.get_by_role("heading", name="Operations")).to_be_focused()
    page.get_by_role("link", name="Conversation").click()
    expect(page.locator("#message")).to_be_visible()


def test_it_is_told_anew_while_it_is_seen(
    visit: OpenVisit, planted: MemoryStore, api: httpx.Client
) -> None:
    """A turn that comes meanwhile is counted without a hand's turn, in the figures, the plot and
    its table; another time is chosen by the keyboard. While the tab is hidden
    only how many wait is asked for, which its title says.
    """
    one = visit()
    one.page.clock.install()
    page = one.open("looks on")
    enter(page)
    turns = page.locator("#operations-turns [data-part=figure]")
    before = int(turns.inner_text())
    body = {"customer": "comes in between", "message": "Hello"}
    api.post("/v1/chat", json=body).raise_for_status()
    page.clock.fast_forward(5_000)
    expect(turns).to_have_text(str(before + 1))
    plot = page.locator("#plot-turns")
    expect(plot.get_by_role("img")).to_have_accessible_name(re.compile("Turns, the last hour"))
    assert plot.locator("rect.good").count() >= 2
    plot.locator("summary").click()
    latest = plot.get_by_role("row").nth(1)
    expect(latest.get_by_role("rowheader")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(latest.get_by_role("cell")).to_have_count(3)
    page.get_by_role("radio", name="Hour").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#operations-turns")).to_contain_text("Turns in the last day")
    page.reload()
    expect(page.locator("#operations-turns")).to_contain_text("Turns in the last day")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    turn_tab(page, "hidden")
    page.clock.fast_forward(60_000)
    page.wait_for_timeout(200)
    assert {url.partition("?")[0] for url in asked} <= {f"{one.base_url}/v1/queue"}
    with page.expect_request("**/v1/admin/operations*"):
        turn_tab(page, "visible")


def turn_tab(page: Page, state: str) -> None:
    """As a browser does when another tab is chosen, or this one again."""
    page.evaluate(
        """(value) => {
          Object.defineProperty(document, "visibilityState", { value, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_only_an_admin_is_led_there(visit: OpenVisit, planted: MemoryStore) -> None:
    """Not an agent, nor a customer; another tenant's admin sees that tenant's only."""
    agent, _ = create_key(planted, "agent")
    token = jwt.encode({"sub": "own", "exp": now() + timedelta(hours=1)}, SECRET)
    for key, asked in ((agent, "**/v1/key"), (token, "**/sessions*")):
        one = visit()
        page = one.page
        with page.expect_response(asked):
            page.goto(f"{one.base_url}/#key={key}")
        page.evaluate("location.hash = '#operations'")
        expect(page.get_by_role("alert")).to_contain_text("Operations is not for this key")
        expect(page.locator("#views a")).not_to_contain_text(["Operations"])
        expect(page.locator("#operations")).to_be_hidden()
    admin, _ = create_key(planted, "admin", "elsewhere")
    page = visit().open("looks on", admin)
    enter(page)
    shows(page, "Not answered", "waits at elsewhere")
    assert "of default" not in page.locator("#operations").inner_text()
    assert "at default" not in page.locator("#operations").inner_text()


def test_what_is_wrong_is_said_and_the_figures_stay(visit: OpenVisit, planted: MemoryStore) -> None:
    """A service that is away, until it is back; and a key that is revoked, which is asked for."""
    admin, made = create_key(planted, "admin")
    page = visit().open("looks on", admin)
    enter(page)
    page.route("**/v1/admin/operations*", lambda route: route.abort())
    page.get_by_label("Day", exact=True).check()
    expect(page.locator("#operations-trouble")).to_contain_text("not reached")
    expect(page.locator("#operations-about")).to_contain_text("Not updated since")
    expect(page.locator("#operations-model")).to_contain_text("scripted")
    page.unroute("**/v1/admin/operations*")
    page.locator("#operations-trouble button").click()
    expect(page.locator("#operations-trouble")).to_be_hidden()
    planted.keys.revoke(made.id, now())
    page.get_by_label("Hour", exact=True).check()
    expect(page.get_by_role("dialog", name="Your key")).to_contain_text("was not accepted")


def test_nothing_that_is_told_runs(visit: OpenVisit, planted: MemoryStore) -> None:
    """Names of customers, sessions, models and data are shown letter by letter."""

    def attack(route: Route) -> None:
        told = route.fetch().json()
        if "models" in told:
            card = next(iter(told["models"]), None) or EXAMPLES["TunedModels"]["models"][0]
            told["models"] = [card | {"id": ATTACK, "data": [ATTACK], "in_service": True}]
        else:
            told["model"] = {"name": ATTACK, "adapter": ATTACK}
            for kind in ("low_mood", "unanswered"):
                told[kind]["sessions"][0] |= {"customer": ATTACK, "session": ATTACK}
        route.fulfill(json=told)

    page = visit().open("looks on")
    page.route(re.compile("/v1/admin/"), attack)
    enter(page)
    for place in ("unanswered", "low", "model", "card"):
        expect(page.locator(f"#operations-{place}")).to_contain_text(ATTACK)
    assert page.locator("#operations img").count() == 0
    assert page.evaluate("window.struck") is None


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (820, "light"), (1280, "dark")])
def test_the_view_is_readable_and_in_reach(
    visit: OpenVisit, planted: MemoryStore, width: int, scheme: str
) -> None:
    """At every width, by touch and in the dark; each control has a name, each id is there once."""
    one = visit(width=width, height=700, has_touch=True, color_scheme=scheme)
    page = one.open("w" * 200)
    if page.get_by_role("button", name="Customer and sessions").is_visible():
        page.get_by_role("button", name="Customer and sessions").click()
    enter(page)
    page.locator("#plot-turns summary").click()
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(UNREACHABLE) == []
    assert page.evaluate(NAMELESS) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    found = page.evaluate(CONTRAST)
    assert "Low mood" in str(found)
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []
