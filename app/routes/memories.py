"""/v1/customers/{customer}/memories: what is remembered, put right by a person or by policy."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Response, status

from app.dependencies import ChainDep, CustomerDep, Guarded, StoreDep, check_known, described, named
from app.problems import NO_CUSTOMER, Problem
from app.schemas.fields import SlotName
from app.schemas.memories import (
    DeletedMemory,
    ForgetRequest,
    ForgetResponse,
    ForgottenItem,
    MemoryChange,
    MemoryItem,
    MemoryList,
    NewMemory,
)
from app.schemas.paging import Before, Limit, paged

router = APIRouter(prefix="/v1/customers/{customer}", tags=["memories"], route_class=Guarded)

Slot = Annotated[SlotName | None, Query(description="only the facts of this slot")]
History = Annotated[bool, Query(description="also what has been superseded")]
_ADDED: dict[int | str, dict[str, Any]] = {
    201: {
        "headers": {
            "Location": {
                "description": "where the memory is, from here: `memories/{memory}`",
                "schema": {"type": "string", "format": "uri-reference"},
            }
        }
    }
}


def _memory_id(
    memory: Annotated[str, Path(description="the `id` of a memory", json_schema_extra=described())],
) -> str:
    return named("memory", memory)


MemoryDep = Annotated[str, Depends(_memory_id)]


@router.get("/memories", responses=NO_CUSTOMER)
def memories(
    scope: CustomerDep,
    store: StoreDep,
    chain: ChainDep,
    limit: Limit = 100,
    before: Before = None,
    slot: Slot = None,
    history: History = False,
) -> MemoryList:
    """The records of the customer's external memory, newest first."""
    check_known(store, scope)
    found = chain.memory(scope).vector.newest(limit + 1, before, slot=slot, history=history)
    page, older = paged(found, limit, lambda record: record.seq)
    return MemoryList(memories=[MemoryItem.of(record) for record in page], next=older)


@router.post("/memories", status_code=status.HTTP_201_CREATED, responses=_ADDED)
def add_memory(
    scope: CustomerDep, body: NewMemory, chain: ChainDep, response: Response
) -> MemoryItem:
    """Add a memory by hand; it is of no session, and no policy forgets it."""
    given = body.model_dump(exclude_unset=True)
    added = chain.memory(scope).vector.remember(**given)
    chain.digests.changed(scope)
    # From where it was sent to, which may be behind a path of a proxy's.
    response.headers["Location"] = f"memories/{quote(added.id, safe='')}"
    return MemoryItem.of(added)


@router.get("/memories/{memory}")
def one_memory(scope: CustomerDep, memory: MemoryDep, chain: ChainDep) -> MemoryItem:
    """One memory, also one that has been replaced."""
    found = chain.memory(scope).vector.get(memory)
    if found is None:
        raise _no_memory(scope.customer, memory)
    return MemoryItem.of(found)


@router.put("/memories/{memory}")
def change_memory(
    scope: CustomerDep, memory: MemoryDep, body: MemoryChange, chain: ChainDep
) -> MemoryItem:
    """Correct, pin or date a memory.

    Another text or value is a correction, and beats everything: no later prompt shows the old,
    wherever it stood. The id stays. `pinned` and `expires_at` alone take nothing along.
    """
    given = body.model_dump(exclude_unset=True)
    found = chain.memory(scope).vector.correct(memory, **given)
    if found is None:
        raise _no_memory(scope.customer, memory)
    chain.digests.changed(scope)
    return MemoryItem.of(found)


@router.delete("/memories/{memory}")
def delete_memory(scope: CustomerDep, memory: MemoryDep, chain: ChainDep) -> DeletedMemory:
    """Forget a memory, with all that says the same: no later prompt shows it.

    What it said before it was corrected goes too; a memory of its own that it had taken the
    place of stays history. The answer names what went.
    """
    taken = chain.memory(scope).vector.delete(memory)
    if taken is None:
        raise _no_memory(scope.customer, memory)
    chain.digests.changed(scope)
    return DeletedMemory(
        deleted={"records": len(taken.records)}, memories=taken.records,
        shortened=taken.shortened, messages=taken.messages,
    )  # fmt: skip


@router.post("/forget", responses=NO_CUSTOMER)
def forget(
    scope: CustomerDep, body: ForgetRequest, chain: ChainDep, store: StoreDep
) -> ForgetResponse:
    """Forget by policy, the service's own if none is given; `dry_run` only says what would go.

    What has expired goes whatever the policy; where the service has none either, nothing else.
    """
    check_known(store, scope)
    policy = None if body.policy is None else body.policy.policy()
    found = chain.memory(scope).forget(policy, dry_run=body.dry_run)
    return ForgetResponse(
        dry_run=body.dry_run,
        forgotten=[ForgottenItem.model_validate(f._asdict()) for f in found],
    )


def _no_memory(customer: str, memory: str) -> Problem:
    detail = f"Customer {customer!r} has no memory {memory!r}: GET .../memories lists them."
    return Problem(404, "no-such-memory", "No such memory", detail)
