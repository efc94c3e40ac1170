"""The light formatting of answers, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

FORMATTED = """async (text) => {
  const { formatted } = await import("/web/markdown.js");
  const box = document.createElement("div");
  box.append(...formatted(text));
  return box.innerHTML;
}"""
TEXTS = {
    "plain": "plain",
    "two\nlines": "two\nlines",
    "**bold** and *thin*, `a*b*c`": "<strong>bold</strong> and <em>thin</em>, <code>a*b*c</code>",
    "2*3*4 snake_case_name ** not ** *nor *": "2*3*4 snake_case_name ** not ** *nor *",
    "1. a\n2. b": "<ol start=\"1\"><li>a</li><li>b</li></ol>",
    "so:\n- a\n  - b\n- c": "<p>so:</p><ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>",
    "7) a\n- b": "<ol start=\"7\"><li>a</li></ol><ul><li>b</li></ul>",
    "## Head\n\n> said\n> so": "<p><strong>Head</strong></p><blockquote>said\nso</blockquote>",
    "```js\n<b> **x**\n```\nend": "<pre><code>&lt;b&gt; **x**</code></pre><p>end</p>",
    "```\nnot over": "<pre><code>not over</code></pre>",
    "-5 degrees, 2026. So": "-5 degrees, 2026. So",
    "**<img src=x onerror=struck=1>**": "<strong>&lt;img src=x onerror=struck=1&gt;</strong>",
    "[here](javascript:struck=1)": "[here](javascript:struck=1)",
    "- <a href=//evil.example>x</a>":
        "<ul><li>&lt;a href=//evil.example&gt;x&lt;/a&gt;</li></ul>",
}  # fmt: skip
LONG = ["*" * 50_000, "`" * 50_000, "**a " * 20_000, "*a" * 30_000, "> " * 20_000, "- " * 20_000]


@pytest.fixture
def page(visit: OpenVisit) -> Page:
    """The page, opened."""
    return visit().open("reader")


def test_what_is_formatted_and_what_stays_as_it_is(page: Page) -> None:
    """Bold, italic, code, lists, headings and quotes; no HTML, no link, and nothing is lost of what
    only looks like one of them, however long it is.
    """
    assert {text: page.evaluate(FORMATTED, text) for text in TEXTS} == TEXTS
    for text in LONG:
        assert page.evaluate(FORMATTED, text)
    nested = "\n".join(f"{'  ' * n}- {n}" for n in range(40))
    assert page.evaluate(FORMATTED, nested).count("<ul>") == 4


def test_an_answer_is_shown_with_its_formatting(visit: OpenVisit, model: Model) -> None:
    """As it comes and after a reload; a customer's message is shown as it was written."""
    model.reply = "Do **this**:\n\n1. Open it\n2. Press `on`"
    one = visit()
    page = one.open("formatter")
    one.say("How do I *start* it?")
    for _ in range(2):
        answer = page.locator("[data-part=answer] .text").last
        expect(answer.locator("strong")).to_have_text("this")
        expect(answer.locator("li")).to_have_text(["Open it", "Press on"])
        expect(page.locator("[data-part=question] .text")).to_have_text("How do I *start* it?")
        page.reload()
