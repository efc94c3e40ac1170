"""What routes ask for: who asks, whose memory it is, and the service's parts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import unquote

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Request, Response, Security
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from typing_extensions import override

from app.auth import Identity
from app.chains.insights import Monitoring
from app.chains.recommendations import RecommendationChain
from app.chains.support import SupportChain
from app.chains.translate import TranslationChain
from app.faults import unknown_parameters
from app.limits import Limits, told_of
from app.llm import Model
from app.metrics import Metrics
from app.problems import Problem, no_such_customer
from app.readiness import Readiness
from app.roles import ACTIONS, AHEAD, MAY, TENANT, UNENTERED, Principal
from app.schemas.fields import NAMED
from app.serving import Serving
from app.settings import Settings
from memory import (
    NAME_LIMIT,
    Encoder,
    InvalidInput,
    Knowledge,
    MemoryServiceError,
    MemoryStore,
    Scope,
    check_name,
)
from memory.articles import SOURCE_LIMIT
from memory.deeds import Deed, current

COUNTED = "app.dependencies.counted"  # in the scope of what a counted request asks in turn

_bearer = HTTPBearer(auto_error=False, description="a key, or a customer's own token")


def _part(name: str) -> Any:
    """What the service has under a name in its state."""

    # A coroutine: FastAPI would call it in a thread, and a hop there takes longer than all of them.
    async def part(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(part)


StoreDep = Annotated[MemoryStore, _part("store")]
EncoderDep = Annotated[Encoder, _part("encoder")]
ModelDep = Annotated[Model, _part("model")]
ReadinessDep = Annotated[Readiness, _part("readiness")]
ChainDep = Annotated[SupportChain, _part("chain")]
TranslationsDep = Annotated[TranslationChain, _part("translations")]
RecommendationsDep = Annotated[RecommendationChain, _part("recommendations")]
ServingDep = Annotated[Serving, _part("serving")]
SettingsDep = Annotated[Settings, _part("settings")]
MetricsDep = Annotated[Metrics, _part("metrics")]
MonitoringDep = Annotated[Monitoring, _part("monitoring")]
LimitsDep = Annotated[Limits, _part("limits")]


class Guarded(APIRoute):
    """A route that asks for a key, before it reads the body: nobody else's is read and parsed.

    A query's parameter that it does not know is a slip, as in a body.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        params = get_flat_params(self.dependant)
        known = [one.alias for one in params if isinstance(one.field_info, Query)]

        async def guarded(request: Request) -> Response:
            given = await _bearer(request)
            if _looks_nothing_up(request, given):
                request.state.who = _authorize(request, given)
            else:
                request.state.who = await run_sync(_authorize, request, given)
            if request.url.query and (unknown := request.query_params.keys() - known):
                raise RequestValidationError(unknown_parameters(unknown, known))
            return await answer(request)

        return guarded


