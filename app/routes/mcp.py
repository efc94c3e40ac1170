"""POST /mcp: the memory as tools, by the Model Context Protocol over HTTP.

Nothing is kept between requests, so any worker answers any of them. A tool asks the API's own
routes in this process, with the key that came with it: what they check, count and write down of
somebody who asks is the same by either door.
"""

from __future__ import annotations

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dependencies import COUNTED, Guarded, SettingsDep
from app.headers import origins_of
from app.logs import request_id
from app.problems import Problem

router = APIRouter(tags=["mcp"], route_class=Guarded)


def _checked(request: Request, settings: SettingsDep) -> None:
    """Refuse pages elsewhere, as the protocol asks, and say what is missing; in a thread."""
    origin = request.headers.get("origin")
    if origin is not None and origin not in origins_of(settings.origins):
        detail = (
            "Pages of this origin may not use the tools: MEMORY_SERVICE_ORIGINS names those that "
            "may."
        )
        raise Problem(403, "foreign-origin", "Foreign origin", detail)
    try:
        import app.tools  # noqa: F401  half a second, the first time
    except ModuleNotFoundError as error:
        detail = "The tools need a package: pip install 'langchain-memory-service[mcp]'"
        raise Problem(501, "not-installed", "Not installed", detail) from error


@router.post("/mcp", include_in_schema=False, dependencies=[Depends(_checked)])
async def mcp(request: Request) -> Response:
    """Answer one message of an MCP client."""
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    return _Tools(request, body)


class _Tools(Response):
    """The answer of the tools to one message."""

    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__()
        self._request = request
        self._given = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from app.tools import open_tools

        read = False

        async def again() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": self._given, "more_body": False}

        address = self._request.client
        transport = httpx.ASGITransport(
            _within(self._request.app), client=(address.host if address else "", 0)
        )
        headers = {"Authorization": self._request.headers["authorization"]}
        if (identity := request_id()) is not None:
            headers["X-Request-ID"] = identity
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=headers, trust_env=False,
        ) as client:  # fmt: skip
            manager = StreamableHTTPSessionManager(
                open_tools(client), json_response=True, stateless=True,
                max_request_body_size=max(len(self._given), 1),  # the service's own limit has held
            )  # fmt: skip
            async with manager.run():
                await manager.handle_request(scope, again, send)


def _within(app: ASGIApp) -> ASGIApp:
    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, COUNTED: True}, receive, send)

    return asked
