"""What the routes share that answer a turn: what it costs, how it is sent, what can go wrong."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from app.chains.events import Done, Event, Failed
from app.feed import Feed, FeedResponse, unless_gone
from app.limits import Limits, told_of
from app.problems import Problem, respond
from memory import MemoryStore, Scope

PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "A customer's own token names somebody else."},
    409: {"description": "Another turn of the session is under way, the idempotency key was used "
          "for another message, or its turn broke off and the session has gone on since."},
    410: {"description": "The session was deleted while its turn was answered."},
    429: {"description": "The customer has sent too many messages, or the key too many requests; "
          "nothing was stored."},
    502: {"description": "The model failed or answered nothing; the message is kept."},
    503: {"description": "Too many turns are answered or wait, the model's server is down, or the "
          "service is being stopped: nothing was stored unless the detail says so, and "
          "`Retry-After` says when to send it again. Also when the database is away, or the keys "
          "of customers' tokens cannot be had."},
    504: {"description": "The model did not answer in time; the message is kept."},
}  # fmt: skip
TOO_SLOW = Problem(
    408,
    "read-too-slowly",
    "Read too slowly",
    "The answer comes faster than it is read. It goes on and is stored: ask for the session's "
    "messages, or send the message again with its idempotency key.",
)


async def take_turn(
    limits: Limits, store: MemoryStore, scope: Scope, key: str | None, request: Request
) -> None:
    """Count a turn; one with its idempotency ``key`` that is answered already costs nothing.

    Raises:
        TooMany: the customer has sent too many.
    """
    if key is not None and await run_sync(store.turns.status, scope, key) == "complete":
        return
    if limits.rates is None:
        limits.take_turn(scope, told_of(request))
    else:
        await run_sync(limits.take_turn, scope, told_of(request))


async def whole(
    events: AsyncGenerator[Event, None],
    request: Request,
    said: Callable[[Done], BaseModel],
    detached: bool = False,
) -> Response:
    """A turn as one answer, which ``said`` makes of its end; a problem where it has failed.

    It ends with its client, unless it is ``detached``.
    """

    async def last() -> Event:
        async with contextlib.aclosing(events):
            return [event async for event in events][-1]

    event = await (last() if detached else unless_gone(request, last()))
    if event is None:
        return nobody_reads()
    if isinstance(event, Failed):
        return respond(event.problem, request.url.path)
    assert isinstance(event, Done)
    return Response(said(event).model_dump_json(), media_type=JSONResponse.media_type)


async def streamed(
    pieces: AsyncGenerator[bytes, None],
    request: Request,
    too_slow: bytes,
    reader_timeout: float,
    detached: bool = False,
) -> Response:
    """A turn as server-sent events; ``too_slow`` ends them for who reads too slowly.

    It ends with its client, unless it is ``detached``.
    """
    # Who was cut elsewhere had taken nothing for the whole of it, or since a little later.
    feed = Feed(pieces, too_slow, reader_timeout / 2, detached)
    # The first event is waited for, so that what fails before it has a status of its own.
    if await unless_gone(request, feed.begun()) is None:
        return nobody_reads()
    return FeedResponse(feed)


def nobody_reads() -> Response:
    """The answer to a client that has hung up."""
    return Response(status_code=499)
