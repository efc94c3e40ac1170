"""Who can reach the service, and what keeps keys and messages from being read on the way.

There is no list of allowed ``Host`` headers against DNS rebinding (a page elsewhere whose name
comes to mean this machine): what it could read that way is what needs no key, the chat page and
the health checks; the key itself is kept by the browser for this service's own origin.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from pathlib import Path

from app.settings import Settings
from memory import InvalidInput

_SHORTEST = 16  # characters of a key that the whole world may try


def check_exposure(settings: Settings) -> None:
    """Refuse to serve others than this machine where anybody could listen in, or guess the key.

    Raises:
        InvalidInput: address, certificate, proxy or key will not do; the message says what will.
    """
    proxies = proxies_of(settings.proxy)
    encrypted = _check_tls(settings.tls_cert, settings.tls_key)
    here = _is_loopback(settings.host)
    if not (here or proxies or encrypted or settings.plain_http):
        msg = (
            f"{settings.host} can be reached from other machines, and keys and messages would be "
            "readable on the way. Give --tls-cert FILE and --tls-key FILE; or, behind a proxy "
            "that ends TLS, --behind-proxy ADDRESS with the address that it asks from; or "
            "--plain-http, where everybody on the way may read them; or serve this machine only: "
            "--host 127.0.0.1"
        )
        raise InvalidInput(msg)
    given = settings.api_key.get_secret_value() if settings.api_key else None
    if given is not None and len(given) < _SHORTEST and (proxies or not here):
        msg = (
            f"MEMORY_SERVICE_API_KEY has {len(given)} characters and could be guessed from other "
            f"machines: give at least {_SHORTEST}, at random, or none, and one is made"
        )
        raise InvalidInput(msg)


def proxies_of(given: str | None) -> list[str]:
    """The addresses and networks that a setting names, parted by commas.

    Raises:
        InvalidInput: one is neither, or is everybody.
    """
    proxies = []
    for name in filter(None, map(str.strip, (given or "").split(","))):
        try:
            network = ipaddress.ip_network(name, strict=False)
        except ValueError:
            msg = (
                f"MEMORY_SERVICE_PROXY: {name!r} is no address: give the IP address that the proxy "
                "asks from, such as 10.0.0.2, or its network, such as 10.0.0.0/24"
            )
            raise InvalidInput(msg) from None
        if network.prefixlen == 0:
            msg = f"MEMORY_SERVICE_PROXY: {name} is everybody; name the proxy's address alone"
            raise InvalidInput(msg)
        single = network.prefixlen == network.max_prefixlen
        proxies.append(str(network.network_address if single else network))
    return proxies


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address, or the name of one."""
    try:
        addresses = [ipaddress.ip_address(host.partition("%")[0])]
    except ValueError:
        try:
            found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            msg = f"--host: {host!r} is no address of this machine: {error.strerror or error}"
            raise InvalidInput(msg) from error
        addresses = [ipaddress.ip_address(str(one[4][0])) for one in found]
    return all((getattr(one, "ipv4_mapped", None) or one).is_loopback for one in addresses)


def _check_tls(cert: Path | None, key: Path | None) -> bool:
    """Whether there is a certificate; refused is one that cannot be used."""
    if cert is None and key is None:
        return False
    if cert is None or key is None:
        given, missing = ("CERT", "KEY") if key is None else ("KEY", "CERT")
        msg = f"MEMORY_SERVICE_TLS_{given} is given: give MEMORY_SERVICE_TLS_{missing} too"
        raise InvalidInput(msg)
    try:
        for file in (cert, key):
            file.read_bytes()  # the error of what loads both does not say which
    except OSError as error:
        msg = f"the TLS file {error.filename} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error
    try:
        # A password is not asked for: there may be nobody at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=str)
    except (ssl.SSLError, ValueError) as error:
        msg = (
            f"the TLS certificate {cert} and key {key} cannot be used "
            f"({getattr(error, 'reason', None) or error}): give the certificate with its chain, "
            "and its own key without a password, both as PEM"
        )
        raise InvalidInput(msg) from error
    return True
