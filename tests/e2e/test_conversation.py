"""A conversation in a real browser: what a person sees of it, and what is stored behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

LONG = "one two three four five six seven eight nine ten " * 4


def keys_sent(page: Page) -> list[str]:
    """The idempotency keys of the chats that a page asks for from now on, as they are sent."""
    keys: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/v1/chat"):
            keys.append(request.post_data_json["idempotency_key"])

    page.on("request", note)
    return keys


def stored(api: httpx.Client, customer: str, session: str) -> list[dict[str, Any]]:
    """The messages that the service has of a session."""
    path = f"/v1/customers/{quote(customer, safe='')}/sessions/{quote(session, safe='')}/messages"
    found: list[dict[str, Any]] = api.get(path).raise_for_status().json()["messages"]
    return found


def test_a_message_is_answered_word_by_word(visit: OpenVisit, model: Model) -> None:
    """The answer grows while it is made, the field is empty, and the session is in the list."""
    one = visit()
    page = one.open("ada")
    model.reply, model.hold = LONG, 9
    page.get_by_label("Message", exact=True).fill("My order number is 40-2291.")
    page.get_by_role("button", name="Send").click()
    answer = page.locator("[data-part=answer] .text")
    expect(answer).to_contain_text("one two")
    partial = answer.text_content() or ""
    assert len(partial) < len(LONG.strip())
    model.go.set()
    expect(answer).to_contain_text(LONG.strip())
    expect(page.locator("[data-part=question] .text")).to_have_text("My order number is 40-2291.")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    expect(page.locator("#sessions li")).to_contain_text("2 messages")


def test_a_line_separator_in_a_text_ends_no_line_of_a_stream(
    visit: OpenVisit, api: httpx.Client
) -> None:
    """U+2028 ends a line for JavaScript's `.` and `^`, but not for server-sent events."""
    one = visit()
    text = "My order is 4417-XZ.\u2028data: and this is no line"
    api.post("/v1/customers/separated/memories", json={"text": text}).raise_for_status()
    page = one.open("separated")
    page.get_by_label("Message", exact=True).fill("Where is my order 4417-XZ?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-part=answer] .text")).to_have_text("I have noted that.")


def test_only_the_finished_answer_is_announced(visit: OpenVisit, model: Model) -> None:
    """A screen reader hears the whole answer once, not its words as they come."""
    one = visit()
    page = one.open("announced")
    model.reply, model.hold = LONG, 9
    log = page.get_by_role("log")
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=answer] .text")).to_contain_text("one two")
    expect(page.get_by_role("status")).to_have_text("Answering…")
    assert log.text_content() == ""
    model.go.set()
    expect(log).to_contain_text(f"Assistant: {LONG.strip()}")
    expect(page.get_by_role("status")).to_have_text("")


def test_a_reload_shows_the_history(visit: OpenVisit) -> None:
    """The conversation, its session and its customer are there again after a reload."""
    one = visit()
    page = one.open("grace")
    one.say("First question")
    one.say("Second question")
    session = page.locator("#title").get_attribute("title")
    page.reload()
    expect(page.locator("[data-part=question] .text")).to_have_text(
        ["First question", "Second question"]
    )
    expect(page.locator("[data-part=answer] .text")).to_have_count(2)
    expect(page.locator("#title")).to_have_attribute("title", session or "")
    page.get_by_role("button", name="New").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_text("Nothing said yet in this session")).to_be_visible()


def test_earlier_messages_come_on_request(visit: OpenVisit, api: httpx.Client) -> None:
    """Fifty messages are shown at first, and the button brings those before, each once."""
    for number in range(30):
        body = {"customer": "many", "session": "s1", "message": f"Question {number:02}"}
        api.post("/v1/chat", json={**body, "stream": False}).raise_for_status()
    one = visit()
    page = one.open("many")
    questions = page.locator("[data-part=question] .text")
    expect(questions).to_have_count(25)
    expect(questions.last).to_be_in_viewport()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Show earlier messages").dblclick()
    expect(page.get_by_role("region", name="Conversation")).to_be_focused()
    expect(questions).to_have_text([f"Question {number:02}" for number in range(30)])
    expect(page.get_by_role("button", name="Show earlier messages")).to_be_hidden()
    assert len([url for url in asked if "before=" in url]) == 1


def test_stop_keeps_what_was_said(visit: OpenVisit, model: Model, api: httpx.Client) -> None:
    """Stop, by button or Escape, ends the answer; the part stays, here and in the store."""
    one = visit()
    page = one.open("stopper")
    model.reply, model.hold = LONG, 9
    answers = page.locator("[data-part=answer] .text")
    for number, stop in enumerate(("button", "Escape")):
        page.get_by_label("Message", exact=True).fill(f"Count, please: {number}")
        page.keyboard.press("Enter")
        expect(answers.nth(number)).to_contain_text("one two")
        if stop == "button":
            page.get_by_role("button", name="Stop the answer").click()
        else:
            page.keyboard.press("Escape")
        expect(page.locator("[data-part=mark]").nth(number)).to_have_text("stopped")
        expect(page.get_by_role("status")).to_contain_text("Stopped")
        expect(page.get_by_role("button", name="Send")).to_be_visible()
        assert 0 < len(answers.nth(number).text_content() or "") < len(LONG.strip())
    said = stored(api, "stopper", page.locator("#title").get_attribute("title") or "")
    assert [message["status"] for message in said if message["role"] == "ai"] == ["stopped"] * 2
    page.reload()
    expect(page.locator("[data-part=mark]")).to_have_text(["stopped", "stopped"])
    expect(answers.first).to_contain_text("one two")


