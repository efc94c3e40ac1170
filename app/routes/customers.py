"""/v1/customers/...: what is stored about a customer, and deleting it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import ChainDep, CustomerDep, ScopeDep, StoreDep
from app.problems import Problem
from app.schemas import (
    Deleted,
    MemoryItem,
    MemoryList,
    MessageItem,
    MessageList,
    RecalledItem,
    RecallRequest,
    RecallResponse,
    SessionDetail,
    SessionItem,
    SessionList,
    SummaryItem,
)
from memory import SLOTS, Scope

router = APIRouter(prefix="/v1/customers/{customer}", tags=["customers"])

Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")]
Slot = Annotated[str | None, Query(description=f"only facts of it: {', '.join(SLOTS)}")]
History = Annotated[bool, Query(description="also what has been superseded")]


@router.get("/sessions")
def sessions(customer: CustomerDep, store: StoreDep) -> SessionList:
    """List the customer's sessions, the last used first."""
    found = store.transcript.sessions(Scope(customer=customer).owner)
    return SessionList(
        sessions=[
            SessionItem(session=s.session, messages=s.messages, created_at=s.created_at,
                        updated_at=s.updated_at)
            for s in found
        ]
    )  # fmt: skip


@router.get("/sessions/{session}")
def session(scope: ScopeDep, store: StoreDep) -> SessionDetail:
    """One session with its summary."""
    found = store.transcript.session(scope)
    if found is None:
        raise _no_session(scope)
    summary = store.summaries.latest(scope)
    return SessionDetail(
        session=found.session, messages=found.messages, created_at=found.created_at,
        updated_at=found.updated_at,
        summary=SummaryItem(text=summary.text, version=summary.version) if summary.text else None,
    )  # fmt: skip


@router.get("/sessions/{session}/messages")
def messages(
    scope: ScopeDep, store: StoreDep, limit: Limit = 100, before: Before = None
) -> MessageList:
    """The session's last messages, oldest first."""
    found = store.transcript.newest(scope, limit + 1, before)  # one more: are there older ones?
    page = found[-limit:]
    if not page and before is None and store.transcript.session(scope) is None:
        raise _no_session(scope)
    return MessageList(
        messages=[
            MessageItem(id=m.id, role=m.role, text=m.text, at=m.at, turn=m.turn, status=status)
            for m, status, _ in page
        ],
        next=page[0].message.seq if len(found) > limit else None,
    )  # fmt: skip


@router.delete("/sessions/{session}")
def delete_session(scope: ScopeDep, store: StoreDep) -> Deleted:
    """Delete the session with its records, vectors and summaries."""
    deleted = store.delete_session(scope)
    if not deleted:
        raise _no_session(scope)
    return Deleted(deleted=deleted)


@router.get("/memories")
def memories(
    customer: CustomerDep,
    store: StoreDep,
    limit: Limit = 100,
    before: Before = None,
    slot: Slot = None,
    history: History = False,
) -> MemoryList:
    """The records of the customer's external memory, newest first."""
    owner = Scope(customer=customer).owner
    found = store.records.newest(owner, limit + 1, before, slot=slot, history=history)
    page = found[:limit]
    return MemoryList(
        memories=[
            MemoryItem(id=r.id, text=r.text, at=r.at, role=r.role, session=r.session,
                       messages=list(r.messages), superseded_by=r.superseded_by,
                       valid_to=r.valid_to, expires_at=r.expires_at, slot=r.slot, value=r.value,
                       source=r.source, pinned=r.pinned)
            for r in page
        ],
        next=page[-1].seq if len(found) > limit else None,
    )  # fmt: skip


@router.post("/recall")
def recall(customer: CustomerDep, body: RecallRequest, chain: ChainDep) -> RecallResponse:
    """Find what bears on a query in the customer's memory, best first."""
    found = chain.memory(Scope(customer=customer)).recall(body.query, body.max_tokens)
    return RecallResponse(recalled=[RecalledItem.of(r) for r in found])


@router.delete("")
def erase(customer: CustomerDep, store: StoreDep) -> Deleted:
    """Delete everything about the customer."""
    deleted = store.erase(Scope(customer=customer).owner)
    if not deleted:
        detail = f"There is no customer {customer!r}."
        raise Problem(404, "no-such-customer", "No such customer", detail)
    return Deleted(deleted=deleted)


def _no_session(scope: Scope) -> Problem:
    detail = f"Customer {scope.customer!r} has no session {scope.session!r}."
    return Problem(404, "no-such-session", "No such session", detail)
