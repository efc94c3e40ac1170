"""Translation in a real browser: by a memory that is filled, corrected, searched and exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from app.auth import create_key
from tests.e2e.test_axe import wrong

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from tests.e2e.conftest import OpenVisit

ATTACK = "<img src=x onerror=window.struck=1>"
KNOWN = (
    "source,target,term\n"
    "Where is my order 4417-XZ?,Onde está o meu pedido 4417-XZ?,\n"
    "I want to return the blue lamp.,Quero devolver a lâmpada azul.,\n"
    f"blue lamp,luminária {ATTACK},true\n"
    "Said in one language.,,\n"
)
# As many tools write it, and longer than what is sent at once.
TMX = (
    '<?xml version="1.0" encoding="utf-16"?><tmx version="1.4"><header/><body>'
    + "".join(
        f"<tu><note>{'long ' * 140_000}</note><tuv xml:lang='EN-US'><seg>no {n}</seg></tuv>"
        f"<tuv xml:lang='PT-PT'><seg>não {n}</seg></tuv></tu>"
        for n in "abcd"
    )
    + "</body></tmx>"
).encode("utf-16")


def test_a_text_is_translated_by_the_memory_and_corrected_in_its_place(
    visit: OpenVisit, api: httpx.Client, app: FastAPI
) -> None:
    """An admin imports a file, and is told what was left out; each sentence says where it is from.
    What nobody translates is written in its place and is known from then on, as a customer's own
    where one is named. It is found, forgotten and exported. An agent corrects what is known, and
    has no files.
    """
    page = visit(width=1440).open("speaks Portuguese")
    page.evaluate("location.hash = '#translation'")
    page.get_by_label("From", exact=True).select_option("en")
    page.get_by_label("Into", exact=True).select_option("pt")
    file = {"name": "known.csv", "mimeType": "text/csv", "buffer": KNOWN.encode()}
    page.get_by_label("Import a TMX or CSV file").set_input_files([file])  # type: ignore[list-item]
    expect(page.locator("#translation-imported")).to_have_text(
        "3 translations read: 3 new, 0 replaced. "
        "Left out: 1 without text, 0 not in both languages, 0 too long."
    )
    expect(page.locator("#translation-found > li")).to_have_count(3)
    text = page.get_by_label("Text", exact=True)
    text.fill(f"Where is my order 5518-AB? I want to return that blue lamp. {ATTACK} is odd.")
    page.get_by_label("Customer (optional)").fill("speaks Portuguese")
    page.get_by_role("button", name="Translate").click()
    parts = page.locator("#translation-segments > li")
    expect(parts.nth(0)).to_contain_text("Memory")
    expect(parts.nth(0)).to_contain_text("Onde está o meu pedido 5518-AB?")
    expect(parts.nth(1)).to_contain_text("Like it in memory")
    expect(parts.nth(1)).to_contain_text("%")
    expect(parts.last).to_contain_text("Not translated")
    expect(page.locator("#translation-by")).to_contain_text("no translator is set")
    parts.last.get_by_role("button", name="Correct").click()
    parts.last.get_by_role("textbox").fill("Isso é estranho.")
    page.keyboard.press("Enter")
    expect(parts.last).to_contain_text("Memory")
    expect(page.locator("#translation-whole")).to_contain_text("Isso é estranho.")
    assert wrong(page, "translation") == []
    their = {"customer": "speaks Portuguese"}
    own = api.get("/v1/translation-memory", params=their).json()["translations"]
    assert [(one["target"], one["origin"]) for one in own] == [("Isso é estranho.", "person")]
    page.get_by_label("A text like what you look for").fill("return the blue lamp")
    page.keyboard.press("Enter")
    expect(page.locator("#translation-found > li").first).to_contain_text("Quero devolver")
    page.get_by_label("Customer (optional)").fill("")
    page.get_by_label("Into", exact=True).select_option("en")
    page.get_by_label("From", exact=True).select_option("pt")
    page.get_by_label("A text like what you look for").fill("Quero devolver a lâmpada azul.")
    page.keyboard.press("Enter")
    first = page.locator("#translation-found > li").first
    expect(first.locator("[data-part=text]")).to_have_text("I want to return the blue lamp.")
    first.get_by_role("button", name="Correct").click()
    first.get_by_role("textbox").fill("I would like to return the blue lamp.")
    page.keyboard.press("Enter")
    expect(first.locator("[data-part=text]")).to_have_text("I would like to return the blue lamp.")
    first.get_by_role("button", name="Forget").click()
    page.get_by_label("A text like what you look for").fill("")
    page.keyboard.press("Enter")
    expect(page.locator("#translation-found > li")).to_have_count(2)
    assert "Quero" not in api.get("/v1/translation-memory").text
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export TMX").click()
    assert coming.value.suggested_filename == "translations.tmx"
    exported = Path(coming.value.path()).read_text()
    assert exported.count("<tu ") == 2
    assert "estranho" not in exported

    took = page.locator("#translation-imported")
    choice = page.get_by_label("Import a TMX or CSV file")
    table = "source,target\nno,não".encode("cp1252")
    choice.set_input_files([{"name": "e.csv", "mimeType": "text/csv", "buffer": table}])
    expect(page.locator("#translation-trouble")).to_contain_text("save it as UTF-8")
    page.get_by_label("All of it are terms").check()
    choice.set_input_files([{"name": "m.xml", "mimeType": "text/xml", "buffer": TMX}])
    expect(took).to_have_text("4 translations read: 4 new, 0 replaced.")
    expect(page.locator("#translation-trouble")).to_be_hidden()
    terms = api.get("/v1/translation-memory", params={"terms": True}).json()["translations"]
    assert {one["source"] for one in terms} >= {f"não {n}" for n in "abcd"}

    agent, _ = create_key(app.state.store, "agent")
    page = visit(width=390, height=844).open("speaks Portuguese", agent)
    page.evaluate("location.hash = '#translation'")
    page.get_by_label("From", exact=True).select_option("en")
    page.get_by_label("Into", exact=True).select_option("pt")
    expect(page.get_by_label("Import a TMX or CSV file")).to_be_hidden()
    page.get_by_label("Text", exact=True).fill("Where is my order 4417-XZ?")
    page.get_by_role("button", name="Translate").click()
    said = page.locator("#translation-segments > li")
    said.get_by_role("button", name="Correct").click()
    said.get_by_role("textbox").fill("Cadê o meu pedido 4417-XZ?")
    page.keyboard.press("Enter")
    expect(page.locator("#translation-whole")).to_have_text("Cadê o meu pedido 4417-XZ?")
    expect(page.locator("#translation-status")).to_have_text("Corrected and remembered.")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.struck") is None
