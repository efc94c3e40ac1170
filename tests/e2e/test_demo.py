"""The demo's shop, as a customer meets it: with the classifier that is shipped, in a browser.

The language model is scripted, since the embedded one is too small to cite: it says the first
passage that it is given, and of which number it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page, expect

from app.demo.loading import DEMO_SYSTEM, TEMPLATES, load_shop
from app.main import create_app
from app.settings import Settings
from memory import open_store
from tests.e2e.conftest import KEY, Model, served

if TYPE_CHECKING:
    from tests.e2e.conftest import OpenVisit

_FIRST = re.compile(r"^\[1\] (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def base_url(
    scripted: tuple[Model, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the shop's service listens."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("shop"), api_key=KEY, llm=scripted[1],
        system=DEMO_SYSTEM, templates=TEMPLATES,
    )  # fmt: skip
    with open_store(settings.database_url) as store:
        load_shop(store, settings)
    with served(create_app(settings)) as address:
        yield address


def quoting(messages: list[dict[str, Any]]) -> str:
    """The first passage in a prompt, with its number."""
    found = _FIRST.search(messages[-1]["content"])
    return "I have no passage." if found is None else f"{found[1]} [1]"


def answer_of(page: Page) -> Locator:
    """The last turn on the page."""
    return page.locator(".turn").last


def test_the_customers_that_there_are_are_offered(visit: OpenVisit) -> None:
    """Below the field, to whoever opens the page first and knows no name; a click opens one."""
    page = visit().open("guest")
    offered = page.get_by_role("group", name="Customers to choose from").get_by_role("button")
    expect(offered).to_have_count(6)
    offered.filter(has_text="mara-okafor").click()
    expect(page.locator("#subtitle")).to_have_text("mara-okafor")
    expect(page.locator(".turn").first).to_be_visible()
    expect(offered.first).to_have_text("guest")


def test_a_known_customer_is_answered_in_every_way(visit: OpenVisit, model: Model) -> None:
    """Mara has an open order. She asks for it and a template answers with what is remembered; in
    another way, and an article is cited; then what nobody knows, and that is said. She grows
    angry, and the page shows that her mood falls, in the session and on her card.
    """
    model.reply = quoting
    one = visit()
    page = one.open("mara-okafor")
    mood = page.locator("#mood")
    page.get_by_role("button", name="New").click()

    one.say("Where is my order?")
    expect(answer_of(page)).to_contain_text("your order WH-48213 is planned for")
    expect(answer_of(page).locator("[data-part=basis]")).to_have_text(
        "Answered by the template “track order”, without the model"
    )
    labels = answer_of(page).get_by_role("list", name="Understood as")
    expect(labels).to_contain_text(re.compile(r"intent: track order \d+%"))
    expect(mood).to_have_text("Mood: neutral, steady")
    assert model.asked == []

    one.say("How will I know at which hour the van with my parcel comes?")
    assert len(model.asked) == 1
    expect(answer_of(page)).to_contain_text("[1]")
    passages = page.get_by_role("complementary", name="What the model was given")
    cited = passages.locator("#knowledge .card").first
    expect(cited).to_contain_text("[1]")
    expect(cited).to_contain_text("Track your order")
    expect(cited).to_contain_text(re.compile("hour", re.IGNORECASE))

    one.say("Do you rent out party tents?")
    expect(answer_of(page)).to_contain_text("that I do not know")
    expect(answer_of(page).locator("[data-part=basis]")).to_have_text(
        "No article says anything about this; the model was not asked"
    )
    expect(labels.last).to_contain_text(re.compile(r"out of scope: intent \d+%"))
    assert len(model.asked) == 1

    one.say("That is useless. I am really fed up with waiting for you!")
    one.say("This is the worst service I have ever had, shame on you.")
    expect(mood).to_have_text("Mood: negative, falling")
    page.reload()
    expect(mood).to_have_text("Mood: negative, falling")
    page.get_by_role("button", name="Customer at a glance", exact=True).click()
    expect(page.get_by_role("region", name="Mood")).to_contain_text("falling")