async def let_in(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    """Who asks; they were let in before the body was read."""
    who: Principal | None = getattr(request.state, "who", None)
    assert who is not None, "a route that asks for a key is of the class Guarded"
    return who


def _looks_nothing_up(request: Request, given: HTTPAuthorizationCredentials | None) -> bool:
    """Whether who asks is known, counted and entered in less time than a hop to a thread takes."""
    state = request.app.state
    if given is None or state.limits.rates is not None:
        return False
    ahead = ACTIONS.get((request.method, request.scope["route"].path)) in AHEAD
    return not ahead and state.identity.first(given.credentials)


def _authorize(request: Request, given: HTTPAuthorizationCredentials | None) -> Principal:
    """Who asks; refused is whoever carries no key, or one that may not ask for this route.

    So is, before anything is looked up, who has carried what fits nobody too often.
    """
    identity: Identity = request.app.state.identity
    limits: Limits = request.app.state.limits
    address = request.client.host if request.client else ""
    who = None
    if given is not None:
        limits.check_guess(address, given.credentials)
        who = identity.of(given.credentials)
    if given is None or who is None:
        if given is not None:
            limits.note_guess(address, given.credentials)
        what = "is missing" if given is None else "is wrong, or fits no longer"
        detail = (
            f"The key {what}. Send the header `Authorization: Bearer KEY`; "
            "`memory-service key create` makes a key, `key reset` the first one anew."
        )
        raise Problem(401, "unauthorized", "Unauthorized", detail, WWW_Authenticate="Bearer")
    if COUNTED not in request.scope and who.role != "metrics":
        limits.take_request(who, given.credentials, told_of(request))
    path = request.scope["route"].path
    deed = _told(request, who, path)
    if not who.may(request.method, path):
        allowed = ", ".join(sorted(MAY.get((request.method, path), ())))
        what = f"A key of the role {who.role}" if who.customer is None else "A customer's own token"
        detail = f"{what} may not do this: it is for {allowed or 'nobody'}."
        raise Problem(403, "forbidden", "Forbidden", detail)
    deed.only_changes = deed.action in UNENTERED
    if deed.action in AHEAD:
        request.app.state.store.audit.begin(deed)
    return who


def _told(request: Request, who: Principal, path: str) -> Deed:
    """Tell the audit log who asks for what, and of whom; what a body names is told later."""
    deed = current.get()
    assert deed is not None, "requests come through Recording"
    deed.actor, deed.role, deed.tenant = who.actor, who.role, who.tenant
    deed.action = ACTIONS.get((request.method, path), "unknown")
    names: dict[str, str] = {}
    for kind, encoded in request.path_params.items():
        with suppress(Problem, InvalidInput):  # what can be no name is the route's to refuse
            names[kind] = named(kind, encoded, SOURCE_LIMIT)
    # A customer's own token is that customer's whoever is asked for.
    deed.customer = who.customer or names.get("customer")
    deed.session, deed.memory = names.get("session"), names.get("memory")
    deed.what = names.get("source") or names.get("model") or names.get("item")
    return deed


def described(limit: int = NAME_LIMIT) -> dict[str, Any]:
    """What a name in a path has to be, for the description; ``named`` holds it to that."""
    return {**NAMED, "minLength": 1, "maxLength": limit}


def named(kind: str, encoded: str, limit: int = NAME_LIMIT) -> str:
    """A name from a path; it comes percent-encoded, so that it may contain a slash."""
    try:
        name = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        detail = f"The {kind} in the path is not UTF-8: percent-encode its UTF-8 bytes."
        raise Problem(422, "invalid-input", "Invalid input", detail) from None
    return check_name(kind, name, limit)


def check_known(store: MemoryStore, scope: Scope) -> None:
    """Refuse one of whom nothing was ever stored; not a dependency, which comes before the body."""
    if not store.records.state(scope.owner).generation:
        raise no_such_customer(scope.customer)


def _insider(request: Request) -> bool:
    """Whether a key of those who run the service comes with what needs none."""
    scheme, _, carried = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    address = request.client.host if request.client else ""
    limits, identity = request.app.state.limits, request.app.state.identity
    try:
        limits.check_guess(address, carried)
        who: Principal | None = identity.of(carried)
    except MemoryServiceError:  # it cannot be said now
        return False
    if who is None:
        limits.note_guess(address, carried)
        return False
    return who.tenant == TENANT and who.customer is None


PrincipalDep = Annotated[Principal, Depends(let_in)]


_CustomerName = Annotated[str, Path(examples=["ada"], json_schema_extra=described())]
_SessionName = Annotated[str, Path(examples=["default"], json_schema_extra=described())]


async def _customer(who: PrincipalDep, customer: _CustomerName) -> Scope:
    return who.scope(named("customer", customer))


async def _session(who: PrincipalDep, customer: _CustomerName, session: _SessionName) -> Scope:
    return who.scope(named("customer", customer), named("session", session))


async def _knowledge(who: PrincipalDep, chain: ChainDep) -> Knowledge:
    return chain.knowledge(who.tenant)


InsiderDep = Annotated[bool, Depends(_insider)]
KnowledgeDep = Annotated[Knowledge, Depends(_knowledge)]
# Whose memory it is: no route makes a scope of its own.
CustomerDep = Annotated[Scope, Depends(_customer)]
SessionDep = Annotated[Scope, Depends(_session)]
