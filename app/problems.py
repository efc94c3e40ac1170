"""Errors as RFC 9457 problem documents that say what to do."""

from __future__ import annotations

import logging
import math
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.faults import faults
from app.limits import TooMany
from app.llm import UnusableModel
from app.logs import request_id
from app.places import Leaving, Overloaded
from app.roles import IdentityUnavailable, NoSuchCustomer
from app.training.card import Refused
from app.training.registry import NoSuchAdapter
from app.translation import asked, translated
from memory import (
    CircuitOpen,
    InvalidInput,
    MemoryServiceError,
    SessionBusy,
    StoreError,
    StoreUnavailable,
    TurnConflict,
    TurnPassed,
)
from memory import Scope as Whose

_logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
OPENAI = ("/v1/chat/completions", "/v1/models", "/v1/embeddings")  # their paths
_SHOWN = 200  # characters of a path that is repeated
_MOST_FAULTS = 10  # that are told of a request


# What a route says of 404 that can have no other.
NO_CUSTOMER: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such customer."}}


class Problem(HTTPException):
    """An error that a client can act on."""

    def __init__(self, status: int, name: str, title: str, detail: str, **headers: str) -> None:
        super().__init__(
            status, detail, {k.replace("_", "-"): v for k, v in headers.items()} or None
        )
        self.name = name
        self.title = title

    def document(self) -> dict[str, Any]:
        """The problem document, in the language of who asks."""
        said = {
            "type": f"urn:problem:{self.name}",
            "title": translated(self.title),
            "status": self.status_code,
            "detail": translated(self.detail),
        }
        if (request := request_id()) is not None:
            said["request_id"] = request
        return said


def check_size(message: str, most: int) -> None:
    """Refuse a message of more than so many bytes.

    Raises:
        Problem: it is too long.
    """
    size = len(message.encode())
    if size > most:
        detail = f"The message has {size} bytes; at most {most} are taken."
        raise Problem(413, "message-too-long", "Message too long", detail)


def later(status: int, name: str, title: str, detail: str, seconds: float) -> Problem:
    """A refusal that passes: ``Retry-After`` says in how many whole seconds to ask again."""
    return Problem(status, name, title, detail, Retry_After=str(max(1, math.ceil(seconds))))


def no_such_customer(customer: str) -> Problem:
    """Nothing is stored about a customer, or nothing that whoever asks may see."""
    return problem_of(NoSuchCustomer(customer))


def no_such_session(scope: Whose) -> Problem:
    """A customer has no such session, or none that whoever asks may see."""
    detail = f"Customer {scope.customer!r} has no session {scope.session!r}."
    return Problem(404, "no-such-session", "No such session", detail)


def problem_of(error: BaseException) -> Problem:
    """The problem that an exception means to a client."""
    match error:
        case Problem():
            return error
        case SessionBusy():
            return later(409, "session-busy", "Session busy", str(error), error.retry_after)
        case TooMany():
            return later(429, "too-many-requests", "Too many", str(error), error.retry_after)
        case Leaving():
            return later(503, "leaving", "Service is stopping", str(error), error.retry_after)
        case Overloaded():
            return later(503, "overloaded", "Too many at once", str(error), error.retry_after)
        case CircuitOpen():
            return later(503, "not-answering", "Not answering", str(error), error.retry_after)
        case TurnConflict():
            return Problem(409, "key-conflict", "Idempotency key used before", str(error))
        case TurnPassed():
            return Problem(409, "turn-passed", "Conversation has gone on", str(error))
        case NoSuchCustomer():
            return Problem(404, "no-such-customer", "No such customer", str(error))
        case IdentityUnavailable():
            return later(503, "identity-unavailable", "Identity unavailable", str(error), 30)
        case NoSuchAdapter():
            return Problem(404, "no-such-model", "No such model", str(error))
        case Refused() | UnusableModel():
            return Problem(409, "model-refused", "Model refused", str(error))
        case InvalidInput():
            return Problem(422, "invalid-input", "Invalid input", str(error))
        case StoreUnavailable():
            wait = error.retry_after
            return later(503, "database-unavailable", "Database unavailable", str(error), wait)
        case StoreError():
            return Problem(500, "database-error", "Database error", str(error))
    return Problem(
        500, "internal-error", "Internal error", "Something failed here: the log says what."
    )


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem document."""
    ours = (InvalidInput, UnusableModel, SessionBusy, TurnConflict, TurnPassed, StoreError)
    refusals = (NoSuchCustomer, IdentityUnavailable, TooMany, Overloaded, CircuitOpen)
    for kind in (*ours, *refusals, Problem):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(StarletteHTTPException, _plain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_middleware(_Unforeseen)


def is_openai(path: str) -> bool:
    """Whether OpenAI's clients ask there."""
    return path in OPENAI or path.startswith("/v1/models/")


