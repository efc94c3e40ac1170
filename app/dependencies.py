"""What routes ask for: the service's parts, whose memory it is, and the key."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.auth import Key
from app.chains.support import SupportChain
from app.llm import Model
from app.problems import Problem, no_such_customer
from app.readiness import Readiness
from app.serving import Serving
from app.settings import Settings
from memory import NAME_LIMIT, Knowledge, MemoryStore, Scope, check_name

_bearer = HTTPBearer(auto_error=False, description="the service's key")


def _store(request: Request) -> MemoryStore:
    store: MemoryStore = request.app.state.store
    return store


def _model(request: Request) -> Model:
    model: Model = request.app.state.model
    return model


def _chain(request: Request) -> SupportChain:
    chain: SupportChain = request.app.state.chain
    return chain


def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


def _knowledge(request: Request) -> Knowledge:
    knowledge: Knowledge = request.app.state.knowledge
    return knowledge


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _serving(request: Request) -> Serving:
    serving: Serving = request.app.state.serving
    return serving


def authorize(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Refuse whoever does not carry the key."""
    key: Key = request.app.state.key
    if given is None or not key.fits(given.credentials):
        what = "is missing" if given is None else "is wrong"
        detail = (
            f"The key {what}. Send the header `Authorization: Bearer KEY`; "
            "`memory-service key reset` makes a new key."
        )
        raise Problem(401, "unauthorized", "Unauthorized", detail, WWW_Authenticate="Bearer")


def administer(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Refuse whoever may not change what the service answers with.

    There is one key, and who has it may; a role of its own is to be asked for here.
    """
    authorize(request, given)


def named(kind: str, encoded: str, limit: int = NAME_LIMIT) -> str:
    """A name from a path; it comes percent-encoded, so that it may contain a slash."""
    try:
        name = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        detail = f"The {kind} in the path is not UTF-8: percent-encode its UTF-8 bytes."
        raise Problem(422, "invalid-input", "Invalid input", detail) from None
    return check_name(kind, name, limit)


def check_known(store: MemoryStore, customer: str) -> None:
    """Refuse one of whom nothing was ever stored; not a dependency, which comes before the body."""
    if not store.records.state(Scope(customer=customer).owner).generation:
        raise no_such_customer(customer)


def _customer(customer: Annotated[str, Path(examples=["ada"])]) -> str:
    return named("customer", customer)


def _scope(
    customer: Annotated[str, Depends(_customer)],
    session: Annotated[str, Path(examples=["default"])],
) -> Scope:
    return Scope(customer=customer, session=named("session", session))


StoreDep = Annotated[MemoryStore, Depends(_store)]
ModelDep = Annotated[Model, Depends(_model)]
ReadinessDep = Annotated[Readiness, Depends(_readiness)]
ChainDep = Annotated[SupportChain, Depends(_chain)]
ServingDep = Annotated[Serving, Depends(_serving)]
KnowledgeDep = Annotated[Knowledge, Depends(_knowledge)]
SettingsDep = Annotated[Settings, Depends(_settings)]
CustomerDep = Annotated[str, Depends(_customer)]
ScopeDep = Annotated[Scope, Depends(_scope)]
