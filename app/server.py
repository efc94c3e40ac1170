"""The service on its address, with what is said when it starts."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import socket
import sys
from collections.abc import Iterable, Iterator

import typer
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url

from app.auth import Identity, write_private
from app.connection import bounded
from app.exposure import check_exposure, proxies_of
from app.logs import log_at, log_the_rest
from app.main import create_app
from app.metrics import answered_at, ended, registry_of, together
from app.settings import Settings
from app.stopping import Server
from app.worker import Failed, Ready, Starter, Worker
from app.workers import Workers, check_workers
from memory import InvalidInput, MemoryServiceError, open_store
from memory.presence import served_alone

_COLLECT = (20_000, 20, 20)  # objects, and collections of the young, until the next one
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
    check_workers(settings)
    with listen(settings.host, settings.port) as listener, _prepared(settings) as fresh:
        if settings.workers > 1:
            _run_workers(settings, listener, fresh, more)
            return
        service = create_app(settings)
        _settle_down()
        fresh = fresh or service.state.identity.fresh  # of a database that is private
        with _measured(settings, service.state.metrics.registry) as measures:
            _tell(settings, listener, fresh, service.state.model.name, [*more, *measures])
            Server(server_config(settings, service), service.state.chain, settings.stop_wait).run(
                sockets=[listener]
            )


def _run_workers(
    settings: Settings, listener: socket.socket, fresh: str | None, more: Iterable[str]
) -> None:
    with together() as folder, _measured(settings, registry_of(folder)) as measures:

        def ready(model: str) -> None:
            _tell(settings, listener, fresh, model, [*more, *measures])

        Workers(settings, listener, work).run(ready, lambda pid: ended(pid, folder))


@contextlib.contextmanager
def _measured(settings: Settings, registry: CollectorRegistry) -> Iterator[list[str]]:
    """Show the metrics at a port of theirs, if that is set; yields what is to be printed of it."""
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        yield []
        return
    with answered_at(registry, host, port):
        yield [f"Metrics at http://{host}:{port}/metrics"]


def work(settings: Settings, listener: socket.socket, starter: Starter) -> None:
    """Be one of several workers, in a process of its own, until told to end."""
    log_at(settings.log_level, settings.log_format)
    log_the_rest()
    starter.follow(settings.stop_wait)
    try:
        service = create_app(settings)
    except MemoryServiceError as error:
        starter.tell(Failed(str(error)))
        sys.exit(1)
    _settle_down()
    starter.worker = Worker(
        server_config(settings, service), service.state.chain, settings.stop_wait,
        lambda: starter.tell(Ready(service.state.model.name)),
    )  # fmt: skip
    starter.worker.run(sockets=[listener])


@contextlib.contextmanager
def _prepared(settings: Settings) -> Iterator[str | None]:
    """Serve the database in this block: it is there then, and has a first key.

    Yields the key if it was made just now. Several workers find all that done.
    """
    given = settings.api_key.get_secret_value() if settings.api_key else None
    with contextlib.ExitStack() as stack:
        with open_store(settings.database_url) as store:
            if (path := store.database.path) is not None:
                stack.enter_context(served_alone(path))
            fresh = Identity(store, given).fresh
        yield fresh


def _tell(
    settings: Settings, listener: socket.socket, fresh: str | None, model: str, more: Iterable[str]
) -> None:
    """Print where the service is, and a fresh key or where it lies."""
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    address = f"{scheme}://{shown}:{listener.getsockname()[1]}/"
    if fresh is not None and sys.stdout.isatty():
        typer.echo(f"Your key, shown only this once: {fresh}")
        address += f"#key={fresh}"
    elif fresh is not None:
        path = settings.data_dir / "api-key"
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, fresh)
        typer.echo(f"The key is in {path}")
    typer.echo(f"Data: {_shown(settings.database_url)}   Model: {model}")
    typer.echo(f"Chat at {address}")
    for line in more:
        typer.echo(line)
    sys.stdout.flush()


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


def _settle_down() -> None:
    """Once everything is open: what stays for good is looked at no more, what is free given back.

    A collection of all objects takes a tenth of a second and more with all that LangChain brings,
    in which no turn goes on, and small ones come dozens of times in a turn.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    with contextlib.suppress(OSError, AttributeError):  # where there is no glibc
        ctypes.CDLL(None).malloc_trim(0)  # which keeps tens of megabytes


def _shown(url: str) -> str:
    """A database URL without its password."""
    return make_url(url).render_as_string(hide_password=True)
