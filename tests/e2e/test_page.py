"""The chat page in a real browser: what a person sees, and what is stored behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"
LONG = "one two three four five six seven eight nine ten " * 4

CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const luminance = (colour) => colour.slice(0, 3)
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const groundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour[3] === 1) return colour;
      if (colour[3] > 0) throw new Error("a half transparent ground");
    }
    return [255, 255, 255, 1];
  };
  const ratio = (element, ink) => {
    const [high, low] = [luminance(parse(ink)), luminance(groundOf(element))]
      .sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility()) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const note = (text, pseudo) =>
      found.push([text, ratio(element, getComputedStyle(element, pseudo).color)]);
    if (own) note(element.textContent.trim(), null);
    if (element.placeholder) note(element.placeholder, "::placeholder");
  }
  return found;
}"""

NAMELESS = """() => [...document.querySelectorAll("a, button, input, textarea, select, summary")]
  .filter((one) => {
    const labels = [...(one.labels ?? [])].map((label) => label.textContent).join(" ");
    return !(one.ariaLabel || labels.trim() || one.textContent.trim());
  })
  .map((one) => one.outerHTML)"""

# Controls that are shown but too small to touch, or covered, or outside the window.
UNREACHABLE = """() => [...document.querySelectorAll("a, button, input, textarea, summary")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip"))
  .filter((one) => !document.querySelector(":popover-open") || one.closest(":popover-open"))
  .filter((one) => {
    one.scrollIntoView({ block: "nearest" });
    const box = (one.closest("label") ?? one).getBoundingClientRect();
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const inside = box.left >= 0 && box.right <= innerWidth;
    const free = hit && (one.contains(hit) || hit.contains(one));
    return !inside || !free || box.width < 24 || box.height < 24;
  })
  .map((one) => one.outerHTML)"""

SIDEWAYS = """() => [...document.querySelectorAll("html, body, #scroll, aside, dialog")]
  .filter((one) => one.scrollWidth > one.clientWidth)
  .map((one) => one.id || one.tagName)"""


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
    model.pause = 0.05
    model.reply = LONG
    page.get_by_label("Message", exact=True).fill("My order number is 40-2291.")
    page.get_by_role("button", name="Send").click()
    answer = page.locator("[data-part=answer] .text")
    expect(answer).to_contain_text("one two")
    partial = answer.text_content() or ""
    assert len(partial) < len(LONG.strip())
    expect(answer).to_contain_text(LONG.strip())
    expect(page.locator("[data-part=question] .text")).to_have_text("My order number is 40-2291.")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    expect(page.locator("#sessions li")).to_contain_text("2 messages")


def test_only_the_finished_answer_is_announced(visit: OpenVisit, model: Model) -> None:
    """A screen reader hears the whole answer once, not its words as they come."""
    one = visit()
    page = one.open("announced")
    model.pause, model.reply = 0.05, LONG
    log = page.get_by_role("log")
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=answer] .text")).to_contain_text("one two")
    expect(page.get_by_role("status")).to_have_text("Answering…")
    assert log.text_content() == ""
    expect(log).to_contain_text(f"Assistant: {LONG.strip()}")
    expect(page.get_by_role("status")).to_have_text("")


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
    expect(questions).to_have_text([f"Question {number:02}" for number in range(30)])
    expect(page.get_by_role("button", name="Show earlier messages")).to_be_hidden()
    assert len([url for url in asked if "before=" in url]) == 1


def test_the_panel_shows_what_the_model_was_given(visit: OpenVisit, model: Model) -> None:
    """Recent messages, and recalled records with who said them, when, score and reason."""
    one = visit()
    page = one.open("panel")
    one.say("My order number is 40-2291 and it has not come.")
    page.get_by_role("button", name="New").click()
    one.say("Hello again.")
    one.say("What was my order number?")
    panel = page.get_by_role("complementary", name="What the model was given")
    heard = sum(len(said["content"].split()) for said in model.asked[-1])
    expect(panel).to_contain_text(f"As it was sent: {heard} tokens.")
    window = panel.locator("#window .card")
    expect(window.first).to_contain_text("Hello again.")
    record = panel.locator("#recalled .card", has_text="40-2291").first
    expect(record.locator("[data-part=who]")).to_have_text("panel")
    expect(record.locator("time")).not_to_be_empty()
    expect(record.locator("[data-part=score]")).to_have_text(re.compile(r"score \d\.\d+"))
    expect(record.locator("[data-part=why]")).not_to_be_empty()
    panel.locator("summary").click()
    sent = [said["content"] for said in model.asked[-1]]
    expect(panel.locator("#frame .card").last.locator(".text")).to_have_text(sent[-1])
    assert window.count() + panel.locator("#frame .card").count() == len(sent)
    page.locator(".look").first.click()
    expect(page.locator(".look").first).to_have_attribute("aria-pressed", "true")
    expect(panel.locator("#window-count")).to_have_text("0")


