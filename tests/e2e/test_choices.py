"""The page in the reader's language and colours, in a real browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import expect

from memory import SLOTS
from tests.e2e.measures import CONTRAST, SIDEWAYS, STILL

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

WEB = Path(__file__).parents[2] / "app" / "web"
TABLES = {"en.js", "zh.js"}
# The page, and each of its views, which is fetched when it is wanted.
PARTS = [WEB, *sorted(one.parent for one in WEB.glob("*/view.html"))]
# A language is called by its own name in every language, and keys as they are printed.
NAMES = {"English", "中文"}
SPOKEN = {"aria-label", "title", "placeholder", "alt", "label"}


def scripts(part: Path) -> dict[str, str]:
    """The scripts of the page or of a view without their comments; not the texts."""
    return {
        file.name: re.sub(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", "", file.read_text(), flags=re.DOTALL)
        for file in part.glob("*.js")
        if file.name not in TABLES
    }


class Texts(HTMLParser):
    """What a page says by itself, and which texts it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.asked: set[str] = set()
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what its attributes say or ask for."""
        self._tag = tag
        for name, value in attrs:
            if name in SPOKEN and value:
                self.said.append(value)
            if name.startswith("data-t"):
                self.asked.add(value or "")

    def handle_data(self, data: str) -> None:
        """Note what stands in the page."""
        if self._tag != "kbd" and re.search(r"\w", data):
            self.said.append(data.strip())


def markup(part: Path) -> Texts:
    """What the markup of the page or of a view says."""
    html = Texts()
    html.feed(next(part.glob("*.html")).read_text())
    return html


def test_both_tables_have_the_same_texts(visit: OpenVisit) -> None:
    """For each text the same values and no text is empty; each is asked for, and each that is
    asked for is there, in the page's table or the view's own. What the shipped classifier reads
    has a Chinese name.
    """
    page = visit().open("reader")
    read = "async (name) => (await import(`/web/${name}`)).default"

    def values(text: str | dict[str, str]) -> set[str]:
        forms = text.values() if isinstance(text, dict) else [text]
        assert all(forms)
        return set(re.findall(r"\{(\w+)\}", " ".join(forms)))

    chinese = re.compile(r"[\u4e00-\u9fff]")
    texts: dict[Path, set[str]] = {}
    for part in PARTS:
        folder = "" if part == WEB else f"{part.name}/"
        en, zh = (page.evaluate(read, folder + name) for name in sorted(TABLES))
        assert {name: values(text) for name, text in en.items()} == {
            name: values(text) for name, text in zh.items()
        }
        assert [n for n, text in zh.items()
                if not chinese.search(json.dumps(text, ensure_ascii=False))
                and re.search("[a-z]{3}", re.sub(r"\{\w+\}", "", text))] == []  # fmt: skip
        texts[part] = set(en)
        if part == WEB:
            card = json.loads((WEB.parent / "understanding/shipped/card.json").read_text())
            read_as = {label for head in card["heads"].values() for label in head["labels"]}
            assert read_as - {"oos"} == zh["labels"].keys() | {"negative", "neutral", "positive"}
    assert sum(map(len, texts.values())) == len(set().union(*texts.values())), "one name, two texts"
    used: set[str] = set()
    for part, own in texts.items():
        html, code = markup(part), "\n".join(scripts(part).values())
        called = set(re.findall(r"\bt\(\s*\"(\w+)\"", code))
        assert called | html.asked <= own | texts[WEB], part.name
        words = set(re.findall(r"\w+", code)) | html.asked
        assert part == WEB or own <= words, part.name
        used |= words
    made_up = {*SLOTS, *(name for name in texts[WEB] if name.startswith("status"))}
    assert texts[WEB] - used <= made_up


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_nothing_is_said_outside_the_tables(part: Path) -> None:
    """Neither in the page or a view, nor in a script: no two words follow each other in a string
    that is no selector, and nothing is Chinese.
    """
    assert set(markup(part).said) == (NAMES if part == WEB else set())
    sentence = re.compile(r"[\"'`][^\"'`\n]*\b[A-Za-z]{2,} [a-z]{2,}[^\"'`\n]*[\"'`]")
    selector = re.compile(r"[#\[.>]|^\"(?:intent topic|neither done)")
    for name, code in scripts(part).items():
        if name in {"why.js", "faults.js"}:  # which read what the service says
            continue
        found = [one for one in sentence.findall(code) if not selector.search(one)]
        assert found == [], name
        assert not re.search(r"[\u4e00-\u9fff]", code), name


def test_the_page_speaks_the_readers_language(
    visit: OpenVisit, model: Model, api: httpx.Client
) -> None:
    """By the browser's languages, errors of the service too; chosen, the page is written anew,
    with the draft and the answer under way left alone, and it is remembered.
    """
    one = visit(locale="zh-CN")
    page = one.page
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.headers.get("accept-language", "")))
    page.goto("about:blank")
    page.goto(f"{one.base_url}/#key=wrong")
    expect(page.locator("#door-problem")).to_have_text("这个密钥未被接受。")
    page.get_by_label("API 密钥").fill("a-key+with%signs")
    page.get_by_role("button", name="进入").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_label("客户", exact=True).fill("中文 reader")
    page.keyboard.press("Enter")
    expect(page.locator("#subtitle")).to_have_text("中文 reader")
    field = page.get_by_label("消息", exact=True)
    field.fill("It is late.")
    page.get_by_role("button", name="发送").click()
    expect(page.locator("[data-status=complete]")).to_have_count(1)
    expect(page.locator("#mood")).to_have_text("情绪：负面，平稳")
    expect(page.locator("[data-part=answer] [data-part=who]")).to_have_text("助手")
    assert page.title().endswith("对话记忆")
    assert set(asked[-3:]) == {"zh-CN"}
    model.pause, model.reply = 0.1, "one two three four five six seven eight"
    field.fill("Go on.")
    field.press("Enter")
    expect(page.locator(".turn").last).to_contain_text("one two")
    field.fill("a draft")
    page.get_by_label("语言").select_option("en")
    expect(page.locator("#mood")).to_have_text(re.compile("^Mood: negative, "))
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("a draft")
    expect(page.locator(".turn").last).to_contain_text(model.reply)
    expect(page.locator("[data-status=complete]")).to_have_count(2)
    expect(page.locator("[data-part=answer] [data-part=who]").first).to_have_text("Assistant")
    assert page.title().endswith("Conversational memory")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#mood")).to_contain_text("Mood: ")


def test_the_service_s_own_errors_are_in_the_readers_language(
    visit: OpenVisit, model: Model
) -> None:
    """An answer that fails says why in the language of the page."""
    one = visit(locale="zh-CN")
    page = one.page
    page.goto("about:blank")
    page.goto(f"{one.base_url}/#key=a-key%2Bwith%25signs")
    expect(page.locator("#subtitle")).to_have_text("guest")  # a session is there to write in
    model.broken = True
    page.get_by_label("消息", exact=True).fill("有人吗？")
    page.keyboard.press("Enter")
    problem = page.locator(".turn [role=alert] [data-part=title]")
    expect(problem).to_have_text(re.compile(r"^[\u4e00-\u9fff]+：$"))


def test_colours_are_the_readers(visit: OpenVisit) -> None:
    """As the device has them, or as they are chosen, also later; each can be read."""
    one = visit(width=390, height=844, color_scheme="light", has_touch=True)
    page = one.open("painter")

    def ground() -> Any:
        return page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")

    light = ground()
    page.get_by_role("button", name="Customer and sessions").click()
    page.get_by_text("Settings").click()
    page.get_by_label("Colours").select_option("dark")
    page.evaluate(STILL)  # buttons take their colours in a while
    dark = ground()
    assert dark != light
    assert [(t, r) for t, r in page.evaluate(CONTRAST) if r < 4.5] == []
    page.emulate_media(color_scheme="dark")
    page.reload()
    expect(page.locator("#subtitle")).to_have_text("painter")
    assert ground() == dark
    page.get_by_role("button", name="Customer and sessions").click()
    page.get_by_text("Settings").click()
    page.get_by_label("Colours").select_option("light")
    assert ground() == light
    page.get_by_label("Language").select_option("zh")
    assert page.evaluate(SIDEWAYS) == []
    page.get_by_label("外观").select_option("auto")
    assert ground() == dark
