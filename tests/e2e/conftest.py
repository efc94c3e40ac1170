"""A real browser on the real service, whose model is a scripted OpenAI-compatible server."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    expect,
    sync_playwright,
)

from app.main import create_app
from app.settings import Settings
from tests.doubles import WordReader

expect.set_options(timeout=30_000)  # milliseconds: a loaded machine takes its time
CHROMIUM = Path("/usr/bin/chromium")
KEY = "a-key+with%signs"  # what must survive the address's fragment
SECRET = "a secret that signs customers' tokens"
# The browser itself reports a refused request as an error; the page is to explain it.
REFUSED = "Failed to load resource"
TEMPLATES = """
- intent: get_refund
  text: The refund for {order_number} is on its way.
  examples: ["When do I get my refund?"]
"""


@dataclass
class Model:
    """What the scripted model answers: settings that a test may change, and what it was asked."""

    reply: str | Callable[[list[dict[str, Any]]], str] = "I have noted that."
    pause: float = 0.0  # seconds before each word
    hold: int | None = None  # so many words, then it waits until it may go on
    go: threading.Event = field(default_factory=threading.Event)
    broken: bool = False  # answer 500
    asked: list[list[dict[str, Any]]] = field(default_factory=list)


def handler_of(model: Model) -> type[BaseHTTPRequestHandler]:
    """The request handler of a scripted model."""

    class Handler(BaseHTTPRequestHandler):
        def log_request(self, *said: Any) -> None:
            """Say nothing."""

        def answer(self, status: int, kind: str, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            listing = {"object": "list", "data": [{"id": "scripted", "object": "model"}]}
            self.answer(200, "application/json", json.dumps(listing))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.asked.append(asked["messages"])
            if model.broken:
                self.answer(500, "application/json", '{"error": {"message": "out of memory"}}')
                return
            reply = model.reply(asked["messages"]) if callable(model.reply) else model.reply
            heard = sum(len(message["content"].split()) for message in asked["messages"])
            said = len(reply.split())
            usage = {"prompt_tokens": heard, "completion_tokens": said}
            usage["total_tokens"] = heard + said
            base = {"id": "c1", "created": 0, "model": "scripted"}
            if not asked.get("stream"):
                message = {"role": "assistant", "content": reply}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
                self.answer(200, "application/json", json.dumps(whole))
                return
            self.answer(200, "text/event-stream", "")
            try:
                go = model.go
                for number, word in enumerate(reply.split(" ")):
                    time.sleep(model.pause)
                    if number == model.hold:
                        go.wait(120)
                    self.chunk(base, {"content": f"{word} "}, None)
                self.chunk(base, {}, "stop")
                done = {**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}
                self.wfile.write(f"data: {json.dumps(done)}\n\ndata: [DONE]\n\n".encode())
            except OSError:
                return  # whoever asked has gone away

        def chunk(self, base: dict[str, Any], delta: dict[str, Any], finish: str | None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            chunk = {**base, "object": "chat.completion.chunk", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()

    return Handler


@contextmanager
def in_background(run: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    """Run a server in a thread for the length of a block."""
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(timeout=60)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Where a service listens, for the length of a block."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    with in_background(
        lambda: server.run(sockets=[listening]), lambda: setattr(server, "should_exit", True)
    ):
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        until = time.monotonic() + 120
        while not server.started:
            assert time.monotonic() < until, "the service did not start in time"
            time.sleep(0.05)
        yield address


@pytest.fixture
def key() -> str:
    """The service's API key."""
    return KEY


@pytest.fixture(scope="package")
def scripted() -> Iterator[tuple[Model, str]]:
    """The scripted model and its address."""
    model = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(model))
    with server, in_background(server.serve_forever, server.shutdown):
        yield model, f"http://127.0.0.1:{server.server_port}/v1#scripted"


@pytest.fixture
def model(scripted: tuple[Model, str]) -> Iterator[Model]:
    """The scripted model, asked nothing yet; after each test as it was before."""
    model, _ = scripted
    model.asked.clear()
    yield model
    model.go.set()
    model.go = threading.Event()
    model.reply, model.pause, model.hold, model.broken = Model.reply, 0.0, None, False


@pytest.fixture(scope="package")
def app(scripted: tuple[Model, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The service: it reads messages by words, and has one template."""
    folder = tmp_path_factory.mktemp("data")
    templates = folder / "templates.yaml"
    templates.write_text(TEMPLATES)
    settings = Settings(
        data_dir=folder, api_key=KEY, llm=scripted[1], templates=templates, token_secret=SECRET
    )
    with pytest.MonkeyPatch.context() as patch:  # an answer waits for the reading of its message
        patch.setattr("app.chains.support._LATE_SECONDS", 60.0)
        yield create_app(settings, understanding=WordReader())


@pytest.fixture(scope="package")
def base_url(app: FastAPI) -> Iterator[str]:
    """Where the service listens."""
    with served(app) as address:
        yield address


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window. It is closed with its package: its event loop is the thread's."""
    if not CHROMIUM.exists():
        pytest.skip("no chromium on this machine")
    args = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser context on the page, and what its console complained of."""

    context: BrowserContext
    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, customer: str, key: str = KEY) -> Page:
        """Open the page with a key and choose a customer, as a person would."""
        # Else only the fragment changes: the page then reloads itself, after this has returned,
        # and for a moment has no style sheet, so that what is clicked is gone.
        self.page.goto("about:blank")
        self.page.goto(f"{self.base_url}/#key={quote(key)}")
        self.choose(customer)
        return self.page

    def choose(self, customer: str) -> None:
        """Choose a customer, opening the drawer where there is one."""
        menu = self.page.get_by_role("button", name="Customer and sessions")
        field = self.page.get_by_label("Customer", exact=True)
        self.page.wait_for_function("() => document.readyState === 'complete'")
        if menu.is_visible() and not field.is_visible():
            menu.click()
        field.fill(customer)
        self.page.keyboard.press("Enter")
        self.page.locator("#subtitle", has_text=customer).wait_for(state="attached")
        if self.page.locator("#side:popover-open").count():  # else it would stop an answer
            self.page.keyboard.press("Escape")

    def say(self, text: str, status: str = "complete") -> None:
        """Send a message and wait until its turn has ended with a status."""
        before = self.page.locator(".turn").count()
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.get_by_role("button", name="Send").click()
        turn = self.page.locator(".turn").nth(before)
        turn.and_(self.page.locator(f"[data-status={status}]")).wait_for()


OpenVisit = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, base_url: str) -> Iterator[OpenVisit]:
    """Start a visit; whatever the console complains of beyond refused requests fails the test."""
    visits: list[Visit] = []

    def start(width: int = 1400, height: int = 900, **options: Any) -> Visit:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, **{"locale": "en-GB"} | options)
        one = Visit(context, context.new_page(), base_url)
        one.page.set_default_timeout(60_000)
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on(
            "console",
            lambda said: (
                one.complaints.append(said.text) if said.type in {"error", "warning"} else None
            ),
        )
        one.page.on("dialog", lambda dialog: (one.complaints.append("dialog"), dialog.dismiss()))
        visits.append(one)
        return one

    yield start
    for one in visits:
        one.context.close()
        assert [said for said in one.complaints if REFUSED not in said] == []


@pytest.fixture
def api(base_url: str) -> Iterator[httpx.Client]:
    """The service without the page: what is really stored."""
    with httpx.Client(
        base_url=base_url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60
    ) as client:
        yield client
