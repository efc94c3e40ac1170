"""Hostile text on every part of the page: it is shown letter by letter, and nothing runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

import app.routes.page
from app.main import create_app
from app.settings import Settings
from memory import Label
from memory.types import Labels
from tests.e2e.test_views import VIEWS

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit, Visit

ATTACKS = [
    "<script>struck=1</script>",
    "</p></li></ul><script src=//evil.example/x.js></script>",
    "<img src=x onerror=struck=1>",
    '"><img src=//evil.example/x.png onload=struck=1>',
    "'-struck=1-'",
    '" onmouseover="struck=1" autofocus onfocus="struck=1',
    "<svg onload=struck=1><animate onbegin=struck=1 attributeName=x dur=1s>",
    "<svg><script>struck=1</script></svg>",
    "<svg><use href='//evil.example/x.svg#a'/></svg>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=struck=1></style></math>",
    "<iframe srcdoc='<script>parent.struck=1</script>'></iframe>",
    "<iframe src=javascript:parent.struck=1></iframe>",
    "<object data=//evil.example/x.swf><embed src=//evil.example/y></object>",
    "<a href=javascript:struck=1 autofocus>here</a>",
    "[here](javascript:struck=1) ![](//evil.example/x.png)",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';*{background:url(//evil.example/b)}</style>",
    "<form action=//evil.example/><button autofocus>Post</button></form>",
    "<template shadowrootmode=open><script>struck=1</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=struck=1>'>",
    "<details open ontoggle=struck=1><marquee onstart=struck=1>",
    "<video><source onerror=struck=1></video><audio src=x onerror=struck=1>",
    "${struck=1} {{constructor.constructor('struck=1')()}} <%= struck %>",
    "&lt;img src=x onerror=struck=1&gt; &#60;script&#62;struck=1",
    "\u2028event: done\ndata: {}\n\n</script><script>struck=1//",
    "__proto__ constructor innerHTML",
]
NAMES = [" ".join(attack.split()) for attack in ATTACKS]  # a name has no line ends
MESSAGES = [f"{one}\n{other}" for one, other in zip(ATTACKS[::2], ATTACKS[1::2], strict=True)]
# What the page has of elements by tag, and every attribute that would be a script.
CENSUS = """() => {
  const all = [...document.querySelectorAll('*')];
  const names = all.flatMap((one) => one.getAttributeNames());
  return {
    tags: [...new Set(all.map((one) => one.localName))],
    active: names.filter((name) => /^on|^style$|srcdoc|formaction/.test(name)),
    links: all.map((one) => one.getAttribute('href')).filter(Boolean),
    struck: window.struck ?? null,
  };
}"""


class Tags(HTMLParser):
    """The tags and links of the page's own files, in their templates too, and to its views."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = {"em", "code", "pre", "blockquote"}  # which markdown.js makes, bare
        self.links = {"#conversation", *(f"#{name}" for name in VIEWS)}
        web = Path(app.routes.page.__file__).parents[1] / "web"
        for file in (web / "index.html", *web.glob("*/view.html")):
            self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.seen.add(tag)
        self.links.update(value for name, value in attrs if name == "href" and value)
        if tag == "symbol":
            self.links.add(f"#{dict(attrs)['id']}")


class HostileReader:
    """A classifier whose labels, and the names of whose heads, are attacks."""

    def read(self, texts: Sequence[str]) -> list[Labels]:
        """Two labels a text; what is not known is out of scope."""
        return [
            {NAMES[len(text) % 20]: Label(NAMES[len(text) % 23], 0.9), NAMES[2]: Label(None, 0.5)}
            for text in texts
        ]


@pytest.fixture
def hostile(
    visit: OpenVisit, scripted: tuple[Model, str], model: Model, key: str, tmp_path: Path
) -> Iterator[tuple[Visit, httpx.Client]]:
    """A visit to a service whose model and classifier attack, and a client of that service."""
    from tests.e2e.conftest import served

    address = scripted[1].partition("#")[0]
    model.reply = lambda messages: f"You wrote: {messages[-1]['content']}"
    settings = Settings(data_dir=tmp_path, api_key=key, llm=f"{address}#{NAMES[3]}")
    headers = {"Authorization": f"Bearer {key}"}
    with (
        served(create_app(settings, understanding=HostileReader())) as base_url,
        httpx.Client(base_url=base_url, headers=headers, timeout=60) as api,
    ):
        one = visit()
        one.base_url = base_url
        yield one, api
        one.context.close()  # or the server waits for its connections


def fill(api: httpx.Client, customer: str) -> None:
    """Attack by every way there is to say something that the page shows."""
    path = f"/v1/customers/{quote(customer, safe='')}"
    said = [(customer, NAMES[0], message) for message in MESSAGES]
    said += [(customer, name, name) for name in NAMES[4::4]]
    said += [(name, name, name) for name in NAMES[::4]]
    for whose, session, message in said:
        body = {"customer": whose, "session": session, "message": message}
        api.post("/v1/chat", json=body).raise_for_status()
    for name, attack in zip(NAMES[::4], ATTACKS[::4], strict=True):
        text = f"Parcels come from Tuesday to Friday. {attack}"
        article = {"source": name, "title": attack, "text": text}
        api.post("/v1/knowledge", json=article).raise_for_status()
    for at, attack in enumerate(ATTACKS[1::2]):
        slot = ("problem", "name", "order_number", "preference")[at % 4]
        fact = {"text": attack, "slot": slot, "value": attack}
        api.post(f"{path}/memories", json=fact).raise_for_status()
    note = {"text": f"Parcels come on Tuesday only, says {ATTACKS[2]}"}
    api.post(f"{path}/memories", json=note).raise_for_status()


def assert_harmless(page: Page) -> None:
    """No element, link or script is there that is not the page's own."""
    ours, found = Tags(), page.evaluate(CENSUS)
    assert set(found["tags"]) <= ours.seen
    assert set(found["links"]) <= ours.links
    assert found["active"] == []
    assert found["struck"] is None


def test_nothing_that_is_said_runs_on_any_part_of_the_page(
    hostile: tuple[Visit, httpx.Client],
) -> None:
    """Customers, sessions, messages, answers, labels, memories, articles, the card, what is found,
    a handover and errors.
    """
    one, api = hostile
    customer = NAMES[5]
    fill(api, customer)
    asked: list[str] = []
    one.context.on("request", lambda request: asked.append(request.url))
    page = one.open(customer)
    expect(page.locator("#service")).to_have_text(f"Ready · {NAMES[3]}")
    expect(page.locator("#sessions li")).to_have_count(len(NAMES) // 4)
    for name in (NAMES[4], NAMES[0]):
        page.get_by_title(name, exact=True).and_(page.locator(".session")).click()
        expect(page.locator("#title")).to_have_text(name)
        expect(page.locator(".turn").last).to_be_visible()
    shown = page.locator("[data-part=question] .text")
    expect(shown).to_have_count(len(MESSAGES))
    assert shown.all_text_contents() == MESSAGES
    one.say(f"When do parcels come? {ATTACKS[2]}")
    expect(page.locator("[data-part=answer] .text").last).to_contain_text(ATTACKS[2])
    for part in ("#recalled", "#knowledge", "#window", "#frame"):
        assert page.locator(f"{part} li").count() > 0, part
        assert "struck" in (page.locator(part).text_content() or ""), part
    assert page.locator("[data-part=labels] li").count() > len(MESSAGES)
    assert_harmless(page)
    page.get_by_role("button", name="Customer at a glance", exact=True).click()
    expect(page.locator("#glance-facts")).to_contain_text("struck")
    assert_harmless(page)
    page.locator("#glance").get_by_role("button", name="Correct").first.click()
    page.locator("#glance").get_by_role("button", name="Forget").last.click()
    expect(page.locator(".forgetting")).to_contain_text("struck")
    assert_harmless(page)
    page.get_by_role("button", name="Undo").click()
    page.keyboard.press("Escape")
    page.get_by_role("searchbox").fill("When do parcels come?")
    expect(page.locator("#found")).to_contain_text("struck")
    assert_harmless(page)
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="Take over from the assistant").click()
    expect(page.get_by_label("Summary to hand over")).to_have_value(re.compile("struck"))
    assert_harmless(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Give back").click()
    expect(page.locator("#handed")).to_be_hidden()
    refusal: dict[str, Any] = {"title": ATTACKS[0], "detail": ATTACKS[2], "status": 500}
    page.route("**/v1/chat", lambda route: route.fulfill(status=500, json=refusal))
    one.say("Hello", status="failed")
    expect(page.locator(".turn .problem").last).to_contain_text(ATTACKS[2])
    page.locator("#sessions li").last.get_by_role("button", name="Delete").click()
    assert_harmless(page)
    page.keyboard.press("Escape")
    page.locator("#recent button", has_text="script").first.click()
    expect(page.locator(".turn")).to_have_count(1)
    assert_harmless(page)
    assert {url.partition("/v1/")[0] for url in asked if "/v1/" in url} == {one.base_url}
    assert [url for url in asked if not url.startswith((f"{one.base_url}/", "data:image"))] == []
