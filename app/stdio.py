"""memory-service mcp: the tools of a service that runs, on standard input and output."""

from __future__ import annotations

from typing import Annotated

import anyio
import typer

from app.console import settings_given
from memory import InvalidInput

_SECONDS = 60.0  # that a route may take


def mcp(
    url: Annotated[str, typer.Option(help="Where the service answers.")] = "http://127.0.0.1:8000",
) -> None:
    """Give an MCP client a running service's tools; the key is MEMORY_SERVICE_API_KEY."""
    settings = settings_given()
    if settings.api_key is None:
        msg = (
            "MEMORY_SERVICE_API_KEY is missing: give the key that the tools are to ask with; "
            "`memory-service key create --role agent` makes one"
        )
        raise InvalidInput(msg)
    if not url.startswith(("http://", "https://")):
        msg = f"--url: {url!r} is no address: give one such as https://memory.example"
        raise InvalidInput(msg)
    anyio.run(_served, url, settings.api_key.get_secret_value())


async def _served(url: str, key: str) -> None:
    import httpx

    try:
        from mcp.server.stdio import stdio_server

        from app.tools import open_tools
    except ModuleNotFoundError as error:
        msg = "the tools need a package: pip install 'langchain-memory-service[mcp]'"
        raise InvalidInput(msg) from error
    async with (
        httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_SECONDS
        ) as client,
        stdio_server() as (reading, writing),
    ):
        tools = open_tools(client)
        await tools.run(reading, writing, tools.create_initialization_options())
