"""Customers' own tokens: which are taken, and what they let a customer do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from app.auth import FIRST, Identity, open_tokens
from app.customer_tokens import CustomerTokens
from app.jwks import KeySet
from app.roles import Principal
from app.settings import Settings
from memory import InvalidInput, MemoryStore
from tests.app.conftest import Running

SECRET = "a secret that signs customers' tokens"
PRIVATE = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ADA = Principal("default", "customer", "ada")


def claims(**given: Any) -> dict[str, Any]:
    """What a token says, with an hour to go; what is None is left out."""
    said = {"sub": "ada", "exp": int(time.time()) + 3600, **given}
    return {name: value for name, value in said.items() if value is not None}


def signed(key: Any = SECRET, algorithm: str = "HS256", kid: str = "k1", **given: Any) -> str:
    """A token."""
    return jwt.encode(claims(**given), key, algorithm, headers={"kid": kid})


def forged(header: dict[str, Any], key: bytes = b"", **given: Any) -> str:
    """A token with any header, signed by HMAC with any bytes, or not at all."""
    parts = [json.dumps(part).encode() for part in (header, claims(**given))]
    said = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.new(key, said, hashlib.sha256).digest() if key else b""
    return (said + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def jwk(key: rsa.RSAPrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    """A public key as it stands in a JWKS."""
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


@pytest.fixture
def keys(tmp_path: Path) -> KeySet:
    """The keys in a file: one to take, and others that are for something else."""
    file = tmp_path / "jwks.json"
    octets = base64.urlsafe_b64encode(SECRET.encode()).decode()
    others = [
        jwk(OTHER, "encrypts", use="enc"), jwk(OTHER, "other", alg="RS512"),
        {"kty": "oct", "kid": "shared", "k": octets}, {"kty": "oct", "kid": "k2", "alg": "RS256"},
    ]  # fmt: skip
    file.write_text(json.dumps({"keys": [jwk(PRIVATE, "k1"), *others]}))
    return KeySet(str(file))


@pytest.fixture
def tokens(keys: KeySet) -> CustomerTokens:
    """Tokens of both kinds are taken."""
    return CustomerTokens(SECRET, keys, audience="shop", issuer="https://shop.example")


OURS = {"aud": "shop", "iss": "https://shop.example"}


def test_a_token_says_which_customer_it_is(tokens: CustomerTokens, keys: KeySet) -> None:
    """By either signature, of the tenant that it names; audience and issuer where asked for."""
    assert tokens.of(signed(**OURS)) == ADA
    assert tokens.of(signed(PRIVATE, "RS256", **OURS)) == ADA
    assert tokens.of(signed(tenant="north", **OURS)) == Principal("north", "customer", "ada")
    assert tokens.of(signed(sub="a/b %ü", **{**OURS, "aud": ["x", "shop"]})) is not None
    plain = CustomerTokens(SECRET)
    for given in ({}, OURS, {"iat": int(time.time()) - 5}):
        assert plain.of(signed(**given)) == ADA
    assert CustomerTokens(keys=keys).of(signed(PRIVATE, "RS256")) == ADA


NOW = int(time.time())
REFUSED = {
    "not signed": forged({"alg": "none"}, **OURS),
    "not signed, oddly": forged({"alg": "nOnE"}, **OURS),
    "no algorithm": forged({}, SECRET.encode(), **OURS),
    "a list of algorithms": forged({"alg": ["HS256"]}, SECRET.encode(), **OURS),
    "the public key as a secret": forged({"alg": "HS256", "kid": "k1"}, PEM, **OURS),
    "RS256 signed by the secret": forged({"alg": "RS256", "kid": "k1"}, SECRET.encode(), **OURS),
    "a critical header": forged({"alg": "HS256", "crit": ["x"], "x": 1}, SECRET.encode(), **OURS),
    "another secret": signed("another secret, long enough for HS256", **OURS),
    "another algorithm": signed(SECRET * 2, "HS512", **OURS),
    "the secret in another algorithm": signed(SECRET * 2, "HS384", **OURS),
    "RS512": signed(PRIVATE, "RS512", **OURS),
    "another key": signed(OTHER, "RS256", **OURS),
    "a key for something else": signed(OTHER, "RS256", "other", **OURS),
    "a key for encryption": signed(OTHER, "RS256", "encrypts", **OURS),
    "an unknown key": signed(PRIVATE, "RS256", "k9", **OURS),
    "its own key": jwt.encode(claims(**OURS), OTHER, "RS256",
                              headers={"jwk": jwk(OTHER, "k1"), "kid": "k7"}),
    "no end": signed(exp=None, **OURS),
    "ended": signed(exp=NOW - 40, **OURS),
    "not yet": signed(nbf=NOW + 4000, **OURS),
    "an end that is no time": forged({"alg": "HS256"}, SECRET.encode(), **{**OURS, "exp": "x"}),
    "nobody": signed(sub=None, **OURS),
    "an empty customer": signed(sub="", **OURS),
    "a customer that no URL can carry": signed(sub="..", **OURS),
    "a control character": signed(sub="a\x1fknowledge", **OURS),
    "the articles' scope": signed(sub="\x1fknowledge", **OURS),
    "a customer too long": signed(sub="a" * 201, **OURS),
    "a number": forged({"alg": "HS256"}, SECRET.encode(), **{**OURS, "sub": 7}),
    "no tenant's name": signed(tenant="", **OURS),
    "a tenant that is no name": signed(tenant=["north"], **OURS),
    "another audience": signed(**{**OURS, "aud": "bank"}),
    "no audience": signed(**{**OURS, "aud": None}),
    "another issuer": signed(**{**OURS, "iss": "https://bank.example"}),
    "no issuer": signed(**{**OURS, "iss": None}),
    "changed": signed(**OURS).replace(".", ".e", 1),
    "cut": signed(**OURS)[:-4],
    "no JSON": "e30.e30.e30",
    "dots": "..",
    "odd letters": "ä.ö.ü",
}  # fmt: skip


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_not_right_lets_nobody_in(
    tokens: CustomerTokens, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it is that is wrong; the log has none of it."""
    caplog.set_level(logging.DEBUG)
    assert tokens.of(token) is None
    for part in token.split("."):
        assert len(part) < 5 or part not in caplog.text


