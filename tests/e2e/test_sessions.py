"""The list of sessions in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import KEY

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.e2e.conftest import OpenVisit


def test_a_session_is_deleted_after_a_question(visit: OpenVisit, api: httpx.Client) -> None:
    """Delete asks first; keeping keeps, deleting takes the session and its messages."""
    one = visit()
    page = one.open("leaver")
    one.say("Forget me.")
    session = page.locator("#title").text_content() or ""
    delete = page.get_by_role("button", name=f"Delete session {session}")
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(page.locator(".turn")).to_have_count(1)
    delete.click()
    expect(page.get_by_role("dialog")).to_contain_text(session)
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".turn")).to_have_count(0)
    assert api.get("/v1/customers/leaver/sessions").json()["sessions"] == []


def test_a_list_that_comes_late_finds_the_customer_being_opened_again(visit: OpenVisit) -> None:
    """After an answer the list is read anew. It comes when a session has just been deleted and no
    other one is open yet: the console complains of nothing, and the focus stays in the list.
    """
    one = visit()
    page = one.open("hasty")
    one.say("Wait for me.")
    held: list[Route] = []
    page.route("**/hasty/sessions*", lambda route: held.append(route))
    one.say("And for me.")
    page.get_by_role("button", name="Delete session").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".turn")).to_have_count(0)
    while len(held) < 3:  # of the turn's beginning and end, and of the deletion
        page.wait_for_timeout(20)
    for route in held[:2]:
        with page.expect_response("**/hasty/sessions*"):
            route.fulfill(json={"sessions": []})
    held[2].continue_()
    page.unroute("**/hasty/sessions*")
    expect(page.locator("#sessions [data-part=count]")).to_have_text(["0 messages"])
    expect(page.locator("#sessions .session")).to_be_focused()


def test_a_session_has_a_link_and_back_leads_to_the_one_before(
    visit: OpenVisit, api: httpx.Client
) -> None:
    """The address names customer and session; back and forward move between those that were
    open, a link opens its session for who has a key, and signing out takes the names away.
    """
    said = {"customer": "li/nk 链", "message": "Hello there."}
    for session in ("one & two", "last"):
        api.post("/v1/chat", json={**said, "session": session}).raise_for_status()
    one = visit()
    page = one.open("li/nk 链")
    title = page.locator("#title")
    expect(title).to_have_text("last")
    page.locator("#sessions .session", has_text="one & two").click()
    expect(title).to_have_text("one & two")
    link = page.url
    assert link.endswith(f"#conversation/{quote('li/nk 链', safe='')}/{quote('one & two')}")
    page.go_back()
    expect(title).to_have_text("last")
    page.go_forward()
    expect(title).to_have_text("one & two")
    expect(page.locator(".turn")).to_have_count(1)
    other = visit()
    other.open("somebody")
    other.page.goto(link)
    expect(other.page.locator("#title")).to_have_text("one & two")
    expect(other.page.locator("#subtitle")).to_have_text("li/nk 链")
    other.page.goto(f"{link}%")  # cut off
    other.page.reload()
    expect(other.page.locator("#title")).to_have_text("one & two")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="Your key")).to_be_visible()
    assert "#" not in page.url


WHEN = {
    "minutes": ("2026-03-06T21:00:00Z", "09:05"),
    "days": ("2026-03-09T01:00:00Z", "6 Mar, 09:05"),
    "years": ("2027-01-01T00:00:00Z", "6 Mar 2026"),
}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("later", WHEN)
def test_sessions_have_names_and_times_for_people(
    visit: OpenVisit, api: httpx.Client, width: int, later: str
) -> None:
    """A session that was named by its time is shown so, whole, as is when it was used last: today,
    this year and earlier; any other name is shown as it is. The name in the service stays.
    """
    customer = f"named {width} {later}"
    names = ["2025-12-24 18:44:10", "2026-03-06 09:05:00", "2026-03-06 09:05:00 (2)",
             "2026-03-06 09:05:07", "2026-13-06 09:05:00", "lamp"]  # fmt: skip
    for name in reversed(names):
        body = {"customer": customer, "session": name, "message": "hello"}
        api.post("/v1/chat", json=body).raise_for_status()
    one = visit(width=width, height=844, timezone_id="UTC")
    page = one.page
    listed = api.get(f"/v1/customers/{quote(customer)}/sessions").json()
    for session in listed["sessions"]:
        session.update(updated_at="2026-03-06T09:05:00Z", messages=1234)
    page.route(f"**/{quote(customer)}/sessions*", lambda route: route.fulfill(json=listed))
    page.route(f"**/{quote(customer)}/sessions/*", lambda route: route.abort())  # it says today
    page.clock.set_fixed_time(WHEN[later][0])
    one.open(customer)
    if width < 820:
        page.get_by_role("button", name="Customer and sessions").click()
    shown = page.locator("#sessions [data-part=name]")
    expect(shown).to_have_text(
        [
            "24 Dec 2025, 18:44",
            "6 Mar 2026, 09:05:00",
            "6 Mar 2026, 09:05:00 (2)",
            "6 Mar 2026, 09:05:07",
            "2026-13-06 09:05:00",
            "lamp",
        ]
    )
    expect(page.locator("#sessions time")).to_have_text([WHEN[later][1]] * len(names))
    cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator("#sessions .session > *").evaluate_all(cut) == 0
    here = "24 Dec 2025, 18:44" if width > 479 else "24/12/2025, 18:44"
    expect(page.locator("#title")).to_have_text(here)
    assert page.locator("#title").get_attribute("title") == names[0]
    brand = page.locator(".brand").bounding_box()
    assert brand is not None
    assert brand["height"] < 30, "its words stand in one line"


@pytest.mark.parametrize("width", [390, 1440])
def test_a_long_list_leaves_the_rest_in_sight(
    visit: OpenVisit, api: httpx.Client, width: int
) -> None:
    """Below thirty sessions the search and the way out stay, who answers is not cut, and what a
    person has answered looks different.
    """
    one = visit(width=width, height=844)
    page = one.page
    customer = f"long list {width}"
    for number in range(30):
        said = {"customer": customer, "session": f"s{number}", "message": "Hello"}
        api.post("/v1/chat", json=said).raise_for_status()
    path = f"/v1/customers/{quote(customer)}/sessions/s29"
    api.put(f"{path}/handover").raise_for_status()
    api.post(f"{path}/replies", json={"text": "I am here."}).raise_for_status()
    one.open(customer)
    answers = page.locator("[data-part=answer] .text")
    border = "(all) => all.map((one) => getComputedStyle(one).borderInlineStartWidth)"
    expect(answers).to_have_count(2)
    assert answers.evaluate_all(border) == ["0px", "3px"]
    if width < 820:
        page.get_by_role("button", name="Customer and sessions").click()
    handed = page.locator("#sessions [data-part=handed]:not(:empty)")
    expect(handed).to_be_in_viewport(ratio=1)
    cut = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator("#sessions .session > *").evaluate_all(cut) == 0
    page.locator("#sessions li").last.scroll_into_view_if_needed()
    expect(page.locator("#sessions li").last).to_be_in_viewport()
    expect(page.get_by_role("searchbox")).to_be_in_viewport(ratio=1)
    if width < 820:
        page.get_by_text("Settings").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)


def test_what_is_slow_says_so_and_shows_nothing_of_others(visit: OpenVisit) -> None:
    """While another customer is opened nothing of the last one's is there, nor that nothing was
    said; a message whose session is being looked at is told to be on its way.
    """
    one = visit()
    page = one.open("quick")
    one.say("Thanks, all is well.")
    expect(page.locator("#mood")).to_be_visible()
    held: list[Route] = []
    page.route("**/slow/sessions*", lambda route: held.append(route))
    page.get_by_label("Customer", exact=True).fill("slow")
    page.keyboard.press("Enter")
    expect(page.locator("#coming")).to_be_visible()
    expect(page.get_by_placeholder("Write as slow")).to_be_visible()
    for name in ("#mood", "#hand-over", "#empty", "#sessions > li"):
        expect(page.locator(name)).to_be_hidden()
    page.get_by_label("Message", exact=True).fill("Too soon.")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Looking…")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#status")).to_be_empty()
    expect(page.locator("#coming")).to_be_hidden()
    page.unroute("**/slow/sessions*")
    one.say("It is slow.")
    page.route(re.compile(r"/slow/sessions/[^/]*$"), lambda _: None)
    page.get_by_label("Message", exact=True).fill("It is still slow.")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Sending…")
    expect(page.locator(".turn[data-status=complete]")).to_have_count(2)


def test_a_drawer_that_is_opened_while_the_page_starts_stays_open(visit: OpenVisit) -> None:
    """What comes late does not close it below the finger."""
    one = visit(width=390, height=844, has_touch=True)
    page = one.page
    held: list[Route] = []
    page.route(
        re.compile(r"/sessions\?"), lambda route: route.continue_() if held else held.append(route)
    )
    page.goto(f"{one.base_url}/#key={quote(KEY)}")
    page.get_by_role("button", name="Customer and sessions").click()
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(page.locator("#sessions > li").first).to_be_visible()
    expect(page.locator("#coming")).to_be_hidden()
    expect(page.get_by_label("Customer", exact=True)).to_be_visible()
