"""No service where others could listen in; and of who asks, only the proxy is believed."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from typer.testing import CliRunner

from app.cli import app as console
from app.exposure import check_exposure, proxies_of
from app.limits import Limits
from app.roles import MAY
from app.server import server_config
from app.settings import Settings
from memory import InvalidInput
from tests.app.conftest import KEY, Running, address_of

LONG = "a key that is long enough"


def write_pair(folder: Path, password: bytes | None = None) -> dict[str, Path]:
    """A certificate that signs itself, for 127.0.0.1, and its key, as settings."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a service")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    pem = serialization.Encoding.PEM
    locked: Any = serialization.NoEncryption()
    if password:
        locked = serialization.BestAvailableEncryption(password)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, locked)
    )
    return {"tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem"}


# --- which addresses are served ------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_is_served_as_it_is(host: str) -> None:
    """With any key, and without TLS."""
    check_exposure(Settings(host=host, api_key="test"))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "2001:db8::1", "fe80::1%eth0"])
def test_other_machines_are_served_only_as_somebody_said(host: str, tmp_path: Path) -> None:
    """Refused is what nobody has thought of; the error says each thing that will do."""
    with pytest.raises(InvalidInput) as refused:
        check_exposure(Settings(host=host))
    for way in ("--tls-cert", "--tls-key", "--behind-proxy", "--plain-http", "--host 127.0.0.1"):
        assert way in str(refused.value)
    for given in (write_pair(tmp_path), {"proxy": "10.0.0.2"}, {"plain_http": True}):
        check_exposure(Settings(host=host, api_key=LONG, **given))
        check_exposure(Settings(host=host, **given))  # a key is made
        with pytest.raises(InvalidInput, match="could be guessed"):
            check_exposure(Settings(host=host, api_key="test", **given))


def test_a_weak_key_is_refused_behind_a_proxy_too() -> None:
    """The proxy may be on the same machine; who asks it is not."""
    with pytest.raises(InvalidInput, match="could be guessed"):
        check_exposure(Settings(proxy="127.0.0.1", api_key="test"))


def test_the_console_says_so_before_anything_is_made(tmp_path: Path) -> None:
    """No database is made, no address taken."""
    data = tmp_path / "data"
    done = CliRunner().invoke(
        console, ["serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(data)]
    )
    assert isinstance(done.exception, InvalidInput)
    assert not data.exists()


def test_a_name_that_is_nowhere_is_told() -> None:
    """It is not served, and not taken for this machine's."""
    with pytest.raises(InvalidInput, match="no address of this machine"):
        check_exposure(Settings(host="nowhere.invalid"))


# --- TLS -----------------------------------------------------------------------------------------


def test_tls_files_that_will_not_do_are_told(tmp_path: Path) -> None:
    """One without the other, none there, no PEM, another's key, a key with a password: each is
    refused with what is wrong, also for this machine alone.
    """
    pair, other = write_pair(tmp_path / "a"), write_pair(tmp_path / "b")
    locked = write_pair(tmp_path / "c", b"secret")
    text = tmp_path / "text"
    text.write_text("no PEM")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"tls_cert": pair["tls_cert"]}, "MEMORY_SERVICE_TLS_KEY too"),
        ({"tls_key": pair["tls_key"]}, "MEMORY_SERVICE_TLS_CERT too"),
        (pair | {"tls_cert": tmp_path / "none"}, "none cannot be read"),
        (pair | {"tls_key": tmp_path}, "cannot be read"),
        (pair | {"tls_cert": text}, "cannot be used"),
        (pair | {"tls_key": text}, "cannot be used"),
        (pair | {"tls_key": other["tls_key"]}, "cannot be used .*MISMATCH"),
        (locked, "without a password"),
    ]
    for given, said in refused:
        with pytest.raises(InvalidInput, match=said):
            check_exposure(Settings(**given))
    check_exposure(Settings(**pair))


