"""Support chat in two languages in a real browser, seen from both sides."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from playwright.sync_api import expect

from app.main import create_app
from app.settings import Settings
from tests.doubles import WordReader
from tests.e2e.conftest import KEY, SECRET, served
from tests.e2e.test_axe import wrong

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from tests.e2e.conftest import Model, OpenVisit

WORDS = {
    "我的灯坏了。": "My lamp is broken.", "有人吗？": "Is anybody there?",
    "Send 1 more.": "我们再寄1个。",
    "We send a new one.": "我们寄新的。", "我们寄一盏新灯。": "We send a new lamp.",
}  # fmt: skip


@pytest.fixture(scope="module")
def app(scripted: tuple[Model, str], tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """A service whose model translates."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), api_key=KEY, llm=scripted[1], translator="llm",
        token_secret=SECRET,
    )  # fmt: skip
    return create_app(settings, understanding=WordReader())


@pytest.fixture(scope="module")
def base_url(app: FastAPI) -> Iterator[str]:
    """Where it listens."""
    with served(app) as address:
        yield address


def answering(messages: list[dict[str, Any]]) -> str:
    """What the model translates, or answers a customer."""
    translates = "translate" in messages[0]["content"]
    asked = messages[-1]["content"]
    return WORDS.get(asked, asked) if translates else "好的。"


def test_an_agent_and_a_customer_talk_in_two_languages(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """The agent reads each message in English beneath the Chinese, and what was handed over, sees
    what will be sent before it is, and corrects it; the customer sees Chinese alone. In the queue
    it is read too.
    """
    model.reply = answering
    WORDS["好的。"] = "Well."
    said = {"customer": "mei", "session": "s1", "message": "我的灯坏了。"}
    api.post("/v1/chat", json=said).raise_for_status()
    api.put("/v1/customers/mei/sessions/s1/handover").raise_for_status()
    api.post("/v1/chat", json={**said, "message": "有人吗？"}).raise_for_status()
    page = visit(width=1440).open("mei")
    switch = page.get_by_label("Translate messages").first
    expect(page.locator(".translated")).to_have_count(0)
    switch.select_option("en")
    turns = page.locator(".turn")
    expect(turns.nth(0).locator("[data-part=question] .words")).to_have_text("My lamp is broken.")
    expect(turns.nth(0).locator("[data-part=answer] .words")).to_have_text("Well.")
    expect(turns.nth(1)).to_contain_text("Translated from Chinese")
    expect(page.get_by_label("Customer writes")).to_contain_text("Chinese (detected)")
    page.locator("#show-handover").click()
    sheet = page.locator("#handover-sheet")
    expect(sheet).to_have_value(re.compile("“有人吗？”"))
    page.get_by_role("button", name="In English").click()
    expect(sheet).to_have_value(re.compile(r"“Is anybody there\?”[^“]*Customer: My lamp"))
    page.get_by_role("button", name="As it was said").click()
    expect(sheet).to_have_value(re.compile("“有人吗？”"))
    assert wrong(page, "handover") == []
    page.keyboard.press("Escape")
    field = page.get_by_label("Message", exact=True)
    field.fill("We send a new one.")
    page.keyboard.press("Enter")
    preview = page.get_by_label("The customer will read")
    expect(page.locator("#preview-title")).to_contain_text("in Chinese")
    expect(preview).to_have_value("我们寄新的。")
    expect(preview).to_be_focused()
    assert wrong(page, "translation preview") == []
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    expect(field).to_have_value("We send a new one.")
    field.fill("Send 1 more.")
    page.keyboard.press("Enter")
    expect(preview).to_have_value("我们再寄1个。")
    preview.fill("我们再寄7个。")
    expect(page.locator("#preview-unsure")).to_have_text("Missing in it: 1")
    page.keyboard.press("Escape")
    known = api.get("/v1/translation-memory", params={"customer": "mei"}).text
    assert "Send 1 more" not in known, "what was not sent is not remembered"
    field.fill("We send a new one.")
    page.keyboard.press("Enter")
    preview.fill("我们寄一盏新灯。")
    page.keyboard.press("Enter")
    answer = turns.last.locator("[data-part=answer]")
    expect(answer.locator(".text")).to_have_text("我们寄一盏新灯。")
    expect(answer.locator(".translated")).to_have_count(1)
    expect(answer.locator(".translated")).to_contain_text("As written, in English")
    expect(answer.locator(".words")).to_have_text("We send a new one.")
    known = api.get("/v1/translation-memory", params={"customer": "mei"}).json()["translations"]
    assert ("We send a new one.", "我们寄一盏新灯。", "person") in [
        (one["source"], one["target"], one["origin"]) for one in known
    ]
    page.evaluate("location.hash = '#queue'")
    expect(page.locator("#queue-held .translated")).to_have_text("Translated: Is anybody there?")
    page.get_by_label("Translate messages").last.select_option("Off")
    expect(page.locator("#queue-held .translated")).to_have_text("")

    token = jwt.encode({"sub": "mei", "exp": time.time() + 3600}, SECRET, "HS256")
    theirs = visit(width=390, height=844)
    theirs.page.goto(f"{theirs.base_url}/#key={token}")
    expect(theirs.page.locator(".turn").last).to_contain_text("我们寄一盏新灯。")
    expect(theirs.page.locator("#tongues")).to_be_hidden()
    assert "We send" not in theirs.page.content()
