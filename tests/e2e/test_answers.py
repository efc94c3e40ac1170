"""Questions and their answers in a real browser: with what they rest on, or not known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from tests.e2e.test_axe import wrong

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

ATTACK = "<img src=x onerror=window.struck=1>"


def test_an_answer_cites_what_it_rests_on_or_is_not_known(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """Of the open customer, by Enter: the sentence with its citation, which leads to the memory,
    and that to its message. The model's answer that cites nothing is told of; what is stored
    nowhere is not known. In the other language the answer shown is written anew.
    """
    for text in ("My favourite tea is jasmine.", f"I live in Lisbon. {ATTACK}"):
        said = {"customer": "asked about", "session": "s1", "message": text}
        api.post("/v1/chat", json=said).raise_for_status()
    article = {"source": "returns.md", "text": "# Returns\n\nRugs are **never** taken back."}
    api.post("/v1/knowledge", json=article).raise_for_status()
    page = visit().open("asked about")
    page.evaluate("location.hash = '#answers'")
    expect(page.get_by_role("heading", name="Answers", level=1)).to_be_focused()
    expect(page.get_by_label("Customer", exact=True)).to_have_value("asked about")
    question = page.get_by_label("Question", exact=True)
    question.fill("Do you sell submarines with a periscope?")
    question.press("Enter")
    answer = page.locator("#answers-answer")
    expect(answer).to_have_text("Not known: nothing that is stored says it.")
    expect(page.locator("#answers-evidence")).to_be_hidden()
    page.get_by_label("By the model").check()
    model.reply = "Surely it is Earl Grey."
    question.fill("Which tea is the customer's favourite?")
    question.press("Enter")
    expect(answer).to_contain_text("My favourite tea is jasmine.")
    expect(page.locator("#answers-basis")).to_contain_text("wrong (it cites nothing)")
    page.get_by_label("By a sentence").check()
    page.get_by_role("button", name="Ask").click()
    basis = page.locator("#answers-basis")
    expect(basis).to_contain_text("The sentence that says most")
    expect(basis).to_have_text(re.compile(r"It is [5-9]\d % sure that what was found answers"))
    assert wrong(page, "answers") == []
    page.evaluate("document.querySelector('#language').value = 'zh'")
    page.locator("#language").dispatch_event("change")
    expect(page.locator("#answers-basis")).to_contain_text("最切题的一句原文。 所找到的内容")
    page.locator("#answers-answer .cite").click()
    cited = page.locator("#answers-evidence li.pointed")
    expect(cited).to_be_focused()
    expect(cited).to_contain_text("jasmine")
    page.get_by_label("客户", exact=True).last.fill("")
    page.get_by_label("问题", exact=True).fill("Are rugs taken back?")
    page.get_by_role("button", name="提问").click()
    expect(page.locator("#answers-evidence")).to_contain_text("Returns")
    expect(answer).to_contain_text("Rugs are never taken back.")
    expect(page.locator("#answers-made strong")).to_have_text(["never", "never"])
    page.get_by_label("客户", exact=True).last.fill("asked about")
    page.get_by_label("问题", exact=True).fill("Where does the customer live?")
    page.get_by_role("button", name="提问").click()
    expect(answer).to_contain_text("Lisbon")
    page.locator("#answers-evidence li", has_text="Lisbon").get_by_role("button").click()
    expect(page.locator("#turns .pointed")).to_contain_text("I live in Lisbon.")
    api.delete("/v1/knowledge/returns.md").raise_for_status()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.struck") is None
