"""The keys that customers' tokens are signed with: from where, how often, and what if not."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import app.jwks
from app.jwks import KeySet
from app.roles import IdentityUnavailable
from memory import InvalidInput
from tests.app.conftest import KEY, Running
from tests.app.test_customer_tokens import OTHER, PRIVATE, jwk


class Server:
    """Answers with a JWKS, or as it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [jwk(PRIVATE, "k1")]
        self.content: bytes | None = None
        self.status, self.asked, self.slow = 200, 0, 0.0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked += 1
                time.sleep(server.slow)
                self.send_response(server.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                said = json.dumps({"keys": server.keys}).encode()
                with contextlib.suppress(BrokenPipeError):  # who asked has heard enough
                    self.wfile.write(said if server.content is None else server.content)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/jwks.json"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        """Answer no more."""
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    """Where the keys are."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which goes on when it is told to."""
    at = [1000.0]
    monkeypatch.setattr(app.jwks.time, "monotonic", lambda: at[0])
    return at


def test_keys_are_asked_for_once_and_again_when_they_are_old(
    server: Server, clock: list[float]
) -> None:
    """Not at the start, but when a token comes; a key that is unknown is looked for anew, though
    not as often as tokens name one.
    """
    keys = KeySet(server.address)
    assert server.asked == 0
    for _ in range(5):
        assert keys.find("k1") is not None
    assert keys.find(None) is not None  # there is no other
    assert server.asked == 1
    for _ in range(5):
        assert keys.find("k2") is None
    assert server.asked == 1
    clock[0] += 31
    server.keys.append(jwk(OTHER, "k2"))
    assert keys.find("k2") is not None
    assert server.asked == 2
    assert keys.find(None) is None  # there are two
    server.keys = [jwk(OTHER, "k2")]
    clock[0] += 599
    assert keys.find("k1") is not None
    clock[0] += 2
    assert keys.find("k1") is None
    assert server.asked == 3


@pytest.mark.parametrize("fault", ["500", "302", "large", "no JSON", "no keys", "slow", "gone"])
def test_what_cannot_be_had_changes_nothing(
    server: Server, clock: list[float], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The old keys go on; where there were none, that is said, as something that passes."""
    monkeypatch.setattr(app.jwks, "_TIMEOUT", 60)
    known, fresh = KeySet(server.address), KeySet(server.address)
    assert known.find("k1") is not None
    if fault in {"500", "302"}:
        server.status = int(fault)
    elif fault == "slow":
        server.slow = 0.5
        monkeypatch.setattr(app.jwks, "_TIMEOUT", 0.2)
    elif fault == "gone":
        server.close()
    else:
        server.content = {"large": b" " * 300_000, "no JSON": b"{", "no keys": b'{"keys": []}'}[
            fault
        ]
    clock[0] += 601
    asked = server.asked
    assert known.find("k1") is not None
    for _ in range(2):
        with pytest.raises(IdentityUnavailable, match="try again"):
            fresh.find("k1")
    assert server.asked <= asked + 2  # once for each
    if fault == "gone":
        return
    server.status, server.content, server.slow = 200, None, 0.0
    monkeypatch.setattr(app.jwks, "_TIMEOUT", 60)
    clock[0] += 31
    assert fresh.find("k1") is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "FileNotFoundError"),
        ("{", "JSONDecodeError"),
        ("[]", "a JSON object"),
        ('{"keys": []}', "did not contain any keys"),
        ({"keys": [jwk(PRIVATE, "k1", use="enc")]}, "no public RSA key"),
        ({"keys": [jwk(rsa.generate_private_key(65537, 1024), "k1")]}, "at least 2048 bits"),
        ({"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}]}, "no public RSA key"),
    ],
)
def test_a_file_that_has_no_keys_is_refused_at_the_start(
    tmp_path: Path, content: Any, said: str
) -> None:
    """With what is wrong with it."""
    file = tmp_path / "jwks.json"
    if content is not None:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InvalidInput, match=said):
        KeySet(str(file))


@pytest.mark.parametrize(
    "place", ["http://keys.example/jwks", "ftp://keys.example/x", "https://", "http://10.0.0.1/x",
              "https://x:port/", "file:///etc/jwks.json"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(place: str) -> None:
    """Whoever can change the keys on their way can sign for everybody."""
    with pytest.raises(InvalidInput, match="address"):
        KeySet(place)


def test_a_service_without_the_keys_answers_those_who_have_one_of_its_own(
    run_service: Callable[..., Running],
) -> None:
    """A customer is told to come again, as nobody else is."""
    service = run_service(token_jwks="http://127.0.0.1:1/jwks.json")
    token = jwt.encode({"sub": "ada"}, PRIVATE, "RS256", headers={"kid": "k1"})
    answers = [
        service.client.get("/v1/customers/ada/sessions", headers={"Authorization": f"Bearer {key}"})
        for key in (token, "no.such.key", KEY)
    ]
    assert [answer.status_code for answer in answers] == [503, 401, 404]
    assert answers[0].json()["type"] == "urn:problem:identity-unavailable"
    assert answers[0].headers["retry-after"] == "30"
