"""The customer's card in a real browser: seen at a glance, and put right by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.measures import CONTRAST, NAMELESS, SIDEWAYS, STILL, UNREACHABLE

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

ATTACK = "<img src=x onerror=alert(1)>"
OPENER = "Customer at a glance"


def add(api: httpx.Client, customer: str, slot: str, value: str, **more: Any) -> str:
    """Add a fact by hand; its id."""
    body = {"text": f"{slot}: {value}", "slot": slot, "value": value, **more}
    made = api.post(f"/v1/customers/{customer}/memories", json=body).raise_for_status()
    found: str = made.json()["id"]
    return found


def look(page: Page) -> None:
    """Open the card and wait for what it shows."""
    page.get_by_role("button", name=OPENER, exact=True).click()
    expect(page.locator("#glance-parts")).to_be_visible()


def test_the_card_shows_facts_with_their_sources(visit: OpenVisit, api: httpx.Client) -> None:
    """Facts, problem and last session; what is not known says so; markup stays text."""
    one = visit()
    page = one.open("glance")
    one.say("The lamp is cracked.")
    add(api, "glance", "problem", f"the lamp is cracked {ATTACK}")
    order = add(api, "glance", "order_number", "4417-XY")
    path = f"/v1/customers/glance/memories/{order}"
    api.put(path, json={"value": "4418-QQ"}).raise_for_status()
    look(page)
    card = page.get_by_role("complementary", name="Customer at a glance")
    expect(card).to_contain_text("1 session · last heard")
    expect(page.locator("#glance-problem .text")).to_have_text(f"the lamp is cracked {ATTACK}")
    expect(card.locator("#glance-promises + .none")).to_have_text("None")
    fact = page.locator("#glance-facts li")
    expect(fact).to_have_count(1)
    expect(fact.locator(".text")).to_have_text("4418-QQ")
    expect(fact).to_contain_text("By a person")
    expect(fact).to_contain_text(": 4417-XY")
    expect(page.locator("#glance-summary")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.route("**/glanced-next/card?may_be_new=*", lambda _: None)  # it is slow
    one.choose("glanced-next")
    page.get_by_role("button", name=OPENER, exact=True).click()
    expect(page.locator("#glance-about")).to_have_text("Looking…")
    expect(page.locator("#glance-parts")).to_be_hidden()  # they are another's


def test_a_correction_takes_the_old_away(visit: OpenVisit, model: Model) -> None:
    """Cancelled it changes nothing; saved it changes the fact, the conversation that is shown, and
    what the model is given next. The focus comes back to the button.
    """
    one = visit()
    page = one.open("corrects")
    one.say("My order number is 4417-XY.")
    look(page)
    expect(page.locator("#glance-facts li")).to_contain_text("Customer: “My order number is")
    page.get_by_role("button", name="Source: Order number 4417-XY").click()
    expect(page.locator("#glance")).to_be_hidden()
    expect(page.locator(".pointed")).to_contain_text("My order number is 4417-XY.")
    look(page)
    page.get_by_role("button", name="Correct: Order number 4417-XY").click()
    field = page.get_by_label("The right words for: Order number")
    expect(field).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Correct: Order number 4417-XY")).to_be_focused()
    expect(page.locator("#glance-facts .text")).to_have_text("4417-XY")
    page.get_by_role("button", name="Correct: Order number 4417-XY").click()
    field.fill("4418-QQ")
    page.keyboard.press("Enter")
    expect(page.locator("#glance-facts .text")).to_have_text("4418-QQ")
    expect(page.locator("#glance-status")).to_contain_text("Corrected.")
    expect(page.get_by_role("button", name="Correct: Order number 4418-QQ")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#turns")).not_to_contain_text("4417-XY")
    one.say("Which order is mine?")
    given = ""
    while not given:  # the turns are shown anew, so one that has ended is no sign
        page.wait_for_timeout(100)
        for messages in model.asked:
            if messages[-1]["content"].endswith("Which order is mine?"):
                given = " ".join(str(message) for message in messages)
    assert "4417-XY" not in given
    assert "4418-QQ" in given


def test_a_fact_is_pinned_and_forgotten(visit: OpenVisit, api: httpx.Client) -> None:
    """A pin is a toggle; forgetting can be undone, and goes at once when the card is closed."""
    one = visit()
    page = one.open("forgets")
    fact = add(api, "forgets", "email", "ada@example.org")
    path = f"/v1/customers/forgets/memories/{fact}"
    look(page)
    pin = page.get_by_role("button", name="Pin: E-mail ada@example.org")
    for pressed in ("true", "false"):
        pin.click()
        expect(pin).to_have_attribute("aria-pressed", pressed)
        expect(pin).to_be_focused()
        assert api.get(path).json()["pinned"] == (pressed == "true")
    forget = page.get_by_role("button", name="Forget: E-mail ada@example.org")
    forget.click()
    going = page.locator("#glance-facts .forgetting")
    expect(going).to_contain_text("E-mail ada@example.org")
    page.get_by_role("button", name="Undo").click()
    expect(forget).to_be_focused()
    expect(page.locator("#glance-status")).to_have_text("Kept.")
    forget.click()
    with page.expect_response(f"**/memories/{fact}"):
        page.keyboard.press("Escape")
    assert api.get(path).status_code == 404


def test_what_came_of_a_button_is_in_sight(visit: OpenVisit, api: httpx.Client) -> None:
    """On a phone, however far down the fact stands; and so is what went wrong."""
    one = visit(width=390, height=844, has_touch=True)
    page = one.open("far down")
    for n in range(4):
        add(api, "far down", "product", f"lamp {n}")
    last = add(api, "far down", "preference", "letters")
    look(page)
    button = page.get_by_role("button", name="Pin: Preference letters")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#glance-status")).to_be_in_viewport(ratio=1)
    expect(page.locator("#glance-about")).not_to_be_in_viewport()
    api.delete(f"/v1/customers/far%20down/memories/{last}").raise_for_status()
    button.click()
    expect(page.locator("#glance-trouble")).to_be_in_viewport(ratio=1)


def test_the_card_covers_neither_conversation_nor_panel(
    visit: OpenVisit, api: httpx.Client
) -> None:
    """Where there is room for three columns it takes the place of the sessions while it is open."""
    one = visit(width=1280, height=800)
    page = one.open("beside")
    add(api, "beside", "name", "Bo")
    one.say("Hello")

    def edges(name: str) -> tuple[float, float]:
        box = page.locator(name).bounding_box()
        assert box is not None
        return box["x"], box["x"] + box["width"]

    before = edges("main")
    look(page)
    page.evaluate(STILL)
    assert edges("#glance")[1] <= edges("main")[0] < edges("main")[1] <= edges("#given")[0]
    assert edges("#given")[1] == 1280
    page.keyboard.press("Escape")
    assert edges("main") == before


def test_what_goes_wrong_is_said(visit: OpenVisit, api: httpx.Client) -> None:
    """A fact that is gone meanwhile, a service that is away; and nobody's card is empty."""
    one = visit()
    refused: list[str] = []
    one.page.on("response", lambda answer: answer.status >= 400 and refused.append(answer.url))
    page = one.open("nobody")
    page.get_by_role("button", name=OPENER, exact=True).click()
    expect(page.locator("#glance-about")).to_have_text("Nothing is known yet.")
    assert refused == []
    page.keyboard.press("Escape")
    one.choose("trouble")
    fact = add(api, "trouble", "name", "Bo")
    look(page)
    api.delete(f"/v1/customers/trouble/memories/{fact}").raise_for_status()
    page.get_by_role("button", name="Pin: Name Bo").click()
    expect(page.locator("#glance-trouble")).to_contain_text("No such memory")
    page.keyboard.press("Escape")
    page.route("**/card?may_be_new=*", lambda route: route.abort())
    page.get_by_role("button", name=OPENER, exact=True).click()
    expect(page.locator("#glance-trouble")).to_contain_text("not reached")
    page.unroute("**/card?may_be_new=*")
    page.locator("#glance-trouble button").click()
    expect(page.locator("#glance-about")).to_have_text("Nothing is known yet.")  # it is gone
    expect(page.locator("#glance-trouble")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 820, 1400])
def test_the_card_is_readable_and_in_reach(
    visit: OpenVisit, api: httpx.Client, width: int, scheme: str
) -> None:
    """At every width, by touch and in the dark; each control has a name, each id is there once."""
    one = visit(width=width, height=700, has_touch=True, color_scheme=scheme)
    page = one.open("reachable")
    add(api, "reachable", "name", "w" * 300, pinned=True)
    add(api, "reachable", "problem", "the lamp is cracked")
    look(page)
    page.evaluate(STILL)
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(UNREACHABLE) == []
    assert page.evaluate(NAMELESS) == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    found = page.evaluate(CONTRAST)
    page.locator("#glance-problem [data-part=forget]").click()
    found += page.evaluate(CONTRAST)
    assert "Forgotten in a few seconds: Problem the lamp is cracked" in [text for text, _ in found]
    page.get_by_role("button", name="Undo").click()
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []
