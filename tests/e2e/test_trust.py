"""The key, hostile text and the policy, in a real browser: what the page trusts nobody with."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Model, OpenVisit

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_the_key_leaves_the_address_and_lasts(visit: OpenVisit, key: str) -> None:
    """The key is taken from the fragment, and a reload of the bare address needs it no more."""
    one = visit()
    page = one.open("keyed")
    assert page.url.startswith(f"{one.base_url}/#conversation/keyed/")
    page.goto("about:blank")
    page.goto(one.base_url)
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


def test_the_page_asks_nobody_else(visit: OpenVisit) -> None:
    """Its policy lets it load from itself only; it does, and there is nothing to complain of,
    also where nothing is stored yet of who is asked for.
    """
    one = visit()
    asked: list[str] = []
    one.page.on("request", lambda request: asked.append(request.url))
    headers = one.page.goto(f"{one.base_url}/").headers  # type: ignore[union-attr]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    one.open("policy")
    one.say("Hello")
    one.page.reload()
    expect(one.page.locator(".turn")).to_have_count(1)
    assert all(url.startswith(one.base_url) for url in asked)
    assert one.complaints == []


def test_the_key_is_left_nowhere(visit: OpenVisit, key: str) -> None:
    """Neither the session's history nor anything that is asked for has it, but the header that it
    is for; going back does not bring it up again.
    """
    one = visit()
    page = one.page
    asked: list[tuple[str, dict[str, str]]] = []
    page.on("request", lambda request: asked.append((request.url, request.all_headers())))
    page.goto(f"{one.base_url}/healthz")
    one.open("kept nowhere")
    page.reload()
    expect(page.locator("#subtitle")).to_have_text("kept nowhere")
    visited = page.evaluate("navigation.entries().map(({ url }) => url)")
    page.go_back()
    page.go_forward()
    for url in (*visited, page.url, page.evaluate("document.referrer")):
        assert "key" not in url
    for url, headers in asked:
        said = headers.pop("authorization", f"Bearer {key}")
        assert said == f"Bearer {key}"
        assert not headers.get("referer")
        assert "cookie" not in headers
        assert quote(key) not in url.partition("#")[0] + "".join(headers.values())


# What another origin's page tries with the service: to read, to change, to load, to look over.
TRIES = """async ([base, key]) => {
  const tried = async (path, options) => {
    const said = await fetch(base + path, options).then((one) => one.text(), () => "refused");
    return said || "refused"; // an answer that may not be read is empty
  };
  const headers = { Authorization: `Bearer ${key}` };
  const body = JSON.stringify({ customer: "forged", message: "by another page" });
  const simple = { method: "POST", mode: "no-cors", credentials: "include", body };
  const loaded = (name, from) => new Promise((told) => {
    const one = Object.assign(document.createElement(name), from);
    Object.assign(one, { onload: () => told("loaded"), onerror: () => told("refused") });
    document.body.append(one);
  });
  return Promise.all([
    tried("/v1/customers", { headers }),
    tried("/", {}),
    tried("/", { mode: "no-cors" }),
    tried("/v1/customers/known", { method: "DELETE", headers }),
    tried("/v1/chat", { method: "POST", headers, body }),
    tried("/v1/chat", simple),
    loaded("script", { type: "module", src: `${base}/web/chat.js` }),
    loaded("script", { src: `${base}/web/kept.js` }),
    loaded("link", { rel: "stylesheet", href: `${base}/web/style.css` }),
    navigator.sendBeacon(`${base}/v1/chat`, body) && "refused",
  ]);
}"""


def test_a_page_of_another_origin_can_neither_read_nor_change(
    visit: OpenVisit, api: httpx.Client, key: str
) -> None:
    """Even with the key at hand, in a browser that remembers it for the service's own page: no
    answer is read, nothing is stored or deleted, nothing of it is framed.
    """
    api.post("/v1/customers/known/memories", json={"text": "A note"}).raise_for_status()
    one = visit()
    one.open("known").get_by_label("Remember the key here").check()
    from tests.e2e.conftest import in_background

    form = (
        f"<form method=post enctype=text/plain action='{one.base_url}/v1/chat'><input name="
        """'{"customer": "forged", "message": "' value='"}'></form>"""
    )
    evil = ThreadingHTTPServer(("127.0.0.1", 0), page_of(f"<!doctype html><body>{form}"))
    with evil, in_background(evil.serve_forever, evil.shutdown):
        page = one.context.new_page()
        page.goto(f"http://127.0.0.1:{evil.server_port}/")
        assert set(page.evaluate(TRIES, [one.base_url, key])) == {"refused"}
        page.evaluate("(url) => document.body.append(Object.assign(document.createElement("
                      "'iframe'), { src: url }))", f"{one.base_url}/#key={quote(key)}")  # fmt: skip
        page.wait_for_timeout(300)
        assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]
        with page.expect_response("**/v1/chat") as answer:
            page.evaluate("document.forms[0].submit()")
        assert answer.value.status == 401
    assert api.get("/v1/customers/forged/sessions").status_code == 404
    assert api.get("/v1/customers/known/memories").json()["memories"] != []


def page_of(content: str) -> type[BaseHTTPRequestHandler]:
    """Serves a page, whatever is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def log_request(self, *said: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

    return Handler
