"""POST /v1/answers: a question answered from what is stored, or that it is not known."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from app.chains.answers import AnswerChain
from app.dependencies import (
    ChainDep,
    EncoderDep,
    Guarded,
    PrincipalDep,
    SettingsDep,
    StoreDep,
    check_known,
)
from app.feed import unless_gone
from app.problems import NO_CUSTOMER
from app.routes.turns import nobody_reads
from app.schemas.answers import AnswerRequest, AnswerResponse

router = APIRouter(tags=["answers"], route_class=Guarded)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    **NO_CUSTOMER,
    502: {"description": "The model failed or answered nothing."},
    503: {"description": "The model is not asked: too many wait for it, its server is down, or "
          "the service is being stopped. Also when the database is away."},
    504: {"description": "The model did not answer in time."},
}  # fmt: skip


async def _chain(chain: ChainDep, encoder: EncoderDep, settings: SettingsDep) -> AnswerChain:
    language = None if settings.language == "auto" else settings.language
    return AnswerChain(chain.completions, encoder, language)


@router.post("/v1/answers", response_model=AnswerResponse, responses=_RESPONSES)
async def answer(
    body: AnswerRequest,
    request: Request,
    who: PrincipalDep,
    chain: ChainDep,
    answers: Annotated[AnswerChain, Depends(_chain)],
    store: StoreDep,
) -> Response:
    """Answer a question from a customer's memory and the articles, with citations.

    Where nothing that is stored bears on it, or names another product, place or number than is
    asked for, `confidence` is low and `known` false, and no answer is made up. A model's
    answer has to cite what was found and may name no number and no address that is not in it; else
    the extractive one is given. Nothing is stored.
    """
    memory = None
    if body.customer is not None:
        scope = who.scope(body.customer)
        await run_sync(check_known, store, scope)
        memory = chain.memory(scope)
    knowledge = chain.knowledge(who.tenant)
    asked = answers.answer(
        memory, knowledge, body.question, body.how, body.max_tokens, body.min_confidence
    )
    made = await unless_gone(request, asked)
    if made is None:
        return nobody_reads()
    return JSONResponse(AnswerResponse.of(made).model_dump(mode="json"))