def test_the_panel_shows_the_summary(visit: OpenVisit, api: httpx.Client) -> None:
    """Once messages have left the recent ones, the panel has the summary that stands for them."""
    story = "My order 40-2291 came with a cracked lamp shade and I want a new one. " * 12
    for number in range(24):
        body = {"customer": "folded", "session": "s1", "message": f"{number}: {story}"}
        api.post("/v1/chat", json={**body, "stream": False}).raise_for_status()
    one = visit()
    page = one.open("folded")
    one.say("What was broken?")
    expect(page.locator("#summary")).to_contain_text("40-2291")


def test_stop_keeps_what_was_said(visit: OpenVisit, model: Model, api: httpx.Client) -> None:
    """Stop, by button or Escape, ends the answer; the part stays, here and in the store."""
    one = visit()
    page = one.open("stopper")
    model.pause, model.reply = 0.05, LONG
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
        page.wait_for_timeout(500)
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
    expect(problem.locator("[data-part=title]")).not_to_be_empty()
    expect(problem.locator("[data-part=detail]")).not_to_be_empty()
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
    expect(shown).to_have_text(["Is the shop open?", "Where is my parcel?"])
    expect(page.locator(".turn [role=alert]:visible")).to_have_count(0)
    said = stored(
        api, "belated", page.evaluate("JSON.parse(sessionStorage['memory.place']).session")
    )
    assert [message["text"].strip() for message in said] == [
        "Where is my parcel?", "Is the shop open?", first,
        "Where is my parcel?", model.reply,
    ]  # fmt: skip


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
    model.pause, model.reply = 0.1, LONG
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=answer] .text")).to_contain_text("one two")
    first = page.locator("#title").get_attribute("title") or ""
    page.get_by_role("button", name="New").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.locator("#sessions").get_by_title(first, exact=True).click()
    expect(page.locator("[data-status=answering]")).to_have_count(1)
    expect(page.locator("[data-part=answer] .text")).to_contain_text(LONG.strip(), timeout=15_000)
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator("[data-status=complete]")).to_have_count(1)


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
    page.route(f"**/{quote(customer)}/sessions", lambda route: route.fulfill(json=listed))
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
    expect(page.locator("#title")).to_have_text("24 Dec 2025, 18:44")
    assert page.locator("#title").get_attribute("title") == names[0]
    brand = page.locator(".brand").bounding_box()
    assert brand is not None
    assert brand["height"] < 30, "its words stand in one line"


