"""What is said and done elsewhere in a session that is open here, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.e2e.conftest import Model, OpenVisit


def test_what_another_page_says_appears(visit: OpenVisit, api: httpx.Client) -> None:
    """Without asking for it, and in order with what is said here, each once; the list counts it.
    What was sent from here stays as it was sent, and the reader keeps the focus.
    """
    one = visit()
    page = one.open("two tabs")
    one.say("First, from here.")
    session = page.locator("#title").get_attribute("title") or ""
    said = {"customer": "two tabs", "session": session}
    page.locator(".look").focus()
    api.post("/v1/chat", json={**said, "message": "Second, elsewhere."}).raise_for_status()
    questions = page.locator("[data-part=question] .text")
    expect(questions).to_have_text(["First, from here.", "Second, elsewhere."])
    expect(page.locator("#sessions [aria-current] [data-part=count]")).to_have_text("4 messages")
    expect(page.locator(".look").first).to_be_focused()
    page.route(re.compile("/messages"), lambda route: route.abort())  # it is not seen meanwhile
    api.post("/v1/chat", json={**said, "message": "Third, elsewhere."}).raise_for_status()
    one.say("Fourth, from here.")
    page.unroute(re.compile("/messages"))
    expect(questions).to_have_text(
        ["First, from here.", "Second, elsewhere.", "Third, elsewhere.", "Fourth, from here."]
    )
    page.locator(".look").last.click()
    expect(page.locator("#given-about")).to_contain_text("As it was sent")


def test_an_answer_goes_on_through_a_reload_and_is_seen_elsewhere(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """It goes on being shown as it comes, here after a reload and in another page, and can be
    stopped from there.
    """
    one, other = visit(), visit()
    page = one.open("reloader")
    one.say("Hello")
    session = page.locator("#title").get_attribute("title") or ""
    elsewhere = other.open("reloader")
    model.pause, model.reply = 0.1, " ".join(f"w{n}" for n in range(1000))
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    answer = "[data-part=answer] .text"
    expect(page.locator(answer).last).to_contain_text("w2 w3")
    page.reload()
    for where in (page, elsewhere):
        expect(where.locator(answer).last).to_contain_text("w8 w9")
        expect(where.locator("[data-part=mark]").last).to_have_text("being answered")
    before = page.locator(answer).last.text_content() or ""
    expect(page.locator(answer).last).not_to_have_text(before)
    elsewhere.get_by_role("button", name="Stop the answer").click()
    for where in (page, elsewhere):
        expect(where.locator("[data-part=mark]").last).to_have_text("stopped")
        expect(where.get_by_role("button", name="Send")).to_be_visible()
    last = api.get(f"/v1/customers/reloader/sessions/{session}/messages").json()["messages"][-1]
    assert last["status"] == "stopped"
    assert last["text"].startswith(before.strip())


def test_who_writes_knows_in_whose_name(visit: OpenVisit, api: httpx.Client) -> None:
    """The field says as whom staff write; a handover made elsewhere is seen without a reload, and
    what is written then is the person's. A reply leaves the list's count right.
    """
    one = visit()
    page = one.open("lena")
    one.say("Hello")
    expect(page.get_by_placeholder("Write as lena (the assistant answers)")).to_be_visible()
    session = page.locator("#title").get_attribute("title") or ""
    path = f"/v1/customers/lena/sessions/{session}"
    before = page.locator("#composer .field").evaluate("(one) => getComputedStyle(one).background")
    api.put(f"{path}/handover").raise_for_status()
    field = page.get_by_placeholder("Answer as a person")
    expect(field).to_be_visible()
    expect(page.locator("#handed")).to_be_visible()
    assert before != page.locator("#composer .field").evaluate(
        "(one) => getComputedStyle(one).background"
    )
    field.fill("I am a person.")
    page.keyboard.press("Enter")
    expect(page.locator(".turn").last).to_contain_text("Person at the desk")
    last = api.get(f"{path}/messages").json()["messages"][-1]
    assert (last["text"], last["by_person"]) == ("I am a person.", True)
    expect(page.locator("#sessions [aria-current] [data-part=count]")).to_have_text("3 messages")
    api.delete(f"{path}/handover").raise_for_status()
    expect(page.get_by_placeholder("Write as lena (the assistant answers)")).to_be_visible()
    field = page.get_by_label("Message", exact=True)
    field.fill("Said as lena.")
    held: list[Route] = []
    looks = re.compile(f"/sessions/{quote(session)}$")
    page.route(looks, lambda route: route.continue_() if held else held.append(route))
    while not held:  # the page looks, and is not told yet
        page.wait_for_timeout(20)
    api.put(f"{path}/handover").raise_for_status()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Send again to answer as the person")
    expect(field).to_have_value("Said as lena.")
    held[0].continue_()
    page.unroute(looks)
    api.delete(f"{path}/handover").raise_for_status()
    expect(page.get_by_placeholder("Write as lena (the assistant answers)")).to_be_visible()
    assert len(api.get(f"{path}/messages").json()["messages"]) == 3
    expect(page.locator("#handed")).to_be_hidden()
