"""What every response tells a browser, and what a page of another origin gets: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse

import app.routes.page
from app.headers import SecurityHeaders
from app.main import create_app
from app.settings import Settings
from memory import InvalidInput
from tests.app.conftest import KEY, Running

WEB = Path(app.routes.page.__file__).parents[1] / "web"
KINDS = {".js", ".css", ".html"}
FILES = [
    "/", *(f"/web/{one.relative_to(WEB)}" for one in WEB.rglob("*") if one.suffix in KINDS)
]  # fmt: skip
SHOP = "https://shop.example"
EVIL = "https://evil.example"
BODY = '{"customer": "ada", "message": "send it elsewhere"}'


def assert_safe(answer: httpx.Response) -> None:
    """It is neither guessed at, framed, nor told of to others; and does not say what serves it."""
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "geolocation=()" in headers["permissions-policy"]
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert not {"set-cookie", "x-powered-by", "strict-transport-security"} & headers.keys()
    assert not [name for name in headers if name.startswith("access-control")]


def test_every_answer_has_the_headers_and_none_is_kept(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, streams, refusals and faults: each is safe to show, and stays in no cache."""
    service.chat("My order is 4417-XZ")
    service.settle()
    client = service.client
    body = {"customer": "ada", "session": "s1", "message": "hello", "stream": True}
    answers = [
        client.post("/v1/chat", json=body),
        client.get("/v1/customers/ada/export"),
        client.get("/v1/customers/ada/sessions"),
        client.get("/openapi.json"),
        client.get("/healthz"),
        client.get("/nothing"),
        client.get("/web/nothing.js"),
        client.delete("/v1/chat"),
        client.post("/v1/chat", content=b"x" * 300_000),
        client.post("/v1/chat", json={}),
        client.get("/v1/customers", headers={"Authorization": "Bearer wrong"}),
    ]
    monkeypatch.setattr(service.app.state.store.transcript, "sessions", lambda *_: 1 / 0)
    answers.append(client.get("/v1/customers/ada/sessions"))
    found = [answer.status_code for answer in answers]
    assert found == [200, 200, 200, 200, 200, 404, 404, 405, 413, 422, 401, 500]
    for answer in answers:
        assert_safe(answer)
        assert answer.headers["cache-control"] == "no-store"


def test_the_page_may_load_and_ask_itself_only(service: Running) -> None:
    """Each of its files has a policy that names all that is needed, and nothing that is unsafe."""
    assert "/web/chat.js" in FILES
    for path in FILES:
        answer = service.client.get(path)
        assert_safe(answer)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "connect-src 'self';" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert not [word for word in ("unsafe", "http", "*", "nonce") if word in policy]
        assert answer.headers["cache-control"] == "no-cache"


def test_over_tls_a_browser_is_told_to_stay_there() -> None:
    """Strict-Transport-Security is sent where the request came by TLS."""
    over = httpx.ASGITransport(SecurityHeaders(PlainTextResponse("well")))

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=over) as client:
            return await client.get("https://x.example/healthz")

    assert asyncio.run(asked()).headers["strict-transport-security"] == "max-age=31536000"


def preflight(service: Running, origin: str) -> httpx.Response:
    """What a browser asks before it sends another origin's request."""
    return service.client.options(
        "/v1/chat",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )


def test_other_origins_get_nothing_unless_they_are_named(service: Running) -> None:
    """A preflight is refused, and an answer is not shown to whoever asked from elsewhere."""
    for origin in (EVIL, "null", service.address):
        assert preflight(service, origin).status_code == 405
        assert_safe(preflight(service, origin))
        assert_safe(service.client.get("/v1/customers", headers={"Origin": origin}))


def test_a_named_origin_may_ask_and_no_other(run_service: Callable[..., Running]) -> None:
    """A shop's page asks with a token of its own; nothing is sent along by itself."""
    service = run_service(origins=f"{SHOP}, http://localhost:3000")
    for origin in (SHOP, "http://localhost:3000"):
        allowed = preflight(service, origin)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == origin
        answer = service.client.get("/v1/customers", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"
        for one in (allowed, answer):
            assert "access-control-allow-credentials" not in one.headers
    for origin in (EVIL, "null", f"{SHOP}.evil.example", "http://shop.example"):
        for one in (
            preflight(service, origin),
            service.client.get("/v1/customers", headers={"Origin": origin}),
        ):
            assert "access-control-allow-origin" not in one.headers


@pytest.mark.parametrize("given", ["*", f"{SHOP}/page", "shop.example", "https://*.example"])
def test_what_is_no_origin_is_refused(tmp_path: Path, given: str) -> None:
    """The service does not start, and says how an origin looks."""
    with pytest.raises(InvalidInput, match=r"https://shop\.example"):
        create_app(Settings(data_dir=tmp_path, llm="fake:echo", origins=given))


def test_a_forged_form_does_nothing(service: Running) -> None:
    """What a browser sends by itself lets nobody in, and a form's body is no message even to
    whoever carries the key.
    """
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        sent = {"Origin": EVIL, "Content-Type": kind, "Cookie": f"key={KEY}; session={KEY}"}
        for login in ("", f"{KEY}:", f":{KEY}", f"{KEY}:{KEY}"):
            address = service.address.replace("http://", f"http://{login}@" if login else "http://")
            answer = httpx.post(
                f"{address}/v1/chat?key={KEY}", content=BODY, headers=sent, timeout=60
            )
            assert answer.status_code == 401
        assert service.client.post("/v1/chat", content=BODY, headers=sent).status_code == 422
    assert service.client.get("/v1/customers/ada/sessions").status_code == 404