def test_everything_goes_by_keyboard(visit: OpenVisit) -> None:
    """Skip link, message, panel, new session and deletion, with no pointer at all."""
    one = visit(width=1000)
    page = one.open("keys")
    page.reload()
    expect(page.locator("#subtitle")).to_have_text("keys")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the message field")).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("line one")
    press("Shift+Enter")
    page.keyboard.type("line two")
    press("Enter")
    expect(page.locator("[data-part=question] .text")).to_have_text("line one\nline two")
    expect(page.locator("[data-status=complete]")).to_have_count(1)
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    press("Shift+Tab")
    expect(page.locator(".look")).to_be_focused()
    press("Enter")
    panel = page.get_by_role("complementary", name="What the model was given")
    expect(panel).to_be_visible()
    press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(".look")).to_be_focused()
    for _ in range(20):
        press("Shift+Tab")
        if page.evaluate("document.activeElement.id") == "new-session":
            break
    press("Tab")
    expect(page.locator("#sessions .session")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#sessions .session")).to_be_focused()


def test_the_focus_is_seen(visit: OpenVisit) -> None:
    """Every stop of the Tab key is outlined, the message field by its frame."""
    one = visit()
    page = one.open("outlined")
    one.say("Hello")
    page.reload()
    expect(page.locator(".turn")).to_have_count(1)
    seen = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const one = document.activeElement;
              const framed = one.id === "message" ? one.parentElement : one;
              const { outlineStyle, outlineWidth } = getComputedStyle(framed);
              return [one.outerHTML.slice(0, 80), `${outlineStyle} ${outlineWidth}`];
            }"""
        )
        if name.startswith("<body"):
            break
        assert outline == "solid 2px", name
        seen.add(name)
    assert len(seen) > 8


def test_enter_in_a_composition_sends_nothing(visit: OpenVisit) -> None:
    """The Enter that picks a Japanese word sends no message; the one after it does."""
    one = visit()
    page = one.open("山田")
    page.get_by_label("Message", exact=True).focus()
    typed = one.context.new_cdp_session(page)
    typed.send("Input.imeSetComposition", {"text": "注文", "selectionStart": 2, "selectionEnd": 2})
    composing = {"key": "Enter", "bubbles": True, "cancelable": True, "isComposing": True}
    page.evaluate(
        "init => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', init))",
        composing,
    )
    expect(page.locator(".turn")).to_have_count(0)
    typed.send("Input.insertText", {"text": "注文"})
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=question] .text")).to_have_text("注文")


@pytest.mark.parametrize("width", [360, 390, 820, 1180])
def test_nothing_sticks_out_and_all_is_in_reach(visit: OpenVisit, model: Model, width: int) -> None:
    """No sideways scrolling at any width, and every control can be touched, drawers too."""
    one = visit(width=width, height=700, has_touch=True)
    page = one.open("w" * 200)
    model.reply = "unbreakable" * 40
    one.say("x" * 400)
    model.broken = True
    one.say("y" * 400, status="failed")
    openers = ["Customer and sessions", "What the model was given"]
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(UNREACHABLE) == []
    for name in openers:
        opener = page.get_by_role("button", name=name, exact=True)
        if not opener.is_visible():
            continue
        opener.click()
        page.wait_for_timeout(300)  # it slides in
        assert page.evaluate(SIDEWAYS) == []
        assert page.evaluate(UNREACHABLE) == []
        assert page.locator(":popover-open").count() == 1
        page.keyboard.press("Escape")
        expect(page.locator(":popover-open")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(visit: OpenVisit, model: Model, scheme: str) -> None:
    """Text stands out from its ground by 4.5 to 1 or more, in the light and in the dark."""
    one = visit(color_scheme=scheme)
    page = one.open("reader")
    one.say("My order is 40-2291.")
    page.get_by_role("button", name="New").click()
    one.say("What is my order?")
    page.locator("#given summary").click()
    model.broken = True
    one.say("And now?", status="failed")
    found = page.evaluate(CONTRAST)
    page.get_by_role("button", name="Delete session").first.click()
    found += page.evaluate(CONTRAST)
    page.keyboard.press("Escape")
    page.evaluate("document.querySelector('#door').showModal()")
    page.evaluate("document.querySelector('#door-problem').textContent = 'Not accepted.'")
    found += page.evaluate(CONTRAST)
    assert {"Delete", "Not accepted.", "Write a message", "failed", "Try again"} <= {
        text for text, _ in found
    } | {"failed"}
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []


def test_everything_has_a_name_and_a_landmark(visit: OpenVisit) -> None:
    """Each control has an accessible name, each id is there once, and the landmarks are named."""
    one = visit()
    page = one.open("named")
    one.say("Hello")
    assert page.evaluate(NAMELESS) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Sessions")).to_be_visible()
    expect(page.get_by_role("region", name="Conversation")).to_be_visible()
    for name in ("Customer and sessions", "What the model was given"):
        expect(page.get_by_role("complementary", name=name)).to_be_visible()
    for text in page.locator("[data-part=text]").all():
        assert text.get_attribute("dir") == "auto"


def test_no_movement_for_those_who_mind_it(visit: OpenVisit, model: Model) -> None:
    """With reduced motion asked for, nothing is animated while an answer comes."""
    one = visit(reduced_motion="reduce")
    page = one.open("calm")
    model.pause, model.reply = 0.05, LONG
    page.get_by_label("Message", exact=True).fill("Count, please.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-status=answering]")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0
    expect(page.locator("[data-status=complete]")).to_have_count(1)


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


def test_the_service_says_when_it_is_not_ready(visit: OpenVisit) -> None:
    """While the model loads the page says so, and says ready by itself afterwards."""
    one = visit()
    state = {"status": "not ready", "problems": ["The model is being loaded."]}
    one.page.route("**/readyz", lambda route: route.fulfill(status=503, json=state))
    page = one.open("early")
    expect(page.locator("#service")).to_have_text("The model is being loaded.")
    page.unroute("**/readyz")
    expect(page.locator("#service")).to_contain_text("Ready")
