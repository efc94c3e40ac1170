"""POST /v1/prompt: the finished prompt, for people who bring their own model."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter
from langchain_core.messages import convert_to_openai_messages

from app.dependencies import ChainDep, Guarded, PrincipalDep
from app.schemas.chat import PromptMessage, PromptRequest, PromptResponse
from app.schemas.recall import RecalledItem, cited, evidence

router = APIRouter(tags=["chat"], route_class=Guarded)


@router.post("/v1/prompt")
async def prompt(body: PromptRequest, who: PrincipalDep, chain: ChainDep) -> PromptResponse:
    """Lay out the prompt for a message; no model is asked and nothing is stored."""
    memory = chain.memory(who.scope(body.customer, body.session))
    await run_sync(memory.check, body.message)
    layout = await chain.layout(memory, body.message)
    messages = convert_to_openai_messages(layout.messages)
    assert isinstance(messages, list)
    return PromptResponse(
        messages=[PromptMessage(role=m["role"], content=m["content"]) for m in messages],
        recalled=[RecalledItem.of(r) for r in layout.recalled],
        knowledge=cited(layout.cited),
        evidence=evidence(layout.cited),
        summary=layout.summary,
        tokens=layout.tokens,
    )
