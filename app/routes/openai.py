"""The door for OpenAI's clients: /v1/chat/completions, /v1/models and /v1/embeddings.

A completion is a turn like any other: admitted, limited, remembered and entered likewise.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import format_sse_event
from langchain_core.messages import ToolCallChunk

from app.branches import place
from app.chains.events import Done, Event, Failed, Given, Token
from app.dependencies import (
    ChainDep,
    EncoderDep,
    Guarded,
    LimitsDep,
    ModelDep,
    PrincipalDep,
    SettingsDep,
    StoreDep,
    described,
    named,
)
from app.llm import Model
from app.openai import read, refused
from app.problems import Problem, openai_error
from app.routes.turns import PROBLEMS, TOO_SLOW, streamed, take_turn, whole
from app.schemas.fields import Name
from app.schemas.openai import (
    CalledFunction,
    Choice,
    Completion,
    CompletionMessage,
    CompletionRequest,
    CompletionUsage,
    Embedding,
    EmbeddingsList,
    EmbeddingsRequest,
    EmbeddingsUsage,
    ModelItem,
    ModelList,
    ToolCall,
)
from memory import Turn, count_tokens

router = APIRouter(tags=["openai"], route_class=Guarded)

_TRIES = "x-stainless-retry-count"  # how often OpenAI's clients have tried before
_TEXTS = 2048  # that are embedded at once
_STREAM = """data: {"id":"chatcmpl-0b5e...","object":"chat.completion.chunk","created":1777887000,"model":"SmolLM2-135M-Instruct","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"chatcmpl-0b5e...","object":"chat.completion.chunk","created":1777887000,"model":"SmolLM2-135M-Instruct","choices":[{"index":0,"delta":{"content":"On its way."},"finish_reason":null}]}

data: {"id":"chatcmpl-0b5e...","object":"chat.completion.chunk","created":1777887000,"model":"SmolLM2-135M-Instruct","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"""  # noqa: E501
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream: true` chunks of it, and at last `[DONE]`, or an "
        "`error` in its place. `X-Session` names the session, percent-encoded.",
        "content": {"text/event-stream": {"example": _STREAM}},
    },
    400: {
        "description": "The body is no JSON in UTF-8, names no customer in `user`, or asks for "
        "what there is not here."
    },
    **PROBLEMS,
}


@router.post("/v1/chat/completions", response_model=Completion, responses=_RESPONSES)
async def complete(
    body: CompletionRequest,
    request: Request,
    who: PrincipalDep,
    chain: ChainDep,
    settings: SettingsDep,
    store: StoreDep,
    limits: LimitsDep,
    model: ModelDep,
    x_session: Annotated[str | None, Header(json_schema_extra=described())] = None,
    idempotency_key: Annotated[Name | None, Header()] = None,
) -> Response:
    """Answer the last message, in the OpenAI form, with all that is remembered of the customer.

    What comes before it is found in the customer's sessions, and goes on there; what is nowhere
    is stored once; where a message was edited a branch begins. What is sent again after the same
    history has the same answer, but with another `Idempotency-Key` one of its own, in a branch.
    """
    if body.user is None and who.customer is None:
        raise refused("user", "it is missing: name the customer, as in user='ada'")
    history, question, asking = read(body, who, model, settings)
    session = body.metadata.session if body.metadata else None
    if x_session is not None:
        told = named("session", x_session)
        if session not in (None, told):
            raise refused("metadata.session", f"X-Session names another, {told!r}: send one")
        session = told
    scope = who.scope(body.user, session)
    if not asking.after:  # results of tools are no message of the customer's
        await take_turn(limits, store, scope, idempotency_key, request)
    found = partial(
        place, named=session is not None, trusted=settings.histories and who.customer is None,
        results=asking.results, retried=request.headers.get(_TRIES, "0") != "0",
    )  # fmt: skip
    where = await run_sync(found, chain.memory(scope), history, question, idempotency_key)
    scope = who.scope(scope.customer, where.session)
    events = chain.answer(scope, where.question, where.key, asking)
    if body.stream:
        usage = bool(body.stream_options and body.stream_options.include_usage)
        pieces = _chunks(events, model.name, usage)
        response = await streamed(pieces, request, _failed(TOO_SLOW), settings.reader_timeout)
    else:
        response = await whole(events, request, partial(_completion, model.name))
    response.headers["X-Session"] = quote(where.session, safe="")
    return response


@router.get("/v1/models")
def models(_: PrincipalDep, model: ModelDep) -> ModelList:
    """The model in service, in the OpenAI form."""
    return ModelList(data=[_served(model)])


@router.get("/v1/models/{model}", responses={404: {"description": "Another model answers."}})
def model(
    model: Annotated[str, Path(json_schema_extra=described())], _: PrincipalDep, served: ModelDep
) -> ModelItem:
    """The model in service by its name, in the OpenAI form."""
    if named("model", model) != served.name:
        detail = (
            f"There is no model {named('model', model)!r}: GET /v1/models has the one there is."
        )
        raise Problem(404, "no-such-model", "No such model", detail)
    return _served(served)


@router.post("/v1/embeddings", responses={400: {"description": "The body is no JSON in UTF-8, or "
             "asks for what there is not here."}})  # fmt: skip
def embeddings(body: EmbeddingsRequest, _: PrincipalDep, encoder: EncoderDep) -> EmbeddingsList:
    """Embed texts as the memory does: unit vectors, in the OpenAI form; nothing is stored."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not texts or len(texts) > _TEXTS:
        raise refused("input", f"it has {len(texts)} texts: send 1 to {_TEXTS}")
    given = [text for text in texts if isinstance(text, str)]
    if len(given) != len(texts):
        said = "it has tokens: send texts (in LangChain by check_embedding_ctx_length=False)"
        raise refused("input", said)
    if not all(text.strip() for text in given):
        raise refused("input", "a text is empty: leave it out")
    if body.dimensions not in (None, encoder.dimension):
        said = f"the vectors have {encoder.dimension} numbers: leave it out"
        raise refused("dimensions", said)
    vectors = encoder.encode(given)
    read = sum(map(count_tokens, given))
    return EmbeddingsList(
        data=[
            Embedding(
                index=place,
                embedding=base64.b64encode(vector.astype("<f4").tobytes()).decode()
                if body.encoding_format == "base64"
                else vector.tolist(),
            )
            for place, vector in enumerate(vectors)
        ],
        model=encoder.name,
        usage=EmbeddingsUsage(prompt_tokens=read, total_tokens=read),
    )


def _served(model: Model) -> ModelItem:
    return ModelItem(id=model.name, created=0, owned_by="langchain-memory-service")


def _completion(model: str, done: Done) -> Completion:
    turn = done.turn
    calls = [
        ToolCall(
            id=one["id"] or "",
            function=CalledFunction(name=one["name"] or "", arguments=one["args"] or ""),
        )
        for one in done.calls
    ]
    text = turn.answer.text if turn.answer else ""
    message = CompletionMessage(content=text or (None if calls else ""), tool_calls=calls or None)
    return Completion(
        id=f"chatcmpl-{turn.id}",
        created=int(turn.question.at.timestamp()),
        model=model,
        choices=[Choice(message=message, finish_reason=_finish(done))],
        usage=_usage(turn),
    )


async def _chunks(
    events: AsyncGenerator[Event, None], model: str, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    head: dict[str, Any] = {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data({**head, "choices": [choice]} | ({"usage": None} if include_usage else {}))

    async with contextlib.aclosing(events):
        async for event in events:
            match event:
                case Given(turn):
                    head = {
                        "id": f"chatcmpl-{turn.id}", "object": "chat.completion.chunk",
                        "created": int(time.time()), "model": model,
                    }  # fmt: skip
                    yield chunk({"role": "assistant", "content": ""})
                case Token(text, calls):
                    if text:
                        yield chunk({"content": text})
                    if calls:
                        yield chunk({"tool_calls": [_piece(one) for one in calls]})
                case Done(turn):
                    yield chunk({}, _finish(event))
                    if include_usage:
                        yield _data({**head, "choices": [], "usage": _usage(turn).model_dump()})
                    yield format_sse_event(data_str="[DONE]")
                case Failed(_, problem):
                    yield _failed(problem)


def _piece(call: ToolCallChunk) -> dict[str, Any]:
    """A piece of a call: the first one names it."""
    if call["id"] is None:
        return {"index": call["index"], "function": {"arguments": call["args"]}}
    function = {"name": call["name"], "arguments": call["args"]}
    return {"index": call["index"], "id": call["id"], "type": "function", "function": function}


def _finish(done: Done) -> Literal["stop", "length", "tool_calls"]:
    if done.cut:
        return "length"
    return "tool_calls" if done.calls else "stop"


def _data(said: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=bytes(JSONResponse(said).body).decode())


def _failed(problem: Problem) -> bytes:
    return _data({"error": openai_error(problem)})


def _usage(turn: Turn) -> CompletionUsage:
    used = turn.usage or {}
    read, written = used.get("input_tokens") or 0, used.get("output_tokens") or 0
    return CompletionUsage(
        prompt_tokens=read, completion_tokens=written, total_tokens=read + written
    )
