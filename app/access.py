"""Each request: its id, its line in the log, and what is counted and timed of it.

It is called by its route's path: the names in it are nobody's to read.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import in_request
from app.metrics import Metrics

if TYPE_CHECKING:
    from app.spans import Tracing

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # of whoever asks, such as a proxy
_NOWHERE = "none"  # the route of what no route answers
_GONE = 499  # the status of who has hung up before there was one, as nginx has it
_METHODS = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"}  # any other is "other"
_PROBED = {"/healthz", "/readyz", "/metrics"}  # every few seconds

_logger = logging.getLogger(__name__)


class Access:
    """Watch every request, from outside of all that answers it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _GONE
        began = time.perf_counter()
        identity = _identity(scope)

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = (HEADER.lower().encode(), identity.encode())
                message = {**message, "headers": [*message["headers"], told]}
            await send(message)

        tracing = nullcontext() if self._tracing is None else self._tracing.request(scope)
        with tracing as span, in_request(identity, None if span is None else span.trace_id):
            try:
                await self._app(scope, receive, sent)
            finally:
                route = getattr(scope.get("route"), "path", _NOWHERE)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                if span is not None:
                    span.tell(method, route, status, identity)
                self._tell(method, route, status, time.perf_counter() - began)

    def _tell(self, method: str, route: str, status: int, seconds: float) -> None:
        self._metrics.request(method, route, status, seconds)
        well = route in _PROBED and status < 400
        said = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        _logger.log(logging.DEBUG if well else logging.INFO, "request", extra=said)


def _identity(scope: Scope) -> str:
    given = Headers(scope=scope).get(HEADER, "")
    return given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
