"""The service, put together: ``create_app(settings)``; nothing is built at import."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from langchain_core.retrievers import BaseRetriever
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import problems
from app.access import Access
from app.api import api
from app.auth import Identity, open_tokens
from app.body import BodyLimit
from app.chains.insights import Monitoring
from app.chains.recommendations import RecommendationChain
from app.chains.support import SupportChain
from app.chains.translate import TranslationChain
from app.dependencies import Guarded, let_in
from app.description import describe
from app.embeddings import ENGLISH, open_embeddings
from app.headers import MCP_HEADERS, SecurityHeaders, origins_of
from app.interest.trained import Interests
from app.language import advice
from app.limits import Limits, RateLimitFields
from app.llm import Model, open_llm
from app.llm.states import States
from app.logs import on_loop
from app.metrics import Metrics
from app.readiness import DigestLag, Readiness
from app.recording import Recording
from app.retention import retain_daily, retention_of
from app.routes.translations import IMPORT_BYTES
from app.second_source import SecondSource, open_retriever
from app.serving import Serving, for_summaries, open_served
from app.settings import Settings
from app.templates.answering import open_all
from app.templates.offering import Offering
from app.templates.quoting import Quoting
from app.tracing import open_tracing
from app.training.registry import Registry
from app.translation import Asked
from app.translators import open_translators
from app.understanding.opening import open_understanding
from app.webhooks import Webhooks
from memory import InvalidInput, MemoryStore, Understanding, open_store
from memory.translation_memory import embed_waiting

if TYPE_CHECKING:
    from app.spans import Tracing

_logger = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None,
    retriever: BaseRetriever | None = None,
    understanding: Understanding | None = None,
    tracing: Tracing | None = None,
) -> FastAPI:
    """Open the database and the model, and put the service together around them.

    Args:
        settings: from the environment, if not given.
        retriever: a second source of knowledge; else the settings'.
        understanding: reads what customers write; else the settings' classifier.
        tracing: traces requests; else as the settings say.

    Raises:
        MemoryServiceError: the database or the model cannot be used; the message says what
            to do.
    """
    settings = settings or Settings()
    origins = origins_of(settings.origins)
    if retriever is None and settings.retriever is not None:
        retriever = open_retriever(settings.retriever)
    if understanding is None:
        understanding = open_understanding(settings.understanding)
    reader = understanding
    if settings.documents_understanding is not None:
        reader = open_understanding(settings.documents_understanding)
    webhooks = Webhooks.of(settings)
    tokens = open_tokens(settings)
    counted = Metrics()
    tracing = tracing or open_tracing(settings)
    watch = counted if tracing is None else tracing.watch(counted)
    store = open_store(settings.database_url, watch)
    registry = Registry(settings.data_dir / "models")
    states = States(settings.states_dir, settings.states_mib << 20, store)
    try:
        encoder = open_embeddings(settings.embeddings)
        # Refused now, not at the first turn, if the vectors are another model's.
        store.check_embeddings(encoder)
        templates = open_all(settings.templates, understanding, encoder)
        model = open_served(
            lambda adapter: open_llm(
                settings.llm,
                api_key=settings.llm_api_key.get_secret_value() if settings.llm_api_key else None,
                timeout=settings.llm_timeout,
                context=settings.context_tokens,
                max_tokens=settings.reply_tokens,
                temperature=settings.temperature,
                slots=settings.answers_at_once or 4,
                adapter=adapter,
                states=states if settings.states_mib else None,
                summaries=for_summaries(settings.summary_adapter, registry),
            ),
            registry,
        )
    except BaseException:
        store.close()
        raise

    if (amiss := _unfit(settings, model)) is not None:
        model.close()
        store.close()
        raise InvalidInput(amiss)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(on_loop)
        app.state.chain.digests.rest()
        # Whoever was killed may have deleted something and not got to this.
        store.in_background("scrub", store.finish_erasing)
        store.in_background("untranslated", partial(embed_waiting, store, encoder))
        store.in_background("audit", store.audit.flush)  # nor to the places of its entries
        if settings.embeddings in ENGLISH:
            store.in_background("language", partial(_advise, store))
        retaining = asyncio.create_task(retain_daily(store, retention_of(settings)))
        mending = asyncio.create_task(app.state.chain.digests.mend())
        following = asyncio.create_task(app.state.serving.follow())
        sweeping = asyncio.create_task(states.follow())
        counting = asyncio.create_task(app.state.limits.follow())
        telling = asyncio.create_task(counted.follow())
        lagging = asyncio.create_task(app.state.readiness.digest.follow())
        monitoring = asyncio.create_task(app.state.monitoring.follow())
        yield
        monitoring.cancel()
        lagging.cancel()
        telling.cancel()
        sweeping.cancel()
        counting.cancel()
        retaining.cancel()
        mending.cancel()
        following.cancel()
        await app.state.chain.ended()
        app.state.translations.close()
        model.close()
        store.close(finish=False)
        if tracing is not None:
            tracing.close()

    app = api(lifespan)
    app.state.settings = settings
    app.state.store = store
    app.state.metrics = counted
    app.state.model = model
    app.state.encoder = encoder
    app.state.serving = Serving(registry, model)
    quotes = _wanted(settings.quoting, model)
    app.state.chain = SupportChain(
        store, model, settings, encoder,
        None if retriever is None else SecondSource(retriever, settings.retriever_timeout),
        understanding, templates, counted,
        Quoting(encoder) if quotes else None,
        Offering(store, encoder) if quotes else None,
        checking=_wanted(settings.checking, model),
    )  # fmt: skip
    app.state.monitoring = Monitoring(store, settings, reader, webhooks)
    try:
        translators = open_translators(settings, app.state.chain.completions)
    except BaseException:
        model.close()
        store.close()
        raise
    app.state.translations = TranslationChain(translators)
    app.state.recommendations = RecommendationChain(
        store, encoder, Interests(settings.data_dir, encoder)
    )
    counted.before_reading(partial(_gauge, counted, app.state.chain, store))
    digest = DigestLag(store, settings.digest_lag)
    counted.before_reading(partial(digest.gauge, counted.behind, counted.lag))
    app.state.readiness = Readiness(store, model, digest, lambda: app.state.chain.closed)
    given = settings.api_key.get_secret_value() if settings.api_key else None
    app.state.identity = Identity(store, given, tokens)
    app.state.limits = Limits(settings, store.rates)
    problems.install(app)
    app.router.add_api_route(
        "/openapi.json", _openapi(app), include_in_schema=False, dependencies=[Depends(let_in)],
        route_class_override=Guarded,
    )  # fmt: skip
    app.add_middleware(RateLimitFields)
    # A byte of a message takes at most six in JSON ("\\u0000"); the rest is names.
    most = settings.max_message_bytes * 6 + 16_384
    app.add_middleware(BodyLimit, most=most, of={"/v1/translation-memory": max(most, IMPORT_BYTES)})
    app.add_middleware(Recording, audit=store.audit)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "X-Request-ID", "X-Session", *MCP_HEADERS],
            expose_headers=[
                "Retry-After",
                "RateLimit",
                "RateLimit-Policy",
                "X-Request-ID",
                "X-Session",
            ],
        )
    # Around all that answers, so that what any of it refuses is in the language that is asked for.
    app.add_middleware(Asked, default="zh" if settings.language == "zh" else "en")
    # Around all else, so that the answer to a fault has them too.
    watched = Access(app.build_middleware_stack(), counted, tracing)
    app.middleware_stack = SecurityHeaders(_EncodedPath(watched))
    return app


def _unfit(settings: Settings, model: Model) -> str | None:
    """Why a model cannot be served as the settings have it, if it cannot."""
    if settings.reply_tokens > model.context // 2:
        return (
            f"reply_tokens is {settings.reply_tokens}, more than half of the model's "
            f"{model.context} tokens of context: no room is left for the prompt"
        )
    if settings.summary_adapter is not None and model.base is None:
        return (
            f"summary_adapter is {settings.summary_adapter}, and {model.name} takes no adapters: "
            "only the embedded model does. Leave MEMORY_SERVICE_SUMMARY_ADAPTER out"
        )
    return None


def _wanted(choice: Literal["auto", "on", "off"], model: Model) -> bool:
    """Whether what keeps a small model from inventing is wanted with this one."""
    return choice == "on" or (choice == "auto" and model.base is not None)


def _advise(store: MemoryStore) -> None:
    if (said := advice(store)) is not None:
        _logger.warning(said)


def _gauge(counted: Metrics, chain: SupportChain, store: MemoryStore) -> None:
    """Say how it stands now."""
    counted.answers.labels("writing").set(chain.places.writing)
    counted.answers.labels("waiting").set(chain.places.inside - chain.places.writing)
    for name, breaker in {**chain.breakers, "database": store.database.breaker}.items():
        counted.circuits.labels(name).set(breaker.open)
    in_use, idle = store.database.connections()
    counted.connections.labels("in_use").set(in_use)
    counted.connections.labels("idle").set(idle)
    counted.background.set(store.waiting)


def _openapi(app: FastAPI) -> Any:
    once = Lock()
    described = cache(describe)  # takes a fifth of a second: when somebody asks, not at the start

    def openapi() -> JSONResponse:
        with once:
            return JSONResponse(described(app))

    return openapi


_WATCHED = {"/", "/healthz", "/readyz", "/metrics"}


class _EncodedPath:
    """Route by the path as it was sent, so that a name in it may contain an encoded slash.

    HEAD is asked for by those who watch whether a service is there: to them it is answered as GET
    is, less the body, which the server leaves out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path")
        if scope["type"] == "http" and raw:
            scope = {**scope, "path": raw.split(b"?", 1)[0].decode("ascii", "replace")}
            if scope["method"] == "HEAD" and scope["path"] in _WATCHED:
                scope["method"] = "GET"
        await self._app(scope, receive, send)
