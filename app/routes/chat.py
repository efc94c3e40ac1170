"""POST /v1/chat: a turn, as one answer or as server-sent events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from app.chains.events import Done, Event, Failed, Given, Token
from app.dependencies import ChainDep, Guarded, LimitsDep, PrincipalDep, SettingsDep, StoreDep
from app.problems import Problem, check_size
from app.routes.turns import PROBLEMS, TOO_SLOW, streamed, take_turn, whole
from app.schemas.chat import ChatRequest, ChatResponse, RecalledEvent, TokenEvent, Usage
from app.schemas.recall import RecalledItem, cited, evidence
from app.schemas.understanding import understood

router = APIRouter(tags=["chat"], route_class=Guarded)

_STREAM = """event: recalled
data: {"turn":"0b5e...","recalled":[{"id":"9c1f...","text":"My order number is 4417-XZ","score":0.0328,"why":"lexical #1 (order)","at":"2026-05-04T09:30:00Z","messages":["5a2d..."],"role":"human","session":"default","by_person":false,"slot":null}],"knowledge":[],"evidence":null,"understanding":{"intent":{"label":"track_order","confidence":0.93},"topic":{"label":null,"confidence":0.71},"sentiment":{"label":"neutral","confidence":0.88}}}

event: token
data: {"text":"Your order"}

event: token
data: {"text":" is on its way."}

event: done
data: {"reply":"Your order is on its way.","turn":"0b5e...","session":"default","recalled":[],"knowledge":[],"evidence":null,"template":null,"understanding":{"intent":{"label":"track_order","confidence":0.93},"topic":{"label":null,"confidence":0.71},"sentiment":{"label":"neutral","confidence":0.88}},"usage":{"input_tokens":212,"output_tokens":7},"status":"complete"}

"""  # noqa: E501
_ERROR = """event: error
data: {"type":"urn:problem:model-timeout","title":"Model too slow","status":504,"detail":"The model ... did not answer in time. The message is kept: send it again."}

"""  # noqa: E501
# The server-sent events, and what their data is.
EVENTS = {
    "recalled": "RecalledEvent",
    "token": "TokenEvent",  # nosec B105 # a schema's name
    "done": "ChatResponse",
    "error": "Problem",
}


def _shaped(event: str, schema: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"const": event},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {"$ref": f"#/components/schemas/{schema}"},
            },
        },
    }


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream: true`, the events `recalled`, `token`... and "
        "then exactly one of `done` (data as in the JSON answer) and `error` (a problem).",
        "content": {
            "text/event-stream": {
                "itemSchema": {"oneOf": [_shaped(*one) for one in EVENTS.items()]},
                "examples": {
                    "complete": {"summary": "recalled, token..., done", "value": _STREAM},
                    "failed": {"summary": "error, in place of done", "value": _ERROR},
                },
            }
        },
    },
    **PROBLEMS,
}


@router.post("/v1/chat", response_model=ChatResponse, responses=_RESPONSES)
async def chat(
    body: ChatRequest,
    request: Request,
    who: PrincipalDep,
    chain: ChainDep,
    settings: SettingsDep,
    store: StoreDep,
    limits: LimitsDep,
) -> Response:
    """Say something as a customer and get the answer.

    The message is stored before the model is asked, and the answer with its status when it
    ends. A client that goes away stops the model, unless the turn is `detached`; what was said so
    far is kept as `stopped`. One that reads too slowly is left, and the answer goes on and is
    stored without it.
    With a customer's own token `recalled` is empty and `understanding` null.
    """
    check_size(body.message, settings.max_message_bytes)
    scope = who.scope(body.customer, body.session)
    key = body.idempotency_key
    await take_turn(limits, store, scope, key, request)
    events = chain.answer(scope, body.message, key)
    if who.customer is not None:
        events = _discreet(events)
    if body.stream:
        pieces = _encoded_all(events)
        slow, patience = _failed(TOO_SLOW), settings.reader_timeout
        return await streamed(pieces, request, slow, patience, body.detached)
    return await whole(events, request, answered, body.detached)


async def _discreet(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """A turn as the customer may see it: without notes by staff, and what they are judged to be."""
    async with contextlib.aclosing(events):
        async for event in events:
            if isinstance(event, (Given, Done)):
                yield replace(event, recalled=[], labels=None)
            else:
                yield event


async def _encoded_all(events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(events):
        async for event in events:
            yield _encoded(event)


def _encoded(event: Event) -> bytes:
    match event:
        case Given():
            return _event("recalled", given(event))
        case Token(text):
            return _event("token", TokenEvent(text=text))
        case Done():
            return _event("done", answered(event))
        case Failed(_, problem):
            return _failed(problem)


def _event(name: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json())


def _failed(problem: Problem) -> bytes:
    data = JSONResponse(problem.document()).body
    return format_sse_event(event="error", data_str=bytes(data).decode())


def given(event: Given) -> RecalledEvent:
    """What the model is given, as who asked is told."""
    return RecalledEvent(
        turn=event.turn.id,
        recalled=[RecalledItem.of(r) for r in event.recalled],
        knowledge=cited(event.evidence),
        evidence=evidence(event.evidence),
        understanding=understood(event.labels),
    )


def answered(done: Done) -> ChatResponse:
    """The answer, as who asked is told."""
    turn = done.turn
    return ChatResponse(
        reply=turn.answer.text if turn.answer else "",
        turn=turn.id,
        session=turn.session,
        recalled=[RecalledItem.of(r) for r in done.recalled],
        knowledge=cited(done.evidence),
        evidence=evidence(done.evidence),
        template=turn.template,
        understanding=understood(done.labels),
        usage=Usage(**(turn.usage or {})),
        status=turn.status,
    )
