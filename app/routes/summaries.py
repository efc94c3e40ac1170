"""POST /v1/summaries: a conversation in few words, stored nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from app.chains.summaries import SummaryChain, extractive
from app.dependencies import ChainDep, Guarded, PrincipalDep, SettingsDep, StoreDep
from app.feed import unless_gone
from app.problems import check_size, no_such_session
from app.roles import Principal
from app.routes.turns import nobody_reads
from app.schemas.chat import Usage
from app.schemas.summaries import AbstractItem, ExtractItem, SummaryRequest, SummaryResponse
from app.settings import Settings
from memory import InvalidInput, MemoryStore, Message, Scope

router = APIRouter(tags=["summaries"], route_class=Guarded)

_LAST = 1000  # messages of a stored conversation that are looked at
_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"description": "The customer has no such session."},
    502: {"description": "The model failed or answered nothing."},
    503: {"description": "The model is not asked: too many wait for it, its server is down, or "
          "the service is being stopped. Also when the database is away."},
    504: {"description": "The model did not answer in time."},
}  # fmt: skip


async def _chain(chain: ChainDep, settings: SettingsDep) -> SummaryChain:
    language = None if settings.language == "auto" else settings.language
    return SummaryChain(chain.completions, language)


@router.post("/v1/summaries", response_model=SummaryResponse, responses=_RESPONSES)
async def summarize(
    body: SummaryRequest,
    request: Request,
    who: PrincipalDep,
    chain: Annotated[SummaryChain, Depends(_chain)],
    store: StoreDep,
    settings: SettingsDep,
) -> Response:
    """Summarise a conversation that is sent, or a session that is stored, the last 1,000 messages.

    The extractive summary says of each sentence whose message it is from. The model's is checked:
    one that is an error, or names a number or an address that nobody said, is not given. Nothing
    is stored.
    """
    messages = await _messages(body, who, store, settings)
    answer = await unless_gone(request, _summarised(body, messages, chain))
    if answer is None:
        return nobody_reads()
    return JSONResponse(answer.model_dump(mode="json"))


async def _messages(
    body: SummaryRequest, who: Principal, store: MemoryStore, settings: Settings
) -> list[Message]:
    """The conversation that is asked for.

    Raises:
        InvalidInput: none is, or two are.
        Problem: it is not there, or a message is too long.
    """
    if (body.messages is None) == (body.customer is None):
        msg = "Send either `messages` or a `customer`, whose `session` is summarised."
        raise InvalidInput(msg)
    if body.messages is None:
        scope = who.scope(body.customer, body.session or "default")
        return await run_sync(_stored, store, scope)
    if body.session is not None:
        msg = "A customer's `session` is summarised: send it with the `customer`, or leave it out."
        raise InvalidInput(msg)
    for said in body.messages:
        check_size(said.text, settings.max_message_bytes)
    at = datetime.now(UTC)
    return [
        Message(id=str(place), session="", role=said.role, text=said.text, at=at, seq=place)
        for place, said in enumerate(body.messages, 1)
    ]


def _stored(store: MemoryStore, scope: Scope) -> list[Message]:
    found = [said.message for said in store.transcript.newest(scope, _LAST)]
    if not found and store.transcript.session(scope) is None:
        raise no_such_session(scope)
    return found


async def _summarised(
    body: SummaryRequest, messages: list[Message], chain: SummaryChain
) -> SummaryResponse:
    extract = abstract = None
    usage: dict[str, int] = {}
    if body.how != "model":
        made = await run_sync(extractive, messages, body.max_tokens, chain.language)
        extract = ExtractItem.of(made, messages, stored=body.customer is not None)
    if body.how != "extractive" and messages:
        written = await chain.abstractive(messages, body.max_tokens)
        abstract, usage = AbstractItem.of(written), written.usage
    return SummaryResponse(
        extractive=extract, model=abstract, messages=len(messages), usage=Usage(**usage)
    )
