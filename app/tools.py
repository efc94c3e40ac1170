"""Tools for MCP clients, each of which asks one route of the API: no way around what it checks."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from mcp.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel, Field, ValidationError

from app.faults import faults
from app.schemas.fields import Body, Name, SlotName, Truth, Whole
from app.schemas.memories import DeletedMemory, MemoryItem, MemoryList, NewMemory
from app.schemas.recall import RecallRequest, RecallResponse

_WHOSE = "whose memory: the customer's name, as the API has it"
_INSTRUCTIONS = (
    "What is remembered of the customers of a business. Recall before you answer about a "
    "customer; remember what will matter later; forget what the customer wants forgotten."
)


_ABSENT: Any = None  # of what is left out; it is not sent on


class Remember(NewMemory):
    """A memory to add, and of whom."""

    customer: Name = Field(description=_WHOSE)


class Recall(RecallRequest):
    """What to look for, and in whose memory."""

    customer: Name = Field(description=_WHOSE)


class Memories(Body):
    """Whose memories to list, and which."""

    customer: Name = Field(description=_WHOSE)
    limit: Whole = Field(100, ge=1, le=1000)
    before: Whole = Field(2**62, ge=1, le=2**62, description="the `next` of the page before")
    slot: SlotName = Field(_ABSENT, description="only the facts of this slot")
    history: Truth = Field(False, description="also what has been superseded")


class Forget(Body):
    """Which memory is to go."""

    customer: Name = Field(description=_WHOSE)
    memory: Name = Field(description="its `id`, which `recall` and `memories` give")


class _Asking(NamedTuple):
    """A tool: what it takes and gives, and the route that it asks."""

    does: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    method: str
    path: str
    hints: ToolAnnotations


_CUSTOMER = "/v1/customers/{customer}"
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_TAKES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
TOOLS = {
    "remember": _Asking(
        "Remember something about a customer, as a note by staff; with a slot and a value it is a "
        "fact.",
        Remember, MemoryItem, "POST", f"{_CUSTOMER}/memories", _ADDS,
    ),
    "recall": _Asking(
        "Find what bears on a query in what a customer has said and what is known of them, best "
        "first.",
        Recall, RecallResponse, "POST", f"{_CUSTOMER}/recall", _READS,
    ),
    "memories": _Asking(
        "List what is remembered of a customer, newest first.",
        Memories, MemoryList, "GET", f"{_CUSTOMER}/memories", _READS,
    ),
    "forget": _Asking(
        "Forget one memory of a customer, with all that says the same; it cannot be undone.",
        Forget, DeletedMemory, "DELETE", f"{_CUSTOMER}/memories/{{memory}}", _TAKES,
    ),
}  # fmt: skip


def open_tools(client: httpx.AsyncClient) -> Server[Any]:
    """A server of the tools, which ask the service that ``client`` reaches, with its key."""

    async def listed(_context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                Tool(
                    name=name,
                    description=one.does,
                    input_schema=one.takes.model_json_schema(),
                    output_schema=one.gives.model_json_schema(mode="serialization"),
                    annotations=one.hints,
                )
                for name, one in TOOLS.items()
            ]
        )

    async def called(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        if params.name not in TOOLS:
            return _refused(f"There is no tool {params.name[:200]!r}: use {', '.join(TOOLS)}.")
        tool = TOOLS[params.name]
        try:
            # Clients write null for what they leave out.
            given = {k: v for k, v in (params.arguments or {}).items() if v is not None}
            asked = tool.takes.model_validate(given)
        except ValidationError as error:
            found = faults(error.errors()[:10], given)
            return _refused(
                "; ".join(
                    f"{where or params.name}: {', or '.join(said)}" for where, said in found.items()
                )
            )
        return await _ask(client, tool, asked.model_dump(mode="json", exclude_unset=True))

    return Server(
        "langchain-memory-service",
        version=version("langchain-memory-service"),
        instructions=_INSTRUCTIONS,
        on_list_tools=listed,
        on_call_tool=called,
    )


async def _ask(client: httpx.AsyncClient, tool: _Asking, given: dict[str, Any]) -> CallToolResult:
    named = {name for name in given if f"{{{name}}}" in tool.path}
    path = tool.path.format(**{name: quote(given[name], safe="") for name in named})
    rest = {name: value for name, value in given.items() if name not in named}
    try:
        answer = await client.request(
            tool.method, path,
            params=rest if tool.method == "GET" else None,
            json=rest if tool.method == "POST" else None,
        )  # fmt: skip
    except httpx.TransportError as error:
        return _refused(
            f"The service at {client.base_url} does not answer ({type(error).__name__}): start it "
            "with `memory-service serve`, or give its address with --url."
        )
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if answer.is_success:
        return CallToolResult(
            content=[TextContent(type="text", text=answer.text)], structured_content=found
        )
    detail = found.get("detail", f"What answers at {client.base_url} is no memory service.")
    if (wait := answer.headers.get("Retry-After")) is not None:
        detail = f"{detail} Ask again in {wait} seconds."
    return _refused(detail)


def _refused(why: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=why)], is_error=True)
