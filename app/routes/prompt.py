"""POST /v1/prompt: the finished prompt, for people who bring their own model."""

from __future__ import annotations

from fastapi import APIRouter
from langchain_core.messages import convert_to_openai_messages

from app.dependencies import ChainDep
from app.schemas import PromptMessage, PromptRequest, PromptResponse, RecalledItem
from memory import Scope

router = APIRouter(tags=["chat"])


@router.post("/v1/prompt")
def prompt(body: PromptRequest, chain: ChainDep) -> PromptResponse:
    """Lay out the prompt for a message; no model is asked and nothing is stored."""
    memory = chain.memory(Scope(customer=body.customer, session=body.session))
    memory.check(body.message)
    layout = memory.layout(body.message)
    messages = convert_to_openai_messages(layout.messages)
    assert isinstance(messages, list)
    return PromptResponse(
        messages=[PromptMessage(role=m["role"], content=m["content"]) for m in messages],
        recalled=[RecalledItem.of(r) for r in layout.recalled],
        summary=layout.summary,
        tokens=layout.tokens,
    )
