"""Summaries in a real browser: of a stored session and of a pasted conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import Page, expect

from app.auth import create_key
from tests.e2e.test_axe import wrong

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.e2e.conftest import Model, OpenVisit

ATTACK = "<img src=x onerror=window.struck=1>"
SAID = f"My order 4417-XZ with the green lamp is late. {ATTACK}"
PARSE = """async (texts) => {
  const { messagesOf } = await import("/web/summaries/paste.js");
  return texts.map((text) => messagesOf(text)?.map(({ role, text }) => `${role} ${text}`) ?? null);
}"""


def enter(page: Page) -> None:
    """Go to the view."""
    page.evaluate("location.hash = '#summaries'")
    expect(page.get_by_role("heading", name="Summaries", level=1)).to_be_focused()


def test_each_sentence_leads_to_its_message(
    visit: OpenVisit, model: Model, api: httpx.Client, app: FastAPI
) -> None:
    """An agent sees the customer's open session chosen, its best sentences and the model's words;
    a number that nobody said is not given, and why is told. A sentence leads to its message in the
    conversation. Nothing that was said runs.
    """
    model.reply = "Thank you, I have noted that."
    for message in (SAID, "When will it come?"):
        said = {"customer": "summed up", "session": "s1", "message": message}
        api.post("/v1/chat", json=said).raise_for_status()
    agent, _ = create_key(app.state.store, "agent")
    page = visit().open("summed up", agent)
    enter(page)
    expect(page.get_by_label("Customer", exact=True)).to_have_value("summed up")
    expect(page.get_by_label("Session", exact=True)).to_have_value("s1")
    model.reply = "The customer's order 4417-XZ is late."
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator("#summaries-model")).to_have_text(model.reply)
    expect(page.locator("#summaries-of-count")).to_have_text("of 4 messages")
    own = page.locator("#summaries-own")
    expect(own).to_contain_text("My order 4417-XZ with the green lamp is late.")
    model.reply = "Call 555-0199."
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator("#summaries-note")).to_contain_text("a number or an address that nobody")
    expect(page.locator("#summaries-model")).to_be_empty()
    page.get_by_role("button", name="Message 1: My order").click()
    expect(page.locator("#subtitle")).to_have_text("summed up")
    pointed = page.locator(".pointed")
    expect(pointed).to_be_focused()
    expect(pointed).to_contain_text(SAID)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.struck") is None


def test_a_pasted_conversation_is_read_as_it_is_shown(visit: OpenVisit, model: Model) -> None:
    """By who speaks in each line, in words or by names; what does not say so is refused before it
    is sent. What the model says wrong is told, and the sentences stay.
    """
    one = visit(width=390, height=844, color_scheme="dark", has_touch=True)
    page = one.open("pasted")
    enter(page)
    sessions = page.get_by_label("Session", exact=True)
    expect(sessions).to_be_disabled()  # nobody is called so, which is no error
    expect(sessions).to_contain_text("No session")
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator("#summaries-wrong")).to_contain_text("Choose a customer who has said")
    assert one.complaints == []
    page.get_by_label("Pasted text").check()
    page.get_by_role("textbox", name="Conversation").fill("My order is late.")
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator("#summaries-wrong")).to_contain_text("Begin the conversation")
    text = f"Ada: {SAID}\nIt was promised.\nSupport: It comes on Friday."
    page.get_by_role("textbox", name="Conversation").fill(text)
    model.broken = True
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator("#summaries-note")).to_contain_text("Not given.")
    expect(page.locator("#summaries-said li")).to_have_count(2)
    page.get_by_role("button", name="Message 1: My order").click()
    expect(page.locator("#summaries-said li").first).to_be_focused()
    assert wrong(page, "summaries") == []
    assert page.locator("img").count() == 0
    read = page.evaluate(PARSE, [
        "Customer: a\nb\n\nAgent: c", "客户：你好\n客服：您好",
        "[10:02] Ann (web): a\n[10:03] Bo: b",
        "Bo: a\nSupport: note: b\nBo: c", "no speaker", "", "Customer:\nAgent:",
    ])  # fmt: skip
    assert read == [
        ["human a\nb", "ai c"], ["human 你好", "ai 您好"], ["human a", "ai b"],
        ["human a", "ai note: b", "human c"], None, None, None,
    ]  # fmt: skip