def test_a_failed_answer_is_asked_for_again_under_its_key(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """The error's own words are shown; trying again stores the message once only."""
    one = visit()
    page = one.open("unlucky")
    keys = keys_sent(page)
    model.broken = True
    one.say("Where is my parcel?", status="failed")
    problem = page.locator(".turn [role=alert]")
    expect(problem).to_contain_text(re.compile(r"^\s*Model failed: .+\.\s"))
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    model.broken = False
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-part=answer] .text")).to_have_text(model.reply)
    expect(problem).to_be_hidden()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    assert len(keys) == 2
    assert len(set(keys)) == 1
    said = stored(api, "unlucky", page.locator("#title").get_attribute("title") or "")
    assert [message["text"] for message in said if message["role"] == "human"] == [
        "Where is my parcel?"
    ]


def test_a_failed_answer_comes_after_what_was_said_meanwhile(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """Asked for again when the conversation has gone on, the message is said again, at the end,
    on the page as in what is stored.
    """
    one = visit()
    page = one.open("belated")
    model.broken = True
    one.say("Where is my parcel?", status="failed")
    model.broken = False
    one.say("Is the shop open?")
    first, model.reply = model.reply, "It is on its way."
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".turn [data-part=answer] .text").last).to_have_text(model.reply)
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    shown = page.locator(".turn [data-part=question] .text")
    expect(shown).to_have_text(["Where is my parcel?", "Is the shop open?", "Where is my parcel?"])
    expect(page.locator(".turn [role=alert]:visible")).to_have_text(["Not answered. Try again"])
    said = stored(
        api, "belated", page.evaluate("JSON.parse(sessionStorage['memory.place']).session")
    )
    assert [message["text"].strip() for message in said] == [
        "Where is my parcel?", "Is the shop open?", first,
        "Where is my parcel?", model.reply,
    ]  # fmt: skip


def test_a_stored_message_is_not_sent_twice_when_the_service_is_gone(
    visit: OpenVisit, model: Model
) -> None:
    """Tried again in vain, the message stays where it stands, and not in the field too."""
    one = visit()
    page = one.open("killed")
    model.broken = True
    one.say("Where is my parcel?", status="failed")
    page.route("**/v1/chat", lambda route: route.abort())
    page.get_by_role("button", name="Try again").click()
    problem = page.locator(".turn [role=alert]")
    expect(problem).to_contain_text("The service was not reached. Your message is kept.")
    field = page.get_by_label("Message", exact=True)
    expect(field).to_have_value("")
    page.wait_for_timeout(100)
    expect(page.locator(".turn")).to_have_count(1)
    page.unroute("**/v1/chat")
    model.broken = False
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-part=answer] .text")).to_have_text(model.reply)
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    expect(field).to_have_value("")


def test_what_came_of_something_is_told_for_a_while(visit: OpenVisit) -> None:
    """Then its line is empty again, but not while an answer is under way."""
    one = visit()
    one.page.clock.install()
    page = one.open("brief")
    one.say("Hello")
    page.get_by_role("button", name="Good answer").click()
    expect(page.locator("#status")).to_have_text("Rated good.")
    page.clock.fast_forward(9_000)
    expect(page.locator("#status")).to_have_text("")


def test_a_message_that_was_not_sent_stays_in_the_field(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """Without a network the text comes back, outlives a reload, and is sent under its key."""
    one = visit()
    page = one.open("offline")
    keys = keys_sent(page)
    field = page.get_by_label("Message", exact=True)
    page.route("**/v1/chat", lambda route: route.abort())
    one.say("Are you there?", status="failed")
    expect(page.locator(".turn [role=alert]")).to_contain_text("The service was not reached.")
    expect(field).to_have_value("Are you there?")
    page.reload()
    expect(field).to_have_value("Are you there?")
    page.unroute("**/v1/chat")
    field.press("Enter")
    expect(page.locator("[data-part=answer] .text")).to_have_text(model.reply)
    expect(field).to_have_value("")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len(stored(api, "offline", page.locator("#title").get_attribute("title") or "")) == 2


def test_an_answer_goes_on_while_another_session_is_shown(visit: OpenVisit, model: Model) -> None:
    """Looking elsewhere stops nothing: the answer is whole when the reader comes back."""
    one = visit()
    page = one.open("wanderer")
    model.reply, model.hold = LONG, 9
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=answer] .text")).to_contain_text("one two")
    first = page.locator("#title").get_attribute("title") or ""
    page.get_by_role("button", name="New").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.locator("#sessions").get_by_title(first, exact=True).click()
    expect(page.locator("[data-status=answering]")).to_have_count(1)
    model.go.set()
    expect(page.locator("[data-part=answer] .text")).to_contain_text(LONG.strip())
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator("[data-status=complete]")).to_have_count(1)


def test_an_answer_that_another_page_has_asked_for_comes_here_too(
    visit: OpenVisit, model: Model
) -> None:
    """Opened while the answer is made elsewhere, the page says so, and then shows it."""
    one, other = visit(), visit()
    page = one.open("twice")
    model.reply, model.hold = LONG, 9
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=answer] .text")).to_contain_text("one two")
    there = other.open("twice")
    expect(there.locator(".turn")).to_contain_text("being answered")
    model.go.set()
    expect(there.locator("[data-part=answer] .text")).to_contain_text(LONG.strip())
    expect(there.locator("[data-status=complete]")).to_have_count(1)