def test_clocks_may_differ_a_little() -> None:
    """As much as the setting says, and not a second more."""
    tokens = CustomerTokens(SECRET, leeway=60)
    assert tokens.of(signed(exp=int(time.time()) - 50)) == ADA
    assert tokens.of(signed(exp=int(time.time()) - 70)) is None
    assert tokens.of(signed(nbf=int(time.time()) + 50)) == ADA


def test_keys_and_tokens_are_told_apart(store: MemoryStore) -> None:
    """A key with dots in it stays a key; without tokens a token is no more than a wrong key."""
    both = Identity(store, "a.key.given", CustomerTokens(SECRET))
    assert both.of("a.key.given") == Principal("default", "admin", key=FIRST)
    assert both.of(signed()) == ADA
    assert both.of("a.key.other") is None
    assert Identity(store).of(signed()) is None


@pytest.mark.parametrize("tenant", ["default", "north"])
def test_a_customer_talks_and_reads_their_own(
    run_service: Callable[..., Running], tenant: str
) -> None:
    """The customer may be left out; whoever else is asked for is answered like nobody; what is for
    staff is not shown, and staff see it.
    """
    service = run_service(token_secret=SECRET)
    staff = service.client
    if tenant != "default":
        from app.auth import create_key

        key, _ = create_key(service.app.state.store, "agent", tenant)
        staff.headers["Authorization"] = f"Bearer {key}"
    note = {"text": "Order 4417-XZ: do not tell that the van was stolen"}
    for customer in ("ada", "bob"):
        path = f"/v1/customers/{customer}/memories"
        assert staff.post(path, json=note).status_code == 201
    staff.post("/v1/chat", json={"customer": "bob", "message": "hello"}).raise_for_status()
    service.settle()
    headers = {"Authorization": f"Bearer {signed(tenant=tenant)}", "X-Request-ID": "one"}
    with httpx.Client(base_url=service.address, headers=headers, timeout=60) as ada:
        asked = {"message": "Where is my order 4417-XZ?"}
        answer = ada.post("/v1/chat", json=asked)
        assert answer.status_code == 200
        assert answer.json()["recalled"] == []
        streamed = ada.post("/v1/chat", json={**asked, "customer": "ada", "stream": True}).text
        assert "event: done" in streamed
        assert "stolen" not in streamed
        seen = staff.post("/v1/chat", json={**asked, "customer": "ada"})
        assert "stolen" in seen.text
        mine = "/v1/customers/ada/sessions"
        assert [s["session"] for s in ada.get(mine).json()["sessions"]] == ["default"]
        said = ada.get(f"{mine}/default/messages").json()["messages"]
        assert [m["text"] for m in said][:2] == [asked["message"]] * 2
        assert {m["given"] for m in said} == {None}
        assert ada.get(f"{mine}/default").json()["session"] == "default"
        for path, body in (("/sessions", None), ("/sessions/default", None),
                           ("/sessions/default/messages", None), ("", asked)):  # fmt: skip
            answers = []
            for whose in ("bob", "eve"):
                if body is None:
                    answers.append(ada.get(f"/v1/customers/{whose}{path}"))
                else:
                    answers.append(ada.post("/v1/chat", json={**body, "customer": whose}))
            theirs, nobody = answers
            assert theirs.status_code == nobody.status_code == 404
            assert theirs.json()["type"] == "urn:problem:no-such-customer"
            assert theirs.text.replace("bob", "eve") == nobody.text
        refused = ada.get("/v1/customers/ada/card")
        assert refused.status_code == 403
        assert "A customer's own token" in refused.json()["detail"]
    assert staff.get("/v1/customers/eve/sessions").status_code == 404  # nothing was made for her


def test_with_a_key_the_customer_is_to_be_named(service: Running) -> None:
    """422, and nothing is stored."""
    for body in ({"message": "hello"}, {"message": "hello", "customer": None}):
        answer = service.client.post("/v1/chat", json=body)
        assert answer.status_code == 422
        assert "customer: it is missing" in answer.json()["detail"]
    assert service.app.state.store.owners() == []


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tokens are asked for; else nothing of it is missed."""
    monkeypatch.delitem(sys.modules, "app.customer_tokens")
    monkeypatch.setitem(sys.modules, "jwt", None)
    assert open_tokens(Settings()) is None
    with pytest.raises(InvalidInput, match=r"\[tokens\]"):
        open_tokens(Settings(token_secret=SECRET))


def test_a_short_secret_is_refused() -> None:
    """One that can be guessed signs for everybody."""
    with pytest.raises(ValueError, match="32"):
        Settings(token_secret="short")
