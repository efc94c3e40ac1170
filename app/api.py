"""The API: its routes, and what it says of itself (``memory-service openapi``)."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from app.dependencies import let_in
from app.description import describe
from app.routes import (
    answers,
    audit,
    bilingual,
    card,
    chat,
    customers,
    health,
    insights,
    key,
    knowledge,
    mcp,
    memories,
    metrics,
    models,
    openai,
    operations,
    page,
    prompt,
    queue,
    recommendations,
    sessions,
    summaries,
    translations,
)

_DESCRIPTION = (
    "Chat that remembers: every customer's messages, summaries and memories, searched only for "
    "that customer. Errors are RFC 9457 problem documents."
)
_GUARDED = (
    chat, openai, prompt, summaries, answers, translations, bilingual, customers, queue, sessions,
    memories, card, knowledge, recommendations, models, audit, operations, insights, key, metrics,
    mcp,
)  # fmt: skip


def api(lifespan: Any = None) -> FastAPI:
    """The routes, without what they ask for in the state of the app."""
    app = FastAPI(
        title="LangChain memory service",
        version=version("langchain-memory-service"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        # What the framework makes of the path has no place in a program that is made of it.
        generate_unique_id_function=_name,
        # The interactive pages load scripts from elsewhere; /openapi.json is behind the key.
        docs_url=None, redoc_url=None, openapi_url=None,
        # A redirect would go where the header Host says, without TLS behind a proxy.
        redirect_slashes=False,
    )  # fmt: skip
    app.include_router(health.router)
    app.include_router(page.router)
    for router in (customers.every, *(one.router for one in _GUARDED)):
        app.include_router(router, dependencies=[Depends(let_in)])
    return app


def document() -> str:
    """openapi.json, as it stands in the repository: no database and no model is opened."""
    return json.dumps(describe(api()), indent=1, ensure_ascii=False) + "\n"


def _name(route: APIRoute) -> str:
    return route.name
