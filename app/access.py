"""Each request as it is counted and timed, by its route: never by the names that stand in it."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics

_NOWHERE = "none"  # the route of what no route answers
_GONE = 499  # the status of who has hung up before there was one, as nginx has it


class Access:
    """Watch every request, from outside of all that answers it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _GONE
        began = time.perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", _NOWHERE)
            seconds = time.perf_counter() - began
            self._metrics.request(scope["method"], route, status, seconds)