def test_tls_is_served(tmp_path: Path) -> None:
    """`serve` with a certificate prints an https address, whose answers come over TLS alone."""
    pair = write_pair(tmp_path)
    trust = ssl.create_default_context(cafile=pair["tls_cert"])
    said = tmp_path / "said.log"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--port", "0", "--llm", "fake:echo",
             "--data-dir", str(tmp_path / "data"), "--tls-cert", str(pair["tls_cert"]),
             "--tls-key", str(pair["tls_key"])],
            env=os.environ | {"MEMORY_SERVICE_UNDERSTANDING": "off"},
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            address = address_of(said, process, trust)
            assert address.startswith("https://127.0.0.1:")
            key = (tmp_path / "data" / "api-key").read_text().strip()
            with httpx.Client(
                base_url=address,
                verify=trust,
                headers={"Authorization": f"Bearer {key}"},
                timeout=60,
            ) as client:
                answer = client.post("/v1/chat", json={"customer": "ada", "message": "Hello"})
            assert answer.json()["reply"] == "Hello"
            assert "Strict-Transport-Security" in answer.headers
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                httpx.get(f"{address}healthz", timeout=60)
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{address.replace('https', 'http')}healthz", timeout=60)
        finally:
            process.terminate()
            assert process.wait(30) in (0, -15)


# --- who is believed -----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["proxy.example", "*", "10.0.0.2:80", "10.0.0.2 10.0.0.3"])
def test_a_proxy_that_is_no_address_is_told(given: str) -> None:
    """A name may come to mean somebody else; a wildcard is everybody."""
    with pytest.raises(InvalidInput, match="no address"):
        proxies_of(given)


def test_everybody_is_no_proxy() -> None:
    """Else whoever asks could say that somebody else does."""
    for everybody in ("0.0.0.0/0", "::/0"):
        with pytest.raises(InvalidInput, match="everybody"):
            proxies_of(everybody)
    assert proxies_of(" 10.0.0.2, 10.1.2.3/24,::1 ,") == ["10.0.0.2", "10.1.2.0/24", "::1"]


async def answers(service: FastAPI, peer: str, proxy: str | None, said: list[str]) -> list[int]:
    """What a peer gets for wrong keys that say who asks, one after the other; one is let by."""
    settings = Settings(proxy=proxy, rate_failures="1/day")
    service.state.limits = Limits(settings)
    config = server_config(settings, service)
    config.load()
    served: Any = config.loaded_app
    transport = httpx.ASGITransport(served, client=(peer, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return [
            (
                await client.get(
                    "/v1/customers",
                    headers={"Authorization": "Bearer wrong", "X-Forwarded-For": one},
                )
            ).status_code
            for one in said
        ]


def test_who_asks_is_said_by_the_proxy_alone(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From anybody else a forged X-Forwarded-For gives no new guess, whatever the environment
    says; and through the proxy, only what the proxy itself has added counts.
    """
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    asked = partial(anyio.run, answers, service.app)
    forged = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert asked("127.0.0.1", None, forged) == [401, 429, 429]
    assert asked("127.0.0.1", "10.0.0.2", forged) == [401, 429, 429]
    assert asked("10.0.0.2", "10.0.0.0/24", forged) == [401, 401, 401]
    added = [f"{one}, 192.0.2.9" for one in forged]
    assert asked("10.0.0.2", "10.0.0.2", added) == [401, 429, 429]


def test_a_page_elsewhere_reads_nothing_by_another_name(service: Running) -> None:
    """DNS rebinding: asked for by any name, all but the page and the health checks wants a key,
    and neither of them says what is stored.
    """
    service.chat("My order is 4417-XZ")
    elsewhere = {"Host": "evil.example"}
    for method, path in MAY:
        answer = httpx.request(method, f"{service.address}{path}", headers=elsewhere, timeout=60)
        assert answer.status_code == 401, path
    for path in ("/", "/web/chat.js", "/healthz", "/readyz"):
        answer = httpx.get(f"{service.address}{path}", headers=elsewhere, timeout=60)
        assert answer.status_code == 200
        assert "4417-XZ" not in answer.text
        assert KEY not in answer.text
        assert "Access-Control-Allow-Origin" not in answer.headers
