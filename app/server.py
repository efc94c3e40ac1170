"""The service on its address, with what is said when it starts."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import sys

import typer
import uvicorn
from fastapi import FastAPI
from sqlalchemy.engine import make_url

from app.auth import write_private
from app.connection import bounded
from app.exposure import check_exposure, proxies_of
from app.logs import log_the_rest
from app.main import create_app
from app.metrics import answered_at
from app.settings import Settings
from app.stopping import Server
from memory import InvalidInput

_UNSENT = 16 * 1024  # bytes for a client that the system takes before it can send them


def run_server(settings: Settings, *more: str) -> None:
    """Serve until stopped; the address is printed, and then each of ``more`` as a line.

    A key that was made just now is printed with the address on a terminal, and else written to
    a file that only this user can read.

    Raises:
        MemoryServiceError: address, database or model cannot be used; the message says what to do.
    """
    log_the_rest()
    check_exposure(settings)
    listener = listen(settings.host, settings.port)
    service = create_app(settings)
    _give_back()
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    address = f"{scheme}://{shown}:{listener.getsockname()[1]}/"
    fresh = service.state.identity.fresh
    if fresh is not None and sys.stdout.isatty():
        typer.echo(f"Your key, shown only this once: {fresh}")
        address += f"#key={fresh}"
    elif fresh is not None:
        path = settings.data_dir / "api-key"
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, fresh)
        typer.echo(f"The key is in {path}")
    typer.echo(f"Data: {_shown(settings.database_url)}   Model: {service.state.model.name}")
    typer.echo(f"Chat at {address}")
    for line in more:
        typer.echo(line)
    with contextlib.ExitStack() as stack:
        if settings.metrics_port is not None:
            registry = service.state.metrics.registry
            stack.enter_context(answered_at(registry, settings.metrics_host, settings.metrics_port))
            typer.echo(f"Metrics at http://{settings.metrics_host}:{settings.metrics_port}/metrics")
        sys.stdout.flush()
        Server(server_config(settings, service), service.state.chain, settings.stop_wait).run(
            sockets=[listener]
        )


def server_config(settings: Settings, service: FastAPI) -> uvicorn.Config:
    """How the service is served."""
    proxies = proxies_of(settings.proxy)
    return uvicorn.Config(
        service,
        log_level=settings.log_level,
        log_config=None,  # as all else is logged
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        # What anybody else says of who asks is not believed, whatever the environment has.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        http=bounded(settings.request_timeout, settings.reader_timeout),
        # For what is being sent when ``Server`` has waited for the answers.
        timeout_graceful_shutdown=2,
    )


def listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else, so that a second start is told so at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        msg = f"cannot listen on {host}:{port}: {error.strerror or error}; try another --port"
        raise InvalidInput(msg) from error
    # What is accepted inherits it; asyncio sets it only on sockets that name their protocol. Else
    # the body of an answer waits 40 ms for the client to acknowledge its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # what nobody reads is not to fill the system's memory
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    return listener


def _give_back() -> None:
    """Give the system back what opening the models took: glibc keeps tens of megabytes."""
    with contextlib.suppress(OSError, AttributeError):  # where there is no glibc
        ctypes.CDLL(None).malloc_trim(0)


def _shown(url: str) -> str:
    """A database URL without its password."""
    return make_url(url).render_as_string(hide_password=True)