def openai_error(problem: Problem) -> dict[str, Any]:
    """A problem as OpenAI's clients read it."""
    kind = "invalid_request_error" if problem.status_code < 500 else "server_error"
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(problem.status_code, kind)
    return {
        "message": translated(problem.detail),
        "type": kind,
        "code": problem.name,
        "param": None,
    }


def respond(problem: Problem, path: str = "", **more: Any) -> JSONResponse:
    """The response with a problem's document, and with ``more`` members in it.

    Where OpenAI's clients ask it has the member ``error``, which is what they look for, and 400
    says there what 422 says elsewhere.
    """
    if is_openai(path):
        if problem.status_code == 422:
            problem = Problem(400, problem.name, problem.title, problem.detail)
        more["error"] = openai_error(problem)
    headers = {"Content-Language": asked(), "Vary": "Accept-Language", **(problem.headers or {})}
    return JSONResponse(
        {**problem.document(), **more}, problem.status_code, headers, media_type=MEDIA_TYPE
    )


class _Unforeseen:
    """Answer what nobody foresaw, too; the framework's own way would end the connection after."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await (await _answer(Request(scope), error))(scope, receive, send)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    problem = problem_of(error)
    request.app.state.metrics.problem(problem.name)
    # Those who are refused while there is too much to do are not to fill the log too.
    if problem.status_code >= 500 and not isinstance(error, (Overloaded, CircuitOpen)):
        # Another's text may repeat what was said.
        said = str(error) if isinstance(error, MemoryServiceError) else type(error).__name__
        _logger.error("%s: %s", problem.title, said, exc_info=error)
    return respond(problem, request.url.path)


async def _plain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    request.app.state.metrics.problem("no-such-request")
    path = request.url.path
    if error.status_code == 405:
        allowed = ", ".join(_methods(request))
        detail = f"{path[:_SHOWN]} takes {allowed}, not {request.method[:_SHOWN]}."
        title = "Method not allowed"
        return respond(Problem(405, "method-not-allowed", title, detail, Allow=allowed), path)
    if error.status_code == 404:
        detail = f"There is nothing at {path[:_SHOWN]}: GET /openapi.json lists the routes."
        problem = Problem(404, "not-found", "Not found", detail)
        # Under /v1 it may be an OpenAI client that asks for a route of theirs.
        return (
            respond(problem, error=openai_error(problem))
            if path[:4] == "/v1/"
            else respond(problem)
        )
    if error.status_code == 400:  # the framework's only one, and it does not say what to do
        detail = (
            "The body cannot be read: send JSON in UTF-8, not compressed, not nested deeply, and "
            "with numbers of ordinary length."
        )
        return respond(Problem(400, "unreadable-body", "Unreadable body", detail), path)
    name = str(error.detail).lower().replace(" ", "-")[:60]
    problem = Problem(error.status_code, name, str(error.detail), str(error.detail))
    problem.headers = error.headers
    return respond(problem, path)


def _methods(request: Request) -> list[str]:
    """What the path of a request takes; the framework's own answer names one route's only."""
    return [
        method
        for method in ("GET", "POST", "PUT", "DELETE")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    request.app.state.metrics.problem("invalid-request")
    colon, comma, either = {"en": (": ", "; ", ", or "), "zh": ("：", "；", "，或")}[asked()]
    found = {
        where: either.join(map(translated, said))
        for where, said in faults(error.errors()[:_MOST_FAULTS], {"body": error.body}).items()
    }
    detail = comma.join(f"{where}{colon}{what}" for where, what in found.items())
    problem = Problem(422, "invalid-request", "Invalid request", detail)
    errors = [{"where": where, "what": what} for where, what in found.items()]
    return respond(problem, request.url.path, errors=errors)
