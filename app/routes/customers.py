"""/v1/customers/...: what is stored about a customer, and deleting it."""

from __future__ import annotations

from datetime import datetime
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from app.dependencies import (
    ChainDep,
    CustomerDep,
    LimitsDep,
    ModelDep,
    PrincipalDep,
    ServingDep,
    SessionDep,
    StoreDep,
    check_known,
)
from app.erasing import erase_customer
from app.exports import MEDIA_TYPE, exported, spooled
from app.problems import NO_CUSTOMER, Problem, no_such_customer
from app.schemas.customers import CustomerItem, CustomerList, Deleted, Erased
from app.schemas.recall import RecalledItem, RecallRequest, RecallResponse, evidence
from app.schemas.sessions import (
    GivenCount,
    MessageItem,
    MessageList,
    RatingRequest,
    SessionDetail,
    SessionItem,
    SessionList,
    SummaryItem,
)
from app.schemas.understanding import understood
from memory import InvalidInput, Scope, check_name
from memory.exports import line_schema
from memory.transcript import Heard

router = APIRouter(prefix="/v1/customers/{customer}", tags=["customers"])
every = APIRouter(prefix="/v1/customers", tags=["customers"])

Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")]

SpoolDep = Annotated[IO[bytes], Depends(spooled)]

After = Annotated[str | None, Query(description="the `next` of the page before")]

_EXPORT = """{"kind": "customer", "version": 1, "customer": "ada", "seq": 1, "written": 1, "understood": 1, "swept": "2026-05-04T09:30:00+00:00"}
{"kind": "session", "session": "monday", "created": "2026-05-04T09:30:00+00:00", "updated": "2026-05-04T09:30:00+00:00", "messages": 1, "tokens": 9}
{"kind": "message", "seq": 1, "session": "monday", "id": "5a2d7c90", "role": "human", "text": "My order number is 4417-XZ", "at": "2026-05-04T09:30:00+00:00", "tokens": 9, "forgotten": false}
{"kind": "end", "lines": 2}
"""  # noqa: E501
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines of JSON, one a row: the customer's own, sessions, messages, turns, "
        "records, segments and summaries, then the end with how many stand between. What has no "
        "such last line was cut off. Vectors are not in it; they are made again.",
        "content": {MEDIA_TYPE: {"itemSchema": line_schema(), "example": _EXPORT}},
    },
    **NO_CUSTOMER,
}


@every.get("")
def customers(
    who: PrincipalDep, store: StoreDep, limit: Limit = 100, after: After = None
) -> CustomerList:
    """The customers who have sessions, the last heard first."""
    found = store.transcript.heard(who.tenant, limit + 1, None if after is None else _place(after))
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return CustomerList(
        customers=[CustomerItem(customer=one.customer, at=one.at) for one in page],
        next=None if last is None else f"{last.at.isoformat()} {last.customer}",
    )


@router.get("/sessions", responses=NO_CUSTOMER)
def sessions(scope: CustomerDep, store: StoreDep) -> SessionList:
    """List the customer's sessions, the last used first."""
    check_known(store, scope)
    found = store.transcript.sessions(scope.owner)
    return SessionList(
        sessions=[
            SessionItem(session=s.session, messages=s.messages, created_at=s.created_at,
                        updated_at=s.updated_at, rating=s.rating)
            for s in found
        ]
    )  # fmt: skip


@router.get("/sessions/{session}")
def session(scope: SessionDep, who: PrincipalDep, store: StoreDep) -> SessionDetail:
    """One session with its summary and the customer's mood in it, which is for staff."""
    found = store.transcript.session(scope)
    if found is None:
        raise _no_session(scope)
    summary = store.summaries.latest(scope)
    return SessionDetail(
        session=found.session, messages=found.messages, created_at=found.created_at,
        updated_at=found.updated_at, rating=found.rating,
        summary=SummaryItem(text=summary.text, version=summary.version) if summary.text else None,
        mood=None if who.customer else store.labelling.mood(scope.owner, scope.session),
    )  # fmt: skip


@router.get("/sessions/{session}/messages")
def messages(
    scope: SessionDep,
    who: PrincipalDep,
    store: StoreDep,
    limit: Limit = 100,
    before: Before = None,
) -> MessageList:
    """The session's last messages, oldest first; what is known of them is for staff."""
    found = store.transcript.newest(scope, limit + 1, before)  # one more: are there older ones?
    page = found[-limit:]
    if not page and before is None and store.transcript.session(scope) is None:
        raise _no_session(scope)
    return MessageList(
        messages=[
            MessageItem(id=m.id, role=m.role, text=m.text, at=m.at, turn=m.turn,
                        status=said.status, template=said.template,
                        given=None if who.customer else GivenCount.of(said),
                        evidence=evidence((said.recalled or {}).get("evidence")),
                        understanding=None if who.customer else understood(m.labels))
            for said in page
            for m in (said.message,)
        ],
        next=page[0].message.seq if len(found) > limit else None,
    )  # fmt: skip


@router.delete("/sessions/{session}")
def delete_session(scope: SessionDep, store: StoreDep, model: ModelDep) -> Deleted:
    """Delete the session with its records, vectors and summaries."""
    deleted = store.delete_session(scope)
    model.drop(scope.owner)
    if not deleted:
        raise _no_session(scope)
    return Deleted(deleted=deleted)


@router.put("/sessions/{session}/rating")
def rate(scope: SessionDep, body: RatingRequest, store: StoreDep) -> RatingRequest:
    """Say how well the agent did: a model can be tuned on the sessions rated good."""
    if not store.transcript.rate(scope, body.rating):
        raise _no_session(scope)
    return body


@router.post("/recall", responses=NO_CUSTOMER)
def recall(
    scope: CustomerDep, body: RecallRequest, chain: ChainDep, store: StoreDep
) -> RecallResponse:
    """Find what bears on a query in the customer's memory, best first."""
    check_known(store, scope)
    found = chain.memory(scope).recall(body.query, body.max_tokens)
    return RecallResponse(recalled=[RecalledItem.of(r) for r in found])


@router.get("/export", response_class=StreamingResponse, responses=_EXPORTED)
def export(scope: CustomerDep, store: StoreDep, file: SpoolDep) -> StreamingResponse:
    """Everything held about the customer, for `memory-service import`, here or elsewhere."""
    pieces = exported(store, scope, file)
    if pieces is None:
        raise no_such_customer(scope.customer)
    return StreamingResponse(pieces, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


@router.delete("")
def erase(
    scope: CustomerDep,
    store: StoreDep,
    serving: ServingDep,
    limits: LimitsDep,
    model: ModelDep,
) -> Erased:
    """Delete everything about the customer, also in the database's files; the receipt stays."""
    receipt = erase_customer(store, scope, serving.registry)
    limits.forget(scope)
    model.drop(scope.owner)
    if receipt is None:
        raise no_such_customer(scope.customer)
    return Erased.of(receipt)


def _place(after: str) -> Heard:
    """The last customer of the page before."""
    at, _, customer = after.partition(" ")
    try:
        return Heard(check_name("after", customer), datetime.fromisoformat(at))
    except ValueError:
        msg = "after: give the `next` of the page before, percent-encoded, or leave it out"
        raise InvalidInput(msg) from None


def _no_session(scope: Scope) -> Problem:
    detail = f"Customer {scope.customer!r} has no session {scope.session!r}."
    return Problem(404, "no-such-session", "No such session", detail)
