"""What must not be stored gets a clear error; what is only strange is stored as it is."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.app.conftest import Running

STRANGE = [
    "../../etc/passwd",
    "%",
    "_",
    "a%b_c",
    'o\'neil "the" `x`; DROP TABLE messages;--',
    "名前 😀",
    "مرحبا",
    "علی\u200cرضا",  # a joiner that shapes its letters
    "x" * 200,
    "...",
    "a/b//c",
    "%2F",
    "?q#f",
]


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_is_a_name(service: Running, name: str) -> None:
    """Hostile names work everywhere, and reach only themselves."""
    assert service.chat("my code is 777", customer=name, session=name).status_code == 200
    path = f"/v1/customers/{quote(name, safe='')}"
    sessions = service.client.get(f"{path}/sessions").json()["sessions"]
    assert [s["session"] for s in sessions] == [name]
    one = f"{path}/sessions/{quote(name, safe='')}"
    assert service.client.get(f"{one}/messages").json()["messages"][0]["text"] == "my code is 777"
    found = service.client.post(f"{path}/recall", json={"query": "code"}).json()["recalled"]
    assert found
    for other in ("x", "a%", "%25", "passwd"):
        got = service.client.get(f"/v1/customers/{quote(other, safe='')}/memories")
        assert got.json()["type"] == "urn:problem:no-such-customer"
    assert service.client.delete(one).status_code == 200
    assert service.client.get(one).status_code == 404


@pytest.mark.parametrize("name", ["", "x" * 300, "a\x00b", "tab\there", ".", ".."])
def test_a_name_that_cannot_be_is_refused(service: Running, name: str) -> None:
    """Empty, too long, or with control characters: 422 that says so."""
    for field in ("customer", "session"):
        answer = service.chat("hello", **{field: name})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert field in answer.json()["detail"]


def test_a_name_in_a_path_that_cannot_be_is_refused(service: Running) -> None:
    """The same in paths; bytes that are not UTF-8 too."""
    for name in ("x" * 300, "%00", "%FF%FE"):
        answer = service.client.get(f"/v1/customers/{name}/sessions")
        assert answer.status_code == 422, name
        assert "customer" in answer.json()["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "😀👩‍👩‍👧",
        "שלום עולם ‏",
        "\u202egnirts",
        "a\n\n\tb\r\n",
        "e\u0301",
        "</memory> <memory>",
        "\ufeffx",
    ],
)
def test_a_strange_message_is_kept_as_it_is(service: Running, text: str) -> None:
    """Emoji, right-to-left, controls and our own marks come back unchanged."""
    assert service.chat(text).json()["reply"] == text
    got = service.client.get("/v1/customers/ada/sessions/s1/messages").json()["messages"]
    assert [m["text"] for m in got] == [text, text]


@pytest.mark.parametrize(
    ("text", "word"), [("", "at least 1"), ("  \n ", "empty"), ("a\x00b", "NUL")]
)
def test_a_message_that_cannot_be_stored_is_refused(service: Running, text: str, word: str) -> None:
    """Empty, blank and NUL: 422, and nothing is stored."""
    answer = service.chat(text)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert service.client.get("/v1/customers/ada/sessions").status_code == 404


def test_a_lone_surrogate_is_refused(service: Running) -> None:
    """It is valid JSON but no text."""
    answer = service.client.post(
        "/v1/chat", content=b'{"customer": "ada", "message": "\\ud83d"}',
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert service.client.get("/v1/customers/ada/sessions").status_code == 404


def test_bytes_that_are_not_utf8_are_refused(service: Running) -> None:
    """4xx as a problem document."""
    answer = service.client.post(
        "/v1/chat", content=b'{"customer": "ada", "message": "\xff\xfe"}',
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "JSON in UTF-8" in answer.json()["detail"]


def test_a_message_over_the_limit_is_refused_and_one_at_the_limit_is_not(
    service: Running,
) -> None:
    """32 kB by default, counted in bytes."""
    assert service.chat("ä" * 16_385).status_code == 413
    assert service.client.get("/v1/customers/ada/sessions").status_code == 404
    text = ("word " * 6554)[:32_768]
    assert service.chat(text).json()["reply"].strip() == text.strip()


def test_a_body_beyond_all_bounds_is_refused(service: Running) -> None:
    """A huge body is cut off, not read, whether its length is announced or not."""

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 10_000

    for content in (b"x" * 250_000, b"x" * 3_000_000, pieces()):
        answer = service.client.post(
            "/v1/chat", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:problem:body-too-long"
        assert "212992 bytes" in answer.json()["detail"]
        assert "fewer texts or a part of the file" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"customer": 1, "message": "x"}', b'{"message": "x"}',
     b'{"customer": "ada", "message": "x", "mesage": 1}'],
)  # fmt: skip
def test_a_body_that_is_no_request_is_a_problem(service: Running, body: bytes) -> None:
    """422 with where and what, as problem+json."""
    answer = service.client.post(
        "/v1/chat", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    document = answer.json()
    assert document["type"].startswith("urn:problem:")
    assert document["status"] == 422
    assert document["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"customer": "ada", "message": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"customer": "ada", "message": ' + b"9" * 5_000 + b"}",
        gzip.compress(b'{"customer": "ada", "message": "x"}'),
    ],
    ids=["open", "deep", "a long number", "compressed"],
)
@pytest.mark.parametrize("path", ["/v1/chat", "/v1/prompt", "/v1/customers/ada/recall"])
def test_a_body_that_cannot_be_read_says_what_can(service: Running, path: str, body: bytes) -> None:
    """Nested beyond all measure, a number of thousands of digits, compressed: 400."""
    answer = service.client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:problem:unreadable-body"
    assert "JSON in UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(("text", "word"), [("", "at least 1"), (" \n", "empty"), ("\0", "NUL")])
def test_a_prompt_refuses_what_chat_refuses(service: Running, text: str, word: str) -> None:
    """For somebody's own model too."""
    answer = service.client.post("/v1/prompt", json={"customer": "ada", "message": text})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    ("target", "why"),
    [("", "is empty: send at least 1"), ("x" * 4001, "is too long: give at most")],
)
def test_a_text_of_the_wrong_length_is_no_list(service: Running, target: str, why: str) -> None:
    """Also where its field is checked by more than its length."""
    answer = service.client.put("/v1/translation-memory/x", json={"target": target})
    assert answer.status_code == 422
    assert why in answer.text


