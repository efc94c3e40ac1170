"""What every response says to a browser, and which other origins' pages may ask."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory import InvalidInput

# The page loads its own script and style and asks its own service; no text becomes markup.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

# That MCP's browser clients send; the names of the protocol's versions from 2025 and 2026.
MCP_HEADERS = ("Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name")
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# A route may say otherwise, as the page's own files do; all else may be somebody's own words.
_UNLESS_GIVEN = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_HSTS = "max-age=31536000"  # seconds: a year, over TLS only
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")


class SecurityHeaders:
    """Add to every response what keeps a browser from guessing, framing, caching and telling."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                for name, value in _UNLESS_GIVEN.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        await self._app(scope, receive, answer)


def origins_of(given: str | None) -> list[str]:
    """The origins that a setting names, parted by commas.

    Raises:
        InvalidInput: one is no origin as a browser sends it; the message says how one looks.
    """
    origins = [origin.strip() for origin in (given or "").split(",") if origin.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            msg = (
                f"MEMORY_SERVICE_ORIGINS: {origin!r} is no origin: give scheme and host in small "
                "letters, and the port if it is not the usual one, such as https://shop.example"
            )
            raise InvalidInput(msg)
    return origins