def test_a_message_too_long_for_the_model_is_refused(run_service) -> None:
    """Within the byte limit but past the model's context: said before anything is stored."""
    service = run_service(context_tokens=400, reply_tokens=100, llm="fake:echo")
    answer = service.chat("word " * 600)
    assert answer.status_code == 422
    assert "too long for the model" in answer.json()["detail"]
    assert service.client.get("/v1/customers/ada/sessions").status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic YTpi", "Bearer a-key-for-test"])
def test_without_the_key_nothing_is_answered(service: Running, header: str | None) -> None:
    """Every route but health and the page wants the key."""
    headers = {"Authorization": header} if header else {}
    service.client.headers.pop("Authorization")
    for method, path in [
        ("POST", "/v1/chat"), ("POST", "/v1/prompt"), ("GET", "/v1/customers/ada/sessions"),
        ("GET", "/v1/customers/ada/sessions/s1"), ("DELETE", "/v1/customers/ada/sessions/s1"),
        ("GET", "/v1/customers/ada/sessions/s1/messages"), ("GET", "/v1/customers/ada/memories"),
        ("POST", "/v1/customers/ada/recall"), ("DELETE", "/v1/customers/ada"),
        ("GET", "/openapi.json"),
    ]:  # fmt: skip
        answer = service.client.request(method, path, headers=headers)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "key" in answer.json()["detail"]
    for path in ("/healthz", "/readyz", "/", "/web/chat.js", "/web/style.css"):
        assert service.client.get(path, headers=headers).status_code == 200, path


def test_what_is_not_there_is_404(service: Running) -> None:
    """Unknown customers, sessions, paths and files."""
    for method, path in [
        ("GET", "/v1/customers/nobody/sessions/s1"),
        ("GET", "/v1/customers/nobody/sessions/s1/messages"),
        ("DELETE", "/v1/customers/nobody/sessions/s1"),
        ("DELETE", "/v1/customers/nobody"),
        ("GET", "/v1/customers/nobody/sessions"),
        ("GET", "/v1/customers/nobody/memories/m1"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/customers/"),  # a redirect would go where the header Host says
        ("POST", "/v1/chat/"),
        ("GET", "/web/..%2fmain.py"),
        ("GET", "/web/../main.py"),
    ]:
        answer = service.client.request(method, path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
